/* Rollout: prompts drawn, responses sampled, each judged and rewarded as soon as it is there, on threads, while the
 * device decodes the others.
 *
 *     Rollout *rollout = rollout_new(session, &error);
 *     rollout_sample(rollout, step, &error);      // responses, and what can be said of them here
 *     …rollout->starts, ids, response_start…
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
    int32_t            *ids;                             /* prompt and response, packed                        */
    uint32_t           *starts;                          /* [sequences + 1] into ids                           */
    uint32_t           *prompt_tokens;                   /* [sequences]                                        */
    uint32_t           *response_start;                  /* [sequences + 1]: response tokens, counted over all */
    uint64_t            id_capacity;                     /* [sequences] times the most that one can have        */
    struct RolloutSaid *said;                            /* what others say                                    */
    double              generate_seconds, judge_seconds; /* judge: what decoding did not hide, waiting included */
} Rollout;

Rollout *rollout_new(Session *session, Error *error);
void     rollout_free(Rollout *rollout); /* NULL is allowed */
/* Asks others as well, which goes on when it returns. */
Status rollout_sample(Rollout *rollout, uint32_t step, Error *error);
/* Waits for their answers. STATUS_STOPPED: the user wants an end; or rollout_unanswered: nobody answered. The
 * step can then not be used; drawn again it is the same. */
Status rollout_finish(Rollout *rollout, Error *error);
bool   rollout_unanswered(const Rollout *rollout);

/* Writes the first `count` responses of the step to traces.jsonl. */
Status rollout_write_traces(const Rollout *rollout, uint32_t count, Error *error);

#endif
