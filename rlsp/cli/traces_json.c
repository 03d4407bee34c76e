/* rlsp traces --json. */
#include <string.h>

#include "rlsp/cli/traces.h"
#include "rlsp/run/json_line.h"

/* The numbers of one inner object of the event. */
typedef struct Inner {
    JsonLine   *line;
    const char *prefix;
} Inner;

static void put_number(void *context, const char *name, double value)
{
    const Inner *inner  = context;
    size_t       prefix = strlen(inner->prefix);
    if (strncmp(name, inner->prefix, prefix) == 0) {
        json_line_number_field(inner->line, name + prefix, value);
    }
}

static void put_object(JsonLine *line, const Event *event, const char *key, const char *prefix)
{
    json_line_key(line, key);
    json_line_begin(line, '{');
    event_each_number(event, put_number, &(Inner){line, prefix});
    json_line_end(line, '}');
}

/* What somebody else said of the response: left out where nobody was asked. */
static void put_said(JsonLine *line, const Event *event, const char *who)
{
    static const char *const texts[] = {"rationale", "error"};
    char                     name[32];
    snprintf(name, sizeof name, "%s.fallback", who);
    if (!event_has(event, name)) {
        return;
    }
    json_line_key(line, who);
    json_line_begin(line, '{');
    snprintf(name, sizeof name, "%s.", who);
    event_each_number(event, put_number, &(Inner){line, name});
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        snprintf(name, sizeof name, "%s.%s", who, texts[i]);
        if (event_has(event, name)) {
            json_line_text_field(line, texts[i], event_text(event, name));
        }
    }
    json_line_end(line, '}');
}

static void put_flag(JsonLine *line, const char *key, bool value)
{
    json_line_key(line, key);
    json_line_bool(line, value);
}

/* Where what was thought lies in the response. */
static void put_marks(JsonLine *line, const Markup *markup)
{
    json_line_key(line, "marks");
    json_line_begin(line, '[');
    for (size_t i = 0; i < markup->count; i++) {
        const MarkupRun *run = &markup->runs[i];
        if (run->kind == MARKUP_PLAIN && !run->loop && !run->changed) {
            continue;
        }
        json_line_begin(line, '{');
        json_line_number_field(line, "offset", (double)run->offset);
        json_line_number_field(line, "bytes", (double)run->length);
        json_line_text_field(line, "kind", markup_kind_name(run->kind));
        put_flag(line, "evidence", run->evidence);
        put_flag(line, "loop", run->loop);
        put_flag(line, "changed", run->changed);
        json_line_end(line, '}');
    }
    json_line_end(line, ']');
}

bool traces_print_json(const TraceCard *card, FILE *out)
{
    static const char *const texts[]       = {"stage", "problem", "prompt", "response", "answer", "verdict", "reason"};
    static const char *const of_datasets[] = {"subject", "level", "gold", "rule"};
    JsonLine                 line          = {0};
    json_line_begin(&line, '{');
    json_line_number_field(&line, "step", (double)event_step(card->event));
    json_line_number_field(&line, "index", event_number(card->event, "index", 0));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        json_line_text_field(&line, texts[i], event_text(card->event, texts[i]));
    }
    for (size_t i = 0; i < sizeof of_datasets / sizeof *of_datasets; i++) {
        if (event_has(card->event, of_datasets[i])) {
            json_line_text_field(&line, of_datasets[i], event_text(card->event, of_datasets[i]));
        }
    }
    json_line_number_field(&line, "tokens", event_number(card->event, "tokens", 0));
    put_flag(&line, "truncated", event_number(card->event, "truncated", 0) != 0);
    json_line_number_field(&line, "reward", event_number(card->event, "reward", 0));
    put_object(&line, card->event, "rewards", "rewards.");
    put_object(&line, card->event, "behaviours", "behaviours.");
    put_said(&line, card->event, "judge");
    put_said(&line, card->event, "remote");
    put_flag(&line, "parsed", card->markup.parsed);
    put_marks(&line, &card->markup);
    json_line_end(&line, '}');
    const char *text = json_line_finish(&line);
    if (text != NULL) {
        fwrite(text, 1, line.size, out);
    }
    json_line_free(&line);
    return text != NULL;
}
