/* Rollout: prompts drawn, responses sampled, each judged and rewarded as soon as it is there, on threads, while the
 * device decodes the others.
 *
 *     Rollout *rollout = rollout_new(session, &error);
 *     rollout_sample(rollout, step, NULL, &error); // responses, and what can be said of them here
 *     …rollout_ids(rollout, s), response_start…
 *     rollout_finish(rollout, &error);            // what others say (a judge, a reward server): items[i].score
 *     rollout_free(rollout);
 *
 * Problem p of step s is task_instance_draw(seed, s, p); sequence i of the step is
 * sampled from the stream s * sequences + i: the step alone decides what is drawn.
 */
#ifndef RLSP_TRAIN_ROLLOUT_H
#define RLSP_TRAIN_ROLLOUT_H

#include "rlsp/train/rollout_item.h"

typedef struct Rollout {
    Session            *session;
    RewardConfig        reward;
    Decoder            *decoder; /* the session's                                      */
    uint32_t            sequences;
    RolloutItem        *items;                           /* [sequences]                                        */
    int32_t            *ids;                             /* [sequences, longest]: prompt, then response        */
    uint32_t            longest;                         /* the most tokens that one can have                  */
    uint32_t           *prompt_tokens;                   /* [sequences]                                        */
    uint32_t           *response_start;                  /* [sequences + 1]: response tokens, counted over all */
    uint32_t           *finished;                        /* [finished_count] in the order in which they came    */
    uint32_t            finished_count;                  /* responses that are there                           */
    struct RolloutSaid *said;                            /* what others say                                    */
    double              generate_seconds, judge_seconds; /* judge: what decoding did not hide, waiting included */
} Rollout;

Rollout *rollout_new(Session *session, Error *error);
void     rollout_free(Rollout *rollout); /* NULL is allowed */

/* Prompt and response of sequence s. */
static inline int32_t *rollout_ids(const Rollout *rollout, uint32_t s)
{
    return rollout->ids + (uint64_t)s * rollout->longest;
}
static inline uint32_t rollout_tokens(const Rollout *rollout, uint32_t s)
{
    return rollout->prompt_tokens[s] + rollout->items[s].tokens;
}

/* What is done with rollout->finished between two submits of the decoder: called after each. An error ends sampling. */
typedef struct RolloutMeanwhile {
    Status (*work)(void *user, const Rollout *rollout, Error *error);
    void *user;
} RolloutMeanwhile;

/* Asks others as well, which goes on when it returns. `meanwhile` NULL: nothing. */
Status rollout_sample(Rollout *rollout, uint32_t step, const RolloutMeanwhile *meanwhile, Error *error);
/* Waits for their answers. STATUS_STOPPED: the user wants an end; or rollout_unanswered: nobody answered. The
 * step can then not be used; drawn again it is the same. */
Status rollout_finish(Rollout *rollout, Error *error);
bool   rollout_unanswered(const Rollout *rollout);

/* Writes the first `count` responses of the step to traces.jsonl. */
Status rollout_write_traces(const Rollout *rollout, uint32_t count, Error *error);

#endif
