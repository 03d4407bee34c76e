/* Small templates against what Jinja 3.1 makes of them (as transformers sets it up),
 * templates that are refused, and the limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/text/jinja.h"
#include "tests/support/fixture.h"

#define NEW_YEAR 1735689600 /* 1 January 2025 00:00 UTC */

/* Renders, or fails with *error set; NULL then. */
static char *render(const char *text, const cJSON *variables, const JinjaOptions *options, size_t *bytes, Error *error)
{
    JinjaOutput output      = {0};
    JinjaTemplate *template = jinja_parse(text, strlen(text), "test", error);
    if (template != NULL) {
        jinja_render(template, variables, options, &output, error);
    }
    jinja_free(template);
    free(output.spans);
    *bytes = output.bytes;
    return output.text;
}

static void check_case(const cJSON *variables, const cJSON *row, int line)
{
    const char *template = cJSON_GetObjectItem(row, "template")->valuestring;
    const cJSON *wanted  = cJSON_GetObjectItem(row, "text");
    Error        error   = {0};
    size_t       bytes;
    char        *text = render(template, variables, &(JinjaOptions){.now = NEW_YEAR}, &bytes, &error);
    if (wanted == NULL && text != NULL) {
        fail_msg("line %d: %s: wanted an error (%s), found \"%s\"", line, template,
                 cJSON_GetObjectItem(row, "error")->valuestring, text);
    }
    if (wanted != NULL && text == NULL) {
        fail_msg("line %d: %s: %s", line, template, error.text);
    }
    if (wanted != NULL && (bytes != json_string_bytes(wanted) || memcmp(text, wanted->valuestring, bytes) != 0)) {
        fail_msg("line %d: %s: found \"%s\", wanted \"%s\"", line, template, text, wanted->valuestring);
    }
    if (wanted == NULL) {
        assert_int_equal(error.status, STATUS_BAD_INPUT);
        assert_non_null(strstr(error.text, "test line "));
        assert_null(strchr(error.text, '\n'));
    }
    free(text);
}

static void small_templates_give_what_jinja_gives(void **state)
{
    (void)state;
    char  *text  = fixture_text(TEST_DATA "/jinja/cases.jsonl", NULL);
    cJSON *first = NULL;
    int    line  = 0;
    setenv("TZ", "UTC", 1);
    for (char *at = text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        cJSON *row;
        Error  error = {0};
        line++;
        if (json_parse_with_nul(at, (size_t)(end - at), "cases.jsonl", &row, &error) != STATUS_OK) {
            fail_msg("line %d: %s", line, error.text);
        }
        if (first == NULL) {
            first = row;
            continue;
        }
        check_case(cJSON_GetObjectItem(first, "variables"), row, line);
        cJSON_Delete(row);
    }
    assert_true(line > 200);
    cJSON_Delete(first);
    free(text);
}

/* Renders with no variables and small limits; the result or the error's text must hold `word`. */
static void assert_tells(const char *template, const char *word)
{
    cJSON *none  = cJSON_CreateObject();
    Error  error = {0};
    size_t bytes;
    char  *text = render(template, none, &(JinjaOptions){.now = 1, .steps = 200000, .bytes = 32 << 20}, &bytes, &error);
    if (strstr(text != NULL ? text : error.text, word) == NULL) {
        fail_msg("%.80s: found \"%.200s\", wanted \"%s\"", template, text != NULL ? text : error.text, word);
    }
    free(text);
    cJSON_Delete(none);
}

/* `count` copies of a word. */
static char *repeated(const char *before, const char *word, size_t count, const char *after)
{
    const size_t length = strlen(word);
    char        *text = malloc(strlen(before) + count * length + strlen(after) + 1), *out = text;
    out += sprintf(out, "%s", before);
    for (size_t i = 0; i < count; i++) {
        memcpy(out, word, length);
        out += length;
    }
    strcpy(out, after);
    return text;
}

static void limits_are_kept(void **state)
{
    (void)state;
    assert_tells("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", "too many steps");
    assert_tells("{% set n = namespace(x='ab') %}{% for a in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
                 "memory");
    assert_tells("{% set n = namespace(x='ab') %}{% for a in range(19) %}{% set n.x = n.x ~ n.x %}{% endfor %}"
                 "{% for a in range(99) %}{{ n.x }}{% endfor %}",
                 "memory");
    assert_tells("{% set n = namespace(x=[]) %}{% for a in range(999) %}{% set n.x = [n.x] %}{% endfor %}", "nest");
    assert_tells("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "macros");
    assert_tells("{{ range(1000000) }}", "range");
    assert_tells("{{ 9223372036854775 * 9999 }}", "too large");
    static const struct {
        const char *before, *word, *middle, *closing;
    } deep[] = {{"{{ ", "(", "1", ")"},
                {"{{ ", "[", "1", "]"},
                {"{{ ", "-", "1", ""},
                {"{{ 1", " + 1", "", ""},
                {"{{ ", "not ", "1", ""},
                {"{{ a", ".a", "", ""},
                {"{{ a", "[0]", "", ""},
                {"{{ a", "|trim", "", ""},
                {"", "{% if 1 %}", "{{ 1", ""},
                {"", "{% for a in b %}", "{{ 1", ""},
                {"{% if 1 %}", "{% elif 1 %}", "{{ 1", ""}};
    for (size_t i = 0; i < sizeof deep / sizeof *deep; i++) {
        char *open = repeated(deep[i].before, deep[i].word, 5000, deep[i].middle);
        char *text = repeated(open, deep[i].closing, 5000, " }}");
        assert_tells(text, "levels");
        free(text);
        free(open);
    }
}

static void a_loop_that_is_kept_is_still_there(void **state)
{
    (void)state;
    assert_tells("{% set n = namespace() %}{% for a in [1, 2] %}{% set n.l = loop %}{% endfor %}{{ n.l.length }}!",
                 "2!");
}

static void generations_are_told_by_their_places(void **state)
{
    (void)state;
    static const char text[] = "{% for a in ['x', 'yz'] %}<{% generation %}{{ a }}|{% endgeneration %}>{% endfor %}";
    JinjaTemplate *template  = jinja_parse(text, sizeof text - 1, "test", NULL);
    cJSON      *none         = cJSON_CreateObject();
    JinjaOutput output;
    assert_non_null(template);
    assert_int_equal(jinja_render(template, none, &(JinjaOptions){0}, &output, NULL), STATUS_OK);
    assert_string_equal(output.text, "<x|><yz|>");
    assert_int_equal(output.span_count, 2);
    assert_true(output.spans[0].begin == 1 && output.spans[0].end == 3 && output.spans[1].begin == 5 &&
                output.spans[1].end == 8);
    jinja_output_free(&output);
    jinja_free(template);
    cJSON_Delete(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_templates_give_what_jinja_gives),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(a_loop_that_is_kept_is_still_there),
        cmocka_unit_test(generations_are_told_by_their_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
