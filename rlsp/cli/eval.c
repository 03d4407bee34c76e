/* rlsp eval: measures a model on the problems of a dataset or of a built-in task. */
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "rlsp/cli/cli.h"
#include "rlsp/cli/eval_compare.h"
#include "rlsp/cli/eval_progress.h"
#include "rlsp/cli/eval_prompt.h"
#include "rlsp/cli/eval_report.h"
#include "rlsp/eval/vote.h"

enum { PROTOCOL_SAMPLES = 4 };

static const char summary[] =
    "Measures a model on the problems of a dataset (--data: a line {\"problem\":…,\"answer\":…} each, with \"id\",\n"
    "\"subject\" and \"level\" if it has them) or on held-out ones of a built-in task: pass@1 with its standard "
    "error,\n"
    "pass@k, maj@k, by subject and level, lengths, and what right and wrong traces show. Each --temperature gives a\n"
    "column; 0 is greedy. --protocol: T=1 and T=0.5 with 4 samples per problem, and greedy.\n"
    "\n"
    "--out DIR takes every trace as it is finished (traces.jsonl), the figures (report.json, report.md) and the "
    "problems\n"
    "one by one (problems.jsonl). The same command, or --resume DIR, goes on where it was stopped, whatever stopped "
    "it:\n"
    "a response depends on the seed, its problem and its number alone. --compare A B tests two such folders against\n"
    "each other, problem by problem.";

/* What the command line asks for. */
typedef struct EvalCommand {
    EvalSettings settings;
    const char  *out, *resume, *report, *device;
    int64_t      slots;
    bool         protocol, json, validate, compare, common;
    const char  *folders[2];
    int          folder_count;
} EvalCommand;

/* --- writing what was found -----------------------------------------------------------------------------------------
 */

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

/* --- the evaluation
 * --------------------------------------------------------------------------------------------------- */

static Status read_k(const EvalSettings *settings, EvalSummaryOptions *options, Error *error)
{
    for (int i = 0; i < settings->k.count; i++) {
        char      *end;
        const long k    = strtol(settings->k.items[i], &end, 10);
        const long last = options->k_count > 0 ? (long)options->k[options->k_count - 1] : 0;
        if (end == settings->k.items[i] || *end != '\0' || k <= last || k > VOTE_SAMPLES_MAX ||
            options->k_count == EVAL_K_MAX - 2) {
            return error_set(error, STATUS_BAD_INPUT,
                             "--k \"%.40s\": wanted at most %d whole numbers from 1 to %d, rising",
                             settings->k.items[i], EVAL_K_MAX - 2, VOTE_SAMPLES_MAX);
        }
        options->k[options->k_count++] = (uint32_t)k;
    }
    return STATUS_OK;
}

