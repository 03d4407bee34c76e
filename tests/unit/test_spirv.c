/* The interpreter of SPIR-V (tests/tools/interpreter) against C, on small shaders of its own. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/tools/interpreter/core/half.h"
#include "tests/tools/interpreter/shader.h"

enum { BUFFERS = 3, ADDRESS = 0x10000 };

typedef struct Rig {
    Shader        *shader;
    ShaderMemory   memory[BUFFERS];
    ShaderMemory  *all[BUFFERS];
    ShaderDispatch dispatch;
    char           error[SHADER_ERROR];
} Rig;

/* The shader as the build made it; false: this glslc did not know its extensions. */
static bool open_rig(Rig *rig, const char *name, uint32_t subgroup, const ShaderConstant *constants, size_t count)
{
    char path[512];
    snprintf(path, sizeof path, INTERPRETER_SHADERS "/%s.spv", name);
    *rig       = (Rig){0};
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    uint32_t    *words = malloc(1 << 20);
    const size_t read  = fread(words, 4, (1 << 20) / 4, file);
    fclose(file);
    if (!shader_create(words, read, "main", constants, count, &rig->shader, rig->error)) {
        fail_msg("%s: %s", name, rig->error);
    }
    free(words);
    rig->dispatch = (ShaderDispatch){.shader       = rig->shader,
                                     .groups       = {1, 1, 1},
                                     .subgroup     = subgroup,
                                     .memories     = (ShaderMemory *const *)rig->all,
                                     .memory_count = BUFFERS,
                                     .races        = true};
    return true;
}

static void *bind(Rig *rig, int at, size_t bytes)
{
    rig->memory[at] = (ShaderMemory){.data = calloc(1, bytes), .bytes = bytes, .address = ADDRESS * (uint64_t)(at + 1)};
    rig->all[at]    = &rig->memory[at];
    rig->dispatch.bindings[at] = (ShaderBinding){SHADER_STORAGE_BUFFER, &rig->memory[at], 0, bytes, SHADER_R32_FLOAT};
    return rig->memory[at].data;
}

static void runs(Rig *rig)
{
    rig->dispatch.memories = rig->all;
    if (!shader_run(&rig->dispatch, rig->error)) {
        fail_msg("%s", rig->error);
    }
}

/* It stops, and the message says so. */
static void stops(Rig *rig, const char *because)
{
    rig->dispatch.memories = rig->all;
    assert_false(shader_run(&rig->dispatch, rig->error));
    if (strstr(rig->error, because) == NULL) {
        fail_msg("expected '%s': %s", because, rig->error);
    }
}

static void close_rig(Rig *rig)
{
    for (int i = 0; i < BUFFERS; i++) {
        shader_forget(&rig->memory[i]);
        free(rig->memory[i].data);
    }
    shader_destroy(rig->shader);
}

static uint32_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

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
        assert_true(open_rig(&rig, "arithmetic", lanes, NULL, 0));
        uint32_t *in = bind(&rig, 0, COUNT * 8), *out = bind(&rig, 1, COUNT * RESULTS * 4);
        uint64_t  seed         = 7;
        rig.dispatch.groups[0] = GROUPS;
        for (uint32_t i = 0; i < 2 * COUNT; i++) {
            in[i] = i < 128 ? odd[(i & 1 ? i / 2 : i / 16) % 8] : next(&seed);
        }
        runs(&rig);
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
        close_rig(&rig);
    }
}

static void rounds_halves(void **state)
{
    (void)state;
    enum { COUNT = 65536 };
    Rig rig;
    assert_true(open_rig(&rig, "halves", 32, NULL, 0));
    uint32_t *in = bind(&rig, 0, COUNT * 4), *out = bind(&rig, 1, COUNT * 8);
    uint64_t  seed         = 3;
    rig.dispatch.groups[0] = COUNT / 64;
    for (uint32_t i = 0; i < COUNT; i++) { /* between two halves, on them, and a tie's neighbours */
        const uint32_t near = (i & 0x7fff) < 0x7c00 ? bits_of(f16_to_float(i)) : next(&seed);
        in[i] = i % 4 == 0 ? near : i % 4 == 1 ? near + 0x1000 : i % 4 == 2 ? near + 0x1001 : near + 0xfff;
    }
    runs(&rig);
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
    close_rig(&rig);
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
        assert_true(open_rig(&rig, "control", lanes, NULL, 0));
        uint32_t *in = bind(&rig, 0, COUNT * 4), *out = bind(&rig, 1, COUNT * 4);
        rig.dispatch.groups[0] = COUNT / 64;
        rig.dispatch.variant   = lanes / 4; /* another order each */
        for (uint32_t i = 0; i < COUNT; i++) {
            in[i] = i * 7919 % 1000;
        }
        runs(&rig);
        for (uint32_t i = 0; i < COUNT; i++) {
            assert_int_equal(out[i], collatz(in[i]));
        }
        close_rig(&rig);
    }
}

/* --- invocations among each other ------------------------------------------------------------------------- */

enum { WORDS = 129 };

