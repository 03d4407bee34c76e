/* json_scan: the fields of a line in place, against the reader that builds a tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "rlsp/run/events.h"
#include "rlsp/run/json_scan.h"

/* The fields as text: "key=1;outer.key='text';key=true;…", or "torn". The line is exactly as long as it is: nothing
 * past its newline may be read. */
static const char *fields_of(const char *text)
{
    static char  out[2048];
    const size_t bytes = strlen(text) + 1;
    char        *line  = malloc(bytes);
    assert_non_null(line);
    memcpy(line, text, bytes - 1);
    line[bytes - 1] = '\n';
    JsonScan  scan  = json_scan(line, bytes);
    ScanField field;
    size_t    at = 0;
    out[0]       = '\0';
    while (json_scan_next(&scan, &field)) {
        static const char *const words[] = {
            [SCAN_TRUE] = "true", [SCAN_FALSE] = "false", [SCAN_NULL] = "null", [SCAN_OTHER] = "other"};
        if (field.outer != NULL) {
            at += (size_t)snprintf(out + at, sizeof out - at, "%.*s.", (int)field.outer_bytes, field.outer);
        }
        at += (size_t)snprintf(out + at, sizeof out - at, "%.*s=", (int)field.key_bytes, field.key);
        at += (size_t)(field.kind == SCAN_NUMBER ? snprintf(out + at, sizeof out - at, "%.17g;", field.number)
                       : field.kind == SCAN_TEXT
                           ? snprintf(out + at, sizeof out - at, "'%.*s';", (int)field.text_bytes, field.text)
                           : snprintf(out + at, sizeof out - at, "%s;", words[field.kind]));
    }
    if (!json_scan_whole(&scan)) {
        strcpy(out, "torn");
    }
    free(line);
    return out;
}

static void test_fields(void **state)
{
    (void)state;
    assert_string_equal(fields_of("{}"), "");
    assert_string_equal(fields_of("{\"a\":1,\"b\":\"x\",\"c\":true,\"d\":false,\"e\":null}"),
                        "a=1;b='x';c=true;d=false;e=null;");
    assert_string_equal(fields_of(" { \"a\" :\t-2.5e1 , \"b\" : \"\" } \r"), "a=-25;b='';");
    assert_string_equal(fields_of("{\"r\":{\"x\":1,\"y\":{\"z\":[{}]}},\"e\":{},\"l\":[1,\"]\",[2]],\"s\":3}"),
                        "r.x=1;r.y=other;l=other;s=3;");
    assert_string_equal(fields_of("{\"a\\\"b\":\"c\\\\\",\"d\":\"\\\\\\\"\"}"), "a\\\"b='c\\\\';d='\\\\\\\"';");
    assert_string_equal(fields_of("{\"a_name_of_more_than_sixteen\":7}"), "a_name_of_more_than_sixteen=7;");
}

static void test_torn_lines(void **state)
{
    (void)state;
    const char *torn[] = {"",
                          "[]",
                          "1",
                          "{\"a\":1",
                          "{\"a\":1}}",
                          "{\"a\":1} x",
                          "{,\"a\":1}",
                          "{\"a\":}",
                          "{\"a\":1,}",
                          "{\"a\" 1}",
                          "{a:1}",
                          "{\"a\":01}",
                          "{\"a\":.5}",
                          "{\"a\":1.}",
                          "{\"a\":1e}",
                          "{\"a\":-}",
                          "{\"a\":nul}",
                          "{\"a\":\"x}",
                          "{\"a\":\"\\\"}",
                          "{\"a\":[1,2}",
                          "{\"a\":{\"b\":1}",
                          "{\"a\\\":1}",
                          "{\"a\":tru",
                          "{\"a",
                          "{\"a\":1 2}",
                          "{\"a\":{,}}"};
    for (size_t i = 0; i < sizeof torn / sizeof *torn; i++) {
        if (strcmp(fields_of(torn[i]), "torn") != 0) {
            fail_msg("%s gave %s", torn[i], fields_of(torn[i]));
        }
    }
    /* every beginning of a line is torn, too */
    const char *whole = "{\"event\":\"trace\",\"step\":12,\"r\":{\"a\":-1.5e3,\"b\":true},\"text\":\"\\u00e9\\\\\"}";
    for (size_t i = 0; i < strlen(whole); i++) {
        char *part = strndup(whole, i);
        assert_string_equal(fields_of(part), "torn");
        free(part);
    }
}

static double number_of(const char *text)
{
    char      line[400];
    int       bytes = snprintf(line, sizeof line, "{\"a\":%s}\n", text);
    JsonScan  scan  = json_scan(line, (size_t)bytes);
    ScanField field;
    assert_true(json_scan_next(&scan, &field) && field.kind == SCAN_NUMBER);
    assert_false(json_scan_next(&scan, &field));
    assert_true(json_scan_whole(&scan));
    return field.number;
}

static void test_numbers(void **state)
{
    (void)state;
    const char *texts[] = {"0",
                           "-0",
                           "7",
                           "10",
                           "0.1",
                           "-0.5",
                           "1e5",
                           "1E-7",
                           "1e+2",
                           "9007199254740993",
                           "1795531121.4826872",
                           "123456789012345678901234567890",
                           "0.00000000000000000000000012345678901234567890123",
                           "2.2250738585072014e-308",
                           "1.7976931348623157e308",
                           "1e-400",
                           "5e-324",
                           "0e999999999",
                           "1e22",
                           "1e23",
                           "100000000000000000000000e-23",
                           "0.0",
                           "3.4028235e38"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const double expected = strtod(texts[i], NULL), found = number_of(texts[i]);
        if (!(fabs(found - expected) <= fabs(expected) * 2.3e-16)) {
            fail_msg("%s gave %.17g", texts[i], found);
        }
    }
    assert_true(number_of("1e999") == INFINITY && number_of("-1e999999999999") == -INFINITY);
    assert_true(signbit(number_of("-0")) && number_of("1e-99999999999") == 0);
}

