#include "tui/pane/metric_info.h"

#include <math.h>
#include <string.h>

static const MetricInfo known_rl[] = {
    {"reward", "reward, total", NULL, false},
    {"reward_sd", "reward, spread", NULL, false},
    {"correct", "reward for correctness", NULL, false},
    {"format", "reward for format", NULL, false},
    {"explore", "exploration, before its weight", NULL, false},
    {"explore_weighted", "reward for exploration", NULL, false},
    {"length_weighted", "reward for length", NULL, false},
    {"judge", "grade of the judge", NULL, false},
    {"judge_fallback", "traces without a grade", NULL, true},
    {"judge_asked", "traces shown to the judge", NULL, true},
    {"judge_tokens", "tokens of the judge", "tokens", false},
    {"remote", "number of the reward server", NULL, false},
    {"remote_weighted", "reward by the reward server", NULL, false},
    {"remote_fallback", "traces without its number", NULL, true},
    {"accuracy", "correct traces", NULL, true},
    {"answered", "traces with an answer", NULL, true},
    {"truncated", "traces cut off", NULL, true},
    {"verifier_limits", "answers too much for the verifier", NULL, true},
    {"length", "trace length, mean", "tokens", false},
    {"length_sd", "trace length, spread", "tokens", false},
    {"length_p50", "trace length, half are shorter", "tokens", false},
    {"length_p95", "trace length, 95% are shorter", "tokens", false},
    {"attempts", "attempts per trace", NULL, false},
    {"distinct", "different attempts per trace", NULL, false},
    {"verified", "attempts judged rightly, per trace", NULL, false},
    {"search", "traces that try before they answer", NULL, true},
    {"backtrack", "traces that go back", NULL, true},
    {"backtracks", "times it goes back, per trace", NULL, false},
    {"check", "traces that check", NULL, true},
    {"errors_per_attempt", "attempts that are wrong", NULL, true},
    {"repeats_per_attempt", "attempts that repeat one", NULL, true},
    {"false_yes", "traces that accept a wrong attempt", NULL, true},
    {"repetition", "text that repeats", NULL, true},
    {"repetition_gated", "traces that repeat too much", NULL, true},
    {"kl", "KL to the reference, per trace", "nats", false},
    {"kl_token", "KL to the reference, per token", "nats", false},
    {"kl_coef", "KL coefficient", NULL, false},
    {"approx_kl", "KL of the update, per token", "nats", false},
    {"entropy", "entropy, per token", "nats", false},
    {"logprob", "log-probability, per token", "nats", false},
    {"value", "value, mean", NULL, false},
    {"policy_loss", "policy loss", NULL, false},
    {"value_loss", "value loss", NULL, false},
    {"ratio_first", "ratio before the first update", NULL, false},
    {"ratio_max", "ratio, largest", NULL, false},
    {"clip_fraction", "clip fraction", NULL, true},
    {"value_clip_fraction", "clip fraction of values", NULL, true},
    {"explained_variance", "explained variance", NULL, false},
    {"grad_norm", "gradient norm", NULL, false},
    {"critic_grad_norm", "gradient norm of the critic", NULL, false},
    {"lost_steps", "optimizer steps skipped", NULL, false},
    {"lr", "learning rate", NULL, false},
    {"critic_lr", "learning rate of the critic", NULL, false},
    {"response_tokens", "tokens sampled", "tokens", false},
    {"words_backtrack", "words: goes back, per trace", NULL, false},
    {"words_verification", "words: checks, per trace", NULL, false},
    {"words_alternative", "words: another way, per trace", NULL, false},
    {"words_self_correction", "words: a mistake, per trace", NULL, false},
    {"words_subgoal", "words: a sub-goal, per trace", NULL, false},
    {"length_bins_high", "end of the length bins", "tokens", false},
    {"time_generate", "time to generate", "s", false},
    {"time_judge", "time to judge", "s", false},
    {"time_wait", "time waited for judge and server", "s", false},
    {"time_judge_requests", "requests to the judge", NULL, false},
    {"time_judge_retries", "requests to the judge, again", NULL, false},
    {"time_judge_latency", "time of a request to the judge", "s", false},
    {"time_judge_latency_max", "longest request to the judge", "s", false},
    {"time_remote_requests", "requests to the reward server", NULL, false},
    {"time_remote_retries", "requests to the server, again", NULL, false},
    {"time_remote_latency", "time of a request to the server", "s", false},
    {"time_remote_latency_max", "longest request to the server", "s", false},
    {"time_score", "time to score", "s", false},
    {"time_advantages", "time for advantages", "s", false},
    {"time_update", "time to update", "s", false},
    {"time_seconds", "time of a step", "s", false},
    {"time_tokens_per_second", "tokens per second", "tokens/s", false},
    {"time_memory_bytes", "device memory", "bytes", false},
    {"time_memory_peak_bytes", "device memory, peak", "bytes", false},
};