static void open_case(Rig *rig, uint32_t which, uint32_t lanes)
{
    const ShaderConstant constant = {0, 4, &which};
    assert_true(open_rig(rig, "shared", lanes, &constant, 1));
    for (int i = 0; i < BUFFERS; i++) {
        bind(rig, i, WORDS * 4);
    }
    static const uint32_t at = 0;
    rig->dispatch.push       = (const uint8_t *)&at;
    rig->dispatch.push_bytes = 4;
}

static void barriers_order(void **state)
{
    (void)state;
    static const uint32_t fine[] = {0, 3, 4, 7, 9};
    for (uint32_t lanes = 8; lanes <= 128; lanes *= 2) {
        for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
            Rig rig;
            open_case(&rig, fine[i], lanes);
            uint32_t *words = (uint32_t *)(void *)rig.memory[0].data;
            for (uint32_t k = 0; k < 128; k++) {
                words[k] = k * k;
            }
            runs(&rig);
            const uint32_t sum = *(const uint32_t *)(const void *)rig.memory[2].data;
            assert_true(fine[i] != 0 || words[128] == 127 * 128 * 255 / 6);
            assert_true(fine[i] != 4 || sum == 127 * 64);
            assert_true(fine[i] != 9 || (words[0] == 3 && words[lanes - 1] == 0));
            close_rig(&rig);
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
                 {10, 1, "race: shared memory"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Rig rig;
        open_case(&rig, cases[i].which, 16);
        rig.dispatch.groups[0] = cases[i].groups;
        stops(&rig, cases[i].because);
        if (cases[i].which != 6) { /* nobody looks: nothing is found */
            rig.dispatch.races = false;
            runs(&rig);
        }
        close_rig(&rig);
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
            runs(&rig);
        } else {
            stops(&rig, "outside: buffer of binding 0");
        }
        rig.dispatch.push_bytes = 0;
        stops(&rig, "outside: push constants");
        close_rig(&rig);
    }
}

static void subgroups_of_any_size(void **state)
{
    (void)state;
    enum { COUNT = 128 };
    for (uint32_t lanes = 4; lanes <= 128; lanes *= 2) {
        Rig rig;
        assert_true(open_rig(&rig, "subgroups", lanes, NULL, 0));
        uint32_t *in = bind(&rig, 0, COUNT * 4), *out = bind(&rig, 1, COUNT * 32);
        uint64_t  seed = lanes;
        for (uint32_t i = 0; i < COUNT; i++) {
            in[i] = next(&seed);
        }
        /* Lane 1 is what is broadcast: it must be there. */
        bool missing = false;
        for (uint32_t first = 0; first < COUNT; first += lanes) {
            missing |= (first + 1) % 3 == 2;
        }
        if (missing) {
            stops(&rig, "which does not run");
            close_rig(&rig);
            continue;
        }
        runs(&rig);
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
        close_rig(&rig);
    }
}

/* --- matrices ------------------------------------------------------------------------------------------- */

