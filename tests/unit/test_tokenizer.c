/* The tokenizer against Hugging Face's ids and texts, the reference's verdicts on
 * malformed files, and the tokenizers that are built for tasks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/text/byte_level.h"
#include "engine/text/tokenizer.h"
#include "engine/utf8.h"
#include "tests/support/fixture.h"

#define PARITY TEST_DATA "/parity"

static Tokenizer *open_tokenizer(const char *path)
{
    Error      error     = {0};
    Tokenizer *tokenizer = tokenizer_open(path, &error);
    if (tokenizer == NULL) {
        fail_msg("%s", error.text);
    }
    return tokenizer;
}

static void assert_ids(const Tokenizer *tokenizer, const cJSON *text, bool special, const cJSON *wanted, int line)
{
    Error    error = {0};
    int32_t *ids;
    size_t   count;
    if (tokenizer_encode(tokenizer, text->valuestring, json_string_bytes(text), special, &ids, &count, &error) !=
        STATUS_OK) {
        fail_msg("line %d: %s", line, error.text);
    }
    if (count != (size_t)cJSON_GetArraySize(wanted)) {
        fail_msg("line %d: %zu ids, wanted %d: %s", line, count, cJSON_GetArraySize(wanted), text->valuestring);
    }
    size_t i = 0;
    for (const cJSON *id = wanted->child; id != NULL; id = id->next, i++) {
        if (ids[i] != id->valueint) {
            fail_msg("line %d: id %zu is %d, wanted %d: %s", line, i, ids[i], id->valueint, text->valuestring);
        }
    }
    free(ids);
}

static void assert_text(const Tokenizer *tokenizer, const cJSON *ids, bool skip, const cJSON *wanted, int line)
{
    size_t   count = (size_t)cJSON_GetArraySize(ids), n = 0, bytes;
    int32_t *list = malloc((count + 1) * sizeof *list);
    char    *text;
    for (const cJSON *id = ids->child; id != NULL; id = id->next) {
        list[n++] = id->valueint;
    }
    assert_int_equal(tokenizer_decode(tokenizer, list, count, skip, &text, &bytes, NULL), STATUS_OK);
    if (bytes != json_string_bytes(wanted) || memcmp(text, wanted->valuestring, bytes) != 0) {
        fail_msg("line %d: found \"%s\", wanted \"%s\"", line, text, wanted->valuestring);
    }
    free(list);
    free(text);
}

/* Checks every line of a JSONL file; returns how many. */
static int check_lines(const Tokenizer *tokenizer, const char *path, bool encode)
{
    char *text = fixture_text(path, NULL);
    int   line = 0;
    for (char *at = text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        cJSON *root;
        Error  error = {0};
        line++;
        if (json_parse_with_nul(at, (size_t)(end - at), path, &root, &error) != STATUS_OK) {
            fail_msg("line %d: %s", line, error.text);
        }
        const cJSON *ids = cJSON_GetObjectItem(root, "ids");
        if (encode) {
            assert_ids(tokenizer, cJSON_GetObjectItem(root, "text"), true, ids, line);
            assert_ids(tokenizer, cJSON_GetObjectItem(root, "text"), false, cJSON_GetObjectItem(root, "ids_no_special"),
                       line);
        }
        assert_text(tokenizer, ids, false, cJSON_GetObjectItem(root, "decoded"), line);
        assert_text(tokenizer, ids, true, cJSON_GetObjectItem(root, "decoded_skip_special"), line);
        cJSON_Delete(root);
    }
    free(text);
    return line;
}

static void ids_and_texts_are_those_of_hugging_face(void **state)
{
    (void)state;
    static const char *const styles[] = {"qwen2-style", "llama3-style"};
    static const uint32_t    sizes[]  = {2048, 1900};
    for (int i = 0; i < 2; i++) {
        const char *directory = fixture_path(PARITY "/tokenizers", styles[i]);
        Tokenizer  *tokenizer = open_tokenizer(directory);
        assert_int_equal(tokenizer_vocab_size(tokenizer), sizes[i]);
        assert_int_equal(check_lines(tokenizer, fixture_path(directory, "encode.jsonl"), true), 400);
        assert_true(check_lines(tokenizer, fixture_path(directory, "decode.jsonl"), false) > 20);
        tokenizer_free(tokenizer);
    }
}

