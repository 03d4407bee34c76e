/* Answers that are made to hang, to crash, to fill the memory, or to be taken for right by their shape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include "rlsp/math/exact.h"
#include "rlsp/math/verify.h"

#if defined(__SANITIZE_ADDRESS__)
enum { SLOWER = 20 };
#elif defined(NDEBUG)
enum { SLOWER = 1 };
#else
enum { SLOWER = 5 };
#endif

/* CPU time of the thread; what an answer may take at most. */
static const double SECONDS_MAX = 0.05 * SLOWER;

static const char *const golds[] = {
    "5",
    "\\pi",
    "x+1",
    "1,2,3",
    "(0,1]",
    "\\begin{pmatrix}1\\\\2\\end{pmatrix}",
    "y=2x+3",
    "\\text{east}",
    "28\\%",
    "\\{1\\pm\\sqrt{5},-2\\}",
    "x<1 \\text{ or } x>3",
    "52_8",
};

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Against a reference of every kind: never right, in time, within the budget. */
static void hostile(const char *answer, size_t length)
{
    for (size_t i = 0; i < sizeof golds / sizeof golds[0]; i++) {
        MathVerdict verdict;
        double      before = seconds();
        math_verify(golds[i], strlen(golds[i]), answer, length, NULL, &verdict);
        double taken = seconds() - before;
        if (verdict.correct || taken > SECONDS_MAX || verdict.work > MATH_WORK + MATH_WORK / 4) {
            fail_msg("%.60s… for %s: %s (%s), %.1f ms, work %lld", answer, golds[i], verdict.reason, verdict.rule,
                     1000 * taken, (long long)verdict.work);
        }
    }
}

static void fixed_texts_are_harmless(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "9^{9^{9^{9^9}}}",
        "10^{10^{10^{10}}}",
        "9^9^9^9^9",
        "5^{(5^{(5^{(5^5)}-4)}-5)/16}",
        "10**1837162916490332",
        "((9!)!)!",
        "(500!)^{16000}",
        "(500!)^{500!}",
        "(\\frac{1}{500!})^{-16000}",
        "500!!",
        "(10^{9})!",
        "\\binom{10^9}{10^8}",
        "e^{e^{e^{e^{e}}}}",
        "\\sin(e^{e^{10}})",
        "\\frac{1}{0}",
        "\\frac{0}{0}",
        "1/(1-1)",
        "\\infty-\\infty",
        "0^0",
        "0^{-1}",
        "\\log 0",
        "\\ln(-0)",
        "\\sqrt[0]{5}",
        "\\tan 90^\\circ",
        "NaN",
        "nan",
        "inf",
        "-inf",
        "1e400",
        "1e-400",
        "1e99999999999",
        "}{",
        ")(",
        "{",
        "}",
        "\\",
        "\\frac",
        "\\frac{}{}",
        "\\sqrt",
        "\\begin{pmatrix}",
        "\\begin{pmatrix} 1 & 2",
        "\\end{pmatrix}",
        "\\begin{",
        "\\text{",
        "\\left(",
        "\\right)",
        "^",
        "_",
        "x^",
        "x_",
        "1_",
        "1_{",
        "&",
        "\\\\",
        "|",
        "||",
        "'",
        "!",
        "%",
        "$",
        "$$",
        "\\boxed{",
        "**",
        "****",
        "%s%n%s%n",
        "/etc/passwd",
        "$(reboot)",
        "`reboot`",
        "__import__('os').getpid()",
        "\\input{x}",
        "\\write18{reboot}",
        "\\prod_{k=1}^{10^{9}} k",
        "\\sum_{k=1}^{10^{9}} k",
        "\\int_0^{10^{9}} x dx",
        "\\lim_{n \\to \\infty} n",
        "\xFF\xFE",
        "\xC3",
        "\xED\xA0\x80",
        "\xEF\xBB\xBF",
        "\xE2\x80\xAE x",
        "\xF0\x9F\x98\x80",
        "\xE2\x88",
        "1=1=1=2",
        "===",
        "\\pm\\pm\\pm",
        "\\pm\\pm 5",
        "*",
        "",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        hostile(texts[i], strlen(texts[i]));
    }
    hostile("\0", 1);
    hostile("5\0"
            "6",
            3);
    hostile("1,2,3\0", 6);
}

