#include "tui/pane/curve_sets.h"

#include <stddef.h>

#define RL(field, text)                                                                                                \
    {                                                                                                                  \
        .kind = HISTORY_RL, .name = field, .label = text                                                               \
    }
#define RL_SPREAD(field, sd, text)                                                                                     \
    {                                                                                                                  \
        .kind = HISTORY_RL, .name = field, .label = text, .spread = sd                                                 \
    }
#define RL_BEHIND(field, text)                                                                                         \
    {                                                                                                                  \
        .kind = HISTORY_RL, .name = field, .label = text, .behind = true                                               \
    }
#define EVAL(field, text)                                                                                              \
    {                                                                                                                  \
        .kind = HISTORY_EVAL, .name = field, .label = text                                                             \
    }
#define SFT(field, text)                                                                                               \
    {                                                                                                                  \
        .kind = HISTORY_SFT, .name = field, .label = text                                                              \
    }

static const CurveSet reward[] = {
    {"reward", {RL("reward", "total"), RL("correct", "correct"), RL("explore_weighted", "explore")}},
    {"reward and spread", {RL_SPREAD("reward", "reward_sd", "total")}},
    {"exploration", {RL("explore", "before its weight")}},
    {"judge", {RL("judge", "grade"), RL("judge_fallback", "without a grade")}},
    {"reward server", {RL("remote", "its number"), RL("remote_fallback", "without one")}},
    {"attempts per trace", {RL("attempts", "all"), RL("distinct", "different"), RL("verified", "judged rightly")}},
    {"reward", {RL("format", "for format")}},
    {"SFT", {SFT("loss", "loss")}},
};

static const CurveSet accuracy[] = {
    {"held-out accuracy",
     {RL_BEHIND("accuracy", "rollouts"), EVAL("accuracy", "sampled"), EVAL("greedy_accuracy", "greedy")}},
    {"held-out problems", {EVAL("pass_at_k", "one of k"), EVAL("maj_at_k", "majority of k")}},
    {"held-out accuracy", {EVAL("accuracy_search", "tries first"), EVAL("accuracy_direct", "answers at once")}},
    {"traces", {RL("answered", "answered"), RL("truncated", "cut off")}},
    {"SFT", {SFT("time_tokens_per_second", "tokens per second")}},
};

static const CurveSet length[] = {
    {"trace length and spread", {RL_SPREAD("length", "length_sd", "mean")}},
    {"trace length", {RL("length_p50", "half are shorter"), RL("length_p95", "95% are shorter")}},
    {"held-out length", {EVAL("length_correct", "correct"), EVAL("length_wrong", "wrong")}},
    {"held-out length", {EVAL("length", "sampled"), EVAL("greedy_length", "greedy")}},
    {"SFT", {SFT("lr", "learning rate")}},
};

static const CurveSet health[] = {
    {"PPO", {RL("kl", "KL per trace")}},
    {"PPO", {RL("entropy", "entropy")}},
    {"PPO", {RL("clip_fraction", "clip fraction")}},
    {"PPO", {RL("explained_variance", "explained variance")}},
    {"gradient norm", {RL("grad_norm", "actor"), RL("critic_grad_norm", "critic")}},
    {"PPO", {RL("value_loss", "value loss")}},
    {"PPO", {RL("ratio_max", "largest ratio")}},
    {"SFT", {SFT("grad_norm", "gradient norm")}},
    {"SFT", {SFT("loss", "loss")}},
    {"SFT", {SFT("lr", "learning rate")}},
};

const CurveSet *curve_sets(Pane pane, int *count)
{
    switch (pane) {
    case PANE_REWARD: *count = sizeof reward / sizeof *reward; return reward;
    case PANE_ACCURACY: *count = sizeof accuracy / sizeof *accuracy; return accuracy;
    case PANE_LENGTH: *count = sizeof length / sizeof *length; return length;
    case PANE_HEALTH: *count = sizeof health / sizeof *health; return health;
    default: *count = 0; return NULL;
    }
}
