/* GGUF files: what is written is there again for a reader of its own; values of every type; what cannot be written. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/file.h"
#include "engine/io/gguf.h"
#include "tests/support/fixture.h"
#include "tests/support/gguf_reader.h"

/* Rows of known values, counted so that each is asked for once and in order. */
typedef struct Rows {
    uint64_t columns, next;
    float (*value)(uint64_t row, uint64_t column);
    Status status;
} Rows;

static Status read_rows(void *context, uint64_t first, uint64_t count, float *out, Error *error)
{
    Rows *rows = context;
    assert_int_equal(first, rows->next);
    rows->next += count;
    for (uint64_t i = 0; i < count * rows->columns; i++) {
        out[i] = rows->value(first + i / rows->columns, i % rows->columns);
    }
    return rows->status == STATUS_OK ? STATUS_OK : error_set(error, rows->status, "the weights are gone");
}

static float wave(uint64_t row, uint64_t column)
{
    return (float)(sin((double)(row * 37 + column)) * exp(-(double)row / 9));
}

static float large(uint64_t row, uint64_t column)
{
    return row == 1 && column == 5 ? 70000.0f : 1.0f;
}

static float none(uint64_t row, uint64_t column)
{
    return row == 0 && column == 31 ? NAN : 0.5f;
}

static void add(GgufWriter *gguf, const char *name, GgufType type, uint64_t rows, Rows *source)
{
    GgufTensor tensor = {.type = type, .rows = rows, .columns = source->columns, .read = read_rows, .context = source};
    snprintf(tensor.name, sizeof tensor.name, "%s", name);
    gguf_add_tensor(gguf, &tensor);
}

static const char *out_path(void)
{
    return fixture_path(fixture_directory(), "out.gguf");
}

static void must(Status status, const Error *error)
{
    if (status != STATUS_OK) {
        fail_msg("%s", error->text);
    }
}

static void metadata_come_back(void **state)
{
    (void)state;
    const int32_t numbers[] = {1, -2, INT32_MAX};
    const char   *path      = out_path();
    Error         error     = {0};
    GgufWriter   *gguf      = gguf_new();
    gguf_add_text(gguf, "general.architecture", "llama");
    gguf_add_u32(gguf, "a.u32", 4000000000u);
    gguf_add_f32(gguf, "a.f32", -0.1f);
    gguf_add_bool(gguf, "a.true", true);
    gguf_add_bool(gguf, "a.false", false);
    gguf_add_bytes(gguf, "a.bytes", "na\xC3\xAFve\n!", 7);
    gguf_add_i32s(gguf, "a.numbers", numbers, 3);
    gguf_add_list(gguf, "a.texts", 3);
    gguf_list_text(gguf, "one", 3);
    gguf_list_text(gguf, "", 0);
    gguf_list_text(gguf, "three", 5);
    gguf_add_list(gguf, "a.nothing", 0);
    must(gguf_write(gguf, path, &error), &error);
    gguf_free(gguf);

    GgufFile *file = gguf_read(path);
    assert_int_equal(gguf_key_count(file), 9);
    assert_int_equal(gguf_tensor_count(file), 0);
    assert_string_equal(gguf_text(file, "general.architecture"), "llama");
    assert_int_equal(gguf_u32(file, "a.u32"), 4000000000u);
    assert_true(gguf_float(file, "a.f32") == -0.1f);
    assert_true(gguf_bool(file, "a.true"));
    assert_false(gguf_bool(file, "a.false"));
    assert_string_equal(gguf_text(file, "a.bytes"), "na\xC3\xAFve\n");
    assert_int_equal(gguf_list_i32_at(file, "a.numbers", 1), -2);
    assert_int_equal(gguf_list_i32_at(file, "a.numbers", 2), INT32_MAX);
    assert_int_equal(gguf_list_count(file, "a.texts"), 3);
    assert_string_equal(gguf_list_text_at(file, "a.texts", 1), "");
    assert_string_equal(gguf_list_text_at(file, "a.texts", 2), "three");
    assert_int_equal(gguf_list_count(file, "a.nothing"), 0);
    gguf_close(file);
}

/* Values, and how far from them a type may be: relative, of q8_0 relative to the largest of a block of 32. */
static void compare(const GgufFile *file, const char *name, uint64_t rows, uint64_t columns, double tolerance)
{
    uint64_t found_columns, found_rows;
    float   *values = gguf_f32(file, name, &found_columns, &found_rows);
    assert_int_equal(found_columns, columns);
    assert_int_equal(found_rows, rows);
    for (uint64_t i = 0; i < rows * columns; i++) {
        double       largest = fabs((double)wave(i / columns, i % columns));
        const double error   = fabs((double)values[i] - (double)wave(i / columns, i % columns));
        for (uint64_t j = i / 32 * 32; j < i / 32 * 32 + 32 && strcmp(name, "q8_0") == 0; j++) {
            largest = fmax(largest, fabs((double)wave(j / columns, j % columns)));
        }
        if (!(error <= tolerance * largest + 1e-7 * (tolerance > 0))) {
            fail_msg("%s [%llu]: off by %g", name, (unsigned long long)i, error);
        }
    }
    free(values);
}

