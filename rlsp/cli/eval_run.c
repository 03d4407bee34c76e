#include "rlsp/cli/eval_run.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rlsp/cli/eval_folder.h"
#include "rlsp/cli/eval_progress.h"
#include "rlsp/cli/eval_prompt.h"
#include "rlsp/cli/model.h"
#include "rlsp/eval/fingerprint.h"
#include "rlsp/eval/vote.h"
#include "rlsp/version.h"

enum { TASK_PROBLEMS = 1000 };

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
}

/* --- columns ----------------------------------------------------------------------------------------------------- */

static Status choose_columns(EvalRun *run, Error *error)
{
    const EvalSettings *settings = &run->settings;
    if (settings->temperatures.count > EVAL_COLUMNS_MAX) {
        return error_set(error, STATUS_BAD_INPUT, "--temperature is given %d times; %d are possible",
                         settings->temperatures.count, EVAL_COLUMNS_MAX);
    }
    for (int i = 0; i < settings->temperatures.count; i++) {
        const char  *text = settings->temperatures.items[i];
        char        *end;
        const double temperature = strtod(text, &end);
        EvalColumn  *column      = &run->columns[run->column_count++];
        if (end == text || *end != '\0' || !(temperature >= 0 && temperature <= 100)) {
            return error_set(error, STATUS_BAD_INPUT, "--temperature \"%.40s\": wanted a number from 0 (greedy) to 100",
                             text);
        }
        column->temperature = temperature;
        column->samples     = temperature > 0 ? (uint32_t)settings->samples : 1;
        if (temperature > 0) {
            snprintf(column->label, sizeof column->label, "T=%g", temperature);
            snprintf(column->stage, sizeof column->stage, "eval_T=%g", temperature);
        } else {
            snprintf(column->label, sizeof column->label, "greedy");
            snprintf(column->stage, sizeof column->stage, "eval_greedy");
        }
        for (int k = 0; k + 1 < run->column_count; k++) {
            if (strcmp(run->columns[k].label, column->label) == 0) {
                return error_set(error, STATUS_BAD_INPUT, "--temperature %s is given twice; --n says how many samples",
                                 text);
            }
        }
    }
    return STATUS_OK;
}

/* --- problems ---------------------------------------------------------------------------------------------------- */

static Status choose_built_in(EvalRun *run, Error *error)
{
    EvalSettings *settings = &run->settings;
    const Task   *kind     = task_find(settings->task);
    if (kind == NULL) {
        return error_set(error, STATUS_BAD_INPUT, "unknown task \"%.40s\"; countdown or pick-three", settings->task);
    }
    if (settings->raw || settings->prompt_template != NULL || settings->system != NULL ||
        settings->chat_set.count > 0 || settings->prefix != NULL || settings->suffix != NULL ||
        settings->subjects.count > 0 || settings->levels.count > 0) {
        return error_set(
            error, STATUS_BAD_INPUT,
            "--raw, --prompt-template, --system, --chat-set, --prefix, --suffix, --subject and --level are for --data; "
            "a built-in task poses its problems itself");
    }
    settings->limit   = settings->limit > 0 ? settings->limit : TASK_PROBLEMS;
    settings->max_new = settings->max_new > 0 ? settings->max_new : kind->max_response_tokens;
    run->task         = task_instance_new(kind, NULL, error);
    return run->task != NULL ? STATUS_OK : error->status;
}

static Status choose_data(EvalRun *run, const char **chat_template, Error *error)
{
    EvalSettings *settings = &run->settings;
    RunConfig     config;
    Status        status = run_config_parse("{}", "rlsp eval", NULL, 0, &config, error); /* for what is not said here */
    settings->task       = task_jsonl.kind;
    settings->max_new    = settings->max_new > 0 ? settings->max_new : task_jsonl.max_response_tokens;
    status = status == STATUS_OK ? eval_prompt_choose(settings, &config.task, chat_template, error) : status;
    status = status == STATUS_OK ? sha256_file(settings->data, run->data_sum, error) : status;
    if (status == STATUS_OK) {
        settings->data_sha256 = run->data_sum;
        run->task             = task_instance_open(&config.task, error);
        status                = run->task != NULL ? STATUS_OK : error->status;
    }
    return status;
}

