/* Side by side: the same problem at two steps. */
#include <stdlib.h>
#include <string.h>

#include "tui/pane/pane_traces_parts.h"

void sides_close(PaneTraces *pane)
{
    free(pane->sides.offsets);
    trace_card_free(&pane->sides.cards[0]);
    trace_card_free(&pane->sides.cards[1]);
    memset(&pane->sides, 0, sizeof pane->sides);
}

/* Equal hashes may be of other problems: the prompt decides. */
static bool same_prompt(const PaneTraces *pane, size_t index, const char *prompt)
{
    Event      *event = history_trace_read(pane->history, index);
    const char *other = event != NULL ? event_text(event, "prompt") : NULL;
    bool        same  = other != NULL && strcmp(other, prompt) == 0;
    event_free(event);
    return same;
}

/* All traces of the problem, the filter aside: before and after may differ in just that. */
static bool collect(PaneTraces *pane)
{
    size_t         count = history_trace_count(pane->history), capacity = 0;
    const uint32_t problem = history_trace(pane->history, pane->index)->problem;
    for (size_t i = 0; i < count && pane->sides.count < SIDES_MAX; i++) {
        if (history_trace(pane->history, i)->problem != problem ||
            (i != pane->index && !same_prompt(pane, i, trace_card_prompt(&pane->card)))) {
            continue;
        }
        if (pane->sides.count == capacity) {
            capacity       = capacity > 0 ? 2 * capacity : 16;
            uint64_t *more = realloc(pane->sides.offsets, capacity * sizeof *more);
            if (more == NULL) {
                return false;
            }
            pane->sides.offsets = more;
        }
        pane->sides.offsets[pane->sides.count++] = history_trace(pane->history, i)->offset;
    }
    return true;
}

/* Before: the oldest. After: the trace shown, or the newest where it is the oldest itself. */
void sides_open(PaneTraces *pane)
{
    if (pane->sides.on) {
        sides_close(pane);
        return;
    }
    if (pane->index == NO_TRACE || !pane_load(pane)) {
        return;
    }
    if (!collect(pane) || pane->sides.count < 2) {
        sides_close(pane);
        snprintf(pane->message, sizeof pane->message, "no other trace of this problem");
        return;
    }
    pane->sides.on    = true;
    pane->sides.at[1] = pane->sides.count - 1;
    for (size_t i = 1; i < pane->sides.count; i++) {
        if (pane->sides.offsets[i] == pane->offset) {
            pane->sides.at[1] = i;
        }
    }
    pane->sides.active = 1;
}

bool sides_load(PaneTraces *pane)
{
    for (int i = 0; i < 2; i++) {
        size_t index = pane_find_offset(pane, pane->sides.offsets[pane->sides.at[i]]);
        if (index == NO_TRACE) {
            return false;
        }
        TraceCard *card = &pane->sides.cards[i];
        bool       was  = card->loaded && card->meta.offset == history_trace(pane->history, index)->offset;
        if (trace_card_load(card, pane->history, index) && !was) {
            trace_card_find(card, pane->search.text);
        }
    }
    return true;
}

bool sides_key(PaneTraces *pane, int code)
{
    size_t *at = &pane->sides.at[pane->sides.active];
    switch (code) {
    case '[': *at -= *at > 0; return true;
    case ']': *at += *at + 1 < pane->sides.count; return true;
    case 'g':
    case KEY_CODE_HOME: *at = 0; return true;
    case 'G':
    case KEY_CODE_END: *at = pane->sides.count - 1; return true;
    case 'h':
    case KEY_CODE_LEFT: pane->sides.active = 0; return true;
    case 'l':
    case KEY_CODE_RIGHT: pane->sides.active = 1; return true;
    case KEY_CODE_ESCAPE: sides_close(pane); return true;
    case 'f': /* the filter is about one trace at a time */
    case 'L':
    case 'n':
    case 'N': sides_close(pane); return false;
    default: return false;
    }
}
