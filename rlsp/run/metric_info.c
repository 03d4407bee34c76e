#include "rlsp/run/metric_info.h"

#include <string.h>

static const MetricInfo known_rl[] = {
    {"reward", "reward, total", "total", NULL, false},
    {"reward_sd", "reward, spread", NULL, NULL, false},
    {"correct", "reward for correctness", "correct", NULL, false},
    {"format", "reward for format", NULL, NULL, false},
    {"explore", "exploration, before its weight", NULL, NULL, false},
    {"explore_weighted", "reward for exploration", "exploration", NULL, false},
    {"length_weighted", "reward for length", NULL, NULL, false},
    {"judge", "grade of the judge", "grade", NULL, false},
    {"judge_fallback", "traces without a grade", "without a grade", NULL, true},
    {"judge_asked", "traces shown to the judge", NULL, NULL, true},
    {"judge_tokens", "tokens of the judge", NULL, "tokens", false},
    {"remote", "number of the reward server", "its number", NULL, false},
    {"remote_weighted", "reward by the reward server", NULL, NULL, false},
    {"remote_fallback", "traces without its number", "without one", NULL, true},
    {"accuracy", "correct traces", NULL, NULL, true},
    {"answered", "traces with an answer", NULL, NULL, true},
    {"truncated", "traces cut off", NULL, NULL, true},
    {"verifier_limits", "answers too much for the verifier", NULL, NULL, true},
    {"length", "trace length, mean", "length", "tokens", false},
    {"length_sd", "trace length, spread", NULL, "tokens", false},
    {"length_p50", "trace length, half are no longer", NULL, "tokens", false},
    {"length_p95", "trace length, 95% are no longer", NULL, "tokens", false},
    {"attempts", "attempts per trace", NULL, NULL, false},
    {"distinct", "different attempts per trace", NULL, NULL, false},
    {"verified", "attempts judged rightly, per trace", NULL, NULL, false},
    {"search", "traces that try before they answer", "search", NULL, true},
    {"backtrack", "traces that go back", "backtrack", NULL, true},
    {"backtracks", "times it goes back, per trace", NULL, NULL, false},
    {"check", "traces that check", "check", NULL, true},
    {"errors_per_attempt", "attempts that are wrong", NULL, NULL, true},
    {"repeats_per_attempt", "attempts that repeat one", NULL, NULL, true},
    {"false_yes", "traces that accept a wrong attempt", NULL, NULL, true},
    {"repetition", "text that repeats", NULL, NULL, true},
    {"repetition_gated", "traces that repeat too much", NULL, NULL, true},
    {"kl", "KL to the reference, per trace", "KL", "nats", false},
    {"kl_token", "KL to the reference, per token", NULL, "nats", false},
    {"kl_coef", "KL coefficient", NULL, NULL, false},
    {"approx_kl", "KL of the update, per token", NULL, "nats", false},
    {"entropy", "entropy, per token", "entropy", "nats", false},
    {"logprob", "log-probability, per token", NULL, "nats", false},
    {"value", "value, mean", NULL, NULL, false},
    {"policy_loss", "policy loss", NULL, NULL, false},
    {"value_loss", "value loss", NULL, NULL, false},
    {"ratio_first", "ratio before the first update", NULL, NULL, false},
    {"ratio_max", "ratio, largest", NULL, NULL, false},
    {"clip_fraction", "clip fraction", NULL, NULL, true},
    {"value_clip_fraction", "clip fraction of values", NULL, NULL, true},
    {"explained_variance", "explained variance", NULL, NULL, false},
    {"grad_norm", "gradient norm", NULL, NULL, false},
    {"critic_grad_norm", "gradient norm of the critic", NULL, NULL, false},
    {"lost_steps", "optimizer steps skipped", NULL, NULL, false},
    {"lr", "learning rate", NULL, NULL, false},
    {"critic_lr", "learning rate of the critic", NULL, NULL, false},
    {"response_tokens", "tokens sampled", NULL, "tokens", false},
    {"words_backtrack", "words: goes back, per trace", NULL, NULL, false},
    {"words_verification", "words: checks, per trace", NULL, NULL, false},
    {"words_alternative", "words: another way, per trace", NULL, NULL, false},
    {"words_self_correction", "words: a mistake, per trace", NULL, NULL, false},
    {"words_subgoal", "words: a sub-goal, per trace", NULL, NULL, false},
    {"length_bins_high", "end of the length bins", NULL, "tokens", false},
    {"time_generate", "time to generate", NULL, "s", false},
    {"time_judge", "time to judge", NULL, "s", false},
    {"time_wait", "time waited for judge and server", NULL, "s", false},
    {"time_judge_requests", "requests to the judge", NULL, NULL, false},
    {"time_judge_retries", "requests to the judge, again", NULL, NULL, false},
    {"time_judge_latency", "time of a request to the judge", NULL, "s", false},
    {"time_judge_latency_max", "longest request to the judge", NULL, "s", false},
    {"time_remote_requests", "requests to the reward server", NULL, NULL, false},
    {"time_remote_retries", "requests to the server, again", NULL, NULL, false},
    {"time_remote_latency", "time of a request to the server", NULL, "s", false},
    {"time_remote_latency_max", "longest request to the server", NULL, "s", false},
    {"time_score", "time to score", NULL, "s", false},
    {"time_score_ahead", "time that scoring ran beside sampling", NULL, "s", false},
    {"time_advantages", "time for advantages", NULL, "s", false},
    {"time_update", "time to update", NULL, "s", false},
    {"time_seconds", "time of a step", NULL, "s", false},
    {"time_tokens_per_second", "tokens per second", NULL, "tokens/s", false},
    {"time_memory_bytes", "device memory", NULL, "bytes", false},
    {"time_memory_peak_bytes", "device memory, peak", NULL, "bytes", false},
};

