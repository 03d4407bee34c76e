#include "tui/trace/trace_filter.h"

const TraceFilterChoice trace_filter_choices[] = {
    {'c', "correct", HISTORY_CORRECT | HISTORY_ANSWERED, 0},
    {'w', "wrong", 0, HISTORY_CORRECT},
    {'o', "no answer", 0, HISTORY_CORRECT | HISTORY_ANSWERED},
    {'b', "has backtrack", HISTORY_BACKTRACK, 0},
    {'k', "has check", HISTORY_CHECK, 0},
    {'t', "cut off", HISTORY_TRUNCATED, 0},
    {'r', "repeats itself", HISTORY_REPEATS, 0},
    {'e', "evaluation", HISTORY_EVALUATION, 0},
    {'s', "sample", HISTORY_SAMPLE, 0},
};

const int trace_filter_choice_count = sizeof trace_filter_choices / sizeof *trace_filter_choices;

bool trace_filter_has(const TraceFilter *filter, const TraceFilterChoice *choice)
{
    return (filter->require & choice->require) == choice->require &&
           (filter->forbid & choice->forbid) == choice->forbid;
}

bool trace_filter_toggle(TraceFilter *filter, char key)
{
    for (int i = 0; i < trace_filter_choice_count; i++) {
        const TraceFilterChoice *choice = &trace_filter_choices[i];
        if (choice->key != key) {
            continue;
        }
        if (trace_filter_has(filter, choice)) {
            filter->require = (uint16_t)(filter->require & ~choice->require);
            filter->forbid  = (uint16_t)(filter->forbid & ~choice->forbid);
        } else {
            filter->require = (uint16_t)((filter->require & ~choice->forbid) | choice->require);
            filter->forbid  = (uint16_t)((filter->forbid & ~choice->require) | choice->forbid);
        }
        return true;
    }
    return false;
}

void trace_filter_text(const TraceFilter *filter, char *out, size_t size)
{
    size_t used     = (size_t)snprintf(out, size, "%s", "");
    bool   answered = (filter->forbid & HISTORY_ANSWERED) != 0;
    for (int i = 0; i < trace_filter_choice_count && used < size; i++) {
        const TraceFilterChoice *choice = &trace_filter_choices[i];
        /* without an answer it is wrong as well: that goes without saying */
        if (trace_filter_has(filter, choice) && !(answered && choice->forbid == HISTORY_CORRECT)) {
            used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", choice->name);
        }
    }
    if (used == 0) {
        snprintf(out, size, "all");
    }
}
