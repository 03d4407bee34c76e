#include "rlsp/eval/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rlsp/eval/summary_parts.h"
#include "rlsp/eval/vote.h"

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "summing up: out of host memory");
}

/* Which k: those asked for, 1, and all samples. */
static void choose_k(Summing *s)
{
    EvalSummary *summary = s->summary;
    uint32_t     wanted[EVAL_K_MAX];
    int          count = 0;
    if (s->options->k_count == 0) {
        for (uint32_t k = 2; k < s->samples; k *= 2) {
            wanted[count++] = k;
        }
    }
    for (int i = 0; i < s->options->k_count && count < EVAL_K_MAX; i++) {
        wanted[count++] = s->options->k[i];
    }
    uint32_t last = summary->pass[0].k = 1;
    summary->k_count                   = 1;
    for (int i = 0; i < count && summary->k_count < EVAL_K_MAX - 1; i++) {
        if (wanted[i] > last && wanted[i] < s->samples) {
            last = summary->pass[summary->k_count++].k = wanted[i];
        }
    }
    if (s->samples > last) {
        summary->pass[summary->k_count++].k = s->samples;
    }
}

/* The whole result, from a copy of the samples that lies as statistics.h wants it. */
static Status respond(Summing *s, Error *error)
{
    EvalSample *samples = malloc((size_t)s->problems * s->samples * sizeof *samples);
    if (samples == NULL) {
        return out_of_memory(error);
    }
    for (uint32_t i = 0; i < s->problems; i++) {
        for (uint32_t k = 0; k < s->samples; k++) {
            samples[(size_t)i * s->samples + k] = record_of(s, i, k)->sample;
        }
    }
    Status status = eval_response_statistics(&s->summary->result, samples, s->problems, s->samples, error);
    free(samples);
    return status;
}

/* --- pass@k and maj@k -------------------------------------------------------------------------------------------- */

/* How a problem's samples voted: votes and correct [samples]. */
static VoteCount count_votes(const Summing *s, uint32_t problem, uint32_t *votes, bool *correct)
{
    const EvalOutcome *outcome = &s->summary->outcomes[problem];
    VoteCount          count   = {.votes   = votes,
                                  .correct = correct,
                                  .classes = outcome->classes,
                                  .seed    = s->options->seed,
                                  .problem = s->records->problems->list[problem].row};
    memset(votes, 0, outcome->classes * sizeof *votes);
    for (uint32_t k = 0; k < s->samples; k++) {
        const int32_t class = outcome->class_of[k];
        if (class < 0) {
            count.unanswered++;
        } else if (votes[class]++ == 0) { /* a class is as right as the first of it */
            correct[class] = record_of(s, problem, k)->sample.verdict.correct;
        }
    }
    return count;
}

/* One problem's values: pass@k for all k, then maj@k. False: out of memory. */
static bool fill_values(Summing *s, uint32_t problem, double *values)
{
    const EvalSummary *summary = s->summary;
    const EvalOutcome *outcome = &summary->outcomes[problem];
    uint32_t           votes[VOTE_SAMPLES_MAX];
    bool               correct[VOTE_SAMPLES_MAX], all_exact = true;
    const VoteCount    count = count_votes(s, problem, votes, correct);
    for (int i = 0; i < summary->k_count; i++) {
        const uint32_t k             = summary->pass[i].k;
        bool           exact         = true;
        values[i]                    = pass_at_k(s->samples, outcome->correct, k);
        values[summary->k_count + i] = k == s->samples ? outcome->majority : maj_at_k(&count, k, &exact);
        all_exact                    = all_exact && exact;
        if (isnan(values[summary->k_count + i])) {
            return false;
        }
    }
    s->summary->drawn += !all_exact;
    return true;
}

/* value, error and interval of one column of values [problems, columns]; own [problems]: scratch */
static EvalPoint point_of(const double *values, uint32_t problems, size_t columns, size_t column, uint32_t k,
                          EvalInterval interval, double *own)
{
    for (uint32_t i = 0; i < problems; i++) {
        own[i] = values[i * columns + column];
    }
    return (EvalPoint){
        .k = k, .value = eval_mean(own, problems), .standard_error = eval_stderr(own, problems), .interval = interval};
}

static Status draw_curves(Summing *s, Error *error)
{
    EvalSummary *summary = s->summary;
    const size_t columns = 2 * (size_t)summary->k_count;
    double      *values  = malloc((columns + 1) * s->problems * sizeof *values);
    EvalInterval intervals[2 * EVAL_K_MAX];
    bool         fine   = values != NULL;
    Status       status = STATUS_OK;
    for (uint32_t i = 0; i < s->problems && fine; i++) {
        fine = fill_values(s, i, values + i * columns);
    }
    if (!fine) {
        status = out_of_memory(error);
    }
    summary->resamples = eval_bootstrap_resamples(s->problems, s->options->resamples);
    if (status == STATUS_OK) {
        status = eval_bootstrap(values, s->problems, columns, s->options->seed, summary->resamples, intervals, error);
    }
    for (int i = 0; i < summary->k_count && status == STATUS_OK; i++) {
        double        *own = values + columns * s->problems;
        const uint32_t k   = summary->pass[i].k;
        const size_t   maj = (size_t)(summary->k_count + i);
        summary->pass[i]   = point_of(values, s->problems, columns, (size_t)i, k, intervals[i], own);
        summary->maj[i]    = point_of(values, s->problems, columns, maj, k, intervals[maj], own);
    }
    free(values);
    if (status == STATUS_OK) {
        summary->accuracy         = summary->pass[0].interval;
        summary->result.maj_at_k  = summary->maj[summary->k_count - 1].value;
        summary->result.pass_at_k = summary->pass[summary->k_count - 1].value;
    }
    return status;
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

Status eval_summary_make(EvalSummary *summary, const EvalRecords *records, int column, const Task *task,
                         const EvalSummaryOptions *options, Error *error)
{
    Summing s = {.summary  = summary,
                 .records  = records,
                 .options  = options,
                 .task     = task,
                 .column   = column,
                 .problems = records->problems->count,
                 .samples  = records->columns[column].samples};
    *summary  = (EvalSummary){.outcomes = calloc(s.problems, sizeof *summary->outcomes),
                              .classes  = malloc((size_t)s.problems * s.samples * sizeof *summary->classes)};
    if (summary->outcomes == NULL || summary->classes == NULL) {
        return out_of_memory(error);
    }
    choose_k(&s);
    Status status = respond(&s, error);
    status        = status == STATUS_OK ? summary_vote(&s, error) : status;
    status        = status == STATUS_OK ? summary_parts(&s, error) : status;
    status        = status == STATUS_OK ? summary_groups(&s, error) : status;
    return status == STATUS_OK ? draw_curves(&s, error) : status;
}

void eval_summary_free(EvalSummary *summary)
{
    free(summary->groups);
    free(summary->outcomes);
    free(summary->classes);
    *summary = (EvalSummary){0};
}
