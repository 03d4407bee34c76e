/* rlsp eval: measures a model on held-out problems. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/io/file.h"
#include "rlsp/cli/args.h"
#include "rlsp/cli/cli.h"
#include "rlsp/cli/eval_report.h"
#include "rlsp/train/eval_stats.h"

enum { REQUESTS_MAX = 4096, PROTOCOL_SAMPLES = 4 };

static const char summary[] =
    "Measures a model on held-out problems of a built-in task: pass@1, pass@k and maj@k, lengths,\n"
    "and what the traces show. Each --temperature gives a column; 0 is greedy.\n"
    "--protocol: T=1 and T=0.5 with 4 samples per problem, and greedy.\n"
    "--out DIR takes every trace (traces.jsonl) and the figures (report.json).";

/* What the command line asks for. */
typedef struct EvalRequest {
    const char *model, *adapter, *task, *data, *out, *device;
    int64_t     problems, samples, max_new, seed, top_k, slots;
    double      top_p, min_p;
    ArgsList    temperatures;
    bool        protocol, json, validate;
} EvalRequest;

/* What is open during an evaluation. */
typedef struct EvalSession {
    TaskInstance *task;
    Gpu          *gpu;
    Tokenizer    *tokenizer;
    Model        *model;
    Evaluator    *evaluator;
    Events       *events; /* NULL without --out */
    EvalReport    report;
} EvalSession;

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* --- what to run ------------------------------------------------------------------- */

static void add_column(EvalSession *session, double temperature, int64_t samples)
{
    EvalColumn *column  = &session->report.columns[session->report.column_count++];
    column->temperature = temperature;
    column->samples     = temperature > 0 ? (uint32_t)samples : 1;
    if (temperature > 0) {
        snprintf(column->label, sizeof column->label, "T=%g", temperature);
        snprintf(column->stage, sizeof column->stage, "eval_T=%g", temperature);
    } else {
        snprintf(column->label, sizeof column->label, "greedy");
        snprintf(column->stage, sizeof column->stage, "eval_greedy");
    }
}

static Status choose_columns(EvalSession *session, const EvalRequest *request, Error *error)
{
    const int64_t samples = request->samples > 0 ? request->samples : request->protocol ? PROTOCOL_SAMPLES : 1;
    if (request->protocol && request->temperatures.count > 0) {
        return error_set(error, STATUS_BAD_INPUT, "--protocol says which temperatures; leave --temperature out");
    }
    if (request->temperatures.count > EVAL_COLUMNS_MAX) {
        return error_set(error, STATUS_BAD_INPUT, "--temperature is given %d times; %d are possible",
                         request->temperatures.count, EVAL_COLUMNS_MAX);
    }
    if (request->protocol) {
        add_column(session, 1, samples);
        add_column(session, 0.5, samples);
        add_column(session, 0, samples);
    }
    for (int i = 0; i < request->temperatures.count; i++) {
        const char  *text = request->temperatures.items[i];
        char        *end;
        const double temperature = strtod(text, &end);
        if (end == text || *end != '\0' || !(temperature >= 0 && temperature <= 100)) {
            return error_set(error, STATUS_BAD_INPUT, "--temperature \"%.40s\": wanted a number from 0 (greedy) to 100",
                             text);
        }
        add_column(session, temperature, samples);
    }
    if (session->report.column_count == 0) {
        add_column(session, 1, samples);
    }
    return STATUS_OK;
}

static Status choose_task(EvalSession *session, EvalRequest *request, Error *error)
{
    if (request->data != NULL) {
        return error_set(
            error, STATUS_BAD_INPUT,
            "--data comes with the math domain, which is not there yet; use --task countdown or pick-three");
    }
    if (request->task == NULL) {
        return error_set(error, STATUS_BAD_INPUT, "--task is missing; countdown or pick-three");
    }
    const Task *kind = task_find(request->task);
    if (kind == NULL) {
        return error_set(error, STATUS_BAD_INPUT, "unknown task \"%.40s\"; countdown or pick-three", request->task);
    }
    if (request->max_new == 0) {
        request->max_new = kind->max_response_tokens;
    }
    session->task = task_instance_new(kind, NULL, error);
    return session->task != NULL ? STATUS_OK : error->status;
}

static Status open_out(EvalSession *session, const EvalRequest *request, Error *error)
{
    char  *path   = path_join(request->out, "traces.jsonl");
    Status status = path != NULL ? STATUS_OK : error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    if (status == STATUS_OK && file_exists(path)) {
        status = error_set(error, STATUS_BAD_INPUT, "%s is there already; name another --out, or remove it", path);
    }
    if (status == STATUS_OK) {
        status = file_make_directories(request->out, error);
    }
    if (status == STATUS_OK) {
        session->events = events_open(request->out, NULL, error);
        status          = session->events != NULL ? STATUS_OK : error->status;
    }
    free(path);
    return status;
}

