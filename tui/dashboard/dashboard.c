/* The dashboard: what it holds, and its loop. */
#include "tui/dashboard/dashboard.h"

#include <langinfo.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tui/dashboard/dashboard_parts.h"

enum {
    KEYS_PER_TURN = 64, /* a pasted novel does not stop the clock    */
    DEFAULT_RATE  = 4
};

static const double slice           = 0.02; /* seconds of reading or searching between two looks at the keys */
static const double message_seconds = 6.0;
/* Without keys, drawing takes this share of a core at most; curves of 100,000 steps cost 30 ms a screen. Yet no news
 * waits longer than patience. */
static const double core_share = 0.015, patience = 3.0;

static double clock_seconds(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

double dashboard_now(void)
{
    return clock_seconds(CLOCK_MONOTONIC);
}

double dashboard_unix_time(void)
{
    return clock_seconds(CLOCK_REALTIME);
}

Glyphs dashboard_glyphs(const Dashboard *dashboard)
{
    if (dashboard->settings.glyphs >= 0) {
        return (Glyphs)dashboard->settings.glyphs;
    }
    if (dashboard->terminal != NULL) {
        return terminal_glyphs(dashboard->terminal);
    }
    const char *codeset = dashboard->options->picture != NULL ? "UTF-8" : nl_langinfo(CODESET);
    return theme_glyphs(codeset, "", getenv("RLSP_GLYPHS"));
}

void dashboard_say(Dashboard *dashboard, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(dashboard->message, sizeof dashboard->message, format, arguments);
    va_end(arguments);
    dashboard->message_until = dashboard_now() + message_seconds;
    dashboard->dirty         = true;
}

void dashboard_leave(Dashboard *dashboard, DashboardEnd end)
{
    dashboard->leaving = true;
    dashboard->end     = end;
}

/* --- what it holds */

static void on_stderr(void *user, const char *line)
{
    Dashboard *dashboard = user;
    history_log_add(dashboard->runs[0], line);
}

static Status open_terminal(Dashboard *dashboard, Error *error)
{
    TerminalOptions options = {.on_stderr = on_stderr, .user = dashboard, .mouse = dashboard->settings.mouse};
    dashboard->terminal     = terminal_open(&options, error);
    return dashboard->terminal != NULL ? STATUS_OK : error->status;
}

void dashboard_reopen_terminal(Dashboard *dashboard)
{
    Error error = {0};
    terminal_close(dashboard->terminal);
    if (open_terminal(dashboard, &error) != STATUS_OK) {
        dashboard_leave(dashboard, dashboard->trainer.alive ? DASHBOARD_DETACHED : DASHBOARD_LEFT);
    }
    dashboard->dirty = true;
}

static Status open_runs(Dashboard *dashboard, Error *error)
{
    const DashboardOptions *options = dashboard->options;
    if (options->run_count < 1 || options->run_count > DASHBOARD_RUNS_MAX) {
        return error_set(error, STATUS_BAD_INPUT, "%d runs were given; at least 1 and at most %d are shown together",
                         options->run_count, DASHBOARD_RUNS_MAX);
    }
    for (int i = 0; i < options->run_count; i++) {
        dashboard->runs[i] = history_open(options->runs[i], error);
        if (dashboard->runs[i] == NULL) {
            return error->status;
        }
    }
    return STATUS_OK;
}

static Status open_panes(Dashboard *dashboard, Error *error)
{
    bool made         = (dashboard->traces = pane_traces_new(dashboard->runs[0])) != NULL;
    dashboard->canvas = made ? canvas_new(1, 1) : NULL;
    made              = dashboard->canvas != NULL;
    for (int i = 0; i < CURVE_PANES && made; i++) {
        dashboard->curves[i] = pane_curves_new((Pane)i, (const History *const *)dashboard->runs,
                                               dashboard->options->run_count, &dashboard->view);
        made                 = dashboard->curves[i] != NULL;
    }
    return made ? STATUS_OK : error_set(error, STATUS_OUT_OF_MEMORY, "out of memory for the dashboard");
}

static void close_all(Dashboard *dashboard)
{
    terminal_close(dashboard->terminal); /* first: what is left on stderr is added to the log of a run */
    pane_traces_free(dashboard->traces);
    for (int i = 0; i < CURVE_PANES; i++) {
        pane_curves_free(dashboard->curves[i]);
    }
    for (int i = 0; i < DASHBOARD_RUNS_MAX; i++) {
        history_close(dashboard->runs[i]);
    }
    canvas_free(dashboard->canvas);
    free(dashboard);
}

static Status resize(Dashboard *dashboard, int width, int height, Error *error)
{
    if (dashboard->canvas->width == width && dashboard->canvas->height == height) {
        return STATUS_OK;
    }
    Canvas *canvas = canvas_new(width, height);
    if (canvas == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory for a screen of %dx%d", width, height);
    }
    canvas_free(dashboard->canvas);
    dashboard->canvas = canvas;
    return STATUS_OK;
}

/* --- the loop */

static void read_on(Dashboard *dashboard)
{
    double loaded = 0;
    bool   more   = false;
    int    count  = dashboard->options->run_count;
    for (int i = 0; i < count; i++) {
        more |= history_update(dashboard->runs[i], slice / count);
        loaded += history_loaded(dashboard->runs[i]) / count;
    }
    dashboard->reading = more;
    dashboard->loaded  = loaded;
}

static void update(Dashboard *dashboard)
{
    replay_advance(dashboard);
    read_on(dashboard);
    if (!dashboard->reading && replay_begin(dashboard)) {
        read_on(dashboard);
    }
    trainer_look(dashboard);
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t count)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ byte[i]) * 0x100000001B3u; /* FNV-1a */
    }
    return hash;
}