/* Of all prompts, one after another: whatever their template is made of. */
static Status sum_prompts(EvalRun *run, Error *error)
{
    TaskPrompt prompt = {0};
    Sha256     sha;
    Status     status = STATUS_OK;
    sha256_begin(&sha);
    for (uint32_t i = 0; i < run->problems.count && status == STATUS_OK; i++) {
        status = task_instance_prompt(run->task, &run->problems.list[i].problem, &prompt, error);
        if (status == STATUS_OK) {
            sha256_add(&sha, prompt.text, prompt.length);
        }
    }
    task_prompt_free(&prompt);
    sha256_end(&sha, run->prompts_sum);
    run->settings.prompts_sha256 = run->prompts_sum;
    return status;
}

static Status open_problems(EvalRun *run, Error *error)
{
    EvalSettings *settings      = &run->settings;
    const char   *chat_template = NULL;
    Status status = settings->data != NULL ? choose_data(run, &chat_template, error) : choose_built_in(run, error);
    status        = status == STATUS_OK ? model_check_directory(settings->model, error) : status;
    if (status == STATUS_OK) {
        run->tokenizer = tokenizer_open(settings->model, error);
        status         = run->tokenizer != NULL ? STATUS_OK : error->status;
    }
    if (status == STATUS_OK) {
        status = task_instance_prepare(run->task, run->tokenizer, settings->model, chat_template, error);
    }
    if (status == STATUS_OK) {
        const EvalFilter filter = {.limit         = (uint32_t)settings->limit,
                                   .subjects      = settings->subjects.items,
                                   .levels        = settings->levels.items,
                                   .subject_count = settings->subjects.count,
                                   .level_count   = settings->levels.count};
        run->left_out           = run->task->held_out != NULL ? run->task->held_out->left_out : 0;
        status = eval_problems_open(&run->problems, run->task, &filter, (uint64_t)settings->seed, error);
    }
    return status == STATUS_OK ? sum_prompts(run, error) : status;
}

/* --resume: the type that was named then, unless another is asked for now. Its name; NULL: f32. */
static const char *as_begun(const char *name, int *type)
{
    for (int c = COMPUTE_BF16; name != NULL && *type == COMPUTE_F32 && c <= COMPUTE_F16; c++) {
        *type = strcmp(name, compute_type_names[c]) == 0 ? c : COMPUTE_F32;
    }
    return *type != COMPUTE_F32 ? compute_type_names[*type] : NULL;
}

Status eval_run_open(EvalRun *run, Error *error)
{
    EvalSettings *settings = &run->settings;
    run->lock              = -1;
    if (settings->model == NULL) {
        return error_set(error, STATUS_BAD_INPUT, "--model DIR is missing; see rlsp eval --help");
    }
    if ((settings->task == NULL || strcmp(settings->task, task_jsonl.kind) == 0) && settings->data == NULL) {
        return error_set(error, STATUS_BAD_INPUT, "--task is missing (countdown or pick-three), or --data F.jsonl");
    }
    Status status = choose_columns(run, error);
    status        = status == STATUS_OK ? open_problems(run, error) : status;
    status =
        status == STATUS_OK ? fingerprint_model(settings->model, settings->adapter, run->model_sum, error) : status;
    if (settings->precision != NULL && settings->weights == WEIGHTS_AS_STORED) { /* --resume: as it was begun */
        settings->weights = (int)weight_format_find(settings->precision);
    }
    settings->products   = as_begun(settings->products, &settings->compute);
    settings->kv_cache   = as_begun(settings->kv_cache, &settings->cache);
    WeightFormat weights = (WeightFormat)settings->weights;
    status               = status == STATUS_OK ? model_resolve_weights(settings->model, &weights, error) : status;
    settings->weights    = (int)weights;
    if (status == STATUS_OK) {
        settings->model_sha256 = run->model_sum;
        settings->version      = rlsp_version;
        settings->precision    = weight_format_name(weights);
        run->records           = eval_records_new(&run->problems, run->columns, run->column_count, error);
        status                 = run->records != NULL ? STATUS_OK : error->status;
    }
    return status == STATUS_OK && run->out != NULL ? eval_folder_open(run, error) : status;
}

