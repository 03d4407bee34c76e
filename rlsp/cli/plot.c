/* rlsp plot: curves of runs as a picture. */
#include <math.h>
#include <string.h>

#include "rlsp/cli/args.h"
#include "rlsp/cli/cli.h"
#include "rlsp/cli/plot_panels.h"
#include "rlsp/run/json_line.h"
#include "tui/draw/text.h"

static const char summary[] =
    "Draws curves of up to six runs as a PNG on white paper: reward, held-out accuracy, trace length, behaviours, "
    "KL\n"
    "and entropy; loss, learning rate and gradient norm where there is SFT only.\n"
    "\n"
    "  rlsp plot runs/a runs/b -o rewards.png --metric reward,eval.accuracy    two runs over each other, two panels\n"
    "  rlsp plot runs/a -o parts.png --metric reward+correct+explore_weighted  three curves in one panel\n"
    "\n"
    "A faint band is the standard error of a share, or the standard deviation of a length. --list shows the metrics.";

enum { PIXELS_MIN = 160, PIXELS_MAX = 10000, VALUE_COLUMNS = 12 };

typedef struct Runs {
    History *histories[PLOT_RUNS_MAX];
    PlotRun  runs[PLOT_RUNS_MAX];
    char     names[PLOT_RUNS_MAX][160];
    int      count;
} Runs;

/* --- runs */

/* The last part of a path, "a" of "runs/a/". */
static void last_part(const char *path, char *out, size_t size)
{
    size_t end = strlen(path), start;
    while (end > 1 && path[end - 1] == '/') {
        end--;
    }
    for (start = end; start > 0 && path[start - 1] != '/';) {
        start--;
    }
    snprintf(out, size, "%.*s", (int)(end - start < size ? end - start : size - 1), path + start);
}

/* What a run may be called, the shortest first. */
typedef enum Naming { BY_NAME, BY_DIRECTORY, BY_PATH } Naming;

static void name_run(const History *history, Naming naming, char *out, size_t size)
{
    const char *name = history_state(history)->name;
    if (naming == BY_DIRECTORY || (naming == BY_NAME && name[0] == '\0')) {
        last_part(history_path(history), out, size);
    } else {
        plot_clean(naming == BY_NAME ? name : history_path(history), out, size);
    }
}

/* All by their names, if these differ; else all by their directories' names; else by their paths. */
static void name_runs(Runs *runs)
{
    bool differ = false;
    for (Naming naming = BY_NAME; naming <= BY_PATH && !differ; naming++) {
        differ = true;
        for (int r = 0; r < runs->count; r++) {
            name_run(runs->histories[r], naming, runs->names[r], sizeof runs->names[r]);
            runs->runs[r] = (PlotRun){runs->histories[r], runs->names[r]};
            for (int before = 0; before < r; before++) {
                differ = differ && strcmp(runs->names[r], runs->names[before]) != 0;
            }
        }
    }
}

static Status open_runs(const char *const *paths, int count, Runs *runs, Error *error)
{
    for (int r = 0; r < count; r++) {
        runs->histories[r] = cli_open_run("plot", paths[r], error);
        if (runs->histories[r] == NULL) {
            return error->status;
        }
        runs->count++;
    }
    name_runs(runs);
    return STATUS_OK;
}

static void close_runs(Runs *runs)
{
    for (int r = 0; r < runs->count; r++) {
        history_close(runs->histories[r]);
    }
}

/* --- the metrics there are, and their values */

typedef struct List {
    const Runs *runs;
    bool        json;
    JsonLine    line;
    bool        whole; /* memory did not run out */
} List;

/* Columns of the table for a run's values. */
static int column_of(const char *name)
{
    const int width = text_width(name, strlen(name));
    return width > VALUE_COLUMNS ? width : VALUE_COLUMNS;
}

static void print_line(List *list)
{
    const char *text = json_line_finish(&list->line);
    if (text != NULL) {
        fwrite(text, 1, list->line.size, stdout);
    }
    list->whole = list->whole && text != NULL;
    json_line_clear(&list->line);
}

static void begin_line(List *list, int r, const char *metric)
{
    json_line_begin(&list->line, '{');
    json_line_text_field(&list->line, "run", list->runs->names[r]);
    json_line_text_field(&list->line, "metric", metric);
}

