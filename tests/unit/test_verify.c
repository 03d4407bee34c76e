#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "engine/io/json.h"
#include "rlsp/math/box.h"
#include "rlsp/task/verify_line.h"

static const Problem problem = {.count = 3, .numbers = {3, 7, 20}, .target = 53};

static void answers_are_judged(void **state)
{
    (void)state;
    static const struct {
        const char *response;
        bool        correct;
        const char *reason; /* part of it */
    } cases[] = {
        {"Answer: \\boxed{(20*3)-7}", true, "correct"},
        {"Answer: \\boxed{(3*20)-7}", true, "correct"},
        {"Answer: \\boxed{ (20*3)-7\n}", true, "correct"},
        {"Answer: \\boxed\n{(020*3)-7}", true, "correct"},
        {"\\boxed{\\boxed{(20*3)-7}}", true, "correct"},
        {"\\boxed{1} and \\boxed{(20*3)-7}", true, "correct"},
        {"\\boxed{(20*3)-7} and \\boxed{1", true, "correct"}, /* the last complete one */
        {"\\boxed{x \\boxed{(20*3)-7}", true, "correct"},
        {"{{{ \\boxed{(20*3)-7}", true, "correct"},
        {"}}} \\boxed{(20*3)-7}", true, "correct"},
        {"\\boxed{(20*3)-7} then \\boxed{(20+3)-7}", false, "wrong value"},
        {"\\boxed{(20+3)-7}", false, "wrong value"},
        {"\\boxed{(7-20)*3}", false, "wrong value"},
        {"\\boxed{7/(20/3)}", false, "wrong value"}, /* 21/20 */
        {"\\boxed{20*3-7}", false, "not written"},
        {"\\boxed{((20*3)-7)}", false, "not written"},
        {"\\boxed{(20*3)-7=53}", false, "not written"},
        {"\\boxed{( 20*3)-7}", false, "not written"},
        {"\\boxed{53}", false, "not written"},
        {"\\boxed{(20*3)-7 or (20+3)-7}", false, "not written"},
        {"\\boxed{(20\\times3)-7}", false, "not written"},
        {"\\boxed{(-20*3)-7}", false, "not written"},
        {"\\boxed{\xD9\xA3+(\xD9\xA3*\xD9\xA3)}", false, "not written"},   /* Arabic-Indic digits */
        {"\\boxed{\xEF\xBC\x92\xEF\xBC\x90+(3*7)}", false, "not written"}, /* full-width 20 */
        {"\\boxed{(20*3)\xE2\x88\x92"
         "7}",
         false, "not written"}, /* U+2212 minus */
        {"\\boxed{(((((((((((((20*3)-7}", false, "not written"},
        {"\\boxed{__import__('os').getpid()}", false, "not written"},
        {"\\boxed{%s%n%s%n}", false, "not written"},
        {"\\boxed{correct}", false, "not written"},
        {"\\boxed{(99999999999999999999999999*3)-7}", false, "not written"},
        {"\\boxed{(999999999999999999*999999999999999999)*999999999999999999}", false, "numbers"},
        {"\\boxed{(20*20)-7}", false, "numbers"},
        {"\\boxed{(20*3)-20}", false, "numbers"},
        {"\\boxed{(60-7)+0}", false, "numbers"},
        {"\\boxed{20+3}", false, "numbers"},
        {"\\boxed{}", false, "no answer"},
        {"\\boxed{  }", false, "no answer"},
        {"\\boxed{(20*3)-7", false, "no answer"},
        {"\\boxed (20*3)-7", false, "no answer"},
        {"boxed{(20*3)-7}", false, "no answer"},
        {"\\boxedx{(20*3)-7}", false, "no answer"},
        {"\\boxed\\{(20*3)-7\\}", false, "no answer"},
        {"\\\\boxed{(20*3)-7}", false, "no answer"}, /* a line break and the word */
        {"(20*3)-7", false, "no answer"},
        {"", false, "no answer"},
        {"\\", false, "no answer"},
        {"\\boxed", false, "no answer"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        TaskVerdict verdict;
        task_verify(&task_countdown, &problem, cases[i].response, strlen(cases[i].response), &verdict);
        if (verdict.correct != cases[i].correct || strstr(verdict.reason, cases[i].reason) == NULL) {
            fail_msg("%s: %s", cases[i].response, verdict.reason);
        }
        assert_int_equal(verdict.answered, strstr(verdict.reason, "no answer") == NULL);
    }
}

static void division_is_exact_and_never_traps(void **state)
{
    (void)state;
    const Problem zero = {.count = 3, .numbers = {0, 7, 7}, .target = 1},
                  half = {.count = 3, .numbers = {1, 2, 4}, .target = 2};
    TaskVerdict verdict;
    task_verify(&task_countdown, &zero, "\\boxed{0/(7-7)}", 15, &verdict);
    assert_string_equal(verdict.reason, "division by zero");
    task_verify(&task_countdown, &zero, "\\boxed{(7/7)+0}", 15, &verdict);
    assert_true(verdict.correct);
    task_verify(&task_countdown, &half, "\\boxed{4*(1/2)}", 15, &verdict);
    assert_true(verdict.correct);
    task_verify(&task_countdown, &half, "\\boxed{4-(1/2)}", 15, &verdict);
    assert_false(verdict.correct);
    assert_int_equal(verdict.numerator, 7);
    assert_int_equal(verdict.denominator, 2);
}

/* The visible extraction table of VERIFIER.md section 7. */
static void the_extraction_table_holds(void **state)
{
    (void)state;
    FILE *file = fopen(TEST_DATA "/verifier/extract.jsonl", "r");
    assert_non_null(file);
    char  *line     = NULL;
    size_t capacity = 0, rows = 0;
    while (getline(&line, &capacity, file) > 0) {
        cJSON *row = cJSON_Parse(line);
        assert_non_null(row);
        const char *text = cJSON_GetObjectItem(row, "text")->valuestring;
        cJSON      *want = cJSON_GetObjectItem(row, "expected");
        Boxes       boxes;
        bool        found = boxes_find(text, strlen(text), &boxes);
        const char *got   = text + boxes.content;
        if (found != (bool)cJSON_IsString(want) ||
            (found && (strlen(want->valuestring) != boxes.content_length ||
                       memcmp(got, want->valuestring, boxes.content_length) != 0))) {
            fail_msg("%s: found %.*s", text, found ? (int)boxes.content_length : 0, got);
        }
        rows++;
        cJSON_Delete(row);
    }
    free(line);
    fclose(file);
    assert_int_equal(rows, 40);
}

static void boxes_say_where_they_lie(void **state)
{
    (void)state;
    static const char text[] = "a \\boxed{1} b \\boxed{ (20*3)-7 } c";
    TaskVerdict       verdict;
    task_verify(&task_countdown, &problem, text, sizeof text - 1, &verdict);
    assert_int_equal(verdict.boxes, 2);
    assert_int_equal(verdict.box_offset, 14);
    assert_int_equal(verdict.answer_offset, 22);
    assert_int_equal(verdict.answer_length, 8);
    assert_string_equal(verdict.answer, "(20*3)-7");
    /* nothing is read past `length` */
    task_verify(&task_countdown, &problem, text, 20, &verdict);
    assert_int_equal(verdict.boxes, 1);
    assert_string_equal(verdict.answer, "1");
}

/* A megabyte of each: judged in one pass, with the right verdict. */
static void large_responses_are_judged_in_linear_time(void **state)
{
    (void)state;
    static const struct {
        const char *unit, *tail;
        bool        correct;
        const char *reason;
    } cases[] = {
        {"x ", "\\boxed{(20*3)-7}", true, "correct"},
        {"\\boxed{", "\\boxed{(20*3)-7}", true, "correct"},
        {"\\boxed{1}", "\\boxed{(20*3)-7}", true, "correct"},
        {"{", "\\boxed{(20*3)-7}", true, "correct"},
        {"}", "\\boxed{(20*3)-7}", true, "correct"},
        {"\\boxed{", "", false, "no answer"},
        {"\\", "", false, "no answer"},
        {"\\boxed   ", "", false, "no answer"},
        {"\\boxed{}", "", false, "no answer"},
        {"\\boxed{{}", "}", false, ""},
        {"Try (20*3)-7=60-7=53. Not 53. Go back.\n", "", false, "no answer"},
        {"Check: 1+1=2,", "", false, "no answer"},
        {"1+1+", "", false, "no answer"},
        {"9", "", false, "no answer"},
        {"((((", "", false, "no answer"},
        {"Try ((((((", "", false, "no answer"},
    };
    enum { SIZE = 1 << 20 };
    char *text = malloc(SIZE + 64);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t unit = strlen(cases[i].unit), length = 0;
        while (length + unit <= SIZE) {
            memcpy(text + length, cases[i].unit, unit);
            length += unit;
        }
        memcpy(text + length, cases[i].tail, strlen(cases[i].tail));
        length += strlen(cases[i].tail);
        clock_t     start = clock();
        TaskVerdict verdict;
        TraceStats  stats;
        size_t      at, content, content_length;
        task_verify(&task_countdown, &problem, text, length, &verdict);
        assert_int_equal(verdict.correct, cases[i].correct);
        assert_non_null(strstr(verdict.reason, cases[i].reason));
        task_countdown.trace(&problem, text, length, &stats, NULL);
        task_verify(&task_pick_three, &problem, text, length, &verdict);
        task_pick_three.trace(&problem, text, length, &stats, NULL);
        (void)boxes_find_first_shallow(text, length, &at, &content, &content_length);
        double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        if (seconds > 2.0) { /* hundredths of a second; quadratic work would take minutes */
            fail_msg("%s took %.1f s", cases[i].unit, seconds);
        }
    }
    free(text);
}

