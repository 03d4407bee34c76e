/* Tokenizers in GGUF files: tokens, kinds, merges, special tokens, the pre-tokenizer's name, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/file.h"
#include "engine/text/tokenizer_gguf.h"
#include "tests/support/fixture.h"
#include "tests/support/gguf_reader.h"

#define LLAMA3 TEST_DATA "/parity/tokenizers/llama3-style"
#define QWEN2  TEST_DATA "/parity/tokenizers/qwen2-style"

enum { NORMAL = 1, CONTROL = 3, USER = 4, UNUSED = 5 };

static Status add(const char *directory, uint32_t vocab_size, const int64_t *eos, uint32_t eos_count, GgufFile **file,
                  Error *error)
{
    const char      *path   = fixture_path(fixture_directory(), "out.gguf");
    GgufWriter      *gguf   = gguf_new();
    const GgufTokens tokens = {.vocab_size = vocab_size, .bos = 3, .pad = -1, .eos = eos, .eos_count = eos_count};
    Status           status = tokenizer_gguf_add(directory, &tokens, gguf, error);
    if (status == STATUS_OK && file != NULL) {
        assert_int_equal(gguf_write(gguf, path, error), STATUS_OK);
        *file = gguf_read(path);
    }
    gguf_free(gguf);
    return status;
}

static GgufFile *written(const char *directory, uint32_t vocab_size, const int64_t *eos, uint32_t eos_count)
{
    GgufFile *file  = NULL;
    Error     error = {0};
    if (add(directory, vocab_size, eos, eos_count, &file, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    return file;
}

static void token_is(const GgufFile *file, uint32_t id, const char *text, int32_t kind)
{
    assert_string_equal(gguf_list_text_at(file, "tokenizer.ggml.tokens", id), text);
    assert_int_equal(gguf_list_i32_at(file, "tokenizer.ggml.token_type", id), kind);
}

static void llama3_is_told(void **state)
{
    (void)state;
    const int64_t eos[] = {1892, 1897, 1898}; /* <|end_of_text|>, <|eom_id|>, <|eot_id|> */
    GgufFile     *file  = written(LLAMA3, 1904, eos, 3);
    assert_string_equal(gguf_text(file, "tokenizer.ggml.model"), "gpt2");
    assert_string_equal(gguf_text(file, "tokenizer.ggml.pre"), "llama-bpe");
    assert_int_equal(gguf_list_count(file, "tokenizer.ggml.tokens"), 1904);
    assert_int_equal(gguf_list_count(file, "tokenizer.ggml.token_type"), 1904);
    assert_int_equal(gguf_list_i32_at(file, "tokenizer.ggml.token_type", 0), NORMAL);
    token_is(file, 1891, "<|begin_of_text|>", CONTROL);
    token_is(file, 1898, "<|eot_id|>", CONTROL);
    token_is(file, 1900, "[PAD1900]", UNUSED);
    token_is(file, 1903, "[PAD1903]", UNUSED);
    assert_int_equal(gguf_u32(file, "tokenizer.ggml.bos_token_id"), 1891); /* the template's, not the config's 3 */
    assert_true(gguf_bool(file, "tokenizer.ggml.add_bos_token"));
    assert_false(gguf_bool(file, "tokenizer.ggml.add_eos_token"));
    assert_int_equal(gguf_u32(file, "tokenizer.ggml.eot_token_id"), 1898);
    assert_false(gguf_has(file, "tokenizer.ggml.eom_token_id")); /* known by its name */
    assert_false(gguf_has(file, "tokenizer.ggml.normalizer.nfc"));
    gguf_close(file);
}

static void qwen2_is_told(void **state)
{
    (void)state;
    const int64_t eos[] = {2043, 2041};
    GgufFile     *file  = written(QWEN2, 2048, eos, 2);
    assert_string_equal(gguf_text(file, "tokenizer.ggml.pre"), "qwen2");
    assert_true(gguf_bool(file, "tokenizer.ggml.normalizer.nfc"));
    assert_false(gguf_bool(file, "tokenizer.ggml.add_bos_token"));
    token_is(file, 2042, "<|im_start|>", CONTROL);
    token_is(file, 2046, "<think>", USER);
    assert_int_equal(gguf_u32(file, "tokenizer.ggml.eos_token_id"), 2043);
    assert_non_null(strstr(gguf_text(file, "tokenizer.chat_template"), "<|im_start|>"));
    gguf_close(file);
}

