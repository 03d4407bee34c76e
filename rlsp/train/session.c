#include "rlsp/train/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/io/file.h"
#include "rlsp/train/rollout.h"
#include "rlsp/train/rollout_said.h"
#include "rlsp/train/session_adapter.h"
#include "rlsp/train/session_control.h"
#include "rlsp/train/session_task.h"
#include "rlsp/version.h"

/* VOCAB_STEP: a new model's vocabulary is rounded up, as those of hub models are, to what the products' kernels
 * take in whole tiles; the ids past the tokenizer's stand for no text. */
enum { MICRO_TOKENS = 16384, EVAL_REQUESTS = 2048, VOCAB_STEP = 16 };

double session_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

GpuMemoryKind session_moments(const Session *session)
{
    return session->config.optimizer.memory == OPTIMIZER_HOST ? GPU_MEMORY_HOST : GPU_MEMORY_DEVICE;
}

void session_memory_fields(const Session *session, EventField fields[SESSION_MEMORY_FIELDS])
{
    fields[0] = (EventField){"time_memory_bytes", (double)gpu_memory_used(session->gpu), NULL};
    fields[1] = (EventField){"time_memory_peak_bytes", (double)gpu_memory_peak(session->gpu), NULL};
}

Status session_emit(Session *session, const char *type, const EventField *fields, int count, Error *error)
{
    Status status = events_emit(session->events, type, (int64_t)session->step, fields, count, error);
    if (session->options.on_step != NULL) {
        session->options.on_step(session->options.user, session->events);
    }
    return status;
}

/* What the activations of so many tokens take, found by planning them. */
static uint64_t activation_bytes(const Session *session, uint32_t tokens, uint32_t longest)
{
    Error           error = {0};
    Gpu            *dry = gpu_open_dry(gpu_info(session->gpu), &error);
    const Recompute recompute = session->config.recompute == RECOMPUTE_BLOCK ? RECOMPUTE_BLOCKS : KEEP_ACTIVATIONS;
    Workspace      *work = dry != NULL ? workspace_new(dry, &session->policy->config, tokens, tokens, longest, true, recompute, &error) : NULL;
    const uint64_t  bytes = work != NULL ? gpu_memory_used(dry) : 0;
    workspace_free(work);
    gpu_close(dry);
    return bytes;
}

uint32_t session_micro_tokens(const Session *session, uint32_t configured, uint32_t longest, Error *error)
{
    const ModelConfig *c = &session->policy->config;
    const uint64_t     limit = gpu_info(session->gpu)->max_binding_bytes, lora = (uint64_t)LORA_WIDEST_GROUP * model_lora_rank(session->policy);
    uint64_t           widest = (uint64_t)(c->heads + 2 * c->kv_heads) * c->head_dim; /* of what is bound whole */
    widest = c->hidden_size > widest ? c->hidden_size : widest;
    widest = lora > widest ? lora : widest;
    uint64_t tokens = configured;
    if (tokens == 0) {
        const uint64_t mlp = 2 * (uint64_t)c->intermediate_size; /* would be taken in pieces */
        tokens = limit / (4 * (mlp > widest ? mlp : widest));
        tokens = tokens > MICRO_TOKENS ? MICRO_TOKENS : tokens;
        tokens = tokens > longest ? tokens : longest;
        while (tokens / 2 >= longest && tokens > 1 && activation_bytes(session, (uint32_t)tokens, longest) > gpu_info(session->gpu)->memory_bytes / 4) {
            tokens /= 2;
        }
    }
    tokens = tokens > longest ? tokens : longest;
    if (tokens * widest * 4 > limit) {
        error_set(error, STATUS_BAD_INPUT, "a micro-batch of %u tokens (the longest sequence has %u) is more than this device binds at once (%.0f MiB, %u tokens of this model); use shorter sequences or a smaller tokens_per_micro_batch",
                  (uint32_t)tokens, longest, (double)limit / 1048576.0, (uint32_t)(limit / (4 * widest)));
        return 0;
    }
    return (uint32_t)tokens;
}