static const MetricInfo known_sft[] = {
    {"loss", "loss", NULL, false},
    {"lr", "learning rate", NULL, false},
    {"grad_norm", "gradient norm", NULL, false},
    {"tokens", "tokens of the step", "tokens", false},
    {"targets", "target tokens of the step", "tokens", false},
};

static const MetricInfo known_eval[] = {
    {"accuracy", "accuracy", NULL, true},
    {"accuracy_stderr", "accuracy, standard error", NULL, true},
    {"pass_at_k", "one of k is correct", NULL, true},
    {"maj_at_k", "majority of k is correct", NULL, true},
    {"length_correct", "length of correct traces", "tokens", false},
    {"length_wrong", "length of wrong traces", "tokens", false},
    {"distance_right", "distances stated rightly", NULL, true},
    {"gave_up", "traces that give up", NULL, true},
    {"hit", "traces that find a solution", NULL, true},
    {"hit_then_correct", "correct where one was found", NULL, true},
    {"accuracy_search", "correct where it tries first", NULL, true},
    {"accuracy_direct", "correct where it answers at once", NULL, true},
    {"seconds", "time of the evaluation", "s", false},
};

static const MetricInfo *find(const MetricInfo *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, name) == 0) {
            return &list[i];
        }
    }
    return NULL;
}

#define COUNT(list) (sizeof(list) / sizeof *(list))

static bool starts(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

MetricInfo metric_info(HistoryKind kind, const char *name)
{
    const MetricInfo *found = NULL;
    const char       *plain = name;
    if (kind == HISTORY_EVAL) {
        plain = starts(name, "greedy_") ? name + strlen("greedy_") : name;
        found = find(known_eval, COUNT(known_eval), plain);
    } else if (kind == HISTORY_SFT) {
        found = find(known_sft, COUNT(known_sft), name);
    }
    /* The others have the same names where they have them. */
    found           = found == NULL ? find(known_rl, COUNT(known_rl), plain) : found;
    MetricInfo info = found != NULL ? *found : (MetricInfo){0};
    if (plain != name) {
        info.label = NULL; /* "accuracy" must not stand for both */
    }
    if (starts(name, "correct_with") || starts(name, "traces_words_") ||
        (starts(name, "length_bin_") && kind == HISTORY_RL)) {

        info.share = true;
    }
    info.name = name;
    return info;
}

/* --- means over steps */

size_t metric_recent_steps(size_t count)
{
    size_t half = count / 2;
    return half < 1 ? 1 : half < METRIC_RECENT ? half : METRIC_RECENT;
}

size_t metric_start_steps(size_t count)
{
    size_t half = count / 2;
    return half < 1 ? 1 : half < METRIC_START ? half : METRIC_START;
}

HistorySeries metric_series(const History *history, HistoryKind kind, const char *name)
{
    int metric = history_metric(history, kind, name);
    return metric >= 0 ? history_series(history, kind, metric) : (HistorySeries){0};
}

double metric_mean(HistorySeries series, size_t from, size_t to)
{
    double sum   = 0;
    size_t count = 0;
    for (size_t i = from; i < to && i < series.count; i++) {
        if (isfinite(series.value[i])) {
            sum += (double)series.value[i];
            count++;
        }
    }
    return count > 0 ? sum / (double)count : NAN;
}

double metric_now(const History *history, const char *name)
{
    HistorySeries series = metric_series(history, HISTORY_RL, name);
    size_t        steps  = metric_recent_steps(series.count);
    return metric_mean(series, series.count > steps ? series.count - steps : 0, series.count);
}

double metric_start(const History *history, const char *name)
{
    HistorySeries series = metric_series(history, HISTORY_RL, name);
    return metric_mean(series, 0, metric_start_steps(series.count));
}
