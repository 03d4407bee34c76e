/* The lines of a card: where they begin in a width, which byte is in which. */
#include <stdlib.h>

#include "tui/draw/text.h"
#include "tui/trace/trace_card_parts.h"

void trace_card_free_lines(TraceCard *card)
{
    for (int p = 0; p < CARD_PARTS; p++) {
        free(card->parts[p].starts);
        card->parts[p].starts = NULL;
        card->parts[p].count  = 0;
    }
    card->width = 0;
}

/* After each part there is an empty line. */
size_t trace_card_lines(const TraceCard *card)
{
    size_t lines = 0;
    for (int p = 0; p < CARD_PARTS; p++) {
        lines += card->parts[p].count + 1;
    }
    return lines + 1; /* the legend */
}

bool trace_card_find_line(const TraceCard *card, size_t line, int *part, size_t *inner)
{
    for (int p = 0; p < CARD_PARTS; p++) {
        if (line < card->parts[p].count) {
            *part  = p;
            *inner = line;
            return true;
        }
        line -= card->parts[p].count;
        if (line == 0) {
            return false;
        }
        line--;
    }
    return false;
}

size_t trace_card_line_of(const TraceCard *card, int part, size_t offset)
{
    size_t line = 0, low = 0, high = card->parts[part].count;
    for (int p = 0; p < part; p++) {
        line += card->parts[p].count + 1;
    }
    while (low + 1 < high) {
        size_t middle = low + (high - low) / 2;
        if (card->parts[part].starts[middle] <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return line + low;
}

bool trace_card_wrap(TraceCard *card, int width)
{
    if (card->width == width) {
        return true;
    }
    int    part = 0;
    size_t line = 0, offset = 0;
    bool   kept = card->width > 0 && card->scroll > 0 && trace_card_find_line(card, card->scroll, &part, &line);
    if (kept) {
        offset = card->parts[part].starts[line];
    }
    trace_card_free_lines(card);
    for (int p = 0; p < CARD_PARTS; p++) {
        card->parts[p].starts = text_wrap(card->parts[p].bytes, card->parts[p].length, width, &card->parts[p].count);
        if (card->parts[p].starts == NULL) {
            trace_card_free_lines(card);
            return false;
        }
    }
    card->width  = width;
    card->scroll = kept ? trace_card_line_of(card, part, offset) : card->scroll;
    return true;
}
