/* RoPE: the table against the reference models, the rotation against float64. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/io/safetensors.h"
#include "engine/model/config.h"
#include "tests/support/fixture.h"
#include "tests/support/gpu_fixture.h"

static void check_table(const char *path, const RopeConfig *rope, uint32_t head_dim)
{
    Error           error = {0};
    SafetensorsSet *set   = safetensors_open(path, &error);
    if (!set) {
        fail_msg("%s", error.text);
    }
    uint64_t positions_count, cosine_count, sine_count;
    int64_t *positions = fixture_i64(set, "rope.positions", &positions_count);
    float   *cosines   = fixture_f32(set, "rope.cos", &cosine_count);
    float   *sines     = fixture_f32(set, "rope.sin", &sine_count);

    const uint32_t half = head_dim / 2;
    assert_int_equal(cosine_count, positions_count * half);
    assert_int_equal(sine_count, cosine_count);

    uint32_t rows = 0;
    for (uint64_t i = 0; i < positions_count; i++) {
        rows = (uint32_t)positions[i] + 1 > rows ? (uint32_t)positions[i] + 1 : rows;
    }
    assert_true(rows > 100);
    float *table = fixture_alloc(rope_table_bytes(rows, head_dim));
    rope_table_fill(table, rope, rows, head_dim);
    for (uint64_t i = 0; i < positions_count; i++) {
        /* The frequencies that the reference multiplies are rounded to float32. */
        const double tolerance = 1e-7 + 1e-7 * (double)positions[i];
        for (uint32_t j = 0; j < half; j++) {
            const double cosine = (double)cosines[i * half + j], sine = (double)sines[i * half + j];
            const float *turn = table + ((size_t)positions[i] * half + j) * 2;
            if (!(fabs((double)turn[0] - cosine) <= tolerance && fabs((double)turn[1] - sine) <= tolerance)) {
                fail_msg("%s: position %d, pair %u: %.9g %.9g, want %.9g %.9g", path, (int)positions[i], j,
                         (double)turn[0], (double)turn[1], cosine, sine);
            }
        }
    }
    free(positions);
    free(cosines);
    free(sines);
    safetensors_close(set);
}

static void tables_match_reference(void **state)
{
    (void)state;
    const RopeConfig llama3 = {.theta                            = 500000,
                               .type                             = ROPE_LLAMA3,
                               .factor                           = 8,
                               .low_freq_factor                  = 1,
                               .high_freq_factor                 = 4,
                               .original_max_position_embeddings = 8192},
                     plain  = {.theta = 1e6};
    check_table(TEST_DATA "/parity/models/tiny-llama/expected.safetensors", &llama3, 16);
    check_table(TEST_DATA "/parity/models/tiny-qwen2/expected.safetensors", &plain, 16);
    check_table(TEST_DATA "/parity/models/tiny-qwen3/expected.safetensors", &plain, 32);
}

/* A line of scaled.jsonl: a config.json, and what transformers' rotary embedding makes of it. */
static void check_scaled(const cJSON *row)
{
    const char  *name = cJSON_GetObjectItem(row, "name")->valuestring, *path;
    const double size = cJSON_GetObjectItem(row, "attention_factor")->valuedouble;
    char        *text = cJSON_Print(cJSON_GetObjectItem(row, "config"));
    ModelConfig  config, again;
    Error        error = {0};
    path               = fixture_path(fixture_directory(), "config.json");
    assert_int_equal(file_write_atomic(path, text, strlen(text), NULL), STATUS_OK);
    if (model_config_read(&config, path, &error) != STATUS_OK ||
        model_config_write(&config, path, &error) != STATUS_OK ||
        model_config_read(&again, path, &error) != STATUS_OK) {
        fail_msg("%s: %s", name, error.text);
    }
    const uint32_t rows = 2000, half = config.head_dim / 2;
    float         *table = fixture_alloc(rope_table_bytes(rows, config.head_dim)),
          *written       = fixture_alloc(rope_table_bytes(rows, config.head_dim));
    rope_table_fill(table, &config.rope, rows, config.head_dim);
    rope_table_fill(written, &again.rope, rows, config.head_dim);
    assert_memory_equal(table, written, rope_table_bytes(rows, config.head_dim));
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(row, "inv_freq")), half);
    for (uint32_t position = 0; position < rows; position += position < 4 ? 1 : 399) {
        for (uint32_t i = 0; i < half; i++) {
            const double angle =
                position * cJSON_GetArrayItem(cJSON_GetObjectItem(row, "inv_freq"), (int)i)->valuedouble;
            const float *turn      = table + ((size_t)position * half + i) * 2;
            const double tolerance = 2e-7 + 2e-7 * position;
            if (!(fabs((double)turn[0] - size * cos(angle)) <= tolerance &&
                  fabs((double)turn[1] - size * sin(angle)) <= tolerance)) {
                fail_msg("%s: position %u, pair %u: %.9g %.9g, want %.9g %.9g", name, position, i, (double)turn[0],
                         (double)turn[1], size * cos(angle), size * sin(angle));
            }
        }
    }
    cJSON_free(text);
}