Status eval_run_close(EvalRun *run, Error *error)
{
    events_close(run->events);
    if (run->lock >= 0) {
        close(run->lock); /* lets it go; the file stays, so that two openers always meet at one */
    }
    eval_records_free(run->records);
    eval_problems_close(&run->problems);
    model_free(run->model);
    task_instance_free(run->task);
    tokenizer_free(run->tokenizer);
    if (run->gpu != NULL && gpu_validation_count(run->gpu) > 0) {
        error_set(error, STATUS_FAILED, "%d messages of the validation layer; the first: %s",
                  gpu_validation_count(run->gpu), gpu_validation_first(run->gpu));
    }
    gpu_close(run->gpu);
    return error->status;
}

/* --- generating -------------------------------------------------------------------------------------------------- */

/* One column in the making. */
typedef struct Column {
    EvalRun     *run;
    int          index;
    EvalProgress progress;
} Column;

static void take_problem(void *user, uint32_t number, Problem *problem)
{
    const Column *column = user;
    *problem             = column->run->problems.list[number].problem;
}

static Status keep(void *user, const EvalResponse *response, Error *error)
{
    Column  *column = user;
    EvalRun *run    = column->run;
    run->generated_tokens += response->tokens;
    return eval_records_write(run->records, column->index, response, run->task->kind, run->events, error);
}

static bool look(void *user, uint32_t running, uint64_t tokens)
{
    Column *column = user;
    (void)tokens;
    return eval_progress_show(&column->run->columns[column->index], column->run->records, &column->progress, running);
}

/* What a column lacks; the number of it. */
static uint32_t list_missing(const EvalRun *run, int column, EvalRequest *requests)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < run->problems.count; i++) {
        for (uint32_t k = 0; k < run->columns[column].samples; k++) {
            if (!eval_record_at(run->records, column, i, k)->done) {
                requests[count++] = (EvalRequest){
                    .problem = i, .sample = k, .stream = run->problems.list[i].row * VOTE_SAMPLES_MAX + k};
            }
        }
    }
    return count;
}

static Status open_device(EvalRun *run, Error *error)
{
    EvalSettings  *settings = &run->settings;
    const CliModel model    = {.device    = {.command = "eval",
                                             .options = {.select = run->device_choice, .validate = run->validate},
                                             .kernels = run->kernels,
                                             .compute = settings->compute,
                                             .folder  = run->out,
                                             .resumed = run->begun},
                               .directory = settings->model,
                               .adapter   = settings->adapter,
                               .weights   = settings->weights};
    run->model              = cli_model_open(&model, &run->gpu, error);
    if (run->model == NULL) {
        return error->status;
    }
    const char *name = gpu_info(run->gpu)->name;
    if (run->begun && strcmp(run->device, name) != 0) {
        return error_set(error, STATUS_BAD_INPUT,
                         "%s was begun on the device %s, not on %s, whose arithmetic may differ; take the same "
                         "(--device), or another --out",
                         run->out, run->device, name);
    }
    snprintf(run->device, sizeof run->device, "%s", name);
    settings->device = run->device;
    if (run->out != NULL && !run->begun) {
        return eval_folder_begin(run, error);
    }
    return run->out != NULL && run->grown ? eval_folder_note(run, error) : STATUS_OK;
}

