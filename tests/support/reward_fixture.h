/* Responses to two problems, and their rewards. */
#ifndef TESTS_SUPPORT_REWARD_FIXTURE_H
#define TESTS_SUPPORT_REWARD_FIXTURE_H

#include "rlsp/reward/reward.h"

extern const Problem reward_fixture_countdown, reward_fixture_pick_three;

/* What responses to the countdown are made of. */
#define ANSWER    "Answer: \\boxed{(16*5)+4}"
#define WRONG     "Answer: \\boxed{(16*4)+5}"
#define MISS1     "Try (16+5)+4=21+4=25. Not 84. Go back.\n"
#define MISS2     "Try 16-(5-4)=16-1=15. Not 84. Go back.\n"
#define HIT       "Try (16*5)+4=80+4=84. Yes.\n"
#define FALSE_YES "Try (16*4)+5=64+5=69. Yes.\n"

/* The parts of a response of so many tokens, half of them before the box, of at most 176. The config has to be one that
 * is taken. */
RewardParts reward_fixture_compute(RewardConfig config, const Task *task, const Problem *problem, const char *text,
                                   uint32_t tokens);

#endif