static void a_long_answer_is_a_limit(void **state)
{
    (void)state;
    static char text[6000];
    memset(text, '1', sizeof text);
    memcpy(text, "\\boxed{", 7);
    text[sizeof text - 1] = '}';
    TaskVerdict verdict;
    task_verify(&task_countdown, &problem, text, sizeof text, &verdict);
    assert_false(verdict.correct);
    assert_true(verdict.answered);
    assert_non_null(strstr(verdict.reason, "limit"));
    assert_int_equal(verdict.answer_length, sizeof text - 8);
    assert_int_equal(strlen(verdict.answer), TASK_ANSWER_BYTES - 1);
}

static void bytes_of_any_kind_are_data(void **state)
{
    (void)state;
    static const char text[] = "\0\xFF\xFE\xED\xA0\x80\xEF\xBB\xBF\xE2\x80\xAE \\boxed{(20*3)-7}\0 \\boxed{\0}";
    TaskVerdict       verdict;
    TraceStats        stats;
    task_verify(&task_countdown, &problem, text, sizeof text - 1 - 10, &verdict);
    assert_true(verdict.correct);
    task_verify(&task_countdown, &problem, text, sizeof text - 1, &verdict);
    assert_false(verdict.correct);
    task_countdown.trace(&problem, text, sizeof text - 1, &stats, NULL);
    task_pick_three.trace(&problem, text, sizeof text - 1, &stats, NULL);
}

