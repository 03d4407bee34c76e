#include "rlsp/task/markup.h"

#include <stdlib.h>
#include <string.h>

#include "rlsp/math/box.h"
#include "rlsp/task/expression.h"
#include "rlsp/trace/changes.h"
#include "rlsp/trace/loops.h"

/* What each byte of the response is; runs are stretches of equal bytes. */
typedef struct Paint {
    uint8_t *kinds; /* MarkupRun's kind, and TURN for every second span so that neighbours stay apart */
    bool    *loops, *changed;
} Paint;

enum { TURN = 0x80 };

/* --- spans */

/* Runs the detector, again with more room if its spans did not fit. */
static bool detect(const Task *task, const Problem *problem, const char *response, size_t length, TraceStats *stats,
                   TraceSpans *sink)
{
    for (;;) {
        sink->count = 0;
        if (task != NULL) {
            task->trace(problem, response, length, stats, sink);
        } else {
            trace_words(response, length, stats->words, sink);
        }
        if (sink->count <= sink->capacity) {
            return true;
        }
        TraceSpan *more = realloc(sink->spans, sink->count * sizeof *more);
        if (more == NULL) {
            return false;
        }
        sink->spans    = more;
        sink->capacity = sink->count;
    }
}

static bool is_attempt(TraceSpanKind kind)
{
    return kind == TRACE_SPAN_ATTEMPT || kind == TRACE_SPAN_ATTEMPT_REPEAT || kind == TRACE_SPAN_ATTEMPT_ERROR;
}

/* A valid attempt ends in its result ("…=53."). */
static bool makes_target(const TraceSpan *span, const char *response, int64_t target)
{
    size_t at = span->offset + span->length, end = at;
    while (at > span->offset && response[at - 1] != '=') {
        at--;
    }
    int64_t result;
    return span->kind != TRACE_SPAN_ATTEMPT_ERROR && digits_read(response, end, &at, &result) && result == target;
}

/* "Go back" abandons something only between a failed attempt and another one. Evidence comes in the order of the text.
 */
static void weigh_backtracks(TraceSpan *spans, size_t count, const char *response, int64_t target)
{
    size_t           last_attempt = 0; /* its index + 1 */
    const TraceSpan *before       = NULL;
    for (size_t i = count; i-- > 0 && last_attempt == 0;) {
        last_attempt = is_attempt(spans[i].kind) ? i + 1 : 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (is_attempt(spans[i].kind)) {
            before = &spans[i];
        } else if (spans[i].kind == TRACE_SPAN_BACKTRACK &&
                   (before == NULL || i >= last_attempt || makes_target(before, response, target))) {
            spans[i].kind     = TRACE_SPAN_WORDS_BACKTRACK;
            spans[i].evidence = false;
        }
    }
}

/* --- changed values that the task's reading shows */

/* The result that a check ends with, where the attempt before it had got another one. */
static size_t mark_corrections(const TraceSpan *spans, size_t count, const char *response, bool *changed)
{
    size_t found = 0;
    bool   wrong = false;
    for (size_t i = 0; i < count; i++) {
        if (is_attempt(spans[i].kind)) {
            wrong = spans[i].kind == TRACE_SPAN_ATTEMPT_ERROR;
        } else if (spans[i].kind == TRACE_SPAN_CHECK && wrong) {
            size_t end = spans[i].offset + spans[i].length, at = end;
            while (at > spans[i].offset && response[at - 1] >= '0' && response[at - 1] <= '9') {
                at--;
            }
            found += at < end && !changed[at];
            memset(changed + at, true, end - at);
        }
    }
    return found;
}

/* The answer, where the first one was another. */
static size_t mark_new_answer(const Boxes *boxes, const char *response, bool *changed)
{
    Boxes first;
    if (boxes->count < 2 || !boxes_find(response, boxes->first_end, &first)) {
        return 0;
    }
    if (boxes->content_length == 0 ||
        (first.content_length == boxes->content_length &&
         memcmp(response + first.content, response + boxes->content, first.content_length) == 0)) {
        return 0;
    }
    memset(changed + boxes->content, true, boxes->content_length);
    return 1;
}

/* --- runs */

/* Words first: evidence is painted over them. */
static void paint_spans(uint8_t *kinds, const TraceSpan *spans, size_t count)
{
    for (int evidence = 0; evidence <= 1; evidence++) {
        for (size_t i = 0; i < count; i++) {
            if (spans[i].evidence == (evidence == 1)) {
                memset(kinds + spans[i].offset, (int)spans[i].kind | (i % 2 == 0 ? 0 : TURN), spans[i].length);
            }
        }
    }
}

