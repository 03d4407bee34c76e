/* Rows of the usual datasets, and when two problems are the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/file.h"
#include "rlsp/data/reduce.h"
#include "rlsp/data/row.h"
#include "tests/support/fixture.h"

static Status read_line(const DataForms *forms, const char *line, DataRow *row, DataFault *fault, Error *error)
{
    const char *path   = fixture_path(fixture_directory(), "row.jsonl");
    Record     *record = calloc(1, sizeof *record);
    *error             = (Error){0};
    assert_int_equal(file_write_atomic(path, line, strlen(line), error), STATUS_OK);
    RecordFile *file   = record_file_open(path, error);
    Status      status = record_read(file, 0, record, error);
    status             = status == STATUS_OK ? data_row_read(forms, record, row, fault, error) : status;
    record_free(record);
    free(record);
    record_file_close(file);
    return status;
}

static void assert_text(size_t i, const char *what, const char *found, const char *wanted)
{
    if ((found == NULL) != (wanted == NULL) || (found != NULL && strcmp(found, wanted) != 0)) {
        fail_msg("case %zu: %s \"%s\", wanted \"%s\"", i, what, found != NULL ? found : "(none)",
                 wanted != NULL ? wanted : "(none)");
    }
}

#define USER(text)   "{\"role\":\"user\",\"content\":\"" text "\"}"
#define ANSWER(text) "{\"role\":\"assistant\",\"content\":\"" text "\"}"

static void forms_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        DataForm    form;
        DataFault   fault;
        const char *problem, *answer, *solution, *subject, *level, *id;
    } cases[] = {
        /* MATH, as released */
        {"{\"problem\":\" What is $1+1$? \",\"level\":\"Level 5\",\"type\":\"Algebra\",\"solution\":\"A \\\\boxed{3}? "
         "No: $\\\\boxed{\\\\frac{4}{2}}$.\"}",
         DATA_MATH, DATA_FINE, "What is $1+1$?", "\\frac{4}{2}", "A \\boxed{3}? No: $\\boxed{\\frac{4}{2}}$.",
         "Algebra", "5", NULL},
        {"{\"problem\":\"p\",\"level\":\"Level ?\",\"type\":\"Geometry\",\"solution\":\"\\\\fbox{7}\"}", DATA_MATH,
         DATA_FINE, "p", "7", "\\fbox{7}", "Geometry", NULL, NULL},
        {"{\"problem\":\"p\",\"solution\":\"no answer\"}", DATA_MATH, DATA_NO_ANSWER, "p", NULL, "no answer", NULL,
         NULL, NULL},
        /* MATH-500, AIME, NuminaMath, QwQ-LongCoT */
        {"{\"problem\":\"p\",\"solution\":\"\\\\boxed{1}\",\"answer\":\"2\",\"subject\":\"Algebra\",\"level\":3,"
         "\"unique_id\":\"test/7\"}",
         DATA_MATH, DATA_FINE, "p", "2", "\\boxed{1}", "Algebra", "3", "test/7"},
        {"{\"ID\":\"2024-I-1\",\"Problem\":\"p\",\"Solution\":\"s\",\"Answer\":204}", DATA_MATH, DATA_FINE, "p", "204",
         "s", NULL, NULL, "2024-I-1"},
        {"{\"problem\":\"p\",\"solution\":\"\\\\boxed{1}\",\"messages\":[" USER("p") "]}", DATA_MATH, DATA_FINE, "p",
         "1", "\\boxed{1}", NULL, NULL, NULL},
        {"{\"problem\":\"p\",\"qwq\":\"Wait. \\\\boxed{9}\"}", DATA_MATH, DATA_FINE, "p", "9", "Wait. \\boxed{9}", NULL,
         NULL, NULL},
        /* a prompt as a conversation, the answer deep inside */
        {"{\"prompt\":[" USER("p") "],\"reward_model\":{\"ground_truth\":\"34\",\"style\":\"rule\"}}", DATA_MATH,
         DATA_FINE, "p", "34", NULL, NULL, NULL, NULL},
        /* GSM8K */
        {"{\"question\":\"q\",\"answer\":\"3*4=<<3*4=12>>12, <b.\\nso <<\\n#### 1,012\"}", DATA_GSM8K, DATA_FINE, "q",
         "1,012", "3*4=12, <b.\nso <<", NULL, NULL, NULL},
        {"{\"question\":\"q\",\"answer\":\"12\"}", DATA_MATH, DATA_FINE, "q", "12", NULL, NULL, NULL, NULL},
        {"{\"problem\":\"p\",\"solution\":\"#### Step 1\\nnothing\"}", DATA_MATH, DATA_NO_ANSWER, "p", NULL,
         "#### Step 1\nnothing", NULL, NULL, NULL},
        /* a whole solution in the answer's place */
        {"{\"problem\":\"p\",\"answer\":\"It is \\\\boxed{5}.\"}", DATA_MATH, DATA_FINE, "p", "5", "It is \\boxed{5}.",
         NULL, NULL, NULL},
        /* the authors' */
        {"{\"input\":\"<|im_start|>user\\nProblem:p<|im_end|>\",\"problem\":\"p\",\"answer\":\"25\"}", DATA_AUTHORS,
         DATA_FINE, "p", "25", NULL, NULL, NULL, NULL},
        /* conversations */
        {"{\"messages\":[{\"role\":\"system\",\"content\":\"s\"}," USER("p") "," ANSWER("\\\\boxed{8}") "],\"id\":3}",
         DATA_MESSAGES, DATA_FINE, "p", "8", "\\boxed{8}", NULL, NULL, "3"},
        {"{\"conversations\":[{\"from\":\"human\",\"value\":\"p\"},{\"from\":\"gpt\",\"value\":\"four\"}]}",
         DATA_MESSAGES, DATA_NO_ANSWER, "p", NULL, "four", NULL, NULL, NULL},
        {"{\"messages\":[" USER("p") "," ANSWER("\\\\boxed{1}") "," USER("q") "," ANSWER("\\\\boxed{2}") "]}",
         DATA_MESSAGES, DATA_SEVERAL_TURNS, "p", NULL, "\\boxed{2}", NULL, NULL, NULL},
        {"{\"messages\":[" ANSWER("a") "]}", DATA_MESSAGES, DATA_NO_PROBLEM, NULL, NULL, "a", NULL, NULL, NULL},
        /* nothing of use */
        {"{\"text\":\"t\"}", DATA_MATH, DATA_NO_PROBLEM, NULL, NULL, NULL, NULL, NULL, NULL},
        {"{\"problem\":\"  \",\"answer\":\"1\"}", DATA_MATH, DATA_NO_PROBLEM, NULL, "1", NULL, NULL, NULL, NULL},
        {"{\"problem\":\"p\",\"answer\":\"\"}", DATA_MATH, DATA_NO_ANSWER, "p", NULL, NULL, NULL, NULL, NULL},
        {"{\"problem\":null,\"question\":\"q\",\"answer\":null,\"level\":null}", DATA_MATH, DATA_NO_ANSWER, "q", NULL,
         NULL, NULL, NULL, NULL},
    };
    DataRow row = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        DataFault fault;
        Error     error;
        if (read_line(&(DataForms){DATA_AUTO, NULL, NULL, NULL}, cases[i].line, &row, &fault, &error) != STATUS_OK) {
            fail_msg("case %zu: %s", i, error.text);
        }
        assert_text(i, "problem", row.problem, cases[i].problem);
        assert_text(i, "answer", row.answer, cases[i].answer);
        assert_text(i, "solution", row.solution, cases[i].solution);
        assert_text(i, "subject", row.subject, cases[i].subject);
        assert_text(i, "level", row.level, cases[i].level);
        assert_text(i, "id", row.id, cases[i].id);
        assert_int_equal(row.form, cases[i].form);
        assert_int_equal(fault, cases[i].fault);
    }
    data_row_free(&row);
}

