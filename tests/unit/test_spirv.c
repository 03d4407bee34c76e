/* The interpreter of SPIR-V (tests/tools/interpreter) against C, on small shaders of its own: arithmetic, and
 * invocations among each other. */
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

/* --- arithmetic ------------------------------------------------------------------------------------- */

enum { RESULTS = 24 };

static void expect(uint32_t x, uint32_t y, uint32_t r[RESULTS])
{
    const uint32_t d = y | 1, shift = y & 31;
    const int32_t  sx = (int32_t)x, sd = (int32_t)y | 1;
    const float    f = float_of((x & 0x007fffff) | 0x3f800000), g = float_of((y & 0x007fffff) | 0x40000000);
    const float    v[4] = {f, g, f + g, f - g};
    const uint64_t wide = (uint64_t)x << 32 | y, product = (uint64_t)x * y;
    r[0]  = x + y;
    r[1]  = x * y;
    r[2]  = x / d;
    r[3]  = x % d;
    r[4]  = sd == -1 ? 0u - x : (uint32_t)(sx / sd);
    r[5]  = (uint32_t)(sx >> shift);
    r[6]  = x << shift;
    r[7]  = (uint32_t)(product >> 32);
    r[8]  = (uint32_t)product;
    r[9]  = (uint32_t)((wide * 0x9e3779b97f4a7c15u) >> 17);
    r[10] = (uint32_t)((wide % d) >> 1);
    r[11] = bits_of(f + g);
    r[12] = bits_of(f * g);
    r[13] = bits_of(f / g);
    r[14] = bits_of(fmaf(f, g, -v[x >> 3 & 3]));
    r[15] = bits_of(rintf(f * 1024.0f + 0.5f));
    r[16] = 0; /* of what is below zero */
    r[17] = x < y ? sx < (int32_t)y : 2 + (sx >= (int32_t)y);
    r[18] = (uint32_t)(__builtin_popcount(x) + 31 - __builtin_clz(y | 1));
    r[19] = bits_of(sqrtf(f) + 1 / sqrtf(g));
    r[20] = bits_of(((v[0] * v[3] + v[1] * v[2]) + v[2] * v[1]) + v[3] * v[0]);
    r[21] = (uint32_t)(sx < -100 ? -100 : sx > 100 ? 100 : sx);
    r[22] = bits_of((float)sx);
    r[23] = (uint32_t)(f * 1e6f);
}

static void computes(void **state)
{
    (void)state;
    enum { GROUPS = 8, COUNT = 64 * GROUPS };
    static const uint32_t odd[] = {0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe, 0x7f800000};
    for (uint32_t lanes = 4; lanes <= 128; lanes *= 2) {
        Rig rig;
        assert_true(rig_open(&rig, "arithmetic", lanes, NULL, 0));
        uint32_t *in = rig_bind(&rig, 0, COUNT * 8), *out = rig_bind(&rig, 1, COUNT * RESULTS * 4);
        uint64_t  seed         = 7;
        rig.dispatch.groups[0] = GROUPS;
        for (uint32_t i = 0; i < 2 * COUNT; i++) {
            in[i] = i < 128 ? odd[(i & 1 ? i / 2 : i / 16) % 8] : rig_random(&seed);
        }
        rig_runs(&rig);
        for (uint32_t i = 0; i < COUNT; i++) {
            uint32_t want[RESULTS];
            expect(in[2 * i], in[2 * i + 1], want);
            for (uint32_t j = 0; j < RESULTS; j++) {
                if (out[i * RESULTS + j] != want[j]) {
                    fail_msg("result %u of 0x%x and 0x%x: 0x%x, not 0x%x", j, in[2 * i], in[2 * i + 1],
                             out[i * RESULTS + j], want[j]);
                }
            }
        }
        rig_close(&rig);
    }
}

