/* TraceLook: how the marks of a trace are drawn, the same in the viewer, in lists and on pages.
 *
 *     const TraceLook look = trace_look(&markup.runs[i]);
 *     area_text(area, column, row, look.ink, look.attrs, text, bytes);
 *
 * Evidence is bold, words alone are dim; a changed value is underlined; a loop is dim whatever it is made of.
 */
#ifndef RLSP_TUI_TRACE_LOOK_H
#define RLSP_TUI_TRACE_LOOK_H

#include "rlsp/task/markup.h"
#include "tui/draw/canvas.h"

typedef struct TraceLook {
    Ink ink;
    int attrs;
} TraceLook;

TraceLook trace_look(const MarkupRun *run);

/* What a reader has to know, in the order of a legend: an example run, a word for it, a sentence. */
typedef struct TraceLegend {
    MarkupRun   run;
    const char *name, *meaning;
} TraceLegend;

extern const TraceLegend trace_legend[];
extern const int         trace_legend_count;

#endif
