#include "rlsp/eval/problems.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "reading problems: out of host memory");
}

static bool is_among(const char *text, const char *const *wanted, int count)
{
    bool found = count == 0;
    for (int i = 0; i < count && text != NULL; i++) {
        found = found || strcasecmp(text, wanted[i]) == 0;
    }
    return found;
}

static bool passes(const EvalProblem *problem, const EvalFilter *filter)
{
    return is_among(problem->subject, filter->subjects, filter->subject_count) &&
           is_among(problem->level, filter->levels, filter->level_count);
}

/* The id of a dataset's item, its line where it has none; of a built-in task's problem, which of them it is. */
static bool name_problem(EvalProblem *problem)
{
    const TaskItem *item = problem->problem.item;
    char            row[24];
    snprintf(row, sizeof row, item != NULL ? "line %u" : "%u", item != NULL ? problem->row + 1 : problem->row);
    problem->id = strdup(item != NULL && item->id != NULL ? item->id : row);
    return problem->id != NULL;
}

static int by_row(const void *a, const void *b)
{
    const uint32_t x = ((const EvalProblem *)a)->row, y = ((const EvalProblem *)b)->row;
    return (x > y) - (x < y);
}

/* --- ids --------------------------------------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    return strcmp((*(EvalProblem *const *)a)->id, (*(EvalProblem *const *)b)->id);
}

static bool add_row(EvalProblem *problem)
{
    const size_t size = strlen(problem->id) + 24;
    char        *id   = malloc(size);
    if (id != NULL) {
        snprintf(id, size, "%s (line %u)", problem->id, problem->row + 1);
        free(problem->id);
        problem->id = id;
    }
    return id != NULL;
}

/* Problems whose id others have too get their line into it. */
static Status tell_ids_apart(EvalProblems *problems, Error *error)
{
    EvalProblem **sorted = malloc(((size_t)problems->count + 1) * sizeof *sorted);
    if (sorted == NULL) {
        return out_of_memory(error);
    }
    for (uint32_t i = 0; i < problems->count; i++) {
        sorted[i] = &problems->list[i];
    }
    qsort(sorted, problems->count, sizeof(EvalProblem *), by_id);
    bool fine = true;
    for (uint32_t i = 0, end; i < problems->count && fine; i = end) {
        end = i + 1;
        while (end < problems->count && strcmp(sorted[end]->id, sorted[i]->id) == 0) {
            end++;
        }
        for (uint32_t k = i; k < end && end - i > 1 && fine; k++) {
            fine = add_row(sorted[k]);
        }
    }
    free(sorted);
    return fine ? STATUS_OK : out_of_memory(error);
}

/* --- life -------------------------------------------------------------------------------------------------------- */

static Status take_problem(EvalProblem *problem, const TaskInstance *task, uint64_t seed, uint32_t index, Error *error)
{
    task_instance_eval_problem(task, seed, index, &problem->problem);
    const TaskItem *item = problem->problem.item;
    problem->row         = item != NULL ? (uint32_t)(item->line - 1) : index;
    problem->id          = NULL;
    problem->subject     = item != NULL ? item->subject : NULL;
    problem->level       = item != NULL ? item->level : NULL;
    problem->gold        = item != NULL ? item->answer : NULL;
    if (problem->row >= EVAL_ROWS_MAX || (item != NULL && item->line > EVAL_ROWS_MAX)) {
        return error_set(error, STATUS_BAD_INPUT, "an evaluation takes the first %d rows of a dataset; this has more",
                         EVAL_ROWS_MAX);
    }
    return STATUS_OK;
}

Status eval_problems_open(EvalProblems *problems, const TaskInstance *task, const EvalFilter *filter, uint64_t seed,
                          Error *error)
{
    const uint32_t there  = task_instance_eval_count(task);
    const uint32_t count  = there == UINT32_MAX ? filter->limit : there; /* of a dataset all, to choose from */
    Status         status = STATUS_OK;
    uint32_t       kept   = 0;
    *problems             = (EvalProblems){.list = calloc((size_t)count + 1, sizeof *problems->list)};
    if (problems->list == NULL) {
        return out_of_memory(error);
    }
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        status = take_problem(&problems->list[i], task, seed, i, error);
    }
    if (status == STATUS_OK) { /* an instance has an order of its own */
        qsort(problems->list, count, sizeof *problems->list, by_row);
    }
    for (uint32_t i = 0; i < count && status == STATUS_OK && (filter->limit == 0 || kept < filter->limit); i++) {
        if (passes(&problems->list[i], filter)) {
            problems->list[kept] = problems->list[i];
            status               = name_problem(&problems->list[kept]) ? STATUS_OK : out_of_memory(error);
            problems->count      = ++kept;
        }
    }
    if (status == STATUS_OK && kept == 0) {
        status = error_set(error, STATUS_BAD_INPUT,
                           "no problem is left of %u; look at the subjects and levels asked for", count);
    }
    return status == STATUS_OK ? tell_ids_apart(problems, error) : status;
}

void eval_problems_close(EvalProblems *problems)
{
    for (uint32_t i = 0; i < problems->count; i++) {
        free(problems->list[i].id);
    }
    free(problems->list);
    *problems = (EvalProblems){0};
}

int64_t eval_problems_find(const EvalProblems *problems, double row)
{
    uint32_t low = 0, high = problems->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (problems->list[middle].row < row) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < problems->count && problems->list[low].row == row ? (int64_t)low : -1;
}