static Status generate_column(EvalRun *run, EvalGenerator *generator, int index, const EvalRequest *requests,
                              uint32_t count, Error *error)
{
    const EvalSettings *settings = &run->settings;
    Column              column   = {.run = run, .index = index};
    const EvalJob       job      = {.model        = run->model,
                                    .problem      = take_problem,
                                    .requests     = requests,
                                    .count        = count,
                                    .seed         = (uint64_t)settings->seed,
                                    .sample       = {.temperature = (float)run->columns[index].temperature,
                                                     .top_k       = (uint32_t)settings->top_k,
                                                     .top_p       = (float)settings->top_p,
                                                     .min_p       = (float)settings->min_p},
                                    .max_new      = (uint32_t)settings->max_new,
                                    .with_prompts = true,
                                    .sink         = keep,
                                    .progress     = look,
                                    .user         = &column};
    eval_progress_begin(&column.progress, run->records, count);
    Status status = eval_generator_run(generator, &job, error);
    eval_progress_end(&column.progress);
    return status;
}

/* The model's own, and what ends a turn or a text in the usual vocabularies, as the authors' evaluation has it. */
static StopTokens stop_tokens(const EvalRun *run)
{
    static const char *const names[] = {"<eos>",         "</s>",       "<|im_end|>",
                                        "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>"};
    const ModelConfig       *config  = &run->model->config;
    StopTokens               stops   = {0};
    stop_tokens_add(&stops, run->task->end_token, config->vocab_size);
    stop_tokens_add_model(&stops, config);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        stop_tokens_add(&stops, tokenizer_token_id(run->tokenizer, names[i]), config->vocab_size);
    }
    return stops;
}

static EvalGenerator *open_generator(const EvalRun *run, Error *error)
{
    const EvalSettings       *settings = &run->settings;
    const uint64_t            missing  = run->records->responses - run->records->done;
    const uint32_t            max_new  = (uint32_t)settings->max_new;
    const StopTokens          stops    = stop_tokens(run);
    const EvalGeneratorLimits limits   = {.requests  = eval_generator_requests(missing, max_new),
                                          .max_new   = max_new,
                                          .slots     = (uint32_t)run->slots,
                                          .lora_rank = model_lora_rank(run->model),
                                          .cache     = (ComputeType)settings->cache};
    return eval_generator_new(run->gpu, &run->model->config, run->tokenizer, run->task, &stops, &limits, error);
}

static Status generate_all(EvalRun *run, EvalRequest *requests, Error *error)
{
    Status         status    = open_device(run, error);
    EvalGenerator *generator = status == STATUS_OK ? open_generator(run, error) : NULL;
    status                   = generator != NULL ? STATUS_OK : error->status;
    for (int c = 0; c < run->column_count && status == STATUS_OK; c++) {
        const uint32_t count = list_missing(run, c, requests);
        status               = count > 0 ? generate_column(run, generator, c, requests, count, error) : STATUS_OK;
    }
    eval_generator_free(generator);
    return status;
}

Status eval_run_generate(EvalRun *run, Error *error)
{
    const EvalRecords *records = run->records;
    uint64_t           most    = 0;
    for (int c = 0; c < run->column_count; c++) {
        const uint64_t count = (uint64_t)run->problems.count * run->columns[c].samples;
        most                 = count > most ? count : most;
    }
    if (most > INT32_MAX) {
        return error_set(error, STATUS_BAD_INPUT,
                         "%llu responses are more than an evaluation takes; ask for fewer samples",
                         (unsigned long long)most);
    }
    if (records->done == records->responses) {
        run->settings.device = run->device;
        return STATUS_OK;
    }
    EvalRequest *requests = malloc(most * sizeof *requests);
    if (requests == NULL) {
        return out_of_memory(error);
    }
    const double start  = eval_clock();
    Status       status = generate_all(run, requests, error);
    run->seconds        = eval_clock() - start;
    free(requests);
    if (status == STATUS_STOPPED) {
        *error = (Error){0};
        error_set(error, STATUS_STOPPED, "stopped after %llu of %llu responses; %s%s%s",
                  (unsigned long long)records->done, (unsigned long long)records->responses,
                  run->out != NULL ? "rlsp eval --resume " : "with --out they would have been kept",
                  run->out != NULL ? run->out : "", run->out != NULL ? " goes on" : "");
    }
    return status;
}
