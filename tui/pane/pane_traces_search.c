/* Search: from trace to trace a little at a time, and from match to match inside one. */
#include <string.h>
#include <time.h>

#include "engine/utf8.h"
#include "tui/pane/pane_traces_parts.h"

enum { LOOK_AT_CLOCK = 32 }; /* traces between two looks */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void search_stop(PaneTraces *pane)
{
    pane->search.active  = false;
    pane->search.text[0] = '\0';
    trace_card_find(&pane->card, NULL);
}

/* From the trace after (or before) the one shown, all round but for itself. */
static void search_others(PaneTraces *pane, bool forward)
{
    size_t count = history_trace_count(pane->history);
    if (pane->index == NO_TRACE || pane->search.text[0] == '\0') {
        return;
    }
    pane->search.active  = true;
    pane->search.forward = forward;
    pane->search.next    = forward ? (pane->index + 1) % count : (pane->index + count - 1) % count;
    pane->search.done    = 0;
    pane->search.total   = count - 1;
}

/* From the trace shown, which counts. */
static void search_start(PaneTraces *pane, bool forward)
{
    if (pane->index == NO_TRACE || !pane_load(pane)) {
        search_others(pane, forward);
        return;
    }
    trace_card_find(&pane->card, pane->search.text);
    if (pane->card.match_count > 0) {
        trace_card_show_match(&pane->card, 0);
        pane->follow = false;
    } else {
        search_others(pane, forward);
    }
}

void search_again(PaneTraces *pane, bool forward)
{
    if (pane->search.text[0] == '\0') {
        snprintf(pane->message, sizeof pane->message, "nothing to search for yet: /");
        return;
    }
    if (pane->index == NO_TRACE || pane->search.active) {
        return;
    }
    pane_load(pane);
    const TraceCard *card  = &pane->card;
    size_t           match = forward ? (card->match == SIZE_MAX ? 0 : card->match + 1)
                                     : (card->match == SIZE_MAX ? card->match_count : card->match) - 1;
    if (card->match_count > 0 && match < card->match_count) {
        trace_card_show_match(&pane->card, match);
    } else {
        search_others(pane, forward);
    }
}

/* A trace whose line has the text may have it in another field: then the search goes on. */
static bool arrive(PaneTraces *pane, size_t index)
{
    TraceCard found = {0};
    bool      here  = trace_card_load(&found, pane->history, index);
    if (here) {
        trace_card_find(&found, pane->search.text);
        here = found.match_count > 0;
    }
    if (!here) {
        trace_card_free(&found);
        return false;
    }
    trace_card_free(&pane->card);
    pane->card = found;
    pane_select(pane, index);
    trace_card_show_match(&pane->card, pane->search.forward ? 0 : found.match_count - 1);
    pane->follow        = false;
    pane->search.active = false;
    return true;
}

bool pane_traces_work(PaneTraces *pane, double seconds)
{
    if (!pane->search.active) {
        return false;
    }
    pane_sync(pane);
    double end = now() + seconds;
    for (unsigned turn = 1; pane->search.done < pane->search.total; turn++) {
        size_t count = history_trace_count(pane->history);
        if (count == 0) {
            break;
        }
        size_t at = pane->search.next < count ? pane->search.next : 0;
        pane->search.done++;
        pane->search.next = pane->search.forward ? (at + 1) % count : (at + count - 1) % count;
        if (pane_passes(pane, at)) {
            if (history_trace_contains(pane->history, at, pane->search.text) && arrive(pane, at)) {
                return false;
            }
            if (turn % LOOK_AT_CLOCK == 0 && now() >= end) {
                return true;
            }
        }
    }
    pane->search.active = false;
    if (pane_load(pane) && pane->card.match_count > 0) {
        trace_card_show_match(&pane->card, pane->search.forward ? 0 : pane->card.match_count - 1);
    }
    snprintf(pane->message, sizeof pane->message, "not found%s: %.100s",
             pane->card.match_count > 0 ? " in other traces" : "", pane->search.text);
    return false;
}

/* --- the line being typed */

static void type(PaneTraces *pane, uint32_t code)
{
    char   bytes[4];
    size_t count = utf8_encode(code, bytes), length = strlen(pane->search.typed);
    if (length + count < sizeof pane->search.typed) {
        memcpy(pane->search.typed + length, bytes, count);
        pane->search.typed[length + count] = '\0';
    }
}

bool search_key(PaneTraces *pane, int code)
{
    size_t length = strlen(pane->search.typed);
    if (code == KEY_CODE_ESCAPE) {
        pane->mode = MODE_READ;
    } else if (code == KEY_CODE_ENTER || code == '\n') {
        pane->mode = MODE_READ;
        if (length == 0) {
            search_again(pane, true);
        } else {
            memcpy(pane->search.text, pane->search.typed, length + 1);
            sides_close(pane);
            search_start(pane, true);
        }
    } else if (code == KEY_CODE_BACKSPACE || code == 8) {
        if (length == 0) {
            pane->mode = MODE_READ;
        } else {
            utf8_previous(pane->search.typed, &length);
            pane->search.typed[length] = '\0';
        }
    } else if (code == 21) { /* Ctrl-U */
        pane->search.typed[0] = '\0';
    } else if (code >= 32 && code < KEY_CODE_UP && code != KEY_CODE_BACKSPACE) {
        type(pane, (uint32_t)code);
    }
    return true;
}
