#include "rlsp/train/rollout_item.h"

#include <math.h>
#include <stdlib.h>

#include "rlsp/reward/judge.h"
#include "rlsp/reward/reward_server.h"
#include "rlsp/task/trace_fields.h"

RewardConfig reward_from_config(const RunReward *config)
{
    RewardConfig reward = reward_config_default();
    reward.correct      = config->correct;
    reward.wrong        = config->wrong;
    reward.no_answer    = config->no_answer;
    switch (config->explore.kind) {
    case EXPLORE_KIND_NONE: reward.explore.kind = EXPLORE_NONE; break;
    case EXPLORE_KIND_LENGTH: reward.explore.kind = EXPLORE_LENGTH; break;
    case EXPLORE_KIND_EFFORT: reward.explore.kind = EXPLORE_EFFORT; break;
    case EXPLORE_KIND_FRACTION: reward.explore.kind = EXPLORE_FRACTION; break;
    case EXPLORE_KIND_JUDGE: reward.explore.kind = EXPLORE_JUDGE; break;
    }
    reward.explore.weight      = config->explore.weight;
    reward.explore.c           = config->explore.c;
    reward.explore.of_attempts = config->explore.of_attempts;
    reward.explore.before_box  = config->explore.before_box;
    reward.explore.cap         = config->explore.cap;
    reward.explore.until_hit   = config->explore.until_hit;
    reward.explore.verified    = config->explore.verified;
    reward.explore.limit       = config->explore.limit;
    reward.explore.compat      = config->explore.compat;
    switch (config->remote.mode) {
    case REMOTE_KIND_NONE: reward.remote.mode = REMOTE_NONE; break;
    case REMOTE_KIND_OUTCOME: reward.remote.mode = REMOTE_OUTCOME; break;
    case REMOTE_KIND_EXPLORE: reward.remote.mode = REMOTE_EXPLORE; break;
    case REMOTE_KIND_TOTAL: reward.remote.mode = REMOTE_TOTAL; break;
    }
    reward.remote.weight        = config->remote.weight;
    reward.repetition_ngram     = config->repetition_ngram;
    reward.repetition_max_share = config->repetition_max_share;
    reward.clip                 = config->clip;
    return reward;
}

void rollout_item_free(RolloutItem *item)
{
    task_prompt_free(&item->prompt);
    free(item->response);
    *item = (RolloutItem){0};
}

uint32_t rollout_tokens_before(const Tokenizer *tokenizer, const int32_t *ids, uint32_t count, size_t offset)
{
    uint32_t tokens = 0;
    size_t   at     = 0;
    for (uint32_t i = 0; i < count && at < offset; i++) {
        size_t bytes = 0;
        if (!tokenizer_is_special(tokenizer, ids[i])) {
            tokenizer_token_bytes(tokenizer, ids[i], &bytes);
            tokens++;
        }
        at += bytes;
    }
    return tokens;
}

/* The tokens before the box that is judged. */
static uint32_t reasoning_tokens(const Session *session, const RolloutItem *item, const int32_t *ids)
{
    TaskVerdict verdict;
    task_verify(session->task->kind, &item->problem, item->response, item->bytes, &verdict);
    return rollout_tokens_before(session->tokenizer, ids, item->tokens, verdict.box_offset);
}

void rollout_item_score(const RunRl *rl, RolloutItem *item)
{
    const bool penalty = item->truncated && rl->truncated == TRUNCATED_PENALTY;
    item->score        = (float)(penalty ? rl->truncated_penalty : item->reward.total);
}

