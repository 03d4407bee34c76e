#include "tests/tools/interpreter/core/run.h"

#include "tests/tools/interpreter/core/arithmetic.h"

#include <string.h>

void execute_blend(uint32_t *out, const uint32_t *in, const uint32_t *mask, uint32_t words, uint32_t lanes)
{
    for (uint32_t word = 0; word < words; word++, out += lanes, in += lanes)
        for (uint32_t lane = 0; lane < lanes; lane++)
            out[lane] = (in[lane] & mask[lane]) | (out[lane] & ~mask[lane]);
}

static void put(const Run *run, uint32_t *out, const uint32_t *in, const uint32_t *mask, uint32_t words)
{
    if (!mask)
        memmove(out, in, (size_t)words * run->lanes * sizeof *out);
    else
        execute_blend(out, in, mask, words, run->lanes);
}

/* How far a lane's indices take a pointer: each term a slot, its stride, and 1 if it is signed, 2 if it has two words.
 */
static uint64_t indexed(const Run *run, const uint32_t *term, uint32_t terms, uint32_t lane)
{
    uint64_t far = 0;
    for (uint32_t i = 0; i < terms; i++, term += 3) {
        const uint32_t *index = registers_at(run, term[0]);
        uint64_t        by    = index[lane];
        if (term[2] & 2)
            by |= (uint64_t)index[run->lanes + lane] << 32;
        else if (term[2] & 1)
            by = (uint64_t)(int64_t)(int32_t)by;
        far += by * term[1];
    }
    return far;
}

/* How far indices take a pointer; what does not fit in 32 bits lies outside everything. */
static void offset(const Run *run, const Op *op, uint32_t *out)
{
    const uint32_t *extra = &run->program->extra.at[op->extra], *term = &run->program->extra.at[extra[0]];
    const uint64_t  constant = extra[2] | (uint64_t)extra[3] << 32;
    const uint32_t *base     = op->a == NOWHERE ? NULL : registers_at(run, op->a);
    if (extra[1] == 1 && !base && !(term[2] & 2)) { /* one index: the usual case */
        const uint32_t *index  = registers_at(run, term[0]);
        const uint32_t  stride = term[1];
        const bool      sign   = term[2] & 1;
        uint32_t        most   = 0;
        for (uint32_t lane = 0; lane < run->lanes; lane++)
            most |= index[lane];
        if (!(sign && most >> 31) && constant + (uint64_t)most * stride <= 0xfffffff0u) {
            for (uint32_t lane = 0; lane < run->lanes; lane++)
                out[lane] = (uint32_t)constant + index[lane] * stride;
            return;
        }
        for (uint32_t lane = 0; lane < run->lanes; lane++) {
            const uint64_t by = sign ? (uint64_t)(int64_t)(int32_t)index[lane] : index[lane];
            const uint64_t at = constant + by * stride;
            out[lane]         = at > 0xfffffff0u ? 0xfffffff0u : (uint32_t)at;
        }
        return;
    }
    for (uint32_t lane = 0; lane < run->lanes; lane++) {
        const uint64_t at = constant + (base ? base[lane] : 0) + indexed(run, term, extra[1], lane);
        out[lane]         = at > 0xfffffff0u ? 0xfffffff0u : (uint32_t)at;
    }
}

static void address(const Run *run, const Op *op, uint32_t *out)
{
    const uint32_t *extra = &run->program->extra.at[op->extra], *base = registers_at(run, op->a);
    const uint32_t *term  = extra[1] ? &run->program->extra.at[extra[0]] : NULL;
    const uint32_t  lanes = run->lanes;
    for (uint32_t lane = 0; lane < lanes; lane++) {
        const uint64_t at = (base[lane] | (uint64_t)base[lanes + lane] << 32) + (extra[2] | (uint64_t)extra[3] << 32) +
                            indexed(run, term, extra[1], lane);
        out[lane]         = (uint32_t)at;
        out[lanes + lane] = (uint32_t)(at >> 32);
    }
}

static bool dynamic(Run *run, const Op *op)
{
    const bool      inserts = op->code == DoInsertDynamic;
    const uint32_t *in = registers_at(run, op->a), *index = registers_at(run, op->b);
    uint32_t       *out = registers_at(run, op->out);
    for (uint32_t lane = 0; lane < run->lanes; lane++) {
        if (!is_active(run, lane))
            continue;
        if (index[lane] >= op->c)
            return run_fault(run, op->id, lane, "component %u of a vector of %u", index[lane], op->c);
        for (uint32_t word = 0; word < op->words; word++) {
            const size_t at  = (size_t)(index[lane] * op->words + word) * run->lanes + lane,
                         one = (size_t)word * run->lanes + lane;
            if (inserts)
                out[at] = in[one];
            else
                out[one] = in[at];
        }
    }
    return true;
}