static bool same(const Paint *paint, size_t a, size_t b)
{
    return paint->kinds[a] == paint->kinds[b] && paint->loops[a] == paint->loops[b] &&
           paint->changed[a] == paint->changed[b];
}

static bool cut(const Paint *paint, size_t length, Markup *markup)
{
    size_t runs = length > 0;
    for (size_t i = 1; i < length; i++) {
        runs += !same(paint, i - 1, i);
    }
    markup->runs = malloc((runs + 1) * sizeof *markup->runs);
    if (markup->runs == NULL) {
        return false;
    }
    for (size_t i = 0; i < length;) {
        size_t end = i + 1;
        while (end < length && same(paint, i, end)) {
            end++;
        }
        int kind                      = paint->kinds[i] & ~TURN;
        markup->runs[markup->count++] = (MarkupRun){
            .offset   = i,
            .length   = end - i,
            .kind     = kind,
            .evidence = kind < TRACE_SPAN_WORDS_BACKTRACK || paint->changed[i],
            .loop     = paint->loops[i],
            .changed  = paint->changed[i],
        };
        markup->loop_bytes += paint->loops[i] ? end - i : 0;
        i = end;
    }
    return true;
}

static bool build(const Task *task, const Problem *problem, const char *response, size_t length, TraceSpans *sink,
                  const Paint *paint, Markup *markup)
{
    Boxes boxes;
    bool  boxed = boxes_find(response, length, &boxes);
    memset(paint->kinds, MARKUP_PLAIN, length);
    if (!detect(task, problem, response, length, &markup->stats, sink) ||
        !trace_loops(response, length, paint->loops) ||
        !trace_changes(response, length, paint->changed, &markup->changes)) {
        return false;
    }
    if (task != NULL) {
        weigh_backtracks(sink->spans, sink->count, response, problem->target);
        markup->changes += mark_corrections(sink->spans, sink->count, response, paint->changed);
    } else {
        double share             = repetition_of_words(response, length, LOOP_WORDS);
        markup->stats.repetition = share < 0 ? 0 : share;
        markup->stats.after_box  = length - boxes.first_end;
    }
    paint_spans(paint->kinds, sink->spans, sink->count);
    if (boxed && task == NULL) {
        memset(paint->kinds + boxes.offset, TRACE_SPAN_ANSWER, boxes.end - boxes.offset);
    }
    markup->changes += mark_new_answer(&boxes, response, paint->changed);
    return cut(paint, length, markup);
}

Status markup_trace(const Task *task, const char *prompt, const char *response, size_t length, Markup *markup,
                    Error *error)
{
    Problem problem = {0};
    memset(markup, 0, sizeof *markup);
    markup->parsed   = task != NULL && prompt != NULL && task->read_prompt(prompt, strlen(prompt), &problem);
    TraceSpans sink  = {.spans = malloc(64 * sizeof *sink.spans), .capacity = 64};
    Paint      paint = {malloc(length + 1), calloc(length + 1, sizeof *paint.loops),
                        calloc(length + 1, sizeof *paint.changed)};
    bool       done  = sink.spans != NULL && paint.kinds != NULL && paint.loops != NULL && paint.changed != NULL &&
                build(markup->parsed ? task : NULL, &problem, response, length, &sink, &paint, markup);
    free(sink.spans);
    free(paint.kinds);
    free(paint.loops);
    free(paint.changed);
    return done ? STATUS_OK
                : error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while marking a response of %zu bytes", length);
}

void markup_free(Markup *markup)
{
    free(markup->runs);
    markup->runs  = NULL;
    markup->count = 0;
}

size_t markup_run_at(const Markup *markup, size_t offset)
{
    size_t low = 0, high = markup->count;
    while (low < high) {
        size_t           middle = low + (high - low) / 2;
        const MarkupRun *run    = &markup->runs[middle];
        if (offset < run->offset) {
            high = middle;
        } else if (offset >= run->offset + run->length) {
            low = middle + 1;
        } else {
            return middle;
        }
    }
    return markup->count;
}

const char *markup_kind_name(int kind)
{
    return kind == MARKUP_PLAIN ? "plain" : trace_span_kind_name((TraceSpanKind)kind);
}
