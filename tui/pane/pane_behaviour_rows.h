/* BehaviourRow: what a run's steps say of one behaviour. Private to tui/pane_behaviour*.c. */
#ifndef RLSP_TUI_PANE_BEHAVIOUR_ROWS_H
#define RLSP_TUI_PANE_BEHAVIOUR_ROWS_H

#include "rlsp/run/history.h"

/* Fields of rl_step; NULL: there is none. */
typedef struct BehaviourKind {
    const char *names[3];                 /* from long to short                              */
    bool        words;                    /* words alone                                     */
    const char *share;                    /* share of traces                                 */
    const char *count;                    /* per trace                                       */
    const char *per;                      /* `count` is per this, which is per trace         */
    const char *with, *without;           /* P(correct | …)                             */
    const char *eval_with, *eval_without; /* the same of held-out evaluations */
} BehaviourKind;

enum { BEHAVIOUR_FEW = 20 /* traces say little */ };

extern const BehaviourKind behaviour_kinds[];
extern const int           behaviour_kind_count;

typedef struct BehaviourOdds {
    double with, without;               /* P(correct | behaviour), P(correct | none); NAN: not known */
    double traces_with, traces_without; /* about so many they come from; NAN: not known              */
    bool   held_out;                    /* not of the rollouts, which do not say it                  */
} BehaviourOdds;

/* The share of traces, or times per 1,000 tokens, over points [from, to) of the steps. NAN: not known. */
double behaviour_rate(const History *history, const BehaviourKind *kind, bool per_tokens, size_t from, size_t to);
size_t behaviour_steps(const History *history); /* points there are */

/* Over all traces of the newest steps. */
BehaviourOdds behaviour_odds(const History *history, const BehaviourKind *kind);
/* +1: those that do are right more often, by more than twice the standard error of the difference; -1: less often; 0:
 * cannot tell, or few traces. */
int behaviour_verdict(const BehaviourOdds *odds);

#endif