/* head, then `unit` as often as fits into `size`, then tail */
static size_t repeat(char *text, size_t size, const char *head, const char *unit, const char *tail)
{
    size_t length = strlen(head), n = strlen(unit), end = strlen(tail);
    memcpy(text, head, length);
    for (; length + n + end <= size; length += n) {
        memcpy(text + length, unit, n);
    }
    memcpy(text + length, tail, end);
    return length + end;
}

static void long_and_deep_texts_are_harmless(void **state)
{
    (void)state;
    static const char *const units[][3] = {
        {"", "{", ""},
        {"", "}", ""},
        {"", "(", ""},
        {"", "[", "1"},
        {"", "\\{", ""},
        {"", "|", ""},
        {"", "9", ""},
        {"0.", "3", ""},
        {"", "1+", "1"},
        {"", "1/", "1"},
        {"", "1,", "1"},
        {"", "-", "5"},
        {"", "\\sqrt{", "2"},
        {"", "\\sqrt", "2"},
        {"", "\\sqrt[", "2"},
        {"", "\\frac\\sqrt", "2"},
        {"", "x^{", "x"},
        {"", "\\frac{1}{", "1"},
        {"", "\\frac{1}{1\\frac{1}{", "1"},
        {"5", "!", ""},
        {"5", "\\%", ""},
        {"x", "^2", ""},
        {"x", "'", ""},
        {"x_{", "a", "}"},
        {"", "\\pm", "5"},
        {"", "1\\pm 2,", "3"},
        {"", "=", ""},
        {"", "x=", "6"},
        {"", "_", ""},
        {"", "a", ""},
        {"", "\\text{", ""},
        {"", "\\left(", ""},
        {"", "500!+", "1"},
        {"", "2^{16000}\\cdot ", "1"},
        {"", "\\frac{1}{9973}+", "1"},
        {"", "\\sin 7\\cos 9\\ln 11", ""},
        {"", "x^{99}\\sqrt{x+3}+", "y"},
        {"", "\\sqrt[1000]{2}", ""},
        {"", "(1+10^{-30})^{500}", ""},
        {"", "\\binom{1000}{500}", ""},
        {"", "(0,1)\\cup", "(2,3)"},
        {"", "\\mathbb{R}\\setminus", "\\{1\\}"},
        {"\\begin{pmatrix}", "1&", "1\\end{pmatrix}"},
        {"\\begin{pmatrix}", "1\\\\", "1\\end{pmatrix}"},
        {"", "\\begin{pmatrix}", ""},
        {"0.\\overline{", "7", "}"},
        {"", "\\boxed{", ""},
        {"", "\\log_", "2"},
        {"", "\\sin^", "2"},
        {"", "e^{i", ""},
        {"", "\xE2\x88\x9A", "2"},
        {"", "\xC2\xB2", ""},
        {"5", " cm", ""},
        {"5 \\text{", " tickets", "}"},
        {"", "1:", "2"},
        {"", "\\angle A", ""},
        {"", "\\$", "5"},
        {"\\{x|", "x<", "5\\}"},
        {"", "(1,", "2)"},
        {"\\{", "\\sqrt{2},", "1\\}"},
        {"", "\\pi=", "\\pi+1"},
        {"", "|-", "5"},
    };
    static const size_t sizes[] = {64, 1000, 4096, 5000, 1 << 20};
    char               *text    = malloc(1 << 20);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            hostile(text, repeat(text, sizes[k], units[i][0], units[i][1], units[i][2]));
        }
    }
    free(text);
}