/* All merges are there, in order, as the file has them. */
static void merges_are_the_files(void **state)
{
    (void)state;
    const int64_t eos  = 2043;
    GgufFile     *file = written(QWEN2, 2048, &eos, 1);
    cJSON        *root = fixture_json(QWEN2 "/tokenizer.json");
    const cJSON  *list = cJSON_GetObjectItem(cJSON_GetObjectItem(root, "model"), "merges");
    assert_int_equal(gguf_list_count(file, "tokenizer.ggml.merges"), cJSON_GetArraySize(list));
    uint64_t index = 0;
    for (const cJSON *merge = list->child; merge != NULL; merge = merge->next, index++) {
        char wanted[400];
        if (cJSON_IsString(merge)) {
            snprintf(wanted, sizeof wanted, "%s", merge->valuestring);
        } else {
            snprintf(wanted, sizeof wanted, "%s %s", merge->child->valuestring, merge->child->next->valuestring);
        }
        assert_string_equal(gguf_list_text_at(file, "tokenizer.ggml.merges", index), wanted);
    }
    cJSON_Delete(root);
    gguf_close(file);
}

/* A small tokenizer with these parts. */
static const char *small(const char *pre, const char *vocab, const char *merges, bool ignore_merges, const char *more)
{
    static char text[8192];
    snprintf(text, sizeof text,
             "{\"version\":\"1.0\",\"added_tokens\":[{\"id\":0,\"content\":\"<eos>\",\"special\":true%s}],"
             "\"normalizer\":null,"
             "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[%s]},\"post_processor\":null,\"decoder\":{"
             "\"type\":\"ByteLevel\"},\"model\":{\"type\":"
             "\"BPE\",\"ignore_merges\":%s,\"vocab\":{\"<eos>\":0,%s},\"merges\":[%s]}}",
             more, pre, ignore_merges ? "true" : "false", vocab, merges);
    return text;
}

#define SPLIT(regex)                                                                                                   \
    "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" regex "\"},\"behavior\":\"Isolated\",\"invert\":false},"
#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
#define WORDS        "[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|"
#define REST         "| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"
#define THREE        SPLIT(CONTRACTIONS WORDS "\\\\p{N}{1,3}" REST)
#define ONE          SPLIT(CONTRACTIONS WORDS "\\\\p{N}" REST)
#define BARE         SPLIT(WORDS "\\\\p{N}{1,3}" REST)
#define BYTES        "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}"
#define GPT2_BYTES   "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true}"
#define SPACE_BYTES  "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"use_regex\":false}"
#define DIGITS       "{\"type\":\"Digits\",\"individual_digits\":true},"
#define MADE         "\"a\":1,\"b\":2,\"ab\":3"

/* What llama.cpp calls it; NULL: it has none. */
static void pre_is(const char *text, const char *wanted)
{
    Error      error     = {0};
    Tokenizer *tokenizer = tokenizer_parse(text, strlen(text), "small", &error);
    if (tokenizer == NULL) {
        fail_msg("%s", error.text);
    }
    const char *found = tokenizer_gguf_pre(tokenizer, &error);
    if (wanted == NULL) {
        assert_null(found);
        assert_int_equal(error.status, STATUS_BAD_INPUT);
        assert_non_null(strstr(error.text, "small: "));
    } else if (found == NULL || strcmp(found, wanted) != 0) {
        fail_msg("%s, wanted %s (%s)", found != NULL ? found : "none", wanted, error.text);
    }
    tokenizer_free(tokenizer);
}

