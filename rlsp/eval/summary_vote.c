/* The votes of every problem. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "rlsp/eval/same.h"
#include "rlsp/eval/summary_parts.h"
#include "rlsp/eval/vote.h"

enum { THREADS_MAX = 16 };

/* Problems to do, which threads take one by one. What comes out does not depend on who takes which. */
typedef struct Work {
    Summing    *s;
    atomic_uint next;
    atomic_bool failed;
} Work;

static bool vote(Summing *s, uint32_t problem, const char **answers)
{
    EvalOutcome *outcome = &s->summary->outcomes[problem];
    Error        ignored = {0};
    double       tokens  = 0;
    outcome->class_of    = s->summary->classes + (size_t)problem * s->samples;
    for (uint32_t k = 0; k < s->samples; k++) {
        const EvalRecord *record = record_of(s, problem, k);
        answers[k]               = record->answer;
        outcome->correct += record->sample.verdict.correct;
        outcome->answered += record->sample.verdict.answered;
        tokens += record->sample.tokens;
    }
    outcome->length = tokens / s->samples;
    if (vote_classes(answers, s->samples, eval_same_answer, (void *)(uintptr_t)s->task, outcome->class_of,
                     &outcome->classes, &ignored) != STATUS_OK) {
        return false;
    }
    outcome->winner = vote_winner(outcome->class_of, s->samples);
    outcome->majority =
        outcome->winner >= 0 && record_of(s, problem, (uint32_t)outcome->winner)->sample.verdict.correct;
    return true;
}

static void *work_off(void *user)
{
    Work        *work    = user;
    const char **answers = malloc(work->s->samples * sizeof *answers);
    uint32_t     problem;
    if (answers == NULL) {
        atomic_store(&work->failed, true);
    }
    while (answers != NULL && (problem = atomic_fetch_add(&work->next, 1)) < work->s->problems) {
        if (!vote(work->s, problem, answers)) {
            atomic_store(&work->failed, true);
        }
    }
    free(answers);
    return NULL;
}

Status summary_vote(Summing *s, Error *error)
{
    const long cores  = sysconf(_SC_NPROCESSORS_ONLN);
    const int  wanted = s->samples == 1 || cores < 2 ? 0 : cores < THREADS_MAX ? (int)cores - 1 : THREADS_MAX - 1;
    pthread_t  threads[THREADS_MAX];
    int        started = 0;
    Work       work    = {.s = s};
    while (started < wanted && pthread_create(&threads[started], NULL, work_off, &work) == 0) {
        started++;
    }
    work_off(&work);
    for (int i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    return atomic_load(&work.failed) ? error_set(error, STATUS_OUT_OF_MEMORY, "counting votes: out of host memory")
                                     : STATUS_OK;
}
