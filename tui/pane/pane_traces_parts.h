/* Private to tui/pane_traces*.c. */
#ifndef RLSP_TUI_PANE_TRACES_PARTS_H
#define RLSP_TUI_PANE_TRACES_PARTS_H

#include "tui/pane/pane_traces.h"
#include "tui/trace/trace_card.h"
#include "tui/trace/trace_filter.h"

enum { QUERY_BYTES = 128, SIDES_MAX = 4096 };

#define NO_TRACE SIZE_MAX

typedef enum PaneMode { MODE_READ, MODE_FILTER, MODE_QUERY } PaneMode;

/* Traces are named by the offset of their line, which stays when the index is cut at either end. */
struct PaneTraces {
    const History *history;
    PaneMode       mode;
    TraceFilter    filter;
    bool           follow;
    char           message[160]; /* until the next key */

    /* the trace that is shown; index NO_TRACE: none passes the filter */
    size_t    index;
    uint64_t  offset;
    TraceCard card;

    /* what of the index has been seen: traces [0, counted), of which `matching` pass the filter, the last one at
     * `newest` */
    size_t       counted, matching, newest;
    HistoryTrace first, last;      /* of those: to notice that the index was cut */
    size_t       rank_index, rank; /* `rank` traces before rank_index pass the filter */

    struct {
        char   text[QUERY_BYTES];  /* what is looked for; "": nothing                  */
        char   typed[QUERY_BYTES]; /* the line being typed                             */
        bool   active, forward;
        size_t next;        /* to be looked at                                         */
        size_t done, total; /* traces                                                  */
    } search;

    struct {
        bool      on;
        uint64_t *offsets; /* [count] the problem's traces, oldest first               */
        size_t    count, at[2];
        int       active; /* 0: before, 1: after                                       */
        TraceCard cards[2];
    } sides;
};

/* pane_traces.c */
void   pane_sync(PaneTraces *pane);                               /* takes in what changed in the history */
void   pane_select(PaneTraces *pane, size_t index);               /* NO_TRACE: nothing                    */
size_t pane_find_offset(const PaneTraces *pane, uint64_t offset); /* NO_TRACE: not there     */
bool   pane_load(PaneTraces *pane); /* the card of the current trace, with its matches     */
bool   pane_passes(const PaneTraces *pane, size_t index);

/* pane_traces_search.c */
void search_again(PaneTraces *pane, bool forward); /* n, N                               */
void search_stop(PaneTraces *pane);
bool search_key(PaneTraces *pane, int code); /* while its line is typed */

/* pane_traces_sides.c */
void sides_open(PaneTraces *pane);
void sides_close(PaneTraces *pane);
bool sides_key(PaneTraces *pane, int code);
/* Loads both; false: the history has lost them. */
bool sides_load(PaneTraces *pane);

#endif