static Status open_session(EvalSession *session, const EvalRequest *request, Error *error)
{
    uint64_t most = 0;
    for (int i = 0; i < session->report.column_count; i++) {
        const uint64_t responses = (uint64_t)request->problems * session->report.columns[i].samples;
        most                     = responses > most ? responses : most;
    }
    EvalLimits limits = {.max_requests = (uint32_t)(most < REQUESTS_MAX ? most : REQUESTS_MAX),
                               .max_new      = (uint32_t)request->max_new,
                               .slots        = (uint32_t)request->slots};
    if (model_check_directory(request->model, error) != STATUS_OK) {
        return error->status;
    }
    session->tokenizer = tokenizer_open(request->model, error);
    if (session->tokenizer != NULL && task_instance_prepare(session->task, session->tokenizer, request->model, NULL, error) == STATUS_OK) {
        session->gpu = gpu_open(&(GpuOptions){.select = request->device, .validate = request->validate}, error);
    }
    if (session->gpu != NULL) {
        session->model = model_load_adapted(session->gpu, request->model, request->adapter, error);
    }
    if (session->model != NULL) {
        limits.lora_rank   = model_lora_rank(session->model);
        session->evaluator = evaluator_new(session->gpu, &session->model->config, session->tokenizer, session->task,
                                           &limits, error);
    }
    if (session->evaluator == NULL) {
        return error->status;
    }
    return request->out != NULL ? open_out(session, request, error) : STATUS_OK;
}

/* Validation messages count as a failure, so that tests can ask for them. */
static Status close_session(EvalSession *session, Error *error)
{
    events_close(session->events);
    evaluator_free(session->evaluator);
    model_free(session->model);
    task_instance_free(session->task);
    tokenizer_free(session->tokenizer);
    if (session->gpu != NULL && gpu_validation_count(session->gpu) > 0) {
        error_set(error, STATUS_FAILED, "%d messages of the validation layer; the first: %s",
                  gpu_validation_count(session->gpu), gpu_validation_first(session->gpu));
    }
    gpu_close(session->gpu);
    return error->status;
}

/* --- running --------------------------------------------------------------------------- */

static bool show_progress(void *user, uint32_t done, uint32_t all)
{
    const EvalColumn *column = user;
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%s: %u of %u responses", column->label, done, all);
    }
    return interrupted != 0;
}

static Status run_column(EvalSession *session, const EvalRequest *request, EvalColumn *column, Error *error)
{
    const EvalOptions options = {.seed     = (uint64_t)request->seed,
                                 .problems = (uint32_t)request->problems,
                                 .samples  = column->samples,
                                 .sample   = {.temperature = (float)column->temperature,
                                              .top_k       = (uint32_t)request->top_k,
                                              .top_p       = (float)request->top_p,
                                              .min_p       = (float)request->min_p},
                                 .max_new  = (uint32_t)request->max_new,
                                 .events   = session->events,
                                 .traces   = UINT32_MAX,
                                 .stage    = column->stage,
                                 .progress = show_progress,
                                 .user     = column};
    Status            status  = evaluator_run(session->evaluator, session->model, &options, &column->result, error);
    if (isatty(STDERR_FILENO)) {
        fputs("\r\033[K", stderr);
    }
    if (status == STATUS_OK) {
        eval_column_pass_at(column, evaluator_samples(session->evaluator), options.problems);
    }
    if (status == STATUS_OK && session->events != NULL) {
        EventField fields[4 + EVAL_FIELDS_MAX] = {{"stage", 0, column->stage},
                                                  {"temperature", column->temperature, NULL},
                                                  {"problems", options.problems, NULL},
                                                  {"samples", options.samples, NULL}};
        char       names[EVAL_FIELDS_MAX][48];
        const int  count = 4 + eval_result_fields(&column->result, "", fields + 4, names);
        status           = events_emit(session->events, "eval", 0, fields, count, error);
    }
    return status;
}

/* --- the subcommand --------------------------------------------------------------------------- */

static Status write_report(const EvalSession *session, const EvalRequest *request, Error *error)
{
    JsonLine    line   = {0};
    const char *report = eval_report_json(&session->report, &line);
    char       *path   = request->out != NULL ? path_join(request->out, "report.json") : NULL;
    Status      status = STATUS_OK;
    if (report == NULL || (request->out != NULL && path == NULL)) {
        status = error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while writing the report");
    } else {
        if (path != NULL) {
            status = file_write_atomic(path, report, line.size, error);
        }
        if (request->json) {
            fputs(report, stdout);
        }
    }
    free(path);
    json_line_free(&line);
    return status;
}

