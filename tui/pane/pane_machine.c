/* Lines in the order of what a person looks for; those that do not fit are left out from the end. */
#include "tui/pane/pane_machine.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/draw/chart.h"
#include "tui/draw/text.h"
#include "tui/pane/metric_mean.h"

enum {
    LABEL_WIDTH     = 11, /* "advantages "                               */
    LABELLED_WIDTH  = 32, /* from here on lines begin with what they are */
    BAR_WIDTH       = 38, /* from here on phases have bars               */
    SECONDS_COLUMNS = 8,
    SHARE_COLUMNS   = 5,
    LINES_MAX       = 24
};

#define SMALL_PHASE 0.01 /* of a step */

void machine_duration(double seconds, char out[16])
{
    out[0] = '\0';
    if (!isfinite(seconds)) {
        return;
    }
    const double   limit   = 9999.0 * 86400.0;
    const unsigned s       = (unsigned)lround(fmin(limit, fmax(0, seconds)));
    const unsigned minutes = s / 60, hours = minutes / 60, days = hours / 24;
    if (s < 60) {
        snprintf(out, 16, "%us", s);
    } else if (hours == 0) {
        snprintf(out, 16, "%um %02us", minutes, s % 60);
    } else if (days == 0) {
        snprintf(out, 16, "%uh %02um", hours, minutes % 60);
    } else if (days < 1000) {
        snprintf(out, 16, "%ud %uh", days, hours % 24);
    } else {
        snprintf(out, 16, "%ud", days);
    }
}

static void seconds_text(double seconds, char out[16])
{
    if (!isfinite(seconds)) {
        out[0] = '\0';
    } else if (seconds >= 100) {
        machine_duration(seconds, out);
    } else {
        snprintf(out, 16,
                 seconds >= 10    ? "%.0f s"
                 : seconds >= 0.1 ? "%.1f s"
                                  : "%.0f ms",
                 seconds >= 0.1 ? seconds : 1000 * fmax(0, seconds));
    }
}