static const MetricInfo known_sft[] = {
    {"loss", "loss", NULL, NULL, false},
    {"lr", "learning rate", NULL, NULL, false},
    {"grad_norm", "gradient norm", NULL, NULL, false},
    {"tokens", "tokens of the step", NULL, "tokens", false},
    {"targets", "target tokens of the step", NULL, "tokens", false},
};

static const MetricInfo known_eval[] = {
    {"accuracy", "accuracy", "sampled", NULL, true},
    {"greedy_accuracy", NULL, "greedy", NULL, true},
    {"accuracy_stderr", "accuracy, standard error", NULL, NULL, true},
    {"pass_at_k", "one of k is correct", NULL, NULL, true},
    {"maj_at_k", "majority of k is correct", NULL, NULL, true},
    {"length_correct", "length of correct traces", NULL, "tokens", false},
    {"length_wrong", "length of wrong traces", NULL, "tokens", false},
    {"distance_right", "distances stated rightly", NULL, NULL, true},
    {"gave_up", "traces that give up", NULL, NULL, true},
    {"hit", "traces that find a solution", NULL, NULL, true},
    {"hit_then_correct", "correct where one was found", NULL, NULL, true},
    {"accuracy_search", "correct where it tries first", NULL, NULL, true},
    {"accuracy_direct", "correct where it answers at once", NULL, NULL, true},
    {"seconds", "time of the evaluation", NULL, "s", false},
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
        found = find(known_eval, COUNT(known_eval), name);
        plain = found == NULL && starts(name, "greedy_") ? name + strlen("greedy_") : name;
        found = found == NULL ? find(known_eval, COUNT(known_eval), plain) : found;
    } else if (kind == HISTORY_SFT) {
        found = find(known_sft, COUNT(known_sft), name);
    }
    /* The others have the same names where they have them. */
    found           = found == NULL ? find(known_rl, COUNT(known_rl), plain) : found;
    MetricInfo info = found != NULL ? *found : (MetricInfo){0};
    if (plain != name) {
        info.label = info.brief = NULL; /* "accuracy" must not stand for both */
    }
    if (starts(name, "correct_with") || starts(name, "traces_words_") ||
        (starts(name, "length_bin_") && kind == HISTORY_RL)) {

        info.share = true;
    }
    info.name = name;
    return info;
}
