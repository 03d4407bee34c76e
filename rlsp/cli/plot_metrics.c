/* rlsp plot: what is meant by the name of a metric. */
#include <stdlib.h>
#include <string.h>

#include "engine/io/json.h"
#include "engine/utf8.h"
#include "rlsp/cli/plot_panels.h"
#include "tui/draw/text.h"

enum { NAMES_MAX = HISTORY_KIND_COUNT * HISTORY_METRICS, NEAREST = 3, HOLDS_MIN = 3 };

/* In the order in which a name without its kind is looked for. */
static const HistoryKind kinds[HISTORY_KIND_COUNT] = {HISTORY_RL, HISTORY_EVAL, HISTORY_SFT};

const char *plot_kind_name(HistoryKind kind)
{
    static const char *const names[HISTORY_KIND_COUNT] = {
        [HISTORY_SFT] = "sft", [HISTORY_RL] = "rl", [HISTORY_EVAL] = "eval"};
    return names[kind];
}

void plot_clean(const char *text, char *out, size_t size)
{
    TextReader reader = text_reader(text, strlen(text));
    size_t     used   = 0;
    for (TextGlyph glyph; text_next(&reader, &glyph);) {
        for (int i = 0; i < CELL_CODES && (glyph.newline ? i == 0 : glyph.codes[i] != 0); i++) {
            char         bytes[4];
            const size_t count = utf8_encode(glyph.newline ? ' ' : glyph.codes[i], bytes);
            if (used + count >= size) {
                out[used] = '\0';
                return;
            }
            memcpy(out + used, bytes, count);
            used += count;
        }
    }
    out[used] = '\0';
}

void plot_each_metric(const PlotRun *runs, int run_count, PlotVisit *visit, void *context)
{
    for (int k = 0; k < HISTORY_KIND_COUNT; k++) {
        for (int r = 0; r < run_count; r++) {
            for (int m = 0; m < history_metric_count(runs[r].history, kinds[k]); m++) {
                const char *name = history_metric_name(runs[r].history, kinds[k], m);
                bool        seen = false;
                for (int before = 0; before < r && !seen; before++) {
                    seen = history_metric(runs[before].history, kinds[k], name) >= 0;
                }
                if (!seen) {
                    visit(context, kinds[k], name);
                }
            }
        }
    }
}

static bool runs_have(const PlotRequest *request, const PlotMetric *metric)
{
    for (int r = 0; r < request->run_count; r++) {
        if (history_metric(request->runs[r].history, metric->kind, metric->name) >= 0) {
            return true;
        }
    }
    return false;
}

typedef struct Names {
    char        full[NAMES_MAX][PLOT_NAME_SIZE + 8];
    const char *list[2 * NAMES_MAX]; /* with and without their kind */
    size_t      count;
} Names;

static void add_name(void *context, HistoryKind kind, const char *name)
{
    Names *names = context;
    if (names->count < NAMES_MAX) {
        char *full = names->full[names->count];
        snprintf(full, sizeof names->full[0], "%s.%s", plot_kind_name(kind), name);
        names->list[names->count++] = full;
    }
}

/* The next name that comes near: those that hold the word, whatever their kind, then those that are spelled alike. */
static const char *nearest(const Names *names, const char *word)
{
    const char *dot  = strchr(word, '.');
    const char *bare = dot != NULL ? dot + 1 : word;
    for (size_t i = 0; strlen(bare) >= HOLDS_MIN && i < names->count; i++) {
        if (strstr(names->list[i], bare) != NULL) {
            return names->list[i];
        }
    }
    return json_nearest(word, names->list, names->count);
}

/* Fails with the names that come nearest. */
static Status unknown_metric(const PlotRequest *request, const char *word, Error *error)
{
    Names *names     = calloc(1, sizeof *names);
    char   near[400] = "";
    size_t used      = 0;
    if (names == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while looking for a metric");
    }
    plot_each_metric(request->runs, request->run_count, add_name, names);
    for (size_t i = 0, full = names->count; i < full; i++) {
        names->list[names->count++] = strchr(names->full[i], '.') + 1;
    }
    for (int found = 0; found < NEAREST && names->count > 0; found++) {
        const char *next = nearest(names, word);
        if (next == NULL) {
            break;
        }
        const size_t which = ((size_t)(next - names->full[0])) / sizeof names->full[0]; /* both spellings lie in it */
        char         clean[PLOT_NAME_SIZE + 8];
        plot_clean(names->full[which], clean, sizeof clean);
        used += (size_t)snprintf(near + used, sizeof near - used, "%s%s", used > 0 ? ", " : "", clean);
        size_t kept = 0;
        for (size_t i = 0; i < names->count; i++) { /* neither of them again */
            if ((size_t)(names->list[i] - names->full[0]) / sizeof names->full[0] != which) {
                names->list[kept++] = names->list[i];
            }
        }
        names->count = kept;
    }
    free(names);
    return error_set(error, STATUS_BAD_INPUT, "no run here has a metric \"%.60s\"; %s%s%s", word,
                     used > 0 ? "the nearest: " : "", near, used > 0 ? "; --list shows all" : "--list shows all");
}

Status plot_metric_find(const PlotRequest *request, const char *word, size_t length, PlotMetric *metric, Error *error)
{
    char text[PLOT_NAME_SIZE];
    snprintf(text, sizeof text, "%.*s", (int)(length < PLOT_NAME_SIZE - 1 ? length : PLOT_NAME_SIZE - 1), word);
    for (int k = 0; k < HISTORY_KIND_COUNT; k++) {
        const char *kind   = plot_kind_name(kinds[k]);
        size_t      prefix = strlen(kind);
        metric->kind       = kinds[k];
        for (int with = 1; with >= 0; with--) {
            if (with && !(strncmp(text, kind, prefix) == 0 && text[prefix] == '.')) {
                continue;
            }
            snprintf(metric->name, sizeof metric->name, "%s", with ? text + prefix + 1 : text);
            if (runs_have(request, metric)) {
                return STATUS_OK;
            }
        }
    }
    return unknown_metric(request, text, error);
}