static void keys_can_be_given(void **state)
{
    (void)state;
    static const char line[] = "{\"problem\":\"no\",\"answer\":\"no\",\"data\":{\"q\":\"yes\",\"list\":[0,{\"a\":"
                               "\"12\"}]},\"trace\":\"so \\\\boxed{11}\"}";
    DataRow           row    = {0};
    DataFault         fault;
    Error             error;
    assert_int_equal(read_line(&(DataForms){DATA_AUTO, "data.q", "data.list.1.a", "trace"}, line, &row, &fault, &error),
                     STATUS_OK);
    assert_string_equal(row.problem, "yes");
    assert_string_equal(row.answer, "12");
    assert_string_equal(row.solution, "so \\boxed{11}");
    assert_int_equal(read_line(&(DataForms){DATA_AUTO, "data.list", NULL, NULL}, line, &row, &fault, &error),
                     STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "row.jsonl:1: key 'data.list': found an array"));
    assert_int_equal(read_line(&(DataForms){DATA_AUTO, "absent", NULL, NULL}, line, &row, &fault, &error), STATUS_OK);
    assert_int_equal(fault, DATA_NO_PROBLEM);
    data_row_free(&row);
}

static void bad_rows_are_said(void **state)
{
    (void)state;
    static const struct {
        DataForm    form;
        const char *line, *what;
    } cases[] = {
        {DATA_AUTO, "{\"messages\":[{\"role\":\"user\"}]}", "messages[0]: wanted"},
        {DATA_AUTO, "{\"messages\":[" USER("p") ",7]}", "messages[1]: wanted"},
        {DATA_AUTO, "{\"messages\":[{\"role\":\"judge\",\"content\":\"x\"}]}", "messages[0]: wanted"},
        {DATA_MESSAGES, "{\"problem\":\"p\",\"answer\":\"1\"}", "no conversation"},
        {DATA_AUTO, "{\"problem\":\"p\",\"answer\":9007199254740993}", "beyond 2^53"},
        {DATA_AUTO, "{\"problem\":\"p\"", "row.jsonl:1: column "},
    };
    DataRow row = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        DataFault    fault;
        Error        error;
        const Status status =
            read_line(&(DataForms){cases[i].form, NULL, NULL, NULL}, cases[i].line, &row, &fault, &error);
        if (status != STATUS_BAD_INPUT || strstr(error.text, "row.jsonl:1: ") == NULL ||
            strstr(error.text, cases[i].what) == NULL) {
            fail_msg("case %zu: status %d: %s", i, status, error.text);
        }
    }
    data_row_free(&row);
}

