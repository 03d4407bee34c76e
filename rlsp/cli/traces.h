/* What the parts of `rlsp traces` share: which traces are asked for. */
#ifndef RLSP_CLI_TRACES_H
#define RLSP_CLI_TRACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tui/trace/trace_card.h"

typedef enum TracesStage { TRACES_ANY, TRACES_RL, TRACES_EVAL, TRACES_SAMPLE } TracesStage;

typedef struct TracesQuery {
    bool        correct, wrong, no_answer;   /* any of those that are set; none: every verdict */
    bool        backtrack, check, truncated; /* all of those that are set                      */
    TracesStage stage;
    int64_t     first_step, last_step;
    const char *search;  /* in prompt or response; NULL: anything                          */
    bool        longest; /* those with the most tokens, longest first; else the newest, newest last */
    size_t      limit;   /* 0: all                                                      */
} TracesQuery;

/* "12", "10..20", "10..", "..20"; STATUS_BAD_INPUT. */
Status traces_read_steps(const char *text, int64_t *first, int64_t *last, Error *error);

/* Indices of the traces to show, in order; a new array, to be freed. */
Status traces_select(const History *history, const TracesQuery *query, size_t **indices, size_t *count, Error *error);

/* "correct, with a backtrack, steps 10 to 20"; "" where everything is wanted. */
void traces_query_text(const TracesQuery *query, char *out, size_t size);

/* Traces that are to be written. */
typedef struct TracesChosen {
    const History *history;
    const size_t  *indices; /* [count] */
    size_t         count;
    const char    *search; /* to be marked in them; NULL: nothing */
} TracesChosen;

/* Trace `i` of those; false: it cannot be read (any more). */
bool traces_load(TraceCard *card, const TracesChosen *chosen, size_t i);

/* They as a page; "-" is stdout. `filter`: how they were chosen. */
Status traces_write_page(const TracesChosen *chosen, const char *filter, const char *path, Error *error);

/* One trace as a line of JSON: what was recorded, and the marks of its response. False: out of memory. */
bool traces_print_json(const TraceCard *card, FILE *out);

#endif