static void scaled_tables_match_transformers(void **state)
{
    (void)state;
    char *text = fixture_text(TEST_DATA "/rope/scaled.jsonl", NULL);
    int   rows = 0;
    for (char *at = text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1, rows++) {
        cJSON *row = cJSON_ParseWithLength(at, (size_t)(end - at));
        assert_non_null(row);
        check_scaled(row);
        cJSON_Delete(row);
    }
    assert_int_equal(rows, 8);
    free(text);
}

typedef struct Problem {
    uint32_t       tokens, heads, kv_heads, head_dim;
    const float   *table;
    const int32_t *position;
    double        *qkv, *d;
} Problem;

static void reference(double *out, const double *in, const Problem *p, double sign)
{
    const uint32_t half   = p->head_dim / 2;
    const size_t   stride = (size_t)(p->heads + 2 * p->kv_heads) * p->head_dim;
    memcpy(out, in, p->tokens * stride * sizeof *out);
    for (uint32_t t = 0; t < p->tokens; t++) {
        for (uint32_t h = 0; h < p->heads + p->kv_heads; h++) {
            const size_t at = t * stride + h * p->head_dim;
            for (uint32_t i = 0; i < half; i++) {
                const float *turn   = p->table + ((size_t)p->position[t] * half + i) * 2;
                const double cosine = turn[0], sine = sign * turn[1];
                out[at + i]        = in[at + i] * cosine - in[at + half + i] * sine;
                out[at + half + i] = in[at + half + i] * cosine + in[at + i] * sine;
            }
        }
    }
}

static double loss(void *user)
{
    const Problem *p = user;
    static double  out[1 << 17];
    const size_t   size = (size_t)p->tokens * (p->heads + 2 * p->kv_heads) * p->head_dim;
    assert_true(size <= 1 << 17);
    reference(out, p->qkv, p, 1);
    double sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum += p->d[i] * out[i];
    }
    return sum;
}

static void check(uint32_t tokens, uint32_t heads, uint32_t kv_heads, uint32_t head_dim)
{
    enum { POSITIONS = 300 };
    const size_t     size     = (size_t)tokens * (heads + 2 * kv_heads) * head_dim;
    const RopeConfig rope     = {.theta = 10000};
    float           *table    = fixture_alloc(rope_table_bytes(POSITIONS, head_dim));
    int32_t         *position = fixture_alloc(tokens * sizeof *position);
    rope_table_fill(table, &rope, POSITIONS, head_dim);
    for (uint32_t t = 0; t < tokens; t++) {
        position[t] = (int32_t)((t * 13 + 299) % POSITIONS);
    }
    Problem p = {
        tokens, heads, kv_heads, head_dim, table, position, fixture_doubles(size, 1), fixture_doubles(size, 2)};
    double *want = fixture_alloc(size * sizeof *want), *gradient = fixture_alloc(size * sizeof *gradient);
    reference(want, p.qkv, &p, 1);
    reference(gradient, p.d, &p, -1);
    fixture_check_gradient("dqkv", loss, &p, p.qkv, gradient, size, 1e-6);

    GpuSpan gtable    = fixture_words(table, rope_table_bytes(POSITIONS, head_dim) / 4);
    GpuSpan gposition = fixture_words(position, tokens), qkv = fixture_upload(p.qkv, size),
            d         = fixture_upload(p.d, size);
    GpuStream *stream = fixture_stream();
    rope_forward(stream, qkv, gtable, gposition, tokens, heads, kv_heads, head_dim, POSITIONS);
    rope_backward(stream, d, gtable, gposition, tokens, heads, kv_heads, head_dim, POSITIONS);
    fixture_run();
    fixture_check("qkv", qkv, want, size, 3e-7); /* two products and a sum */
    fixture_check("dqkv", d, gradient, size, 3e-7);
}

static void rotates(void **state)
{
    (void)state;
    check(1, 4, 2, 10);
    check(7, 4, 4, 24);
    check(133, 4, 1, 16);
    check(20, 4, 2, 128);
    check(9, 4, 4, 32);
    check(5, 1, 1, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(tables_match_reference),
                                       fixture_test(scaled_tables_match_transformers), fixture_test(rotates)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
