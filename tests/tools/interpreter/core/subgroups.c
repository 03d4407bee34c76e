#include "tests/tools/interpreter/core/run.h"

#include "tests/tools/interpreter/core/arithmetic.h"

/* The operation that folds two lanes' values. */
static uint32_t folding(uint32_t code)
{
    switch (code) {
    case OpGroupNonUniformIAdd: return OpIAdd;
    case OpGroupNonUniformFAdd: return OpFAdd;
    case OpGroupNonUniformIMul: return OpIMul;
    case OpGroupNonUniformFMul: return OpFMul;
    case OpGroupNonUniformSMin: return GlslSMin;
    case OpGroupNonUniformUMin: return GlslUMin;
    case OpGroupNonUniformFMin: return GlslFMin;
    case OpGroupNonUniformSMax: return GlslSMax;
    case OpGroupNonUniformUMax: return GlslUMax;
    case OpGroupNonUniformFMax: return GlslFMax;
    case OpGroupNonUniformBitwiseAnd: return OpBitwiseAnd;
    case OpGroupNonUniformBitwiseOr: return OpBitwiseOr;
    default: return OpBitwiseXor;
    }
}

/* What folding nothing gives. */
static uint64_t neutral(uint32_t code, uint8_t kind)
{
    const bool half = kind == KIND_F16, brain = kind == KIND_BF16;
    switch (code) {
    case OpGroupNonUniformFMul: return half ? 0x3c00 : brain ? 0x3f80 : 0x3f800000;
    case OpGroupNonUniformFMin: return half ? 0x7c00 : brain ? 0x7f80 : 0x7f800000;
    case OpGroupNonUniformFMax: return half ? 0xfc00 : brain ? 0xff80 : 0xff800000;
    case OpGroupNonUniformIMul: return 1;
    case OpGroupNonUniformUMin:
    case OpGroupNonUniformBitwiseAnd: return UINT64_MAX;
    case OpGroupNonUniformSMin: return kind == KIND_64 ? (uint64_t)INT64_MAX : INT32_MAX;
    case OpGroupNonUniformSMax: return kind == KIND_64 ? (uint64_t)INT64_MIN : (uint32_t)INT32_MIN;
    default: return 0;
    }
}

/* One component of the lanes [first, first + size): folded over all, or up to each with or without itself. */
static void fold(Run *run, const Op *op, uint32_t operation, uint32_t word, uint32_t first, uint32_t size)
{
    const uint32_t  words = op->kind == KIND_64 ? 2 : 1, lanes = run->lanes;
    const uint32_t *in     = registers_at(run, op->a + word);
    uint32_t       *out    = registers_at(run, op->out + word);
    const Op        step   = {.code = (uint16_t)folding(op->c), .kind = op->kind, .to = op->kind, .words = words};
    const uint64_t  begin  = neutral(op->c, op->kind);
    uint32_t        sum[2] = {(uint32_t)begin, (uint32_t)(begin >> 32)};
    bool            any    = false;
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t lane = first; lane < first + size; lane++) {
            if (!is_active(run, lane))
                continue;
            const uint32_t value[2] = {in[lane], words > 1 ? in[lanes + lane] : 0}, before[2] = {sum[0], sum[1]};
            if (pass == 0) {
                if (!any)
                    sum[0] = value[0], sum[1] = value[1];
                else
                    arithmetic(&step, sum, before, value, value, 1);
                any = true;
            }
            if (operation == 0 || operation == 3 ? pass == 1 : pass == 0) {
                const uint32_t *result = operation == 2 ? before : sum;
                run->scratch[lane]     = result[0];
                if (words > 1)
                    run->scratch[lanes + lane] = result[1];
            }
        }
    }
    for (uint32_t lane = first; lane < first + size; lane++)
        for (uint32_t i = 0; i < words && is_active(run, lane); i++)
            out[(size_t)i * lanes + lane] = run->scratch[(size_t)i * lanes + lane];
}