/* --- opening -------------------------------------------------------------------- */

static Status out_of_memory(Error *error) { return error_set(error, STATUS_OUT_OF_MEMORY, "starting a run: out of host memory"); }

static Status open_task(Session *session, Error *error)
{
    const RunConfig *config = &session->config;
    if (config->precision == PRECISION_BF16 || config->precision == PRECISION_F16) {
        return error_set(error, STATUS_BAD_INPUT, "precision: this version computes in f32; use 'auto' or 'f32'");
    }
    session->task = task_instance_open(&config->task, error);
    return session->task != NULL ? STATUS_OK : error->status;
}

Status session_build_tokenizer(const Session *session, const char *directory, Error *error)
{
    const size_t count = task_piece_count(session->task->kind, &session->task->config);
    char(*text)[TASK_PIECE_BYTES] = calloc(count, sizeof *text);
    const char **pieces = calloc(count, sizeof *pieces);
    Status       status = text != NULL && pieces != NULL ? STATUS_OK : out_of_memory(error);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        session->task->kind->piece(&session->task->config, i, text[i]);
        pieces[i] = text[i];
    }
    if (status == STATUS_OK) {
        const TokenizerSpec spec = {.pieces = pieces, .count = count, .specials = TASK_SPECIAL_COUNT, .split_regex = task_split_regex,
                                    .bos = "<bos>", .eos = "<eos>", .pad = "<pad>", .max_length = session->config.model.init.max_positions};
        status = file_make_directories(directory, error);
        status = status == STATUS_OK ? tokenizer_build(directory, &spec, error) : status;
    }
    free(pieces);
    free(text);
    return status;
}

static Status open_tokenizer(Session *session, Error *error)
{
    const RunModel *model = &session->config.model;
    const char     *from = model->tokenizer[0] != 0 ? model->tokenizer : model->path;
    Status          status = STATUS_OK;
    if (strcmp(from, "task") == 0 || (from[0] == 0 && model->path[0] == 0)) {
        snprintf(session->tokenizer_directory, sizeof session->tokenizer_directory, "%.1000s/tokenizer", run_dir_path(session->run));
        status = session_build_tokenizer(session, session->tokenizer_directory, error);
    } else {
        snprintf(session->tokenizer_directory, sizeof session->tokenizer_directory, "%s", from);
    }
    if (status == STATUS_OK) {
        session->tokenizer = tokenizer_open(session->tokenizer_directory, error);
        status = session->tokenizer != NULL ? task_instance_prepare(session->task, session->tokenizer, session->tokenizer_directory,
                                                                    model->chat_template, error)
                                            : error->status;
    }
    return status;
}

/* RUN_PATH_SIZE bytes of "directory/name". */
static const char *inside(char *buffer, const char *directory, const char *name)
{
    snprintf(buffer, RUN_PATH_SIZE + 64, "%.1050s/%s", directory, name);
    return buffer;
}

static Status copy_tokenizer(const Session *session, const char *directory, Error *error)
{
    static const char *const names[] = {"tokenizer.json", "tokenizer_config.json", "generation_config.json", "special_tokens_map.json", "chat_template.jinja"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char from[RUN_PATH_SIZE + 64], to[RUN_PATH_SIZE + 64];
        inside(from, session->tokenizer_directory, names[i]);
        if (file_exists(from)) {
            Status status = file_copy(from, inside(to, directory, names[i]), error);
            if (status != STATUS_OK) {
                return status;
            }
        }
    }
    return STATUS_OK;
}

