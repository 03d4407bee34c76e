/* Safetensors against the reference library's verdicts on malformed files, dtype
 * casts against PyTorch's bits, and write-read round trips. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/io/dtype.h"
#include "engine/io/file.h"
#include "engine/io/safetensors.h"
#include "tests/support/fixture.h"

#define PARITY TEST_DATA "/parity"

static double sum_of(const Safetensor *tensor)
{
    double sum   = 0;
    Error  error = {0};
    for (uint64_t i = 0; i < tensor->elements; i++) {
        float   value = 0;
        int64_t whole = 0;
        if (tensor->dtype == DTYPE_I64 || tensor->dtype == DTYPE_BOOL || tensor->dtype == DTYPE_U8) {
            assert_int_equal(safetensor_to_i64(tensor, &whole, i, 1, &error), STATUS_OK);
            sum += (double)whole;
        } else {
            assert_int_equal(safetensor_to_f32(tensor, &value, i, 1, &error), STATUS_OK);
            sum += value;
        }
    }
    return sum;
}

static void check_accepted(const SafetensorsSet *set, const cJSON *tensors)
{
    assert_int_equal(safetensors_count(set), cJSON_GetArraySize(tensors));
    for (const cJSON *item = tensors->child; item != NULL; item = item->next) {
        const Safetensor *tensor = safetensors_find(set, item->string);
        assert_non_null(tensor);
        const cJSON *shape = cJSON_GetObjectItem(item, "shape");
        assert_int_equal(tensor->rank, cJSON_GetArraySize(shape));
        for (uint32_t i = 0; i < tensor->rank; i++) {
            assert_int_equal(tensor->shape[i], cJSON_GetArrayItem(shape, (int)i)->valueint);
        }
        assert_true(fabs(sum_of(tensor) - cJSON_GetObjectItem(item, "sum")->valuedouble) < 1e-6);
    }
}

static void malformed_files_are_judged_as_the_reference_does(void **state)
{
    (void)state;
    cJSON *manifest = fixture_json(PARITY "/safetensors_bad/manifest.json");
    int    accepted = 0, rejected = 0;
    for (const cJSON *item = cJSON_GetObjectItem(manifest, "files")->child; item != NULL; item = item->next) {
        const char     *name   = cJSON_GetObjectItem(item, "file")->valuestring;
        bool            accept = strcmp(cJSON_GetObjectItem(item, "expect")->valuestring, "accept") == 0;
        Error           error  = {0};
        SafetensorsSet *set    = safetensors_open(fixture_path(PARITY "/safetensors_bad", name), &error);
        if (accept) {
            if (set == NULL) {
                fail_msg("%s should be accepted: %s", name, error.text);
            }
            check_accepted(set, cJSON_GetObjectItem(item, "tensors"));
            accepted++;
        } else {
            if (set != NULL) {
                fail_msg("%s should be rejected: %s", name, cJSON_GetObjectItem(item, "why")->valuestring);
            }
            assert_int_equal(error.status, STATUS_BAD_INPUT);
            assert_non_null(strstr(error.text, name)); /* the error says which file */
            assert_null(strchr(error.text, '\n'));
            if (strstr(error.text, "key '") == NULL && strstr(error.text, "tensor '") == NULL &&
                strstr(error.text, "header: ") == NULL && strstr(error.text, " bytes") == NULL) {
                fail_msg("neither a tensor, a key nor a place is named: %s", error.text);
            }
            rejected++;
        }
        safetensors_close(set);
    }
    assert_true(accepted >= 15 && rejected >= 60);
    cJSON_Delete(manifest);
}

static void casts_match_pytorch_bit_for_bit(void **state)
{
    (void)state;
    SafetensorsSet   *set  = fixture_open(PARITY "/numeric/dtype_cast.safetensors");
    const Safetensor *bf16 = safetensors_find(set, "bf16_bits"), *f16 = safetensors_find(set, "f16_bits");
    uint64_t          count;
    float            *values    = fixture_f32(set, "f32", &count);
    float            *from_bf16 = fixture_f32(set, "bf16_back_to_f32", NULL);
    float            *from_f16  = fixture_f32(set, "f16_back_to_f32", NULL);
    assert_true(count > 2000);
    for (uint64_t i = 0; i < count; i++) {
        uint16_t bits;
        float    back;
        assert_int_equal(safetensor_read(bf16, &bits, 2 * i, 2, NULL), STATUS_OK);
        assert_int_equal(bf16_from_f32(values[i]), bits);
        back = f32_from_bf16(bits);
        assert_memory_equal(&back, &from_bf16[i], 4);
        assert_int_equal(safetensor_read(f16, &bits, 2 * i, 2, NULL), STATUS_OK);
        assert_int_equal(f16_from_f32(values[i]), bits);
        back = f32_from_f16(bits);
        assert_memory_equal(&back, &from_f16[i], 4);
    }
    free(values);
    free(from_bf16);
    free(from_f16);
    safetensors_close(set);
}

