/* config.json of an export: the dtype is said anew, the rest is byte for byte what it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/file.h"
#include "rlsp/train/export_config.h"
#include "tests/support/fixture.h"

static void becomes(const char *text, Dtype dtype, const char *wanted)
{
    const char *directory = fixture_directory();
    const char *from      = fixture_path(directory, "config.json");
    const char *to        = fixture_path(directory, "out.json");
    Error       error     = {0};
    assert_int_equal(file_write_atomic(from, text, strlen(text), NULL), STATUS_OK);
    const Status status = export_config(from, to, dtype, &error);
    if (wanted == NULL) {
        assert_int_equal(status, STATUS_BAD_INPUT);
        assert_non_null(strstr(error.text, from));
        assert_false(file_exists(to));
        return;
    }
    if (status != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    char *found = fixture_text(to, NULL);
    assert_string_equal(found, wanted);
    free(found);
}

static void only_the_dtype_changes(void **state)
{
    (void)state;
    becomes("{\"a\": 8.0,\n \"torch_dtype\" : \"bfloat16\" , \"x\":1e-05}", DTYPE_F32,
            "{\"a\": 8.0,\n \"torch_dtype\" : \"float32\" , \"x\":1e-05}");
    becomes("{\"dtype\":null,\"torch_dtype\":\"float32\"}", DTYPE_BF16,
            "{\"dtype\":\"bfloat16\",\"torch_dtype\":\"bfloat16\"}");
    becomes("{\"dtype\":\"a\\\"b\\\\\"}\n", DTYPE_F16, "{\"dtype\":\"float16\"}\n");
}

static void other_dtypes_stay(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "{\"inner\":{\"dtype\":\"bfloat16\"},\"list\":[\"dtype\",{\"torch_dtype\":\"x\"}]}",
        "{\"name\":\"dtype\",\"\\\"dtype\":\"x\",\"dtypes\":\"x\",\"says\":\"\\\"dtype\\\": \\\"x\\\"\"}",
        "{\"dtype\":{\"weights\":\"x\"},\"torch_dtype\":7}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        becomes(texts[i], DTYPE_F32, texts[i]);
    }
}

static void broken_ones_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "{\"dtype\":\"x", "{\"dtype\":\"x\"", "{\"dtype\":", "{\"dtype"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        becomes(texts[i], DTYPE_F32, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_dtype_changes),
        cmocka_unit_test(other_dtypes_stay),
        cmocka_unit_test(broken_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
