/* Responses of any bytes through the detectors and the reward: counts have to add
 * up, spans have to lie in the text, rewards have to be finite. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rlsp/reward/reward.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

static void read(const Task *task, const Problem *problem, const char *text, size_t size)
{
    TraceSpan  spans[64];
    TraceSpans sink = {.spans = spans, .capacity = 64};
    TraceStats stats;
    task->trace(problem, text, size, &stats, &sink);
    require(stats.attempts == stats.valid + stats.errors && stats.valid == stats.distinct + stats.repeated);
    require(stats.errors == stats.illegal + stats.wrong_arithmetic);
    require(stats.verified <= stats.distinct && stats.hit_attempt <= stats.attempts);
    require(stats.verdicts <= stats.attempts && stats.distances <= stats.attempts);
    require(stats.verdicts_right + stats.false_yes <= stats.verdicts);
    require(stats.backtracks == 0 || stats.backtracks < stats.attempts);
    require(stats.checks == stats.checks_right + stats.checks_wrong);
    require(stats.after_box <= size && stats.repetition >= 0 && stats.repetition < 1);
    for (size_t i = 0; i < sink.count && i < sink.capacity; i++) {
        require(spans[i].length > 0 && spans[i].offset + spans[i].length <= size);
        require(spans[i].kind < TRACE_SPAN_KIND_COUNT);
    }
    int          arm           = (int)(size % 8);
    RewardConfig config        = reward_config_default();
    config.explore.kind        = (ExploreKind)(arm % 4);
    config.explore.compat      = arm == 1;
    config.explore.of_attempts = arm == 5;
    config.explore.until_hit = config.explore.verified = arm == 6;
    config.repetition_ngram                            = arm > 3 ? 2 : 0;
    RewardInput input = {.response = text, .length = size, .response_tokens = (uint32_t)size / 4, .max_tokens = 176};
    RewardParts parts;
    reward_compute(&config, task, problem, &input, &parts);
    require(isfinite(parts.total) && fabs(parts.total) <= config.clip);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const Problem three = {.count = 3, .numbers = {3, 7, 20}, .target = 53};
    static const Problem six   = {.count = 6, .numbers = {2, 5, 8, 9, 10, 12}, .target = 22};
    char                *text  = malloc(size + (size == 0));
    if (text == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    read(&task_countdown, &three, text, size);
    read(&task_pick_three, &six, text, size);
    free(text);
    return 0;
}
