#include "tui/pane/pane_behaviour_rows.h"

#include <math.h>

#include "tui/pane/metric_mean.h"

#define WORDS(field, ...)                                                                                              \
    {                                                                                                                  \
        .names = {__VA_ARGS__}, .words = true, .share = "traces_words_" field, .count = "words_" field,                \
        .with = "correct_with_words_" field, .without = "correct_without_words_" field                                 \
    }

const BehaviourKind behaviour_kinds[] = {
    {.names        = {"tries before it answers", "tries first", "tries"},
     .share        = "search",
     .count        = "attempts",
     .with         = "correct_with_search",
     .without      = "correct_without_search",
     .eval_with    = "accuracy_search",
     .eval_without = "accuracy_direct"},
    {.names   = {"goes back and tries again", "goes back", "back"},
     .share   = "backtrack",
     .count   = "backtracks",
     .with    = "correct_with_backtrack",
     .without = "correct_without_backtrack"},
    {.names   = {"checks its result", "checks", "checks"},
     .share   = "check",
     .count   = "checks",
     .with    = "correct_with_check",
     .without = "correct_without_check"},
    {.names = {"repeats itself (of attempts)", "repeats tries", "repeats"},
     .share = "repeats_per_attempt",
     .count = "repeats_per_attempt",
     .per   = "attempts"},
    WORDS("backtrack", "says it goes back", "going back", "\"back\""),
    WORDS("verification", "says it checks", "checking", "\"check\""),
    WORDS("alternative", "says there is another way", "another way", "\"other\""),
    WORDS("self_correction", "says it was mistaken", "a mistake", "\"wrong\""),
    WORDS("subgoal", "names a next step", "next step", "\"step\""),
};
const int behaviour_kind_count = sizeof behaviour_kinds / sizeof *behaviour_kinds;

/* --- points of several series belong together by their step, wherever each began */

typedef struct Aligned {
    HistorySeries series;
    size_t        at;
} Aligned;

static Aligned aligned(const History *history, const char *name)
{
    return (Aligned){.series = name != NULL ? metric_series(history, HISTORY_RL, name) : (HistorySeries){0}};
}

/* For steps that only rise. */
static double value_at(Aligned *a, double step)
{
    while (a->at < a->series.count && a->series.step[a->at] < step) {
        a->at++;
    }
    return a->at < a->series.count && a->series.step[a->at] == step ? (double)a->series.value[a->at] : NAN;
}

static void skip_to(Aligned *a, double step)
{
    size_t low = 0, high = a->series.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (a->series.step[middle] < step) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    a->at = low;
}

static HistorySeries lengths_of(const History *history)
{
    return metric_series(history, HISTORY_RL, "length");
}

size_t behaviour_steps(const History *history)
{
    return lengths_of(history).count;
}

double behaviour_rate(const History *history, const BehaviourKind *kind, bool per_tokens, size_t from, size_t to)
{
    HistorySeries length = lengths_of(history);
    if (from >= length.count) {
        return NAN;
    }
    Aligned value = aligned(history, per_tokens ? kind->count : kind->share), per = aligned(history, kind->per);
    skip_to(&value, length.step[from]);
    skip_to(&per, length.step[from]);
    double sum = 0, weights = 0;
    for (size_t i = from; i < to && i < length.count; i++) {
        const double step = length.step[i];
        double       one = value_at(&value, step), of = kind->per != NULL ? value_at(&per, step) : 1;
        double       weight = per_tokens ? (double)length.value[i] : of; /* a proportion of attempts: of all of them */
        if (isfinite(one) && isfinite(of) && isfinite(weight)) {
            sum += one * of;
            weights += weight;
        }
    }
    return weights > 0 ? (per_tokens ? 1000 : 1) * sum / weights : NAN;
}

/* --- P(correct | behaviour) */

typedef struct Pool {
    double right, weight, traces;
} Pool;

static void pool_add(Pool *pool, double share_right, double weight, double traces)
{
    if (isfinite(share_right) && weight > 0) {
        pool->right += share_right * weight;
        pool->weight += weight;
        pool->traces += traces;
    }
}

BehaviourOdds behaviour_odds(const History *history, const BehaviourKind *kind)
{
    BehaviourOdds odds = {NAN, NAN, NAN, NAN, false};
    if (kind->with == NULL) {
        return odds;
    }
    HistorySeries length = lengths_of(history);
    Aligned       share = aligned(history, kind->share), with = aligned(history, kind->with);
    Aligned       without = aligned(history, kind->without), tokens = aligned(history, "response_tokens");
    Aligned      *all[] = {&share, &with, &without, &tokens};
    const size_t  steps = metric_recent_steps(length.count);
    Pool          does = {0}, does_not = {0};
    const size_t  first = length.count > steps ? length.count - steps : 0;
    for (size_t s = 0; s < sizeof all / sizeof *all && first < length.count; s++) {
        skip_to(all[s], length.step[first]);
    }
    for (size_t i = first; i < length.count; i++) {
        const double step   = length.step[i];
        const double part   = value_at(&share, step);
        const double traces = value_at(&tokens, step) / (double)length.value[i];
        const double weight = isfinite(traces) && traces > 0 ? traces : 1;
        pool_add(&does, value_at(&with, step), part * weight, part * traces);
        pool_add(&does_not, value_at(&without, step), (1 - part) * weight, (1 - part) * traces);
    }
    if (does.weight > 0 || does_not.weight > 0) {
        odds.with           = does.weight > 0 ? does.right / does.weight : NAN;
        odds.without        = does_not.weight > 0 ? does_not.right / does_not.weight : NAN;
        odds.traces_with    = does.traces;
        odds.traces_without = does_not.traces;
    } else if (kind->eval_with != NULL) {
        HistorySeries eval_with    = metric_series(history, HISTORY_EVAL, kind->eval_with);
        HistorySeries eval_without = metric_series(history, HISTORY_EVAL, kind->eval_without);
        odds.held_out              = true; /* one evaluation: its two numbers belong together */
        odds.with                  = eval_with.count > 0 ? (double)eval_with.value[eval_with.count - 1] : NAN;
        odds.without               = eval_without.count > 0 ? (double)eval_without.value[eval_without.count - 1] : NAN;
    }
    return odds;
}

int behaviour_verdict(const BehaviourOdds *odds)
{
    if (!isfinite(odds->with) || !isfinite(odds->without) || !(odds->traces_with >= BEHAVIOUR_FEW) ||
        !(odds->traces_without >= BEHAVIOUR_FEW)) {
        return 0;
    }
    /* One more of each, so that a proportion of 0 or 1 does not look certain. */
    const double a     = (odds->with * odds->traces_with + 1) / (odds->traces_with + 2);
    const double b     = (odds->without * odds->traces_without + 1) / (odds->traces_without + 2);
    const double error = sqrt(a * (1 - a) / (odds->traces_with + 2) + b * (1 - b) / (odds->traces_without + 2));
    return a - b > 2 * error ? 1 : a - b < -2 * error ? -1 : 0;
}
