/* Trace fields: what a trace showed, as fields of its line in traces.jsonl.
 *
 *     EventField behaviours[TRACE_FIELDS];
 *     trace_fields(&stats, behaviours);
 *
 * The same names for rollouts, evaluations and samples that a user asked for, so that a reader needs one list.
 */
#ifndef RLSP_TASK_TRACE_FIELDS_H
#define RLSP_TASK_TRACE_FIELDS_H

#include "rlsp/run/events.h"
#include "rlsp/task/task.h"

enum { TRACE_FIELDS = 16 + TRACE_WORDS_COUNT };

/* Evidence first, then phrases ("words_backtrack", …), which prove nothing. */
void trace_fields(const TraceStats *stats, EventField fields[TRACE_FIELDS]);

/* "words_backtrack", … */
const char *trace_words_field(TraceWords words);

/* What was asked and what was answered: problem, subject, level and gold of a dataset's problem, the answer (which
 * points into the response, or the verdict), verdict, reason and rule. `line` is for the problem's name. */
enum { TRACE_LINE_BYTES = 24 };
void trace_verdict(EventTrace *trace, const Problem *problem, const TaskVerdict *verdict, const char *response,
                   char line[TRACE_LINE_BYTES]);

/* "correct", "wrong" or "no_answer". */
const char *trace_verdict_name(bool correct, bool answered);

#endif
