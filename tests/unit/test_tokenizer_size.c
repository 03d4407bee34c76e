/* Large vocabularies and long texts: neither takes long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "engine/text/byte_level.h"
#include "engine/text/tokenizer.h"
#include "engine/utf8.h"

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* One piece of 256 KiB, as much of short pieces, of spaces, of added tokens: none may be quadratic. */
static void long_texts_take_linear_time(void **state)
{
    (void)state;
    static const char *const patterns[] = {"er", "a b1 ", " ", "<think>", "\n ", "\xE1\xBA\xBF"};
    Tokenizer               *tokenizer  = tokenizer_open(TEST_DATA "/parity/tokenizers/qwen2-style", NULL);
    size_t                   bytes      = 1 << 18;
    char                    *text       = malloc(bytes + 8);
    for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
        size_t length = strlen(patterns[p]), used = 0;
        for (; used + length <= bytes; used += length) {
            memcpy(text + used, patterns[p], length);
        }
        int32_t *ids;
        size_t   count;
        double   start = seconds();
        assert_int_equal(tokenizer_encode(tokenizer, text, used, false, &ids, &count, NULL), STATUS_OK);
        double took = seconds() - start;
        if (took > 8) { /* a quadratic way takes minutes */
            fail_msg("%s: %.1f s", patterns[p], took);
        }
        char  *back;
        size_t back_bytes;
        assert_int_equal(tokenizer_decode(tokenizer, ids, count, false, &back, &back_bytes, NULL), STATUS_OK);
        assert_int_equal(back_bytes, used);
        assert_memory_equal(back, text, used);
        free(back);
        free(ids);
    }
    free(text);
    tokenizer_free(tokenizer);
}

/* As many tokens as Qwen2's vocabulary has: bytes, then every aa … zz, aaa … zzz and as many of four letters as
 * there is room for, each a merge of the shorter one before it and a letter. The text of a tokenizer.json. */
static char *large_tokenizer(size_t *bytes)
{
    enum { TOKENS = 151643, LETTERS = 26 };
    char *text = malloc(16 << 20), *out = text, *merges = malloc(8 << 20), *merge = merges;
    out += sprintf(out, "{\"pre_tokenizer\":"
                        "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"
                        ",\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{");
    for (int byte = 0; byte < 256; byte++) {
        out += sprintf(out, "%s\"%s", byte == 0 ? "" : ",", byte == '"' || byte == '\\' ? "\\" : "");
        out += utf8_encode(byte_level_char((unsigned char)byte), out);
        out += sprintf(out, "\":%d", byte);
    }
    int id = 256;
    for (int length = 2, words = LETTERS * LETTERS; length <= 4; length++, words *= LETTERS) {
        for (int word = 0; word < words && id < TOKENS; word++, id++) {
            char letters[5] = "";
            for (int i = length - 1, rest = word; i >= 0; i--, rest /= LETTERS) {
                letters[i] = (char)('a' + rest % LETTERS);
            }
            out += sprintf(out, ",\"%s\":%d", letters, id);
            merge += sprintf(merge, "%s\"%.*s %s\"", id == 256 ? "" : ",", length - 1, letters, letters + length - 1);
        }
    }
    out += sprintf(out, "},\"merges\":[%s]}}", merges);
    free(merges);
    *bytes = (size_t)(out - text);
    return text;
}

static void a_large_vocabulary_loads_at_once(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || !defined(NDEBUG)
    const double limit = 20;
#else
    const double limit = 1;
#endif
    Error      error = {0};
    size_t     bytes;
    char      *text      = large_tokenizer(&bytes);
    double     start     = seconds();
    Tokenizer *tokenizer = tokenizer_parse(text, bytes, "large", &error);
    double     took      = seconds() - start;
    if (tokenizer == NULL || took > limit) {
        fail_msg("%.2f s; %s", took, error.text);
    }
    print_message("151,643 tokens, %.1f MB: %.3f s\n", (double)bytes / 1e6, took);
    assert_int_equal(tokenizer_vocab_size(tokenizer), 151643);
    /* "ab" 256 + 1, "abc" 256 + 676 + 28; "zz" is the last of two letters. */
    static const int32_t wanted[] = {257, '!', 256 + 676 + 28, ' ', 256 + 675};
    int32_t             *ids;
    size_t               count;
    assert_int_equal(tokenizer_encode(tokenizer, "ab!abc zz", 9, true, &ids, &count, &error), STATUS_OK);
    assert_int_equal(count, sizeof wanted / sizeof *wanted);
    assert_memory_equal(ids, wanted, sizeof wanted);
    free(ids);
    tokenizer_free(tokenizer);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_vocabulary_loads_at_once),
        cmocka_unit_test(long_texts_take_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