static Status evaluate(EvalSession *session, EvalRequest *request, Error *error)
{
    Status status = choose_task(session, request, error);
    if (status == STATUS_OK) {
        status = choose_columns(session, request, error);
    }
    if (status == STATUS_OK) {
        status = open_session(session, request, error);
    }
    if (status == STATUS_OK) {
        EvalReport *report = &session->report;
        report->model      = request->model;
        report->adapter    = request->adapter;
        report->task       = session->task->kind->kind;
        report->device     = gpu_info(session->gpu)->name;
        report->problems   = request->problems;
        report->max_new    = request->max_new;
        report->seed       = request->seed;
        report->top_k      = request->top_k;
        report->top_p      = request->top_p;
        report->min_p      = request->min_p;
    }
    for (int c = 0; c < session->report.column_count && status == STATUS_OK; c++) {
        status = run_column(session, request, &session->report.columns[c], error);
    }
    if (status == STATUS_OK) {
        status = write_report(session, request, error);
    }
    if (status == STATUS_OK && !request->json) {
        eval_report_print(&session->report, stdout);
    }
    return status;
}

int cli_eval(int argc, char **argv)
{
    EvalRequest      r         = {.problems = 1000, .seed = 20261122};
    const ArgsOption options[] = {
        {.name        = "model",
         .type        = ARGS_TEXT,
         .value       = &r.model,
         .placeholder = "DIR",
         .help        = "a Hugging Face model directory",
         .required    = true},
        {.name        = "adapter",
         .type        = ARGS_TEXT,
         .value       = &r.adapter,
         .placeholder = "DIR",
         .help        = "a PEFT adapter (LoRA) of that model"},
        {.name = "task", .type = ARGS_TEXT, .value = &r.task, .placeholder = "T", .help = "countdown or pick-three"},
        {.name        = "data",
         .type        = ARGS_TEXT,
         .value       = &r.data,
         .placeholder = "F.jsonl",
         .help        = "a dataset (not there yet)"},
        {.name        = "problems",
         .type        = ARGS_INTEGER,
         .value       = &r.problems,
         .placeholder = "N",
         .help        = "held-out problems (1000)",
         .min         = 1,
         .max         = 1e6},
        {.name        = "n",
         .type        = ARGS_INTEGER,
         .value       = &r.samples,
         .placeholder = "K",
         .help        = "samples per problem (1; 4 with --protocol)",
         .min         = 1,
         .max         = 1000},
        {.name        = "temperature",
         .type        = ARGS_LIST,
         .value       = &r.temperatures,
         .placeholder = "X",
         .help        = "1 if not given; 0: greedy; several: a column each"},
        {.name = "protocol", .type = ARGS_FLAG, .value = &r.protocol, .help = "T=1, T=0.5 and greedy, in one table"},
        {.name        = "top-p",
         .type        = ARGS_REAL,
         .value       = &r.top_p,
         .placeholder = "X",
         .help        = "the likeliest tokens up to this probability; 0: off",
         .min         = 0,
         .max         = 1},
        {.name        = "top-k",
         .type        = ARGS_INTEGER,
         .value       = &r.top_k,
         .placeholder = "N",
         .help        = "the N likeliest tokens; 0: off",
         .min         = 0,
         .max         = 1e6},
        {.name        = "min-p",
         .type        = ARGS_REAL,
         .value       = &r.min_p,
         .placeholder = "X",
         .help        = "tokens at least X times as likely as the likeliest; 0: off",
         .min         = 0,
         .max         = 1},
        {.name        = "max-new",
         .type        = ARGS_INTEGER,
         .value       = &r.max_new,
         .placeholder = "N",
         .help        = "tokens per response, at most (the task's own)",
         .min         = 1,
         .max         = 131072},
        {.name        = "seed",
         .type        = ARGS_INTEGER,
         .value       = &r.seed,
         .placeholder = "S",
         .help        = "of problems and samples (20261122)",
         .min         = 0,
         .max         = 9007199254740992},
        {.name        = "slots",
         .type        = ARGS_INTEGER,
         .value       = &r.slots,
         .placeholder = "N",
         .help        = "responses generated at once (256)",
         .min         = 1,
         .max         = 65536},
        {.name        = "out",
         .type        = ARGS_TEXT,
         .value       = &r.out,
         .placeholder = "DIR",
         .help        = "a new directory for traces.jsonl and report.json"},
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
    const ArgsCommand command = {.name         = "eval",
                                 .usage        = "--model DIR --task T [options]",
                                 .summary      = summary,
                                 .options      = options,
                                 .option_count = (int)(sizeof options / sizeof options[0])};
    int               exit_code;
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    Error       error   = {0};
    EvalSession session = {0};
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
    evaluate(&session, &r, &error);
    if (close_session(&session, &error) != STATUS_OK) {
        return args_fail(&command, &error);
    }
    return cli_finish_output(command.name);
}
