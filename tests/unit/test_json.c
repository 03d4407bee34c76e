/* The strict JSON reader: what is accepted, what is not and what the errors say. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/json.h"
#include "tests/support/fixture.h"

static cJSON *parse(const char *text)
{
    cJSON *root;
    Error  error = {0};
    if (json_parse(text, strlen(text), "test", &root, &error) != STATUS_OK) {
        fail_msg("%s: %s", text, error.text);
    }
    return root;
}

static void values_are_read(void **state)
{
    (void)state;
    cJSON *root =
        parse(" {\"n\":null,\"t\":true,\"f\":false,\"i\":-0,\"d\":-12.5e-1,\"s\":\"a\\u00e9\\ud83d\\ude00\\/\\n\","
              "\"a\":[1,[],{}],\"\":{\"x\":\"\xC3\xA9\"}} \r\n\t");
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(root, "n")));
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(root, "t")));
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(root, "f")));
    assert_true(cJSON_GetObjectItem(root, "i")->valuedouble == 0);
    assert_true(cJSON_GetObjectItem(root, "d")->valuedouble == -1.25);
    assert_string_equal(cJSON_GetObjectItem(root, "s")->valuestring, "a\xC3\xA9\xF0\x9F\x98\x80/\n");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(root, "a")), 3);
    assert_string_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(root, ""), "x")->valuestring, "\xC3\xA9");
    cJSON_Delete(root);
    root = parse("\"\"");
    assert_int_equal(json_string_bytes(root), 0);
    cJSON_Delete(root);
    root = parse("1e308");
    assert_true(root->valuedouble == 1e308);
    cJSON_Delete(root);
}

static void what_is_not_json_is_rejected(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "line 1, column 1: the text ends where a value should be"},
        {"  \n ", "line 2, column 2"},
        {"{\"a\":1,}", "line 1, column 8: found '}', wanted a key"},
        {"[1,]", "column 4: found ']', wanted a value"},
        {"[1 2]", "column 4: found '2', wanted ',' or ']'"},
        {"{\"a\" 1}", "wanted ':'"},
        {"{a:1}", "wanted a key in double quotes"},
        {"{'a':1}", "wanted a key in double quotes"},
        {"{\"a\":1} x", "column 9: found 'x', wanted the end of the text"},
        {"{\"a\":1}{}", "wanted the end of the text"},
        {"NaN", "found 'N'"},
        {"[Infinity]", "found 'I'"},
        {"-Infinity", "wanted a value"},
        {"nul", "found 'n'"},
        {"truee", "wanted the end of the text"},
        {"01", "must not begin with 0"},
        {"-01", "must not begin with 0"},
        {"+1", "found '+'"},
        {".5", "found '.'"},
        {"1.", "digits after its point"},
        {"1.e3", "digits after its point"},
        {"1e", "digits in its exponent"},
        {"1e+", "digits in its exponent"},
        {"-", "wanted a value"},
        {"0x10", "found 'x'"},
        {"1e999", "too large"},
        {"// c\n1", "found '/'"},
        {"\"a", "does not end"},
        {"\"a\\\"", "does not end"},
        {"\"a\\", "does not end"},
        {"\"\\q\"", "no such escape"},
        {"\"\\u12g4\"", "four hexadecimal digits"},
        {"\"\\u12\"", "four hexadecimal digits"},
        {"\"\\ud800\"", "surrogate"},
        {"\"\\ud800x\"", "surrogate"},
        {"\"\\ud800\\u0041\"", "surrogate"},
        {"\"\\udc00\"", "surrogate"},
        {"\"\\ud800\\ud800\"", "surrogate"},
        {"\"a\nb\"", "control character"},
        {"\"a\tb\"", "control character"},
        {"\"\\u0000\"", "\\u0000 is not allowed"},
        {"\"\xFF\"", "column 2: not valid UTF-8"},
        {"\"\xC0\x80\"", "not valid UTF-8"},
        {"\"\xED\xA0\x80\"", "not valid UTF-8"},
        {"\xEF\xBB\xBF{}", "byte order mark"},
        {"{\"a\":1,\"b\":2,\"a\":1}", "has the key 'a' twice"},
        {"{\"a\":1,\"\\u0061\":1}", "has the key 'a' twice"},
        {"{\n\"x\":[1,\n {\"k\":{\"a\":1,\"a\":2}}]}", "line 3, column 7"},
        {"[", "the text ends where a value should be"},
        {"{\"a\"", "the text ends where ':'"},
        {"\"\xC3\xA9\" 1", "column 5: found '1'"}, /* columns count characters */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cJSON *root;
        Error  error = {0};
        assert_int_equal(json_parse(cases[i].text, strlen(cases[i].text), "test", &root, &error), STATUS_BAD_INPUT);
        assert_null(root);
        if (strncmp(error.text, "test: line ", 11) != 0 || strstr(error.text, cases[i].says) == NULL) {
            fail_msg("%s: the error should say \"%s\": %s", cases[i].text, cases[i].says, error.text);
        }
    }
    cJSON *root;
    Error  error = {0};
    assert_int_equal(json_parse("[1]\0", 4, "test", &root, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "column 4: a NUL byte"));
}

