#include "tui/trace/trace_card.h"

#include <stdlib.h>
#include <string.h>

#include "tui/trace/trace_card_parts.h"

void trace_card_free(TraceCard *card)
{
    trace_card_free_lines(card);
    free(card->matches);
    free(card->components);
    free(card->details);
    markup_free(&card->markup);
    event_free(card->event);
    memset(card, 0, sizeof *card);
}

static void set_part(TraceCard *card, int part, const char *bytes)
{
    size_t length = bytes != NULL ? strlen(bytes) : 0;
    while (part == CARD_PROMPT && length > 0 && bytes[length - 1] == '\n') {
        length--;
    }
    card->parts[part].bytes  = bytes != NULL ? bytes : "";
    card->parts[part].length = length;
}

bool trace_card_load(TraceCard *card, const History *history, size_t index)
{
    const HistoryTrace *meta = history_trace(history, index);
    if (card->loaded && card->meta.offset == meta->offset && card->meta.bytes == meta->bytes &&
        card->meta.step == meta->step && card->meta.tokens == meta->tokens && card->meta.problem == meta->problem) {
        return card->event != NULL;
    }
    trace_card_free(card);
    card->meta   = *meta;
    card->loaded = true;
    card->match  = SIZE_MAX;
    card->event  = history_trace_read(history, index);
    for (int p = 0; p < CARD_PARTS; p++) {
        set_part(card, p, NULL);
    }
    if (card->event == NULL) {
        return false;
    }
    set_part(card, CARD_PROMPT, event_text(card->event, "prompt"));
    set_part(card, CARD_RESPONSE, event_text(card->event, "response"));
    const Task *task = task_find(history_state(history)->task);
    if (!trace_card_describe(card) ||
        markup_trace(task, event_text(card->event, "prompt"), card->parts[CARD_RESPONSE].bytes,
                     card->parts[CARD_RESPONSE].length, &card->markup, NULL) != STATUS_OK) {
        HistoryTrace kept = card->meta;
        trace_card_free(card);
        card->meta   = kept;
        card->loaded = true;
        for (int p = 0; p < CARD_PARTS; p++) {
            set_part(card, p, NULL);
        }
        return false;
    }
    set_part(card, CARD_DETAILS, card->details);
    return true;
}

const char *trace_card_prompt(const TraceCard *card)
{
    const char *prompt = card->event != NULL ? event_text(card->event, "prompt") : NULL;
    return prompt != NULL ? prompt : "";
}