static Status sum_up(EvalReport *report, const EvalCommand *request, Error *error)
{
    const EvalSettings *settings = &report->run->settings;
    EvalSummaryOptions  options  = {.seed = (uint64_t)settings->seed, .resamples = (uint32_t)settings->resamples};
    Status              status   = read_k(settings, &options, error);
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
    Status status = report != NULL ? read_k(&run->settings, &unused, error) /* before the work, not after it */
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

/* --- the command line
 * ---------------------------------------------------------------------------------------------------- */

/* What --protocol and the defaults come to. */
static Status complete(EvalCommand *r, Error *error)
{
    static const char *const protocol[] = {"1", "0.5", "0"};
    EvalSettings            *s          = &r->settings;
    if (r->protocol && s->temperatures.count > 0) {
        return error_set(error, STATUS_BAD_INPUT, "--protocol says which temperatures; leave --temperature out");
    }
    if (s->data != NULL && s->task != NULL && strcmp(s->task, task_jsonl.kind) != 0) {
        return error_set(error, STATUS_BAD_INPUT, "--task %s has its own problems; it does not go with --data",
                         s->task);
    }
    for (size_t i = 0; r->protocol && i < sizeof protocol / sizeof protocol[0]; i++) {
        s->temperatures.items[s->temperatures.count++] = protocol[i];
    }
    if (s->temperatures.count == 0) {
        s->temperatures.items[s->temperatures.count++] = "1";
    }
    s->samples = s->samples > 0 ? s->samples : r->protocol ? PROTOCOL_SAMPLES : 1;
    return STATUS_OK;
}

static Status parse(EvalCommand *r, const ArgsCommand *command, int argc, char **argv, bool *help, Error *error)
{
    Status status = args_parse(command, argc, argv, help, error);
    if (status != STATUS_OK || *help || r->resume == NULL) {
        return status;
    }
    const EvalCommand given = *r; /* a second time, over what the folder says */
    if (given.out != NULL && strcmp(given.out, given.resume) != 0) {
        return error_set(error, STATUS_BAD_INPUT, "--resume %s goes on in that folder; leave --out out", given.resume);
    }
    r->settings             = eval_settings_default();
    status                  = eval_settings_read(&r->settings, given.resume, error);
    ArgsList *const lists[] = {&r->settings.temperatures, &r->settings.subjects, &r->settings.levels, &r->settings.k};
    const ArgsList *const anew[] = {&given.settings.temperatures, &given.settings.subjects, &given.settings.levels,
                                    &given.settings.k};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        lists[i]->count = anew[i]->count > 0 ? 0 : lists[i]->count;
    }
    if (r->protocol) {
        r->settings.temperatures.count = 0;
        r->settings.samples            = given.settings.samples;
    }
    r->out          = given.resume;
    r->folder_count = 0;
    return status == STATUS_OK ? args_parse(command, argc, argv, help, error) : status;
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
    EvalCommand      r         = {.settings = eval_settings_default()};
    EvalSettings    *s         = &r.settings;
    const ArgsOption options[] = {
        {.name        = "model",
         .type        = ARGS_TEXT,
         .value       = &s->model,
         .placeholder = "DIR",
         .help        = "a Hugging Face model directory"},
        {.name        = "adapter",
         .type        = ARGS_TEXT,
         .value       = &s->adapter,
         .placeholder = "DIR",
         .help        = "a PEFT adapter (LoRA) of that model"},
        {.name        = "weights",
         .type        = ARGS_CHOICE,
         .value       = &s->weights,
         .placeholder = "W",
         .help        = CLI_WEIGHTS_HELP,
         .choices     = weights_names},
        {.name = "task", .type = ARGS_TEXT, .value = &s->task, .placeholder = "T", .help = "countdown or pick-three"},
        {.name        = "data",
         .type        = ARGS_TEXT,
         .value       = &s->data,
         .placeholder = "F.jsonl",
         .help        = "a dataset: MATH-500, AIME and the like"},
        {.name        = "problem-key",
         .type        = ARGS_TEXT,
         .value       = &s->problem_key,
         .placeholder = "K",
         .help        = "its key of a problem's text (problem)"},
        {.name        = "answer-key",
         .type        = ARGS_TEXT,
         .value       = &s->answer_key,
         .placeholder = "K",
         .help        = "its key of the true answer (answer)"},
        {.name        = "limit",
         .type        = ARGS_INTEGER,
         .value       = &s->limit,
         .placeholder = "N",
         .help        = "the first N problems (all; 1000 of a task)",
         .min         = 1,
         .max         = 1e6},
        {.name        = "problems",
         .type        = ARGS_INTEGER,
         .value       = &s->limit,
         .placeholder = "N",
         .help        = "the same",
         .min         = 1,
         .max         = 1e6},
        {.name        = "subject",
         .type        = ARGS_LIST,
         .value       = &s->subjects,
         .placeholder = "S",
         .help        = "only problems of this subject; may be given again"},
        {.name        = "level",
         .type        = ARGS_LIST,
         .value       = &s->levels,
         .placeholder = "L",
         .help        = "only problems of this level; may be given again"},
        {.name        = "max-prompt",
         .type        = ARGS_INTEGER,
         .value       = &s->max_prompt,
         .placeholder = "N",
         .help        = "leave out problems whose prompts have more tokens; the report says how many",
         .min         = 1,
         .max         = 1e6},
        {.name        = "prompt-template",
         .type        = ARGS_TEXT,
         .value       = &s->prompt_template,
         .placeholder = "P",
         .help        = EVAL_PROMPT_NAMES
         " (the authors'), chatml, llama3, or a Jinja file (the model's own chat template; raw if it has none)"},
        {.name = "raw", .type = ARGS_FLAG, .value = &s->raw, .help = "no chat template"},
        {.name        = "system",
         .type        = ARGS_TEXT,
         .value       = &s->system,
         .placeholder = "S",
         .help        = "a system message, with a chat template"},
        {.name        = "prefix",
         .type        = ARGS_TEXT,
         .value       = &s->prefix,
         .placeholder = "S",
         .help        = "text before the problem"},
        {.name        = "suffix",
         .type        = ARGS_TEXT,
         .value       = &s->suffix,
         .placeholder = "S",
         .help        = "text after the problem"},
        {.name        = "boxes",
         .type        = ARGS_CHOICE,
         .value       = &s->boxes,
         .placeholder = "WHICH",
         .help        = "the \\boxed{…} that counts",
         .choices     = eval_boxes},
        {.name = "fbox", .type = ARGS_FLAG, .value = &s->fbox, .help = "\\fbox{…} is a box too"},
        {.name  = "phrases",
         .type  = ARGS_FLAG,
         .value = &s->phrases,
         .help  = "where there is no box: \"the answer is …\", \"#### …\", the last number"},
        {.name        = "n",
         .type        = ARGS_INTEGER,
         .value       = &s->samples,
         .placeholder = "K",
         .help        = "samples per problem (1; 4 with --protocol)",
         .min         = 1,
         .max         = VOTE_SAMPLES_MAX},
        {.name        = "temperature",
         .type        = ARGS_LIST,
         .value       = &s->temperatures,
         .placeholder = "X",
         .help        = "1 if not given; 0: greedy; several: a column each"},
        {.name = "protocol", .type = ARGS_FLAG, .value = &r.protocol, .help = "T=1, T=0.5 and greedy, in one table"},
        {.name        = "top-p",
         .type        = ARGS_REAL,
         .value       = &s->top_p,
         .placeholder = "X",
         .help        = "the likeliest tokens up to this probability; 0: off",
         .min         = 0,
         .max         = 1},
        {.name        = "top-k",
         .type        = ARGS_INTEGER,
         .value       = &s->top_k,
         .placeholder = "N",
         .help        = "the N likeliest tokens; 0: off",
         .min         = 0,
         .max         = 1e6},
        {.name        = "min-p",
         .type        = ARGS_REAL,
         .value       = &s->min_p,
         .placeholder = "X",
         .help        = "tokens at least X times as likely as the likeliest; 0: off",
         .min         = 0,
         .max         = 1},
        {.name        = "max-new",
         .type        = ARGS_INTEGER,
         .value       = &s->max_new,
         .placeholder = "N",
         .help        = "tokens per response, at most (4096; a task's own)",
         .min         = 1,
         .max         = 131072},
        {.name        = "seed",
         .type        = ARGS_INTEGER,
         .value       = &s->seed,
         .placeholder = "S",
         .help        = "of samples, intervals and a task's problems (20261122)",
         .min         = 0,
         .max         = 9007199254740992},
        {.name        = "slots",
         .type        = ARGS_INTEGER,
         .value       = &r.slots,
         .placeholder = "N",
         .help        = "responses generated at once (as many as fit, up to 256)",
         .min         = 1,
         .max         = 65536},
        {.name        = "k",
         .type        = ARGS_LIST,
         .value       = &s->k,
         .placeholder = "K",
         .help        = "pass@K and maj@K; may be given again (1, 2, 4, … and n)"},
        {.name        = "resamples",
         .type        = ARGS_INTEGER,
         .value       = &s->resamples,
         .placeholder = "N",
         .help        = "of the bootstrap (10000)",
         .min         = 1,
         .max         = 1e6},
        {.name        = "out",
         .type        = ARGS_TEXT,
         .value       = &r.out,
         .placeholder = "DIR",
         .help        = "a directory for traces and reports; an evaluation that was stopped there goes on"},
        {.name        = "resume",
         .type        = ARGS_TEXT,
         .value       = &r.resume,
         .placeholder = "DIR",
         .help        = "goes on there, with the options it was begun with"},
        {.name        = "report",
         .type        = ARGS_TEXT,
         .value       = &r.report,
         .placeholder = "F.md",
         .help        = "write the report as Markdown here too"},
        {.name = "compare", .type = ARGS_FLAG, .value = &r.compare, .help = "two finished directories: A B"},
        {.name  = "common",
         .type  = ARGS_FLAG,
         .value = &r.common,
         .help  = "--compare: on the problems that both have, where they differ"},
        {.name        = "device",
         .type        = ARGS_TEXT,
         .value       = &r.device,
         .placeholder = "D",
         .help        = "number or part of the name, as in rlsp devices"},
        {.name  = "validate",
         .type  = ARGS_FLAG,
         .value = &r.validate,
         .help  = "with the Vulkan validation layer; its messages are failures"},
        {.name = "json", .type = ARGS_FLAG, .value = &r.json, .help = "print the report as JSON"},
    };
    const ArgsCommand command = {.name             = "eval",
                                 .usage            = "--model DIR (--data F.jsonl | --task T) [options]\n"
                                                     "       rlsp eval --resume DIR\n"
                                                     "       rlsp eval --compare A B [--common] [--json]",
                                 .summary          = summary,
                                 .options          = options,
                                 .option_count     = (int)(sizeof options / sizeof options[0]),
                                 .positionals      = r.folders,
                                 .max_positionals  = 2,
                                 .positional_count = &r.folder_count};
    Error             error   = {0};
    bool              help    = false;
    EvalRun           run     = {.lock = -1};
    Status            status  = parse(&r, &command, argc, argv, &help, &error);
    if (status == STATUS_OK && help) {
        args_print_help(&command, stdout);
        return cli_finish_output(command.name);
    }
    if (status == STATUS_OK && !r.compare) {
        status = complete(&r, &error);
    }
    run.settings      = r.settings;
    run.out           = r.out;
    run.device_choice = r.device;
    run.slots         = r.slots;
    run.validate      = r.validate;
    const int code    = status == STATUS_OK ? finish(&r, &command, &run, &error) : args_fail(&command, &error);
    eval_settings_free(&r.settings);
    return code;
}