static void rounds_halves(void **state)
{
    (void)state;
    enum { COUNT = 65536 };
    Rig rig;
    assert_true(rig_open(&rig, "halves", 32, NULL, 0));
    uint32_t *in = rig_bind(&rig, 0, COUNT * 4), *out = rig_bind(&rig, 1, COUNT * 8);
    uint64_t  seed         = 3;
    rig.dispatch.groups[0] = COUNT / 64;
    for (uint32_t i = 0; i < COUNT; i++) { /* between two halves, on them, and a tie's neighbours */
        const uint32_t near = (i & 0x7fff) < 0x7c00 ? bits_of(f16_to_float(i)) : rig_random(&seed);
        in[i] = i % 4 == 0 ? near : i % 4 == 1 ? near + 0x1000 : i % 4 == 2 ? near + 0x1001 : near + 0xfff;
    }
    rig_runs(&rig);
    for (uint32_t i = 0; i < COUNT; i++) {
        const uint32_t e = i >> 10 & 31, mantissa = i & 1023;
        const double   size = e == 0 ? ldexp(mantissa, -24) : ldexp(1024 + mantissa, (int)e - 25);
        const float    got = float_of(out[2 * i]), x = float_of(in[i]);
        if (e == 31) {
            assert_true(mantissa ? isnan(got) : isinf(got));
        } else {
            assert_true((double)got == (i >> 15 ? -size : size));
        }
        assert_int_equal(signbit(got) != 0, i >> 15);
        if (isnan(x)) {
            assert_true((out[2 * i + 1] & 0x7fff) > 0x7c00);
            continue;
        }
        const double step = fabs((double)x) < ldexp(1, -14) ? ldexp(1, -24) : ldexp(1, ilogb((double)x) - 10);
        double       want = rint((double)x / step) * step; /* ties to even */
        want              = fabs(want) >= 65520 ? copysign(INFINITY, want) : want;
        if ((double)f16_to_float(out[2 * i + 1]) != want) {
            fail_msg("%.9g as a half: 0x%x, not %.9g", (double)x, out[2 * i + 1], want);
        }
    }
    rig_close(&rig);
}

static uint32_t collatz(uint32_t n)
{
    uint32_t steps = 0, kind = 0, counts[4] = {0};
    if (n == 0) {
        return 12345;
    }
    while (n != 1 && ++steps <= 1000) {
        const uint32_t rest = n % 4;
        if (rest == 1 && steps % 7 == 0) {
            n += 2;
            counts[3]++;
            continue;
        }
        kind += rest == 0 ? 1 : rest == 2 ? 110 : rest == 3 ? 100 : 1000;
        counts[rest]++;
        n = n % 2 == 0 ? n / 2 : 3 * n + 1;
    }
    return steps + 3 * kind + 5 * counts[1] + 7 * counts[2] + 11 * counts[3] + 13 * counts[steps & 3];
}

static void lanes_part(void **state)
{
    (void)state;
    enum { COUNT = 640 };
    for (uint32_t lanes = 4; lanes <= 128; lanes *= 2) {
        Rig rig;
        assert_true(rig_open(&rig, "control", lanes, NULL, 0));
        uint32_t *in = rig_bind(&rig, 0, COUNT * 4), *out = rig_bind(&rig, 1, COUNT * 4);
        rig.dispatch.groups[0] = COUNT / 64;
        rig.dispatch.variant   = lanes / 4; /* another order each */
        for (uint32_t i = 0; i < COUNT; i++) {
            in[i] = i * 7919 % 1000;
        }
        rig_runs(&rig);
        for (uint32_t i = 0; i < COUNT; i++) {
            assert_int_equal(out[i], collatz(in[i]));
        }
        rig_close(&rig);
    }
}

/* --- invocations among each other ------------------------------------------------------------------------- */

enum { WORDS = 129 };

static void open_case(Rig *rig, uint32_t which, uint32_t lanes)
{
    const ShaderConstant constant = {0, 4, &which};
    assert_true(rig_open(rig, "shared", lanes, &constant, 1));
    for (int i = 0; i < RIG_BUFFERS; i++) {
        rig_bind(rig, i, WORDS * 4);
    }
    static const uint32_t at = 0;
    rig->dispatch.push       = (const uint8_t *)&at;
    rig->dispatch.push_bytes = 4;
}

static void barriers_order(void **state)
{
    (void)state;
    static const uint32_t fine[] = {0, 3, 4, 7, 9, 13, 15};
    for (uint32_t lanes = 8; lanes <= 128; lanes *= 2) {
        for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
            Rig rig;
            open_case(&rig, fine[i], lanes);
            uint32_t *words = (uint32_t *)(void *)rig.memory[0].data;
            for (uint32_t k = 0; k < 128; k++) {
                words[k] = k * k;
            }
            rig_runs(&rig);
            const uint32_t sum = *(const uint32_t *)(const void *)rig.memory[2].data;
            assert_true(fine[i] != 0 || words[128] == 127 * 128 * 255 / 6);
            assert_true(fine[i] != 4 || sum == 127 * 64);
            assert_true(fine[i] != 9 || (words[0] == 3 && words[lanes - 1] == 0));
            rig_close(&rig);
        }
    }
}

