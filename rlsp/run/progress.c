#include "rlsp/run/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_SIZE = 400, TERMINAL_COLUMNS = 79, SFT_LINES = 50, EVALS_MAX = 64, METRICS_MAX = 16 };

/* An event's field and how a line shows it. */
typedef struct Metric {
    const char *field, *label;
    int         digits; /* significant ones */
} Metric;

static const Metric sft_metrics[] = {
    {"loss", "loss", 4},
    {"row_loss", "rows", 4},
    {"lr", "lr", 3},
    {"grad_norm", "grad", 3},
    {"time_tokens_per_second", "tok/s", 4},
    {NULL, NULL, 0},
};
static const Metric rl_metrics[] = {
    {"reward", "reward", 3},
    {"accuracy", "acc", 3},
    {"explore", "explore", 3},
    {"length", "len", 3},
    {"backtrack", "backtrack", 2},
    {"kl", "kl", 3},
    {"entropy", "entropy", 2},
    {"clip_fraction", "clip", 2},
    {"explained_variance", "ev", 2},
    {"truncated", "trunc", 2},
    {"time_tokens_per_second", "tok/s", 4},
    {NULL, NULL, 0},
};
static const Metric eval_metrics[] = {
    {"greedy_accuracy", "greedy", 3}, {"accuracy", "sampled", 3},    {"pass_at_k", "pass@k", 3},
    {"maj_at_k", "maj@k", 3},         {"length", "length", 3},       {"attempts", "attempts", 3},
    {"backtrack", "backtrack", 3},    {"truncated", "truncated", 3}, {NULL, NULL, 0},
};

/* A row of the table at the end: the metrics of eval_metrics, NAN where missing. */
typedef struct EvalRow {
    char   where[40];
    double values[METRICS_MAX];
} EvalRow;

struct Progress {
    FILE   *out;
    bool    terminal;
    bool    open; /* the terminal's current line can still be overwritten */
    char    stage[24], name[40];
    double  steps;                  /* of the phase; 0: not known            */
    double  start_step, start_time; /* where the phase was first seen    */
    EvalRow evals[EVALS_MAX];
    int     eval_count;
};

Progress *progress_new(FILE *out, bool terminal)
{
    Progress *progress = calloc(1, sizeof *progress);
    if (progress != NULL) {
        progress->out      = out;
        progress->terminal = terminal;
    }
    return progress;
}

/* Shows a line; `keep`: the next one goes below it, not over it. */
static void show(Progress *progress, const char *line, bool keep)
{
    if (progress->open) {
        fputs("\r\033[K", progress->out);
    }
    fputs(line, progress->out);
    progress->open = progress->terminal && !keep;
    if (!progress->open) {
        fputc('\n', progress->out);
    }
    fflush(progress->out);
}

void progress_free(Progress *progress)
{
    if (progress != NULL && progress->open) {
        fputc('\n', progress->out);
    }
    free(progress);
}

/* Copies a text from an event, leaving out what could move a terminal's cursor. */
static void copy_text(char *to, size_t size, const char *from)
{
    size_t used = 0;
    for (; from != NULL && *from != '\0' && used + 1 < size; from++) {
        unsigned char byte = (unsigned char)*from;
        bool          c1   = byte == 0xc2 && (unsigned char)from[1] >= 0x80 && (unsigned char)from[1] < 0xa0;
        to[used++]         = byte < 0x20 || byte == 0x7f || c1 ? ' ' : *from;
        from += c1;
    }
    to[used] = '\0';
}

static void format_duration(char *text, size_t size, double seconds)
{
    long long s = (long long)(seconds + 0.5);
    if (s < 60) {
        snprintf(text, size, "%llds", s);
    } else if (s < 3600) {
        snprintf(text, size, "%lldm %02llds", s / 60, s % 60);
    } else {
        snprintf(text, size, "%lldh %02lldm", s / 3600, s / 60 % 60);
    }
}

/* Adds "  text" to the line if it stays within `columns`. */
static void add(char line[LINE_SIZE], size_t columns, const char *text)
{
    size_t used = strlen(line);
    if (used + 2 + strlen(text) <= columns) {
        snprintf(line + used, LINE_SIZE - used, "  %s", text);
    }
}

static void add_metrics(char line[LINE_SIZE], size_t columns, const Metric *metrics, const Event *event)
{
    for (; metrics->field != NULL; metrics++) {
        double value = event_number(event, metrics->field, NAN);
        if (isfinite(value)) {
            char text[64];
            snprintf(text, sizeof text, "%s %.*g", metrics->label, metrics->digits, value);
            add(line, columns, text);
        }
    }
}

