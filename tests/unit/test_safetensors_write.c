/* Safetensors are read as they were written, in one file or in shards, and a failed write leaves the old file. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/io/dtype.h"
#include "engine/io/file.h"
#include "engine/io/safetensors.h"
#include "tests/support/fixture.h"

static Status read_counter(void *context, uint64_t first, uint64_t count, float *out, Error *error)
{
    uint64_t *next = context;
    if (first != *next) {
        return error_set(error, STATUS_FAILED, "asked out of order");
    }
    *next = first + count;
    for (uint64_t i = 0; i < count; i++) {
        out[i] = (float)((first + i) % 251);
    }
    return STATUS_OK;
}

static Status read_fails(void *context, uint64_t first, uint64_t count, float *out, Error *error)
{
    (void)context;
    (void)first;
    (void)count;
    (void)out;
    return error_set(error, STATUS_DEVICE_LOST, "the device went away");
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    const char *path      = fixture_path(fixture_directory(), "out.safetensors");
    float       values[6] = {0.1f, -2.5f, 3e38f, 1e-8f, 65519.9f, 65520.1f};
    int64_t     step      = -1234567890123;
    uint8_t     keep[3]   = {1, 0, 7};
    uint64_t    next      = 0;
    /* A U8 tensor of odd length first: the writer has to keep the rest aligned. */
    SafetensorsEntry entries[] = {
        {.name = "keep", .dtype = DTYPE_U8, .rank = 1, .shape = {3}, .data = keep},
        {.name = "b", .dtype = DTYPE_BF16, .rank = 2, .shape = {2, 3}, .f32 = values},
        {.name = "h", .dtype = DTYPE_F16, .rank = 1, .shape = {6}, .f32 = values},
        {.name = "f", .dtype = DTYPE_F32, .rank = 1, .shape = {6}, .f32 = values},
        {.name = "step", .dtype = DTYPE_I64, .data = &step},
        {.name = "empty", .dtype = DTYPE_F32, .rank = 2, .shape = {0, 5}},
        {.name     = "long",
         .dtype    = DTYPE_BF16,
         .rank     = 2,
         .shape    = {300, 1001},
         .read_f32 = read_counter,
         .context  = &next},
    };
    Error error = {0};
    if (safetensors_write(path, entries, sizeof entries / sizeof *entries, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    size_t bytes;
    char  *text   = fixture_text(path, &bytes);
    size_t header = (unsigned char)text[0] | (size_t)(unsigned char)text[1] << 8;
    assert_int_equal(header % 8, 0); /* the data begin at a multiple of 8 */
    assert_non_null(strstr(text + 8, "\"__metadata__\":{\"format\":\"pt\"}"));
    free(text);

    SafetensorsSet *set = fixture_open(path);
    assert_int_equal(safetensors_count(set), 7);
    for (size_t i = 0; i < safetensors_count(set); i++) {
        const Safetensor *tensor = safetensors_at(set, i);
        if (tensor->bytes > 0) {
            assert_int_equal(tensor->at % (dtype_bits(tensor->dtype) / 8), 0);
        }
    }
    float *b = fixture_f32(set, "b", NULL), *h = fixture_f32(set, "h", NULL), *f = fixture_f32(set, "f", NULL);
    float *large = fixture_f32(set, "long", NULL);
    assert_memory_equal(f, values, sizeof values);
    for (int i = 0; i < 6; i++) {
        assert_true(b[i] == f32_from_bf16(bf16_from_f32(values[i])));
        assert_true(h[i] == f32_from_f16(f16_from_f32(values[i])));
    }
    assert_true(h[4] == 65504.0f && isinf(h[5]));
    for (int i = 0; i < 300300; i++) {
        assert_true(large[i] == (float)(i % 251));
    }
    int64_t *whole = fixture_i64(set, "step", NULL);
    assert_true(whole[0] == step);
    const Safetensor *u8 = safetensors_find(set, "keep");
    unsigned char     kept[3];
    assert_int_equal(safetensor_read(u8, kept, 0, 3, NULL), STATUS_OK);
    assert_memory_equal(kept, keep, 3);
    assert_int_equal(safetensor_read(u8, kept, 1, 3, &error), STATUS_BAD_INPUT);
    error = (Error){0};
    assert_int_equal(safetensors_find(set, "empty")->elements, 0);
    float out[2];
    assert_int_equal(safetensor_to_f32(safetensors_find(set, "f"), out, 5, 2, &error), STATUS_BAD_INPUT);
    error = (Error){0};
    assert_int_equal(safetensor_to_f32(u8, out, 0, 1, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "U8"));
    error = (Error){0};
    assert_null(safetensors_expect(set, "b", 2, (uint64_t[]){3, 2}, &error));
    assert_non_null(strstr(error.text, "[2, 3]"));
    assert_non_null(safetensors_expect(set, "b", 2, (uint64_t[]){2, 3}, NULL));
    free(b);
    free(h);
    free(f);
    free(large);
    free(whole);
    safetensors_close(set);
}

static void a_failed_write_leaves_the_old_file(void **state)
{
    (void)state;
    const char      *path  = fixture_path(fixture_directory(), "out.safetensors");
    float            value = 1;
    SafetensorsEntry good  = {.name = "a", .dtype = DTYPE_F32, .f32 = &value};
    SafetensorsEntry bad[] = {good, {.name = "b", .dtype = DTYPE_F32, .rank = 1, .shape = {9}, .read_f32 = read_fails}};
    SafetensorsEntry twice[] = {good, good};
    SafetensorsEntry both    = {.name = "a", .dtype = DTYPE_F32, .f32 = &value, .data = &value};
    Error            error   = {0};
    assert_int_equal(safetensors_write(path, &good, 1, &error), STATUS_OK);
    assert_int_equal(safetensors_write(path, bad, 2, &error), STATUS_DEVICE_LOST);
    assert_non_null(strstr(error.text, "the device went away"));
    assert_int_equal(safetensors_write(path, twice, 2, NULL), STATUS_FAILED);
    assert_int_equal(safetensors_write(path, &both, 1, NULL), STATUS_FAILED);
    SafetensorsSet *set = fixture_open(path);
    assert_int_equal(safetensors_count(set), 1);
    safetensors_close(set);
}

static void shards_are_written_and_read(void **state)
{
    (void)state;
    const char      *directory = fixture_directory();
    float            values[5][8];
    const char      *names[5] = {"e", "d", "c", "b", "a"};
    SafetensorsEntry entries[5];
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 8; j++) {
            values[i][j] = (float)(10 * i + j);
        }
        entries[i] =
            (SafetensorsEntry){.name = names[i], .dtype = DTYPE_F32, .rank = 1, .shape = {8}, .f32 = values[i]};
    }
    Error error = {0};
    for (int round = 0; round < 3; round++) { /* 1: shards, over an older single file; 2: the other way */
        uint64_t limit = round == 1 ? 70 : 1 << 20;
        if (safetensors_write_model(directory, entries, 5, limit, &error) != STATUS_OK) {
            fail_msg("%s", error.text);
        }
        assert_int_equal(file_exists(fixture_path(directory, "model.safetensors")), round != 1);
        assert_int_equal(file_exists(fixture_path(directory, "model.safetensors.index.json")), round == 1);
        assert_int_equal(file_exists(fixture_path(directory, "model-00003-of-00003.safetensors")), round >= 1);
        SafetensorsSet *set = fixture_open(directory);
        assert_int_equal(safetensors_count(set), 5);
        for (int i = 0; i < 5; i++) {
            float *read = fixture_f32(set, names[i], NULL);
            assert_memory_equal(read, values[i], sizeof values[i]);
            free(read);
        }
        safetensors_close(set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_failed_write_leaves_the_old_file),
        cmocka_unit_test(shards_are_written_and_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
