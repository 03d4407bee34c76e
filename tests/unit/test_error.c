/* Errors are one line that drives no terminal, whatever they quote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/error.h"

static void quotes_safely(void **state)
{
    (void)state;
    Error error = {0};
    assert_int_equal(error_set(&error, STATUS_BAD_INPUT, "found \"%s\"",
                               "\\\nu\x1b[2J\x7f\t\xC2\x9B"
                               "31m \xC3\xA9 \xC2\xA0"),
                     STATUS_BAD_INPUT);
    assert_string_equal(error.text, "found \"\\?u?[2J????31m \xC3\xA9 \xC2\xA0\"");
    error_prefix(&error, "%s", "a\rb");
    assert_string_equal(error.text, "a?b: found \"\\?u?[2J????31m \xC3\xA9 \xC2\xA0\"");
}

static void the_first_one_wins(void **state)
{
    (void)state;
    Error error = {0};
    error_set(&error, STATUS_FAILED, "first");
    assert_int_equal(error_set(&error, STATUS_BAD_INPUT, "second"), STATUS_BAD_INPUT);
    assert_string_equal(error.text, "first");
    assert_int_equal(error.status, STATUS_FAILED);
    assert_int_equal(error_set(NULL, STATUS_FAILED, "nobody listens"), STATUS_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(quotes_safely), cmocka_unit_test(the_first_one_wins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
