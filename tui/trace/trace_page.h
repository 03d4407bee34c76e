/* TracePage: traces as one HTML page that needs nothing else.
 *
 *     TracePage page = {.run = "countdown", .task = "countdown", .filter = "wrong", .shown = 20, .total = 300};
 *     trace_page_begin(out, &page);
 *     for (…) trace_page_trace(out, &card, same, same_count);
 *     trace_page_end(out);
 *
 * The same looks as in the viewer (trace_look.h), light or dark as the reader's system is, with a legend. Choosing
 * verdicts and behaviours is done by style sheet alone: there is no script, and the page forbids any (a content
 * security policy without script, image, font or connection). Every text is escaped; control bytes are shown (text.h).
 * What cannot be written is left to the caller, who looks at the stream (ferror).
 */
#ifndef RLSP_TUI_TRACE_PAGE_H
#define RLSP_TUI_TRACE_PAGE_H

#include <stdio.h>

#include "tui/trace/trace_card.h"

typedef struct TracePage {
    const char *run, *task; /* names; any bytes                        */
    const char *filter;     /* how the traces were chosen; "": all   */
    size_t      shown, total;
} TracePage;

void trace_page_begin(FILE *out, const TracePage *page);
/* `same` [same_count]: traces on the page of the same problem, this one among them, to be linked to. */
void trace_page_trace(FILE *out, const TraceCard *card, const HistoryTrace *const *same, size_t same_count);
void trace_page_end(FILE *out);

#endif