static void array_length(const Run *run, const Op *op, uint32_t *out)
{
    const uint64_t bytes = run->dispatch->bindings[op->a].bytes;
    for (uint32_t lane = 0; lane < run->lanes; lane++)
        out[lane] = bytes > op->b ? (uint32_t)((bytes - op->b) / op->c) : 0;
}

static bool special(Run *run, const Op *op)
{
    const uint32_t *mask = run->frame->full ? NULL : run->frame->mask;
    uint32_t       *out = registers_at(run, op->out), *to = mask ? run->scratch : out;
    switch (op->code) {
    case DoMove: put(run, out, registers_at(run, op->a), mask, op->words); return true;
    case DoOffset: offset(run, op, to); break;
    case DoAddress:
        address(run, op, run->scratch); /* its base may be its result's place */
        put(run, out, run->scratch, mask, op->words);
        return true;
    case DoArrayLength: array_length(run, op, to); break;
    case DoLoad: return memory_load(run, op);
    case DoStore: return memory_store(run, op);
    case DoAtomic: return memory_atomic(run, op);
    case DoFetch: return memory_fetch(run, op);
    case DoExtractDynamic:
    case DoInsertDynamic: return dynamic(run, op);
    case DoSubgroup: return subgroup_operation(run, op);
    case DoSubgroupBarrier: return subgroup_barrier(run, op);
    case DoMemoryBarrier: run->flushed |= (op->c & SemanticsUniform) != 0; return true;
    case DoCall: return execute_call(run, op->c, run->frame->mask);
    case DoMatrix: return matrix_operation(run, op);
    default: return run_fault(run, op->id, UINT32_MAX, "an instruction that does not run");
    }
    if (mask)
        put(run, out, to, mask, op->words);
    return true;
}

static bool run_ops(Run *run, const Block *block)
{
    const bool full = run->frame->full;
    for (uint32_t i = 0; i < block->ops; i++) {
        const Op *op = &run->program->ops.at[block->op + i];
        if (op->code >= DoMove && op->code != DoMultiplyHigh) {
            if (!special(run, op))
                return false;
            continue;
        }
        uint32_t *out = registers_at(run, op->out), *to = full ? out : run->scratch;
        arithmetic(op, to, registers_at(run, op->a), registers_at(run, op->b), registers_at(run, op->c), run->lanes);
        if (!full)
            execute_blend(out, to, run->frame->mask, op->words, run->lanes);
    }
    return true;
}

/* The moves of an edge, all at once, for the lanes of a mask (NULL: all). */
static bool take(Run *run, const Edge *edge, const uint32_t *mask)
{
    const Move *moves = run->program->moves.count ? &run->program->moves.at[edge->move] : NULL;
    uint32_t   *kept  = run->scratch;
    for (uint32_t i = 0; i < edge->moves && edge->through; i++) /* matrices: decode.c sees to it */
        if (!moves[i].matrix) {
            memcpy(kept, registers_at(run, moves[i].in), (size_t)moves[i].words * run->lanes * sizeof *kept);
            kept += (size_t)moves[i].words * run->lanes;
        }
    kept = run->scratch;
    for (uint32_t i = 0; i < edge->moves; i++) {
        const uint32_t *in = edge->through ? kept : registers_at(run, moves[i].in);
        if (moves[i].matrix) {
            if (!matrix_move(run, run->program->blocks.at[edge->target].id, moves[i].out, moves[i].in, moves[i].words,
                             mask ? mask : run->frame->mask))
                return false;
            continue;
        }
        put(run, registers_at(run, moves[i].out), in, mask, moves[i].words);
        kept += (size_t)moves[i].words * run->lanes;
    }
    return true;
}

static void send(const Run *run, const uint32_t *mask, uint32_t to)
{
    for (uint32_t lane = 0; lane < run->lanes; lane++)
        if (mask[lane])
            run->frame->next[lane] = to;
}

/* Which of the edges a lane takes: its number in the block. */
static uint32_t choice(const Run *run, const Block *block, uint32_t value)
{
    if (block->ending == END_CONDITION)
        return value ? 0 : 1;
    for (uint32_t i = 1; i < block->edges; i++)
        if (run->program->extra.at[block->value + i - 1] == value)
            return i;
    return 0;
}

