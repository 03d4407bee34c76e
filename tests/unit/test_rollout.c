/* What rollouts tell the reward: every key of the config's reward block, and the tokens before the answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rlsp/task/trace_fields.h"
#include "rlsp/train/rollout_item.h"

static RewardConfig reward_of(const char *block)
{
    char      text[600];
    Error     error = {0};
    RunConfig config;
    snprintf(text, sizeof text, "{\"name\":\"t\",\"reward\":%s}", block);
    if (run_config_parse(text, "test", NULL, 0, &config, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    return reward_from_config(&config.reward);
}

static void every_key_of_the_reward_arrives(void **state)
{
    (void)state;
    RewardConfig r = reward_of(
        "{\"correct\":0.6,\"wrong\":-0.1,\"no_answer\":-0.7,\"clip\":3,\"repetition\":{\"ngram\":4,\"max_share\":0.3},"
        "\"explore\":{\"kind\":\"length\",\"weight\":0.4,\"c\":12,\"cap\":5,\"of_attempts\":true,\"before_box\":true,"
        "\"limit\":90}}");
    assert_true(r.correct == 0.6 && r.wrong == -0.1 && r.no_answer == -0.7 && r.clip == 3 && r.repetition_ngram == 4 &&
                r.repetition_max_share == 0.3);
    assert_true(r.explore.kind == EXPLORE_LENGTH && r.explore.weight == 0.4 && r.explore.c == 12 &&
                r.explore.cap == 5 && r.explore.limit == 90);
    assert_true(r.explore.of_attempts && r.explore.before_box && !r.explore.until_hit && !r.explore.verified &&
                !r.explore.compat);
    r = reward_of("{\"explore\":{\"kind\":\"effort\",\"until_hit\":true,\"verified\":true}}");
    assert_true(r.explore.kind == EXPLORE_EFFORT && r.explore.until_hit && r.explore.verified &&
                !r.explore.of_attempts && !r.explore.before_box);
    r = reward_of("{\"explore\":{\"kind\":\"length\",\"compat\":true}}");
    assert_true(r.explore.compat);
    assert_int_equal(reward_of("{\"explore\":{\"kind\":\"fraction\"}}").explore.kind, EXPLORE_FRACTION);
    assert_int_equal(reward_of("{\"explore\":{\"kind\":\"none\"}}").explore.kind, EXPLORE_NONE);
}

static void tokens_before_a_byte_are_counted(void **state)
{
    (void)state;
    Error       error     = {0};
    Tokenizer  *tokenizer = tokenizer_open(TEST_DATA "/parity/models/tiny-llama", &error);
    const char *text      = "One two, three: \\boxed{7} and on";
    int32_t    *ids;
    size_t      count;
    assert_non_null(tokenizer);
    assert_int_equal(tokenizer_encode(tokenizer, text, strlen(text), true, &ids, &count, &error), STATUS_OK);
    uint32_t special = 0, last = 0;
    for (size_t i = 0; i < count; i++) {
        special += tokenizer_is_special(tokenizer, ids[i]);
    }
    assert_true(special > 0); /* <bos>, which is no text */
    assert_int_equal(rollout_tokens_before(tokenizer, ids, (uint32_t)count, 0), 0);
    assert_int_equal(rollout_tokens_before(tokenizer, ids, (uint32_t)count, strlen(text)), count - special);
    for (size_t offset = 1; offset <= strlen(text); offset++) {
        uint32_t before = rollout_tokens_before(tokenizer, ids, (uint32_t)count, offset);
        char    *prefix = NULL; /* the text of as many tokens reaches the offset, of one fewer does not */
        size_t   bytes  = 0;
        assert_true(before >= last);
        assert_int_equal(tokenizer_decode(tokenizer, ids + special, before, true, &prefix, &bytes, &error), STATUS_OK);
        assert_true(bytes >= offset);
        free(prefix);
        assert_int_equal(tokenizer_decode(tokenizer, ids + special, before - 1, true, &prefix, &bytes, &error),
                         STATUS_OK);
        assert_true(bytes < offset);
        free(prefix);
        last = before;
    }
    free(ids);
    tokenizer_free(tokenizer);
}

static double field(const EventField fields[TRACE_FIELDS], const char *name)
{
    double value = -1.0;
    int    found = 0;
    for (int i = 0; i < TRACE_FIELDS; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            value = fields[i].value;
            found++;
        }
    }
    assert_int_equal(found, 1);
    return value;
}

/* Under the names that a reader looks for. */
static void what_a_trace_showed_has_its_fields(void **state)
{
    (void)state;
    const TraceStats stats = {.attempts     = 11,
                              .valid        = 9,
                              .distinct     = 7,
                              .repeated     = 2,
                              .errors       = 3,
                              .hit_attempt  = 4,
                              .false_yes    = 5,
                              .false_no     = 6,
                              .verified     = 8,
                              .backtracks   = 10,
                              .checks       = 12,
                              .checks_right = 13,
                              .gave_up      = true,
                              .repetition   = 0.25,
                              .words        = {[TRACE_WORDS_BACKTRACK]       = 21,
                                               [TRACE_WORDS_VERIFICATION]    = 22,
                                               [TRACE_WORDS_ALTERNATIVE]     = 23,
                                               [TRACE_WORDS_SELF_CORRECTION] = 24,
                                               [TRACE_WORDS_SUBGOAL]         = 25}};
    EventField       fields[TRACE_FIELDS];
    trace_fields(&stats, fields);
    assert_true(field(fields, "attempts") == 11 && field(fields, "valid") == 9 && field(fields, "distinct") == 7 &&
                field(fields, "repeated") == 2);
    assert_true(field(fields, "errors") == 3 && field(fields, "hit_attempt") == 4 && field(fields, "false_yes") == 5 &&
                field(fields, "false_no") == 6);
    assert_true(field(fields, "verified") == 8 && field(fields, "backtracks") == 10 && field(fields, "checks") == 12);
    assert_true(field(fields, "checks_right") == 13 && field(fields, "gave_up") == 1 &&
                field(fields, "repetition") == 0.25);
    assert_true(field(fields, "words_backtrack") == 21 && field(fields, "words_verification") == 22 &&
                field(fields, "words_alternative") == 23);
    assert_true(field(fields, "words_self_correction") == 24 && field(fields, "words_subgoal") == 25);
    assert_string_equal(trace_verdict_name(true, true), "correct");
    assert_string_equal(trace_verdict_name(false, true), "wrong");
    assert_string_equal(trace_verdict_name(false, false), "no_answer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_of_the_reward_arrives),
        cmocka_unit_test(tokens_before_a_byte_are_counted),
        cmocka_unit_test(what_a_trace_showed_has_its_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