ModelConfig session_init_config(const Session *session)
{
    const RunModelInit *init = &session->config.model.init;
    ModelConfig         config = {.family = MODEL_LLAMA,
                                  .vocab_size = (tokenizer_vocab_size(session->tokenizer) + VOCAB_STEP - 1) / VOCAB_STEP * VOCAB_STEP,
                                  .hidden_size = init->hidden_size,
                                  .layers = init->layers,
                                  .heads = init->heads,
                                  .kv_heads = init->kv_heads > 0 ? init->kv_heads : init->heads,
                                  .head_dim = init->head_dim > 0 ? init->head_dim : init->hidden_size / init->heads,
                                  .intermediate_size = init->intermediate_size,
                                  .max_positions = init->max_positions,
                                  .rms_norm_eps = (float)init->rms_norm_eps,
                                  .rope = {.theta = init->rope_theta},
                                  .tie_embeddings = init->tie_embeddings,
                                  .bos_token_id = tokenizer_token_id(session->tokenizer, "<bos>"),
                                  .eos_token_ids = {tokenizer_token_id(session->tokenizer, "<eos>")},
                                  .eos_count = tokenizer_token_id(session->tokenizer, "<eos>") >= 0,
                                  .pad_token_id = tokenizer_token_id(session->tokenizer, "<pad>")};
    return config;
}

/* The policy's weights, or with an adapter those of its base. */
static Status open_weights(Session *session, Error *error)
{
    const RunModel *model = &session->config.model;
    const bool      shared = model->critic == CRITIC_SHARED, adapter = session->config.adapter.kind == ADAPTER_LORA;
    const WeightFormat weights = adapter ? (WeightFormat)model->weights : WEIGHT_F32;
    char               base[RUN_PATH_SIZE + 64];
    session_base_path(&session->config, run_dir_path(session->run), base);
    if (session->resuming) {
        session->policy = model_load_frozen(session->gpu, adapter ? base : session->checkpoint_path, shared, weights, error);
    } else if (model->path[0] != 0) {
        session->policy = model_load_frozen(session->gpu, model->path, shared, weights, error);
    } else {
        const ModelConfig config = session_init_config(session);
        const ModelInit   init = {model->init.embedding_std, model->init.linear_scale, model->init.residual_scale};
        session->policy = model_new(session->gpu, &config, shared, error);
        if (session->policy != NULL && model_init(session->policy, &init, session->config.seed, error) != STATUS_OK) {
            return error->status;
        }
        if (session->policy != NULL && adapter &&
            (model_save(session->policy, base, DTYPE_F32, error) != STATUS_OK || copy_tokenizer(session, base, error) != STATUS_OK)) {
            return error->status;
        }
        if (session->policy != NULL && weights != WEIGHT_F32 && weights != WEIGHTS_AS_STORED) { /* the files are f32 */
            model_free(session->policy);
            session->policy = model_load_frozen(session->gpu, base, shared, weights, error);
        }
    }
    return session->policy != NULL ? STATUS_OK : error->status;
}

static void add_stop(Session *session, int64_t id)
{
    for (uint32_t i = 0; i < session->stop_count; i++) {
        if (session->stop_ids[i] == id) {
            return;
        }
    }
    if (id >= 0 && session->stop_count < SESSION_STOPS) {
        session->stop_ids[session->stop_count++] = (int32_t)id;
    }
}

