#include "engine/ops/weight_pairs.h"

#include "engine/ops/matmul_pairs.h"
#include "engine/ops/rope.h"
#include "engine/ops/swiglu.h"
#include "engine/ops/weight_parts.h"

/* The product with pairs, if a kernel takes it. */
static bool record(GpuStream *stream, const Matmul *product, const Weight *w, const MatmulPairs *pairs)
{
    Matmul p = *product;
    p.pairs  = pairs;
    if (!weight_takes_pairs(stream, &p, w)) {
        return false;
    }
    weight_matmul(stream, &p, w);
    return true;
}

bool weight_matmul_swiglu(GpuStream *stream, const Matmul *product, const Weight *weight, TypedSpan act, bool keep)
{
    const uint32_t    ff    = product->n / 2;
    const MatmulPairs pairs = {.pairing = keep ? PAIRS_SWIGLU_KEPT : PAIRS_SWIGLU, .distance = ff, .act = act};
    if (record(stream, product, weight, &pairs)) {
        return true;
    }
    weight_matmul(stream, product, weight);
    swiglu_forward(stream, act, product->c, product->m, ff);
    return false;
}

bool weight_matmul_rope(GpuStream *stream, const Matmul *product, const Weight *weight, const RopeTurn *turn)
{
    const MatmulPairs pairs = {.pairing   = PAIRS_ROPE,
                               .distance  = turn->head_dim / 2,
                               .table     = turn->table,
                               .position  = turn->position,
                               .positions = turn->positions,
                               .rotated   = (turn->heads + turn->kv_heads) * turn->head_dim};
    if (record(stream, product, weight, &pairs)) {
        return true;
    }
    weight_matmul(stream, product, weight);
    rope_forward(stream, product->c, turn->table, turn->position, product->m, turn->heads, turn->kv_heads,
                 turn->head_dim, turn->positions);
    return false;
}
