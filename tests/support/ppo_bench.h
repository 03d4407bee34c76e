/* PPO with small random models: a session without run directory or tokenizer, a rollout that is made up, and updates
 * that change nothing. A test that uses it runs on the device of gpu_fixture.h; whatever fails, fails the test. */
#ifndef TESTS_SUPPORT_PPO_BENCH_H
#define TESTS_SUPPORT_PPO_BENCH_H

#include "rlsp/train/ppo.h"

enum { PPO_BENCH_PROMPT = 13 }; /* task_prompt_tokens of countdown */

typedef struct PpoBench {
    Session  session;
    Model   *reference;
    Rollout  rollout;
    uint32_t longest, intermediate; /* 0: twice the hidden size */
    bool     shared;
} PpoBench;

/* `json`: the rl block. Policy and reference differ a little; the critic is another model, or with `shared` the
 * policy's head. To be closed. */
void ppo_bench_open(PpoBench *b, uint32_t hidden, bool tied, bool shared, const char *json);
void ppo_bench_open_wide(PpoBench *b, uint32_t hidden, uint32_t intermediate, bool tied, bool shared, const char *json);
void ppo_bench_close(PpoBench *b);

/* Adds N(0, std^2) to every parameter of the model's tensors. */
void ppo_bench_shake(Model *model, double std, uint32_t stream);
/* Products in another type from here on; learners anew, for their loss scale. */
void ppo_bench_compute_in(PpoBench *b, ComputeType compute);
/* `n` sequences with prompts of 3 to 13 tokens and responses of 1 to max_new; groups of two. */
void ppo_bench_rollout(PpoBench *b, uint32_t n);

/* For the rollout's sequences; to be freed. */
Ppo *ppo_bench_ppo(PpoBench *b);
/* Scores and advantages of the rollout. */
void ppo_bench_score(PpoBench *b, Ppo *ppo, PpoScore *scored);
/* One update with learning rate 0: losses and gradients at the present parameters. */
PpoStats ppo_bench_look(PpoBench *b, Ppo *ppo, uint32_t step);

#endif
