#include "rlsp/eval/statistics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rlsp/eval/lengths.h"
#include "rlsp/eval/same.h"
#include "rlsp/eval/vote.h"

void eval_judge(EvalSample *sample, const Task *task, const Problem *problem, const char *response, size_t length,
                uint32_t tokens, bool stopped)
{
    memset(sample, 0, sizeof *sample);
    task_verify(task, problem, response, length, &sample->verdict);
    task->trace(problem, response, length, &sample->trace, NULL);
    sample->tokens  = tokens;
    sample->stopped = stopped;
}

/* --- voting ------------------------------------------------------------------------------------------------------ */

Status eval_majority(const EvalSample *samples, uint32_t n, const Task *task, int64_t *winner, Error *error)
{
    const char **answers  = malloc(((size_t)n + 1) * sizeof *answers);
    int32_t     *class_of = malloc(((size_t)n + 1) * sizeof *class_of);
    uint32_t     classes;
    EvalSame     same   = eval_same(task);
    Status       status = answers != NULL && class_of != NULL
                              ? STATUS_OK
                              : error_set(error, STATUS_OUT_OF_MEMORY, "evaluating: out of host memory");
    *winner             = -1;
    for (uint32_t i = 0; i < n && status == STATUS_OK; i++) {
        const TaskVerdict *verdict = &samples[i].verdict;
        const bool whole = verdict->answer_length < sizeof verdict->answer; /* else two may begin the same way */
        answers[i]       = verdict->answered && whole ? verdict->answer : NULL;
    }
    if (status == STATUS_OK) {
        status = vote_classes(answers, n, eval_same_answer, &same, class_of, &classes, error);
    }
    if (status == STATUS_OK) {
        *winner = vote_winner(class_of, n);
    }
    free(answers);
    free(class_of);
    return status;
}

/* --- pass@k ------------------------------------------------------------------------------------------------------ */

static uint32_t count_correct(const EvalSample *samples, uint32_t n)
{
    uint32_t correct = 0;
    for (uint32_t k = 0; k < n; k++) {
        correct += samples[k].verdict.correct;
    }
    return correct;
}

double eval_pass_at(const EvalSample *samples, uint32_t problems, uint32_t n, uint32_t k)
{
    double sum = 0;
    for (uint32_t i = 0; i < problems; i++) {
        sum += pass_at_k(n, count_correct(samples + (size_t)i * n, n), k);
    }
    return problems > 0 ? sum / problems : NAN;
}

/* --- over all responses ------------------------------------------------------------------------------------------ */

/* A mean in the making. */
typedef struct Mean {
    double sum, count;
} Mean;

static void mean_add(Mean *mean, double value)
{
    mean->sum += value;
    mean->count += 1;
}

static double mean_of(Mean mean)
{
    return mean.count > 0 ? mean.sum / mean.count : NAN;
}

static Status length_statistics(EvalResult *result, const EvalSample *samples, size_t count, Error *error)
{
    uint32_t *lengths = malloc((count + 1) * sizeof *lengths);
    Mean      all = {0}, square = {0}, correct = {0}, wrong = {0};
    if (lengths == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "evaluating: out of host memory");
    }
    for (size_t r = 0; r < count; r++) {
        lengths[r] = samples[r].tokens;
        mean_add(&all, lengths[r]);
        mean_add(samples[r].verdict.correct ? &correct : &wrong, lengths[r]);
    }
    result->tokens         = (uint64_t)all.sum;
    result->length         = mean_of(all);
    result->length_correct = mean_of(correct);
    result->length_wrong   = mean_of(wrong);
    for (size_t r = 0; r < count; r++) {
        mean_add(&square, (lengths[r] - result->length) * (lengths[r] - result->length));
    }
    result->length_sd = sqrt(mean_of(square));
    lengths_sort(lengths, count);
    result->length_p50 = lengths_percentile(lengths, count, 0.5);
    result->length_p95 = lengths_percentile(lengths, count, 0.95);
    free(lengths);
    return STATUS_OK;
}

static Status majority_statistics(EvalResult *result, const EvalSample *samples, uint32_t problems, uint32_t n,
                                  const Task *task, Error *error)
{
    Mean majority = {0};
    for (uint32_t i = 0; i < problems; i++) {
        const EvalSample *own = samples + (size_t)i * n;
        int64_t           winner;
        if (eval_majority(own, n, task, &winner, error) != STATUS_OK) {
            return error->status;
        }
        mean_add(&majority, winner >= 0 && own[winner].verdict.correct);
    }
    result->maj_at_k = mean_of(majority);
    return STATUS_OK;
}

static void problem_statistics(EvalResult *result, const EvalSample *samples, uint32_t problems, uint32_t n)
{
    Mean accuracy = {0}, square = {0};
    for (uint32_t i = 0; i < problems; i++) {
        mean_add(&accuracy, (double)count_correct(samples + (size_t)i * n, n) / n);
    }
    result->accuracy = mean_of(accuracy);
    for (uint32_t i = 0; i < problems; i++) {
        double away = (double)count_correct(samples + (size_t)i * n, n) / n - result->accuracy;
        mean_add(&square, away * away);
    }
    result->accuracy_stderr = problems > 1 ? sqrt(square.sum / (problems - 1.0) / problems) : NAN;
    result->pass_at_k       = eval_pass_at(samples, problems, n, n);
}

