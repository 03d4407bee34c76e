/* Records of JSONL files: which lines are records, what is said of bad ones, fields, orders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "engine/io/file.h"
#include "rlsp/task/records.h"
#include "rlsp/task/shuffle.h"
#include "tests/support/fixture.h"

static const char *write_bytes(const char *text, size_t bytes)
{
    const char *path  = fixture_path(fixture_directory(), "records.jsonl");
    Error       error = {0};
    assert_int_equal(file_write_atomic(path, text, bytes, &error), STATUS_OK);
    return path;
}

static RecordFile *open_text(const char *text)
{
    Error       error = {0};
    RecordFile *file  = record_file_open(write_bytes(text, strlen(text)), &error);
    if (file == NULL) {
        fail_msg("%s", error.text);
    }
    return file;
}

static void lines_are_records(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t    count, blank, lines[4];
    } cases[] = {
        {"", 0, 0, {0}},
        {"\n\n \t\r\n", 0, 3, {0}},
        {"   ", 0, 1, {0}},
        {"{\"n\":0}", 1, 0, {1}},
        {"{\"n\":0}\n", 1, 0, {1}},
        {"{\"n\":0}\r\n{\"n\":1}\r\n", 2, 0, {1, 2}},
        {"\n{\"n\":0}\n\n\n  {\"n\":1}  \n\n{\"n\":2}\n\n", 3, 5, {2, 5, 7}},
        {"\xEF\xBB\xBF{\"n\":0}\n{\"n\":1}", 2, 0, {1, 2}},
        {"\xEF\xBB\xBF\n{\"n\":0}\n", 1, 1, {2}},
        {"\xEF\xBB\xBF", 0, 0, {0}},
        {"{\"n\":0}\n{\"n\":1}\n \n{\"n\":2}\n{\"n\":3}\n", 4, 1, {1, 2, 4, 5}},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        RecordFile *file   = open_text(cases[c].text);
        Record      record = {0};
        Error       error  = {0};
        assert_int_equal(record_file_count(file), cases[c].count);
        assert_int_equal(record_file_blank(file), cases[c].blank);
        assert_int_equal(record_file_offset(file, cases[c].count), strlen(cases[c].text));
        for (uint64_t i = cases[c].count; i-- > 0;) { /* in any order: here from the last */
            uint32_t number = 99;
            char     where[32];
            if (record_read(file, i, &record, &error) != STATUS_OK) {
                fail_msg("case %zu: %s", c, error.text);
            }
            assert_int_equal(json_get_u32(&record.object, "n", JSON_REQUIRED, 0, 9, &number, &error), STATUS_OK);
            assert_int_equal(number, i);
            assert_int_equal(record.line, cases[c].lines[i]);
            assert_int_equal(record_file_line(file, i), cases[c].lines[i]);
            snprintf(where, sizeof where, ".jsonl:%d", (int)cases[c].lines[i]);
            assert_non_null(strstr(record.where, where));
        }
        record_free(&record);
        record_file_close(file);
    }
}

/* Lines across the chunks that indexing reads, of lengths about theirs; every one is found again. */
static void chunks_do_not_matter(void **state)
{
    (void)state;
    enum { LINES = 40 };
    const size_t capacity = (size_t)8 << 20;
    char        *text     = malloc(capacity);
    size_t       bytes    = 0;
    assert_non_null(text);
    for (int i = 0; i < LINES; i++) {
        const size_t padding = i % 4 == 0 ? ((size_t)1 << 20) / (i % 8 == 0 ? 1 : 4) - (size_t)i * 3 : (size_t)i;
        bytes += (size_t)sprintf(text + bytes, "{\"n\":%d,\"pad\":\"", i);
        memset(text + bytes, 'a' + i % 26, padding);
        bytes += padding;
        bytes += (size_t)sprintf(text + bytes, "\"}\n");
    }
    assert_true(bytes < capacity);
    Error       error  = {0};
    Record      record = {0};
    RecordFile *file   = record_file_open(write_bytes(text, bytes), &error);
    assert_non_null(file);
    assert_int_equal(record_file_count(file), LINES);
    size_t at = 0;
    for (uint64_t i = 0; i < LINES; i++) {
        const size_t length = (size_t)(strchr(text + at, '\n') - (text + at));
        assert_int_equal(record_file_offset(file, i), at);
        assert_int_equal(record_read(file, i, &record, &error), STATUS_OK);
        assert_int_equal(record.bytes, length);
        assert_memory_equal(record.text, text + at, length);
        at += length + 1;
    }
    assert_int_equal(record_file_offset(file, LINES), bytes);
    record_free(&record);
    record_file_close(file);
    free(text);
}