static void show_step(Progress *progress, const Event *event, bool sft)
{
    double step   = event_number(event, "stage_step", (double)event_step(event));
    double now    = event_number(event, "time_unix", 0);
    double stride = ceil(progress->steps / SFT_LINES);
    if (sft && !progress->terminal && stride > 1 && step != 1 && step != progress->steps && fmod(step, stride) != 0) {
        return;
    }
    char   line[LINE_SIZE], eta[40] = "";
    size_t columns = sft && progress->terminal ? TERMINAL_COLUMNS : LINE_SIZE - 1;
    snprintf(line, sizeof line, "%s%s%s %6.0f", progress->stage, progress->name[0] != '\0' ? " " : "", progress->name,
             step);
    if (progress->steps > 0) {
        snprintf(line + strlen(line), sizeof line - strlen(line), "/%-6.0f", progress->steps);
    }
    if (progress->steps > step && step > progress->start_step && now > progress->start_time &&
        progress->start_time > 0) {
        double seconds = (now - progress->start_time) / (step - progress->start_step) * (progress->steps - step);
        memcpy(eta, "eta ", 5);
        format_duration(eta + 4, sizeof eta - 4, fmin(seconds, 1e9));
    }
    add_metrics(line, eta[0] != '\0' ? columns - strlen(eta) - 2 : columns, sft ? sft_metrics : rl_metrics, event);
    if (eta[0] != '\0') {
        add(line, columns, eta);
    }
    show(progress, line, !sft || step == progress->steps);
}

static void show_eval(Progress *progress, const Event *event)
{
    char line[LINE_SIZE];
    if (progress->eval_count == EVALS_MAX) { /* the middle ones matter least: keep the first and the newest */
        memmove(&progress->evals[1], &progress->evals[2], (EVALS_MAX - 2) * sizeof progress->evals[0]);
        progress->eval_count--;
    }
    EvalRow *row = &progress->evals[progress->eval_count++];
    snprintf(row->where, sizeof row->where, "%lld %.20s", (long long)event_step(event), progress->stage);
    for (int i = 0; eval_metrics[i].field != NULL; i++) {
        row->values[i] = event_number(event, eval_metrics[i].field, NAN);
    }
    /* the run's steps, as checkpoints and `rlsp export --step` count them */
    snprintf(line, sizeof line, "eval at step %lld (%s)", (long long)event_step(event), progress->stage);
    add_metrics(line, LINE_SIZE - 1, eval_metrics, event);
    show(progress, line, true);
}

/* The evaluations of the run, a row each, with the columns that any of them has. */
static void show_table(Progress *progress)
{
    char line[LINE_SIZE];
    bool used[METRICS_MAX] = {false};
    snprintf(line, sizeof line, "%-12s", "step");
    for (int i = 0; eval_metrics[i].field != NULL; i++) {
        for (int j = 0; j < progress->eval_count; j++) {
            used[i] = used[i] || isfinite(progress->evals[j].values[i]);
        }
        if (used[i]) {
            snprintf(line + strlen(line), sizeof line - strlen(line), " %10s", eval_metrics[i].label);
        }
    }
    for (int j = -1; j < progress->eval_count && progress->eval_count > 0; j++) {
        if (j >= 0) {
            snprintf(line, sizeof line, "%-12s", progress->evals[j].where);
        }
        for (int i = 0; j >= 0 && eval_metrics[i].field != NULL; i++) {
            double value = progress->evals[j].values[i];
            size_t end   = strlen(line);
            if (used[i] && isfinite(value)) {
                snprintf(line + end, sizeof line - end, fabs(value) < 10 ? " %10.3f" : " %10.1f", value);
            } else if (used[i]) {
                snprintf(line + end, sizeof line - end, " %10s", "-");
            }
        }
        show(progress, line, true);
    }
}

void progress_event(Progress *progress, const Event *event)
{
    const char *type = event_type(event);
    char        line[LINE_SIZE], text[200];
    if (strcmp(type, "phase_start") == 0) {
        copy_text(progress->stage, sizeof progress->stage, event_text(event, "stage"));
        copy_text(progress->name, sizeof progress->name, event_text(event, "name"));
        if (strcmp(progress->name, progress->stage) == 0) {
            progress->name[0] = '\0'; /* a stage of one phase: once is enough */
        }
        progress->steps      = event_number(event, "steps", 0);
        progress->start_step = event_number(event, "done", 0);
        progress->start_time = event_number(event, "time_unix", 0);
    } else if (strcmp(type, "sft_step") == 0 || strcmp(type, "rl_step") == 0) {
        show_step(progress, event, type[0] == 's');
    } else if (strcmp(type, "eval") == 0) {
        show_eval(progress, event);
    } else if (strcmp(type, "log") == 0) {
        char level[20];
        copy_text(level, sizeof level, event_text(event, "level"));
        copy_text(text, sizeof text, event_text(event, "text"));
        snprintf(line, sizeof line, "%s: %s", level, text);
        show(progress, line, true);
    } else if (strcmp(type, "run_end") == 0) {
        show_table(progress);
        copy_text(text, sizeof text, event_text(event, "reason"));
        if (text[0] != '\0') {
            snprintf(line, sizeof line, "end of the run: %s", text);
            show(progress, line, true);
        }
    }
}