static void multiplies(const char *name, bool bf16)
{
    for (uint32_t variant = 0; variant < 3; variant++) {
        const uint32_t       lanes = 16u << variant, no = 0;
        const ShaderConstant constants[] = {{0, 4, &lanes}, {1, 4, &no}};
        Rig                  rig;
        if (!open_rig(&rig, name, lanes, constants, 1)) {
            skip();
        }
        uint16_t *a = bind(&rig, 0, 512), *b = bind(&rig, 1, 512);
        float    *c          = bind(&rig, 2, 1024), want[256];
        uint64_t  seed       = variant;
        rig.dispatch.variant = variant;
        for (int i = 0; i < 256; i++) {
            const float x = (float)(next(&seed) % 33) / 8 - 2, y = (float)(next(&seed) % 33) / 8 - 2;
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
        runs(&rig);
        assert_memory_equal(c, want, sizeof want);
        rig.dispatch.bindings[0].offset = 4; /* rows at no multiple of 16 bytes */
        stops(&rig, "no multiple of 16");
        close_rig(&rig);
        assert_true(open_rig(&rig, name, lanes, constants, 2)); /* without the barrier */
        for (int i = 0; i < BUFFERS; i++) {
            bind(&rig, i, 1024);
        }
        stops(&rig, "race: shared memory");
        close_rig(&rig);
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
    if (!open_rig(&rig, "tensor", 32, &constant, 1)) {
        skip();
    }
    uint32_t  push[5] = {M, N, K, ROW, 4};
    float    *a       = bind(&rig, 0, (4 + M * STRIDE) * 4);
    uint16_t *b       = bind(&rig, 1, N * K * 2);
    float    *c = bind(&rig, 2, (M * N + 3 + M) * 4), *largest = &c[(M * N + 3) / 4 * 4];
    uint64_t  seed = 5;
    for (int i = 0; i < M * STRIDE; i++) { /* what lies between the rows is NaN */
        a[4 + i] = i % STRIDE < K ? (float)(next(&seed) % 9) - 4 : NAN;
    }
    for (int i = 0; i < N * K; i++) {
        b[i] = (uint16_t)float_to_f16((float)(next(&seed) % 9) - 4);
    }
    rig.dispatch.push       = (const uint8_t *)push;
    rig.dispatch.push_bytes = sizeof push;
    runs(&rig);
    for (int i = 0; i < M; i++) {
        float most = -INFINITY;
        for (int j = 0; j < 32; j++) { /* beyond N as its last column */
            float sum = 0;
            for (int k = 0; k < K; k++) {
                sum += (a[4 + i * STRIDE + k] + (float)i) * f16_to_float(b[(j < N ? j : N - 1) * K + k]);
            }
            most = sum > most ? sum : most;
            if (j < N) { /* rows before the slice are nobody's */
                assert_true(c[i * N + j] == (i < ROW ? 0 : sum + 1000.0f * (float)(i - ROW) + (float)j));
            }
        }
        assert_true(largest[i] == (i < ROW ? 0 : most));
    }
    push[4] = 5;
    stops(&rig, "no multiple of 16 bytes");
    close_rig(&rig);
    assert_true(open_rig(&rig, "tensor", 32, &wrong, 1));
    push[4] = 4;
    bind(&rig, 0, (4 + M * STRIDE) * 4), bind(&rig, 1, N * K * 2), bind(&rig, 2, (M * N + 3 + M) * 4);
    rig.dispatch.push       = (const uint8_t *)push;
    rig.dispatch.push_bytes = sizeof push;
    stops(&rig, "a tensor layout whose stride 0 is 19, of rows of 20");
    close_rig(&rig);
}

/* --- modules that are none --------------------------------------------------------------------------------- */

/* The words of a shader as the build made it, which the caller frees. */
static uint32_t *read_module(const char *name, size_t *count)
{
    char path[512];
    snprintf(path, sizeof path, INTERPRETER_SHADERS "/%s.spv", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    uint32_t *words = malloc(1 << 20);
    *count          = fread(words, 4, (1 << 20) / 4, file);
    fclose(file);
    return words;
}

/* A shader, or NULL and an error of one line. */
static Shader *attempt(const uint32_t *words, size_t count, const char *entry)
{
    char    error[SHADER_ERROR] = "";
    Shader *shader              = NULL;
    if (!shader_create(words, count, entry, NULL, 0, &shader, error)) {
        assert_null(shader);
        assert_true(error[0] != '\0' && strchr(error, '\n') == NULL);
    }
    return shader;
}

/* A few words changed: an error, or a shader, but no crash. */
static void broken_modules(void **state)
{
    (void)state;
    static const char *const names[] = {"arithmetic", "control", "shared"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        size_t    count;
        uint32_t *words = read_module(names[n], &count), *broken = malloc(count * 4);
        uint64_t  seed = n;
        assert_null(attempt(words, count, "other"));
        for (size_t cut = 0; cut + 1 < count; cut++) { /* without OpFunctionEnd nothing is missing */
            assert_null(attempt(words, cut, "main"));
        }
        for (int i = 0; i < 3000; i++) {
            memcpy(broken, words, count * 4);
            for (uint32_t k = 0; k <= next(&seed) % 3; k++) {
                const uint32_t to                     = next(&seed);
                broken[5 + next(&seed) % (count - 5)] = i % 2 ? to : to % 400;
            }
            shader_destroy(attempt(broken, count, "main"));
        }
        free(words);
        free(broken);
    }
}

/* Each operand of modules without loops made each other id, but for labels': an error, or it runs to an end or a fault.
 */
static void wrong_operands(void **state)
{
    (void)state;
    static const char *const names[] = {"halves", "subgroups"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        size_t    count;
        uint32_t *words = read_module(names[n], &count);
        for (size_t at = 5, operand = 1; at < count; operand++) {
            const uint32_t code = words[at] & 0xffff;
            if (operand >= words[at] >> 16 || (code >= 248 && code <= 251)) { /* OpLabel to OpSwitch */
                at += words[at] >> 16;
                operand = 0;
                continue;
            }
            const uint32_t was = words[at + operand];
            for (uint32_t id = 0; id < words[3]; id++) {
                words[at + operand] = id;
                Rig rig             = {.shader = attempt(words, count, "main")};
                if (rig.shader == NULL) {
                    continue;
                }
                rig.dispatch = (ShaderDispatch){
                    .shader = rig.shader, .groups = {1, 1, 1}, .subgroup = 8, .memories = rig.all, .memory_count = 2};
                bind(&rig, 0, 512), bind(&rig, 1, 512);
                if (!shader_run(&rig.dispatch, rig.error)) {
                    assert_true(rig.error[0] != '\0' && strchr(rig.error, '\n') == NULL);
                }
                close_rig(&rig);
            }
            words[at + operand] = was;
        }
        free(words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computes),       cmocka_unit_test(rounds_halves),         cmocka_unit_test(lanes_part),
        cmocka_unit_test(barriers_order), cmocka_unit_test(faults_are_found),      cmocka_unit_test(outside_is_found),
        cmocka_unit_test(multiplies_f16), cmocka_unit_test(multiplies_bf16),       cmocka_unit_test(through_tensors),
        cmocka_unit_test(broken_modules), cmocka_unit_test(subgroups_of_any_size), cmocka_unit_test(wrong_operands)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