/* Ends a block. *next: the block at which all that run go on; NOWHERE: they parted, ended or wait. */
static bool end(Run *run, const Block *block, uint32_t *next)
{
    Frame         *frame  = run->frame;
    const Edge    *edges  = run->program->edges.count ? &run->program->edges.at[block->edge] : NULL;
    const uint32_t number = (uint32_t)(block - run->program->blocks.at);
    *next                 = NOWHERE;
    switch (block->ending) {
    case END_BRANCH: *next = edges[0].target; return take(run, &edges[0], frame->full ? NULL : frame->mask);
    case END_BARRIER: send(run, frame->mask, (number + 1) | WAITS); return true;
    case END_RETURN:
        if (block->slot != NOWHERE && frame > run->frames)
            for (uint32_t i = 0; i < run->program->functions.count; i++) {
                const Function *function = &run->program->functions.at[i];
                if (number >= function->block && number < function->block + function->blocks)
                    put(run, registers_at(run, function->result), registers_at(run, block->slot),
                        frame->full ? NULL : frame->mask, function->result_words);
            }
        send(run, frame->mask, ENDED);
        return true;
    case END_UNREACHABLE: return run_fault(run, block->id, UINT32_MAX, "OpUnreachable is reached");
    case END_CONDITION:
    case END_SWITCH: break;
    }
    const uint32_t *value = registers_at(run, block->slot);
    uint32_t        first = NOWHERE;
    bool            same  = frame->full && execute_same(value, run->lanes);
    if (same) { /* the usual case */
        first = choice(run, block, value[0]);
        *next = edges[first].target;
        return take(run, &edges[first], NULL);
    }
    same = true;
    for (uint32_t lane = 0; lane < run->lanes; lane++) {
        if (!frame->mask[lane])
            continue;
        const uint32_t edge = choice(run, block, value[lane]);
        if (first == NOWHERE)
            first = edge;
        same &= edge == first;
    }
    if (same) {
        *next = edges[first].target;
        return take(run, &edges[first], frame->full ? NULL : frame->mask);
    }
    for (uint32_t i = 0; i < block->edges; i++) {
        bool any = false;
        for (uint32_t lane = 0; lane < run->lanes; lane++) {
            frame->taken[lane] = frame->mask[lane] && choice(run, block, value[lane]) == i ? UINT32_MAX : 0;
            any |= frame->taken[lane] != 0;
        }
        if (any) {
            if (!take(run, &edges[i], frame->taken))
                return false;
            send(run, frame->taken, edges[i].target);
        }
    }
    return true;
}

/* A step for each of a block's instructions and one for its end. */
static bool count_steps(Run *run, const Block *block)
{
    run->now->steps += block->ops + 1;
    if (run->dispatch->steps == 0 || run->now->steps <= run->dispatch->steps)
        return true;
    run->endless = true;
    return run_fault(run, block->id, UINT32_MAX, "it does not end within %llu steps",
                     (unsigned long long)run->dispatch->steps);
}

bool execute(Run *run)
{
    Frame *frame = run->frame;
    for (;;) {
        uint32_t block = ENDED;
        for (uint32_t lane = 0; lane < run->lanes; lane++)
            block = frame->next[lane] < block ? frame->next[lane] : block;
        if (block >= WAITS)
            return true;
        bool full = true;
        for (uint32_t lane = 0; lane < run->lanes; lane++) {
            frame->mask[lane] = frame->next[lane] == block ? UINT32_MAX : 0;
            full &= frame->next[lane] == block || frame->next[lane] == ENDED;
        }
        frame->full = full;
        for (;;) {
            const Block *at = &run->program->blocks.at[block];
            if (!count_steps(run, at) || !run_ops(run, at) || !end(run, at, &block))
                return false;
            if (block == NOWHERE)
                break;
            if (!full) { /* others may stand before it */
                send(run, frame->mask, block);
                break;
            }
        }
    }
}

bool execute_call(Run *run, uint32_t number, const uint32_t *mask)
{
    const Function *function = &run->program->functions.at[number];
    Frame          *caller   = run->frame;
    if (caller == &run->frames[CALLS])
        return run_fault(run, function->id, UINT32_MAX, "calls more than %d deep", CALLS);
    run->frame = caller + 1;
    for (uint32_t lane = 0; lane < run->lanes; lane++)
        run->frame->next[lane] = mask[lane] ? function->block : ENDED;
    if (!execute(run))
        return false;
    for (uint32_t lane = 0; lane < run->lanes; lane++)
        if (run->frame->next[lane] != ENDED)
            return run_fault(run, function->id, lane, "a barrier within a function that is called");
    run->frame = caller;
    return true;
}
