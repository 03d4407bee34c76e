/* Operands of matrix units that are rounded once, where their tiles would round each number many times. */
#include "engine/ops/matmul_parts.h"

/* By counting operations (SPEED.md): a tile of 128 rounds a number in some ten of them, a sixteenth of what a card does
 * while it moves the 6 bytes of the pass; where the card converts, in two. */
enum { LEAST_TILES = 16, LEAST_TILES_CONVERTED = 64, TILE = 128, LEAST_ROWS = 256 };

static uint64_t bytes_of(const MatmulPlan *plan, uint64_t rows, uint32_t width)
{
    const uint64_t bytes = gpu_align(rows * matmul_halves_pitch(width) * 2);
    return bytes <= plan->coopmat.operand_bytes ? bytes : 0;
}

/* A is read by each tile across C's columns, B by each down its rows. A B of f32 is a batch, as TN has it: weights have
 * copies in 16 bits, or formats of their own. */
MatmulHalves matmul_halves(const MatmulPlan *plan, MatmulLayout layout, uint32_t m, uint32_t n, uint32_t k)
{
    const bool     tn = layout == MATMUL_TN, units = plan->kernel == KERNEL_COOPMAT || plan->kernel == KERNEL_COOPMAT2;
    const bool     many   = units && (tn ? k : m) >= LEAST_ROWS;
    MatmulHalves   halves = {0};
    const uint32_t least  = TILE * (units && plan->coopmat.converts ? LEAST_TILES_CONVERTED : LEAST_TILES);
    if (many && n >= least) {
        halves.a = bytes_of(plan, tn ? k : m, tn ? m : k);
    }
    if (many && tn && m >= least) {
        halves.b = bytes_of(plan, k, n);
    }
    return halves;
}

Matmul matmul_record_operands(GpuStream *stream, const Matmul *p, MatmulHalves halves, GpuSpan space)
{
    Matmul     product = *p;
    const bool tn      = p->layout == MATMUL_TN;
    if (halves.a > 0 && !p->a_halves) {
        const uint32_t rows = tn ? p->k : p->m, width = tn ? p->m : p->k;
        product.a        = gpu_span_slice(space, 0, halves.a);
        product.lda      = matmul_halves_pitch(width);
        product.a_halves = true;
        matmul_record_halves(stream, product.a, product.lda, p->a, rows, width, p->lda, p->compute);
    }
    if (halves.b > 0 && !p->b_halves) {
        product.b        = gpu_span_slice(space, halves.a, halves.b);
        product.ldb      = matmul_halves_pitch(p->n);
        product.b_halves = true;
        matmul_record_halves(stream, product.b, product.ldb, p->b, p->k, p->n, p->ldb, p->compute);
    }
    return product;
}