/* Near equals that only exact or very precise arithmetic tells apart. */
static void almost_equal_is_not_equal(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"1", "1+10^{-500}"},
        {"\\pi", "\\pi+10^{-500}"},
        {"\\pi", "\\pi(1+10^{-400})"},
        {"\\sin 1", "\\sin(1+10^{-300})"},
        {"x", "x+10^{-300}"},
        {"x^2", "x^2+10^{-60}x"},
        {"262537412640768744", "e^{\\pi\\sqrt{163}}"},
        {"\\frac{1}{2004!}", "\\frac{1}{2006!}"},
        {"\\frac{1}{400!}", "\\frac{1}{401!}"},
        {"2^{-99}", "2^{-98}"},
        {"0", "2^{-4000}"},
        {"\\sqrt{2}", "\\frac{665857}{470832}"},
        {"\\sqrt{2}", "\\sqrt{2+10^{-100}}"},
        {"10^{4000}", "10^{4000}+1"},
        {"x=1", "x=1+10^{-50}"},
        {"(0,1)", "(0,1+10^{-50})"},
        {"y=x", "y=x+10^{-40}"},
        {"|x|", "x"},
        {"|x-50|", "50-x"},
        {"\\sqrt{x^2}", "x"},
        {"i", "i+10^{-90}"},
        {"(x-1)(x-2)", "x^2-3x+2+10^{-200}"},
        {"\\cos x", "1-\\frac{x^2}{2}"},
        {"e^{x}", "e^{x}+10^{-120}"},
        {"\\pi", "\\pi+e^{-1000}"},
        {"x", "x+e^{-x^2-200}"},
        {"\\pi", "\\pi+2^{-e^{7}}"},
        {"\\pi", "\\pi+\\sin(e^{-500})"},
        {"\\sqrt{2}", "\\sqrt{2}+\\frac{1}{300!}"},
        {"1", "\\tanh 200"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        MathVerdict verdict;
        double      before = seconds();
        math_verify(pairs[i][0], strlen(pairs[i][0]), pairs[i][1], strlen(pairs[i][1]), NULL, &verdict);
        assert_true(seconds() - before < SECONDS_MAX);
        if (verdict.correct) {
            fail_msg("%s is not %s: %s", pairs[i][1], pairs[i][0], verdict.rule);
        }
    }
}

/* What earns a reward for its shape where a verifier is careless. */
static void shapes_are_not_rewarded(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"5", "4,5,6"},
        {"5", "\\{4,5,6\\}"},
        {"5", "5 \\text{ or } 6"},
        {"5", "5, -5"},
        {"5", "\\pm 5"},
        {"5", "5 \\pm 1"},
        {"5", "[4,6]"},
        {"5", "(4,6)"},
        {"5", "x \\ge 5"},
        {"5", "x \\le 5"},
        {"5", "4 \\le x \\le 6"},
        {"5", "\\mathbb{R}"},
        {"5", "(-\\infty,\\infty)"},
        {"5", "x \\ne 4"},
        {"5", "x"},
        {"5", "x=x"},
        {"5", "0=0"},
        {"5", "n \\text{ such that } n=5"},
        {"5", "\\text{correct}"},
        {"5", "\\text{the answer}"},
        {"5", "5 = 6"},
        {"5", "6 = 5"},
        {"5", "4 = 5"},
        {"5", "5 \\approx 6"},
        {"5", "\\text{5 or 6}"},
        {"5", "5;6"},
        {"5", "5 6"},
        {"5", "56"},
        {"3,7", "3"},
        {"3,7", "1,2,3,4,5,6,7"},
        {"3,7", "3,7,3"},
        {"3,7", "(3,7)"},
        {"3,7", "[3,7]"},
        {"3\\pm 2\\sqrt{2}", "3+2\\sqrt{2}"},
        {"[0,1]", "\\mathbb{R}"},
        {"[0,1]", "[-100,100]"},
        {"[0,1]", "(0,1)"},
        {"[0,1]", "[0,1] \\cup [2,3]"},
        {"x>3", "x>3, x<3"},
        {"x>3", "x>3 \\text{ or } x \\le 3"},
        {"y=2x+3", "0=0"},
        {"y=2x+3", "(y-2x-3)(x-1)=0"},
        {"y=2x+3", "y=2x+3, y=2x-3"},
        {"\\text{(C)}", "A, B, C, D, E"},
        {"\\text{(C)}", "\\text{A or C}"},
        {"\\text{even}", "\\text{even or odd}"},
        {"\\text{Evelyn}", "\\text{Evelyn, Debra, Angela}"},
        {"x+1", "x+c"},
        {"x+1", "x+1, x+2"},
        {"\\$36", "36 \\text{ cents}"},
        {"28\\%", "[0, 100\\%]"},
        {"52_8", "52_9"},
        {"52_8", "52_8, 52_9"},
        {"52_8", "52_x"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        MathVerdict verdict;
        math_verify(pairs[i][0], strlen(pairs[i][0]), pairs[i][1], strlen(pairs[i][1]), NULL, &verdict);
        if (verdict.correct) {
            fail_msg("%s for %s: %s", pairs[i][1], pairs[i][0], verdict.rule);
        }
    }
}

