/* Demonstrations are made of the tokens of their task's own tokenizer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/text/tokenizer.h"
#include "rlsp/task/task_tokenizer.h"
#include "tests/support/demo_fixture.h"
#include "tests/support/fixture.h"

static const Task *const tasks[] = {&task_countdown, &task_pick_three};

typedef struct Pieces {
    pcre2_code *split;
    size_t      count;
    char        text[1200][TASK_PIECE_BYTES];
} Pieces;

static void pieces_of(Pieces *pieces, const Task *task, const TaskConfig *config)
{
    pieces->split = demo_fixture_regex(task_split_regex);
    pieces->count = task_piece_count(task, config);
    for (size_t i = 0; i < pieces->count; i++) {
        assert_true(task->piece(config, i, pieces->text[i]));
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(pieces->text[i], pieces->text[k]);
        }
    }
}

/* Writes where each token begins; fails where the split makes a piece that is not in the table. */
static size_t tokenize(const Pieces *pieces, const char *text, size_t length, size_t *starts, size_t *ids)
{
    pcre2_match_data *data  = pcre2_match_data_create_from_pattern(pieces->split, NULL);
    size_t            count = 0;
    for (size_t at = 0; at < length;) {
        assert_true(pcre2_match(pieces->split, (PCRE2_SPTR)text, length, at, PCRE2_ANCHORED, data, NULL) > 0);
        size_t end = pcre2_get_ovector_pointer(data)[1], id = TASK_SPECIAL_COUNT;
        while (id < pieces->count &&
               (strlen(pieces->text[id]) != end - at || memcmp(pieces->text[id], text + at, end - at) != 0)) {
            id++;
        }
        if (id == pieces->count) {
            fail_msg("\"%.*s\" is no token, in: %s", (int)(end - at), text + at, text);
        }
        starts[count] = at;
        ids[count++]  = id;
        at            = end;
    }
    pcre2_match_data_free(data);
    return count;
}

static void the_token_tables_are_the_recipes(void **state)
{
    (void)state;
    static Pieces pieces;
    size_t        starts[64], ids[64];
    TaskConfig    countdown = demo_fixture_config(&task_countdown, 0),
               pick_three   = demo_fixture_config(&task_pick_three, 0);
    pieces_of(&pieces, &task_countdown, &countdown);
    assert_int_equal(pieces.count, 141);
    assert_string_equal(pieces.text[0], "<pad>");
    assert_string_equal(pieces.text[2], "<eos>");
    static const struct {
        const char *text;
        size_t      tokens; /* as the recipe counts them, less <bos> or <eos> */
    } texts[] = {{"Numbers 3,7,20. Target 53.\n", 12},
                 {"Answer: \\boxed{(20*3)-7}", 11},
                 {"Try (20*3)-7=60-7=53.", 14},
                 {"Try 20-(7*2)=20-14=6.", 14}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(tokenize(&pieces, texts[i].text, strlen(texts[i].text), starts, ids), texts[i].tokens);
    }
    assert_int_equal(task_prompt_tokens(&countdown), 13);
    pcre2_code_free(pieces.split);
    pieces_of(&pieces, &task_pick_three, &pick_three);
    assert_int_equal(pieces.count, 57);
    assert_string_equal(pieces.text[56], " over");
    const char *prompt = "Numbers 2,5,8,9,10,12. Target 22.\n", *answer = "Answer: \\boxed{9+10+12}";
    assert_int_equal(tokenize(&pieces, prompt, strlen(prompt), starts, ids), 18);
    assert_int_equal(tokenize(&pieces, answer, strlen(answer), starts, ids), 11);
    assert_int_equal(task_prompt_tokens(&pick_three), 19);
    pcre2_code_free(pieces.split);
}

/* Every demonstration is made of the table's tokens; prompts have the promised
 * length; spans cover the response and cut where tokens do, so that span by span
 * gives the same tokens. */
