/* Markup: a response cut into runs, for highlighting what was thought in it.
 *
 *     Markup markup;
 *     if (markup_trace(task, prompt, response, length, &markup, &error) != STATUS_OK) …
 *     for (size_t i = 0; i < markup.count; i++) {
 *         const MarkupRun *run = &markup.runs[i];       // response[run->offset .. +run->length]
 *     }
 *     markup_free(&markup);
 *
 * The runs lie end to end and cover the response. The task's detector reads the response again, with the problem
 * that the prompt poses. *Evidence* is what it parsed and recomputed: attempts, their verdicts, checks, the answer, and
 * "Go back" where an attempt that had failed was abandoned for another one. Everywhere else there are *words* only,
 * which prove nothing: phrases, and a "Go back" after which nothing else was tried. Where the task is not
 * known (NULL) or the prompt is none of its prompts, there are words and the box of the answer.
 *
 * In any text also: `loop`, the second and later copies of what is said over and over (rlsp/trace/loops.h), and
 * `changed`, a value that is not what it was: a result stated anew (rlsp/trace/changes.h), a check that finds another
 * result than the attempt it is about, an answer that is not the first answer given.
 */
#ifndef RLSP_TASK_MARKUP_H
#define RLSP_TASK_MARKUP_H

#include "engine/error.h"
#include "rlsp/task/task.h"

/* Beside the TraceSpanKind of a run: none. */
enum { MARKUP_PLAIN = TRACE_SPAN_KIND_COUNT };

typedef struct MarkupRun {
    size_t offset, length; /* bytes; length > 0                              */
    int    kind;           /* TraceSpanKind or MARKUP_PLAIN                     */
    bool   evidence;       /* kinds that were parsed, or a changed value     */
    bool   loop, changed;
} MarkupRun;

typedef struct Markup {
    MarkupRun *runs;
    size_t     count;
    bool       parsed; /* the task's detector has read it: stats are its     */
    TraceStats stats;  /* not parsed: words, after_box and repetition only   */
    size_t     loop_bytes, changes;
} Markup;

/* STATUS_OUT_OF_MEMORY or STATUS_OK; *markup is to be freed in either case. Reads nothing past `length`; any bytes. */
Status markup_trace(const Task *task, const char *prompt, const char *response, size_t length, Markup *markup,
                    Error *error);
void   markup_free(Markup *markup);

/* The run that holds byte `offset` of the response; `count` if there is none. */
size_t markup_run_at(const Markup *markup, size_t offset);

/* "plain", or trace_span_kind_name. */
const char *markup_kind_name(int kind);

#endif