static Status open_policy(Session *session, Error *error)
{
    Status status = open_weights(session, error);
    if (status == STATUS_OK && session->config.adapter.kind == ADAPTER_LORA) {
        status = session_adapter_open(session, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const ModelConfig *config = &session->policy->config;
    if (tokenizer_vocab_size(session->tokenizer) > config->vocab_size) {
        return error_set(error, STATUS_BAD_INPUT, "the tokenizer in %s has %u tokens, the model only %u", session->tokenizer_directory,
                         tokenizer_vocab_size(session->tokenizer), config->vocab_size);
    }
    for (uint32_t i = 0; i < config->eos_count; i++) {
        add_stop(session, config->eos_token_ids[i]);
    }
    add_stop(session, session->task->end_token);
    if (session->stop_count == 0) {
        return error_set(error, STATUS_BAD_INPUT, "the model has no eos_token_id in config.json, so that its responses would never end");
    }
    return STATUS_OK;
}

/* What the later stages want, before the first one has taken its time. */
static Status check_stages(const Session *session, Error *error)
{
    const RunConfig *config = &session->config;
    bool             rl = false;
    for (uint32_t i = 0; i < config->stage_count; i++) {
        rl = rl || config->stages[i] == STAGE_RL;
    }
    const uint32_t context = session->policy->config.max_positions, prompt = session->task->prompt_tokens;
    const uint32_t eval_new = config->eval.problems == 0 || task_instance_eval_count(session->task) == 0 ? 0 : config->eval.max_new_tokens > 0 ? config->eval.max_new_tokens : config->rl.max_new_tokens;
    if (rl && (uint64_t)prompt + config->rl.max_new_tokens > context) {
        return error_set(error, STATUS_BAD_INPUT, "rl.max_new_tokens %u and a prompt of %u tokens are more than the model's context of %u",
                         config->rl.max_new_tokens, prompt, context);
    }
    if ((uint64_t)prompt + eval_new > context) {
        return error_set(error, STATUS_BAD_INPUT, "eval.max_new_tokens %u and a prompt of %u tokens are more than the model's context of %u", eval_new,
                         prompt, context);
    }
    const RewardConfig reward = reward_from_config(&config->reward);
    const Status       status = rl ? reward_config_check(&reward, error) : STATUS_OK;
    return rl && status == STATUS_OK ? rollout_said_check(config, error) : status;
}

static Status open_run(Session *session, Error *error)
{
    const SessionOptions *options = &session->options;
    if (options->resume == NULL) {
        session->config = *options->config;
        session->run = run_dir_create(options->out, &session->config, error);
        session->events = session->run != NULL ? events_open(options->out, NULL, error) : NULL;
        return session->events != NULL ? STATUS_OK : error->status;
    }
    session->run = run_dir_open(options->resume, true, error);
    if (session->run == NULL || run_dir_config(session->run, NULL, 0, &session->config, error) != STATUS_OK) {
        return error->status;
    }
    uint64_t      steps[1];
    EventsOffsets start = {0};
    if (run_dir_list(session->run, steps, 1) > 0) {
        const char *path = run_dir_mark_path(session->run, "last", error);
        if (path == NULL || checkpoint_read(path, &session->resumed, error) != STATUS_OK) {
            return error->status;
        }
        snprintf(session->checkpoint_path, sizeof session->checkpoint_path, "%s", path);
        session->resuming = true;
        session->step = session->resumed.step;
        start = session->resumed.offsets;
    }
    session->events = events_open(options->resume, &start, error);
    return session->events != NULL ? STATUS_OK : error->status;
}

static Status open_all(Session *session, Error *error)
{
    const SessionOptions *options = &session->options;
    Status                status = open_run(session, error);
    status = status == STATUS_OK ? open_task(session, error) : status;
    status = status == STATUS_OK ? open_tokenizer(session, error) : status;
    if (status != STATUS_OK) {
        return status;
    }
    const char *device = options->device != NULL ? options->device : session->config.device;
    session->gpu = gpu_open(&(GpuOptions){.select = device, .validate = options->validate, .profile = options->profile}, error);
    session->stream = session->gpu != NULL ? gpu_stream_new(session->gpu, error) : NULL;
    status = session->stream != NULL ? open_policy(session, error) : error->status;
    return status == STATUS_OK ? check_stages(session, error) : status;
}

static uint64_t trained_parameters(const Model *model)
{
    const uint64_t head = model->value_head ? model->config.hidden_size + 1 : 0;
    return model->lora != NULL ? lora_parameter_count(model->lora) + head : model_parameter_count(model);
}

/* A new run that could not be opened (no such device, no such model) leaves its directory as it found it: empty. */
static void discard_new_run(const char *directory)
{
    static const char *const names[] = {"tokenizer", "base", "checkpoints", "events.jsonl", "traces.jsonl", "log.txt", "config.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[RUN_PATH_SIZE + 64];
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        file_remove(path, NULL);
    }
}

Session *session_open(const SessionOptions *options, Error *error)
{
    Session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        out_of_memory(error);
        return NULL;
    }
    session->options = *options;
    session->best_accuracy = -1.0;
    if (open_all(session, error) != STATUS_OK) {
        if (options->resume == NULL && session->run != NULL) {
            discard_new_run(options->out);
        }
        session_close(session);
        return NULL;
    }
    const GpuInfo *info = gpu_info(session->gpu);
    events_log(session->events, "info", "rlsp %s on device %d: %s (%s), %s", rlsp_version, info->index, info->name, info->driver, gpu_type_name(info->type));
    if (!session->resuming) {
        enum { MODEL_FIELDS = 8 };
        EventField fields[MODEL_FIELDS + SESSION_TASK_FIELDS] = {{"format", EVENTS_FORMAT, NULL},
                                                                 {"name", 0, session->config.name},
                                                                 {"parameters", (double)model_parameter_count(session->policy), NULL},
                                                                 {"trained_parameters", (double)trained_parameters(session->policy), NULL},
                                                                 {"vocab_size", session->policy->config.vocab_size, NULL},
                                                                 {"time_device", 0, info->name},
                                                                 {"time_device_memory_bytes", (double)info->memory_bytes, NULL},
                                                                 {"time_driver", 0, info->driver}};
        const int  count = MODEL_FIELDS + session_task_fields(session, fields + MODEL_FIELDS);
        if (session_emit(session, "run_start", fields, count, error) != STATUS_OK) {
            session_close(session);
            return NULL;
        }
        session_task_log(session);
    } else {
        events_log(session->events, "info", "going on from step %llu", (unsigned long long)session->step);
    }
    return session;
}

void session_close(Session *session)
{
    if (session == NULL) {
        return;
    }
    evaluator_free(session->evaluator);
    learner_free(session->critic_learner);
    learner_free(session->learner);
    model_free(session->critic);
    model_free(session->policy);
    model_free(session->base);
    gpu_stream_free(session->stream);
    gpu_close(session->gpu);
    task_instance_free(session->task);
    tokenizer_free(session->tokenizer);
    events_close(session->events);
    run_dir_close(session->run);
    session_forget_wishes(session);
    free(session);
}

/* --- checkpoints -------------------------------------------------------------------- */

/* The whole model, or its adapter. */
static Status save_model(const Session *session, const Model *model, const char *directory, Error *error)
{
    return session->base != NULL ? session_adapter_save(session, model, directory, error) : model_save(model, directory, DTYPE_F32, error);
}

static Status write_checkpoint(Session *session, const char *directory, Error *error)
{
    char   path[RUN_PATH_SIZE + 64];
    Status status = save_model(session, session->policy, directory, error);
    status = status == STATUS_OK ? copy_tokenizer(session, directory, error) : status;
    if (status == STATUS_OK && session->learner != NULL) {
        status = learner_save(session->learner, inside(path, directory, "optimizer.safetensors"), error);
    }
    if (status == STATUS_OK && session->critic != NULL) {
        status = save_model(session, session->critic, inside(path, directory, "critic"), error);
    }
    if (status == STATUS_OK && session->critic_learner != NULL) {
        status = learner_save(session->critic_learner, inside(path, directory, "critic_optimizer.safetensors"), error);
    }
    return status;
}

/* The event of a checkpoint that is due belongs to the run, before the offsets; that of another comes after them. */
static Status note_checkpoint(Session *session, const SessionPlace *place, SessionSave why, EventsOffsets *offsets, Error *error)
{
    const EventField fields[] = {{"stage", 0, run_stage_name(place->stage)}, {"stage_step", place->stage_step, NULL}, {"asked", 1, NULL}};
    Status           status = why == SAVE_DUE ? session_emit(session, "checkpoint", fields, 2, error) : STATUS_OK;
    status = status == STATUS_OK ? events_sync(session->events, offsets, error) : status;
    if (status == STATUS_OK && why == SAVE_BEFORE_EVALUATION) {
        *offsets = session->before_evaluation;
    }
    return status == STATUS_OK && why != SAVE_DUE ? session_emit(session, "checkpoint", fields, 3, error) : status;
}

Status session_checkpoint(Session *session, const SessionPlace *place, SessionSave why, Error *error)
{
    Checkpoint  checkpoint = {.step = session->step, .stage = place->stage, .phase = place->phase, .stage_step = place->stage_step};
    const char *directory = run_dir_checkpoint_begin(session->run, session->step, error);
    if (directory == NULL) {
        return error->status;
    }
    Status status = write_checkpoint(session, directory, error);
    status = status == STATUS_OK ? note_checkpoint(session, place, why, &checkpoint.offsets, error) : status;
    checkpoint_set(&checkpoint, "best_accuracy", session->best_accuracy);
    checkpoint_set(&checkpoint, "best_step", (double)session->best_step);
    checkpoint_set(&checkpoint, "kl_coef", session->kl_coef);
    if (place->stage == STAGE_SFT && session->sft_data.lines > 0) {
        checkpoint_set(&checkpoint, "sft_lines", (double)session->sft_data.lines);
        checkpoint_set(&checkpoint, "sft_place", (double)session->sft_data.place);
        checkpoint_set(&checkpoint, "sft_place_step", session->sft_data.place_step);
    }
    if (why == SAVE_BEFORE_EVALUATION) {
        checkpoint_set(&checkpoint, "evaluation_due", 1.0);
    }
    if (status != STATUS_OK) {
        run_dir_checkpoint_abort(session->run);
        return status;
    }
    status = run_dir_checkpoint_commit(session->run, &checkpoint, error);
    session->saved = session->saved || status == STATUS_OK;
    session->saved_step = status == STATUS_OK ? session->step : session->saved_step;
    return status == STATUS_OK ? run_dir_prune(session->run, session->config.checkpoint.keep, error) : status;
}

/* --- evaluation ------------------------------------------------------------------------ */

/* Evaluates once and appends the fields, `prefix` before each name. */
static Status evaluate_once(Session *session, const EvalOptions *options, const char *prefix, EventField *fields, int *count,
                            char names[EVAL_FIELDS_MAX][48], EvalResult *result, Error *error)
{
    Status status = evaluator_run(session->evaluator, session->policy, options, result, error);
    if (status == STATUS_OK) {
        *count += eval_result_fields(result, prefix, fields + *count, names);
    }
    return status;
}

/* Tokens of a response in an evaluation. */
static uint32_t eval_new_tokens(const RunConfig *config)
{
    return config->eval.max_new_tokens > 0 ? config->eval.max_new_tokens : config->rl.max_new_tokens;
}

/* Responses of the largest evaluation at once: what there are, and no more than fit a batch of requests. */
static uint32_t eval_requests(const Session *session)
{
    const RunEval *eval = &session->config.eval;
    const uint32_t there = task_instance_eval_count(session->task), problems = eval->final_problems > eval->problems ? eval->final_problems : eval->problems;
    const uint64_t requests = (uint64_t)(problems < there || there == 0 ? problems : there) * (eval->final_samples > eval->samples ? eval->final_samples : eval->samples);
    return requests == 0 || requests > EVAL_REQUESTS ? EVAL_REQUESTS : (uint32_t)requests;
}

Status session_open_evaluator(Session *session, Error *error)
{
    if (session->evaluator == NULL) {
        const EvalLimits limits = {.max_requests = eval_requests(session), .max_new = eval_new_tokens(&session->config), .slots = session->config.rl.decode_slots,
                                   .lora_rank = model_lora_rank(session->policy)};
        gpu_memory_owner(session->gpu, "evaluation");
        session->evaluator = evaluator_new(session->gpu, &session->policy->config, session->tokenizer, session->task, &limits, error);
        gpu_memory_owner(session->gpu, NULL);
    }
    return session->evaluator != NULL ? STATUS_OK : error->status;
}

Status session_evaluate(Session *session, const char *stage, bool final, double *accuracy, Error *error)
{
    const RunEval *eval = &session->config.eval;
    const uint32_t there = task_instance_eval_count(session->task), asked = final && eval->final_problems > 0 ? eval->final_problems : eval->problems;
    const uint32_t problems = asked < there ? asked : there;
    const uint32_t samples = final && eval->final_samples > 0 ? eval->final_samples : eval->samples;
    const uint32_t max_new = eval_new_tokens(&session->config);
    if (problems == 0) {
        return STATUS_OK;
    }
    if (session_open_evaluator(session, error) != STATUS_OK) {
        return error->status;
    }
    EvalOptions options = {.seed = eval->seed, .problems = problems, .samples = samples, .max_new = max_new,
                           .sample = {.temperature = (float)eval->temperature, .top_k = eval->top_k, .top_p = (float)eval->top_p},
                           .events = session->events, .traces = eval->traces, .stage = "eval", .step = (int64_t)session->step,
                           .progress = session_attend, .user = session};
    EventField  fields[3 + 2 * EVAL_FIELDS_MAX] = {{"stage", 0, stage}, {"problems", problems, NULL}, {"samples", samples, NULL}};
    char        names[2][EVAL_FIELDS_MAX][48];
    int         count = 3;
    EvalResult  sampled, greedy;
    session->before_evaluation = events_offsets(session->events);
    Status status = evaluate_once(session, &options, "", fields, &count, names[0], &sampled, error);
    if (status == STATUS_OK && eval->greedy && eval->temperature > 0.0) {
        options.sample = (SampleOptions){.temperature = 0.0f};
        options.samples = 1;
        options.stage = "eval_greedy";
        options.traces = eval->traces / 4;
        status = evaluate_once(session, &options, "greedy_", fields, &count, names[1], &greedy, error);
    }
    if (status == STATUS_STOPPED) {
        *error = (Error){0};
        return error_set(error, status, "stopped in the evaluation after step %llu, which will be done again; everything is saved",
                         (unsigned long long)session->step);
    }
    status = status == STATUS_OK ? session_emit(session, "eval", fields, count, error) : status;
    if (accuracy != NULL && status == STATUS_OK) {
        *accuracy = sampled.accuracy;
    }
    return status;
}

/* --- stages ---------------------------------------------------------------------------- */

/* What the run took, part by part; `rlsp plan` says it beforehand. */
static void log_memory(Session *session)
{
    GpuMemoryRow rows[GPU_MEMORY_ROWS];
    const int    count = gpu_memory_rows(session->gpu, rows, GPU_MEMORY_ROWS);
    char         text[1024] = "";
    size_t       used = 0;
    for (int i = 0; i < count && i < 8 && used < sizeof text; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s %.1f", i > 0 ? ", " : "", rows[i].name, (double)rows[i].bytes / 1048576.0);
    }
    events_log(session->events, "info", "peak device memory %.1f MiB (%s)", (double)gpu_memory_peak(session->gpu) / 1048576.0, text);
}

Status session_train(Session *session, Error *error)
{
    Status status = STATUS_OK;
    for (uint32_t i = 0; i < session->config.stage_count && status == STATUS_OK; i++) {
        const RunStage stage = session->config.stages[i];
        if (session->resuming && session->resumed.stage == STAGE_RL && stage == STAGE_SFT) {
            continue;
        }
        status = stage == STAGE_SFT ? sft_train(session, error) : rl_train(session, error);
    }
    if (session->events != NULL) {
        log_memory(session);
    }
    if (status == STATUS_OK) {
        const EventField fields[] = {{"reason", 0, "done"}};
        status = session_emit(session, "run_end", fields, 1, error);
    } else if (session->events != NULL) {
        events_log(session->events, status == STATUS_STOPPED ? "info" : "error", "%s", error->text);
    }
    return status;
}
