/* The interpreter of SPIR-V against C: cooperative matrices, of a subgroup and through tensor layouts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/spirv_rig.h"
#include "tests/tools/interpreter/core/half.h"

static void multiplies(const char *name, bool bf16)
{
    for (uint32_t variant = 0; variant < 3; variant++) {
        const uint32_t       lanes = 16u << variant, no = 0;
        const ShaderConstant constants[] = {{0, 4, &lanes}, {1, 4, &no}};
        Rig                  rig;
        if (!rig_open(&rig, name, lanes, constants, 1)) {
            skip();
        }
        uint16_t *a = rig_bind(&rig, 0, 512), *b = rig_bind(&rig, 1, 512);
        float    *c          = rig_bind(&rig, 2, 1024), want[256];
        uint64_t  seed       = variant;
        rig.dispatch.variant = variant;
        for (int i = 0; i < 256; i++) {
            const float x = (float)(rig_random(&seed) % 33) / 8 - 2, y = (float)(rig_random(&seed) % 33) / 8 - 2;
            a[i] = (uint16_t)(bf16 ? float_to_bf16(x) : float_to_f16(x));
            b[i] = (uint16_t)(bf16 ? float_to_bf16(y) : float_to_f16(y));
            c[i] = (float)(i % 17);
        }
        for (int i = 0; i < 256; i++) { /* exact: sixteen products of 64ths */
            want[i] = c[i];
            for (int k = 0; k < 16; k++) {
                const uint32_t x = a[i / 16 * 16 + k], y = b[i % 16 * 16 + k];
                want[i] += bf16 ? bf16_to_float(x) * bf16_to_float(y) : f16_to_float(x) * f16_to_float(y);
            }
            want[i] *= 0.5f;
        }
        rig_runs(&rig);
        assert_memory_equal(c, want, sizeof want);
        rig.dispatch.bindings[0].offset = 4; /* rows at no multiple of 16 bytes */
        rig_stops(&rig, "no multiple of 16");
        rig_close(&rig);
        assert_true(rig_open(&rig, name, lanes, constants, 2)); /* without the barrier */
        for (int i = 0; i < RIG_BUFFERS; i++) {
            rig_bind(&rig, i, 1024);
        }
        rig_stops(&rig, "race: shared memory");
        rig_close(&rig);
    }
}

static void multiplies_f16(void **state)
{
    (void)state;
    multiplies("matrix_f16", false);
}

static void multiplies_bf16(void **state)
{
    (void)state;
    multiplies("matrix_bf16", true);
}

/* C = A · Bᵀ through tensor layouts, as the shader says; rows of A from `row` on, `rows` of them at most. */
static void through_tensors(void **state)
{
    (void)state;
    enum { M = 41, N = 27, K = 20, STRIDE = 24, ROW = 16 };
    const uint32_t       stride = STRIDE, short_stride = K - 1;
    const ShaderConstant constant = {0, 4, &stride}, wrong = {0, 4, &short_stride};
    Rig                  rig;
    if (!rig_open(&rig, "tensor", 32, &constant, 1)) {
        skip();
    }
    uint32_t  push[5] = {M, N, K, ROW, 4};
    float    *a       = rig_bind(&rig, 0, (4 + M * STRIDE) * 4);
    uint16_t *b       = rig_bind(&rig, 1, N * K * 2);
    float    *c = rig_bind(&rig, 2, (M * N + 3 + M) * 4), *largest = &c[(M * N + 3) / 4 * 4];
    uint64_t  seed = 5;
    for (int i = 0; i < M * STRIDE; i++) { /* what lies between the rows is NaN */
        a[4 + i] = i % STRIDE < K ? (float)(rig_random(&seed) % 9) - 4 : NAN;
    }
    for (int i = 0; i < N * K; i++) {
        b[i] = (uint16_t)float_to_f16((float)(rig_random(&seed) % 9) - 4);
    }
    rig.dispatch.push       = (const uint8_t *)push;
    rig.dispatch.push_bytes = sizeof push;
    rig_runs(&rig);
    for (int i = 0; i < M; i++) {
        float most = -INFINITY;
        for (int j = 0; j < 32; j++) { /* beyond N as its last column */
            float sum = 0;
            for (int k = 0; k < K; k++) {
                sum += (a[4 + i * STRIDE + k] + (float)i) * f16_to_float(b[(j < N ? j : N - 1) * K + k]);
            }
            most = sum > most ? sum : most;
            if (j < N) { /* rows before the slice are nobody's */
                assert_true(c[i * N + j] == (i < ROW ? 0 : -3 * sum + 1000.0f * (float)(i - ROW) + (float)j));
            }
        }
        assert_true(largest[i] == (i < ROW ? 0 : most));
    }
    push[4] = 5;
    rig_stops(&rig, "no multiple of 16 bytes");
    rig_close(&rig);
    assert_true(rig_open(&rig, "tensor", 32, &wrong, 1));
    push[4] = 4;
    rig_bind(&rig, 0, (4 + M * STRIDE) * 4), rig_bind(&rig, 1, N * K * 2), rig_bind(&rig, 2, (M * N + 3 + M) * 4);
    rig.dispatch.push       = (const uint8_t *)push;
    rig.dispatch.push_bytes = sizeof push;
    rig_stops(&rig, "a tensor layout whose stride 0 is 19, of rows of 20");
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(multiplies_f16), cmocka_unit_test(multiplies_bf16),
                                       cmocka_unit_test(through_tensors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
