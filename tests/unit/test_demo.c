#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/text/tokenizer.h"
#include "rlsp/task/demo.h"
#include "tests/support/fixture.h"

enum { STREAM = 4 };

static const Task *const tasks[] = {&task_countdown, &task_pick_three};

static TaskConfig config_of(const Task *task, uint32_t numbers)
{
    TaskConfig config = {.numbers = numbers, .intuition = -1};
    Error      error  = {0};
    assert_int_equal(task_config_resolve(task, &config, &error), STATUS_OK);
    return config;
}

static void draw(const Task *task, const TaskConfig *config, const DemoMix *mix, DemoKind kind, uint32_t row,
                 Demo *demo)
{
    Random random = random_stream(11, RANDOM_DEMO, STREAM, row);
    demo_draw(task, config, mix, kind, &random, demo);
}

/* --- a regex of whole texts, compiled once per use ----------------------------- */

static pcre2_code *compile(const char *pattern)
{
    int         error;
    PCRE2_SIZE  at;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &error, &at, NULL);
    assert_non_null(code);
    return code;
}

static bool matches(pcre2_code *code, const char *text)
{
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(code, NULL);
    int rc = pcre2_match(code, (PCRE2_SPTR)text, strlen(text), 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED, data, NULL);
    pcre2_match_data_free(data);
    return rc > 0;
}

/* --- the task's own tokenizer, as its table and split regex define it ----------- */

typedef struct Pieces {
    pcre2_code *split;
    size_t      count;
    char        text[1200][TASK_PIECE_BYTES];
} Pieces;