static void behaviour_statistics(EvalResult *result, const EvalSample *samples, size_t count)
{
    Mean     answered = {0}, truncated = {0}, attempts = {0}, distinct = {0}, verified = {0}, search = {0};
    Mean     backtrack = {0}, check = {0}, false_yes = {0}, gave_up = {0}, hit = {0}, hit_then_correct = {0};
    Mean     accuracy_search = {0}, accuracy_direct = {0}, repetition = {0};
    uint64_t repeated = 0, errors = 0, distances = 0, distances_right = 0;
    for (size_t r = 0; r < count; r++) {
        const TraceStats *t       = &samples[r].trace;
        const bool        correct = samples[r].verdict.correct;
        mean_add(&answered, samples[r].verdict.answered);
        mean_add(&truncated, !samples[r].stopped);
        mean_add(&attempts, t->attempts);
        mean_add(&distinct, t->distinct);
        mean_add(&verified, t->verified);
        mean_add(&search, t->attempts > 0);
        mean_add(&backtrack, t->backtracks > 0);
        mean_add(&check, t->checks > 0);
        mean_add(&false_yes, t->false_yes > 0);
        mean_add(&gave_up, t->gave_up);
        mean_add(&hit, t->hit_attempt > 0);
        if (t->hit_attempt > 0) {
            mean_add(&hit_then_correct, correct);
        }
        mean_add(t->attempts > 0 ? &accuracy_search : &accuracy_direct, correct);
        mean_add(&repetition, t->repetition);
        repeated += t->repeated;
        errors += t->errors;
        distances += t->distances;
        distances_right += t->distances_right;
    }
    result->answered            = mean_of(answered);
    result->truncated           = mean_of(truncated);
    result->attempts            = mean_of(attempts);
    result->distinct            = mean_of(distinct);
    result->verified            = mean_of(verified);
    result->search              = mean_of(search);
    result->backtrack           = mean_of(backtrack);
    result->check               = mean_of(check);
    result->false_yes           = mean_of(false_yes);
    result->gave_up             = mean_of(gave_up);
    result->hit                 = mean_of(hit);
    result->hit_then_correct    = mean_of(hit_then_correct);
    result->accuracy_search     = mean_of(accuracy_search);
    result->accuracy_direct     = mean_of(accuracy_direct);
    result->repetition          = mean_of(repetition);
    result->repeats_per_attempt = mean_of((Mean){(double)repeated, attempts.sum});
    result->errors_per_attempt  = mean_of((Mean){(double)errors, attempts.sum});
    result->distance_right      = mean_of((Mean){(double)distances_right, (double)distances});
}

Status eval_response_statistics(EvalResult *result, const EvalSample *samples, uint32_t problems, uint32_t n,
                                Error *error)
{
    const size_t count = (size_t)problems * n;
    for (size_t r = 0; r < count; r++) {
        if (samples[r].trace.repetition < 0) { /* how repetition_of_words says it */
            return error_set(error, STATUS_OUT_OF_MEMORY, "evaluating: out of host memory");
        }
    }
    result->problems  = problems;
    result->samples   = n;
    result->responses = (uint32_t)count;
    problem_statistics(result, samples, problems, n);
    behaviour_statistics(result, samples, count);
    return length_statistics(result, samples, count, error);
}

Status eval_statistics(EvalResult *result, const EvalSample *samples, uint32_t problems, uint32_t n, const Task *task,
                       Error *error)
{
    const Status status = eval_response_statistics(result, samples, problems, n, error);
    return status == STATUS_OK ? majority_statistics(result, samples, problems, n, task, error) : status;
}

int eval_result_fields(const EvalResult *result, const char *prefix, EventField *fields,
                       char names[EVAL_FIELDS_MAX][48])
{
    const EvalResult *e      = result;
    const EventField  list[] = {
         {"responses", e->responses, NULL},
         {"accuracy", e->accuracy, NULL},
         {"accuracy_stderr", e->accuracy_stderr, NULL},
         {"pass_at_k", e->pass_at_k, NULL},
         {"maj_at_k", e->maj_at_k, NULL},
         {"length", e->length, NULL},
         {"length_sd", e->length_sd, NULL},
         {"length_p50", e->length_p50, NULL},
         {"length_p95", e->length_p95, NULL},
         {"length_correct", e->length_correct, NULL},
         {"length_wrong", e->length_wrong, NULL},
         {"answered", e->answered, NULL},
         {"truncated", e->truncated, NULL},
         {"attempts", e->attempts, NULL},
         {"distinct", e->distinct, NULL},
         {"verified", e->verified, NULL},
         {"repeats_per_attempt", e->repeats_per_attempt, NULL},
         {"errors_per_attempt", e->errors_per_attempt, NULL},
         {"distance_right", e->distance_right, NULL},
         {"search", e->search, NULL},
         {"backtrack", e->backtrack, NULL},
         {"check", e->check, NULL},
         {"false_yes", e->false_yes, NULL},
         {"gave_up", e->gave_up, NULL},
         {"hit", e->hit, NULL},
         {"hit_then_correct", e->hit_then_correct, NULL},
         {"accuracy_search", e->accuracy_search, NULL},
         {"accuracy_direct", e->accuracy_direct, NULL},
         {"repetition", e->repetition, NULL},
         {"tokens", (double)e->tokens, NULL},
         {"seconds", e->seconds, NULL},
    };
    const int count = (int)(sizeof list / sizeof list[0]);
    for (int i = 0; i < count; i++) {
        /* What depends on the clock has to begin with "time_" (events.h), a prefix or not. */
        const bool clock = strcmp(list[i].name, "seconds") == 0;
        snprintf(names[i], sizeof names[i], "%s%s%s", clock ? "time_" : "", prefix, list[i].name);
        fields[i]      = list[i];
        fields[i].name = names[i];
    }
    return count;
}
