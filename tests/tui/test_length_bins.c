/* The bins of lengths that the pane of lengths shows. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/run_fixture.h"
#include "tui/pane/length_bins.h"

static void test_length_bins(void **state)
{
    (void)state;
    History   *run = run_fixture_rl("bins", "bins");
    LengthBins start, now;
    assert_true(length_bins_read(run, &start, &now));
    assert_true(now.high == 160 && start.high == 160);
    assert_true(fabsf(start.share[1] - 0.75f) < 1e-6f && fabsf(start.share[2] - 0.25f) < 1e-6f &&
                start.share[5] == 0.0f);
    assert_true(fabsf(now.share[5] - 0.75f) < 1e-6f && now.share[1] == 0.0f);
    history_close(run);

    RunText text;
    FILE   *out = run_text_begin(&text);
    for (int step = 1; step <= 2; step++) { /* the second may be twice as long */
        fprintf(out, "{\"event\":\"rl_step\",\"step\":%d,\"length\":5,\"length_bins_high\":%d", step,
                step == 1 ? 160 : 320);
        for (int b = 0; b < LENGTH_BINS; b++) {
            fprintf(out, ",\"length_bin_%d\":%g", b, b == 3 || b == 4 || b == 15 ? 1.0 / 3 : 0.0);
        }
        fputs("}\n", out);
    }
    run = run_fixture_make("bins-change", run_text_end(&text));
    free(text.bytes);
    assert_true(length_bins_read(run, &start, &now));
    const float third = 1.0f / 3;
    assert_true(start.high == 320 && now.high == 320);
    assert_true(fabsf(start.share[1] - third) < 1e-5f && fabsf(start.share[2] - third) < 1e-5f &&
                fabsf(start.share[7] - third) < 1e-5f);
    assert_true(fabsf(now.share[3] - third) < 1e-5f && fabsf(now.share[15] - third) < 1e-5f);
    history_close(run);

    run          = run_fixture_open(TEST_DATA "/run-recorded");
    History *nan = run_fixture_not_a_number();
    assert_false(length_bins_read(nan, &start, &now));
    history_close(nan);
    history_close(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_length_bins),
    };
    return cmocka_run_group_tests_name("bins of lengths", tests, NULL, NULL);
}