static void list_metric(void *context, HistoryKind kind, const char *name)
{
    List *list = context;
    char  full[PLOT_NAME_SIZE + 8];
    snprintf(full, sizeof full, "%s.%s", plot_kind_name(kind), name);
    if (!list->json) {
        char clean[PLOT_NAME_SIZE + 8];
        plot_clean(full, clean, sizeof clean);
        printf("%-40s", clean);
    }
    for (int r = 0; r < list->runs->count; r++) {
        const History *history = list->runs->histories[r];
        const int      metric  = history_metric(history, kind, name);
        const double   last    = history_last(history, kind, name);
        if (list->json && metric >= 0) {
            begin_line(list, r, full);
            json_line_number_field(&list->line, "points", (double)history_series(history, kind, metric).count);
            json_line_number_field(&list->line, "last", last);
            json_line_end(&list->line, '}');
            print_line(list);
        } else if (!list->json && isnan(last)) {
            printf(" %*s", column_of(list->runs->names[r]), "-");
        } else if (!list->json) {
            printf(" %*.6g", column_of(list->runs->names[r]), last);
        }
    }
    if (!list->json) {
        putchar('\n');
    }
}

static void list_all(List *list)
{
    if (!list->json) {
        printf("%-40s", "metric, its newest value");
        for (int r = 0; r < list->runs->count; r++) {
            const char *name = list->runs->names[r];
            printf(" %*s%s", column_of(name) - text_width(name, strlen(name)), "", name);
        }
        putchar('\n');
    }
    plot_each_metric(list->runs->runs, list->runs->count, list_metric, list);
}

/* {"run":…,"metric":…,"step":[…],"value":[…]} for each curve. */
static void print_curves(List *list, const PlotPanels *panels)
{
    for (int p = 0; p < panels->count; p++) {
        for (int c = 0; c < panels->panels[p].chart.series_count && !ferror(stdout); c++) {
            const PlotCurve   *curve  = &panels->curves[p][c];
            const ChartSeries *series = &panels->series[p][c];
            char               full[PLOT_NAME_SIZE + 8];
            snprintf(full, sizeof full, "%s.%s", plot_kind_name(curve->kind),
                     history_metric_name(curve->run->history, curve->kind, curve->metric));
            begin_line(list, (int)(curve->run - list->runs->runs), full);
            for (int values = 0; values <= 1; values++) {
                json_line_key(&list->line, values ? "value" : "step");
                json_line_begin(&list->line, '[');
                for (size_t i = 0; i < series->count; i++) {
                    json_line_number(&list->line, values ? (double)series->y[i] : series->x[i]);
                }
                json_line_end(&list->line, ']');
            }
            json_line_end(&list->line, '}');
            print_line(list);
        }
    }
}

/* --- the picture */

/* "1200x800"; STATUS_BAD_INPUT. */
static Status read_size(const char *text, int *width, int *height, Error *error)
{
    long pixels[2] = {0, 0};
    char after = '\0', between = '\0';
    bool good = strspn(text, "0123456789x") == strlen(text) &&
                sscanf(text, "%5ld%c%5ld%c", &pixels[0], &between, &pixels[1], &after) == 3 && between == 'x';
    for (int i = 0; i < 2 && good; i++) {
        good = pixels[i] >= PIXELS_MIN && pixels[i] <= PIXELS_MAX;
    }
    *width  = (int)pixels[0];
    *height = (int)pixels[1];
    return good ? STATUS_OK
                : error_set(error, STATUS_BAD_INPUT, "--size: found \"%.40s\", wanted WxH, each %d to %d pixels", text,
                            PIXELS_MIN, PIXELS_MAX);
}

/* "a, b, c", cut where there is no more room. */
static void title_of(const Runs *runs, char *out, size_t size)
{
    size_t used = 0;
    for (int r = 0; r < runs->count && used < size; r++) {
        used += (size_t)snprintf(out + used, size - used, "%s%s", r > 0 ? ", " : "", runs->names[r]);
    }
}

typedef struct Options {
    const char *output, *title, *size;
    bool        list, json;
} Options;

