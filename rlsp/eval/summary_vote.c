/* The votes of every problem. */
#include <stdatomic.h>
#include <stdlib.h>

#include "engine/parallel.h"
#include "rlsp/eval/same.h"
#include "rlsp/eval/summary_parts.h"
#include "rlsp/eval/vote.h"

/* Problems to do. What comes out does not depend on which thread takes which. */
typedef struct Work {
    Summing    *s;
    atomic_bool failed;
} Work;

static bool vote(Summing *s, uint32_t problem, const char **answers)
{
    EvalOutcome *outcome = &s->summary->outcomes[problem];
    Error        ignored = {0};
    double       tokens  = 0;
    EvalSame     same    = eval_same(s->task);
    outcome->class_of    = s->summary->classes + (size_t)problem * s->samples;
    for (uint32_t k = 0; k < s->samples; k++) {
        const EvalRecord *record = record_of(s, problem, k);
        answers[k]               = record->answer;
        outcome->correct += record->sample.verdict.correct;
        outcome->answered += record->sample.verdict.answered;
        tokens += record->sample.tokens;
    }
    outcome->length = tokens / s->samples;
    if (vote_classes(answers, s->samples, eval_same_answer, &same, outcome->class_of, &outcome->classes, &ignored) !=
        STATUS_OK) {
        return false;
    }
    outcome->winner = vote_winner(outcome->class_of, s->samples);
    outcome->majority =
        outcome->winner >= 0 && record_of(s, problem, (uint32_t)outcome->winner)->sample.verdict.correct;
    return true;
}

static void vote_on(void *user, size_t problem)
{
    Work        *work    = user;
    const char **answers = malloc(work->s->samples * sizeof *answers);
    if (answers == NULL || !vote(work->s, (uint32_t)problem, answers)) {
        atomic_store(&work->failed, true);
    }
    free(answers);
}

Status summary_vote(Summing *s, Error *error)
{
    Work work = {.s = s};
    parallel_for(s->problems, 1, s->samples > 1 ? parallel_threads() : 1, vote_on, &work);
    return atomic_load(&work.failed) ? error_set(error, STATUS_OUT_OF_MEMORY, "counting votes: out of host memory")
                                     : STATUS_OK;
}