/* Changes when what the screen shows may have changed without a key. */
static uint64_t fingerprint(const Dashboard *dashboard)
{
    uint64_t hash = 0xCBF29CE484222325u;
    for (int i = 0; i < dashboard->options->run_count; i++) {
        const History      *run    = dashboard->runs[i];
        const HistoryState *state  = history_state(run);
        const size_t        traces = history_trace_count(run);
        const int           lines  = history_log_count(run);
        hash                       = mix(hash, &state->last_time, sizeof state->last_time);
        hash                       = mix(hash, &state->step, sizeof state->step);
        hash                       = mix(hash, &traces, sizeof traces);
        hash                       = mix(hash, &lines, sizeof lines);
        if (traces > 0) {
            const uint64_t offset = history_trace(run, traces - 1)->offset; /* the index may be full */
            hash                  = mix(hash, &offset, sizeof offset);
        }
        if (lines > 0) {
            const char *line = history_log_line(run, lines - 1);
            hash             = mix(hash, line, strlen(line));
        }
    }
    char text[160];
    dashboard_state_text(dashboard, text, sizeof text);
    hash               = mix(hash, text, strlen(text));
    const bool message = dashboard_now() < dashboard->message_until;
    return mix(hash, &message, sizeof message);
}

static Status show(Dashboard *dashboard, Error *error)
{
    int width, height;
    terminal_size(dashboard->terminal, &width, &height);
    Status status = resize(dashboard, width, height, error);
    if (status == STATUS_OK) {
        dashboard_draw(dashboard);
        terminal_show(dashboard->terminal, dashboard->canvas);
        dashboard->dirty = false;
    }
    return status;
}

/* Until a key comes or the files are looked at again; then all keys that are there. */
static void read_keys(Dashboard *dashboard, double until)
{
    const bool   busy = dashboard->dirty || dashboard->reading || dashboard->searching;
    const double left = busy ? 0 : until - dashboard_now();
    TerminalKey  key  = terminal_read(dashboard->terminal, left > 0 ? 1 + (int)(left * 1000) : 0);
    for (int i = 0; i < KEYS_PER_TURN && key.code != KEY_CODE_NONE; i++) {
        dashboard_key(dashboard, key);
        dashboard->dirty = true;
        if (dashboard->leaving) {
            break;
        }
        key = terminal_read(dashboard->terminal, 0);
    }
}

