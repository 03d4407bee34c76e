/* What was recorded about a trace, in words. */
#include <stdio.h>
#include <string.h>

#include "tui/trace/trace_card_parts.h"

/* Numbers of one inner object ("rewards."), as "name value" with `between` in between. */
typedef struct Listing {
    FILE       *out;
    const char *prefix, *between;
    bool        zeros; /* or only what there is some of */
    int         count;
} Listing;

static void list_number(void *context, const char *name, double value)
{
    Listing *listing = context;
    size_t   prefix  = strlen(listing->prefix);
    if (strncmp(name, listing->prefix, prefix) == 0 && (listing->zeros || value != 0)) {
        fprintf(listing->out, "%s%s %.4g", listing->count++ > 0 ? listing->between : "", name + prefix, value);
    }
}

static int list_numbers(FILE *out, const Event *event, const char *prefix, const char *between, bool zeros)
{
    Listing listing = {out, prefix, between, zeros, 0};
    event_each_number(event, list_number, &listing);
    return listing.count;
}

/* What others said of the response. */
static void write_said(FILE *out, const Event *event)
{
    const char *rationale = event_text(event, "judge.rationale"), *error = event_text(event, "judge.error");
    const char *lost = event_text(event, "remote.error");
    if (event_has(event, "judge.grade")) {
        fprintf(out, "\njudge %.4g%s%s%s", event_number(event, "judge.grade", 0), error != NULL ? " (fallback)" : "",
                rationale != NULL || error != NULL ? ": " : "",
                rationale != NULL ? rationale
                : error != NULL   ? error
                                  : "");
    }
    if (event_has(event, "remote.reward")) {
        fprintf(out, "\nreward server %.4g%s%s", event_number(event, "remote.reward", 0),
                lost != NULL ? " (fallback): " : "", lost != NULL ? lost : "");
    }
}

static void write_details(FILE *out, const Event *event, const HistoryTrace *meta)
{
    const char *answer = event_text(event, "answer"), *reason = event_text(event, "reason");
    const char *stage = event_text(event, "stage"), *verdict = event_text(event, "verdict");
    const char *problem = event_text(event, "problem"), *gold = event_text(event, "gold");
    const char *rule = event_text(event, "rule"), *subject = event_text(event, "subject");
    const char *level = event_text(event, "level");
    bool        says  = reason != NULL && (verdict == NULL || strcmp(reason, verdict) != 0);
    fprintf(out, "%s%s%s%s%s", verdict != NULL ? verdict : "no verdict", answer != NULL ? ": " : "",
            answer != NULL ? answer : "", says ? ", " : "", says ? reason : "");
    if (gold != NULL) {
        fprintf(out, "\ntrue answer: %s%s%s", gold, rule != NULL ? "; judged by: " : "", rule != NULL ? rule : "");
    }
    fprintf(out, "\nreward %.4g (", event_number(event, "reward", 0));
    list_numbers(out, event, "rewards.", ", ", true);
    fputc(')', out);
    write_said(out, event);
    fprintf(out, "\n%u tokens%s; ", meta->tokens, (meta->flags & HISTORY_TRUNCATED) != 0 ? ", cut off" : "");
    if (list_numbers(out, event, "behaviours.", ", ", false) == 0) {
        fprintf(out, "none of the behaviours");
    }
    fprintf(out, "\n%s, step %u, response %.0f%s%s", stage != NULL ? stage : "no stage", meta->step,
            event_number(event, "index", 0), problem != NULL ? ", problem " : "", problem != NULL ? problem : "");
    fprintf(out, "%s%s%s%s", subject != NULL ? ", " : "", subject != NULL ? subject : "",
            level != NULL ? ", level " : "", level != NULL ? level : "");
}

bool trace_card_describe(TraceCard *card)
{
    size_t bytes = 0;
    FILE  *out   = open_memstream(&card->components, &bytes);
    if (out != NULL) {
        list_numbers(out, card->event, "rewards.", "  ", true);
        fclose(out);
    }
    out = open_memstream(&card->details, &bytes);
    if (out != NULL) {
        write_details(out, card->event, &card->meta);
        fclose(out);
    }
    return card->components != NULL && card->details != NULL;
}