/* Everything that a text can be cut to is rejected without reading past its end. */
static void cut_texts_are_rejected(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1.5e3,true,null,{\"b\":\"\\ud83d\\ude00\xC3\xA9\"}],\"c\":-1}";
    for (size_t length = 0; length < sizeof text - 1; length++) {
        char *copy = malloc(length + 1); /* its own allocation, so that ASan sees a byte too far */
        memcpy(copy, text, length);
        char  *exact = realloc(copy, length == 0 ? 1 : length);
        cJSON *root;
        assert_int_equal(json_parse(exact, length, "test", &root, NULL), STATUS_BAD_INPUT);
        free(exact);
    }
    cJSON_Delete(parse(text));
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    for (int depth = 127; depth <= 129; depth++) {
        char text[400];
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        cJSON *root;
        Status status = json_parse(text, 2 * (size_t)depth, "test", &root, NULL);
        assert_int_equal(status, depth <= 128 ? STATUS_OK : STATUS_BAD_INPUT);
        cJSON_Delete(root);
    }
    size_t deep = 1000000;
    char  *text = malloc(deep);
    for (size_t i = 0; i < deep; i++) {
        text[i] = "{\"a\":"[i % 5];
    }
    cJSON *root;
    assert_int_equal(json_parse(text, deep, "test", &root, NULL), STATUS_BAD_INPUT);
    free(text);
}

static void nul_is_kept_where_it_is_asked_for(void **state)
{
    (void)state;
    static const char text[] = "{\"text\":\"a\\u0000b\"}";
    cJSON            *root;
    Error             error = {0};
    assert_int_equal(json_parse_with_nul(text, sizeof text - 1, "test", &root, &error), STATUS_OK);
    const cJSON *string = cJSON_GetObjectItem(root, "text");
    assert_int_equal(json_string_bytes(string), 3);
    assert_memory_equal(string->valuestring, "a\0b", 4);
    JsonObject  object;
    const char *value = NULL;
    assert_int_equal(json_root(&object, root, "test", &error), STATUS_OK);
    assert_int_equal(json_get_string(&object, "text", JSON_REQUIRED, &value, &error), STATUS_BAD_INPUT);
    assert_null(value);
    cJSON_Delete(root);
    assert_int_equal(json_parse_with_nul("{\"a\\u0000\":1}", 13, "test", &root, NULL), STATUS_BAD_INPUT);
}

static void numbers_do_not_depend_on_the_locale(void **state)
{
    (void)state;
    const char *locale = setlocale(LC_ALL, "de_DE.UTF-8"); /* where it is installed */
    cJSON      *root   = parse("[1.5, 2.25e1]");
    assert_true(cJSON_GetArrayItem(root, 0)->valuedouble == 1.5);
    assert_true(cJSON_GetArrayItem(root, 1)->valuedouble == 22.5);
    cJSON_Delete(root);
    setlocale(LC_ALL, "C");
    if (locale == NULL) {
        print_message("de_DE.UTF-8 is not installed: only the C locale was seen\n");
    }
}

/* Getters against one object. */
static void getters_check_and_name(void **state)
{
    (void)state;
    cJSON *root = parse("{\"u\":7,\"big\":9007199254740993,\"ok\":9007199254740991,\"neg\":-3,\"frac\":4.0,\"exp\":4e0,"
                        "\"s\":\"word\",\"b\":true,\"z\":null,\"a\":[1],\"o\":{\"k\":{\"deep\":\"8\"}},\"x\":0.5}");
    JsonObject  object, child, deeper;
    uint32_t    u    = 42;
    uint64_t    wide = 42;
    int64_t     i    = 42;
    double      d    = 42;
    bool        b    = false;
    const char *s    = "old";
    Error       e    = {0};
    assert_int_equal(json_root(&object, root, "run.json", &e), STATUS_OK);

    assert_int_equal(json_get_u32(&object, "u", JSON_REQUIRED, 1, 10, &u, &e), STATUS_OK);
    assert_int_equal(u, 7);
    assert_int_equal(json_get_u32(&object, "none", JSON_OPTIONAL, 1, 10, &u, &e), STATUS_OK);
    assert_int_equal(json_get_u32(&object, "z", JSON_NULLABLE, 1, 10, &u, &e), STATUS_OK);
    assert_int_equal(u, 7);
    assert_int_equal(json_get_u64(&object, "ok", JSON_REQUIRED, 0, UINT64_MAX, &wide, &e), STATUS_OK);
    assert_true(wide == 9007199254740991u);
    assert_int_equal(json_get_i64(&object, "neg", JSON_REQUIRED, INT64_MIN, INT64_MAX, &i, &e), STATUS_OK);
    assert_true(i == -3);
    assert_int_equal(json_get_f64(&object, "x", JSON_REQUIRED, 0, 1, &d, &e), STATUS_OK);
    assert_true(d == 0.5);
    assert_int_equal(json_get_f64(&object, "u", JSON_REQUIRED, -1e308, 1e308, &d, &e), STATUS_OK);
    assert_true(d == 7);
    assert_int_equal(json_get_bool(&object, "b", JSON_REQUIRED, &b, &e), STATUS_OK);
    assert_true(b);
    assert_int_equal(json_get_string(&object, "s", JSON_REQUIRED, &s, &e), STATUS_OK);
    assert_string_equal(s, "word");
    assert_int_equal(json_get_object(&object, "o", JSON_REQUIRED, &child, &e), STATUS_OK);
    assert_int_equal(json_get_object(&child, "k", JSON_REQUIRED, &deeper, &e), STATUS_OK);
    assert_int_equal(json_get_object(&object, "none", JSON_OPTIONAL, &child, &e), STATUS_OK);
    assert_null(child.json);
    assert_int_equal(json_get_u32(&child, "k", JSON_OPTIONAL, 0, 1, &u, &e), STATUS_OK);
    assert_int_equal(e.status, STATUS_OK);

    json_get_u32(&deeper, "deep", JSON_REQUIRED, 1, 9, &u, &e);
    assert_string_equal(e.text, "run.json: key 'o.k.deep': found the string \"8\", wanted an integer from 1 to 9");
#define REJECTS(call, says)                                                                                            \
    do {                                                                                                               \
        e = (Error){0};                                                                                                \
        assert_int_equal(call, STATUS_BAD_INPUT);                                                                      \
        if (strstr(e.text, says) == NULL) {                                                                            \
            fail_msg("should say \"%s\": %s", says, e.text);                                                           \
        }                                                                                                              \
    } while (0)
    REJECTS(json_get_u32(&object, "none", JSON_REQUIRED, 1, 10, &u, &e), "key 'none': missing");
    REJECTS(json_get_u32(&object, "z", JSON_OPTIONAL, 1, 10, &u, &e), "found null");
    REJECTS(json_get_u32(&object, "u", JSON_REQUIRED, 8, 10, &u, &e),
            "found the number 7, wanted an integer from 8 to 10");
    REJECTS(json_get_u32(&object, "u", JSON_REQUIRED, 1, 6, &u, &e), "from 1 to 6");
    REJECTS(json_get_u32(&object, "neg", JSON_REQUIRED, 0, 6, &u, &e), "-3");
    REJECTS(json_get_u32(&object, "frac", JSON_REQUIRED, 0, 6, &u, &e), "found the number 4");
    REJECTS(json_get_u32(&object, "exp", JSON_REQUIRED, 0, 6, &u, &e), "found the number 4");
    REJECTS(json_get_u64(&object, "big", JSON_REQUIRED, 0, UINT64_MAX, &wide, &e), "2^53");
    REJECTS(json_get_f64(&object, "s", JSON_REQUIRED, 0, 1, &d, &e), "found the string \"word\"");
    REJECTS(json_get_f64(&object, "x", JSON_REQUIRED, 1, 2, &d, &e), "from 1 to 2");
    REJECTS(json_get_bool(&object, "u", JSON_REQUIRED, &b, &e), "wanted true or false");
    REJECTS(json_get_string(&object, "a", JSON_REQUIRED, &s, &e), "found an array, wanted a string");
    REJECTS(json_get_object(&object, "a", JSON_REQUIRED, &child, &e), "wanted an object");
    REJECTS(json_root(&child, cJSON_GetObjectItem(root, "a"), "run.json", &e), "run.json: found an array");
#undef REJECTS
    assert_int_equal(u, 7); /* what failed changed nothing */
    cJSON_Delete(root);
}

static void words_are_met_with_the_nearest(void **state)
{
    (void)state;
    static const char *const known[] = {"steps", "batch_size", "seed"};
    JsonObject               object;
    Error                    error = {0};
    uint32_t                 index = 9;
    assert_string_equal(json_nearest("bach_size", known, 3), "batch_size");
    assert_null(json_nearest("quite_another_word", known, 3));
    assert_null(json_nearest("x", known, 3)); /* no letter in common */
    static const char *const commands[] = {"verify", "train"};
    char                     endless[1000];
    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    assert_null(json_nearest(endless, commands, 2));
    cJSON *root = parse("{\"kind\":\"seed\",\"bad\":\"sed\"}");
    assert_int_equal(json_root(&object, root, "run.json", NULL), STATUS_OK);
    assert_int_equal(json_get_choice(&object, "kind", JSON_REQUIRED, known, 3, &index, NULL), STATUS_OK);
    assert_int_equal(index, 2);
    assert_int_equal(json_get_choice(&object, "bad", JSON_REQUIRED, known, 3, &index, &error), STATUS_BAD_INPUT);
    assert_string_equal(error.text, "run.json: key 'bad': found \"sed\", wanted one of: steps, batch_size, seed");
    cJSON_Delete(root);
}

static void files_are_written_and_read(void **state)
{
    (void)state;
    const char *path  = fixture_path(fixture_directory(), "a.json");
    cJSON      *root  = parse("{\"a\":[1,2.5,\"x\\n\"]}"), *back;
    Error       error = {0};
    assert_int_equal(json_write_file(path, root, &error), STATUS_OK);
    assert_int_equal(json_read_file(path, JSON_FILE_LIMIT, &back, &error), STATUS_OK);
    assert_true(cJSON_Compare(root, back, true));
    cJSON_Delete(back);
    cJSON_Delete(root);
    assert_int_equal(json_read_file(path, 4, &back, &error), STATUS_BAD_INPUT);
    assert_null(back);
    assert_non_null(strstr(error.text, path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(what_is_not_json_is_rejected),
        cmocka_unit_test(cut_texts_are_rejected),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(nul_is_kept_where_it_is_asked_for),
        cmocka_unit_test(numbers_do_not_depend_on_the_locale),
        cmocka_unit_test(getters_check_and_name),
        cmocka_unit_test(words_are_met_with_the_nearest),
        cmocka_unit_test(files_are_written_and_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
