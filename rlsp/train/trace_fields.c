#include "rlsp/train/trace_fields.h"

const char *trace_words_field(TraceWords words)
{
    static const char *const names[TRACE_WORDS_COUNT] = {
        [TRACE_WORDS_BACKTRACK]       = "words_backtrack",
        [TRACE_WORDS_VERIFICATION]    = "words_verification",
        [TRACE_WORDS_ALTERNATIVE]     = "words_alternative",
        [TRACE_WORDS_SELF_CORRECTION] = "words_self_correction",
        [TRACE_WORDS_SUBGOAL]         = "words_subgoal",
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
        {"repetition", t->repetition, NULL},
    };
    for (int i = 0; i < TRACE_FIELDS; i++) {
        const int words = i - (TRACE_FIELDS - TRACE_WORDS_COUNT);
        fields[i]       = words < 0 ? evidence[i]
                                    : (EventField){trace_words_field((TraceWords)words), t->words[words], NULL};
    }
}

const char *trace_verdict_name(bool correct, bool answered)
{
    return correct ? "correct" : answered ? "wrong" : "no_answer";
}
