/* The parts of a page of traces that are always the same. */
#ifndef RLSP_TUI_TRACE_PAGE_STYLE_H
#define RLSP_TUI_TRACE_PAGE_STYLE_H

extern const char trace_page_top[];     /* up to the title               */
extern const char trace_page_style[];   /* the style sheet, but for the colours of inks */
extern const char trace_page_intro[];   /* opens the legend              */
extern const char trace_page_choices[]; /* which traces to see           */

#endif
