/* Tokenizers with settings that few models have: the same ids as Hugging Face tokenizers 0.23.1, or a refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/json.h"
#include "engine/text/tokenizer.h"
#include "tests/support/fixture.h"

static void assert_ids(const Tokenizer *tokenizer, const cJSON *row, int line)
{
    const cJSON *text = cJSON_GetObjectItem(row, "text"), *wanted = cJSON_GetObjectItem(row, "ids");
    Error        error = {0};
    int32_t     *ids;
    size_t       count;
    if (tokenizer_encode(tokenizer, text->valuestring, json_string_bytes(text), true, &ids, &count, &error) !=
        STATUS_OK) {
        fail_msg("line %d: %s", line, error.text);
    }
    bool same = (int)count == cJSON_GetArraySize(wanted);
    for (size_t i = 0; i < count && same; i++) {
        same = ids[i] == cJSON_GetArrayItem(wanted, (int)i)->valueint;
    }
    if (!same) {
        fail_msg("line %d: \"%s\" has other ids", line, text->valuestring);
    }
    free(ids);
}

/* \w, ^ and $ in Ruby's dialect; single words beside letters that are symbols; whole pieces that are added tokens, but
 * were not cut out; added tokens before and after normalization that begin alike. */
static void unusual_settings_give_the_same_ids(void **state)
{
    (void)state;
    Error      error     = {0};
    Tokenizer *tokenizer = tokenizer_open(TEST_DATA "/tokenizers/unusual.json", &error);
    char      *text      = fixture_text(TEST_DATA "/tokenizers/unusual.jsonl", NULL);
    int        line      = 0;
    if (tokenizer == NULL) {
        fail_msg("%s", error.text);
    }
    for (char *at = text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        cJSON *row = NULL;
        assert_int_equal(json_parse(at, (size_t)(end - at), "unusual.jsonl", &row, NULL), STATUS_OK);
        assert_ids(tokenizer, row, ++line);
        cJSON_Delete(row);
    }
    assert_int_equal(line, 150);
    free(text);
    tokenizer_free(tokenizer);
}

#define BYTE_LEVEL "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true}"

/* What PCRE2 would take, but read in another way than Oniguruma. */
static void regexes_that_mean_something_else_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *says;
    } cases[] = {{"a\\\\b", "\\b is not"},
                 {"[a[bc]]", "[ ] in [ ]"},
                 {"[[:alpha:]]", "[ ] in [ ]"},
                 {"[a&&b]", "&& in"},
                 {"\\\\p{N}{1,3}+", "{n,m}+"},
                 {"(?m:a)", "a flag"},
                 {"(?i-x:a)", "a flag"},
                 {"a{,3}", "{,n}"},
                 {"[\\\\W]", "\\W in"},
                 {"\\\\h", "\\h is not"},
                 {"(?i:'s|'t)|\\\\p{N}{1,3}|[^\\\\[(?!]++", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char  text[1024];
        Error error = {0};
        snprintf(text, sizeof text,
                 "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{"
                 "\"Regex\":\"%s\"},"
                 "\"behavior\":\"Isolated\"}," BYTE_LEVEL "]},\"decoder\":{\"type\":\"ByteLevel\"},"
                 "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}",
                 cases[i].pattern);
        Tokenizer *tokenizer = tokenizer_parse(text, strlen(text), "small", &error);
        if ((tokenizer == NULL) != (cases[i].says != NULL) ||
            (tokenizer == NULL && strstr(error.text, cases[i].says) == NULL)) {
            fail_msg("%s: %s", cases[i].pattern, error.text);
        }
        tokenizer_free(tokenizer);
    }
}

/* As in TinyLlama's file. */
static void sentencepiece_is_named(void **state)
{
    (void)state;
    static const char text[] =
        "{\"added_tokens\":[],\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":"
        "\"\xE2\x96\x81\"},{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"\xE2\x96\x81\"}]},"
        "\"pre_tokenizer\":null,\"model\":{\"type\":\"BPE\",\"byte_fallback\":true,\"vocab\":{\"a\":0},\"merges\":[]}}";
    Error error = {0};
    assert_null(tokenizer_parse(text, strlen(text), "tokenizer.json", &error));
    assert_int_equal(error.status, STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "SentencePiece"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unusual_settings_give_the_same_ids),
        cmocka_unit_test(regexes_that_mean_something_else_are_refused),
        cmocka_unit_test(sentencepiece_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
