#include "engine/ops/matmul_pairs.h"

#include "engine/ops/matmul_parts.h"

static bool is_power_of_two(uint32_t x)
{
    return x > 0 && (x & (x - 1)) == 0;
}

/* Whether the columns come in such pairs, and nothing else is done with them. */
static bool suits(const Matmul *p)
{
    const MatmulPairs *pairs = p->pairs;
    if (p->layout != MATMUL_NT || p->accumulate || p->add.buffer != NULL || p->n == 0) {
        return false;
    }
    if (pairs->pairing == PAIRS_ROPE) { /* found by shifts */
        return is_power_of_two(pairs->distance) && p->n % (2 * pairs->distance) == 0;
    }
    return p->n == 2 * pairs->distance &&
           (!typed_halves(pairs->act) ||
            (pairs->act.type == p->compute && pairs->distance % 2 == 0 && pairs->act.span.offset % 4 == 0));
}

bool matmul_pairs_on_units(GpuStream *stream, const Matmul *p, const MatmulPlan *plan)
{
    return suits(p) && coopmat_takes_pairs(gpu_info(gpu_stream_gpu(stream)), plan);
}

bool matmul_takes_pairs(GpuStream *stream, const Matmul *product)
{
    const uint64_t bound = gpu_info(gpu_stream_gpu(stream))->max_binding_bytes - GPU_ALIGNMENT;
    MatmulPlan     plan;
    if (!suits(product) || product->pairs->act.span.size > bound || product->pairs->table.size > bound ||
        !matmul_in_one_piece(stream, product, &plan)) {
        return false;
    }
    switch (plan.kernel) {
    case KERNEL_TILED: return !typed_halves(product->pairs->act);
    case KERNEL_COOPMAT: return matmul_pairs_on_units(stream, product, &plan);
    case KERNEL_COOPMAT2: return coopmat2_takes_pairs(product, &plan);
    case KERNEL_LANES:
    case KERNEL_TEXEL: break;
    }
    return false;
}
