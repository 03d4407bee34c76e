#include "tui/trace/trace_look.h"

static const uint8_t inks[MARKUP_PLAIN + 1] = {
    [TRACE_SPAN_ATTEMPT]               = INK_ATTEMPT,
    [TRACE_SPAN_ATTEMPT_REPEAT]        = INK_REPEAT,
    [TRACE_SPAN_ATTEMPT_ERROR]         = INK_BAD,
    [TRACE_SPAN_VERDICT]               = INK_VERDICT,
    [TRACE_SPAN_VERDICT_FALSE]         = INK_BAD,
    [TRACE_SPAN_BACKTRACK]             = INK_BACKTRACK,
    [TRACE_SPAN_CHECK]                 = INK_CHECK,
    [TRACE_SPAN_CHECK_WRONG]           = INK_BAD,
    [TRACE_SPAN_ANSWER]                = INK_ANSWER,
    [TRACE_SPAN_WORDS_BACKTRACK]       = INK_WORDS,
    [TRACE_SPAN_WORDS_VERIFICATION]    = INK_WORDS,
    [TRACE_SPAN_WORDS_ALTERNATIVE]     = INK_WORDS,
    [TRACE_SPAN_WORDS_SELF_CORRECTION] = INK_WORDS,
    [TRACE_SPAN_WORDS_SUBGOAL]         = INK_WORDS,
    [MARKUP_PLAIN]                     = INK_TEXT,
};

const TraceLegend trace_legend[] = {
    {{.kind = TRACE_SPAN_ATTEMPT, .evidence = true}, "attempt", "a new attempt with right numbers and arithmetic"},
    {{.kind = TRACE_SPAN_ATTEMPT_REPEAT, .evidence = true}, "repeat", "an attempt that was made before"},
    {{.kind = TRACE_SPAN_ATTEMPT_ERROR, .evidence = true},
     "error",
     "an attempt with other numbers or wrong arithmetic, a false verdict, a wrong check"},
    {{.kind = TRACE_SPAN_VERDICT, .evidence = true}, "verdict", "what the trace says of its attempt, and is true"},
    {{.kind = TRACE_SPAN_BACKTRACK, .evidence = true},
     "backtrack",
     "a failed attempt is abandoned and another one follows"},
    {{.kind = TRACE_SPAN_CHECK, .evidence = true}, "check", "recomputes the attempt before it, rightly"},
    {{.kind = TRACE_SPAN_ANSWER, .evidence = true}, "answer", "the box that is judged"},
    {{.kind = MARKUP_PLAIN, .evidence = true, .changed = true}, "changed", "a value that is not what it was"},
    {{.kind = TRACE_SPAN_WORDS_BACKTRACK}, "words", "a phrase of reasoning that nothing parsed bears out"},
    {{.kind = MARKUP_PLAIN, .loop = true}, "loop", "the second or a later copy of repeated text"},
};

const int trace_legend_count = sizeof trace_legend / sizeof *trace_legend;

TraceLook trace_look(const MarkupRun *run)
{
    TraceLook look = {.ink = (Ink)inks[run->kind]};
    if (run->loop) {
        look.attrs = ATTR_DIM;
    } else if (run->evidence) {
        look.attrs = ATTR_BOLD;
    } else if (run->kind != MARKUP_PLAIN) {
        look.attrs = ATTR_DIM;
    }
    if (run->changed) {
        look.ink = run->kind == MARKUP_PLAIN ? INK_CHECK : look.ink;
        look.attrs |= ATTR_UNDERLINE;
    }
    return look;
}