static void spans_and_tokens_fit(void **state)
{
    (void)state;
    static Pieces pieces;
    static Demo   demo;
    static size_t starts[DEMO_RESPONSE_BYTES], ids[DEMO_RESPONSE_BYTES], part_starts[DEMO_RESPONSE_BYTES],
        part_ids[DEMO_RESPONSE_BYTES];
    for (int t = 0; t < 3; t++) {
        const Task *task   = tasks[t % 2];
        TaskConfig  config = demo_fixture_config(task, t == 2 ? 4 : 0);
        DemoMix     mix;
        demo_mix_default(task, &mix);
        mix.search          = 0.7;
        mix.giveup          = 0.2;
        mix.verdict_weight  = 5;
        mix.kmax            = t == 1 ? 8 : 12;
        mix.row_copy_weight = 0.5;
        pieces_of(&pieces, task, &config);
        for (uint32_t row = 0; row < 400; row++) {
            DemoKind kind = (DemoKind)(row % (task == &task_pick_three ? 4 : 2));
            demo_fixture_draw(task, &config, &mix, kind, row, &demo);
            size_t prompt = tokenize(&pieces, demo.prompt, demo.prompt_length, starts, ids);
            if (kind != DEMO_LISTING) {
                assert_int_equal(prompt + 1, task_prompt_tokens(&config));
            }
            size_t tokens = tokenize(&pieces, demo.response, demo.response_length, starts, ids), joined = 0;
            assert_int_equal(demo.response_length, strlen(demo.response));
            for (uint32_t s = 0; s < demo.span_count; s++) {
                const DemoSpan *span = &demo.spans[s];
                assert_int_equal(span->offset, s == 0 ? 0 : demo.spans[s - 1].offset + demo.spans[s - 1].length);
                assert_true(span->length > 0);
                size_t n = tokenize(&pieces, demo.response + span->offset, span->length, part_starts, part_ids);
                for (size_t i = 0; i < n; i++) {
                    assert_true(joined < tokens);
                    assert_int_equal(part_ids[i], ids[joined]);
                    assert_true(demo_weight_at(&demo, (uint32_t)starts[joined]) == span->weight);
                    joined++;
                }
            }
            assert_int_equal(joined, tokens);
            /* the weights themselves, token by token */
            for (size_t i = 0; i < tokens; i++) {
                float       weight = demo_weight_at(&demo, (uint32_t)starts[i]);
                const char *text = pieces.text[ids[i]], *before = i > 0 ? pieces.text[ids[i - 1]] : "";
                bool        result  = strchr(before, '=') != NULL;
                bool        verdict = strcmp(text, " Not") == 0 || strcmp(text, " Yes") == 0;
                float       want    = kind == DEMO_LISTING ? (result ? 1.0f : 0.5f) : verdict ? 5.0f : 1.0f;
                if (weight != want) {
                    fail_msg("\"%s\" weighs %g, wanted %g, in: %s", text, (double)weight, (double)want, demo.response);
                }
            }
        }
        pcre2_code_free(pieces.split);
    }
}

/* The table written as a tokenizer.json and read back gives the table's ids, <bos> first. */
static void the_tables_become_tokenizers(void **state)
{
    (void)state;
    static Pieces pieces;
    static Demo   demo;
    static size_t starts[DEMO_RESPONSE_BYTES], ids[DEMO_RESPONSE_BYTES];
    for (int t = 0; t < 3; t++) {
        const Task *task      = tasks[t % 2];
        TaskConfig  config    = demo_fixture_config(task, t == 2 ? 4 : 0);
        const char *directory = fixture_directory();
        Error       error     = {0};
        pieces_of(&pieces, task, &config);
        if (task_tokenizer_build(task, &config, 256, directory, &error) != STATUS_OK) {
            fail_msg("%s", error.text);
        }
        Tokenizer *tokenizer = tokenizer_open(directory, &error);
        if (tokenizer == NULL) {
            fail_msg("%s", error.text);
        }
        assert_int_equal(tokenizer_vocab_size(tokenizer), pieces.count);
        DemoMix mix;
        demo_mix_default(task, &mix);
        mix.search = 0.7;
        for (uint32_t row = 0; row < 60; row++) {
            demo_fixture_draw(task, &config, &mix, (DemoKind)(row % (task == &task_pick_three ? 4 : 2)), row, &demo);
            char     text[TASK_PROMPT_BYTES + DEMO_RESPONSE_BYTES];
            size_t   length = (size_t)snprintf(text, sizeof text, "%s%s", demo.prompt, demo.response), count;
            int32_t *encoded;
            assert_int_equal(tokenizer_encode(tokenizer, text, length, true, &encoded, &count, &error), STATUS_OK);
            size_t prompt = tokenize(&pieces, demo.prompt, demo.prompt_length, starts, ids);
            size_t tokens =
                prompt + tokenize(&pieces, demo.response, demo.response_length, starts + prompt, ids + prompt);
            assert_int_equal(count, tokens + 1);
            assert_int_equal(encoded[0], 1);
            for (size_t i = 0; i < tokens; i++) {
                assert_int_equal(encoded[i + 1], ids[i]);
            }
            char  *decoded;
            size_t bytes;
            assert_int_equal(tokenizer_decode(tokenizer, encoded, count, true, &decoded, &bytes, &error), STATUS_OK);
            assert_int_equal(bytes, length);
            assert_memory_equal(decoded, text, length);
            free(decoded);
            free(encoded);
        }
        tokenizer_free(tokenizer);
        pcre2_code_free(pieces.split);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_token_tables_are_the_recipes),
        cmocka_unit_test(spans_and_tokens_fit),
        cmocka_unit_test(the_tables_become_tokenizers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
