#include "rlsp/task/trace_fields.h"

#include <inttypes.h>
#include <stdio.h>

const char *trace_words_field(TraceWords words)
{
    static const char *const names[TRACE_WORDS_COUNT] = {
        [TRACE_WORDS_BACKTRACK] = "words_backtrack",     [TRACE_WORDS_VERIFICATION] = "words_verification",
        [TRACE_WORDS_ALTERNATIVE] = "words_alternative", [TRACE_WORDS_SELF_CORRECTION] = "words_self_correction",
        [TRACE_WORDS_SUBGOAL] = "words_subgoal",
    };
    return names[words];
}

void trace_fields(const TraceStats *t, EventField fields[TRACE_FIELDS])
{
    const EventField evidence[TRACE_FIELDS - TRACE_WORDS_COUNT] = {
        {"attempts", t->attempts, NULL},
        {"valid", t->valid, NULL},
        {"distinct", t->distinct, NULL},
        {"repeated", t->repeated, NULL},
        {"errors", t->errors, NULL},
        {"hit_attempt", t->hit_attempt, NULL},
        {"verified", t->verified, NULL},
        {"false_yes", t->false_yes, NULL},
        {"false_no", t->false_no, NULL},
        {"backtracks", t->backtracks, NULL},
        {"checks", t->checks, NULL},
        {"checks_right", t->checks_right, NULL},
        {"gave_up", t->gave_up, NULL},
        {"distances", t->distances, NULL},
        {"distances_right", t->distances_right, NULL},
        {"repetition", t->repetition, NULL},
    };
    for (int i = 0; i < TRACE_FIELDS; i++) {
        const int words = i - (TRACE_FIELDS - TRACE_WORDS_COUNT);
        fields[i] = words < 0 ? evidence[i] : (EventField){trace_words_field((TraceWords)words), t->words[words], NULL};
    }
}

void trace_verdict(EventTrace *trace, const Problem *problem, const TaskVerdict *verdict, const char *response,
                   char line[TRACE_LINE_BYTES])
{
    const TaskItem *item = problem->item;
    trace->verdict       = trace_verdict_name(verdict->correct, verdict->answered);
    trace->reason        = verdict->reason;
    trace->rule          = verdict->rule;
    trace->answer        = verdict->answered ? verdict->answer : NULL;
    if (verdict->answered && verdict->answer_length > 0) { /* all of it */
        trace->answer        = response + verdict->answer_offset;
        trace->answer_length = verdict->answer_length;
    }
    if (item == NULL) {
        return;
    }
    snprintf(line, TRACE_LINE_BYTES, "line %" PRIu64, item->line);
    trace->problem = item->id != NULL ? item->id : line;
    trace->subject = item->subject;
    trace->level   = item->level;
    trace->gold    = item->answer;
}

const char *trace_verdict_name(bool correct, bool answered)
{
    return correct ? "correct" : answered ? "wrong" : "no_answer";
}
