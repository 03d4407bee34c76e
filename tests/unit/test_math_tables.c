/* The labelled pairs, and every reference answer of MATH-500 against itself and its near misses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/json.h"
#include "rlsp/math/verify.h"

static MathVerdict verdict_of(const char *gold, size_t gold_length, const char *answer, size_t length)
{
    MathVerdict verdict;
    math_verify(gold, gold_length, answer, length, NULL, &verdict);
    return verdict;
}

static MathVerdict judge(const char *gold, const char *answer)
{
    return verdict_of(gold, strlen(gold), answer, strlen(answer));
}

/* Calls `row` for each line of a file of the tests' data; how many there were. */
static size_t for_each(const char *path, void (*row)(const cJSON *))
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char   *line     = NULL;
    size_t  capacity = 0, rows = 0;
    ssize_t length;
    while ((length = getline(&line, &capacity, file)) > 0) {
        cJSON *object = NULL;
        Error  error  = {0};
        assert_int_equal(json_parse_with_nul(line, (size_t)length, path, &object, &error), STATUS_OK);
        row(object);
        cJSON_Delete(object);
        rows++;
    }
    free(line);
    fclose(file);
    return rows;
}

static const char *text_of(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key)->valuestring;
}

static void pair_is_judged_as_labelled(const cJSON *row)
{
    const cJSON *gold = cJSON_GetObjectItemCaseSensitive(row, "gt"),
                *pred = cJSON_GetObjectItemCaseSensitive(row, "pred");
    bool        truth = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(row, "truth"));
    MathVerdict verdict =
        verdict_of(gold->valuestring, json_string_bytes(gold), pred->valuestring, json_string_bytes(pred));
    if (verdict.correct != truth) {
        fail_msg("%s: \"%s\" for \"%s\" is %s, and was judged: %s (%s)", text_of(row, "id"), pred->valuestring,
                 gold->valuestring, truth ? "right" : "wrong", verdict.reason, verdict.rule);
    }
}

static void the_labelled_pairs_are_judged_as_labelled(void **state)
{
    (void)state;
    assert_int_equal(for_each(TEST_DATA "/verifier/pairs.jsonl", pair_is_judged_as_labelled), 1799);
}

static void expect(const char *gold, const char *answer, bool correct)
{
    MathVerdict verdict = judge(gold, answer);
    if (verdict.correct != correct) {
        fail_msg("\"%s\" for \"%s\": %s (%s)", answer, gold, verdict.reason, verdict.rule);
    }
}

static void answer_is_itself_in_every_form(const cJSON *row)
{
    static const char *const forms[][2] = {
        {"", ""},          {"$", "$"},       {"$$", "$$"}, {" ", " "},
        {"\\(", "\\)"},    {"\\[ ", " \\]"}, {"{", "}"},   {"\\displaystyle ", ""},
        {"\\boxed{", "}"}, {"", "."},        {"", "\\,"},  {"\\left. ", " \\right."},
        {"**", "**"},      {"", ","},        {"", ";"},    {"\\ ", "\\ "},
        {"~", "\\quad"},   {"\\!", "\\;"},   {"\n", "\n"}, {"\\textstyle{", "}"},
    };
    /* the same sign, otherwise written */
    static const char *const spellings[][2] = {
        {"\\frac", "\\dfrac"}, {"\\frac", "\\tfrac"}, {"\\frac", "\\cfrac"}, {"\\left", ""},
        {"\\right", ""},       {"\\left", "\\big"},   {"\\right", "\\big"},  {"\\pi", "\u03C0"},
        {"\\infty", "\u221E"}, {"\\cup", "\u222A"},   {"^\\circ", "\u00B0"}, {"^\\circ", "^{\\circ}"},
        {"\\cdot", "\\times"}, {"-", "\u2212"},       {"\\sqrt", "\u221A"},  {"\\pm", "\u00B1"},
        {"\\le ", "\\leq "},   {"^2", "\u00B2"},      {"^2", "^{2}"},        {"pmatrix", "bmatrix"},
        {"\\%", "%"},          {", ", ","},           {"=", " = "},          {"\\$", ""},
    };
    const char *gold = text_of(row, "answer");
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char answer[512];
        assert_true((size_t)snprintf(answer, sizeof answer, "%s%s%s", forms[i][0], gold, forms[i][1]) < sizeof answer);
        expect(gold, answer, true);
        expect(answer, gold, true); /* either way round */
    }
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        char   answer[512] = "";
        size_t length = strlen(spellings[i][0]), put = 0;
        for (const char *at = gold; *at != '\0' && put + 16 < sizeof answer;) {
            const bool here  = strncmp(at, spellings[i][0], length) == 0;
            const char one[] = {*at, '\0'};
            strcat(answer, here ? spellings[i][1] : one);
            put = strlen(answer);
            at += here ? length : 1;
        }
        expect(gold, answer, true);
    }
}

