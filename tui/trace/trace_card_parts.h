/* What the files of TraceCard share: trace_card.c (loading), trace_card_text.c (what was recorded, in words),
 * trace_card_lines.c (wrapping, places), trace_card_search.c, trace_card_draw.c. */
#ifndef RLSP_TUI_TRACE_CARD_PARTS_H
#define RLSP_TUI_TRACE_CARD_PARTS_H

#include "tui/trace/trace_card.h"

/* The texts beside the response: `components`, `details`; false when out of memory. */
bool trace_card_describe(TraceCard *card);

/* Wraps for a width; the text at the top stays there when the width changes. False: out of memory. */
bool trace_card_wrap(TraceCard *card, int width);
void trace_card_free_lines(TraceCard *card);
/* The part and its line that line `line` of the body is; false: an empty one. */
bool trace_card_find_line(const TraceCard *card, size_t line, int *part, size_t *inner);
/* The line of the body that holds a byte of a part. */
size_t trace_card_line_of(const TraceCard *card, int part, size_t offset);

/* Scrolls so that the match can be seen, a third from the top if it could not be. */
void trace_card_seek(TraceCard *card);
/* The first match that ends after a byte of a part. */
size_t trace_card_match_after(const TraceCard *card, int part, size_t offset);

#endif