/* Blank lines of many kinds between many records: the numbers of the lines stay right. */
static void blank_lines_are_counted(void **state)
{
    (void)state;
    enum { RECORDS = 500 };
    char     text[RECORDS * 40];
    uint64_t lines[RECORDS], line = 0;
    size_t   bytes = 0;
    for (int i = 0; i < RECORDS; i++) {
        for (int blank = 0; blank < (i * 7 % 5 == 0 ? i % 4 : 0); blank++, line++) {
            bytes += (size_t)sprintf(text + bytes, "%s\n", blank % 2 == 0 ? "" : " \r");
        }
        bytes += (size_t)sprintf(text + bytes, "{\"n\":%d}\n", i);
        lines[i] = ++line;
    }
    RecordFile *file = open_text(text);
    assert_int_equal(record_file_count(file), RECORDS);
    assert_int_equal(record_file_blank(file), line - RECORDS);
    for (uint64_t i = 0; i < RECORDS; i++) {
        assert_int_equal(record_file_line(file, i), lines[i]);
    }
    record_file_close(file);
}

static void bad_lines_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t    index;
        const char *where, *what;
    } cases[] = {
        {"{\"n\":0}\n\n{\"n\":1,}\n", 1, ".jsonl:3: column 8: ", "wanted a key"},
        {"{\"n\":0}\nnonsense\n", 1, ".jsonl:2: column 1: ", "wanted a value"},
        {"{\"n\":0}\n[1]\n", 1, ".jsonl:2: ", "object"},
        {"[{\"n\":0},\n{\"n\":1}]\n", 0, ".jsonl:1: ", "one JSON array"},
        {"[{\"n\":0}]\n", 0, ".jsonl:1: ", "one JSON array"},
        {"{\"n\":0}\n{\"n\":", 1, ".jsonl:2: ", "no newline: it may be cut off"},
        {"{\"n\":\"\xC3\x28\"}\n", 0, ".jsonl:1: column ", "not valid UTF-8"},
        {"{\"n\":0,\"n\":1}\n", 0, ".jsonl:1: ", "twice"},
        {"{\"n\":0}{\"n\":1}\n", 0, ".jsonl:1: column 8: ", ""},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        RecordFile *file   = open_text(cases[c].text);
        Record      record = {0};
        Error       error  = {0};
        assert_int_equal(record_read(file, cases[c].index, &record, &error), STATUS_BAD_INPUT);
        if (strstr(error.text, cases[c].where) == NULL || strstr(error.text, cases[c].what) == NULL ||
            strchr(error.text, '\n') != NULL) {
            fail_msg("case %zu: \"%s\"; wanted \"%s\" and \"%s\"", c, error.text, cases[c].where, cases[c].what);
        }
        assert_null(record.object.json);
        record_free(&record);
        record_file_close(file);
    }
}

static void a_line_without_end_is_refused(void **state)
{
    (void)state;
    const size_t bytes = RECORD_BYTES_MAX + 100;
    char        *text  = malloc(bytes);
    assert_non_null(text);
    memset(text, 'x', bytes);
    memcpy(text, "{\"n\":0}\n", 8);
    Error       error  = {0};
    Record      record = {0};
    RecordFile *file   = record_file_open(write_bytes(text, bytes), &error);
    assert_non_null(file);
    assert_int_equal(record_read(file, 0, &record, &error), STATUS_OK);
    assert_int_equal(record_read(file, 1, &record, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, ".jsonl:2: a line of more than 64 MiB"));
    record_file_close(file);

    memset(text + 8, '\n', bytes - 8); /* as many blank lines are nothing to complain about */
    file = record_file_open(write_bytes(text, bytes), &error);
    assert_non_null(file);
    assert_int_equal(record_file_count(file), 1);
    error = (Error){0};
    assert_int_equal(record_read(file, 0, &record, &error), STATUS_OK);
    assert_int_equal(record.bytes, 7);
    record_free(&record);
    record_file_close(file);
    free(text);
}

