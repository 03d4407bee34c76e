/* Parts of an evaluation: right and wrong responses, subjects, levels. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rlsp/eval/lengths.h"
#include "rlsp/eval/summary_parts.h"

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "summing up: out of host memory");
}

/* --- right and wrong --------------------------------------------------------------------------------------------- */

static bool belongs(const EvalRecord *record, EvalPartKind kind)
{
    return kind == EVAL_PART_ALL || record->sample.verdict.correct == (kind == EVAL_PART_RIGHT);
}

static void add_response(EvalPart *part, const EvalRecord *record)
{
    const TraceStats *trace = &record->sample.trace;
    part->responses++;
    part->length += record->sample.tokens;
    part->truncated += !record->sample.stopped;
    part->answered += record->sample.verdict.answered;
    part->boxed += record->boxed;
    part->repetition += trace->repetition;
    part->search += trace->attempts > 0;
    part->backtrack += trace->backtracks > 0;
    part->check += trace->checks > 0;
    for (int w = 0; w < TRACE_WORDS_COUNT; w++) {
        part->words[w] += trace->words[w] > 0;
    }
}

static void divide(EvalPart *part)
{
    double *const sums[] = {&part->length,     &part->truncated, &part->answered,  &part->boxed,
                            &part->repetition, &part->search,    &part->backtrack, &part->check};
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) {
        *sums[i] = part->responses > 0 ? *sums[i] / part->responses : NAN;
    }
    for (int w = 0; w < TRACE_WORDS_COUNT; w++) {
        part->words[w] = part->responses > 0 ? part->words[w] / part->responses : NAN;
    }
}

Status summary_parts(Summing *s, Error *error)
{
    uint32_t *lengths = malloc(((size_t)s->problems * s->samples + 1) * sizeof *lengths);
    if (lengths == NULL) {
        return out_of_memory(error);
    }
    for (int kind = 0; kind < EVAL_PARTS; kind++) {
        EvalPart *part = &s->summary->parts[kind];
        for (uint32_t i = 0; i < s->problems; i++) {
            for (uint32_t k = 0; k < s->samples; k++) {
                const EvalRecord *record = record_of(s, i, k);
                if (belongs(record, (EvalPartKind)kind)) {
                    lengths[part->responses] = record->sample.tokens;
                    add_response(part, record);
                }
            }
        }
        divide(part);
        lengths_sort(lengths, part->responses);
        part->length_p50 = lengths_percentile(lengths, part->responses, 0.5);
        part->length_p95 = lengths_percentile(lengths, part->responses, 0.95);
    }
    s->summary->boxed = s->summary->parts[EVAL_PART_ALL].boxed;
    free(lengths);
    return STATUS_OK;
}

/* --- subjects and levels ----------------------------------------------------------------------------------------- */

static const char *name_of(const EvalProblem *problem, bool is_level)
{
    return is_level ? problem->level : problem->subject;
}

static EvalGroup *find_group(EvalSummary *summary, int first, const char *name)
{
    for (int g = first; g < summary->group_count; g++) {
        if (strcmp(summary->groups[g].name, name) == 0) {
            return &summary->groups[g];
        }
    }
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const EvalGroup *)a)->name, ((const EvalGroup *)b)->name);
}

/* The groups that there are, from groups[first] on. At most GROUPS_MAX of a kind, so that a dataset that gives every
 * problem a subject of its own makes no table of that length. */
enum { GROUPS_MAX = 256 };

static Status list_groups(Summing *s, bool is_level, Error *error)
{
    EvalSummary *summary = s->summary;
    const int    first   = summary->group_count;
    for (uint32_t i = 0; i < s->problems && summary->group_count - first < GROUPS_MAX; i++) {
        const char *name = name_of(&s->records->problems->list[i], is_level);
        if (name == NULL || find_group(summary, first, name) != NULL) {
            continue;
        }
        EvalGroup *grown = realloc(summary->groups, ((size_t)summary->group_count + 1) * sizeof *grown);
        if (grown == NULL) {
            return out_of_memory(error);
        }
        summary->groups                         = grown;
        summary->groups[summary->group_count++] = (EvalGroup){.is_level = is_level, .name = name};
    }
    if (summary->group_count > first) {
        qsort(summary->groups + first, (size_t)(summary->group_count - first), sizeof *summary->groups, by_name);
    }
    return STATUS_OK;
}

/* values [problems]: scratch. */
static void fill_group(Summing *s, EvalGroup *group, double *values)
{
    double truncated = 0, answered = 0;
    for (uint32_t i = 0; i < s->problems; i++) {
        const EvalOutcome *outcome = &s->summary->outcomes[i];
        const char        *name    = name_of(&s->records->problems->list[i], group->is_level);
        if (name == NULL || strcmp(name, group->name) != 0) {
            continue;
        }
        values[group->problems++] = (double)outcome->correct / s->samples;
        group->pass_at_k += outcome->correct > 0;
        group->maj_at_k += outcome->majority;
        group->length += outcome->length;
        answered += outcome->answered;
        for (uint32_t k = 0; k < s->samples; k++) {
            truncated += !record_of(s, i, k)->sample.stopped;
        }
    }
    const double problems = group->problems, responses = problems * s->samples;
    group->accuracy        = eval_mean(values, group->problems);
    group->accuracy_stderr = eval_stderr(values, group->problems);
    group->pass_at_k /= problems;
    group->maj_at_k /= problems;
    group->length /= problems;
    group->truncated = truncated / responses;
    group->answered  = answered / responses;
}

Status summary_groups(Summing *s, Error *error)
{
    double *values = malloc(((size_t)s->problems + 1) * sizeof *values);
    if (values == NULL) {
        return out_of_memory(error);
    }
    Status status = list_groups(s, false, error);
    status        = status == STATUS_OK ? list_groups(s, true, error) : status;
    for (int g = 0; g < s->summary->group_count && status == STATUS_OK; g++) {
        fill_group(s, &s->summary->groups[g], values);
    }
    free(values);
    return status;
}
