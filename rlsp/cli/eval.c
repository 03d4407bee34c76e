/* rlsp eval: measures a model on the problems of a dataset or of a built-in task. */
#include <stdlib.h>

#include "engine/io/file.h"
#include "rlsp/cli/cli.h"
#include "rlsp/cli/eval_compare.h"
#include "rlsp/cli/eval_options.h"
#include "rlsp/cli/eval_progress.h"
#include "rlsp/cli/eval_report.h"

/* --- writing what was found -------------------------------------------------------------------------------------- */

static Status write_text(const EvalRun *run, const char *name, const char *text, size_t bytes, Error *error)
{
    char  *path   = path_join(run->out, name);
    Status status = path != NULL && text != NULL
                        ? file_write_atomic(path, text, bytes, error)
                        : error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while writing the report");
    free(path);
    return status;
}

static Status write_markdown(const EvalReport *report, const EvalCommand *request, Error *error)
{
    char  *text  = NULL;
    size_t bytes = 0;
    FILE  *page  = open_memstream(&text, &bytes);
    if (page == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while writing the report");
    }
    eval_report_markdown(report, page);
    Status status = fclose(page) == 0
                        ? STATUS_OK
                        : error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while writing the report");
    if (status == STATUS_OK && report->run->out != NULL) {
        status = write_text(report->run, "report.md", text, bytes, error);
    }
    if (status == STATUS_OK && request->report != NULL) {
        status = file_write_atomic(request->report, text, bytes, error);
    }
    free(text);
    return status;
}

/* One "eval" event a column, for those who watch the folder like a run; only where something new was found. */
static Status emit_events(const EvalReport *report, Error *error)
{
    const EvalRun *run    = report->run;
    Status         status = STATUS_OK;
    for (int c = 0; c < report->count && status == STATUS_OK && run->events != NULL && run->generated_tokens > 0; c++) {
        EventField fields[4 + EVAL_FIELDS_MAX] = {{"stage", 0, run->columns[c].stage},
                                                  {"temperature", run->columns[c].temperature, NULL},
                                                  {"problems", run->problems.count, NULL},
                                                  {"samples", run->columns[c].samples, NULL}};
        char       names[EVAL_FIELDS_MAX][48];
        const int  count = 4 + eval_result_fields(&report->summaries[c].result, "", fields + 4, names);
        status           = events_emit(run->events, "eval", 0, fields, count, error);
    }
    return status;
}

static Status write_report(const EvalReport *report, const EvalCommand *request, Error *error)
{
    JsonLine    line = {0}, problems = {0};
    const char *json   = eval_report_json(report, &line);
    Status      status = json != NULL ? write_markdown(report, request, error)
                                      : error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while writing the report");
    if (status == STATUS_OK && report->run->out != NULL) {
        const char *list = eval_report_problems(report, &problems);
        status           = write_text(report->run, "problems.jsonl", list, problems.size, error);
        status = status == STATUS_OK ? write_text(report->run, "report.json", json, line.size, error) : status;
        status = status == STATUS_OK ? emit_events(report, error) : status;
    }
    if (status == STATUS_OK && request->json) {
        fputs(json, stdout);
    } else if (status == STATUS_OK) {
        eval_report_print(report, stdout);
    }
    json_line_free(&line);
    json_line_free(&problems);
    return status;
}

/* --- the evaluation ---------------------------------------------------------------------------------------------- */

static Status sum_up(EvalReport *report, const EvalCommand *request, Error *error)
{
    const EvalSettings *settings = &report->run->settings;
    EvalSummaryOptions  options  = {.seed = (uint64_t)settings->seed, .resamples = (uint32_t)settings->resamples};
    Status              status   = eval_options_k(settings, &options, error);
    for (int c = 0; c < report->run->column_count && status == STATUS_OK; c++) {
        report->count = c + 1;
        status =
            eval_summary_make(&report->summaries[c], report->run->records, c, report->run->task->kind, &options, error);
    }
    return status == STATUS_OK ? write_report(report, request, error) : status;
}

static Status evaluate(EvalRun *run, const EvalCommand *request, Error *error)
{
    EvalReport        *report = calloc(1, sizeof *report);
    EvalSummaryOptions unused = {0};
    Status status = report != NULL ? eval_options_k(&run->settings, &unused, error) /* before the work, not after it */
                                   : error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    status        = status == STATUS_OK ? eval_run_open(run, error) : status;
    if (status == STATUS_OK && run->records->repeated > 0) {
        fprintf(stderr,
                "rlsp eval: %llu lines of %s/traces.jsonl say again what was there; each response counts once\n",
                (unsigned long long)run->records->repeated, run->out);
    }
    status = status == STATUS_OK ? eval_run_generate(run, error) : status;
    if (status == STATUS_OK) {
        report->run = run;
        status      = sum_up(report, request, error);
    }
    for (int c = 0; report != NULL && c < report->count; c++) {
        eval_summary_free(&report->summaries[c]);
    }
    free(report);
    return status;
}

static int finish(const EvalCommand *r, const ArgsCommand *command, EvalRun *run, Error *error)
{
    if (r->compare) {
        if (r->folder_count != 2) {
            error_set(error, STATUS_BAD_INPUT, "--compare takes two folders: rlsp eval --compare A B");
        } else {
            eval_compare(r->folders[0], r->folders[1], r->common, r->json, r->report, error);
        }
    } else if (r->folder_count > 0) {
        error_set(error, STATUS_BAD_INPUT, "unexpected argument \"%.80s\"; see rlsp eval --help", r->folders[0]);
    } else {
        eval_catch_interrupt();
        evaluate(run, r, error);
        eval_run_close(run, error);
    }
    return error->status != STATUS_OK ? args_fail(command, error) : cli_finish_output(command->name);
}

int cli_eval(int argc, char **argv)
{
    const ArgsCommand command = {.name = "eval"};
    EvalCommand       r;
    Error             error  = {0};
    bool              help   = false;
    Status            status = eval_options_parse(&r, argc, argv, &help, &error);
    EvalRun           run    = {.settings      = r.settings,
                                .out           = r.out,
                                .device_choice = r.device,
                                .slots         = r.slots,
                                .kernels       = r.kernels,
                                .validate      = r.validate,
                                .lock          = -1};
    int               code   = 0;
    if (status != STATUS_OK) {
        code = args_fail(&command, &error);
    } else if (help) {
        code = cli_finish_output(command.name);
    } else {
        code = finish(&r, &command, &run, &error);
    }
    eval_settings_free(&r.settings);
    return code;
}