void rollout_item_judge(const Session *session, const RewardConfig *reward, const int32_t *ids, RolloutItem *item)
{
    const RunRl      *rl        = &session->config.rl;
    size_t            end_bytes = 0;
    const char       *end       = item->truncated || item->tokens == 0
                                      ? NULL
                                      : tokenizer_token_bytes(session->tokenizer, ids[item->tokens - 1], &end_bytes);
    const uint32_t    reasoning = reward->explore.before_box ? reasoning_tokens(session, item, ids) : item->tokens;
    const RewardInput input     = {.response         = item->response,
                                   .length           = item->bytes,
                                   .end              = end,
                                   .end_length       = end_bytes,
                                   .response_tokens  = item->tokens,
                                   .reasoning_tokens = reasoning,
                                   .max_tokens       = rl->max_new_tokens,
                                   .truncated        = item->truncated};
    reward_compute(reward, session->task->kind, &item->problem, &input, &item->reward);
    item->grade  = NULL;
    item->number = NULL;
    item->masked = item->truncated && rl->truncated == TRUNCATED_MASK;
    rollout_item_score(rl, item);
}

/* What was said of a response, as fields of an inner object of its trace; the number of fields, 0: not asked. */
enum { SAID_FIELDS = 7 };

static int judge_fields(const JudgeScore *score, EventField fields[SAID_FIELDS])
{
    if (score == NULL) {
        return 0;
    }
    int count       = 0;
    fields[count++] = (EventField){"grade", score->grade, NULL};
    fields[count++] = (EventField){"fallback", score->fallback, NULL};
    fields[count++] = (EventField){"shared", score->shared, NULL};
    fields[count++] =
        score->fallback ? (EventField){"error", 0, score->error} : (EventField){"rationale", 0, score->rationale};
    fields[count++] = (EventField){"time_tries", score->tries, NULL};
    fields[count++] = (EventField){"time_latency", score->seconds, NULL};
    return count;
}

static int server_fields(const RewardServerScore *score, EventField fields[SAID_FIELDS])
{
    if (score == NULL) {
        return 0;
    }
    int count       = 0;
    fields[count++] = (EventField){"reward", score->reward, NULL};
    fields[count++] = (EventField){"fallback", score->fallback, NULL};
    if (score->fallback) {
        fields[count++] = (EventField){"error", 0, score->error};
    }
    fields[count++] = (EventField){"time_tries", score->tries, NULL};
    fields[count++] = (EventField){"time_latency", score->seconds, NULL};
    return count;
}

Status rollout_item_write(const Session *session, const char *stage, uint32_t index, const RolloutItem *item,
                          Error *error)
{
    const RewardParts *r = &item->reward;
    EventField         behaviours[TRACE_FIELDS];
    EventField         judge[SAID_FIELDS], remote[SAID_FIELDS];
    trace_fields(&r->trace, behaviours);
    const EventObject said[] = {{"judge", judge, judge_fields(item->grade, judge)},
                                {"remote", remote, server_fields(item->number, remote)}};
    /* a response that a user asked for is shown to no judge: what it would have said is not known */
    const bool unknown = item->grade == NULL && session->config.reward.explore.kind == EXPLORE_KIND_JUDGE &&
                         !r->repetition_gated && !r->voided;
    const double     explore = unknown ? NAN : r->explore, weighted = unknown ? NAN : r->explore_weighted;
    const EventField rewards[] = {{"correct", r->correct, NULL},
                                  {"format", r->format, NULL},
                                  {"explore", explore, NULL},
                                  {"explore_weighted", weighted, NULL},
                                  {"repetition", r->repetition, NULL},
                                  {"length_weighted", r->length_weighted, NULL},
                                  {"remote_weighted", r->remote_weighted, NULL}};
    /* what others add, only where they do */
    const int  parts = item->number != NULL ? 7 : item->grade != NULL && r->length != 0.0 ? 6 : 5;
    EventTrace trace = {.stage           = stage,
                        .step            = (int64_t)session->step,
                        .index           = index,
                        .prompt          = item->prompt.text,
                        .response        = item->response,
                        .tokens          = item->tokens,
                        .truncated       = item->truncated,
                        .reward          = r->total,
                        .rewards         = rewards,
                        .reward_count    = parts,
                        .behaviours      = behaviours,
                        .behaviour_count = TRACE_FIELDS,
                        .objects         = said,
                        .object_count    = 2};
    char       line[TRACE_LINE_BYTES];
    trace_verdict(&trace, &item->problem, &r->verdict, item->response, line);
    return events_trace(session->events, &trace, error);
}
