#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rlsp/task/task.h"

static const Problem countdown  = {.count = 3, .numbers = {4, 5, 16}, .target = 84};
static const Problem pick_three = {.count = 6, .numbers = {2, 5, 8, 9, 10, 12}, .target = 22};

static TraceStats read(const Task *task, const Problem *problem, const char *text)
{
    TraceStats stats;
    task->trace(problem, text, strlen(text), &stats, NULL);
    assert_int_equal(stats.attempts, stats.valid + stats.errors);
    assert_int_equal(stats.valid, stats.distinct + stats.repeated);
    assert_int_equal(stats.errors, stats.illegal + stats.wrong_arithmetic);
    return stats;
}

/* A trace of a trained model, with its slips. */
static void the_recipes_trace_is_read(void **state)
{
    (void)state;
    TraceStats s = read(&task_countdown, &countdown,
                        "Try (16+5)+4=21+4=25. Not 84. Go back.\n"
                        "Try 16-(5-4)=16-1=15. Not 84. Go back.\n"
                        "Try 4+(5+16)=4+21=25. Not 84. Go back.\n" /* the first one again, turned round */
                        "Try 16*(5-4)=16-1=15. Not 84. Go back.\n" /* slip: 16 */
                        "Try (16*4)+5=64+5=75. Yes.\n"             /* slip, and a false Yes */
                        "Answer: \\boxed{(16*4)+5}");
    assert_int_equal(s.attempts, 5);
    assert_int_equal(s.valid, 3);
    assert_int_equal(s.distinct, 2);
    assert_int_equal(s.repeated, 1);
    assert_int_equal(s.wrong_arithmetic, 2);
    assert_int_equal(s.illegal, 0);
    assert_int_equal(s.hit_attempt, 0);
    assert_int_equal(s.verdicts, 5);
    assert_int_equal(s.verdicts_right, 4);
    assert_int_equal(s.false_yes, 1);
    assert_int_equal(s.false_no, 0);
    assert_int_equal(s.verified, 2);
    assert_int_equal(s.go_back, 4);
    assert_int_equal(s.backtracks, 4);
    assert_false(s.gave_up);
    assert_int_equal(s.after_box, 0);
}

static void a_hit_is_seen_where_it_happens(void **state)
{
    (void)state;
    Problem    problem = {.count = 3, .numbers = {2, 10, 16}, .target = 4};
    TraceStats s       = read(&task_countdown, &problem,
                              "Try 16-(10-2)=16-8=8. Not 4. Go back.\n"
                                    "Try 16-(10+2)=16-12=4. Yes. Check: 10+2=12,16-12=4.\n"
                                    "Answer: \\boxed{16-(10+2)}");
    assert_int_equal(s.hit_attempt, 2);
    assert_int_equal(s.verified_hit_attempt, 2);
    assert_int_equal(s.verified, 2);
    assert_int_equal(s.backtracks, 1);
    assert_int_equal(s.checks, 1);
    assert_int_equal(s.checks_right, 1);
    assert_int_equal(s.false_yes, 0);
    assert_false(s.gave_up);
    /* a hit that is passed over */
    s = read(&task_countdown, &problem,
             "Try 16-(10+2)=16-12=4. Not 4. Go back.\nTry 16-(10-2)=16-8=8. Not 4.\nAnswer: \\boxed{16-(10-2)}");
    assert_int_equal(s.hit_attempt, 1);
    assert_int_equal(s.verified_hit_attempt, 0);
    assert_int_equal(s.false_no, 1);
    assert_int_equal(s.verified, 1);
    assert_int_equal(s.backtracks, 0); /* the first attempt did not fail */
    assert_int_equal(s.go_back, 1);
    assert_true(s.gave_up);
}

