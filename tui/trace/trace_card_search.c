/* Searching in a card. */
#include <stdlib.h>
#include <string.h>

#include "tui/trace/trace_card_parts.h"

enum { MATCHES_MAX = 1 << 16 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool matches_at(const char *bytes, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (lower(bytes[i]) != lower(text[i])) {
            return false;
        }
    }
    return true;
}

void trace_card_find(TraceCard *card, const char *text)
{
    size_t capacity = 0, length = text != NULL ? strlen(text) : 0;
    free(card->matches);
    card->matches     = NULL;
    card->match_count = 0;
    card->match_bytes = length;
    card->match       = SIZE_MAX;
    card->seek        = false;
    for (int p = CARD_PROMPT; length > 0 && p <= CARD_RESPONSE; p++) {
        for (size_t i = 0; i + length <= card->parts[p].length && card->match_count < MATCHES_MAX;) {
            if (!matches_at(card->parts[p].bytes + i, text, length)) {
                i++;
                continue;
            }
            if (card->match_count == capacity) {
                capacity        = capacity > 0 ? 2 * capacity : 16;
                CardMatch *more = realloc(card->matches, capacity * sizeof *more);
                if (more == NULL) {
                    return; /* those found so far are shown */
                }
                card->matches = more;
            }
            card->matches[card->match_count++] = (CardMatch){p, i};
            i += length;
        }
    }
}

void trace_card_show_match(TraceCard *card, size_t match)
{
    if (match < card->match_count) {
        card->match = match;
        card->seek  = true;
    }
}

void trace_card_seek(TraceCard *card)
{
    const CardMatch *match = &card->matches[card->match];
    size_t           line = trace_card_line_of(card, match->part, match->offset), page = (size_t)card->page;
    if (line < card->scroll || line >= card->scroll + page) {
        card->scroll = line > page / 3 ? line - page / 3 : 0;
    }
    card->seek = false;
}

size_t trace_card_match_after(const TraceCard *card, int part, size_t offset)
{
    size_t low = 0, high = card->match_count;
    while (low < high) {
        size_t           middle = low + (high - low) / 2;
        const CardMatch *match  = &card->matches[middle];
        if (match->part < part || (match->part == part && match->offset + card->match_bytes <= offset)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}