static void what_cannot_be_opened_is_said(void **state)
{
    (void)state;
    const char *pipe  = fixture_path(fixture_directory(), "pipe");
    Error       error = {0};
    assert_null(record_file_open("/nonexistent/data.jsonl", &error));
    assert_int_equal(error.status, STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "/nonexistent/data.jsonl"));
    error = (Error){0};
    assert_null(record_file_open(fixture_directory(), &error));
    assert_non_null(strstr(error.text, "is a directory"));
    error = (Error){0};
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_null(record_file_open(pipe, &error)); /* and does not wait for a writer */
    assert_int_equal(error.status, STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "a device or a pipe"));
}

/* A file that somebody writes over: an error, not another line. */
static void a_file_that_changes_is_noticed(void **state)
{
    (void)state;
    static const char *const later[] = {"{\"n\":0}\n", "", "{\"longer\":0}\n{\"n\":1}\n{\"n\":2}\n",
                                        "{\"n\":0}\n{\"n\"\n:1}\n{\"n\":2}\n", "{\"n\":0}x{\"n\":1}\n{\"n\":2}\n"};
    for (size_t c = 0; c < sizeof later / sizeof *later; c++) {
        RecordFile *file   = open_text("{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n");
        Record      record = {0};
        Error       error  = {0};
        FILE       *writer = fopen(record_file_path(file), "w"); /* in place */
        assert_non_null(writer);
        assert_true(fputs(later[c], writer) >= 0);
        assert_int_equal(fclose(writer), 0);
        const Status status = record_read(file, 1, &record, &error);
        if (status != STATUS_FAILED || strstr(error.text, ":2: the file has changed") == NULL) {
            fail_msg("case %zu: status %d: %s", c, status, error.text);
        }
        record_free(&record);
        record_file_close(file);
    }
}

static void fields_are_found(void **state)
{
    (void)state;
    RecordFile *file = open_text(
        "{\"text\":\"x = "
        "y\",\"int\":42,\"minus\":-7,\"half\":0.5,\"tiny\":1e-7,\"third\":0.3333333333333333,\"big\":9007199254740993,"
        "\"none\":null,\"flag\":true,\"list\":[{\"content\":\"deep\"},3],\"inner\":{\"answer\":12},\"a.b\":\"spelled\","
        "\"a\":{\"b\":\"nested\"}}\n");
    static const struct {
        const char *key, *wanted; /* NULL: an error that says `what` */
        const char *what;
    } cases[] = {
        {"text", "x = y", NULL},
        {"int", "42", NULL},
        {"minus", "-7", NULL},
        {"half", "0.5", NULL},
        {"tiny", "1e-07", NULL},
        {"third", "0.3333333333333333", NULL},
        {"list.0.content", "deep", NULL},
        {"list.1", "3", NULL},
        {"inner.answer", "12", NULL},
        {"a.b", "spelled", NULL},
        {"big", NULL, "beyond 2^53"},
        {"none", NULL, "found null"},
        {"flag", NULL, "found true or false"},
        {"list", NULL, "found an array"},
        {"inner", NULL, "found an object"},
        {"list.2", NULL, "no key 'list.2'"},
        {"list.-1", NULL, "no key"},
        {"list.x", NULL, "no key"},
        {"text.0", NULL, "no key"},
        {"inner.", NULL, "no key"},
        {".", NULL, "no key"},
        {"absent", NULL, "no key 'absent'; the line has 'text', 'int', 'minus'"},
    };
    Record record = {0};
    Error  error  = {0};
    assert_int_equal(record_read(file, 0, &record, &error), STATUS_OK);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        char         number[RECORD_NUMBER_SIZE];
        const char  *text   = "untouched";
        Error        own    = {0};
        const Status status = record_get_text(&record, cases[c].key, JSON_REQUIRED, number, &text, &own);
        if (cases[c].wanted != NULL) {
            assert_int_equal(status, STATUS_OK);
            assert_string_equal(text, cases[c].wanted);
        } else {
            assert_int_equal(status, STATUS_BAD_INPUT);
            assert_non_null(strstr(own.text, ".jsonl:1: "));
            assert_non_null(strstr(own.text, cases[c].what));
            assert_string_equal(text, "untouched");
        }
    }
    char         number[RECORD_NUMBER_SIZE];
    const char  *text  = "untouched";
    const cJSON *array = NULL;
    assert_int_equal(record_get_text(&record, "absent", JSON_OPTIONAL, number, &text, &error), STATUS_OK);
    assert_int_equal(record_get_text(&record, "none", JSON_NULLABLE, number, &text, &error), STATUS_OK);
    assert_string_equal(text, "untouched");
    assert_int_equal(record_get_array(&record, "list", JSON_REQUIRED, &array, &error), STATUS_OK);
    assert_int_equal(cJSON_GetArraySize(array), 2);
    assert_int_equal(record_get_array(&record, "int", JSON_REQUIRED, &array, &error), STATUS_BAD_INPUT);
    record_free(&record);
    record_file_close(file);
}