/* The authors' search: the first box with at most one level inside. */
static void the_shallow_search_is_the_authors(void **state)
{
    (void)state;
    static const struct {
        const char *text, *content; /* NULL: none */
    } cases[] = {
        {"a \\boxed{1} \\boxed{2}", "1"},
        {"\\boxed{\\frac{1}{2}}", "\\frac{1}{2}"},
        {"\\boxed{\\frac{\\sqrt{2}}{2}} \\boxed{3}", "3"},
        {"\\boxed{\\boxed{5}}", "\\boxed{5}"},
        {"\\boxed{\\boxed{\\boxed{5}}}", "\\boxed{5}"},
        {"\\boxed {5}", NULL},
        {"\\boxed{5", NULL},
        {"\\boxed{}", ""},
        {"\\boxed{ 5 }", " 5 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t at, content, length;
        bool   found = boxes_find_first_shallow(cases[i].text, strlen(cases[i].text), &at, &content, &length);
        assert_int_equal(found, cases[i].content != NULL);
        if (found) {
            assert_int_equal(length, strlen(cases[i].content));
            assert_memory_equal(cases[i].text + content, cases[i].content, length);
        }
    }
}

static void lines_of_json_are_judged(void **state)
{
    (void)state;
    static const struct {
        const Task *task;
        const char *line;
        Status      status;
        const char *output; /* all of it, or for errors a part */
    } cases[] = {
        {NULL, "{\"numbers\":[3,7,20],\"target\":53,\"response\":\"x \\\\boxed{(20*3)-7}\"}", STATUS_OK,
         "{\"correct\":true,\"answer\":\"(20*3)-7\",\"reason\":\"correct\"}\n"},
        {NULL, "{\"id\":1,\"target\":53,\"numbers\":[20,3,7],\"pred\":\"(20*3)-7\"}\n", STATUS_OK,
         "{\"correct\":true,\"answer\":\"(20*3)-7\",\"reason\":\"correct\"}\n"},
        {NULL, "{\"numbers\":[3,7,20],\"target\":53,\"response\":\"no\"}", STATUS_OK,
         "{\"correct\":false,\"answer\":null,\"reason\":\"no answer: no complete \\\\boxed{…}\"}\n"},
        {NULL, "{\"numbers\":[3,7,20],\"target\":53,\"response\":\"\\u0000\\\\boxed{(20*3)-7}\"}", STATUS_OK,
         "{\"correct\":true,\"answer\":\"(20*3)-7\",\"reason\":\"correct\"}\n"},
        {&task_pick_three, "{\"numbers\":[2,5,8,9,10,12],\"target\":22,\"response\":\"\\\\boxed{2+8+12}\"}", STATUS_OK,
         "{\"correct\":true,\"answer\":\"2+8+12\",\"reason\":\"correct\"}\n"},
        {NULL, "{\"gt\":\"1/2\",\"pred\":\"0.5\"}", STATUS_OK,
         "{\"correct\":true,\"answer\":\"0.5\",\"reason\":\"correct\"}\n"},
        {NULL, "{\"gt\":\"1/2\",\"response\":\"It is \\\\boxed{0.6}\"}", STATUS_OK,
         "{\"correct\":false,\"answer\":\"0.6\",\"reason\":\"wrong value\"}\n"},
        {NULL, "{\"gt\":\"1/2\",\"response\":\"It is 1/2\"}", STATUS_OK,
         "{\"correct\":false,\"answer\":null,\"reason\":\"no answer\"}\n"},
        {NULL, "{\"gt\":\"284\",\"pred\":\"281+3\",\"problem\":\"What is $281 + 3$?\"}", STATUS_OK,
         "{\"correct\":false,\"answer\":\"281+3\",\"reason\":\"copy of the problem's expression\"}\n"},
        {NULL, "{\"gt\":12,\"pred\":\"12\"}", STATUS_BAD_INPUT, "gt"},
        {NULL, "{\"gt\":\"12\",\"pred\":\"12\",\"problem\":3}", STATUS_BAD_INPUT, "problem"},
        {NULL, "{\"gt\":\"12\"}", STATUS_BAD_INPUT, "response"},
        {NULL, "{\"numbers\":[3,7,20],\"response\":\"\"}", STATUS_BAD_INPUT, "target"},
        {NULL, "{\"numbers\":[3,7,20],\"target\":53}", STATUS_BAD_INPUT, "response"},
        {NULL, "{\"numbers\":[3,7,20],\"target\":53,\"response\":5}", STATUS_BAD_INPUT, "response"},
        {NULL, "{\"numbers\":[3,7,20],\"target\":53,\"response\":\"\",\"pred\":\"\"}", STATUS_BAD_INPUT, "pred"},
        {NULL, "{\"numbers\":[3],\"target\":53,\"response\":\"\"}", STATUS_BAD_INPUT, "numbers"},
        {NULL, "{\"numbers\":[3,-7,20],\"target\":53,\"response\":\"\"}", STATUS_BAD_INPUT, "numbers"},
        {NULL, "{\"numbers\":[3,1e99,20],\"target\":53,\"response\":\"\"}", STATUS_BAD_INPUT, "numbers"},
        {NULL, "{\"numbers\":[1,2,3,4,5,6,7,8,9],\"target\":53,\"response\":\"\"}", STATUS_BAD_INPUT, "numbers"},
        {NULL, "{\"numbers\":", STATUS_BAD_INPUT, "line 7"},
        {NULL, "[1]", STATUS_BAD_INPUT, "line 7"},
        {NULL, "", STATUS_BAD_INPUT, "line 7"},
    };
    JsonLine out = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Error         error   = {0};
        VerifyOptions options = {.task = cases[i].task};
        Status        status  = verify_line(&options, cases[i].line, strlen(cases[i].line), 7, &out, &error);
        assert_int_equal(status, cases[i].status);
        if (status == STATUS_OK) {
            assert_int_equal(out.size, strlen(cases[i].output));
            assert_memory_equal(out.data, cases[i].output, out.size);
        } else {
            cJSON *line = cJSON_ParseWithLength(out.data, out.size);
            assert_non_null(line);
            assert_true(cJSON_IsFalse(cJSON_GetObjectItem(line, "correct")));
            if (strstr(error.text, cases[i].output) == NULL) {
                fail_msg("%s: %s", cases[i].line, error.text);
            }
            assert_string_equal(cJSON_GetObjectItem(line, "error")->valuestring, error.text);
            cJSON_Delete(line);
        }
    }
    json_line_free(&out);
}

