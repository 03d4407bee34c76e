#include "rlsp/reward/reward.h"

#include <string.h>

#include "rlsp/math/box.h"

RewardConfig reward_config_default(void)
{
    return (RewardConfig){
        .correct              = 1,
        .wrong                = 0,
        .no_answer            = -0.5,
        .explore              = {.kind = EXPLORE_NONE, .weight = 1, .c = 10, .cap = 6},
        .repetition_ngram     = 0,
        .repetition_max_share = 0.5,
        .clip                 = 10,
    };
}

static Status refuse(Error *error, const char *key, double found, const char *wanted)
{
    return error_set(error, STATUS_BAD_INPUT, "reward.%s: found %g, wanted %s", key, found, wanted);
}

Status reward_config_check(const RewardConfig *config, Error *error)
{
    ExploreKind kind = config->explore.kind;
    if (!(config->explore.c >= 0)) {
        return refuse(error, "explore.c", config->explore.c, "0 or more");
    }
    if (config->explore.cap == 0 && (kind == EXPLORE_EFFORT || config->explore.of_attempts)) {
        return refuse(error, "explore.cap", 0, "1 or more attempts");
    }
    if (config->explore.compat && kind != EXPLORE_LENGTH && kind != EXPLORE_NONE && kind != EXPLORE_JUDGE) {
        return error_set(error, STATUS_BAD_INPUT,
                         "reward.explore.compat: the authors' formula has kind length, judge or none, no other");
    }
    if (config->explore.compat && config->remote.mode != REMOTE_NONE) {
        return error_set(error, STATUS_BAD_INPUT,
                         "reward.remote.mode: the authors' formula (reward.explore.compat) has no place for it");
    }
    if (config->explore.until_hit + config->explore.verified > 0 && kind != EXPLORE_EFFORT) {
        return error_set(error, STATUS_BAD_INPUT,
                         "reward.explore.%s: only for kind effort; set it to false, or reward.explore.kind to effort",
                         config->explore.until_hit ? "until_hit" : "verified");
    }
    if (!(config->repetition_max_share >= 0 && config->repetition_max_share <= 1)) {
        return refuse(error, "repetition.max_share", config->repetition_max_share, "0 to 1");
    }
    if (!(config->clip >= 0)) {
        return refuse(error, "clip", config->clip, "0 (off) or more");
    }
    return STATUS_OK;
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

static double clipped(const RewardConfig *config, double value, RewardParts *parts)
{
    double limit   = config->clip;
    double inside  = value > limit ? limit : value < -limit ? -limit : value;
    parts->clipped = limit > 0 && inside != value;
    return parts->clipped ? inside : value;
}

/* --- the authors' formula ------------------------------------------------------ */

/* How the authors mix a judge's grade with everything else. */
static const double COMPAT_REST = 0.8, COMPAT_JUDGE = 0.2;

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static size_t code_points(const char *text, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return count;
}

static void compute_compat(const RewardConfig *config, const Task *task, const Problem *problem,
                           const RewardInput *input, RewardParts *parts)
{
    const char *text = input->response;
    size_t      end  = input->length, box, content, content_length;
    while (input->end == NULL && end > 0 && is_space(text[end - 1])) {
        end--;
    }
    size_t begin = 0;
    while (begin < end && is_space(text[begin])) {
        begin++;
    }
    text += begin;
    size_t reasoning = end - begin;
    double unseen    = input->end != NULL ? (double)code_points(input->end, input->end_length) : 0;
    if (boxes_find_first_shallow(text, end - begin, &box, &content, &content_length)) {
        task_verify_answer(task, problem, text + content, content_length, &parts->verdict);
        parts->verdict.answered = true; /* an empty box is a wrong answer there, not none */
        parts->verdict.answer_offset += begin + content;
        parts->verdict.box_offset = begin + box;
        parts->verdict.boxes      = 1;
        parts->outcome = parts->correct = parts->verdict.correct ? 1 : 0;
        reasoning                       = box;
        unseen                          = 0;
    } else {
        task_verify(task, problem, "", 0, &parts->verdict);
        parts->verdict.box_offset = input->length;
        parts->outcome = parts->format = -0.5;
    }
    const bool judged = config->explore.kind == EXPLORE_JUDGE;
    double     term   = 0;
    if ((config->explore.kind == EXPLORE_LENGTH || judged) && config->explore.c != 0) {
        double length = ((double)code_points(text, reasoning) + unseen) / 4;
        if (length == 0) { /* an exception there, which gives 0 whatever else was earned */
            parts->correct = parts->format = 0;
            parts->voided                  = true;
            return;
        }
        term = -config->explore.c / length;
    }
    if (judged) {
        parts->correct *= COMPAT_REST;
        parts->format *= COMPAT_REST;
        parts->length          = term;
        parts->length_weighted = COMPAT_REST * term;
    } else {
        parts->explore = parts->explore_weighted = term;
    }
    parts->total = clipped(config, judged ? COMPAT_REST * (parts->outcome + term) : parts->outcome + term, parts);
}

/* --- ours ---------------------------------------------------------------------- */

/* Effort, in [0, 1]. */
static double effort(const RewardConfig *config, const TaskVerdict *verdict, const TraceStats *trace)
{
    bool     verified = config->explore.verified;
    uint32_t tried    = verified ? trace->verified : trace->distinct;
    uint32_t hit      = verified ? trace->verified_hit_attempt : trace->hit_attempt;
    if (verified && trace->false_yes > 0) {
        return 0;
    }
    if (config->explore.until_hit && hit > 0 && verdict->correct) {
        return 1;
    }
    return smaller(tried, config->explore.cap) / config->explore.cap;
}

static double explore(const RewardConfig *config, const RewardInput *input, const RewardParts *parts)
{
    bool     gated  = parts->repetition_gated;
    double   tokens = config->explore.before_box ? input->reasoning_tokens : input->response_tokens;
    uint32_t limit  = config->explore.limit > 0 ? config->explore.limit : input->max_tokens;
    switch (config->explore.kind) {
    case EXPLORE_LENGTH:
        if (config->explore.of_attempts) {
            return -config->explore.c / (12 + 20 * (gated ? 0 : smaller(parts->trace.distinct, config->explore.cap)));
        }
        tokens = gated ? tokens * (1 - parts->repetition) : tokens;
        return -config->explore.c / (tokens > 1 ? tokens : 1);
    case EXPLORE_EFFORT: return gated ? 0 : effort(config, &parts->verdict, &parts->trace);
    case EXPLORE_FRACTION: return gated || limit == 0 ? 0 : smaller(tokens, limit) / limit;
    case EXPLORE_NONE:
    case EXPLORE_JUDGE: break; /* comes by reward_add */
    }
    return 0;
}

void reward_compute(const RewardConfig *config, const Task *task, const Problem *problem, const RewardInput *input,
                    RewardParts *parts)
{
    memset(parts, 0, sizeof *parts);
    parts->truncated = input->truncated;
    task->trace(problem, input->response, input->length, &parts->trace, NULL);
    if (config->explore.compat) {
        compute_compat(config, task, problem, input, parts);
        return;
    }
    task_verify(task, problem, input->response, input->length, &parts->verdict);
    bool answered  = parts->verdict.answered;
    parts->outcome = !answered ? config->no_answer : parts->verdict.correct ? 1 : config->wrong;
    *(answered ? &parts->correct : &parts->format) = config->correct * parts->outcome;
    if (config->repetition_ngram > 0) {
        double share            = repetition_of_words(input->response, input->length, config->repetition_ngram);
        parts->repetition       = share < 0 ? 0 : share;
        parts->repetition_gated = parts->repetition > config->repetition_max_share;
    }
    if (config->explore.kind != EXPLORE_NONE) {
        parts->explore          = explore(config, input, parts);
        parts->explore_weighted = config->explore.weight * parts->explore;
    }
    parts->total = clipped(config, parts->correct + parts->format + parts->explore_weighted, parts);
}

/* --- what others say --------------------------------------------------------------- */

bool reward_wants_judge(const RewardConfig *config, const RewardParts *parts)
{
    return config->explore.kind == EXPLORE_JUDGE && !parts->repetition_gated && !parts->voided;
}

static void add_judge(const RewardConfig *config, double grade, RewardParts *parts)
{
    parts->explore          = grade;
    parts->explore_weighted = (config->explore.compat ? COMPAT_JUDGE : config->explore.weight) * grade;
}

static void add_remote(const RewardConfig *config, double reward, RewardParts *parts)
{
    parts->remote = reward;
    switch (config->remote.mode) {
    case REMOTE_NONE: parts->remote = 0; break;
    case REMOTE_OUTCOME:
        parts->outcome = reward;
        parts->correct = config->correct * reward;
        parts->format  = 0;
        break;
    case REMOTE_EXPLORE: parts->remote_weighted = config->remote.weight * reward; break;
    case REMOTE_TOTAL:
        parts->correct = parts->format = parts->length_weighted = parts->explore_weighted = 0;
        parts->remote_weighted                                                            = reward;
        break;
    }
}

void reward_add(const RewardConfig *config, const RewardSaid *said, RewardParts *parts)
{
    if (parts->voided) {
        return;
    }
    if (reward_wants_judge(config, parts)) {
        add_judge(config, said->judge, parts);
    }
    add_remote(config, said->remote, parts);
    double total = parts->correct + parts->format + parts->explore_weighted + parts->remote_weighted;
    if (config->explore.compat) { /* rounded as there */
        total = config->explore.kind == EXPLORE_JUDGE
                    ? COMPAT_REST * (parts->outcome + parts->length) + parts->explore_weighted
                    : parts->outcome + parts->explore;
    }
    parts->total = clipped(config, total, parts);
}
