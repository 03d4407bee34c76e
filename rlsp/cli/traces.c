/* rlsp traces: the reasoning traces of a run, as a list, as text, as a page, as JSON. */
#include <stdlib.h>

#include "rlsp/cli/args.h"
#include "rlsp/cli/cli.h"
#include "rlsp/cli/traces.h"
#include "tui/trace/trace_ansi.h"

enum { STAGE_COLUMNS = 11, PROMPT_COLUMNS = 40 };

static const char summary[] =
    "Lists the reasoning traces of a run, the newest last: a line each, or whole with --ansi, --html or --json.\n"
    "\n"
    "  rlsp traces RUN --longest --correct --backtrack --limit 1 --ansi    the longest correct one that went back\n"
    "  rlsp traces RUN --stage eval --limit 0 --html traces.html           every evaluated one, as a page\n"
    "\n"
    "Evidence (bold: parsed and computed again) and words (dim: phrases that prove nothing) are told apart as in the\n"
    "dashboard. --ansi writes colours whatever stdout and NO_COLOR are, since it asks for them.";

/* --- the list */

static void print_row(const HistoryTrace *meta, const Event *event)
{
    static const char *const counts[] = {"behaviours.attempts", "behaviours.backtracks", "behaviours.checks"};
    const char              *stage = event_text(event, "stage"), *verdict = event_text(event, "verdict");
    const char              *prompt = event_text(event, "prompt");
    printf("%7u ", meta->step);
    printf("%*s ", STAGE_COLUMNS - trace_text_line(stdout, stage != NULL ? stage : "", STAGE_COLUMNS), "");
    printf("%5.0f  ", event_number(event, "index", 0));
    printf("%*s", 9 - trace_text_line(stdout, verdict != NULL ? verdict : "", 9), "");
    printf("%8.4g %7u", event_number(event, "reward", 0), meta->tokens);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        printf(" %5.0f", event_number(event, counts[i], 0));
    }
    printf("  %-3s  ", (meta->flags & HISTORY_TRUNCATED) != 0 ? "cut" : "");
    trace_text_line(stdout, prompt != NULL ? prompt : "", PROMPT_COLUMNS);
    putchar('\n');
}

/* Nothing is marked here, so that long lists are quick. */
static void print_list(const TracesChosen *chosen)
{
    if (chosen->count > 0) {
        printf("%7s %-11s %5s  %-9s%8s %7s %5s %5s %5s  %-3s  %s\n", "step", "stage", "index", "verdict", "reward",
               "tokens", "tries", "backs", "check", "cut", "prompt");
    }
    for (size_t i = 0; i < chosen->count && !ferror(stdout); i++) {
        const HistoryTrace *meta  = history_trace(chosen->history, chosen->indices[i]);
        Event              *event = history_trace_read(chosen->history, chosen->indices[i]);
        if (event != NULL) {
            print_row(meta, event);
        } else {
            printf("%7u  this trace cannot be read any more\n", meta->step);
        }
        event_free(event);
    }
}

/* --- whole traces */

static void print_ansi(const TracesChosen *chosen)
{
    Colours   depth = theme_colours(getenv("TERM"), getenv("COLORTERM"), NULL, 16);
    TraceCard card  = {0};
    depth           = depth == COLOURS_NONE ? COLOURS_16 : depth; /* into a file or a pager, say */
    for (size_t i = 0; i < chosen->count && !ferror(stdout); i++) {
        traces_load(&card, chosen, i);
        trace_ansi_write(stdout, &card, depth);
        putchar('\n');
    }
    trace_card_free(&card);
    if (chosen->count > 0) {
        trace_ansi_legend(stdout, depth);
    }
}

static Status print_json(const TracesChosen *chosen, Error *error)
{
    TraceCard card  = {0};
    bool      whole = true;
    for (size_t i = 0; i < chosen->count && whole && !ferror(stdout); i++) {
        if (traces_load(&card, chosen, i)) {
            whole = traces_print_json(&card, stdout);
        } else {
            fprintf(stderr, "rlsp traces: a trace of step %u cannot be read any more\n", card.meta.step);
        }
    }
    trace_card_free(&card);
    return whole ? STATUS_OK : error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while writing a trace");
}