static void an_explanation_says_what_the_trace_shows(void **state)
{
    (void)state;
    static const char   line[]  = "{\"numbers\":[3,7,20],\"target\":53,\"response\":\"Try (20+3)-7=23-7=16. Not 53. Go "
                                  "back.\\nTry (20*3)-7=60-7=53. Yes.\\nAnswer: \\\\boxed{(20*3)-7}\"}";
    JsonLine            out     = {0};
    Error               error   = {0};
    const VerifyOptions options = {.task = &task_countdown, .explain = true};
    assert_int_equal(verify_line(&options, line, sizeof line - 1, 1, &out, &error), STATUS_OK);
    cJSON *object = cJSON_ParseWithLength(out.data, out.size);
    assert_non_null(object);
    assert_string_equal(cJSON_GetObjectItem(object, "value")->valuestring, "53");
    assert_true(cJSON_GetObjectItem(object, "attempts")->valuedouble == 2);
    assert_true(cJSON_GetObjectItem(object, "hit_attempt")->valuedouble == 2);
    assert_true(cJSON_GetObjectItem(object, "backtracks")->valuedouble == 1);
    cJSON_Delete(object);
    json_line_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_judged),
        cmocka_unit_test(division_is_exact_and_never_traps),
        cmocka_unit_test(the_extraction_table_holds),
        cmocka_unit_test(boxes_say_where_they_lie),
        cmocka_unit_test(large_responses_are_judged_in_linear_time),
        cmocka_unit_test(a_long_answer_is_a_limit),
        cmocka_unit_test(bytes_of_any_kind_are_data),
        cmocka_unit_test(the_shallow_search_is_the_authors),
        cmocka_unit_test(lines_of_json_are_judged),
        cmocka_unit_test(an_explanation_says_what_the_trace_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