static void values_come_back_in_every_type(void **state)
{
    (void)state;
    enum { ROWS = 41, COLUMNS = 96 };
    static const double tolerances[GGUF_TYPES] = {0, 1.0 / 2048, 1.0 / 256, (0.5 + 0.07) / 127};
    const char         *path                   = out_path();
    Error               error                  = {0};
    GgufWriter         *gguf                   = gguf_new();
    Rows                sources[GGUF_TYPES], vector = {.columns = 5, .value = wave};
    add(gguf, "vector", GGUF_F32, 0, &vector);
    for (GgufType type = 0; type < GGUF_TYPES; type++) {
        sources[type] = (Rows){.columns = COLUMNS, .value = wave};
        add(gguf, gguf_type_name(type), type, ROWS, &sources[type]);
    }
    assert_int_equal(gguf_main_type(gguf), GGUF_F32);
    must(gguf_write(gguf, path, &error), &error);
    gguf_free(gguf);

    GgufFile *file = gguf_read(path);
    compare(file, "vector", 1, 5, 0);
    assert_int_equal(gguf_tensor(file, "vector")->rank, 1);
    for (GgufType type = 0; type < GGUF_TYPES; type++) {
        assert_int_equal(sources[type].next, ROWS);
        compare(file, gguf_type_name(type), ROWS, COLUMNS, tolerances[type]);
    }
    gguf_close(file);
}

/* More than a piece at once: all rows are there. */
static void large_tensors_come_back(void **state)
{
    (void)state;
    enum { ROWS = 700, COLUMNS = 1024 };
    const char *path   = out_path();
    Error       error  = {0};
    GgufWriter *gguf   = gguf_new();
    Rows        source = {.columns = COLUMNS, .value = wave}, wide = {.columns = 300000, .value = wave};
    add(gguf, "tall", GGUF_F16, ROWS, &source);
    add(gguf, "wide", GGUF_BF16, 2, &wide);
    must(gguf_write(gguf, path, &error), &error);
    gguf_free(gguf);
    GgufFile *file = gguf_read(path);
    compare(file, "tall", ROWS, COLUMNS, 1.0 / 2048);
    compare(file, "wide", 2, 300000, 1.0 / 256);
    gguf_close(file);
}

/* By hand: 127 steps of a scale that f16 holds. */
static void q8_0_is_ggmls(void **state)
{
    (void)state;
    float         values[64] = {0};
    unsigned char bytes[68];
    values[0] = -1.27f;
    values[1] = 0.63f;
    values[2] = 0.004f; /* less than half a step */
    values[3] = 1.265f; /* 126.5: away from zero */
    assert_int_equal(gguf_row_bytes(GGUF_Q8_0, 64), sizeof bytes);
    assert_int_equal(gguf_encode_row(GGUF_Q8_0, values, 64, bytes, NULL), STATUS_OK);
    assert_int_equal(bytes[0] | bytes[1] << 8, 0x211F); /* .01 */
    assert_int_equal((int8_t)bytes[2], -127);
    assert_int_equal((int8_t)bytes[3], 63);
    assert_int_equal((int8_t)bytes[4], 0);
    assert_int_equal((int8_t)bytes[5], (int)roundf(1.265f * (1 / (1.27f / 127))));
    for (int i = 34; i < 68; i++) { /* zeros have the scale 0 */
        assert_int_equal(bytes[i], 0);
    }
}

static void refused(GgufType type, uint64_t columns, float (*value)(uint64_t, uint64_t), Status wanted,
                    const char *word)
{
    const char *path   = out_path();
    Error       error  = {0};
    GgufWriter *gguf   = gguf_new();
    Rows        source = {.columns = columns, .value = value, .status = wanted == STATUS_FAILED ? wanted : STATUS_OK};
    add(gguf, "blk.0.attn_q.weight", type, 4, &source);
    assert_int_equal(gguf_write(gguf, path, &error), wanted);
    if (strstr(error.text, word) == NULL) {
        fail_msg("no '%s' in: %s", word, error.text);
    }
    assert_false(file_exists(path));
    gguf_free(gguf);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    refused(GGUF_F16, 32, large, STATUS_BAD_INPUT, "blk.0.attn_q.weight: the value 70000 does not fit into f16");
    refused(GGUF_Q8_0, 32, none, STATUS_BAD_INPUT, "does not fit into q8_0");
    refused(GGUF_Q8_0, 48, wave, STATUS_BAD_INPUT, "multiple of 32");
    refused(GGUF_F32, 32, wave, STATUS_FAILED, "the weights are gone");
}

static void a_directory_that_is_not_there_is_named(void **state)
{
    (void)state;
    Error       error = {0};
    GgufWriter *gguf  = gguf_new();
    assert_int_not_equal(gguf_write(gguf, "/no/such/place/out.gguf", &error), STATUS_OK);
    assert_non_null(strstr(error.text, "/no/such/place/out.gguf"));
    gguf_free(gguf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_come_back),           cmocka_unit_test(values_come_back_in_every_type),
        cmocka_unit_test(large_tensors_come_back),      cmocka_unit_test(q8_0_is_ggmls),
        cmocka_unit_test(what_does_not_fit_is_refused), cmocka_unit_test(a_directory_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
