/* A module's functions decoded: instructions whose operands are places in registers, in blocks with edges.
 *
 * A register is a word of every lane: registers[slot][lane]. Cooperative matrices lie in a store of their own, by the
 * same numbers: matrices[subgroup][slot]. Blocks are numbered as they stand in the module, which the scheduler relies
 * on (run.h): what comes earlier runs first, so lanes that parted meet again where a construct ends.
 */
#ifndef TESTS_TOOLS_INTERPRETER_PROGRAM_H
#define TESTS_TOOLS_INTERPRETER_PROGRAM_H

#include "tests/tools/interpreter/core/module.h"

#define NOWHERE UINT32_MAX /* no slot, no block */

/* What a decoded instruction computes with. */
typedef enum Kind { KIND_32, KIND_F16, KIND_BF16, KIND_64, KIND_U16, KIND_S16, KIND_U8, KIND_S8 } Kind;

/* Codes beside SPIR-V's own, which arithmetic and matrices keep. */
enum {
    DoMove = 0x8000, /* out[words] = a[words] */
    DoOffset,  /* out = how far a pointer lies from its variable: extra: constant, count, (slot, stride, signed)… */
    DoAddress, /* the same of an address: a, two words, and out so */
    DoLoad,    /* out = access */
    DoStore,   /* access = a */
    DoAtomic,  /* out = access, then changed by a (and b: what is compared with); kind: the opcode, in c */
    DoFetch,   /* out[4] = texel a of binding b; c: of integers */
    DoArrayLength,     /* out = elements in the rest of binding a, from byte b, of c bytes each */
    DoExtractDynamic,  /* out[words] = the b'th of c at a */
    DoInsertDynamic,   /* out[c * words] = a with the b'th set to extra */
    DoMultiplyHigh,    /* out = upper half of a * b; c: signed */
    DoSubgroup,        /* c: the opcode; extra: group operation, cluster size */
    DoSubgroupBarrier, /* all lanes of a subgroup meet */
    DoMemoryBarrier,   /* c: semantics */
    DoCall,            /* function c; extra: out of each parameter… */
    DoMatrix           /* c: the opcode; extra by opcode (matrices.h) */
};

typedef struct Op {
    uint16_t code;
    uint8_t  kind, to; /* Kind: of operands; of the result where that is another */
    uint32_t words;    /* of the result */
    uint32_t out, a, b, c;
    uint32_t extra; /* into program.extra, or of loads and stores into program.accesses */
    uint32_t id;    /* of the result, for messages */
} Op;

typedef enum Space {
    SPACE_REGISTERS, /* counted in words */
    SPACE_MATRICES,  /* in elements */
    SPACE_BUFFER,    /* in bytes, from here on */
    SPACE_SHARED,
    SPACE_PUSH,
    SPACE_ADDRESS
} Space;

typedef struct Leaf { /* a scalar of what is loaded or stored */
    uint32_t offset;  /* in memory, bytes */
    uint32_t word;    /* in registers */
    uint32_t bits;
} Leaf;

typedef struct Access {
    Space    space;
    uint32_t binding;  /* SPACE_BUFFER */
    uint32_t variable; /* id, for messages */
    uint32_t base;     /* of the variable: its slot, or byte in shared memory */
    uint32_t bytes;    /* of the variable in shared memory; words or elements of one in registers */
    uint64_t constant; /* from there */
    uint32_t dynamic;  /* slot of what is added to it; SPACE_ADDRESS: of the address */
    uint32_t words;
    uint32_t leaf, leaves; /* into program.leaves */
    uint32_t align;        /* what the module promises of an address */
    uint32_t element;      /* SPACE_MATRICES: slot of which element of a matrix, else NOWHERE */
    uint32_t type;         /* of what is accessed, or of the matrix that the element is of */
} Access;

typedef struct Move {
    uint32_t out, in, words;
    bool     matrix;
} Move;

typedef struct Edge {
    uint32_t target; /* block */
    uint32_t move, moves;
    bool     through; /* one move writes what a later one reads: all are read first */
} Edge;

typedef enum Ending { END_BRANCH, END_CONDITION, END_SWITCH, END_RETURN, END_BARRIER, END_UNREACHABLE } Ending;

typedef struct Block {
    uint32_t op, ops;
    Ending   ending;
    uint32_t slot;        /* of the condition, the selector, or of what is returned (NOWHERE: nothing) */
    uint32_t edge, edges; /* condition: true, false. Switch: the default, then as its values */
    uint32_t value;       /* switch: into program.extra. Barrier: its semantics */
    uint32_t id;
} Block;

typedef struct Function {
    uint32_t id, block, blocks;     /* its first block is where it begins */
    uint32_t parameter, parameters; /* into program.extra: their slots, then words */
    uint32_t result, result_words;  /* slot of what it returns */
} Function;

typedef struct Filled { /* registers or matrices that hold a constant, or before anything runs a variable's first value
                         */
    uint32_t        slot, words;
    const uint32_t *value;  /* NULL: nobody's (POISON) */
    const Type     *matrix; /* a cooperative matrix, all of value[0] */
    bool            each;   /* again for every workgroup */
} Filled;

typedef struct Input {
    uint32_t slot, built_in, words;
} Input;

#define POISON 0xffffdeadu /* what nobody wrote: NaN as a float, far outside as an index */

/* Growing arrays, one after another of the same shape. */
#define ARRAY_OF(type)                                                                                                 \
    struct {                                                                                                           \
        type  *at;                                                                                                     \
        size_t count, room;                                                                                            \
    }

typedef struct Program {
    ARRAY_OF(Op) ops;
    ARRAY_OF(Block) blocks;
    ARRAY_OF(Edge) edges;
    ARRAY_OF(Move) moves;
    ARRAY_OF(Access) accesses;
    ARRAY_OF(Leaf) leaves;
    ARRAY_OF(Function) functions; /* the entry point first */
    ARRAY_OF(Filled) filled;
    ARRAY_OF(Input) inputs;
    ARRAY_OF(uint32_t) extra;
    uint32_t slots;        /* registers */
    uint32_t matrix_words; /* of a subgroup's matrices */
    uint32_t shared;       /* bytes */
    uint32_t largest;      /* words of the largest value, moves of one edge together */
} Program;

struct Shader {
    Module  module;
    Program program;
};

#endif
