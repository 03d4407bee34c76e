/* Datasets made ready: which rows are kept, that all others are counted, what is written, and when nothing is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/file.h"
#include "rlsp/data/check.h"
#include "rlsp/data/convert.h"
#include "rlsp/data/stats.h"
#include "tests/support/fixture.h"

#define MATH500 TEST_DATA "/eval/math500.jsonl"

static const char *write_file(const char *name, const char *text)
{
    static char paths[8][300];
    static int  next;
    char       *path  = paths[next++ % 8];
    Error       error = {0};
    snprintf(path, sizeof paths[0], "%s/%s", fixture_directory(), name);
    assert_int_equal(file_write_atomic(path, text, strlen(text), &error), STATUS_OK);
    return path;
}

static DataReport report;

/* All lines are accounted for. */
static void check_sum(void)
{
    uint64_t sum = report.written + report.held_out;
    for (int i = 0; i < DATA_DROPS; i++) {
        sum += report.dropped[i];
        assert_true((report.dropped[i] > 0) == (report.first[i][0] != '\0') || i == DROP_NOT_TAKEN);
    }
    assert_int_equal(sum, report.lines);
}

static void convert(DataConvert c)
{
    Error error = {0};
    if (data_convert(&c, &report, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    check_sum();
}

static void expect_refused(DataConvert c, const char *what)
{
    Error error = {0};
    assert_int_equal(data_convert(&c, &report, &error), STATUS_BAD_INPUT);
    if (strstr(error.text, what) == NULL) {
        fail_msg("\"%s\", wanted \"%s\"", error.text, what);
    }
}

/* The file is exactly this. */
static void assert_file(const char *path, const char *wanted)
{
    size_t bytes;
    char  *text = fixture_text(path, &bytes);
    assert_string_equal(text, wanted);
    free(text);
}

static char out[300], held[300];

static int set_names(void **state)
{
    (void)state;
    snprintf(out, sizeof out, "%s/out.jsonl", fixture_directory());
    snprintf(held, sizeof held, "%s/held.jsonl", fixture_directory());
    return 0;
}

static void rows_are_kept_or_counted(void **state)
{
    (void)state;
    const char *input = write_file(
        "math.jsonl", "{\"problem\":\"What is $1+1$?\",\"level\":\"Level 1\",\"type\":\"Algebra\",\"solution\":\"It is "
                      "$\\\\boxed{2}$.\",\"id\":\"a/1\"}\n"
                      "{\"problem\":\"What is $ 1 + 1 $?\",\"level\":\"Level "
                      "1\",\"type\":\"Algebra\",\"solution\":\"$\\\\boxed{\\\\frac{4}{2}}$\"}\n" /* duplicate */
                      "\n"
                      "{\"problem\":\"What is $1-1$?\",\"level\":\"Level "
                      "1\",\"type\":\"Algebra\",\"solution\":\"$\\\\boxed{0}$\"}\n" /* another problem */
                      "{\"problem\":\"What is $1 - 1$?\",\"level\":\"Level "
                      "2\",\"type\":\"Algebra\",\"solution\":\"$\\\\boxed{0}$\"}\n"   /* its duplicate */
                      "{\"problem\":\"How many?\",\"solution\":\"$\\\\boxed{3}$\"}\n" /* contradiction */
                      "{\"problem\":\"How  many?\",\"solution\":\"$\\\\boxed{4}$\"}\n"
                      "{\"problem\":\"How many?\",\"solution\":\"$\\\\boxed{3}$\"}\n"
                      "{\"problem\":\"Look: [asy] draw(); [/asy]\",\"solution\":\"$\\\\boxed{5}$\"}\n"
                      "{\"problem\":\"No box.\",\"solution\":\"none\"}\n"
                      "{\"solution\":\"$\\\\boxed{6}$\"}\n"
                      "{\"problem\":\"Strange?\",\"solution\":\"$\\\\boxed{\\\\frac{1}{}}$\"}\n"
                      "{\"problem\":\"Quite a long problem, is it not?\",\"solution\":\"$\\\\boxed{7}$\"}\n"
                      "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"},"
                      "{\"role\":\"user\",\"content\":\"c\"},"
                      "{\"role\":\"assistant\",\"content\":\"d\"}]}\n");
    convert((DataConvert){
        .inputs = &input, .input_count = 1, .out = out, .rules = {.drop_figures = true, .max_chars = 30}});
    assert_int_equal(report.lines, 13);
    assert_int_equal(report.written, 2);
    assert_int_equal(report.dropped[DROP_DUPLICATE], 2);
    assert_int_equal(report.dropped[DROP_CONTRADICTION], 3);
    assert_int_equal(report.dropped[DROP_FIGURE], 1);
    assert_int_equal(report.dropped[DROP_NO_ANSWER], 1);
    assert_int_equal(report.dropped[DROP_NO_PROBLEM], 1);
    assert_int_equal(report.dropped[DROP_UNREADABLE], 1);
    assert_int_equal(report.dropped[DROP_TOO_LONG], 1);
    assert_int_equal(report.dropped[DROP_SEVERAL_TURNS], 1);
    assert_string_equal(report.first[DROP_DUPLICATE], "math.jsonl:2");
    assert_string_equal(report.first[DROP_FIGURE], "math.jsonl:9");
    assert_file(out, "{\"problem\":\"What is $1+1$?\",\"answer\":\"2\",\"solution\":\"It is "
                     "$\\\\boxed{2}$.\",\"subject\":\"Algebra\",\"level\":1,\"id\":\"a/1\"}\n"
                     "{\"problem\":\"What is "
                     "$1-1$?\",\"answer\":\"0\",\"solution\":\"$\\\\boxed{0}$\",\"subject\":\"Algebra\",\"level\":1,"
                     "\"id\":\"math.jsonl:4\"}\n");
    convert((DataConvert){.inputs          = &input,
                          .input_count     = 1,
                          .out             = out,
                          .keep_duplicates = true,
                          .rules           = {.keep_unreadable = true, .levels = "2-3,x"}});
    assert_int_equal(report.written, 1);
    assert_file(out, "{\"problem\":\"What is $1 - "
                     "1$?\",\"answer\":\"0\",\"solution\":\"$\\\\boxed{0}$\",\"subject\":\"Algebra\",\"level\":2,"
                     "\"id\":\"math.jsonl:5\"}\n");
}

static void examples_are_written(void **state)
{
    (void)state;
    const char *input =
        write_file("mixed.jsonl", "{\"question\":\"q\",\"answer\":\"3*4=<<3*4=12>>12.\\n#### 12\"}\n"
                                  "{\"problem\":\"r\",\"qwq\":\"Hm. \\\\boxed{5}\",\"answer\":\"6\"}\n"
                                  "{\"conversations\":[{\"from\":\"system\",\"value\":\"s\"},{\"from\":\"human\","
                                  "\"value\":\"t\"},{\"from\":\"gpt\",\"value\":\"u\"},"
                                  "{\"from\":\"human\",\"value\":\"v\"},{\"from\":\"gpt\",\"value\":\"w\"}]}\n"
                                  "{\"problem\":\"alone\",\"answer\":\"1\"}\n");
    convert((DataConvert){.inputs = &input, .input_count = 1, .out = out, .output = DATA_CHATS, .box_answers = true});
    assert_file(out, "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"3*4="
                     "12.\\n\\n\\\\boxed{12}\"}],\"id\":\"mixed.jsonl:1\"}\n"
                     "{\"messages\":[{\"role\":\"user\",\"content\":\"r\"},{\"role\":\"assistant\",\"content\":\"Hm. "
                     "\\\\boxed{5}\"}],\"id\":\"mixed.jsonl:2\"}\n"
                     "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"t\"},{"
                     "\"role\":\"assistant\",\"content\":\"u\"},"
                     "{\"role\":\"user\",\"content\":\"v\"},{\"role\":\"assistant\",\"content\":\"w\"}],\"id\":\"mixed."
                     "jsonl:3\"}\n");
    assert_int_equal(report.boxed, 1);
    assert_int_equal(report.dropped[DROP_NO_SOLUTION], 1);
    convert((DataConvert){
        .inputs = &input, .input_count = 1, .out = out, .output = DATA_PAIRS, .rules = {.drop_wrong = true}});
    assert_file(out, "{\"prompt\":\"q\",\"completion\":\"3*4=12.\",\"id\":\"mixed.jsonl:1\"}\n");
    assert_int_equal(report.dropped[DROP_WRONG], 1);
    assert_int_equal(report.dropped[DROP_SEVERAL_TURNS], 1);
}

/* Real problems: MATH-500 is taken whole; excluded from itself nothing is left; a problem in other words is found by
 * them. */
static void evaluation_sets_are_excluded(void **state)
{
    (void)state;
    static const char *const excluded[] = {MATH500};
    const char              *math       = MATH500;
    convert((DataConvert){.inputs = &math, .input_count = 1, .out = out});
    assert_int_equal(report.written, 500);
    expect_refused(
        (DataConvert){.inputs = &math, .input_count = 1, .out = out, .excluded = excluded, .excluded_count = 1},
        "no row is left");
    assert_int_equal(report.dropped[DROP_EXCLUDED], 500);
    const char *input =
        write_file("near.jsonl", "{\"problem\":\"If $f(x)=\\\\frac{3x-2}{x-2}$, what is the value of "
                                 "$f(-2)+f(-1)+f(0)$? Express your answer as a common fraction!\",\"answer\":\"1\"}\n"
                                 "{\"problem\":\"Hint: what is the value of $f(-2) +f(-1)+f(0)$? Express your answer "
                                 "as a common fraction, please.\",\"answer\":\"2\"}\n"
                                 "{\"problem\":\"What is the value of seven?\",\"answer\":\"7\"}\n");
    DataConvert c = {.inputs = &input, .input_count = 1, .out = out, .excluded = excluded, .excluded_count = 1};
    convert(c);
    assert_int_equal(report.excluded, 500);
    assert_int_equal(report.dropped[DROP_EXCLUDED], 1);
    assert_int_equal(report.written, 2);
    c.rules.shared_words = 13;
    convert(c);
    assert_int_equal(report.dropped[DROP_SHARED_WORDS], 1);
    assert_int_equal(report.written, 1);
    const char *without = write_file("without.jsonl", "{\"text\":\"no problem\"}\n");
    c.excluded          = &without;
    expect_refused(c, "without.jsonl:1: no problem under a usual name");
}

static cJSON *ids_of(const char *path)
{
    cJSON      *ids    = cJSON_CreateObject();
    Record     *record = calloc(1, sizeof *record);
    Error       error  = {0};
    RecordFile *file   = record_file_open(path, &error);
    assert_non_null(file);
    for (uint64_t i = 0; i < record_file_count(file); i++) {
        const char *id;
        assert_int_equal(record_read(file, i, record, &error), STATUS_OK);
        assert_int_equal(json_get_string(&record->object, "id", JSON_REQUIRED, &id, &error), STATUS_OK);
        assert_null(cJSON_GetObjectItemCaseSensitive(ids, id));
        cJSON_AddTrueToObject(ids, id);
    }
    record_free(record);
    free(record);
    record_file_close(file);
    return ids;
}

static int common(const cJSON *a, const cJSON *b)
{
    int both = 0;
    for (const cJSON *item = a->child; item != NULL; item = item->next) {
        both += cJSON_GetObjectItemCaseSensitive(b, item->string) != NULL;
    }
    return both;
}

static void rows_are_held_out_by_the_seed(void **state)
{
    (void)state;
    const char *math = MATH500;
    DataConvert c    = {
           .inputs = &math, .input_count = 1, .out = out, .held_out = held, .held = 50, .seed = 4, .take = 300};
    convert(c);
    assert_int_equal(report.written, 300);
    assert_int_equal(report.held_out, 50);
    assert_int_equal(report.dropped[DROP_NOT_TAKEN], 150);
    cJSON *train = ids_of(out), *dev = ids_of(held);
    assert_int_equal(common(train, dev), 0);
    convert(c); /* the same again */
    cJSON *again = ids_of(held);
    assert_int_equal(common(dev, again), 50);
    c.seed = 5;
    c.held = 0.1;
    convert(c);
    cJSON *other = ids_of(held);
    assert_int_equal(report.held_out, 50);
    assert_true(common(dev, other) < 20);
    cJSON_Delete(train);
    cJSON_Delete(dev);
    cJSON_Delete(again);
    cJSON_Delete(other);
    c.held = 500;
    expect_refused(c, "500 rows were to be held out, and there are 500");
}

static void nothing_is_lost_where_it_fails(void **state)
{
    (void)state;
    const char *input = write_file("bad.jsonl", "{\"problem\":\"p\",\"answer\":\"1\"}\n{\"problem\":\"p\",\"answer\":}"
                                                "\n{\"problem\":\"q\",\"answer\":\"2\"}\n");
    DataConvert c     = {.inputs = &input, .input_count = 1, .out = write_file("kept.jsonl", "as it was\n")};
    expect_refused(c, "bad.jsonl:2: column 25: ");
    assert_file(c.out, "as it was\n");
    c.skip_bad = true;
    convert(c);
    assert_int_equal(report.dropped[DROP_BAD_LINE], 1);
    assert_non_null(strstr(report.first_bad, "bad.jsonl:2: column 25: "));
    assert_int_equal(report.written, 2);
    c.out = input;
    expect_refused(c, "is read and would be replaced");
    c.out      = out;
    c.held_out = out;
    c.held     = 1;
    expect_refused(c, "would be written twice");
    c.held_out = input;
    expect_refused(c, "is read and would be replaced");
    c.held_out              = "/nonexistent/held.jsonl";
    const DataConvert bad   = c;
    Error             error = {0};
    assert_int_equal(data_convert(&bad, &report, &error), STATUS_FAILED);
    const char *missing = "/nonexistent/in.jsonl";
    expect_refused((DataConvert){.inputs = &missing, .input_count = 1, .out = out}, missing);
}

/* --- checking */

static int  told;
static char last_told[700];

static void listen_to(void *context, bool fault, const char *text)
{
    (void)context;
    (void)fault;
    told++;
    snprintf(last_told, sizeof last_told, "%.699s", text);
}

static void problems_are_checked(void **state)
{
    (void)state;
    const DataListener listener = {listen_to, NULL};
    const RunTask      task     = {.prompt_key = "problem", .answer_key = "answer"};
    DataCheck          check;
    Error              error = {0};
    assert_int_equal(data_check_problems(MATH500, &task, &listener, &check, &error), STATUS_OK);
    assert_true(told == 0 && check.good == 500 && check.faults == 0 && check.unreadable == 0 && check.duplicates == 0);
    const char *input =
        write_file("check.jsonl", "{\"problem\":\"p\",\"answer\":1}\n\n{\"problem\":\" "
                                  "p!\",\"answer\":\"1\"}\n{\"problem\":\"\",\"answer\":\"1\"}\n{\"answer\":\"1\"}\n[\n"
                                  "{\"problem\":\"q\",\"answer\":\"\\\\frac{1}{}\"}\n");
    assert_int_equal(data_check_problems(input, &task, &listener, &check, &error), STATUS_OK);
    assert_int_equal(check.lines, 6);
    assert_int_equal(check.good, 3);
    assert_int_equal(check.faults, 3);
    assert_int_equal(check.remarks, 2);
    assert_int_equal(check.unreadable, 1);
    assert_int_equal(check.duplicates, 1);
    assert_int_equal(check.blank, 1);
    assert_int_equal(told, 5);
    assert_non_null(strstr(last_told, "check.jsonl:7: the verifier cannot read the answer \"\\frac{1}{}\""));
    assert_int_equal(data_check_problems(write_file("empty.jsonl", "\n"), &task, &listener, &check, &error), STATUS_OK);
    assert_int_equal(check.faults, 1);
}

static void lengths_are_measured(void **state)
{
    (void)state;
    static DataStats stats;
    Error            error = {0};
    assert_int_equal(data_stats(MATH500, &(DataForms){DATA_AUTO, NULL, NULL, NULL}, NULL, &stats, &error), STATUS_OK);
    assert_int_equal(stats.problems, 500);
    assert_int_equal(stats.levels.count, 5);
    assert_int_equal(stats.subjects.count, 7);
    assert_string_equal(stats.subjects.items[0].name, "Algebra");
    assert_int_equal(stats.subjects.items[0].count, 124);
    data_stats_free(&stats);
    static DataLengths lengths;
    for (uint64_t length = 1; length <= 100000; length++) {
        data_lengths_add(&lengths, length);
    }
    for (double share = 0.1; share < 1; share += 0.1) {
        const double found = (double)data_lengths_quantile(&lengths, share), wanted = share * 100000;
        assert_true(found > 0.99 * wanted && found < 1.01 * wanted);
    }
    assert_int_equal(data_lengths_quantile(&lengths, 1), 100000);
    assert_int_equal(data_lengths_quantile(&lengths, 0.0005), 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_kept_or_counted),       cmocka_unit_test(examples_are_written),
        cmocka_unit_test(evaluation_sets_are_excluded),   cmocka_unit_test(rows_are_held_out_by_the_seed),
        cmocka_unit_test(nothing_is_lost_where_it_fails), cmocka_unit_test(problems_are_checked),
        cmocka_unit_test(lengths_are_measured),
    };
    return cmocka_run_group_tests(tests, set_names, NULL);
}
