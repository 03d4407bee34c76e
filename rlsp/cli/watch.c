/* rlsp watch: the dashboard on runs that are there. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/io/file.h"
#include "rlsp/cli/args.h"
#include "rlsp/cli/cli.h"
#include "rlsp/run/events.h"
#include "tui/dashboard/dashboard.h"

enum { RUNS_GIVEN_MAX = 256, WIDTH_MAX = 500, HEIGHT_MAX = 200 };

static const char summary[] =
    "Shows runs: curves, traces, behaviours, the log. Reads their files only, so the run may be\n"
    "training, finished, or copied from elsewhere; what is still being written is followed. Of\n"
    "several runs the curves are laid over each other; the first one's traces are shown.\n"
    "'?' lists the keys, q leaves.";

/* "160x48" */
static Status read_size(const char *text, DashboardOptions *options, Error *error)
{
    char *end    = NULL;
    long  width  = strtol(text, &end, 10);
    long  height = *end == 'x' && end != text ? strtol(end + 1, &end, 10) : 0;
    if (*end != '\0' || width < 1 || width > WIDTH_MAX || height < 1 || height > HEIGHT_MAX) {
        return error_set(error, STATUS_BAD_INPUT,
                         "--size \"%.40s\": wanted columns and rows as in 160x48, at most %dx%d", text, WIDTH_MAX,
                         HEIGHT_MAX);
    }
    options->width  = (int)width;
    options->height = (int)height;
    return STATUS_OK;
}

static Status check(const DashboardOptions *options, const char *size, Error *error)
{
    const bool picture = options->picture != NULL || options->text != NULL;
    if (options->run_count > DASHBOARD_RUNS_MAX) {
        return error_set(error, STATUS_BAD_INPUT, "%d runs were given; at most %d can be shown together",
                         options->run_count, DASHBOARD_RUNS_MAX);
    }
    if (picture && options->replay > 0) {
        return error_set(error, STATUS_BAD_INPUT,
                         "--replay needs a terminal; leave out --picture and --text, or --replay");
    }
    if (!picture && (size != NULL || options->keys != NULL)) {
        return error_set(error, STATUS_BAD_INPUT,
                         "--size and --keys are for --picture and --text; a terminal has its own");
    }
    if (!picture && (!isatty(0) || !isatty(1))) {
        return error_set(error, STATUS_BAD_INPUT,
                         "%s is no terminal; --text - prints the screen once, --picture F.png draws it, and the run's "
                         "events.jsonl has all that is known",
                         isatty(1) ? "standard input" : "standard output");
    }
    return STATUS_OK;
}

/* The events of a run that are there, a line of JSON each. */
static Status print_events(const DashboardOptions *options, Error *error)
{
    if (options->run_count > 1 || options->picture != NULL || options->text != NULL || options->replay > 0) {
        return error_set(error, STATUS_BAD_INPUT,
                         "--json prints one run's events; give one run, and none of --picture, --text and --replay");
    }
    char        *path   = path_join(options->runs[0], "events.jsonl");
    EventReader *reader = path != NULL ? event_reader_open(path, error) : NULL;
    Status       status = path == NULL ? error_set(error, STATUS_OUT_OF_MEMORY, "out of memory") : error->status;
    for (Event *event;
         reader != NULL && status == STATUS_OK && !ferror(stdout) && (event = event_reader_next(reader)) != NULL;
         event_free(event)) {
        status = event_print(event, stdout)
                     ? STATUS_OK
                     : error_set(error, STATUS_OUT_OF_MEMORY, "out of memory with an event of %s", path);
    }
    event_reader_close(reader);
    free(path);
    return status;
}

int cli_watch(int argc, char **argv)
{
    bool             json = false;
    const char      *runs[RUNS_GIVEN_MAX], *size = NULL;
    DashboardOptions options   = {.runs = runs, .control = -1, .output = -1, .width = 160, .height = 48};
    const ArgsOption choices[] = {
        args_real("replay", &options.replay, "SPEED", "play the run from its start, so many times as fast as it went",
                  0.125, 1e6),
        args_text("picture", &options.picture, "F.png", "write the screen as a picture and end; needs no terminal"),
        args_text("text", &options.text, "F", "write it as text; - is standard output"),
        args_text("size", &size, "WxH", "columns and rows of that picture (160x48)"),
        args_flag("json", &json, "print the events that are there, a line of JSON each, and end; needs no terminal"),
        args_text("keys", &options.keys, "KEYS",
                  "pressed before it is taken; \\e is Escape, \\r Enter, \\t Tab: 'fcb\\eL' shows the longest correct "
                  "trace with a "
                  "backtrack"),
    };
    const ArgsCommand command = {.name    = "watch",
                                 .usage   = "RUN [RUN…] [--replay SPEED] [--picture F.png] [--text F] [--size WxH]",
                                 .summary = summary,
                                 .options = choices,
                                 .option_count     = sizeof choices / sizeof *choices,
                                 .positionals      = runs,
                                 .min_positionals  = 1,
                                 .max_positionals  = RUNS_GIVEN_MAX,
                                 .positional_count = &options.run_count};
    int               exit_code;
    Error             error = {0};
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    if (json) {
        return print_events(&options, &error) == STATUS_OK ? cli_finish_output("watch") : args_fail(&command, &error);
    }
    if (check(&options, size, &error) != STATUS_OK ||
        (size != NULL && read_size(size, &options, &error) != STATUS_OK)) {
        return args_fail(&command, &error);
    }
    setlocale(LC_CTYPE, ""); /* what stdout can show */
    DashboardEnd end;
    if (dashboard_run(&options, &end, &error) != STATUS_OK) {
        return args_fail(&command, &error);
    }
    return cli_finish_output("watch");
}