/* Checks the ids of every line; returns how many. */
static int check_ids(const Tokenizer *tokenizer, const char *path)
{
    char *text = fixture_text(path, NULL);
    int   line = 0;
    for (char *at = text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        cJSON *row = NULL;
        assert_int_equal(json_parse(at, (size_t)(end - at), path, &row, NULL), STATUS_OK);
        assert_ids(tokenizer, cJSON_GetObjectItem(row, "text"), true, cJSON_GetObjectItem(row, "ids"), ++line);
        cJSON_Delete(row);
    }
    free(text);
    return line;
}

/* Characters that Unicode has got since 9 (NFC) and 14 (letters and numbers): ids of tokenizers 0.23.1, of this
 * machine's PCRE2 and utf8proc whatever their age. */
static void new_characters_are_cut_as_there(void **state)
{
    (void)state;
    static const char *const styles[] = {"qwen2-style", "llama3-style"};
    for (int i = 0; i < 2; i++) {
        char       name[80];
        Tokenizer *tokenizer = open_tokenizer(fixture_path(PARITY "/tokenizers", styles[i]));
        snprintf(name, sizeof name, "unicode-%s.jsonl", styles[i]);
        assert_int_equal(check_ids(tokenizer, fixture_path(TEST_DATA "/tokenizers", name)), 92);
        tokenizer_free(tokenizer);
    }
}

static void malformed_files_are_judged_as_the_reference_does(void **state)
{
    (void)state;
    cJSON *manifest = fixture_json(PARITY "/json_bad/tokenizer/manifest.json");
    int    accepted = 0, rejected = 0;
    for (const cJSON *item = cJSON_GetObjectItem(manifest, "files")->child; item != NULL; item = item->next) {
        const char *name      = cJSON_GetObjectItem(item, "file")->valuestring;
        bool        accept    = strcmp(cJSON_GetObjectItem(item, "expect")->valuestring, "accept") == 0;
        Error       error     = {0};
        Tokenizer  *tokenizer = tokenizer_open(fixture_path(PARITY "/json_bad/tokenizer", name), &error);
        if (accept != (tokenizer != NULL)) {
            fail_msg("%s: %s: wanted %s", name, cJSON_GetObjectItem(item, "why")->valuestring,
                     accept ? error.text : "reject");
        }
        if (!accept) {
            assert_int_equal(error.status, STATUS_BAD_INPUT);
            assert_non_null(strstr(error.text, name));
        }
        accepted += accept;
        rejected += !accept;
        tokenizer_free(tokenizer);
    }
    assert_int_equal(accepted, 1);
    assert_int_equal(rejected, 44);
    cJSON_Delete(manifest);
}

/* --- small tokenizers made by hand */

#define SMALL_HEAD                                                                                                     \
    "{\"added_tokens\":[%s],\"normalizer\":%s,\"pre_tokenizer\":%s,\"post_processor\":null,"                           \
    "\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"unk_token\":%s,\"fuse_unk\":%s,"               \
    "\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"\xC4\xA0\":3,\"ab\":4,\"bc\":5,\"abc\":6,\"\xC4\xA0"                         \
    "a\":7,\"?\":8,\"1\":9,"                                                                                           \
    "\"\xC3\x83\":10,\"\xC2\xA9\":11},\"merges\":[[\"b\",\"c\"],[\"a\",\"b\"],\"a bc\",\"\xC4\xA0 a\"]}}"

#define BYTE_LEVEL "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true}"