static void attempts_are_judged_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int         attempts, right, illegal;
    } cases[] = {
        {"Try (16*5)+4=80+4=84.", 1, 1, 0},
        {"Try (16*5)+4=80+4=84", 0, 0, 0}, /* cut short by the limit */
        {"Try (16*5)+4=80", 0, 0, 0},
        {"Try (16*5)+4=80+4=84 Not", 1, 0, 1}, /* no full stop */
        {"Try (16*5)+4=84. ", 1, 0, 1},        /* a step is missing */
        {"Try (16*5)+4=80+4=84=84. ", 1, 0, 1},
        {"Try 16*5+4=80+4=84. ", 1, 0, 1},
        {"Try (16*5)+4=80+5=84. ", 1, 0, 0},
        {"Try (16*5)+4=80+4=85. ", 1, 0, 0},
        {"Try (16*5)+4=80+4=. ", 1, 0, 0},
        {"Try (16*5)+5=80+5=85. ", 1, 0, 1}, /* 5 twice */
        {"Try (16*5)+4+4=80+4=84. ", 1, 0, 1},
        {"Try again. Tryst. (16*5)+4=80+4=84. ", 0, 0, 0},
        {"Retry (16*5)+4=80+4=84. ", 0, 0, 0},
        {"\\boxed{1} Try (16*5)+4=80+4=84. Yes.", 0, 0, 0}, /* after the answer */
        {"\\boxed{Try (16*5)+4=80+4=84. Yes.}", 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        TraceStats s = read(&task_countdown, &countdown, cases[i].text);
        if ((int)s.attempts != cases[i].attempts || (int)s.valid != cases[i].right ||
            (int)s.illegal != cases[i].illegal) {
            fail_msg("%s: %u attempts, %u valid, %u illegal", cases[i].text, s.attempts, s.valid, s.illegal);
        }
    }
    assert_int_equal(read(&task_countdown, &countdown, cases[14].text).after_box, strlen(cases[14].text) - 9);
}

static void verdicts_and_checks_are_verified(void **state)
{
    (void)state;
    static const struct {
        const char *after;
        int         right, false_yes, false_no, checks_right, checks_wrong;
    } cases[] = {
        /* after "Try (16*5)+4=80+4=84.", which hits */
        {" Yes.", 1, 0, 0, 0, 0},
        {" Not 84. Go", 0, 0, 1, 0, 0},
        {" Not 83. Go", 0, 0, 1, 0, 0},
        {" Yes. Yes. Not 84.", 1, 0, 0, 0, 0}, /* the first one counts */
        {" Yes. Check: 16*5=80,80+4=84.", 1, 0, 0, 1, 0},
        {" Yes. Check: 5*16=80,4+80=84.", 1, 0, 0, 1, 0},
        {" Yes. Check: 16*5=80,80+4=85.", 1, 0, 0, 0, 1},
        {" Yes. Check: 16*5=80.", 1, 0, 0, 0, 1},
        {" Yes. Check: 16*4=64,64+20=84.", 1, 0, 0, 0, 1},
        {" Yes. Check: 16*5=80,80+4=84,84+0=84.", 1, 0, 0, 0, 1},
        {" Yes. Check: ok.", 1, 0, 0, 0, 1},
        {" Yes. Check: 16*5=80,80+4=8", 1, 0, 0, 0, 0}, /* cut short */
        {"", 0, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, "Try (16*5)+4=80+4=84.%s", cases[i].after);
        TraceStats s = read(&task_countdown, &countdown, text);
        if ((int)s.verdicts_right != cases[i].right || (int)s.false_yes != cases[i].false_yes ||
            (int)s.false_no != cases[i].false_no || (int)s.checks_right != cases[i].checks_right ||
            (int)s.checks_wrong != cases[i].checks_wrong || (int)s.verified != cases[i].right) {
            fail_msg("%s: right %u false yes %u no %u checks %u %u verified %u", text, s.verdicts_right, s.false_yes,
                     s.false_no, s.checks_right, s.checks_wrong, s.verified);
        }
    }
    /* a verdict on a miss */
    assert_int_equal(read(&task_countdown, &countdown, "Try (16+5)+4=21+4=25. Not 83. Go").verdicts_right, 0);
    assert_int_equal(read(&task_countdown, &countdown, "Try (16+5)+4=21+4=25. Not 84. Go").verdicts_right, 1);
    assert_int_equal(read(&task_countdown, &countdown, "Try (16+5)+4=21+4=25. Yes. \\boxed{1}").false_yes, 1);
    /* no attempt, no evidence, whatever the words say */
    TraceStats s = read(&task_countdown, &countdown, "Yes. Not 84. Check: 1+1=2. Wait, let me check. \\boxed{1}");
    assert_int_equal(s.verdicts + s.verified + s.backtracks + s.checks_right + s.gave_up, 0);
}

