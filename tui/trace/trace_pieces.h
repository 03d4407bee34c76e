/* TracePieces: the prompt or the response of a trace, cut where its look changes; for what writes traces as a whole.
 *
 *     TracePieces pieces = trace_pieces(&card, CARD_RESPONSE);
 *     for (TracePiece piece; trace_pieces_next(&pieces, &piece);) {
 *         write(piece.bytes, piece.length, trace_look(piece.run), piece.match);
 *     }
 *
 * The pieces lie end to end and cover the part.
 */
#ifndef RLSP_TUI_TRACE_PIECES_H
#define RLSP_TUI_TRACE_PIECES_H

#include "tui/trace/trace_card.h"

typedef struct TracePiece {
    const char      *bytes; /* [length], not NUL-terminated       */
    size_t           length;
    const MarkupRun *run;   /* NULL: not of a response              */
    bool             match; /* of the search (trace_card_find)      */
} TracePiece;

typedef struct TracePieces {
    const TraceCard *card;
    int              part;
    size_t           offset, run, match;
} TracePieces;

TracePieces trace_pieces(const TraceCard *card, int part); /* CARD_PROMPT, … */
bool        trace_pieces_next(TracePieces *pieces, TracePiece *piece);

#endif
