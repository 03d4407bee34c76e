/* RolloutSaid: what others say about a rollout's responses: a judge's grades, a reward server's numbers.
 *
 *     RolloutSaid *said = rollout_said_open(&config, sequences, &error);   // asks nobody where none is named
 *     rollout_said_begin(said, &error);
 *     rollout_said_ask(said, reward, items, i);                            // as responses come; requests go out
 *     …score with the models…
 *     rollout_said_finish(said, session, reward, items, &error);           // waits; every item's reward is whole
 *     rollout_said_free(said);
 *
 * A response that nobody answered for gets the fallback of the config, which is counted, said in a warning, and noted
 * in its trace; or, with on_failure "stop", the step fails. A user who wants an end is not kept waiting: requests are
 * taken back.
 */
#ifndef RLSP_TRAIN_ROLLOUT_SAID_H
#define RLSP_TRAIN_ROLLOUT_SAID_H

#include "rlsp/reward/judge.h"
#include "rlsp/reward/reward_server.h"
#include "rlsp/train/rollout_item.h"

typedef struct RolloutSaid {
    uint32_t           sequences;
    Judge             *judge;   /* NULL: none                    */
    RewardServer      *server;  /* NULL: none                    */
    JudgeScore        *grades;  /* [sequences]; NULL: no judge   */
    RewardServerScore *numbers; /* [sequences]; NULL: no server */
    JudgeStats         judge_stats;
    RewardServerStats  server_stats;
    bool               judge_stops, server_stops; /* on_failure */
    bool               unanswered;                /* the step failed for want of an answer (on_failure "stop") */
    double             wait_seconds;              /* that training stood still for the last step              */
    Error             *errors;                    /* [sequences] of asking                                    */
} RolloutSaid;

/* Whether the servers of a config can be asked at all: addresses, keys. STATUS_BAD_INPUT names the key. */
Status rollout_said_check(const RunConfig *config, Error *error);

RolloutSaid *rollout_said_open(const RunConfig *config, uint32_t sequences, Error *error);
void         rollout_said_free(RolloutSaid *said); /* NULL is allowed */

Status rollout_said_begin(RolloutSaid *said, Error *error);

/* items[index] has its response and the parts of reward_compute, and keeps its texts until rollout_said_finish. On any
 * thread, several at once; each of the step's items once, in any order. What fails here, rollout_said_finish says. */
void rollout_said_ask(RolloutSaid *said, const RewardConfig *reward, const RolloutItem *items, uint32_t index);

/* Adds what was said to items[i].reward, and points items[i].grade and .number to it (until the next step).
 * STATUS_STOPPED: the user wants an end, and STATUS_FAILED with `unanswered`: nobody answered; nothing of the step is
 * whole then. */
Status rollout_said_finish(RolloutSaid *said, Session *session, const RewardConfig *reward, RolloutItem *items,
                           Error *error);

/* The step's event: how many fields were written, 0 where nobody is asked. */
enum { ROLLOUT_SAID_FIELDS = 17 };
int rollout_said_fields(const RolloutSaid *said, const RewardConfig *reward, const RolloutItem *items,
                        EventField fields[ROLLOUT_SAID_FIELDS]);

#endif