static void pick_three_is_read(void **state)
{
    (void)state;
    TraceStats s = read(&task_pick_three, &pick_three,
                        "5+8+12=25 over 3. Go back.\n"
                        "2+8+10=20 short 2. Go back.\n"
                        "10+8+2=20 short 3. Go back.\n" /* again, and a wrong distance */
                        "2+8+9=18 over 4. Go back.\n"   /* wrong sum, wrong side */
                        "2+8+11=21 short 1. Go back.\n" /* 11 is not there */
                        "2+9+10=21 short 0. Yes.\n"     /* sees a hit that is not there */
                        "2+8+12=22 short 0. Yes. Check: 2+8=10,10+12=22.\n"
                        "Answer: \\boxed{2+8+12}");
    assert_int_equal(s.attempts, 7);
    assert_int_equal(s.distinct, 4);
    assert_int_equal(s.repeated, 1);
    assert_int_equal(s.wrong_arithmetic, 1);
    assert_int_equal(s.illegal, 1);
    assert_int_equal(s.distances, 7);
    assert_int_equal(s.distances_right, 3);
    assert_int_equal(s.false_yes, 1);
    assert_int_equal(s.verified, 3);
    assert_int_equal(s.hit_attempt, 7);
    assert_int_equal(s.verified_hit_attempt, 7);
    assert_int_equal(s.go_back, 5);
    assert_int_equal(s.backtracks, 6);
    assert_int_equal(s.checks_right, 1);
    assert_false(s.gave_up);
    s = read(&task_pick_three, &pick_three, "5+8+12=25 short 3. Go back.\n2+8+10=20 over 2. Go back.\n");
    assert_int_equal(s.distances, 2); /* the right number on the wrong side */
    assert_int_equal(s.distances_right, 0);
    s = read(&task_pick_three, &pick_three, "5+8+12=25 over 3.\nAnswer: \\boxed{5+8+12}");
    assert_true(s.gave_up);
    assert_int_equal(s.verified, 1);
    assert_int_equal(s.verdicts, 0);
    s = read(&task_pick_three, &pick_three, "Answer: \\boxed{5+8+12}");
    assert_int_equal(s.attempts, 0);
    assert_false(s.gave_up);
    s = read(&task_pick_three, &pick_three, "5+8+12=2"); /* cut short */
    assert_int_equal(s.attempts, 0);
    s = read(&task_pick_three, &pick_three, "5+8=13. 5+8+9+12=34. 5+8+12. ");
    assert_int_equal(s.attempts, 2);
    assert_int_equal(s.illegal, 2);
    s = read(&task_pick_three, &pick_three, "2+8+12=22 short 0. Yes. Check: 2+8=10,10+10=20.\n");
    assert_int_equal(s.checks_wrong, 1);
}

static void spans_point_at_the_text(void **state)
{
    (void)state;
    static const char text[] = "Try (16+5)+4=21+4=25. Not 84. Go back.\nTry (16*5)+4=80+4=84. Yes.\n"
                               "Wait, let me check. Answer: \\boxed{(16*5)+4}";
    static const struct {
        const char   *text;
        TraceSpanKind kind;
        bool          evidence;
    } want[] = {
        {"Try (16+5)+4=21+4=25.", TRACE_SPAN_ATTEMPT, true},
        {"Not 84", TRACE_SPAN_VERDICT, true},
        {"Go back", TRACE_SPAN_BACKTRACK, true},
        {"Try (16*5)+4=80+4=84.", TRACE_SPAN_ATTEMPT, true},
        {"Yes", TRACE_SPAN_VERDICT, true},
        {"\\boxed{(16*5)+4}", TRACE_SPAN_ANSWER, true},
        {"Go back", TRACE_SPAN_WORDS_BACKTRACK, false},
        {"Wait", TRACE_SPAN_WORDS_BACKTRACK, false},
        {"let me check", TRACE_SPAN_WORDS_VERIFICATION, false},
    };
    enum { WANT = sizeof want / sizeof want[0] };
    TraceSpan  spans[16];
    TraceSpans sink = {.spans = spans, .capacity = 16};
    TraceStats stats;
    task_countdown.trace(&countdown, text, sizeof text - 1, &stats, &sink);
    assert_int_equal(sink.count, WANT);
    for (size_t i = 0; i < WANT; i++) {
        assert_int_equal(spans[i].kind, want[i].kind);
        assert_int_equal(spans[i].evidence, want[i].evidence);
        assert_int_equal(spans[i].length, strlen(want[i].text));
        assert_memory_equal(text + spans[i].offset, want[i].text, spans[i].length);
        assert_non_null(trace_span_kind_name(spans[i].kind));
    }
    sink          = (TraceSpans){.spans = spans, .capacity = 2}; /* too small: counted, not written */
    spans[2].kind = TRACE_SPAN_KIND_COUNT;
    task_countdown.trace(&countdown, text, sizeof text - 1, &stats, &sink);
    assert_int_equal(sink.count, WANT);
    assert_int_equal(spans[2].kind, TRACE_SPAN_KIND_COUNT);
}