static void pretokenizers_have_names(void **state)
{
    (void)state;
    static const struct {
        const char *pre, *vocab;
        bool        ignore_merges;
        const char *wanted;
    } cases[] = {
        {THREE BYTES, MADE, true, "llama-bpe"},
        {THREE BYTES, MADE, false, "dbrx"}, /* the same cuts; a piece that is a token is not left whole */
        {ONE BYTES, MADE, false, "qwen2"},
        {ONE BYTES, MADE, true, "qwen2"},           /* all tokens come of merges: no matter */
        {ONE BYTES, MADE ",\"ba\":4", true, NULL},  /* "ba" does not */
        {BARE BYTES, MADE, true, "llama-bpe"},      /* no token has an apostrophe */
        {BARE BYTES, MADE ",\"x'\":4", true, NULL}, /* one has */
        {BARE BYTES, MADE ",\"ba\":4", false, NULL},
        {DIGITS GPT2_BYTES, MADE, false, "smollm"},
        {GPT2_BYTES, MADE, false, "gpt-2"},
        {BYTES, MADE, false, NULL}, /* no cut at all */
        {THREE SPACE_BYTES, MADE, true, NULL},
        {DIGITS THREE BYTES, MADE, true, NULL},
        {SPLIT("\\\\p{N}+") BYTES, MADE, false, NULL},
        {"{\"type\":\"Split\",\"pattern\":{\"String\":\" \"},\"behavior\":\"Removed\",\"invert\":false}," BYTES, MADE,
         false, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pre_is(small(cases[i].pre, cases[i].vocab, "\"a b\"", cases[i].ignore_merges, ""), cases[i].wanted);
    }
}

/* --- what is refused */

static const char *folder(const char *text)
{
    const char *directory = fixture_directory();
    assert_int_equal(file_write_atomic(fixture_path(directory, "tokenizer.json"), text, strlen(text), NULL), STATUS_OK);
    return directory;
}

static void refused(const char *text, uint32_t vocab_size, const int64_t *eos, uint32_t eos_count, const char *word)
{
    Error error = {0};
    assert_int_equal(add(folder(text), vocab_size, eos, eos_count, NULL, &error), STATUS_BAD_INPUT);
    if (strstr(error.text, word) == NULL) {
        fail_msg("no '%s' in: %s", word, error.text);
    }
}

static void what_cannot_be_told_is_refused(void **state)
{
    (void)state;
    const int64_t eos = 0, ends[] = {0, 1, 2, 3};
    refused(small(THREE BYTES, MADE, "\"a b\"", true, ",\"lstrip\":true"), 8, &eos, 1, "lstrip");
    refused(small(THREE BYTES, MADE, "\"a b\"", true, ",\"rstrip\":true"), 8, &eos, 1, "rstrip");
    refused(small(THREE BYTES, MADE, "\"a b\"", true, ",\"single_word\":true"), 8, &eos, 1, "single_word");
    refused(small(THREE BYTES, MADE, "\"a b\"", true, ""), 3, &eos, 1, "ids up to 3, but the model's vocab_size is 3");
    refused(small(THREE BYTES, MADE ",\"[PAD5]\":4", "\"a b\"", true, ""), 8, &eos, 1, "[PAD5]");
    refused(small(THREE BYTES, MADE, "\"a b\"", true, ""), 8, &eos, 0, "no token ends a response");
    refused(small(THREE BYTES, MADE, "\"a b\"", true, ""), 8, ends, 4, "more tokens end a response");
    refused(small(SPLIT("a+") BYTES, MADE, "\"a b\"", true, ""), 8, &eos, 1,
            "no pre-tokenizer that cuts as this one does (a+");
}

/* What the post-processor puts before a text is bos, whatever a config says. */
static void the_template_says_bos(void **state)
{
    (void)state;
    const int64_t eos  = 1892;
    char         *text = fixture_text(LLAMA3 "/tokenizer.json", NULL);
    GgufFile     *file = written(folder(text), 1904, &eos, 1);
    assert_int_equal(gguf_u32(file, "tokenizer.ggml.bos_token_id"), 1891);
    assert_true(gguf_bool(file, "tokenizer.ggml.add_bos_token"));
    free(text);
    gguf_close(file);
}

static void three_ends_have_keys(void **state)
{
    (void)state;
    const int64_t ends[] = {0, 1, 2};
    GgufFile     *file   = written(folder(small(THREE BYTES, MADE, "\"a b\"", true, "")), 4, ends, 3);
    assert_int_equal(gguf_u32(file, "tokenizer.ggml.eos_token_id"), 0);
    assert_int_equal(gguf_u32(file, "tokenizer.ggml.eot_token_id"), 1);
    assert_int_equal(gguf_u32(file, "tokenizer.ggml.eom_token_id"), 2);
    assert_int_equal(gguf_u32(file, "tokenizer.ggml.bos_token_id"), 3); /* the config's */
    assert_false(gguf_has(file, "tokenizer.chat_template"));
    token_is(file, 0, "<eos>", CONTROL);
    token_is(file, 3, "ab", NORMAL);
    gguf_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(llama3_is_told),
        cmocka_unit_test(qwen2_is_told),
        cmocka_unit_test(merges_are_the_files),
        cmocka_unit_test(pretokenizers_have_names),
        cmocka_unit_test(what_cannot_be_told_is_refused),
        cmocka_unit_test(the_template_says_bos),
        cmocka_unit_test(three_ends_have_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