/* Every number of the answer, one more, in turn. */
static void answer_is_not_its_near_misses(const cJSON *row)
{
    const char *gold = text_of(row, "answer");
    for (const char *at = gold; *at != '\0';) {
        size_t digits = strspn(at, "0123456789");
        if (digits == 0) {
            at++;
            continue;
        }
        char answer[1100];
        snprintf(answer, sizeof answer, "%.500s", gold);
        snprintf(answer + (at - gold), sizeof answer - (size_t)(at - gold), "%ld%.500s", strtol(at, NULL, 10) + 1,
                 at + digits);
        expect(gold, answer, false);
        at += digits;
    }
    if (strspn(gold, "0123456789") > 0 && gold[0] != '0' && strpbrk(gold, ",;%") == NULL &&
        strstr(gold, "\\pm") == NULL) {
        char negative[600];
        snprintf(negative, sizeof negative, "-%.500s", gold);
        expect(gold, negative, false);
        snprintf(negative, sizeof negative, "%.500s + \\frac{1}{10000}", gold);
        expect(gold, negative, false);
        snprintf(negative, sizeof negative, "%.500s i", gold);
        expect(gold, negative, false);
    }
    expect(gold, "", false);
    expect(gold, "\\text{the answer}", false);
    expect(gold, "\\text{correct}", false);
    expect(gold, "\\mathbb{R}", false);
    expect(gold, "(-\\infty, \\infty)", false);
    char answer[1200];
    snprintf(answer, sizeof answer, "%s \\text{ or } 1234567", gold);
    expect(gold, answer, false);
    snprintf(answer, sizeof answer, "%s, 1234567", gold);
    expect(gold, answer, false);
}

static void reference_answers_equal_themselves(void **state)
{
    (void)state;
    assert_int_equal(for_each(TEST_DATA "/verifier/math500-answers.jsonl", answer_is_itself_in_every_form), 500);
}

static void reference_answers_differ_from_near_misses(void **state)
{
    (void)state;
    assert_int_equal(for_each(TEST_DATA "/verifier/math500-answers.jsonl", answer_is_not_its_near_misses), 500);
}

static void forms_are_the_same_or_not(void **state)
{
    (void)state;
    FILE *file = fopen(TEST_DATA "/verifier/forms.txt", "r");
    assert_non_null(file);
    char  *line     = NULL;
    size_t capacity = 0, rows = 0;
    bool   same = true;
    while (getline(&line, &capacity, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        char *bar                 = strstr(line, " | ");
        if (bar == NULL) {
            same = strcmp(line, "different") != 0;
            continue;
        }
        *bar = '\0';
        expect(line, bar + 3, same);
        rows++;
    }
    free(line);
    fclose(file);
    assert_true(rows > 350);
}

/* "%d" or "%03d" in a form becomes the number. */
static void number_form(char *text, size_t size, const char *form, int number)
{
    size_t put = 0;
    for (const char *at = form; *at != '\0' && put + 8 < size; at++) {
        int width = 0, used = 0;
        if (at[0] == '%' && at[1] == '%') {
            text[put++] = *++at;
        } else if (at[0] == '%' && (at[1] == 'd' || sscanf(at, "%%0%1dd%n", &width, &used) == 1)) {
            put += (size_t)snprintf(text + put, size - put, "%0*d", width, number);
            at += used > 0 ? used - 1 : 1;
        } else {
            text[put++] = *at;
        }
    }
    text[put] = '\0';
}

/* Answers of AIME: whole numbers from 0 to 999, which are also written with leading zeros. */
static void whole_numbers_to_999(void **state)
{
    (void)state;
    static const char *const same[]  = {"%d",
                                        "%03d",
                                        "%05d",
                                        "+%d",
                                        "$%d$",
                                        "\\(%d\\)",
                                        "%d.",
                                        "%d.0",
                                        "\\text{%d}",
                                        "{%d}",
                                        "(%d)",
                                        "\\boxed{%03d}",
                                        "x = %d",
                                        "\\mathbf{%d}",
                                        "\\left(%d\\right)",
                                        " %d ",
                                        "%d.000",
                                        "n=%03d",
                                        "%d \\text{ units}",
                                        "**%d**",
                                        "\\displaystyle %d",
                                        "%d\\,",
                                        "\\textbf{%03d}"};
    static const char *const other[] = {
        "%d, 1000",  "%d \\text{ or } 1000", "%d + 0.001", "%d + i", "\\frac{%d}{0}", "[%d, %d]", "x > %d", "%d_8",
        "%d \\pm 1", "\\approx x %d",        "1%03d",      "%d.5",   "\\{%d, 1000\\}"};
    for (int i = 0; i < 1000; i++) {
        char gold[8], answer[64];
        snprintf(gold, sizeof gold, "%d", i);
        for (size_t f = 0; f < sizeof same / sizeof *same; f++) {
            number_form(answer, sizeof answer, same[f], i);
            expect(gold, answer, true);
            expect(answer, gold, true);
        }
        for (size_t f = 0; f < sizeof other / sizeof *other; f++) {
            number_form(answer, sizeof answer, other[f], i);
            expect(gold, answer, false);
        }
        number_form(answer, sizeof answer, "%d\\%%", i);
        expect(gold, answer, i == 0);
        snprintf(answer, sizeof answer, "m+n = %d", i);
        expect(gold, answer, false); /* a sum is no name */
        snprintf(answer, sizeof answer, "n = %d.0", i);
        expect(gold, answer, true);
        snprintf(answer, sizeof answer, "\\frac{%d}{2}", 2 * i);
        expect(gold, answer, true);
        snprintf(answer, sizeof answer, "%d", i + 1);
        expect(gold, answer, false);
        snprintf(answer, sizeof answer, "%d", i * 100);
        expect(gold, answer, i == 0);
        snprintf(answer, sizeof answer, "-%d", i);
        expect(gold, answer, i == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_labelled_pairs_are_judged_as_labelled),
        cmocka_unit_test(reference_answers_equal_themselves),
        cmocka_unit_test(reference_answers_differ_from_near_misses),
        cmocka_unit_test(forms_are_the_same_or_not),
        cmocka_unit_test(whole_numbers_to_999),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