static void bytes_text(double bytes, char out[16])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    int                      unit    = 0;
    if (!isfinite(bytes) || bytes < 0 || bytes >= 1e18) {
        out[0] = '\0';
        return;
    }
    while (bytes >= 1000 && unit < 4) {
        bytes /= 1024;
        unit++;
    }
    snprintf(out, 16, bytes < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

/* Implementations of Vulkan that have no GPU, by the names that they give themselves. */
static bool is_cpu(const char *name)
{
    static const char *const cpus[] = {"llvmpipe", "lavapipe", "swiftshader", "softpipe"};
    for (size_t i = 0; i < sizeof cpus / sizeof *cpus; i++) {
        const size_t length = strlen(cpus[i]);
        for (const char *at = name; *at != '\0'; at++) {
            size_t same = 0;
            while (same < length && tolower((unsigned char)at[same]) == cpus[i][same]) {
                same++;
            }
            if (same == length) {
                return true;
            }
        }
    }
    return false;
}

/* --- lines */

typedef struct Line {
    const char *label;
    char        text[160], right[64];
    Ink         ink;
    double      share; /* of a bar; NAN: none */
    bool        phase;
    bool        named;     /* the label is shown however little room there is */
    char        brief[32]; /* for `text` where that does not fit; "": cut    */
} Line;

typedef struct Lines {
    Line list[LINES_MAX];
    int  count;
} Lines;

static Line *add(Lines *lines, const char *label, Ink ink)
{
    Line *line = &lines->list[lines->count < LINES_MAX - 1 ? lines->count++ : LINES_MAX - 1];
    *line      = (Line){.label = label, .ink = ink, .share = NAN};
    return line;
}

static HistoryKind kind_now(const History *history)
{
    const bool sft = isfinite(history_last(history, HISTORY_SFT, "stage_step"));
    const bool rl  = isfinite(history_last(history, HISTORY_RL, "stage_step"));
    return !rl && sft ? HISTORY_SFT : HISTORY_RL;
}

static double mean_now(const History *history, const char *name)
{
    HistorySeries series = metric_series(history, kind_now(history), name);
    size_t        steps  = metric_recent_steps(series.count);
    return metric_mean(series, series.count > steps ? series.count - steps : 0, series.count);
}

/* How long the phase will still take, from its last steps; NAN: not known. */
static double seconds_left(const HistoryState *state)
{
    const double steps = state->stage_steps - state->stage_step;
    return steps >= 0 && state->step_seconds > 0 && isfinite(state->step_seconds) ? steps * state->step_seconds : NAN;
}

static void add_left(Lines *lines, const HistoryState *state)
{
    char  time[16];
    Line *line = add(lines, "left", INK_ACCENT);
    machine_duration(seconds_left(state), time);
    if (state->ended) {
        line->label = "ended";
        line->ink   = strcmp(state->end_reason, "done") == 0 ? INK_GOOD : INK_WARN;
        snprintf(line->text, sizeof line->text, "%s", state->end_reason[0] != '\0' ? state->end_reason : "yes");
    } else if (time[0] == '\0') {
        snprintf(line->text, sizeof line->text, state->started ? "not known yet" : "has not begun");
        line->ink = INK_FAINT;
    } else if (state->stage_step >= state->stage_steps) {
        snprintf(line->text, sizeof line->text, "no steps");
    } else {
        const char *phase = state->phase[0] != '\0' ? state->phase : state->stage;
        snprintf(line->text, sizeof line->text, "about %s%s%s", time, phase[0] != '\0' ? " of " : "", phase);
    }
    if (state->first_time > 0 && state->last_time >= state->first_time) {
        machine_duration(state->last_time - state->first_time, time);
        snprintf(line->right, sizeof line->right, "after %s", time);
    }
}

static void add_step(Lines *lines, const HistoryState *state)
{
    if (state->stage_steps > 0) {
        Line *line  = add(lines, "step", INK_ACCENT);
        line->share = state->stage_step / state->stage_steps;
        snprintf(line->text, sizeof line->text, "%.0f/%.0f", state->stage_step, state->stage_steps);
    }
}

static void add_speed(Lines *lines, const History *history)
{
    char         number[16], time[16];
    const double speed = mean_now(history, "time_tokens_per_second");
    Line        *line  = add(lines, "speed", INK_TEXT);
    chart_number(speed, number);
    seconds_text(mean_now(history, "time_seconds"), time);
    snprintf(line->text, sizeof line->text, number[0] != '\0' ? "%s tokens/s" : "-", number);
    if (time[0] != '\0') {
        snprintf(line->right, sizeof line->right, "%s a step", time);
    }
}

static void add_memory(Lines *lines, const History *history, const HistoryState *state)
{
    char         used[16], peak[16], all[16];
    const double bytes = history_last(history, kind_now(history), "time_memory_bytes"), total = state->device_memory;
    bytes_text(bytes, used);
    bytes_text(history_last(history, kind_now(history), "time_memory_peak_bytes"), peak);
    bytes_text(total, all);
    if (used[0] == '\0') {
        return;
    }
    const double share = total > 0 ? bytes / total : NAN;
    Line        *line  = add(lines, "memory", share > 0.95 ? INK_WARN : INK_TEXT);
    if (total > 0) {
        snprintf(line->text, sizeof line->text, "%s of %s, %.0f%%", used, all, 100 * share);
        snprintf(line->brief, sizeof line->brief, "%s, %.0f%%", used, 100 * share);
    } else {
        snprintf(line->text, sizeof line->text, "%s", used);
    }
    if (peak[0] != '\0') {
        snprintf(line->right, sizeof line->right, "peak %s", peak);
    }
}

static void add_device(Lines *lines, const HistoryState *state)
{
    if (state->device[0] == '\0') {
        return;
    }
    const bool cpu  = is_cpu(state->device) || is_cpu(state->driver);
    Line      *line = add(lines, cpu ? "CPU" : "device", INK_TEXT);
    snprintf(line->text, sizeof line->text, "%.*s", (int)sizeof line->text - 1, state->device);
    if (cpu) {
        line->named = true;
        snprintf(line->right, sizeof line->right, "no GPU");
    }
}

/* Where a step's time goes; what is not in any phase is "other". */
static void add_phases(Lines *lines, const History *history)
{
    static const struct {
        const char *field, *label;
    } phases[]         = {{"time_generate", "generate"},
                          {"time_judge", "judge"},
                          {"time_score", "score"},
                          {"time_advantages", "advantages"},
                          {"time_update", "update"}};
    const double total = mean_now(history, "time_seconds");
    double       rest  = total;
    if (!(total > 0) || !isfinite(mean_now(history, phases[0].field))) {
        return;
    }
    for (size_t i = 0; i <= sizeof phases / sizeof *phases; i++) {
        const bool   other   = i == sizeof phases / sizeof *phases;
        const double seconds = other ? rest : mean_now(history, phases[i].field);
        if (!isfinite(seconds) || (other && rest < 0.01 * total)) {
            continue;
        }
        rest -= seconds;
        Line *line  = add(lines, other ? "other" : phases[i].label, other ? INK_FAINT : (Ink)(INK_SERIES_0 + (int)i));
        line->share = seconds / total;
        line->phase = true;
        seconds_text(seconds, line->text);
    }
}

static void add_saved(Lines *lines, const HistoryState *state)
{
    char number[16];
    if (state->checkpoint_step > 0) {
        snprintf(add(lines, "saved", INK_TEXT)->text, 160, "step %llu", (unsigned long long)state->checkpoint_step);
    }
    if (state->parameters > 0) {
        chart_number((double)state->parameters, number);
        char *giga = strchr(number, 'G'); /* of parameters one says billions */
        if (giga != NULL) {
            *giga = 'B';
        }
        snprintf(add(lines, "model", INK_TEXT)->text, 160, "%s parameters", number);
    }
    if (state->driver[0] != '\0') {
        snprintf(add(lines, "driver", INK_FAINT)->text, 160, "%.*s", 159, state->driver);
    }
}

/* --- drawing */

/* Phases that take next to no time leave first. */
static void drop_small_phases(Lines *lines, int height)
{
    for (int i = lines->count - 1; i >= 0 && lines->count > height; i--) {
        if (lines->list[i].phase && lines->list[i].share < SMALL_PHASE) {
            lines->count--;
            memmove(&lines->list[i], &lines->list[i + 1], (size_t)(lines->count - i) * sizeof *lines->list);
        }
    }
}

/* A text and a bar with its share, after the label. */
static void bar_line_draw(const Line *line, Area row, int column, Glyphs glyphs)
{
    const int text = text_width(line->text, strlen(line->text));
    const int bar  = row.width - column - SECONDS_COLUMNS - SHARE_COLUMNS;
    if (row.width >= BAR_WIDTH && bar >= 4 && text < SECONDS_COLUMNS) {
        bar_draw(area_part(row, column, 0, bar, 1), line->share, line->ink, glyphs);
        area_text_right(row, column + bar + SECONDS_COLUMNS, 0, INK_TEXT, 0, line->text);
    } else if (row.width >= BAR_WIDTH && bar >= text) { /* "1200/100000" */
        bar_draw(area_part(row, column, 0, row.width - column - SHARE_COLUMNS - text - 1, 1), line->share, line->ink,
                 glyphs);
        area_text_right(row, row.width - SHARE_COLUMNS, 0, INK_TEXT, 0, line->text);
    } else {
        area_text(row, column, 0, INK_TEXT, 0, line->text, SIZE_MAX);
    }
    char       share[16];
    const bool little = line->share > 0 && line->share < 0.005;
    snprintf(share, sizeof share, little ? "<1%%" : "%.0f%%", 100 * fmin(1, fmax(0, line->share)));
    if (column + text + SHARE_COLUMNS <= row.width) {
        area_text_right(row, row.width, 0, INK_FAINT, 0, share);
    }
}

static void line_draw(const Line *line, Area row, Glyphs glyphs)
{
    int column = 0;
    if (row.width >= LABELLED_WIDTH) {
        area_text(row, 0, 0, INK_FAINT, 0, line->label, SIZE_MAX);
        column = LABEL_WIDTH;
    } else if (isfinite(line->share) || line->named) { /* a bare number of seconds says nothing */
        column = area_text(row, 0, 0, INK_FAINT, 0, line->label, SIZE_MAX) + 1;
    }
    if (isfinite(line->share)) {
        bar_line_draw(line, row, column, glyphs);
        return;
    }
    const bool brief = line->brief[0] != '\0' && column + text_width(line->text, strlen(line->text)) > row.width;
    column += area_text(row, column, 0, line->ink, 0, brief ? line->brief : line->text, SIZE_MAX);
    if (line->right[0] != '\0' && column + 2 + text_width(line->right, strlen(line->right)) <= row.width) {
        area_text_right(row, row.width, 0, INK_FAINT, 0, line->right);
    }
}

void pane_machine_draw(const History *history, Area area, Glyphs glyphs)
{
    if (area.width < 1 || area.height < 1) {
        return;
    }
    const HistoryState *state = history_state(history);
    Lines               lines = {.count = 0};
    add_left(&lines, state);
    add_step(&lines, state);
    add_speed(&lines, history);
    add_memory(&lines, history, state);
    add_device(&lines, state);
    add_phases(&lines, history);
    add_saved(&lines, state);
    drop_small_phases(&lines, area.height);
    for (int i = 0; i < lines.count && i < area.height; i++) {
        line_draw(&lines.list[i], area_part(area, 0, i, area.width, 1), glyphs);
    }
}
