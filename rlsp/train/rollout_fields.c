#include "rlsp/train/rollout_fields.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "rlsp/eval/lengths.h"
#include "rlsp/task/trace_fields.h"

/* A behaviour of whole responses: shown or not. */
typedef enum Behaviour { SEARCH, BACKTRACK, CHECK, WORDS } Behaviour; /* WORDS + w: TraceWords w */

static bool shows(const TraceStats *trace, int behaviour)
{
    switch (behaviour) {
    case SEARCH: return trace->attempts > 0;
    case BACKTRACK: return trace->backtracks > 0;
    case CHECK: return trace->checks > 0;
    default: return trace->words[behaviour - WORDS] > 0;
    }
}

static const char *const with_names[ROLLOUT_BEHAVIOURS]    = {"correct_with_search",
                                                              "correct_with_backtrack",
                                                              "correct_with_check",
                                                              "correct_with_words_backtrack",
                                                              "correct_with_words_verification",
                                                              "correct_with_words_alternative",
                                                              "correct_with_words_self_correction",
                                                              "correct_with_words_subgoal"};
static const char *const without_names[ROLLOUT_BEHAVIOURS] = {"correct_without_search",
                                                              "correct_without_backtrack",
                                                              "correct_without_check",
                                                              "correct_without_words_backtrack",
                                                              "correct_without_words_verification",
                                                              "correct_without_words_alternative",
                                                              "correct_without_words_self_correction",
                                                              "correct_without_words_subgoal"};
static const char *const traces_names[TRACE_WORDS_COUNT]   = {"traces_words_backtrack", "traces_words_verification",
                                                              "traces_words_alternative", "traces_words_self_correction",
                                                              "traces_words_subgoal"};
static const char *const bin_names[ROLLOUT_LENGTH_BINS]    = {
       "length_bin_0",  "length_bin_1",  "length_bin_2",  "length_bin_3", "length_bin_4",  "length_bin_5",
       "length_bin_6",  "length_bin_7",  "length_bin_8",  "length_bin_9", "length_bin_10", "length_bin_11",
       "length_bin_12", "length_bin_13", "length_bin_14", "length_bin_15"};

static EventField *put(EventField *field, const char *name, double value)
{
    *field = (EventField){name, value, NULL};
    return field + 1;
}

/* --- parts; each writes its fields and returns the place after them */

static EventField *put_rewards(EventField *field, const RolloutItem *items, uint32_t n)
{
    double reward = 0.0, squared = 0.0, correct = 0.0, format = 0.0, explore = 0.0, weighted = 0.0, accuracy = 0.0,
           answered = 0.0, truncated = 0.0, limits = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        const RewardParts *r = &items[i].reward;
        reward += r->total;
        squared += r->total * r->total;
        correct += r->correct;
        format += r->format;
        explore += r->explore;
        weighted += r->explore_weighted;
        accuracy += r->verdict.correct;
        answered += r->verdict.answered;
        truncated += items[i].truncated;
        limits += r->verdict.limit;
    }
    reward /= n;
    field = put(field, "reward", reward);
    field = put(field, "reward_sd", sqrt(fmax(0.0, squared / n - reward * reward)));
    field = put(field, "correct", correct / n);
    field = put(field, "format", format / n);
    field = put(field, "explore", explore / n);
    field = put(field, "explore_weighted", weighted / n);
    field = put(field, "accuracy", accuracy / n);
    field = put(field, "answered", answered / n);
    field = put(field, "truncated", truncated / n);
    return put(field, "verifier_limits", limits / n);
}

static EventField *put_lengths(EventField *field, const RolloutItem *items, uint32_t n)
{
    double    length = 0.0, squared = 0.0, p50 = NAN, p95 = NAN;
    uint32_t *lengths = malloc(n * sizeof *lengths);
    for (uint32_t i = 0; i < n; i++) {
        length += items[i].tokens;
        squared += (double)items[i].tokens * items[i].tokens;
        if (lengths != NULL) {
            lengths[i] = items[i].tokens;
        }
    }
    if (lengths != NULL) {
        lengths_sort(lengths, n);
        p50 = lengths_percentile(lengths, n, 0.5);
        p95 = lengths_percentile(lengths, n, 0.95);
    }
    free(lengths);
    length /= n;
    field = put(field, "length", length);
    field = put(field, "length_sd", sqrt(fmax(0.0, squared / n - length * length)));
    field = put(field, "length_p50", p50);
    return put(field, "length_p95", p95);
}

