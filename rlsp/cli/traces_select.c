/* rlsp traces: which traces. */
#include <stdlib.h>
#include <string.h>

#include "rlsp/cli/traces.h"

/* A whole number that ends where `text` ends or ".." begins. */
static bool read_step(const char *text, size_t length, int64_t *step)
{
    int64_t value = 0;
    if (length == 0 || length > 15) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = 10 * value + (text[i] - '0');
    }
    *step = value;
    return true;
}

Status traces_read_steps(const char *text, int64_t *first, int64_t *last, Error *error)
{
    const char *dots   = strstr(text, "..");
    size_t      before = dots != NULL ? (size_t)(dots - text) : strlen(text);
    const char *after  = dots != NULL ? dots + 2 : text;
    bool        good   = strlen(text) > (dots != NULL ? 2 : 0);
    *first             = 0;
    *last              = INT64_MAX;
    good               = good && ((dots != NULL && before == 0) || read_step(text, before, first));
    good               = good && ((dots != NULL && *after == '\0') || read_step(after, strlen(after), last));
    if (!good) {
        return error_set(error, STATUS_BAD_INPUT,
                         "--step: found \"%.80s\", wanted a step or steps: 12, 10..20, 10.. or ..20", text);
    }
    if (*first > *last) {
        return error_set(error, STATUS_BAD_INPUT, "--step: %.80s ends before it begins", text);
    }
    return STATUS_OK;
}

static bool passes(const TracesQuery *query, const HistoryTrace *trace)
{
    const unsigned flags    = trace->flags;
    bool           correct  = (flags & HISTORY_CORRECT) != 0;
    bool           answered = correct || (flags & HISTORY_ANSWERED) != 0;
    bool           any      = !query->correct && !query->wrong && !query->no_answer;
    bool           verdict =
        (query->correct && correct) || (query->wrong && answered && !correct) || (query->no_answer && !answered);
    TracesStage stage = (flags & HISTORY_SAMPLE) != 0       ? TRACES_SAMPLE
                        : (flags & HISTORY_EVALUATION) != 0 ? TRACES_EVAL
                                                            : TRACES_RL;
    return (any || verdict) && (query->stage == TRACES_ANY || query->stage == stage) &&
           (!query->backtrack || (flags & HISTORY_BACKTRACK) != 0) && (!query->check || (flags & HISTORY_CHECK) != 0) &&
           (!query->truncated || (flags & HISTORY_TRUNCATED) != 0) && trace->step >= query->first_step &&
           trace->step <= query->last_step;
}

typedef struct Candidate {
    size_t   index;
    uint32_t tokens;
} Candidate;

/* Longest first; of equal ones the newer. */
static int compare(const void *left, const void *right)
{
    const Candidate *a = left, *b = right;
    return a->tokens != b->tokens ? (a->tokens < b->tokens) - (a->tokens > b->tokens)
                                  : (a->index < b->index) - (a->index > b->index);
}

Status traces_select(const History *history, const TracesQuery *query, size_t **indices, size_t *count, Error *error)
{
    size_t     total = history_trace_count(history), found = 0;
    size_t     limit      = query->limit == 0 || query->limit > total ? total : query->limit;
    Candidate *candidates = malloc((total > 0 ? total : 1) * sizeof *candidates);
    size_t    *chosen     = malloc((limit > 0 ? limit : 1) * sizeof *chosen);
    *indices              = NULL;
    *count                = 0;
    if (candidates == NULL || chosen == NULL) {
        free(candidates);
        free(chosen);
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while choosing among %zu traces", total);
    }
    for (size_t i = total; i-- > 0;) { /* newest first */
        const HistoryTrace *trace = history_trace(history, i);
        if (passes(query, trace)) {
            candidates[found++] = (Candidate){i, trace->tokens};
        }
    }
    if (query->longest) {
        qsort(candidates, found, sizeof *candidates, compare);
    }
    size_t taken = 0;
    for (size_t i = 0; i < found && taken < limit; i++) {
        if (query->search == NULL || history_trace_contains(history, candidates[i].index, query->search)) {
            chosen[taken++] = candidates[i].index;
        }
    }
    for (size_t i = 0; !query->longest && i < taken / 2; i++) {
        size_t other          = chosen[i];
        chosen[i]             = chosen[taken - 1 - i];
        chosen[taken - 1 - i] = other;
    }
    free(candidates);
    *indices = chosen;
    *count   = taken;
    return STATUS_OK;
}

void traces_query_text(const TracesQuery *query, char *out, size_t size)
{
    static const char *const stages[] = {"", "of RL steps", "of evaluations", "of samples"};
    const struct {
        bool        there;
        const char *text;
    } parts[] = {
        {query->correct, "correct"},
        {query->wrong, "wrong"},
        {query->no_answer, "no answer"},
        {query->backtrack, "with a backtrack"},
        {query->check, "with a check"},
        {query->truncated, "cut off"},
        {query->stage != TRACES_ANY, stages[query->stage]},
    };
    size_t used = (size_t)snprintf(out, size, "%s", query->longest ? "the longest" : "");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].there && used < size) {
            used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", parts[i].text);
        }
    }
    if ((query->first_step > 0 || query->last_step < INT64_MAX) && used < size) {
        used += query->last_step < INT64_MAX
                    ? (size_t)snprintf(out + used, size - used, "%ssteps %lld to %lld", used > 0 ? ", " : "",
                                       (long long)query->first_step, (long long)query->last_step)
                    : (size_t)snprintf(out + used, size - used, "%sfrom step %lld on", used > 0 ? ", " : "",
                                       (long long)query->first_step);
    }
    if (query->search != NULL && used < size) {
        snprintf(out + used, size - used, "%swith \"%.80s\"", used > 0 ? ", " : "", query->search);
    }
}

bool traces_load(TraceCard *card, const TracesChosen *chosen, size_t i)
{
    bool there = trace_card_load(card, chosen->history, chosen->indices[i]);
    trace_card_find(card, chosen->search);
    return there;
}