static bool same(Reduced (*reduce)(const char *, size_t), const char *a, const char *b)
{
    const Reduced x = reduce(a, strlen(a)), y = reduce(b, strlen(b));
    return memcmp(&x, &y, sizeof x) == 0;
}

static void texts_are_reduced(void **state)
{
    (void)state;
    assert_true(same(data_reduce, "What is $1+1$?", " What is\n\\(1 + 1\\)"));
    assert_true(same(data_reduce, "2 - 1", "2 + 1"));
    assert_false(same(data_squeeze, "2 - 1", "2 + 1"));
    assert_true(same(data_squeeze, "2 - 1", " 2-$1$\n"));
    assert_false(same(data_reduce, "find a", "find A")); /* as the authors' code */
    assert_false(same(data_reduce, "a1", "a2"));
    assert_true(same(data_reduce, "", "?!"));
    assert_false(same(data_squeeze, "a", "b"));
    /* Letters of other scripts count, their signs do not; neither do broken bytes stop it. */
    assert_false(same(data_reduce, "\xE6\xB1\x82 1", "\xE8\xAE\xA1 1"));
    assert_true(same(data_reduce, "\xE2\x80\x9Cit\xE2\x80\x9D \xE2\x88\x92 1", "it 1"));
    assert_false(same(data_reduce, "a\xC3", "a"));
    const Reduced a = data_reduce("a", 1), b = data_squeeze("a", 1);
    assert_true(memcmp(&a, &b, sizeof a) != 0);
}

static void sets_find_again(void **state)
{
    (void)state;
    enum { KEYS = 5000 };
    ReducedSet set = {0};
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < KEYS; i++) {
            char      text[16];
            uint64_t *number;
            snprintf(text, sizeof text, "%d", i);
            const Reduced key = data_reduce(text, strlen(text));
            assert_int_equal(data_set_has(&set, &key), round == 1);
            assert_int_equal(data_set_put(&set, &key, &number), round == 0 ? REDUCED_NEW : REDUCED_KNOWN);
            assert_int_equal(*number, round == 0 ? 0 : i + 7);
            *number = (uint64_t)i + 7;
        }
    }
    assert_int_equal(set.count, KEYS);
    data_set_free(&set);
}

typedef struct Found {
    Reduced runs[16];
    int     count, most;
} Found;

static bool keep(void *context, const Reduced *run)
{
    Found *found                = context;
    found->runs[found->count++] = *run;
    return found->count < found->most;
}

static int shared(const char *a, const char *b, uint32_t words)
{
    Found x = {.most = 16}, y = {.most = 16};
    int   both = 0;
    data_word_runs(a, strlen(a), words, keep, &x);
    data_word_runs(b, strlen(b), words, keep, &y);
    for (int i = 0; i < x.count; i++) {
        for (int j = 0; j < y.count; j++) {
            both += memcmp(&x.runs[i], &y.runs[j], sizeof x.runs[i]) == 0;
        }
    }
    return both;
}

static void runs_of_words_are_shared(void **state)
{
    (void)state;
    Found found = {.most = 16};
    data_word_runs("one two, three-four", 19, 3, keep, &found);
    assert_int_equal(found.count, 2);
    found = (Found){.most = 1};
    data_word_runs("one two three four", 18, 3, keep, &found);
    assert_int_equal(found.count, 1); /* it said that this was enough */
    found = (Found){.most = 16};
    data_word_runs("?!", 2, 3, keep, &found);
    assert_int_equal(found.count, 0);
    assert_int_equal(shared("See how One TWO, three four goes", "one two three (four) five", 3), 2);
    assert_int_equal(shared("a b c d", "d c b a", 2), 0);
    assert_int_equal(shared("ab c", "a bc", 2), 0);
    assert_int_equal(shared("Find x", "find $x$.", 13), 1); /* shorter than a run: all of it */
    assert_int_equal(shared("Find x", "find x and y", 13), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_read),    cmocka_unit_test(keys_can_be_given),
        cmocka_unit_test(bad_rows_are_said), cmocka_unit_test(texts_are_reduced),
        cmocka_unit_test(sets_find_again),   cmocka_unit_test(runs_of_words_are_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