/* Seconds until the next screen after one that took `cost` seconds of computing. */
static double pause_after(const Dashboard *dashboard, double cost)
{
    const double usual = 1.0 / dashboard->settings.rate;
    return dashboard->reading ? usual : fmax(usual, fmin(cost / core_share, patience));
}

static Status loop(Dashboard *dashboard, Error *error)
{
    Status   status = STATUS_OK;
    double   next   = 0; /* when the files are looked at, and the screen drawn */
    uint64_t shown  = 0;
    while (!dashboard->leaving && status == STATUS_OK) {
        read_keys(dashboard, next);
        trainer_read(dashboard);
        dashboard->searching = !dashboard->leaving && pane_traces_work(dashboard->traces, slice);
        const bool   due     = dashboard_now() >= next;
        const double begun   = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
        if (due || dashboard->reading) {
            update(dashboard);
        }
        if (due) {
            const uint64_t print = fingerprint(dashboard);
            dashboard->dirty |= print != shown || dashboard->searching || dashboard->reading;
            shown = print;
        }
        if (dashboard->dirty && !dashboard->leaving) {
            status = show(dashboard, error);
        }
        if (due) {
            next = dashboard_now() + pause_after(dashboard, clock_seconds(CLOCK_THREAD_CPUTIME_ID) - begun);
        }
    }
    return status;
}

/* --- a picture instead */

/* "\e" Escape, "\r" Enter, "\t" Tab, "\\" itself; every other character is a key. */
static TerminalKey written_key(const char **keys)
{
    char c = *(*keys)++;
    if (c == '\\' && **keys != '\0') {
        switch (c = *(*keys)++) {
        case 'e': c = KEY_CODE_ESCAPE; break;
        case 'r': c = KEY_CODE_ENTER; break;
        case 't': c = KEY_CODE_TAB; break;
        default: break;
        }
    }
    return (TerminalKey){.code = (unsigned char)c};
}

static Status draw_once(Dashboard *dashboard, Error *error)
{
    const DashboardOptions *options = dashboard->options;
    for (int i = 0; i < options->run_count; i++) {
        while (history_update(dashboard->runs[i], 0)) {
        }
    }
    dashboard->loaded = 1;
    trainer_look(dashboard);
    Status status = resize(dashboard, options->width, options->height, error);
    if (status != STATUS_OK) {
        return status;
    }
    dashboard_draw(dashboard);
    for (const char *keys = options->keys; keys != NULL && *keys != '\0';) {
        dashboard_key(dashboard, written_key(&keys));
        while (pane_traces_work(dashboard->traces, slice)) {
        }
        dashboard_draw(dashboard); /* pages are as long as what was drawn */
    }
    return save_as_asked(dashboard, error);
}

Status dashboard_run(const DashboardOptions *options, DashboardEnd *end, Error *error)
{
    Dashboard *dashboard = calloc(1, sizeof *dashboard);
    if (dashboard == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory for the dashboard");
    }
    dashboard->options             = options;
    dashboard->focus               = PANE_TRACES;
    dashboard->view                = (CurveView){.smoothing = 0.6, .zoom = 1};
    dashboard->settings.colours    = true;
    dashboard->settings.glyphs     = -1;
    dashboard->settings.rate       = DEFAULT_RATE;
    dashboard->settings.mouse      = true;
    dashboard->replay              = (Replay){.on = options->replay > 0, .speed = options->replay};
    dashboard->trainer.alive       = options->child > 0;
    dashboard->trainer.output_open = options->output >= 0;
    const bool screen              = options->picture == NULL && options->text == NULL;
    Status     status              = open_runs(dashboard, error);
    if (status == STATUS_OK) {
        status = open_panes(dashboard, error);
    }
    if (status == STATUS_OK && screen) {
        status = open_terminal(dashboard, error);
        if (status != STATUS_OK) {
            status = error->status = STATUS_BAD_INPUT; /* something else can be asked for */
        }
    }
    if (status == STATUS_OK) {
        status = screen ? loop(dashboard, error) : draw_once(dashboard, error);
    }
    *end = dashboard->end;
    close_all(dashboard);
    return status;
}
