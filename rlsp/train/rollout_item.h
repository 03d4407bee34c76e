/* One response of a rollout, or of a prompt that a user asked for: judged, scored, written to traces.jsonl.
 *
 *     rollout_item_judge(session, &reward, ids, &item);             // what can be said of it here
 *     rollout_item_write(session, "sample", index, &item, &error);
 *     rollout_item_free(&item);
 */
#ifndef RLSP_TRAIN_ROLLOUT_ITEM_H
#define RLSP_TRAIN_ROLLOUT_ITEM_H

#include "rlsp/reward/reward.h"
#include "rlsp/train/session.h"

/* One response. */
typedef struct RolloutItem {
    Problem                         problem;
    TaskPrompt                      prompt;   /* owned                                */
    uint32_t                        group;    /* its prompt's number                  */
    char                           *response; /* text, without special tokens; owned  */
    size_t                          bytes;
    uint32_t                        tokens;    /* with the end token, if there is one  */
    bool                            truncated; /* no end token within the limit        */
    bool                            masked;    /* left out of the losses               */
    RewardParts                     reward;
    const struct JudgeScore        *grade;  /* what the judge said; NULL: not asked           */
    const struct RewardServerScore *number; /* what the reward server said; NULL: not asked   */
    float                           score;  /* what PPO gets: the total, or the penalty for truncation */
} RolloutItem;

/* Judges item->response to item->problem; ids: its tokens, [item->tokens]. */
void rollout_item_judge(const Session *session, const RewardConfig *reward, const int32_t *ids, RolloutItem *item);

/* Sets what PPO gets, once the reward is whole. */
void rollout_item_score(const RunRl *rl, RolloutItem *item);

/* A line of traces.jsonl. */
Status rollout_item_write(const Session *session, const char *stage, uint32_t index, const RolloutItem *item,
                          Error *error);

void rollout_item_free(RolloutItem *item); /* what it owns */

/* How many of the response's tokens, special ones not counted, begin before byte `offset` of its text. */
uint32_t rollout_tokens_before(const Tokenizer *tokenizer, const int32_t *ids, uint32_t count, size_t offset);

/* The reward settings of a run config, as rlsp/reward wants them. */
RewardConfig reward_from_config(const RunReward *config);

#endif