static Tokenizer *small(const char *added, const char *normalizer, const char *pre, const char *unknown,
                        const char *fuse)
{
    static char text[4096];
    Error       error = {0};
    snprintf(text, sizeof text, SMALL_HEAD, added, normalizer, pre, unknown, fuse);
    Tokenizer *tokenizer = tokenizer_parse(text, strlen(text), "small", &error);
    if (tokenizer == NULL) {
        fail_msg("%s", error.text);
    }
    return tokenizer;
}

/* Encodes and compares; frees the tokenizer. */
static void assert_encodes(Tokenizer *tokenizer, const char *text, const int32_t *wanted, size_t wanted_count)
{
    Error    error = {0};
    int32_t *ids;
    size_t   count;
    if (tokenizer_encode(tokenizer, text, strlen(text), true, &ids, &count, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(count, wanted_count);
    assert_memory_equal(ids, wanted, count * sizeof *ids);
    free(ids);
    tokenizer_free(tokenizer);
}
#define IDS(...) (const int32_t[]){__VA_ARGS__}, sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t)

static void parts_work_as_their_names_say(void **state)
{
    (void)state;
    /* Lowest rank first, not leftmost: "abc" is a + bc, then abc. "ab" stays ab. */
    assert_encodes(small("", "null", BYTE_LEVEL, "null", "false"), "abcab aab", IDS(6, 4, 7, 4));
    /* A prefix space where the text has none. */
    assert_encodes(small("", "null", "{\"type\":\"ByteLevel\"}", "null", "false"), "a a", IDS(7, 7));
    /* Unknown bytes, each alone and fused. */
    assert_encodes(small("", "null", BYTE_LEVEL, "\"?\"", "false"), "xyza", IDS(8, 8, 8, 0));
    assert_encodes(small("", "null", BYTE_LEVEL, "\"?\"", "true"), "xyza", IDS(8, 0));
    /* Digits one by one; removed matches. */
    assert_encodes(
        small("", "null",
              "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\",\"individual_digits\":true}," BYTE_LEVEL
              "]}",
              "null", "false"),
        "a11a", IDS(0, 9, 9, 0));
    assert_encodes(small("", "null",
                         "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"String\":\"1\"},"
                         "\"behavior\":\"Removed\",\"invert\":false}," BYTE_LEVEL "]}",
                         "null", "false"),
                   "ab1c", IDS(4, 2));
    /* \\w and \\d are Unicode's; \\s is not PCRE2's, which has U+180E. */
    assert_encodes(small("", "null",
                         "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":"
                         "\"[\\\\s]|\\\\w\"},\"behavior\":\"Removed\",\"invert\":false}," BYTE_LEVEL "]}",
                         "\"?\"", "true"),
                   "\xC3\xA9 \xE3\x80\x80\xE1\xA0\x8E", IDS(8));
    /* e + combining acute is composed to the two bytes C3 A9. */
    assert_encodes(small("", "{\"type\":\"NFC\"}", BYTE_LEVEL, "null", "false"), "e\xCC\x81", IDS(10, 11));
}

#define ADDED(id, text, flags) "{\"id\":" #id ",\"content\":\"" text "\"" flags "}"

static void added_tokens_are_found_as_hugging_face_does(void **state)
{
    (void)state;
    /* The leftmost place first (b< before <x>), and at a place the longest (<x>a before <x>). */
    assert_encodes(small(ADDED(20, "<x>", "") "," ADDED(21, "<x>a", "") "," ADDED(22, "b<", ""), "null", BYTE_LEVEL,
                         "\"?\"", "true"),
                   "c<x>abc<x>b<x>a<x>", IDS(2, 21, 5, 20, 22, 8, 8, 0, 20));
    /* lstrip and rstrip take in the spaces beside them, but none that is taken already. */
    assert_encodes(small(ADDED(20, "<l>", ",\"lstrip\":true") "," ADDED(21, "<r>", ",\"rstrip\":true"), "null",
                         BYTE_LEVEL, "null", "false"),
                   "a \t<l> a<r>\xE2\x80\x83 <l>a", IDS(0, 20, 7, 21, 20, 0));
    /* single_word: not inside a word. */
    assert_encodes(small(ADDED(4, "ab", ",\"single_word\":true"), "null", BYTE_LEVEL, "null", "false"), "abc ab ab abc",
                   IDS(6, 3, 4, 3, 4, 3, 6));
    /* Tokens with normalized are looked for in the composed text; \u00e9 is one character. */
    assert_encodes(
        small(ADDED(20, "\\u00e9", ",\"normalized\":true"), "{\"type\":\"NFC\"}", BYTE_LEVEL, "null", "false"),
        "ae\xCC\x81"
        "b",
        IDS(0, 20, 1));
    assert_encodes(small(ADDED(20, "\\u00e9", ""), "{\"type\":\"NFC\"}", BYTE_LEVEL, "null", "false"), "e\xCC\x81",
                   IDS(10, 11));
}

static void templates_go_around_the_text(void **state)
{
    (void)state;
    static const struct {
        const char *single;
        bool        accepted;
    } cases[] = {
        {"{\"SpecialToken\":{\"id\":\"s\"}},{\"Sequence\":{\"id\":\"A\"}},{\"SpecialToken\":{\"id\":\"e\"}}", true},
        {"{\"SpecialToken\":{\"id\":\"s\"}}", false},
        {"{\"Sequence\":{\"id\":\"A\"}},{\"Sequence\":{\"id\":\"A\"}}", false},
        {"{\"Sequence\":{\"id\":\"B\"}}", false},
        {"{\"Sequence\":{\"id\":\"A\"}},{\"SpecialToken\":{\"id\":\"none\"}}", false},
        {"7", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[2048], post[800];
        snprintf(post, sizeof post,
                 "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[%s],\"special_tokens\":"
                 "{\"s\":{\"ids\":[1,2]},\"e\":{\"ids\":[0]}}}",
                 cases[i].single);
        snprintf(text, sizeof text,
                 "{%s,\"pre_tokenizer\":" BYTE_LEVEL ",\"decoder\":{\"type\":\"ByteLevel\"},"
                 "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"c\":2},\"merges\":[]}}",
                 post);
        Error      error     = {0};
        Tokenizer *tokenizer = tokenizer_parse(text, strlen(text), "template", &error);
        if (!cases[i].accepted) {
            assert_null(tokenizer);
            assert_int_equal(error.status, STATUS_BAD_INPUT);
            continue;
        }
        assert_non_null(tokenizer);
        assert_encodes(tokenizer, "cb", IDS(1, 2, 2, 1, 0));
    }
}

/* A task's tokenizer: every piece is one token, bytes alone have none. */
static void built_tokenizers_work(void **state)
{
    (void)state;
    static const char *const pieces[]  = {"<pad>", "<bos>", "<eos>", "Try",  " ", "12", "7",
                                          "+",     "=",     "\n",    " Not", "é", ".\n"};
    const char              *directory = fixture_directory();
    TokenizerSpec            spec  = {pieces, sizeof pieces / sizeof *pieces, 3, NULL, "<bos>", "<eos>", "<pad>", 256};
    Error                    error = {0};
    if (tokenizer_build(directory, &spec, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    Tokenizer *tokenizer = open_tokenizer(directory);
    assert_int_equal(tokenizer_vocab_size(tokenizer), spec.count);
    assert_int_equal(tokenizer_token_id(tokenizer, "<eos>"), 2);
    assert_int_equal(tokenizer_token_id(tokenizer, "<none>"), -1);
    assert_true(tokenizer_is_special(tokenizer, 0) && !tokenizer_is_special(tokenizer, 3) &&
                !tokenizer_is_special(tokenizer, -1) && !tokenizer_is_special(tokenizer, 99));
    static const char    text[]   = "Try 12+7= Not.\né\n<eos>";
    static const int32_t wanted[] = {1, 3, 4, 5, 7, 6, 8, 10, 12, 11, 9, 2};
    int32_t             *ids;
    size_t               count, bytes;
    char                *back;
    if (tokenizer_encode(tokenizer, text, sizeof text - 1, true, &ids, &count, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(count, sizeof wanted / sizeof *wanted);
    assert_memory_equal(ids, wanted, sizeof wanted);
    assert_int_equal(tokenizer_decode(tokenizer, ids, count, true, &back, &bytes, &error), STATUS_OK);
    assert_int_equal(bytes, sizeof text - 1 - 5);
    assert_memory_equal(back, text, bytes);
    free(back);
    free(ids);
    assert_int_equal(tokenizer_encode(tokenizer, "Try x", 5, true, &ids, &count, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "0x20 ") == NULL ? strstr(error.text, "no token") : NULL);
    error = (Error){0};
    assert_int_equal(tokenizer_encode(tokenizer, "Try\xFF", 4, true, &ids, &count, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "byte 3"));
    assert_null(ids);
    const char *token = tokenizer_token_bytes(tokenizer, 12, &bytes);
    assert_int_equal(bytes, 2);
    assert_memory_equal(token, ".\n", 2);
    assert_null(tokenizer_token_bytes(tokenizer, 13, &bytes));
    tokenizer_free(tokenizer);
    cJSON *config = fixture_json(fixture_path(directory, "tokenizer_config.json"));
    assert_string_equal(cJSON_GetObjectItem(config, "tokenizer_class")->valuestring, "PreTrainedTokenizerFast");
    assert_string_equal(cJSON_GetObjectItem(config, "eos_token")->valuestring, "<eos>");
    cJSON_Delete(config);

    static const char *const twice[] = {"<bos>", "a", "a"};
    TokenizerSpec            bad     = {twice, 3, 1, NULL, "<bos>", NULL, NULL, 8};
    assert_true(tokenizer_build(fixture_directory(), &bad, NULL) != STATUS_OK);
    bad = (TokenizerSpec){twice, 2, 1, NULL, "<eos>", NULL, NULL, 8};
    assert_true(tokenizer_build(fixture_directory(), &bad, NULL) != STATUS_OK);
}

static void bytes_have_letters_of_their_own(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        uint32_t point = byte_level_char((unsigned char)byte);
        assert_int_equal(byte_level_byte(point), byte);
        assert_true(point > 0x20 && point != 0x7F && (point < 0x80 || point > 0xA0));
    }
    assert_int_equal(byte_level_char(' '), 0x120);
    assert_int_equal(byte_level_char('\n'), 0x10A);
    assert_int_equal(byte_level_char(0xAD), 0x143);
    assert_int_equal(byte_level_byte(0x144), -1);
}

static void ill_formed_bytes_become_replacement_characters(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *text;
    } cases[] = {
        {"ok", "ok"},
        {"\xC3", "\xEF\xBF\xBD"},
        {"\xE2\x82z", "\xEF\xBF\xBDz"},
        {"\xF0\x9F\x98", "\xEF\xBF\xBD"},
        {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xF0\x90\x80\x80", "\xF0\x90\x80\x80"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char   out[32];
        size_t bytes = strlen(cases[i].bytes), length = utf8_lossy(cases[i].bytes, bytes, out);
        assert_int_equal(length, strlen(cases[i].text));
        assert_memory_equal(out, cases[i].text, length);
        assert_int_equal(utf8_check(cases[i].bytes, bytes) == bytes, strcmp(cases[i].bytes, cases[i].text) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_and_texts_are_those_of_hugging_face),
        cmocka_unit_test(new_characters_are_cut_as_there),
        cmocka_unit_test(malformed_files_are_judged_as_the_reference_does),
        cmocka_unit_test(parts_work_as_their_names_say),
        cmocka_unit_test(added_tokens_are_found_as_hugging_face_does),
        cmocka_unit_test(templates_go_around_the_text),
        cmocka_unit_test(built_tokenizers_work),
        cmocka_unit_test(bytes_have_letters_of_their_own),
        cmocka_unit_test(ill_formed_bytes_become_replacement_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
