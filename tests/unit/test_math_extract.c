#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rlsp/math/extract.h"

typedef struct Case {
    const char       *response, *answer; /* NULL: none */
    MathExtractPolicy policy;
} Case;

static void check(const Case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        MathAnswer answer;
        bool       found = math_extract(cases[i].response, strlen(cases[i].response), &cases[i].policy, &answer);
        if (found != (cases[i].answer != NULL) ||
            (found &&
             (answer.length != strlen(cases[i].answer) || memcmp(answer.text, cases[i].answer, answer.length) != 0))) {
            fail_msg("%s: found \"%.*s\", wanted %s", cases[i].response, found ? (int)answer.length : 0, answer.text,
                     cases[i].answer == NULL ? "nothing" : cases[i].answer);
        }
    }
}

static void the_last_complete_box_is_the_answer(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"So \\boxed{\\frac{\\sqrt{3}}{2}}.", "\\frac{\\sqrt{3}}{2}", {0}},
        {"\\boxed{4}, no, \\boxed{ 5 } and \\boxed{6", "5", {0}},
        {"\\boxed{840}..\\boxed{840}", "840", {0}},
        {"\\boxed{\\{1, 2\\}}", "\\{1, 2\\}", {0}},
        {"\\boxed\n{7}", "7", {0}},
        {"\\boxed{\\boxed{7}}", "7", {0}},
        {"I boxed my answer: 7", NULL, {0}},
        {"\\boxed 5", NULL, {0}},
        {"\\boxed{}", NULL, {0}},
        {"\\boxed{ \n }", NULL, {0}},
        {"\\boxed{5", NULL, {0}},
        {"\\fbox{5}", NULL, {0}},
        {"the answer is 5", NULL, {0}},
        {"", NULL, {0}},
    };
    check(cases, sizeof cases / sizeof cases[0]);
}

static void quoted_boxes_are_none(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"> Put it in \\boxed{1}.\nIt is \\boxed{2}.", "2", {0}},
        {"It is \\boxed{2}.\n> Put it in \\boxed{1}.", "2", {0}},
        {"It is \\boxed{2}, in the form `\\boxed{answer}`.", "2", {0}},
        {"It is \\boxed{2}. The problem said \"$\\boxed{1}$\".", "2", {0}},
        {"It is \\boxed{2}. It said \xE2\x80\x9C\\boxed{1}\xE2\x80\x9D.", "2", {0}},
        {"> \\boxed{1}", NULL, {0}},
        {"a > b, so $\\boxed{2}$", "2", {0}}, /* no quotation: the line does not begin with it */
        {"a `code` word, $\\boxed{2}$", "2", {0}},
    };
    check(cases, sizeof cases / sizeof cases[0]);
}

static void the_policy_chooses(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"\\boxed{4} \\boxed{5}", "4", {.choice = MATH_BOX_FIRST}},
        {"\\boxed{4} \\boxed{5}", NULL, {.choice = MATH_BOX_ONLY}},
        {"\\boxed{5} \\boxed{5}", "5", {.choice = MATH_BOX_ONLY}},
        {"\\boxed{4} \\fbox{5}", "5", {.fbox = true}},
        {"\\boxed{4} \\fbox{5}", "4", {0}},
        {"The answer is 5.", "5", {.phrases = true}},
        {"The answer is $\\frac{1}{2}$. More.", "\\frac{1}{2}", {.phrases = true}},
        {"Final Answer: The final answer is $x=3$. I hope it is correct. \\boxed{4}", "x=3", {.phrases = true}},
        {"The answer is 5. \\boxed{6}", "6", {.phrases = true}}, /* a box before words */
        {"12 + 3 = 15\n#### 1,015\n", "1,015", {.phrases = true}},
        {"It is 3.5, or rather -7.25.", "-7.25", {.phrases = true}},
        {"nothing", NULL, {.phrases = true}},
    };
    check(cases, sizeof cases / sizeof cases[0]);
}

static void what_was_found_is_told(void **state)
{
    (void)state;
    static const char text[] = "\\boxed{4} then \\boxed{5}";
    MathAnswer        answer;
    assert_true(math_extract(text, sizeof text - 1, NULL, &answer));
    assert_int_equal(answer.boxes, 2);
    assert_true(answer.boxes_differ);
    assert_int_equal(answer.offset, 15);
    assert_string_equal(math_extract_way(answer.way), "box");
    assert_false(math_extract(text, 8, NULL, &answer)); /* nothing is read past the length */
    assert_int_equal(answer.offset, 8);
}

/* A megabyte of boxes, braces and quotes takes one pass. */
static void extraction_is_linear(void **state)
{
    (void)state;
    static const char *const units[] = {"\\boxed{",        "{",          "}",       "`\\boxed{1}",
                                        "> \\boxed{1}\n",  "\\boxed{1}", "#### 1 ", "the answer is ",
                                        "\\boxed{\\boxed{"};
    enum { SIZE = 1 << 20 };
    char *text = malloc(SIZE);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t unit = strlen(units[i]), length = 0;
        for (; length + unit <= SIZE; length += unit) {
            memcpy(text + length, units[i], unit);
        }
        const MathExtractPolicy policy = {.fbox = true, .phrases = true};
        MathAnswer              answer;
        clock_t                 before = clock();
        math_extract(text, length, &policy, &answer);
        double seconds = (double)(clock() - before) / CLOCKS_PER_SEC;
        if (seconds > 0.5) {
            fail_msg("a megabyte of \"%s\" took %.2f s", units[i], seconds);
        }
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_complete_box_is_the_answer),
        cmocka_unit_test(quoted_boxes_are_none),
        cmocka_unit_test(the_policy_chooses),
        cmocka_unit_test(what_was_found_is_told),
        cmocka_unit_test(extraction_is_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