static void faults_are_found(void **state)
{
    (void)state;
    static const struct {
        uint32_t    which, groups;
        const char *because;
    } cases[] = {{1, 1, "race: shared memory"},
                 {2, 1, "race: buffer of binding 0"},
                 {5, 1, "byte 308: it is read and nobody wrote it"},
                 {6, 1, "have ended"},
                 {8, 2, "workgroup 0 wrote it"},
                 {10, 1, "race: shared memory"},
                 {14, 1, "race: buffer of binding 1, word 1:"},
                 {16, 1, "race: buffer of binding 1, word 3:"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Rig rig;
        open_case(&rig, cases[i].which, 16);
        rig.dispatch.groups[0] = cases[i].groups;
        rig_stops(&rig, cases[i].because);
        if (cases[i].which != 6) { /* nobody looks: nothing is found */
            rig.dispatch.races = false;
            rig_runs(&rig);
        }
        rig_close(&rig);
    }
}

static void endless_shaders_are_ended(void **state)
{
    (void)state;
    static const struct {
        uint32_t     which, sum;
        uint64_t     steps;
        ShaderResult result;
    } cases[] = {{12, 0, 1000000, SHADER_ENDLESS},
                 {12, 1, 1000, SHADER_DONE},
                 {0, 0, 1000, SHADER_DONE}, /* as many barriers as it likes */
                 {0, 0, 10, SHADER_ENDLESS},
                 {0, 0, 0, SHADER_DONE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Rig rig;
        open_case(&rig, cases[i].which, 32);
        *(uint32_t *)(void *)rig.memory[2].data = cases[i].sum;
        rig.dispatch.memories                   = rig.all;
        rig.dispatch.groups[0]                  = 2;
        rig.dispatch.races                      = false; /* of both sums */
        rig.dispatch.steps                      = cases[i].steps;
        assert_int_equal(shader_run(&rig.dispatch, rig.error), cases[i].result);
        if (cases[i].result == SHADER_ENDLESS) {
            char because[64];
            snprintf(because, sizeof because, "it does not end within %llu steps", (unsigned long long)cases[i].steps);
            assert_non_null(strstr(rig.error, because));
        }
        rig_close(&rig);
    }
}

static void outside_is_found(void **state)
{
    (void)state;
    static const uint32_t at[] = {0, 1, 2, 0x3fffff80, 0xffffffff};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        Rig rig;
        open_case(&rig, 11, 32);
        rig.dispatch.push = (const uint8_t *)&at[i];
        if (i < 2) {
            rig_runs(&rig);
        } else {
            rig_stops(&rig, "outside: buffer of binding 0");
        }
        rig.dispatch.push_bytes = 0;
        rig_stops(&rig, "outside: push constants");
        rig_close(&rig);
    }
}

static void subgroups_of_any_size(void **state)
{
    (void)state;
    enum { COUNT = 128 };
    for (uint32_t lanes = 4; lanes <= 128; lanes *= 2) {
        Rig rig;
        assert_true(rig_open(&rig, "subgroups", lanes, NULL, 0));
        uint32_t *in = rig_bind(&rig, 0, COUNT * 4), *out = rig_bind(&rig, 1, COUNT * 32);
        uint64_t  seed = lanes;
        for (uint32_t i = 0; i < COUNT; i++) {
            in[i] = rig_random(&seed);
        }
        /* Lane 1 is what is broadcast: it must be there. */
        bool missing = false;
        for (uint32_t first = 0; first < COUNT; first += lanes) {
            missing |= (first + 1) % 3 == 2;
        }
        if (missing) {
            rig_stops(&rig, "which does not run");
            rig_close(&rig);
            continue;
        }
        rig_runs(&rig);
        for (uint32_t first = 0; first < COUNT; first += lanes) {
            uint32_t sum = 0, largest = 0, smallest = UINT32_MAX, so_far = 0, leader = UINT32_MAX;
            for (uint32_t i = first; i < first + lanes; i++) {
                if (i % 3 != 2) {
                    sum += in[i] & 0xff;
                    largest  = in[i] > largest ? in[i] : largest;
                    smallest = in[i] < smallest ? in[i] : smallest;
                    leader   = leader == UINT32_MAX ? i : leader;
                }
            }
            for (uint32_t i = first; i < first + lanes; i++) {
                if (i % 3 == 2) {
                    continue;
                }
                so_far += in[i] & 0xff;
                const uint32_t want[8] = {i == leader,
                                          sum,
                                          largest,
                                          smallest,
                                          so_far,
                                          in[first + 1],
                                          i / lanes * 1000 + i % lanes,
                                          COUNT / lanes * 1000 + lanes};
                assert_memory_equal(&out[i * 8], want, sizeof want);
            }
        }
        rig_close(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(computes),         cmocka_unit_test(rounds_halves),
                                       cmocka_unit_test(lanes_part),       cmocka_unit_test(barriers_order),
                                       cmocka_unit_test(faults_are_found), cmocka_unit_test(endless_shaders_are_ended),
                                       cmocka_unit_test(outside_is_found), cmocka_unit_test(subgroups_of_any_size)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
