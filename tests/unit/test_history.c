/* history: a run as read from its files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "rlsp/run/history.h"

#define RECORDED TEST_DATA "/run-recorded"

static History *open_run(const char *path)
{
    Error    error   = {0};
    History *history = history_open(path, &error);
    if (history == NULL) {
        fail_msg("%s", error.text);
    }
    return history;
}

/* --- what the recorded run says, by hand */

static void test_recorded_state(void **state)
{
    (void)state;
    History *history = open_run(RECORDED);
    assert_false(history_update(history, 0));
    const HistoryState *run = history_state(history);
    assert_string_equal(run->name, "pick-three-recorded");
    assert_string_equal(run->task, "pick-three");
    assert_string_equal(run->device, "llvmpipe (LLVM 15.0.6, 256 bits)");
    assert_true(run->device_memory == 2147483648.0);
    assert_string_equal(run->driver, "llvmpipe Mesa 22.3.6 (LLVM 15.0.6)");
    assert_string_equal(run->stage, "rl");
    assert_string_equal(run->phase, "rl");
    assert_string_equal(run->end_reason, "done");
    assert_true(run->started && run->ended && run->step == 40 && run->checkpoint_step == 40);
    assert_true(run->stage_step == 40 && run->stage_steps == 40 && run->parameters == 217216 && run->skipped == 0);
    assert_true(run->first_time > 1795644034.05 && run->first_time < 1795644034.07);
    assert_true(run->last_time > 1795644840.66 && run->last_time < 1795644840.68);
    assert_true(run->step_seconds > 15 && run->step_seconds < 35);
    assert_true(history_loaded(history) == 1);
    history_close(history);
}

static void test_recorded_metrics(void **state)
{
    (void)state;
    History *history = open_run(RECORDED);
    history_update(history, 0);
    const HistorySeries reward = history_series(history, HISTORY_RL, history_metric(history, HISTORY_RL, "reward"));
    assert_int_equal(reward.count, 40);
    assert_true(reward.step[0] == 1 && reward.step[39] == 40);
    assert_true(reward.value[0] == 0.197265625f && reward.value[39] == 0.533203125f);
    const HistorySeries accuracy =
        history_series(history, HISTORY_EVAL, history_metric(history, HISTORY_EVAL, "accuracy"));
    assert_int_equal(accuracy.count, 5);
    assert_true(accuracy.step[0] == 0 && accuracy.step[1] == 10 && accuracy.value[0] == 0.27f);
    assert_true(history_last(history, HISTORY_EVAL, "accuracy") == (double)0.57f);
    assert_true(isnan(history_last(history, HISTORY_RL, "none")));
    assert_int_equal(history_metric(history, HISTORY_RL, "step"), -1);
    assert_int_equal(history_metric(history, HISTORY_SFT, "loss"), -1);
    /* null: at step 40 the newest that is a number is told */
    assert_true(isfinite(history_last(history, HISTORY_EVAL, "greedy_hit_then_correct")));
    const HistorySeries direct =
        history_series(history, HISTORY_EVAL, history_metric(history, HISTORY_EVAL, "greedy_accuracy_direct"));
    assert_true(isnan(direct.value[4]));
    history_close(history);
}

static void test_recorded_traces(void **state)
{
    (void)state;
    History *history = open_run(RECORDED);
    history_update(history, 0);
    assert_int_equal(history_trace_count(history), 300);
    const HistoryTrace *trace = history_trace(history, 299);
    assert_true(trace->step == 40 && trace->tokens == 25 && trace->reward == 1 && trace->attempts == 1);
    assert_true(isnan(trace->explore));
    assert_int_equal(trace->flags, HISTORY_CORRECT | HISTORY_ANSWERED | HISTORY_EVALUATION);
    assert_int_equal(trace->problem, history_trace(history, 1)->problem); /* at step 0 */
    assert_true(trace->problem != history_trace(history, 0)->problem);
    for (size_t i = 0; i < 300; i++) {
        Event *event = history_trace_read(history, i);
        assert_non_null(event);
        trace = history_trace(history, i);
        assert_int_equal(event_step(event), trace->step);
        assert_true((float)event_number(event, "rewards.explore", NAN) == trace->explore || isnan(trace->explore));
        assert_int_equal(event_number(event, "behaviours.backtracks", 0) > 0, (trace->flags & HISTORY_BACKTRACK) != 0);
        assert_int_equal(event_number(event, "truncated", 0) > 0, (trace->flags & HISTORY_TRUNCATED) != 0);
        assert_int_equal(strcmp(event_text(event, "verdict"), "correct") == 0, (trace->flags & HISTORY_CORRECT) != 0);
        event_free(event);
    }
    assert_null(history_trace(history, 300));
    assert_null(history_trace_read(history, 300));
    history_close(history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_state),
        cmocka_unit_test(test_recorded_metrics),
        cmocka_unit_test(test_recorded_traces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