/* What the trainer writes, 9 digits or 17, comes back as it was. */
static void test_numbers_round_trip(void **state)
{
    (void)state;
    uint64_t bits = 1;
    for (int i = 0; i < 100000; i++) {
        char  text[40];
        float value;
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        memcpy(&value, (const char *)&bits + 4, sizeof value);
        if (!isfinite(value) || fabsf(value) < 1e-37f) {
            continue;
        }
        snprintf(text, sizeof text, "%.9g", (double)value);
        assert_true((float)number_of(text) == value);
        const double moment = 1.7e9 + (double)(bits >> 32) / 1e3;
        snprintf(text, sizeof text, "%.17g", moment);
        assert_true(fabs(number_of(text) - moment) < 1e-6);
    }
}

/* --- escapes */

static void test_unescape(void **state)
{
    (void)state;
    const char *pairs[][2] = {{"plain", "plain"},
                              {"a\\nb\\t\\\"\\\\\\/", "a\nb\t\"\\/"},
                              {"\\u00e9\\u20ac\\ud83d\\ude00", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
                              {"\\ud83d", "\\ud83d"},
                              {"\\ud83dx", "\\ud83dx"},
                              {"\\ude00", "\\ude00"},
                              {"\\ud83d\\u0041", "\\ud83dA"},
                              {"\\q\\u12", "\\q\\u12"},
                              {"end\\", "end\\"},
                              {"\\b\\f\\r", "\b\f\r"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char   out[64];
        size_t bytes = scan_unescape(pairs[i][0], strlen(pairs[i][0]), out);
        assert_true(bytes <= strlen(pairs[i][0]));
        assert_int_equal(bytes, strlen(pairs[i][1]));
        assert_memory_equal(out, pairs[i][1], bytes);
        scan_copy(pairs[i][0], strlen(pairs[i][0]), out, sizeof out);
        assert_string_equal(out, pairs[i][1]);
    }
}

/* A text is cut between two characters, and at a NUL. */
static void test_copy_is_cut(void **state)
{
    (void)state;
    char out[5];
    scan_copy("abc\xc3\xa9", 5, out, sizeof out);
    assert_string_equal(out, "abc");
    scan_copy("abc\\u00e9", 9, out, sizeof out);
    assert_string_equal(out, "abc");
    scan_copy("ab\\u00e9", 8, out, sizeof out);
    assert_string_equal(out, "ab\xc3\xa9");
    scan_copy("ab\\u0000c", 9, out, sizeof out);
    assert_string_equal(out, "ab");
    scan_copy("", 0, out, sizeof out);
    assert_string_equal(out, "");
    scan_copy("abcdefgh", 8, out, 1);
    assert_string_equal(out, "");
}

/* --- against the tree */

typedef struct Numbers {
    double values[256];
    int    count;
} Numbers;

static void note_number(void *context, const char *name, double value)
{
    Numbers *numbers = context;
    (void)name;
    assert_true(numbers->count < 256);
    numbers->values[numbers->count++] = value;
}

static void compare_file(const char *path)
{
    char  *text;
    size_t bytes, lines = 0;
    assert_int_equal(file_read(path, 1 << 24, &text, &bytes, NULL), STATUS_OK);
    for (char *line = text, *end; line < text + bytes; line = end, lines++) {
        end              = strchr(line, '\n') + 1;
        Numbers   tree   = {0};
        int       number = 0;
        Event    *event  = event_parse(line, (size_t)(end - line));
        JsonScan  scan   = json_scan(line, (size_t)(end - line));
        ScanField field;
        assert_non_null(event);
        event_each_number(event, note_number, &tree);
        while (json_scan_next(&scan, &field)) {
            if (field.kind == SCAN_NUMBER) {
                assert_true(number < tree.count);
                assert_true(fabs(field.number - tree.values[number]) <= fabs(field.number) * 2.3e-16);
                number++;
            } else if (field.kind == SCAN_TEXT && field.outer == NULL) {
                char   name[64], *plain = malloc(field.text_bytes + 1);
                size_t length = scan_unescape(field.text, field.text_bytes, plain);
                snprintf(name, sizeof name, "%.*s", (int)field.key_bytes, field.key);
                plain[length] = '\0';
                assert_string_equal(plain, event_text(event, name));
                free(plain);
            }
        }
        assert_true(json_scan_whole(&scan));
        assert_int_equal(number, tree.count);
        event_free(event);
    }
    assert_true(lines > 10);
    free(text);
}

static void test_recorded_lines(void **state)
{
    (void)state;
    compare_file(TEST_DATA "/run-recorded/events.jsonl");
    compare_file(TEST_DATA "/run-recorded/traces.jsonl");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),         cmocka_unit_test(test_torn_lines),
        cmocka_unit_test(test_numbers),        cmocka_unit_test(test_numbers_round_trip),
        cmocka_unit_test(test_unescape),       cmocka_unit_test(test_copy_is_cut),
        cmocka_unit_test(test_recorded_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
