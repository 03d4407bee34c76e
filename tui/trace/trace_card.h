/* TraceCard: one trace with its verdict, laid out for an area; what the trace viewer shows one or two of.
 *
 *     TraceCard card = {0};
 *     if (trace_card_load(&card, history, index)) {
 *         trace_card_draw(&card, area, GLYPHS_BRAILLE);
 *     }
 *     trace_card_free(&card);
 *
 * A head (verdict, step, reward, …; below it every component of the reward where there is room) and a body
 * that scrolls: prompt, response, then all that was recorded about it. A trace is read, marked and wrapped when it is
 * first drawn and again when the width changes; a frame lays out the lines that it shows.
 */
#ifndef RLSP_TUI_TRACE_CARD_H
#define RLSP_TUI_TRACE_CARD_H

#include "rlsp/run/history.h"
#include "rlsp/task/markup.h"
#include "tui/draw/canvas.h"

enum { CARD_PROMPT, CARD_RESPONSE, CARD_DETAILS, CARD_PARTS };

typedef struct CardMatch {
    int    part;
    size_t offset; /* bytes into the part */
} CardMatch;

/* Zero-initialised; fields are read by others and written by this module, but for `scroll` and `match`. */
typedef struct TraceCard {
    bool         loaded;
    HistoryTrace meta;
    Event       *event; /* NULL: the line could not be read */
    Markup       markup;
    char        *components; /* "correct 1  format 0  …": every part of the reward */
    char        *details;    /* all that was recorded, in sentences */
    struct {
        const char *bytes; /* belongs to the event, or is `details` */
        size_t      length;
        size_t     *starts; /* [count + 1] of its lines in `width` columns */
        size_t      count;
    } parts[CARD_PARTS];
    int        width;                    /* of the lines; 0: not wrapped yet */
    size_t     scroll;                   /* first line of the body that is shown; put right when drawn */
    int        page;                     /* lines of the body in the last drawing */
    CardMatch *matches;                  /* [match_count] of the search */
    size_t     match_count, match_bytes; /* match_bytes: length of each */
    size_t     match;                    /* the one that was gone to; SIZE_MAX: none */
    bool       seek;                     /* the next drawing scrolls to it */
} TraceCard;

/* Loads a trace; nothing to do if it is the one that is loaded. False: its line cannot be read, or memory ran
 * out (the card then says so). */
bool trace_card_load(TraceCard *card, const History *history, size_t index);
void trace_card_free(TraceCard *card); /* leaves it zeroed */

const char *trace_card_prompt(const TraceCard *card); /* "" if there is none */

/* Marks `text` (ASCII letters in either case) in prompt and response; "" or NULL: nothing. */
void trace_card_find(TraceCard *card, const char *text);
/* The next drawing shows this one. */
void trace_card_show_match(TraceCard *card, size_t match);

size_t trace_card_lines(const TraceCard *card); /* of the body, as last drawn */

/* Any size; one row: the verdict line. */
void trace_card_draw(TraceCard *card, Area area, Glyphs glyphs);

#endif