static EventField *put_behaviours(EventField *field, const RolloutItem *items, uint32_t n)
{
    double attempts = 0.0, distinct = 0.0, search = 0.0, backtrack = 0.0, backtracks = 0.0, check = 0.0, checks = 0.0,
           errors = 0.0, repeats = 0.0;
    double false_yes = 0.0, verified = 0.0, repetition = 0.0, gated = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        const TraceStats *t = &items[i].reward.trace;
        attempts += t->attempts;
        distinct += t->distinct;
        search += shows(t, SEARCH);
        backtrack += shows(t, BACKTRACK);
        backtracks += t->backtracks;
        check += shows(t, CHECK);
        checks += t->checks;
        errors += t->errors;
        repeats += t->repeated;
        false_yes += t->false_yes > 0;
        verified += t->verified;
        repetition += t->repetition;
        gated += items[i].reward.repetition_gated;
    }
    field = put(field, "attempts", attempts / n);
    field = put(field, "distinct", distinct / n);
    field = put(field, "search", search / n);
    field = put(field, "backtrack", backtrack / n);
    field = put(field, "backtracks", backtracks / n);
    field = put(field, "check", check / n);
    field = put(field, "checks", checks / n);
    field = put(field, "errors_per_attempt", attempts > 0.0 ? errors / attempts : 0.0);
    field = put(field, "repeats_per_attempt", attempts > 0.0 ? repeats / attempts : 0.0);
    field = put(field, "false_yes", false_yes / n);
    field = put(field, "verified", verified / n);
    field = put(field, "repetition", repetition / n);
    return put(field, "repetition_gated", gated / n);
}

/* Phrases per response, and the share of responses that have one. */
static EventField *put_words(EventField *field, const RolloutItem *items, uint32_t n)
{
    for (int w = 0; w < TRACE_WORDS_COUNT; w++) {
        double phrases = 0.0, traces = 0.0;
        for (uint32_t i = 0; i < n; i++) {
            phrases += items[i].reward.trace.words[w];
            traces += shows(&items[i].reward.trace, WORDS + w);
        }
        field = put(field, trace_words_field((TraceWords)w), phrases / n);
        field = put(field, traces_names[w], traces / n);
    }
    return field;
}

/* P(correct | behaviour) and P(correct | none). */
static EventField *put_conditionals(EventField *field, const RolloutItem *items, uint32_t n)
{
    for (int b = 0; b < ROLLOUT_BEHAVIOURS; b++) {
        uint32_t traces[2] = {0}, correct[2] = {0};
        for (uint32_t i = 0; i < n; i++) {
            const bool shown = shows(&items[i].reward.trace, b);
            traces[shown]++;
            correct[shown] += items[i].reward.verdict.correct;
        }
        field = put(field, with_names[b], traces[1] > 0 ? (double)correct[1] / traces[1] : NAN);
        field = put(field, without_names[b], traces[0] > 0 ? (double)correct[0] / traces[0] : NAN);
    }
    return field;
}

static EventField *put_length_bins(EventField *field, const RolloutItem *items, uint32_t n, uint32_t max_new_tokens)
{
    uint32_t bins[ROLLOUT_LENGTH_BINS] = {0};
    for (uint32_t i = 0; i < n && max_new_tokens > 0; i++) {
        const uint64_t bin = (uint64_t)items[i].tokens * ROLLOUT_LENGTH_BINS / max_new_tokens;
        bins[bin < ROLLOUT_LENGTH_BINS ? bin : ROLLOUT_LENGTH_BINS - 1]++;
    }
    field = put(field, "length_bins_high", max_new_tokens);
    for (int b = 0; b < ROLLOUT_LENGTH_BINS; b++) {
        field = put(field, bin_names[b], (double)bins[b] / n);
    }
    return field;
}

void rollout_fields(const RolloutItem *items, uint32_t count, uint32_t max_new_tokens,
                    EventField fields[ROLLOUT_FIELDS])
{
    EventField *field = fields;
    field             = put_rewards(field, items, count);
    field             = put_lengths(field, items, count);
    field             = put_behaviours(field, items, count);
    field             = put_words(field, items, count);
    field             = put_conditionals(field, items, count);
    field             = put_length_bins(field, items, count, max_new_tokens);
    assert(field == fields + ROLLOUT_FIELDS);
    (void)field;
}