static void words_are_counted_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t    counts[TRACE_WORDS_COUNT]; /* backtrack, verification, alternative, self-correction, subgoal */
    } cases[] = {
        {"Wait, that is wrong. Let me go back.", {2, 0, 0, 1, 0}},
        {"waiter awaits", {0, 0, 0, 0, 0}},
        {"Let\xE2\x80\x99s check: alternatively, another way.", {0, 1, 2, 0, 0}},
        {"This is not correct, so we must have made another mistake. Let's correct that.", {0, 0, 0, 3, 0}},
        {"First, step 2. Step 25.", {0, 0, 0, 0, 2}},
        {"Double-check by plugging back in. VERIFY.", {0, 3, 0, 0, 0}},
        {"", {0, 0, 0, 0, 0}},
        {"wai", {0, 0, 0, 0, 0}},
        {"await, 1wait", {0, 0, 0, 0, 0}},
        {"wait\xC3\xA9", {0, 0, 0, 0, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t counts[TRACE_WORDS_COUNT];
        trace_words(cases[i].text, strlen(cases[i].text), counts, NULL);
        for (int w = 0; w < TRACE_WORDS_COUNT; w++) {
            if (counts[w] != cases[i].counts[w]) {
                fail_msg("%s: kind %d is %u", cases[i].text, w, counts[w]);
            }
        }
    }
}

static void repetition_is_a_share_of_ngrams(void **state)
{
    (void)state;
    /* 2-grams: ab bc ca ab bc ca ab: 4 of 7 are copies */
    assert_true(fabs(repetition_of_words(" a b  c a\nb c a b ", 18, 2) - 4.0 / 7) < 1e-12);
    assert_true(repetition_of_words("abc abd", 7, 1) == 0);
    assert_true(repetition_of_words(" a b  c a\nb c a b ", 18, 8) == 0);
    assert_true(repetition_of_words(" a b  c a\nb c a b ", 18, 0) == 0);
    assert_true(repetition_of_words("", 0, 2) == 0);
    /* the fixed words of honest misses are no repetition; a copied attempt is */
    static const char honest[] = "Try (16+5)+4=21+4=25. Not 84. Go back.\nTry 16-(5-4)=16-1=15. Not 84. Go back.\n"
                                 "Try 16*(5-4)=16*1=16. Not 84. Go back.\n";
    static const char copied[] = "Try 16-(5-4)=16-1=15. Not 84. Go back.\nTry 16-(5-4)=16-1=15. Not 84. Go back.\n"
                                 "Try 16-(5-4)=16-1=15. Not 84. Go back.\n";
    assert_true(repetition_of_words(honest, sizeof honest - 1, 6) == 0);
    assert_true(fabs(repetition_of_words(copied, sizeof copied - 1, 6) - 7.0 / 13) < 1e-12);
}

/* Far more attempts than the table of distinct ones holds. */
static void many_attempts_stay_in_bounds(void **state)
{
    (void)state;
    static TraceBuilder builder;
    TraceStats          stats;
    trace_begin(&builder, &stats, NULL);
    for (uint64_t key = 1; key <= 3000; key++) {
        TraceAttempt attempt = {.legal = true, .right = true, .key = key};
        trace_attempt(&builder, &attempt);
        trace_claim(&builder, 0, 0, TRACE_CLAIM_NO);
    }
    trace_end(&builder, false);
    assert_int_equal(stats.attempts, 3000);
    assert_int_equal(stats.distinct, TRACE_DISTINCT_MAX);
    assert_int_equal(stats.repeated, 3000 - TRACE_DISTINCT_MAX);
    assert_int_equal(stats.verified, TRACE_DISTINCT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_recipes_trace_is_read),    cmocka_unit_test(a_hit_is_seen_where_it_happens),
        cmocka_unit_test(attempts_are_judged_strictly), cmocka_unit_test(verdicts_and_checks_are_verified),
        cmocka_unit_test(pick_three_is_read),           cmocka_unit_test(spans_point_at_the_text),
        cmocka_unit_test(words_are_counted_apart),      cmocka_unit_test(repetition_is_a_share_of_ngrams),
        cmocka_unit_test(many_attempts_stay_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