static void pieces_of(Pieces *pieces, const Task *task, const TaskConfig *config)
{
    pieces->split = compile(task_split_regex);
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
    TaskConfig    countdown = config_of(&task_countdown, 0), pick_three = config_of(&task_pick_three, 0);
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
        TaskConfig  config = config_of(task, t == 2 ? 4 : 0);
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
            draw(task, &config, &mix, kind, row, &demo);
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
        const Task *task   = tasks[t % 2];
        TaskConfig  config = config_of(task, t == 2 ? 4 : 0);
        const char *table[1200];
        const char *directory = fixture_directory();
        Error       error     = {0};
        pieces_of(&pieces, task, &config);
        for (size_t i = 0; i < pieces.count; i++) {
            table[i] = pieces.text[i];
        }
        TokenizerSpec spec = {.pieces      = table,
                              .count       = pieces.count,
                              .specials    = TASK_SPECIAL_COUNT,
                              .split_regex = task_split_regex,
                              .bos         = "<bos>",
                              .eos         = "<eos>",
                              .pad         = "<pad>",
                              .max_length  = 256};
        if (tokenizer_build(directory, &spec, &error) != STATUS_OK) {
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
            draw(task, &config, &mix, (DemoKind)(row % (task == &task_pick_three ? 4 : 2)), row, &demo);
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

#define COUNTDOWN_TRY    "Try (\\(\\d+[-+*]\\d+\\)[-+*]\\d+|\\d+[-+*]\\(\\d+[-+*]\\d+\\))=\\d+[-+*]\\d+=\\d+\\."
#define COUNTDOWN_BOX    "(\\(\\d+[-+*]\\d+\\)[-+*]\\d+|\\d+[-+*]\\(\\d+[-+*]\\d+\\))"
#define COUNTDOWN_ANSWER "Answer: \\\\boxed\\{" COUNTDOWN_BOX "\\}"
#define COUNTDOWN_MISS   COUNTDOWN_TRY " Not \\d+\\."
#define COUNTDOWN_CHECK  " Check: \\d+[-+*]\\d+=\\d+,\\d+[-+*]\\d+=\\d+\\."
#define PICK_SUM         "\\d+\\+\\d+\\+\\d+=\\d+"
#define PICK_DISTANCE    PICK_SUM " (short|over) \\d+\\."
#define PICK_CHECK       " Check: \\d+\\+\\d+=\\d+,\\d+\\+\\d+=\\d+\\."
#define PICK_ANSWER      "Answer: \\\\boxed\\{\\d+\\+\\d+\\+\\d+\\}"

/* What is counted over many demonstrations. */
typedef struct Tally {
    double demos, search, direct_right, search_right, attempts, first_hit, checks, hits, gave_up, most;
} Tally;

/* Draws many, holds each against the literal format, the verifier and the detector. */
static Tally tally(const Task *task, const DemoMix *mix, uint32_t count, const char *direct, const char *search)
{
    static Demo demo;
    TaskConfig  config         = config_of(task, 0);
    pcre2_code *direct_pattern = compile(direct), *search_pattern = compile(search);
    Tally       sum = {0};
    for (uint32_t row = 0; row < count; row++) {
        draw(task, &config, mix, DEMO_SEARCH_OR_DIRECT, row, &demo);
        assert_false(task->held_out(&demo.problem));
        if (!matches(demo.search ? search_pattern : direct_pattern, demo.response)) {
            fail_msg("not in the recipe's format:\n%s", demo.response);
        }
        TaskVerdict verdict;
        TraceStats  stats;
        task_verify(task, &demo.problem, demo.response, demo.response_length, &verdict);
        task->trace(&demo.problem, demo.response, demo.response_length, &stats, NULL);
        assert_true(verdict.answered && verdict.has_value);
        assert_int_equal(verdict.correct, demo.correct);
        assert_int_equal(stats.attempts, demo.attempts);
        assert_int_equal(stats.distinct, demo.attempts); /* all right, none repeated */
        assert_int_equal(stats.verdicts_right, stats.verdicts);
        assert_int_equal(stats.verified, task == &task_countdown ? stats.verdicts : stats.distances);
        assert_int_equal(stats.checks, stats.checks_right);
        assert_int_equal(stats.gave_up, demo.search && !demo.correct); /* giving up is never a guess */
        assert_int_equal(stats.hit_attempt > 0, demo.search && demo.correct);
        assert_true(stats.backtracks == (demo.attempts > 0 ? demo.attempts - 1 : 0));
        sum.demos++;
        sum.search += demo.search;
        sum.direct_right += !demo.search && demo.correct;
        sum.search_right += demo.search && demo.correct;
        sum.attempts += demo.attempts;
        sum.first_hit += stats.hit_attempt == 1;
        sum.hits += stats.hit_attempt > 0;
        sum.checks += stats.checks;
        sum.gave_up += stats.gave_up;
        sum.most = demo.attempts > sum.most ? demo.attempts : sum.most;
    }
    pcre2_code_free(direct_pattern);
    pcre2_code_free(search_pattern);
    return sum;
}

static void near(double found, double wanted, double tolerance, const char *what)
{
    if (fabs(found - wanted) > tolerance) {
        fail_msg("%s: %.4f, wanted %.4f", what, found, wanted);
    }
}

static void countdown_demos_follow_phase_k(void **state)
{
    (void)state;
    DemoMix mix;
    demo_mix_default(&task_countdown, &mix);
    mix.search = 0.6;
    mix.qt     = 0.33;
    mix.giveup = 0.2;
    Tally t    = tally(&task_countdown, &mix, 6000, COUNTDOWN_ANSWER,
                       "(" COUNTDOWN_MISS " Go back\\.\n)*(" COUNTDOWN_MISS "|" COUNTDOWN_TRY " Yes\\.(" COUNTDOWN_CHECK
                       ")?)\n" COUNTDOWN_ANSWER);
    near(t.search / t.demos, 0.6, 0.025, "search");
    near(t.direct_right / (t.demos - t.search), 0.5, 0.04, "direct right");
    near(t.first_hit / t.search, 0.33, 0.03, "first attempt hits");
    near(t.checks / t.hits, 0.3, 0.03, "checks");
    /* a search ends right with p = .33 / (1 - .67 * .8), cut at 8 attempts */
    double go_on = 0.67 * 0.8, right = 0.33 * (1 - pow(go_on, 8)) / (1 - go_on);
    near(t.search_right / t.search, right, 0.03, "search right");
    near(t.attempts / t.search, (1 - pow(go_on, 8)) / (1 - go_on), 0.1, "attempts");
    assert_true(t.most == 8);
}

static void countdown_sft_is_phase_m(void **state)
{
    (void)state;
    DemoMix mix;
    demo_mix_default(&task_countdown, &mix);
    assert_int_equal(demo_rows(&mix), 240);
    Tally t = tally(&task_countdown, &mix, 5000, COUNTDOWN_ANSWER, "[\\s\\S]*");
    near(t.search / t.demos, 0.06, 0.012, "search");
    near(t.direct_right / (t.demos - t.search), 0.5, 0.025, "direct right");
}

static void pick_three_demos_follow_the_sft_stage(void **state)
{
    (void)state;
    DemoMix mix;
    demo_mix_default(&task_pick_three, &mix);
    const char *search = "(" PICK_DISTANCE " Go back\\.\n)*" PICK_DISTANCE "( Yes\\.(" PICK_CHECK ")?)?\n" PICK_ANSWER;
    Tally       t      = tally(&task_pick_three, &mix, 6000, PICK_ANSWER, search);
    near(t.search / t.demos, 0.13, 0.015, "search");
    near(t.direct_right / (t.demos - t.search), 0.31, 0.02, "direct right");
    near(t.attempts / t.search, 1.46, 0.08, "attempts");
    near(t.search_right / t.search, 0.30, 0.05, "search right");
    near(t.checks / t.hits, 0.3, 0.09, "checks");
    assert_true(t.most <= 5);
    mix.search = 1;
    mix.qt     = 0; /* never a hit as long as there are misses */
    mix.giveup = 0;
    t          = tally(&task_pick_three, &mix, 50, PICK_ANSWER, search);
    assert_true(t.search_right == 0 && t.attempts == 50 * 5);
    mix.kmax = 20; /* more than there are misses: then a hit has to come */
    t        = tally(&task_pick_three, &mix, 50, PICK_ANSWER, search);
    assert_true(t.search_right == 50);
}

static void rows_follow_the_recipes(void **state)
{
    (void)state;
    static Demo demo;
    static const struct {
        int         task; /* of `tasks` */
        DemoKind    kind;
        const char *prompt, *response;
        uint32_t    attempts;
    } rows[] = {
        {0, DEMO_LISTING, "Numbers \\d+,\\d+,\\d+\\.\n", COUNTDOWN_TRY "(\n" COUNTDOWN_TRY "){2}", 3},
        {1, DEMO_LISTING, "Numbers \\d+(,\\d+){5}\\.\n",
         PICK_SUM "\\.(" PICK_CHECK ")?(\n" PICK_SUM "\\.(" PICK_CHECK ")?){6}", 7},
        {1, DEMO_DISTANCE, "Numbers \\d+(,\\d+){5}\\. Target \\d+\\.\n", PICK_DISTANCE "(\n" PICK_DISTANCE "){6}", 7},
        {1, DEMO_DIRECT, "Numbers \\d+(,\\d+){5}\\. Target \\d+\\.\n", PICK_ANSWER, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const Task *task   = tasks[rows[i].task];
        TaskConfig  config = config_of(task, 0);
        DemoMix     mix;
        demo_mix_default(task, &mix);
        pcre2_code *prompt = compile(rows[i].prompt), *response = compile(rows[i].response);
        uint32_t    right = 0, held_out = 0;
        for (uint32_t row = 0; row < 1000; row++) {
            draw(task, &config, &mix, rows[i].kind, row, &demo);
            if (!matches(prompt, demo.prompt) || !matches(response, demo.response)) {
                fail_msg("not in the recipe's format:\n%s%s", demo.prompt, demo.response);
            }
            TraceStats stats;
            task->trace(&demo.problem, demo.response, demo.response_length, &stats, NULL);
            assert_int_equal(stats.attempts, rows[i].attempts);
            assert_int_equal(stats.distinct, rows[i].attempts);
            assert_int_equal(stats.distances_right, rows[i].kind == DEMO_DISTANCE ? 7 : 0);
            assert_int_equal(stats.checks_right, task == &task_pick_three && rows[i].kind == DEMO_LISTING);
            right += demo.correct;
            held_out += task->held_out(&demo.problem);
        }
        assert_true(rows[i].kind == DEMO_LISTING || held_out == 0);
        if (rows[i].kind == DEMO_DIRECT) {
            near(right / 1000.0, 0.072, 0.025, "uniform triples right");
        }
        pcre2_code_free(prompt);
        pcre2_code_free(response);
    }
}

static void a_stream_gives_the_same_demo(void **state)
{
    (void)state;
    static Demo one, two;
    TaskConfig  config = config_of(&task_countdown, 0);
    DemoMix     mix;
    demo_mix_default(&task_countdown, &mix);
    mix.search    = 0.5;
    uint32_t same = 0;
    for (uint32_t row = 0; row < 50; row++) {
        draw(&task_countdown, &config, &mix, DEMO_SEARCH_OR_DIRECT, row, &one);
        draw(&task_countdown, &config, &mix, DEMO_SEARCH_OR_DIRECT, row, &two);
        assert_memory_equal(&one, &two, sizeof one);
        draw(&task_countdown, &config, &mix, DEMO_SEARCH_OR_DIRECT, row + 1, &two);
        same += strcmp(one.prompt, two.prompt) == 0;
    }
    assert_int_equal(same, 0);
}

static void mixes_are_checked(void **state)
{
    (void)state;
    DemoMix mix;
    Error   error = {0};
    demo_mix_default(&task_pick_three, &mix);
    mix.distance_rows = 3;
    mix.direct_rows   = 2;
    assert_int_equal(demo_mix_check(&task_pick_three, &mix, &error), STATUS_OK);
    assert_int_equal(demo_rows(&mix), 224 + 8 + 3 + 2);
    assert_int_equal(demo_kind_of_row(&mix, 223), DEMO_SEARCH_OR_DIRECT);
    assert_int_equal(demo_kind_of_row(&mix, 224), DEMO_LISTING);
    assert_int_equal(demo_kind_of_row(&mix, 232), DEMO_DISTANCE);
    assert_int_equal(demo_kind_of_row(&mix, 235), DEMO_DIRECT);
    assert_true(demo_is_row(DEMO_LISTING) && !demo_is_row(DEMO_SEARCH_OR_DIRECT));
    assert_int_equal(demo_mix_check(&task_countdown, &mix, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "sft.distance_rows"));
    for (int i = 0; i < 4; i++) {
        demo_mix_default(&task_countdown, &mix);
        error = (Error){0};
        if (i == 0) {
            mix.qt = 1.5;
        } else if (i == 1) {
            mix.kmax = 0;
        } else if (i == 2) {
            mix.search = (double)NAN;
        } else {
            mix.demos = mix.listing_rows = 0;
        }
        assert_int_equal(demo_mix_check(&task_countdown, &mix, &error), STATUS_BAD_INPUT);
        assert_non_null(strstr(error.text, "sft"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_token_tables_are_the_recipes),
        cmocka_unit_test(spans_and_tokens_fit),
        cmocka_unit_test(the_tables_become_tokenizers),
        cmocka_unit_test(countdown_demos_follow_phase_k),
        cmocka_unit_test(countdown_sft_is_phase_m),
        cmocka_unit_test(pick_three_demos_follow_the_sft_stage),
        cmocka_unit_test(rows_follow_the_recipes),
        cmocka_unit_test(a_stream_gives_the_same_demo),
        cmocka_unit_test(mixes_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