static bool vote(Run *run, const Op *op, uint32_t first, uint32_t size)
{
    const uint32_t *in  = registers_at(run, op->a);
    uint32_t       *out = registers_at(run, op->out);
    uint32_t        all = 1, any = 0, ballot[4] = {0}, leader = NOWHERE;
    for (uint32_t lane = first; lane < first + size; lane++) {
        if (!is_active(run, lane))
            continue;
        if (leader == NOWHERE)
            leader = lane;
        if (op->c != OpGroupNonUniformElect) {
            all &= in[lane] != 0;
            any |= in[lane] != 0;
            if (in[lane])
                ballot[(lane - first) / 32] |= 1u << ((lane - first) & 31);
        }
    }
    for (uint32_t lane = first; lane < first + size; lane++) {
        if (!is_active(run, lane))
            continue;
        switch (op->c) {
        case OpGroupNonUniformElect: out[lane] = lane == leader; break;
        case OpGroupNonUniformAll: out[lane] = all; break;
        case OpGroupNonUniformAny: out[lane] = any; break;
        default:
            for (uint32_t i = 0; i < 4; i++)
                out[(size_t)i * run->lanes + lane] = ballot[i];
            break;
        }
    }
    return true;
}

/* Each lane's value from another one. A lane that does not run has none. */
static bool exchange(Run *run, const Op *op, uint32_t first, uint32_t size)
{
    const uint32_t *index = registers_at(run, op->b);
    for (uint32_t word = 0; word < op->words; word++) {
        const uint32_t *in     = registers_at(run, op->a + word);
        uint32_t       *out    = registers_at(run, op->out + word);
        uint32_t        leader = NOWHERE;
        for (uint32_t lane = first; lane < first + size; lane++) {
            uint64_t from = lane;
            if (!is_active(run, lane))
                continue;
            leader = leader == NOWHERE ? lane : leader;
            switch (op->c) {
            case OpGroupNonUniformBroadcastFirst: from = leader; break;
            case OpGroupNonUniformBroadcast:
                if (index[lane] != index[leader])
                    return run_fault(run, op->id, lane, "a broadcast from several lanes");
                from = (uint64_t)first + index[lane];
                break;
            case OpGroupNonUniformShuffle: from = (uint64_t)first + index[lane]; break;
            case OpGroupNonUniformShuffleXor: from = first + ((uint64_t)(lane - first) ^ index[lane]); break;
            case OpGroupNonUniformShuffleUp:
                from = index[lane] <= lane - first ? lane - index[lane] : UINT64_MAX;
                break;
            default: from = (uint64_t)lane + index[lane]; break;
            }
            const bool there = from < (uint64_t)first + size && is_active(run, (uint32_t)from);
            if (!there && op->c == OpGroupNonUniformBroadcast)
                return run_fault(run, op->id, lane, "a broadcast from lane %llu, which does not run",
                                 (unsigned long long)from - first);
            run->scratch[lane] = there ? in[from] : POISON;
        }
        for (uint32_t lane = first; lane < first + size; lane++)
            if (is_active(run, lane))
                out[lane] = run->scratch[lane];
    }
    return true;
}

bool subgroup_operation(Run *run, const Op *op)
{
    const uint32_t size = run->dispatch->subgroup, operation = run->program->extra.at[op->extra];
    uint32_t       cluster = run->program->extra.at[op->extra + 1];
    if (cluster == NOWHERE)
        cluster = size;
    if (cluster == 0 || cluster > size)
        return run_fault(run, op->id, UINT32_MAX, "clusters of %u lanes in subgroups of %u", cluster, size);
    for (uint32_t first = 0; first < run->lanes; first += size) {
        if (op->c >= OpGroupNonUniformIAdd && op->c <= OpGroupNonUniformBitwiseXor) {
            for (uint32_t word = 0; word < op->words; word += op->kind == KIND_64 ? 2 : 1)
                for (uint32_t part = 0; part < size; part += cluster)
                    fold(run, op, operation, word, first + part, cluster);
        } else if (op->c <= OpGroupNonUniformAny || op->c == OpGroupNonUniformBallot) {
            if (!vote(run, op, first, size))
                return false;
        } else if (!exchange(run, op, first, size)) {
            return false;
        }
    }
    return true;
}

bool subgroup_barrier(Run *run, const Op *op)
{
    const uint32_t size = run->dispatch->subgroup;
    for (uint32_t first = 0; first < run->lanes && first < run->now->present; first += size) {
        bool any = false, all = true;
        for (uint32_t lane = first; lane < first + size && lane < run->now->present; lane++) {
            any |= is_active(run, lane);
            all &= is_active(run, lane);
        }
        if (any && !all)
            return run_fault(run, op->id, UINT32_MAX, "a subgroup's barrier that not all of its lanes reach together");
        Epochs *epochs = &run->subgroup_epochs[(run->now->first + first) / size];
        if (any && (op->c & SemanticsWorkgroup))
            epochs->shared++;
        if (any && (op->c & SemanticsUniform))
            epochs->buffers++;
    }
    return true;
}