static Status draw(const Runs *runs, const PlotRequest *request, const Options *options, List *list, Error *error)
{
    char title[400];
    Plot plot = {.title = options->title};
    if (options->title == NULL) {
        title_of(runs, title, sizeof title);
        plot.title = title;
    }
    if (options->size != NULL && read_size(options->size, &plot.width, &plot.height, error) != STATUS_OK) {
        return error->status;
    }
    PlotPanels *panels = plot_panels_new(request, error);
    if (panels == NULL) {
        return error->status;
    }
    plot.panels      = panels->panels;
    plot.panel_count = panels->count;
    plot.columns     = panels->count == 3 ? 3 : 0; /* two rows would leave a hole */
    Status status    = STATUS_OK;
    if (options->output != NULL) {
        status = plot_write(&plot, options->output, error);
    }
    if (status == STATUS_OK && options->json) {
        print_curves(list, panels);
    } else if (status == STATUS_OK) {
        fprintf(stderr, "%s: %d panel%s\n", options->output, panels->count, panels->count == 1 ? "" : "s");
    }
    plot_panels_free(panels);
    return status;
}

/* --- the command */

static Status run_command(const char *const *paths, int count, PlotRequest *request, const Options *options,
                          Error *error)
{
    Runs   runs   = {0};
    List   list   = {.runs = &runs, .json = options->json, .whole = true};
    Status status = open_runs(paths, count, &runs, error);
    if (status == STATUS_OK) {
        request->runs      = runs.runs;
        request->run_count = runs.count;
        if (options->list) {
            list_all(&list);
        } else {
            status = draw(&runs, request, options, &list, error);
        }
    }
    if (status == STATUS_OK && !list.whole) {
        status = error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while writing metrics");
    }
    json_line_free(&list.line);
    close_runs(&runs);
    return status;
}

int cli_plot(int argc, char **argv)
{
    const char      *paths[PLOT_RUNS_MAX];
    int              count = 0;
    int64_t          from = -1, to = -1;
    Options          chosen    = {0};
    PlotRequest      request   = {.smoothing = NAN, .from = NAN, .to = NAN};
    const ArgsOption options[] = {
        args_letter('o', args_text("output", &chosen.output, "F.png", "the picture to write")),
        args_text("metric", &request.metrics, "a,b+c",
                  "a panel for each; + puts several into one: reward, kl, eval.accuracy, sft.loss, ..."),
        args_real("smoothing", &request.smoothing, "X",
                  "0 (none) to 0.99, raw curve behind (0.6; evaluations and lr: 0)", 0, .99),
        args_flag("log-y", &request.log_y, "logarithmic values; those that are not positive are left out"),
        args_integer("from", &from, "STEP", "first step to show", 0, 1e15),
        args_integer("to", &to, "STEP", "last step to show", 0, 1e15),
        args_text("title", &chosen.title, "T", "above it all (the names of the runs)"),
        args_text("size", &chosen.size, "WxH", "pixels (by the number of panels)"),
        args_flag("list", &chosen.list, "print the metrics there are, draw nothing"),
        args_flag("json", &chosen.json, "print the curves (with --list: the metrics) as JSON lines"),
    };
    const ArgsCommand command = {.name             = "plot",
                                 .usage            = "RUN [RUN…] -o F.png [options]",
                                 .summary          = summary,
                                 .options          = options,
                                 .option_count     = sizeof options / sizeof *options,
                                 .positionals      = paths,
                                 .min_positionals  = 1,
                                 .max_positionals  = PLOT_RUNS_MAX,
                                 .positional_count = &count};
    Error             error   = {0};
    int               exit_code;
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    request.from = from >= 0 ? (double)from : NAN;
    request.to   = to >= 0 ? (double)to : NAN;
    if (chosen.output == NULL && !chosen.list && !chosen.json) {
        error_set(&error, STATUS_BAD_INPUT, "-o F.png is missing; see rlsp plot --help");
    } else if (to >= 0 && from > to) {
        error_set(&error, STATUS_BAD_INPUT, "--from is after --to");
    } else {
        run_command(paths, count, &request, &chosen, &error);
    }
    return cli_end(&command, &error);
}