/* Every half value survives the way to f32 and back. */
static void casts_round_trip(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        float f = f32_from_f16((uint16_t)bits), b = f32_from_bf16((uint16_t)bits);
        if (isnan(f)) {
            assert_true(isnan(f32_from_f16(f16_from_f32(f))));
        } else {
            assert_int_equal(f16_from_f32(f), bits);
        }
        if (isnan(b)) {
            assert_true(isnan(f32_from_bf16(bf16_from_f32(b))));
        } else {
            assert_int_equal(bf16_from_f32(b), bits);
        }
    }
}

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
    const char *path       = fixture_path(fixture_directory(), "out.safetensors");
    float       values[6]  = {0.1f, -2.5f, 3e38f, 1e-8f, 65519.9f, 65520.1f};
    int64_t     step       = -1234567890123;
    uint8_t     keep[3]    = {1, 0, 7};
    uint64_t    next       = 0;
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

static void widening_many_is_widening_each(void **state)
{
    (void)state;
    enum { ALL = 65536 };
    static uint16_t bits[ALL];
    static float    from_bf16[ALL], from_f16[ALL];
    for (uint32_t i = 0; i < ALL; i++) {
        bits[i] = (uint16_t)i;
    }
    f32_from_bf16_all(from_bf16, bits, ALL);
    f32_from_f16_all(from_f16, bits, ALL);
    for (uint32_t i = 0; i < ALL; i++) {
        const float one[2] = {f32_from_bf16((uint16_t)i), f32_from_f16((uint16_t)i)};
        assert_memory_equal(&from_bf16[i], &one[0], 4);
        assert_memory_equal(&from_f16[i], &one[1], 4);
    }
}

/* A file that loses its end while it is open is an error, not a crash. */
static void file_cut_while_open(void **state)
{
    (void)state;
    static float     values[5000];
    const char      *path  = fixture_path(fixture_directory(), "out.safetensors");
    SafetensorsEntry entry = {.name = "a", .dtype = DTYPE_F32, .rank = 1, .shape = {5000}, .f32 = values};
    assert_int_equal(safetensors_write(path, &entry, 1, NULL), STATUS_OK);
    SafetensorsSet   *set    = fixture_open(path);
    const Safetensor *tensor = safetensors_find(set, "a");
    assert_int_equal(truncate(path, 9000), 0);
    Error error = {0};
    assert_int_equal(safetensor_to_f32(tensor, values, 0, 2000, &error), STATUS_OK);
    assert_int_equal(safetensor_to_f32(tensor, values, 0, 5000, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "out.safetensors"));
    assert_non_null(strstr(error.text, "cut short"));
    safetensors_close(set);
}

static void sharded_model_equals_the_single_file(void **state)
{
    (void)state;
    SafetensorsSet *one  = fixture_open(PARITY "/models/tiny-llama"),
                   *many = fixture_open(PARITY "/models/tiny-llama-sharded");
    assert_int_equal(safetensors_count(one), safetensors_count(many));
    assert_true(safetensors_count(one) > 20);
    for (size_t i = 0; i < safetensors_count(one); i++) {
        const Safetensor *a = safetensors_at(one, i), *b = safetensors_at(many, i);
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->bytes, b->bytes);
        fixture_same_bytes(a, b);
    }
    safetensors_close(one);
    safetensors_close(many);
}

