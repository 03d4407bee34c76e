#include "tests/support/demo_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

TaskConfig demo_fixture_config(const Task *task, uint32_t numbers)
{
    TaskConfig config = {.numbers = numbers, .intuition = -1};
    Error      error  = {0};
    assert_int_equal(task_config_resolve(task, &config, &error), STATUS_OK);
    return config;
}

void demo_fixture_draw(const Task *task, const TaskConfig *config, const DemoMix *mix, DemoKind kind, uint32_t row,
                       Demo *demo)
{
    Random random = random_stream(11, RANDOM_DEMO, DEMO_FIXTURE_STREAM, row);
    demo_draw(task, config, mix, kind, &random, demo);
}

pcre2_code *demo_fixture_regex(const char *pattern)
{
    int         error;
    PCRE2_SIZE  at;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &error, &at, NULL);
    assert_non_null(code);
    return code;
}
