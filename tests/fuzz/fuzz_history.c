/* Bytes as the files of a run: events before the first NUL, traces before the second, then the log. Read at once, and
 * again as they grow from a part; both have to come to the same, within bounds. Each line is also read in place and as
 * a tree: what the tree takes, the other has to take, with the same numbers; and what a trace's texts hold has to be
 * found in them. */
#include <math.h>
#include <strings.h>

#include "rlsp/run/history_parts.h"
#include "tests/fuzz/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

/* --- a line, both ways */

typedef struct Numbers {
    double values[64];
    int    count;
} Numbers;

static void note(void *context, const char *name, double value)
{
    Numbers *numbers = context;
    (void)name;
    if (numbers->count < 64) {
        numbers->values[numbers->count] = value;
    }
    numbers->count++;
}

static void compare(const char *text, size_t bytes)
{
    char *line = malloc(bytes); /* exactly as long: nothing past it may be read */
    require(line != NULL);
    memcpy(line, text, bytes);
    Numbers   tree = {0}, place = {0};
    Event    *event = event_parse(line, bytes);
    JsonScan  scan  = json_scan(line, bytes);
    ScanField field;
    while (json_scan_next(&scan, &field)) {
        require(field.key >= line && field.key + field.key_bytes < line + bytes);
        if (field.kind == SCAN_NUMBER) {
            note(&place, NULL, field.number);
        } else if (field.kind == SCAN_TEXT) {
            char *plain = malloc(field.text_bytes + 1), cut[8];
            require(field.text + field.text_bytes < line + bytes);
            size_t length = scan_unescape(field.text, field.text_bytes, plain);
            require(length <= field.text_bytes);
            scan_copy(field.text, field.text_bytes, cut, sizeof cut);
            require(strlen(cut) < sizeof cut);
            free(plain);
        }
    }
    if (event != NULL) {
        event_each_number(event, note, &tree);
        require(json_scan_whole(&scan) && tree.count == place.count);
        for (int i = 0; i < tree.count && i < 64; i++) {
            const double wanted = tree.values[i], found = place.values[i];
            require(fabs(wanted - found) <= fabs(wanted) * 2.3e-16 || fabs(wanted - found) < 1e-307);
        }
        event_free(event);
    }
    free(line);
}

/* --- the run */

static void put(const char *name, const char *mode, const uint8_t *bytes, size_t count)
{
    char path[100];
    scratch_path(path, name);
    scratch_put(path, mode, bytes, count);
}

static void check(const History *history)
{
    const HistoryState *state = history_state(history);
    require(strlen(state->name) < sizeof state->name && strlen(state->end_reason) < sizeof state->end_reason);
    require(history_loaded(history) >= 0 && history_loaded(history) <= 1 && state->step_seconds >= 0);
    for (HistoryKind kind = 0; kind < HISTORY_KIND_COUNT; kind++) {
        require(history_metric_count(history, kind) <= HISTORY_METRICS);
        for (int m = 0; m < history_metric_count(history, kind); m++) {
            const HistorySeries series = history_series(history, kind, m);
            for (size_t i = 0; i < series.count; i++) {
                require(i == 0 || series.step[i] > series.step[i - 1]);
                require(isfinite(series.value[i]) || isnan(series.value[i]));
            }
            require(history_metric(history, kind, history_metric_name(history, kind, m)) == m);
        }
    }
    for (int i = 0; i < history_log_count(history); i++) {
        require(history_log_line(history, i) != NULL);
    }
}

/* What the tree has of a trace's texts is found in the line. */
static void search(const History *history, size_t index)
{
    static const char *const fields[] = {"prompt", "response"};
    Event                   *event    = history_trace_read(history, index);
    for (int f = 0; f < 2 && event != NULL; f++) {
        const char *text = event_text(event, fields[f]);
        if (text != NULL) {
            char part[8];
            snprintf(part, sizeof part, "%s", text + strlen(text) / 2);
            require(history_trace_contains(history, index, text) && history_trace_contains(history, index, part));
        }
    }
    event_free(event);
    history_trace_contains(history, index, "a");
}

static void same(const History *a, const History *b)
{
    const HistoryState *x = history_state(a), *y = history_state(b);
    require(x->step == y->step && x->ended == y->ended && x->skipped == y->skipped && strcmp(x->name, y->name) == 0);
    require(x->stage_step == y->stage_step && x->step_seconds == y->step_seconds && x->last_time == y->last_time);
    require(history_trace_count(a) == history_trace_count(b) && history_log_count(a) == history_log_count(b));
    for (HistoryKind kind = 0; kind < HISTORY_KIND_COUNT; kind++) {
        require(history_metric_count(a, kind) == history_metric_count(b, kind));
        require(history_series(a, kind, 0).count == history_series(b, kind, 0).count);
    }
}

static void replay(History *history, const History *whole)
{
    const double first = history_state(whole)->first_time, last = history_state(whole)->last_time;
    history_until(history, -INFINITY);
    history_update(history, 0);
    for (int i = 0; i <= 3; i++) {
        history_until(history, first + (last - first) * i / 3);
        history_update(history, 0);
        check(history);
    }
    history_until(history, INFINITY);
    history_update(history, 0);
    require(history_trace_count(history) == history_trace_count(whole));
    require(history_state(history)->skipped == history_state(whole)->skipped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char    *names[3] = {"events.jsonl", "traces.jsonl", "log.txt"};
    const uint8_t *begin[3], *end = data + size;
    size_t         bytes[3];
    for (int i = 0; i < 3; i++) {
        const uint8_t *nul = i < 2 && data < end ? memchr(data, 0, (size_t)(end - data)) : NULL;
        begin[i]           = data;
        bytes[i]           = (size_t)((nul != NULL ? nul : end) - data);
        data               = nul != NULL ? nul + 1 : end;
        for (const uint8_t *line = begin[i], *next; i < 2 && line < begin[i] + bytes[i]; line = next + 1) {
            next = memchr(line, '\n', bytes[i] - (size_t)(line - begin[i]));
            if (next == NULL) {
                break;
            }
            compare((const char *)line, (size_t)(next - line) + 1);
        }
        put(names[i], "w", begin[i], bytes[i] / 2);
    }
    History *grown = history_open(scratch_folder(), NULL);
    if (grown != NULL) {
        history_update(grown, 0);
    }
    for (int i = 0; i < 3; i++) {
        put(names[i], "a", begin[i] + bytes[i] / 2, bytes[i] - bytes[i] / 2);
    }
    History *whole = history_open(scratch_folder(), NULL);
    if (whole != NULL) {
        history_update(whole, 0);
        check(whole);
        for (size_t i = 0; i < history_trace_count(whole) && i < 8; i++) {
            search(whole, i);
        }
    }
    if (whole != NULL && grown != NULL) {
        history_update(grown, 0);
        check(grown);
        if (!whole->refused) { /* a newer format in a later line: how much was read before is open */
            same(grown, whole);
            replay(grown, whole);
        }
    }
    history_close(grown);
    history_close(whole);
    return 0;
}