static void bad_indexes_are_rejected(void **state)
{
    (void)state;
    const char              *directory = fixture_directory();
    static const char *const shards[]  = {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"};
    const char              *source    = PARITY "/models/tiny-llama-sharded";
    for (int i = 0; i < 2; i++) {
        assert_int_equal(file_copy(fixture_path(source, shards[i]), fixture_path(directory, shards[i]), NULL),
                         STATUS_OK);
    }
    SafetensorsSet *whole    = fixture_open(source);
    cJSON          *manifest = fixture_json(PARITY "/json_bad/index/manifest.json");
    int             seen     = 0;
    for (const cJSON *item = cJSON_GetObjectItem(manifest, "files")->child; item != NULL; item = item->next) {
        const char *name  = cJSON_GetObjectItem(item, "file")->valuestring;
        Error       error = {0};
        assert_int_equal(file_copy(fixture_path(PARITY "/json_bad/index", name),
                                   fixture_path(directory, "model.safetensors.index.json"), NULL),
                         STATUS_OK);
        SafetensorsSet *set = safetensors_open(directory, &error);
        if (strcmp(name, "tensor_missing.json") == 0) { /* whoever loads the model finds that it is not there */
            assert_non_null(set);
            size_t missing = 0;
            for (size_t i = 0; i < safetensors_count(whole); i++) {
                missing += safetensors_find(set, safetensors_at(whole, i)->name) == NULL;
            }
            assert_int_equal(missing, 1);
        } else if (set != NULL) {
            fail_msg("%s should be rejected", name);
        } else {
            assert_int_equal(error.status, STATUS_BAD_INPUT);
        }
        safetensors_close(set);
        seen++;
    }
    assert_int_equal(seen, 9);
    cJSON_Delete(manifest);
    safetensors_close(whole);
}

/* Writes a file of a header, its length (or a false one) before it, and `data_bytes` zeros. */
static SafetensorsSet *open_made(const char *header, uint64_t length, size_t data_bytes, Error *error)
{
    const char *path       = fixture_path(fixture_directory(), "made.safetensors");
    char        text[1024] = {0};
    for (int i = 0; i < 8; i++) {
        text[i] = (char)(length >> (8 * i));
    }
    memcpy(text + 8, header, strlen(header));
    assert_int_equal(file_write_atomic(path, text, 8 + strlen(header) + data_bytes, NULL), STATUS_OK);
    return safetensors_open(path, error);
}

static void what_the_reference_files_leave_out(void **state)
{
    (void)state;
    /* A hole and an overlap of the same size: the sizes add up to the data. */
    static const char balanced[] = "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
                                   "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]},"
                                   "\"c\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[8,12]}}";
    Error             error      = {0};
    assert_null(open_made(balanced, sizeof balanced - 1, 12, &error));
    assert_non_null(strstr(error.text, "'b': a hole or an overlap"));
    /* A header that ends far behind the file: reading it would be a SIGBUS. */
    error = (Error){0};
    assert_null(open_made("{}", 50000000, 0, &error));
    assert_non_null(strstr(error.text, "50000000 bytes"));
    /* Half a byte; nine dimensions; a dtype of 6 bits that comes out whole. */
    static const char half[] = "{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]}}";
    static const char nine[] = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}";
    static const char six[]  = "{\"a\":{\"dtype\":\"F6_E2M3\",\"shape\":[4],\"data_offsets\":[0,3]}}";
    assert_null(open_made(half, sizeof half - 1, 1, NULL));
    assert_null(open_made(nine, sizeof nine - 1, 1, NULL));
    SafetensorsSet *set = open_made(six, sizeof six - 1, 3, NULL);
    assert_non_null(set);
    safetensors_close(set);
}

static void shards_outside_the_directory_are_refused(void **state)
{
    (void)state;
    const char      *directory = fixture_directory();
    char             index[512];
    float            value = 1;
    SafetensorsEntry entry = {.name = "a", .dtype = DTYPE_F32, .f32 = &value};
    assert_int_equal(safetensors_write(fixture_path(directory, "shard.safetensors"), &entry, 1, NULL), STATUS_OK);
    const char *names[] = {"shard.safetensors", strrchr(directory, '/'), directory};
    for (int i = 0; i < 3; i++) { /* the file itself, ../DIR/shard, and its absolute path */
        Error error = {0};
        snprintf(index, sizeof index, "{\"weight_map\":{\"a\":\"%s%s%s\"}}", i == 1 ? ".." : "", names[i],
                 i == 0 ? "" : "/shard.safetensors");
        assert_int_equal(
            file_write_atomic(fixture_path(directory, "model.safetensors.index.json"), index, strlen(index), NULL),
            STATUS_OK);
        SafetensorsSet *set = safetensors_open(directory, &error);
        assert_int_equal(set != NULL, i == 0);
        assert_int_equal(strstr(error.text, "a file in this directory") != NULL, i > 0);
        safetensors_close(set);
    }
}

static void what_is_not_there_is_said(void **state)
{
    (void)state;
    Error error = {0};
    assert_null(safetensors_open("/nonexistent/model.safetensors", &error));
    assert_non_null(strstr(error.text, "/nonexistent/model.safetensors"));
    error = (Error){0};
    assert_null(safetensors_open(fixture_directory(), &error));
    assert_non_null(strstr(error.text, "model.safetensors.index.json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_files_are_judged_as_the_reference_does),
        cmocka_unit_test(casts_match_pytorch_bit_for_bit),
        cmocka_unit_test(casts_round_trip),
        cmocka_unit_test(widening_many_is_widening_each),
        cmocka_unit_test(file_cut_while_open),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_failed_write_leaves_the_old_file),
        cmocka_unit_test(shards_are_written_and_read),
        cmocka_unit_test(sharded_model_equals_the_single_file),
        cmocka_unit_test(bad_indexes_are_rejected),
        cmocka_unit_test(what_the_reference_files_leave_out),
        cmocka_unit_test(shards_outside_the_directory_are_refused),
        cmocka_unit_test(what_is_not_there_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
