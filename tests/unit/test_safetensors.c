/* Safetensors against the reference library's verdicts on malformed files. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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
        cmocka_unit_test(file_cut_while_open),
        cmocka_unit_test(sharded_model_equals_the_single_file),
        cmocka_unit_test(bad_indexes_are_rejected),
        cmocka_unit_test(what_the_reference_files_leave_out),
        cmocka_unit_test(shards_outside_the_directory_are_refused),
        cmocka_unit_test(what_is_not_there_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
