/* PaneTraces: the trace viewer.
 *
 *     PaneTraces *pane = pane_traces_new(history);
 *     char        title[128];
 *     pane_traces_title(pane, title, sizeof title);
 *     pane_traces_draw(pane, area_frame(area, title, focused, glyphs), glyphs);
 *     if (!pane_traces_key(pane, key)) …                       // not a key of this pane
 *     while (pane_traces_work(pane, 0.01)) …draw…             // goes on with a search
 *     pane_traces_free(pane);
 *
 * One trace at a time, or two of the same problem: verdict, step, reward with its components, prompt, response with
 * what was thought in it (trace_look.h), details.
 *
 *     [ ] h l left right   previous, next trace            v   the same problem at other steps, side by side:
 *     g Home, G End        oldest, newest (and follow)          h l choose a side, [ ] g G its step; v or Esc leaves
 *     L                    longest                         /   search in prompts and responses; n N next, previous
 *     f                    filter: letters toggle          j k up down PgUp PgDn   scroll
 *
 * While the newest trace is shown, unscrolled, it gives way to a newer one. The history may grow, be cut back or
 * let its oldest go between calls.
 */
#ifndef RLSP_TUI_PANE_TRACES_H
#define RLSP_TUI_PANE_TRACES_H

#include "rlsp/run/history.h"
#include "tui/draw/canvas.h"
#include "tui/terminal/terminal.h"

typedef struct PaneTraces PaneTraces;

PaneTraces *pane_traces_new(const History *history); /* which outlives it; NULL when out of memory */
void        pane_traces_free(PaneTraces *pane);      /* NULL is allowed                            */

/* Inside a frame, or without one; any size down to one cell: the verdict line stays longest, then the text. */
void pane_traces_draw(PaneTraces *pane, Area area, Glyphs glyphs);
/* "traces 12/300 · correct", for the frame; in plain ASCII with GLYPHS_ASCII. */
void pane_traces_title(PaneTraces *pane, Glyphs glyphs, char *out, size_t size);

/* Whether the pane took the key. */
bool pane_traces_key(PaneTraces *pane, TerminalKey key);
/* A search line or the filter menu is open: keys belong to the pane before anything else. */
bool pane_traces_captures(const PaneTraces *pane);

/* Goes on with a search for about so long; whether there is more to do. */
bool pane_traces_work(PaneTraces *pane, double seconds);

/* The prompt of the trace shown, "" if there is none; valid until the next call. */
const char *pane_traces_prompt(PaneTraces *pane);

#endif
