/* A dispatch while it runs: what its files share.
 *
 * Lanes run in bundles: a subgroup each, several if subgroups are small, or the whole workgroup where matrices are the
 * workgroup's. The lanes of a bundle that stand at the same block run it together; of several blocks the one that comes
 * first in the module goes first. A lane at a barrier of the workgroup waits; once no lane of the bundle can run the
 * next bundle does, and when all wait at the same barrier they go on.
 */
#ifndef TESTS_TOOLS_INTERPRETER_RUN_H
#define TESTS_TOOLS_INTERPRETER_RUN_H

#include "tests/tools/interpreter/core/program.h"

enum { CALLS = 4 /* deep */ };
#define WAITS 0x80000000u /* with a lane's block: it waits at the barrier before it */
#define ENDED UINT32_MAX

typedef struct Bundle {
    uint32_t  first;     /* invocation in the workgroup */
    uint32_t  present;   /* lanes that are invocations: the first ones */
    uint32_t *registers; /* [slot][lane] */
    float    *matrices;  /* [party][slot] */
    uint32_t *next;      /* by lane: its block */
    uint64_t  steps;     /* that it has taken in this workgroup */
} Bundle;

typedef struct Frame { /* a function that runs: which lanes, where the others are */
    uint32_t *next;
    uint32_t *mask;  /* by lane: all bits or none */
    uint32_t *taken; /* of an edge that only some take */
    bool      full;  /* all lanes run but those that have ended */
} Frame;

typedef struct Epochs { /* barriers so far: of shared memory, of buffers */
    uint32_t shared, buffers;
} Epochs;

typedef struct Run {
    const ShaderDispatch *dispatch;
    const Module         *module;
    const Program        *program;
    char                 *error;
    uint32_t              lanes;          /* of a bundle */
    uint32_t              party;          /* lanes that hold a matrix together */
    uint32_t              invocations;    /* of a workgroup */
    uint32_t              subgroup_shift; /* logarithm of the lanes of a subgroup */
    uint32_t              bundles;
    Bundle               *bundle; /* [bundles] */
    Bundle               *now;    /* the one that runs */
    Frame                 frames[CALLS + 1];
    Frame                *frame;
    uint32_t             *scratch; /* [words of the largest value][lane] */
    uint8_t              *shared;
    void                 *shared_touched;
    uint32_t              group[3], group_index;
    uint32_t              number; /* of this dispatch, of all */
    uint32_t              life;   /* of this workgroup's shared memory, of all */
    Epochs                epochs;
    Epochs               *subgroup_epochs; /* [subgroups] */
    bool                  flushed;         /* a memory barrier of buffers since the last barrier */
    bool                  endless;         /* the fault is that it took too many steps */
    int64_t               collective;      /* party whose accesses are made: -1: each lane's own */
} Run;

/* "%12 OpLoad, workgroup (0, 0, 0), invocation 3: " and what went wrong. Returns false. lane UINT32_MAX: all. */
bool run_fault(const Run *run, uint32_t id, uint32_t lane, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* execute.c: runs the blocks of run->frame until every lane has ended or waits. */
bool execute(Run *run);
/* A function of lanes that the mask tells, to its end; parameters and result lie in its registers. */
bool execute_call(Run *run, uint32_t function, const uint32_t *mask);
/* out's words where the mask says so. */
void execute_blend(uint32_t *out, const uint32_t *in, const uint32_t *mask, uint32_t words, uint32_t lanes);

/* Whether all lanes, those that have ended too, hold the same. */
static inline bool execute_same(const uint32_t *value, uint32_t lanes)
{
    uint32_t differs = 0;
    for (uint32_t lane = 1; lane < lanes; lane++)
        differs |= value[lane] ^ value[0];
    return differs == 0;
}

static inline uint32_t *registers_at(const Run *run, uint32_t slot)
{
    return run->now->registers + (size_t)slot * run->lanes;
}

static inline bool is_active(const Run *run, uint32_t lane)
{
    return run->frame->mask[lane] != 0;
}

/* memory.c */
typedef struct Region { /* what one access may reach */
    uint8_t      *data;
    uint64_t      bytes;
    uint64_t      origin; /* of data in its memory, or in shared memory */
    ShaderMemory *memory; /* NULL: shared memory or push constants */
    Space         space;
    uint32_t      binding, variable;
} Region;

typedef enum Touching { TOUCH_READ, TOUCH_WRITE, TOUCH_ATOMIC } Touching;

bool memory_load(Run *run, const Op *op);
bool memory_store(Run *run, const Op *op);
bool memory_atomic(Run *run, const Op *op);
bool memory_fetch(Run *run, const Op *op);
/* Where an access of a lane lies; `offset` may be outside, which memory_touch says. */
bool memory_region(Run *run, const Op *op, const Access *access, uint32_t lane, Region *region, uint64_t *offset);
/* False, with a fault: outside, misaligned, a race, or unwritten. */
bool memory_touch(Run *run, const Op *op, const Region *region, uint32_t lane, uint64_t offset, uint32_t bytes,
                  Touching how);
/* The same without races. */
bool memory_inside(Run *run, const Op *op, const Region *region, uint32_t lane, uint64_t offset, uint32_t bytes);
/* "shared memory %12 tile" */
const char *memory_name_shared(const Run *run, const Region *region, char text[64]);

/* races.c: who touched what. `touched` is a memory's or shared memory's own. */
bool races_touch(Run *run, const Op *op, const Region *region, uint32_t lane, uint64_t offset, uint32_t bytes,
                 Touching how);
void races_forget(void **touched);

/* subgroups.c */
bool subgroup_operation(Run *run, const Op *op);
bool subgroup_barrier(Run *run, const Op *op);

/* matrices.c */
bool matrix_operation(Run *run, const Op *op);
bool matrix_access(Run *run, const Op *op, bool store); /* of a variable that holds matrices */
/* words of each party's matrices from one slot to another; a fault if only some lanes of a party are in the mask. */
bool matrix_move(Run *run, uint32_t id, uint32_t out, uint32_t in, uint32_t words, const uint32_t *mask);
/* The party's first lane if all of its lanes run, -1 if none does, -2 with a fault if some do not. */
int64_t matrix_party(const Run *run, uint32_t id, uint32_t party, const uint32_t *mask);
/* Whether all lanes of a party hold the same in a register, which a matrix's operands must. */
bool matrix_uniform(const Run *run, uint32_t id, uint32_t slot, uint32_t words, uint32_t first, const char *what);

/* tensors.c: coopmat2. */
bool tensor_operation(Run *run, const Op *op, uint32_t party, uint32_t first);

#endif
