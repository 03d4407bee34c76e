/* The state of the trace viewer, and moving through the traces. */
#include "tui/pane/pane_traces.h"

#include <stdlib.h>

#include "tui/pane/pane_traces_parts.h"

enum { WHEEL_LINES = 3 };

PaneTraces *pane_traces_new(const History *history)
{
    PaneTraces *pane = calloc(1, sizeof *pane);
    if (pane != NULL) {
        pane->history = history;
        pane->follow  = true;
        pane->index = pane->newest = NO_TRACE;
    }
    return pane;
}

void pane_traces_free(PaneTraces *pane)
{
    if (pane != NULL) {
        sides_close(pane);
        trace_card_free(&pane->card);
        free(pane);
    }
}

/* --- the index */

bool pane_passes(const PaneTraces *pane, size_t index)
{
    return trace_filter_passes(&pane->filter, history_trace(pane->history, index));
}

size_t pane_find_offset(const PaneTraces *pane, uint64_t offset)
{
    size_t low = 0, high = history_trace_count(pane->history);
    while (low < high) {
        size_t   middle = low + (high - low) / 2;
        uint64_t found  = history_trace(pane->history, middle)->offset;
        if (found == offset) {
            return middle;
        }
        if (found < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NO_TRACE;
}

static bool is_same(const HistoryTrace *a, const HistoryTrace *b)
{
    return a->offset == b->offset && a->bytes == b->bytes && a->step == b->step && a->problem == b->problem;
}

static void recount(PaneTraces *pane)
{
    pane->counted = pane->matching = 0;
    pane->newest                   = NO_TRACE;
    pane->rank_index = pane->rank = 0;
}

static void count_on(PaneTraces *pane)
{
    size_t count = history_trace_count(pane->history);
    for (size_t i = pane->counted; i < count; i++) {
        if (pane_passes(pane, i)) {
            pane->matching++;
            pane->newest = i;
        }
    }
    pane->counted = count;
    if (count > 0) {
        pane->first = *history_trace(pane->history, 0);
        pane->last  = *history_trace(pane->history, count - 1);
    }
}

/* Whether what was counted is still there, in its place. */
static bool index_is_cut(const PaneTraces *pane)
{
    return pane->counted > 0 && (history_trace_count(pane->history) < pane->counted ||
                                 !is_same(history_trace(pane->history, 0), &pane->first) ||
                                 !is_same(history_trace(pane->history, pane->counted - 1), &pane->last));
}

void pane_sync(PaneTraces *pane)
{
    if (index_is_cut(pane)) {
        size_t before = pane->index;
        recount(pane);
        pane->index = before != NO_TRACE ? pane_find_offset(pane, pane->offset) : NO_TRACE;
        if (pane->search.active && pane->index != NO_TRACE && pane->index <= before) {
            size_t moved      = before - pane->index; /* the oldest were let go */
            pane->search.next = pane->search.next > moved ? pane->search.next - moved : 0;
        }
    }
    count_on(pane);
    bool idle = pane->mode == MODE_READ && !pane->search.active && !pane->sides.on && pane->card.scroll == 0;
    if (pane->index == NO_TRACE || (pane->follow && idle)) {
        if (pane->newest != pane->index) {
            pane_select(pane, pane->newest);
        }
        pane->follow = true;
    }
}

/* Of the current trace, from 1. */
static size_t rank_of(PaneTraces *pane)
{
    if (pane->index == NO_TRACE) {
        return 0;
    }
    for (; pane->rank_index < pane->index; pane->rank_index++) {
        pane->rank += pane_passes(pane, pane->rank_index);
    }
    while (pane->rank_index > pane->index) {
        pane->rank_index--;
        pane->rank -= pane_passes(pane, pane->rank_index);
    }
    return pane->rank + 1;
}

void pane_select(PaneTraces *pane, size_t index)
{
    pane->index = index;
    if (index == NO_TRACE) {
        trace_card_free(&pane->card);
        return;
    }
    pane->offset      = history_trace(pane->history, index)->offset;
    pane->follow      = index == pane->newest;
    pane->card.scroll = 0;
}

bool pane_load(PaneTraces *pane)
{
    bool was  = pane->card.loaded && pane->card.meta.offset == pane->offset && pane->card.event != NULL;
    bool here = trace_card_load(&pane->card, pane->history, pane->index);
    if (here && !was) {
        trace_card_find(&pane->card, pane->search.text);
    }
    return here;
}

/* --- moving */

static void say(PaneTraces *pane, const char *text)
{
    snprintf(pane->message, sizeof pane->message, "%s", text);
}

static void step_by(PaneTraces *pane, bool forward)
{
    size_t count = history_trace_count(pane->history), i = pane->index;
    if (i == NO_TRACE) {
        return;
    }
    do {
        if (forward ? i + 1 >= count : i == 0) {
            say(pane, forward ? "this is the newest" : "this is the oldest");
            return;
        }
        i += forward ? 1 : SIZE_MAX;
    } while (!pane_passes(pane, i));
    pane_select(pane, i);
}

static void go_to_oldest(PaneTraces *pane)
{
    size_t count = history_trace_count(pane->history), i = 0;
    while (i < count && !pane_passes(pane, i)) {
        i++;
    }
    if (i < count) {
        pane_select(pane, i);
    }
}

static void go_to_longest(PaneTraces *pane)
{
    size_t   count = history_trace_count(pane->history), longest = NO_TRACE;
    uint32_t tokens = 0;
    for (size_t i = 0; i < count; i++) {
        const HistoryTrace *trace = history_trace(pane->history, i);
        if (trace_filter_passes(&pane->filter, trace) && (longest == NO_TRACE || trace->tokens > tokens)) {
            longest = i;
            tokens  = trace->tokens;
        }
    }
    if (longest != NO_TRACE) {
        pane_select(pane, longest);
        say(pane, pane->filter.require != 0 || pane->filter.forbid != 0 ? "the longest that passes the filter"
                                                                        : "the longest");
    }
}

static void scroll(TraceCard *card, long lines)
{
    if (lines < 0) {
        card->scroll = card->scroll > (size_t)-lines ? card->scroll - (size_t)-lines : 0;
    } else {
        card->scroll += (size_t)lines; /* put right when drawn */
    }
}

static bool scroll_key(PaneTraces *pane, int code)
{
    TraceCard *cards[] = {pane->sides.on ? &pane->sides.cards[0] : &pane->card, &pane->sides.cards[1]};
    for (int i = 0; i < (pane->sides.on ? 2 : 1); i++) {
        long page = cards[i]->page > 2 ? cards[i]->page - 1 : 1;
        switch (code) {
        case KEY_CODE_UP:
        case 'k': scroll(cards[i], -1); break;
        case KEY_CODE_DOWN:
        case 'j': scroll(cards[i], 1); break;
        case KEY_CODE_PAGE_UP: scroll(cards[i], -page); break;
        case KEY_CODE_PAGE_DOWN: scroll(cards[i], page); break;
        case KEY_CODE_WHEEL_UP: scroll(cards[i], -WHEEL_LINES); break;
        case KEY_CODE_WHEEL_DOWN: scroll(cards[i], WHEEL_LINES); break;
        default: return false;
        }
    }
    return true;
}

/* --- the filter */

/* The trace shown stays if it passes, else the nearest older one, else the newest. */
static void filter_changed(PaneTraces *pane)
{
    size_t i = pane->index != NO_TRACE ? pane->index : history_trace_count(pane->history);
    recount(pane);
    count_on(pane);
    if (pane->index != NO_TRACE && pane_passes(pane, i)) {
        pane->follow = i == pane->newest;
        return;
    }
    while (i > 0 && !pane_passes(pane, i - 1)) {
        i--;
    }
    pane_select(pane, i > 0 ? i - 1 : pane->newest);
}

static bool filter_key(PaneTraces *pane, int code)
{
    if (code == KEY_CODE_ENTER || code == KEY_CODE_ESCAPE || code == 'f' || code == 'q') {
        pane->mode = MODE_READ;
    } else if (code == 'a') {
        pane->filter = (TraceFilter){0};
        filter_changed(pane);
    } else if (code > 0 && code < 128 && trace_filter_toggle(&pane->filter, (char)code)) {
        filter_changed(pane);
    }
    return true;
}

/* --- keys */

static bool read_key(PaneTraces *pane, int code)
{
    if (pane->sides.on && sides_key(pane, code)) {
        return true;
    }
    switch (code) {
    case '[':
    case 'h':
    case KEY_CODE_LEFT: step_by(pane, false); return true;
    case ']':
    case 'l':
    case KEY_CODE_RIGHT: step_by(pane, true); return true;
    case 'g':
    case KEY_CODE_HOME: go_to_oldest(pane); return true;
    case 'G':
    case KEY_CODE_END:
        if (pane->newest != NO_TRACE) {
            pane_select(pane, pane->newest);
        }
        return true;
    case 'L': go_to_longest(pane); return true;
    case 'f': pane->mode = MODE_FILTER; return true;
    case 'v': sides_open(pane); return true;
    case '/':
        pane->mode            = MODE_QUERY;
        pane->search.typed[0] = '\0';
        return true;
    case 'n': search_again(pane, true); return true;
    case 'N': search_again(pane, false); return true;
    case KEY_CODE_ESCAPE:
        if (!pane->search.active && pane->search.text[0] == '\0') {
            return false;
        }
        search_stop(pane);
        return true;
    default: return scroll_key(pane, code);
    }
}

bool pane_traces_key(PaneTraces *pane, TerminalKey key)
{
    int code = key.code;
    if (code == KEY_CODE_NONE || code == KEY_CODE_SIZE_CHANGED || code == KEY_CODE_STOP || code == KEY_CODE_HANG_UP ||
        code == 3) {
        return false; /* of the whole screen, whatever is open: Ctrl-C too */
    }
    pane_sync(pane);
    pane->message[0] = '\0';
    switch (pane->mode) {
    case MODE_FILTER: return code >= KEY_CODE_UP ? scroll_key(pane, code) || true : filter_key(pane, code);
    case MODE_QUERY: return search_key(pane, code);
    default: return read_key(pane, code);
    }
}

bool pane_traces_captures(const PaneTraces *pane)
{
    return pane->mode != MODE_READ;
}

void pane_traces_title(PaneTraces *pane, Glyphs glyphs, char *out, size_t size)
{
    char filter[160];
    pane_sync(pane);
    trace_filter_text(&pane->filter, filter, sizeof filter);
    bool filtered = pane->filter.require != 0 || pane->filter.forbid != 0;
    snprintf(out, size, "traces %zu/%zu%s%s%s", rank_of(pane), pane->matching,
             pane->follow && pane->matching > 0 ? " newest" : "",
             !filtered                ? ""
             : glyphs == GLYPHS_ASCII ? " - "
                                      : " \xC2\xB7 ",
             filtered ? filter : "");
}

const char *pane_traces_prompt(PaneTraces *pane)
{
    pane_sync(pane);
    if (pane->index == NO_TRACE) {
        return "";
    }
    if (pane->sides.on && sides_load(pane)) {
        return trace_card_prompt(&pane->sides.cards[pane->sides.active]);
    }
    pane_load(pane);
    return trace_card_prompt(&pane->card);
}
