#include "tui/trace/trace_pieces.h"

TracePieces trace_pieces(const TraceCard *card, int part)
{
    TracePieces pieces = {.card = card, .part = part};
    while (pieces.match < card->match_count && card->matches[pieces.match].part < part) {
        pieces.match++;
    }
    return pieces;
}

bool trace_pieces_next(TracePieces *pieces, TracePiece *piece)
{
    const TraceCard *card = pieces->card;
    size_t           from = pieces->offset, end = card->parts[pieces->part].length;
    if (from >= end) {
        return false;
    }
    piece->run = NULL;
    if (pieces->part == CARD_RESPONSE && pieces->run < card->markup.count) {
        piece->run = &card->markup.runs[pieces->run];
        end        = piece->run->offset + piece->run->length;
    }
    piece->match = false;
    if (pieces->match < card->match_count && card->matches[pieces->match].part == pieces->part) {
        size_t start = card->matches[pieces->match].offset, stop = start + card->match_bytes;
        piece->match = start <= from;
        size_t limit = piece->match ? stop : start;
        end          = limit < end ? limit : end;
        pieces->match += stop == end ? 1 : 0;
    }
    if (piece->run != NULL && end == piece->run->offset + piece->run->length) {
        pieces->run++;
    }
    piece->bytes   = card->parts[pieces->part].bytes + from;
    piece->length  = end - from;
    pieces->offset = end;
    return true;
}