static MathReason with_problem(const char *problem, const char *gold, const char *answer)
{
    MathVerdict verdict;
    MathOptions options    = math_options_default();
    options.problem        = problem;
    options.problem_length = strlen(problem);
    math_verify(gold, strlen(gold), answer, strlen(answer), &options, &verdict);
    return verdict.code;
}

static void copies_of_the_question_are_told(void **state)
{
    (void)state;
    static const char *const problem = "Compute $\\dfrac{3 \\cdot 4}{2} + 2^{10}$, then list 3, 1 in increasing order.";
    assert_int_equal(with_problem(problem, "1024", "2^{10}"), MATH_COPIED);
    assert_int_equal(with_problem(problem, "1024", "1024"), MATH_CORRECT);
    assert_int_equal(with_problem(problem, "1024", "2^9 \\cdot 2"), MATH_CORRECT); /* its own work */
    assert_int_equal(with_problem(problem, "12", "3\\cdot4"), MATH_COPIED);
    assert_int_equal(with_problem(problem, "2^{10}", "2^{ 10 }"), MATH_CORRECT); /* as the reference has it */
    assert_int_equal(with_problem("Is 3/4 more than 2/3?", "\\frac{3}{4}", "3/4"), MATH_CORRECT);
    assert_int_equal(with_problem(problem, "1,3", "3,1"), MATH_WRONG); /* the problem asks for an order */
    assert_int_equal(with_problem(problem, "1,3", "1,3.0"), MATH_CORRECT);
    assert_int_equal(with_problem("List them.", "1,3", "3,1"), MATH_CORRECT);
}

/* A verdict does not depend on what came before it, and takes no memory with it. */
static void verdicts_repeat_and_memory_stays(void **state)
{
    (void)state;
    static const char *const answers[] = {"\\pi+10^{-500}", "500!+500!", "(x+1)^{40}", "1,2,3,4", "9^{9^{9}}"};
    struct rusage            before, after;
    int64_t                  work[5] = {0};
    for (int round = 0; round < 400; round++) {
        for (size_t i = 0; i < 5; i++) {
            MathVerdict verdict;
            math_verify("\\pi", 3, answers[i], strlen(answers[i]), NULL, &verdict);
            assert_true(round == 0 || work[i] == verdict.work);
            work[i] = verdict.work;
        }
        if (round == 50) {
            getrusage(RUSAGE_SELF, &before);
        }
    }
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 4096 * SLOWER); /* KiB */
    assert_true(SLOWER > 5 || after.ru_maxrss < 64 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_texts_are_harmless),        cmocka_unit_test(long_and_deep_texts_are_harmless),
        cmocka_unit_test(almost_equal_is_not_equal),       cmocka_unit_test(shapes_are_not_rewarded),
        cmocka_unit_test(copies_of_the_question_are_told), cmocka_unit_test(verdicts_repeat_and_memory_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