/* --- the command */

static Status write_traces(const History *history, const TracesQuery *query, bool ansi, bool json, const char *html,
                           Error *error)
{
    TracesChosen chosen  = {.history = history, .search = query->search};
    size_t      *indices = NULL, total = history_trace_count(history);
    char         filter[400];
    Status       status = traces_select(history, query, &indices, &chosen.count, error);
    if (status != STATUS_OK) {
        return status;
    }
    chosen.indices = indices;
    traces_query_text(query, filter, sizeof filter);
    if (html != NULL) {
        status = traces_write_page(&chosen, filter, html, error);
    } else if (json) {
        status = print_json(&chosen, error);
    } else if (ansi) {
        print_ansi(&chosen);
    } else {
        print_list(&chosen);
    }
    free(indices);
    if (status == STATUS_OK && total == 0) {
        fprintf(stderr, "rlsp traces: %s has no traces (yet)\n", history_path(history));
    } else if (status == STATUS_OK) {
        fprintf(stderr, "%zu of %zu traces%s%s%s\n", chosen.count, total, filter[0] != '\0' ? ": " : "", filter,
                query->limit > 0 && chosen.count == query->limit && chosen.count < total ? "; --limit 0: all" : "");
    }
    return status;
}

int cli_traces(int argc, char **argv)
{
    static const char *const stages[] = {"all", "rl", "eval", "sample", NULL};
    TracesQuery              query    = {.last_step = INT64_MAX};
    const char              *run = NULL, *steps = NULL, *html = NULL;
    int64_t                  limit = 20;
    int                      stage = TRACES_ANY;
    bool                     ansi = false, json = false;
    const ArgsOption         options[] = {
                args_flag("correct", &query.correct, "those with the right answer"),
                args_flag("wrong", &query.wrong, "those with a wrong answer"),
                args_flag("no-answer", &query.no_answer, "those without an answer"),
                args_flag("backtrack", &query.backtrack, "with an attempt that was abandoned"),
                args_flag("check", &query.check, "with a check"),
                args_flag("truncated", &query.truncated, "cut off at the length limit"),
                args_text("step", &steps, "A..B", "of these steps: 12, 10..20, 10.. or ..20"),
                args_choice("stage", &stage, "S", "where they come from (all)", stages),
                args_text("search", &query.search, "TEXT", "with this in prompt or response (either case)"),
                args_flag("longest", &query.longest, "those with the most tokens, longest first"),
                args_integer("limit", &limit, "N", "at most so many; 0: all (20)", 0, 1e9),
                args_flag("ansi", &ansi, "whole traces, with highlights in colour; for less -R"),
                args_text("html", &html, "F", "whole traces as a page in one file (- is stdout)"),
                args_flag("json", &json, "whole traces as JSON lines, with where each behaviour lies (in bytes)"),
    };
    const ArgsCommand command = {.name            = "traces",
                                 .usage           = "RUN [filters] [--ansi | --html F | --json]",
                                 .summary         = summary,
                                 .options         = options,
                                 .option_count    = sizeof options / sizeof *options,
                                 .positionals     = &run,
                                 .min_positionals = 1,
                                 .max_positionals = 1};
    Error             error   = {0};
    int               exit_code;
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    query.stage = (TracesStage)stage;
    query.limit = (size_t)limit;
    if (ansi + json + (html != NULL) > 1) {
        error_set(&error, STATUS_BAD_INPUT, "--ansi, --html and --json exclude each other; choose one");
        return args_fail(&command, &error);
    }
    if (steps != NULL && traces_read_steps(steps, &query.first_step, &query.last_step, &error) != STATUS_OK) {
        return args_fail(&command, &error);
    }
    History *history = cli_open_run(command.name, run, &error);
    if (history == NULL) {
        return args_fail(&command, &error);
    }
    write_traces(history, &query, ansi, json, html, &error);
    history_close(history);
    return cli_end(&command, &error);
}
