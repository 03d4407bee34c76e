/* When a server is asked again: the breaker and the pauses between tries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rlsp/remote/breaker.h"
#include "rlsp/remote/retry.h"

static void the_breaker_opens_probes_and_closes(void **state)
{
    (void)state;
    Breaker breaker = {.limit = 2, .pause = 10};
    bool    probe;
    assert_true(breaker_allows(&breaker, 0, &probe) && !probe);
    breaker_failure(&breaker, false, 0);
    breaker_success(&breaker);
    breaker_failure(&breaker, false, 1);
    assert_true(breaker_allows(&breaker, 1, &probe)); /* one in a row */
    breaker_failure(&breaker, false, 1);
    assert_false(breaker_allows(&breaker, 1, &probe) || breaker_allows(&breaker, 10.9, &probe));
    assert_false(breaker_gave_up(&breaker, 5));
    assert_true(breaker_next(&breaker) == 11);
    assert_true(breaker_allows(&breaker, 11, &probe) && probe);
    assert_false(breaker_allows(&breaker, 12, &probe)); /* one probe at a time */
    breaker_failure(&breaker, true, 12);
    assert_true(breaker_gave_up(&breaker, 12) && !breaker_gave_up(&breaker, 22));
    assert_true(breaker_allows(&breaker, 22, &probe) && probe);
    breaker_forget_probe(&breaker);
    assert_true(breaker_allows(&breaker, 22, &probe) && probe);
    breaker_success(&breaker);
    assert_true(breaker_allows(&breaker, 22, &probe) && !probe && !breaker_gave_up(&breaker, 22));
    Breaker off = {.limit = 0, .pause = 10};
    for (int i = 0; i < 100; i++) {
        breaker_failure(&off, false, i);
    }
    assert_true(breaker_allows(&off, 0, &probe));
}

static void pauses_grow_differ_and_repeat(void **state)
{
    (void)state;
    const RetryPolicy policy = {.retries = 9, .first = 1, .longest = 20, .seed = 7};
    double            all[8];
    for (uint32_t tries = 1; tries <= 8; tries++) {
        const double top = tries <= 5 ? (double)(1 << (tries - 1)) : 20;
        all[tries - 1]   = retry_delay(&policy, 3, tries);
        assert_true(all[tries - 1] >= top / 2 && all[tries - 1] < top);
        assert_true(all[tries - 1] == retry_delay(&policy, 3, tries));
        assert_true(all[tries - 1] != retry_delay(&policy, 4, tries));
    }
    assert_true(retry_delay(&policy, 0, UINT32_MAX) < 20);
    assert_true(retry_status(429) && retry_status(503) && retry_status(408) && !retry_status(404) &&
                !retry_status(302) && !retry_status(200));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_breaker_opens_probes_and_closes),
        cmocka_unit_test(pauses_grow_differ_and_repeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