static void orders_are_permutations(void **state)
{
    (void)state;
    enum { MOST = 300 };
    for (uint64_t count = 1; count <= MOST; count++) {
        bool seen[MOST] = {false};
        for (uint64_t i = 0; i < count; i++) {
            const uint64_t at = shuffle_index(7, 3, count % 5, count, i);
            assert_true(at < count && !seen[at]);
            seen[at] = true;
        }
    }
    const uint64_t large[] = {UINT64_C(1) << 32, (UINT64_C(1) << 32) + 1, UINT64_MAX};
    for (int c = 0; c < 3; c++) {
        for (uint64_t i = 0; i < 100; i++) {
            assert_true(shuffle_index(1, 0, 0, large[c], large[c] - 1 - i) < large[c]);
        }
    }
}

/* Every place takes every value equally often over seeds, epochs and streams: chi-square over all of them, 5 things,
 * so 16 degrees of freedom; 45 is passed by chance once in 7000 times, and the seeds are fixed. */
static void orders_are_random(void **state)
{
    (void)state;
    enum { COUNT = 5, ROUNDS = 2000 };
    for (int which = 0; which < 3; which++) {
        int    seen[COUNT][COUNT] = {{0}};
        double chi                = 0;
        for (uint32_t round = 0; round < ROUNDS; round++) {
            for (uint64_t i = 0; i < COUNT; i++) {
                seen[i]
                    [shuffle_index(which == 0 ? round : 9, which == 1 ? round : 0, which == 2 ? round : 0, COUNT, i)]++;
            }
        }
        for (int i = 0; i < COUNT; i++) {
            for (int j = 0; j < COUNT; j++) {
                const double expected = (double)ROUNDS / COUNT;
                chi += (seen[i][j] - expected) * (seen[i][j] - expected) / expected;
            }
        }
        assert_true(chi < 45);
    }
    int same = 0; /* neighbours do not stay neighbours */
    for (uint64_t i = 0; i + 1 < 1000; i++) {
        same += shuffle_index(1, 0, 0, 1000, i) + 1 == shuffle_index(1, 0, 0, 1000, i + 1);
    }
    assert_true(same < 10);
    assert_int_equal(shuffle_index(1, 0, 0, 1000, 0), shuffle_index(1, 0, 0, 1000, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_records),
        cmocka_unit_test(chunks_do_not_matter),
        cmocka_unit_test(blank_lines_are_counted),
        cmocka_unit_test(bad_lines_are_named),
        cmocka_unit_test(a_line_without_end_is_refused),
        cmocka_unit_test(what_cannot_be_opened_is_said),
        cmocka_unit_test(a_file_that_changes_is_noticed),
        cmocka_unit_test(fields_are_found),
        cmocka_unit_test(orders_are_permutations),
        cmocka_unit_test(orders_are_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
