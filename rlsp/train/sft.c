/* Stage one: supervised fine-tuning, phase by phase. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/ops/logits.h"
#include "rlsp/train/session_control.h"
#include "rlsp/train/sft_data.h"

/* Device memory of one phase. */
typedef struct SftBuffers {
    Workspace *work;
    Batch     *batch;
    GpuArena  *arena;
    GpuSpan    logprob, entropy, lse, dlogprob, weight, sums;
    int32_t   *rows, *targets; /* host, of one micro-batch */
    float     *row_weight;
    uint32_t  *starts;
    uint32_t   micro_tokens;
} SftBuffers;

static void buffers_close(SftBuffers *b)
{
    gpu_arena_free(b->arena);
    batch_free(b->batch);
    workspace_free(b->work);
    free(b->rows);
    free(b->targets);
    free(b->row_weight);
    free(b->starts);
}

static float adapter_dropout(const Session *session)
{
    return session->policy->lora != NULL ? (float)session->policy->lora->config.dropout : 0.0f;
}

/* On failure, too, what was opened is buffers_close's to free. */
static Status buffers_open(SftBuffers *b, Session *session, uint32_t longest, Error *error)
{
    const ModelConfig *model = &session->policy->config;
    const uint32_t     n = session_micro_tokens(session, session->config.sft.tokens_per_micro_batch, longest, error);
    if (n == 0) {
        return error->status;
    }
    *b                  = (SftBuffers){.micro_tokens = n};
    Recompute recompute = session->config.recompute == RECOMPUTE_BLOCK ? RECOMPUTE_BLOCKS : KEEP_ACTIVATIONS;
    b->work             = workspace_new(session->gpu, model, n, n, longest, true, recompute, error);
    const bool planned  = b->work != NULL &&
                         workspace_add_lora(b->work, model_lora_rank(session->policy), error) == STATUS_OK &&
                         (adapter_dropout(session) == 0 || workspace_add_dropout(b->work, error) == STATUS_OK);
    b->batch      = planned ? batch_new(session->gpu, model, n, n, n, error) : NULL;
    b->arena      = b->batch != NULL ? gpu_arena_new(session->gpu, "SFT losses", GPU_MEMORY_DEVICE,
                                                     5 * gpu_align((uint64_t)n * 4) + GPU_ALIGNMENT, error)
                                     : NULL;
    b->rows       = malloc(n * sizeof *b->rows);
    b->targets    = malloc(n * sizeof *b->targets);
    b->row_weight = malloc(n * sizeof *b->row_weight);
    b->starts     = malloc(((size_t)n + 1) * sizeof *b->starts);
    if (b->arena == NULL || b->rows == NULL || b->targets == NULL || b->row_weight == NULL || b->starts == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "SFT: out of host memory");
        return error->status;
    }
    b->logprob  = gpu_arena_take(b->arena, (uint64_t)n * 4);
    b->entropy  = gpu_arena_take(b->arena, (uint64_t)n * 4);
    b->lse      = gpu_arena_take(b->arena, (uint64_t)n * 4);
    b->dlogprob = gpu_arena_take(b->arena, (uint64_t)n * 4);
    b->weight   = gpu_arena_take(b->arena, (uint64_t)n * 4);
    b->sums     = gpu_arena_take(b->arena, 8);
    return STATUS_OK;
}

/* Puts sequences [first, …) of the step into the device batch, as many as fit; returns
 * the first that did not. Rows are the positions whose next token has a weight. */
static uint32_t set_micro_batch(SftBuffers *b, Gpu *gpu, const SftBatch *step, uint32_t first, Status *status,
                                Error *error)
{
    const uint32_t base = step->starts[first];
    uint32_t       last = first, rows = 0;
    b->starts[0] = 0;
    while (last < step->sequences && step->starts[last + 1] - base <= b->micro_tokens) {
        last++;
        b->starts[last - first] = step->starts[last] - base;
    }
    for (uint32_t s = first; s < last; s++) {
        for (uint32_t i = step->starts[s]; i + 1 < step->starts[s + 1]; i++) {
            if (step->weight[i + 1] != 0.0f) {
                b->rows[rows]         = (int32_t)(i - base);
                b->targets[rows]      = step->ids[i + 1];
                b->row_weight[rows++] = step->weight[i + 1];
            }
        }
    }
    *status =
        batch_set(b->batch, &(BatchInput){step->ids + base, b->starts, last - first, b->rows, b->targets, rows}, error);
    if (*status == STATUS_OK && rows > 0) {
        *status = gpu_upload(gpu, b->weight, b->row_weight, (uint64_t)rows * 4, error);
    }
    return last;
}

/* One optimizer step: gradients of all micro-batches, then AdamW. */
static Status train_step(Session *session, SftBuffers *b, const SftBatch *step, const AdamwOptions *options,
                         double max_norm, double *loss, GradNorm *norm, Error *error)
{
    GpuStream *s      = session->stream;
    Model     *model  = session->policy;
    Status     status = STATUS_OK;
    b->work->lora.dropout =
        (LoraDropout){.rate = adapter_dropout(session), .seed = session->config.seed, .step = (uint32_t)session->step};
    for (uint32_t first = 0; first < step->sequences && status == STATUS_OK; b->work->lora.dropout.batch++) {
        const bool start = first == 0;
        session_doing(session, start, "step %llu: learning, %u of %u sequences done",
                      (unsigned long long)session->step + 1, first, step->sequences);
        first = set_micro_batch(b, session->gpu, step, first, &status, error);
        if (status != STATUS_OK) {
            return status;
        }
        gpu_stream_begin(s);
        if (start) {
            learner_zero_gradients(s, session->learner);
            gpu_fill(s, b->sums, 0);
        }
        if (b->batch->rows > 0) {
            transformer_forward(s, b->work, model, b->batch);
            head_logprobs(s, b->work, model, b->batch, 1.0f, b->logprob, b->entropy, b->lse);
            cross_entropy(s, b->dlogprob, b->sums, b->logprob, b->weight, b->batch->rows);
            learner_scale_loss(s, session->learner, b->dlogprob, b->batch->rows);
            head_backward(s, b->work, model, session->learner->gradients, b->batch, 1.0f, b->lse, b->entropy,
                          b->dlogprob, (GpuSpan){0});
            transformer_backward(s, b->work, model, session->learner->gradients, b->batch);
        }
        if (first == step->sequences) {
            learner_step(s, session->learner, options, max_norm);
        }
        status = gpu_stream_run(s, error);
    }
    float sums[2] = {0.0f, 0.0f};
    status        = status == STATUS_OK ? gpu_download(session->gpu, b->sums, sums, sizeof sums, error) : status;
    status        = status == STATUS_OK ? learner_finish(session->learner, norm, error) : status;
    *loss         = (double)sums[0];
    session_doing(session, true, "%s", "");
    return status;
}

static Status emit_step(Session *session, uint32_t phase_step, double loss, double lr, const GradNorm *norm,
                        const SftBatch *step, double seconds, Error *error)
{
    const uint32_t tokens                                = step->starts[step->sequences];
    const bool     scaled                                = session->learner->scale.growth_interval > 0;
    EventField     fields[8 + SESSION_MEMORY_FIELDS + 2] = {{"stage_step", phase_step, NULL},
                                                            {"loss", loss, NULL},
                                                            {"lr", lr, NULL},
                                                            {"grad_norm", (double)norm->norm, NULL},
                                                            {"tokens", tokens, NULL},
                                                            {"targets", (double)step->targets, NULL},
                                                            {"time_tokens_per_second", tokens / seconds, NULL},
                                                            {"time_seconds", seconds, NULL}};
    session_memory_fields(session, fields + 8);
    fields[8 + SESSION_MEMORY_FIELDS]     = (EventField){"loss_scale", session->learner->scale.value, NULL};
    fields[8 + SESSION_MEMORY_FIELDS + 1] = (EventField){"lost_steps", norm->not_finite, NULL};
    if (norm->not_finite != 0) {
        events_log(session->events, "warning", "step %llu was skipped: its gradient was not finite%s",
                   (unsigned long long)session->step, scaled ? "; the loss scale is halved" : "");
    }
    return session_emit(session, "sft_step", fields, 8 + SESSION_MEMORY_FIELDS + (scaled ? 2 : 0), error);
}

static SftSource *open_source(const Session *session, uint32_t phase, Error *error)
{
    const ModelConfig *model = &session->policy->config;
    return sft_source_new(&(SftSetup){.phase         = &session->config.sft.phases[phase],
                                      .phase_index   = phase,
                                      .task          = session->task->kind,
                                      .task_config   = &session->task->config,
                                      .tokenizer     = session->tokenizer,
                                      .directory     = session->tokenizer_directory,
                                      .chat_template = session->config.model.chat_template,
                                      .task_settings = &session->config.task,
                                      .eos           = session->stops.ids[0],
                                      .context       = model->max_positions,
                                      .vocab_size    = model->vocab_size,
                                      .seed          = session->config.seed},
                          error);
}

/* What is known of a file's lines, to the log; a warning where some are not learnt from. */
static void tell_counts(Session *session, const SftPhase *phase, const SftFileCounts *c, uint32_t steps)
{
    const uint64_t left_out = c->too_long + c->too_short + c->no_target + c->bad;
    events_log(session->events, "info",
               "%s: %llu of %llu lines looked at: %llu examples, %llu tokens (%llu to learn), the longest %u; %u steps",
               phase->data, (unsigned long long)c->checked, (unsigned long long)c->lines, (unsigned long long)c->used,
               (unsigned long long)c->tokens, (unsigned long long)c->targets, c->longest, steps);
    if (left_out > 0) {
        events_log(session->events, "warning",
                   "%s: %llu lines were left out: %llu longer than sft.max_length, %llu shorter than two tokens, %llu "
                   "without a token to learn, %llu bad%s%s",
                   phase->data, (unsigned long long)left_out, (unsigned long long)c->too_long,
                   (unsigned long long)c->too_short, (unsigned long long)c->no_target, (unsigned long long)c->bad,
                   c->bad > 0 ? ", the first: " : "", c->first_bad_text);
    }
    if (c->cut > 0) {
        events_log(session->events, "warning", "%s: %llu examples were cut to sft.max_length = %u tokens", phase->data,
                   (unsigned long long)c->cut, phase->max_length);
    }
}

/* Where a resumed run goes on in its data. A file of other lines than the run began with would be another run. */
static Status go_on_in_data(Session *session, SftSource *source, const SftPhase *phase, Error *error)
{
    const SftFileCounts *counts = sft_source_counts(source);
    const Checkpoint    *from   = &session->resumed;
    if (counts == NULL) {
        return STATUS_OK;
    }
    const double lines = checkpoint_get(from, "sft_lines", (double)counts->lines);
    if (lines != (double)counts->lines) {
        return error_set(
            error, STATUS_BAD_INPUT,
            "%s: %llu lines, but %.0f when this run was saved; put the file back as it was, or start a new run",
            phase->data, (unsigned long long)counts->lines, lines);
    }
    sft_source_go(source, (SftPlace){(uint64_t)checkpoint_get(from, "sft_place", 0.0),
                                     (uint32_t)checkpoint_get(from, "sft_place_step", 0.0)});
    return STATUS_OK;
}

/* For the checkpoint of a place `next` steps into the phase; 0: the phase is over. */
static void note_place(Session *session, SftSource *source, uint32_t next)
{
    const SftFileCounts *counts = next > 0 ? sft_source_counts(source) : NULL;
    const SftPlace       place  = counts != NULL ? sft_source_place(source) : (SftPlace){0, 0};
    session->sft_data           = (SessionSftData){counts != NULL ? counts->lines : 0, place.begin, place.step};
}

static Status train_phase(Session *session, uint32_t index, uint32_t first_step, Error *error)
{
    const SftPhase *phase   = &session->config.sft.phases[index];
    SftBuffers      buffers = {0};
    SftBatch        batch   = {0};
    SftSource      *source  = open_source(session, index, error);
    uint32_t        steps   = phase->steps;
    Status          status  = source != NULL ? sft_source_steps(source, &steps, error) : error->status;
    if (status == STATUS_OK && first_step > 0) {
        status = go_on_in_data(session, source, phase, error);
    }
    if (status == STATUS_OK && first_step == 0) {
        const EventField started[] = {{"stage", 0, "sft"},
                                      {"name", 0, phase->name},
                                      {"phase", index, NULL},
                                      {"steps", steps, NULL},
                                      {"done", first_step, NULL}};
        status                     = session_emit(session, "phase_start", started, 5, error);
    }
    if (status == STATUS_OK && first_step == 0 && phase->reset_optimizer) {
        status = learner_reset(session->learner, error);
    }
    if (status == STATUS_OK && sft_source_counts(source) != NULL) {
        tell_counts(session, phase, sft_source_counts(source), steps);
    }
    status = status == STATUS_OK ? buffers_open(&buffers, session, sft_source_longest(source), error) : status;
    for (uint32_t i = first_step; i < steps && status == STATUS_OK; i++) {
        const double lr =
            phase->lr * run_schedule_factor(phase->schedule, i, steps, phase->warmup_steps, phase->final_lr_fraction);
        const AdamwOptions options = {lr, phase->betas[0], phase->betas[1], phase->eps, phase->weight_decay};
        const double       start   = session_clock();
        double             loss    = 0.0;
        GradNorm           norm;
        status = sft_source_step(source, i, &batch, error);
        status = status == STATUS_OK
                     ? train_step(session, &buffers, &batch, &options, phase->max_grad_norm, &loss, &norm, error)
                     : status;
        if (status != STATUS_OK) {
            break;
        }
        session->step++;
        status          = emit_step(session, i + 1, loss, lr, &norm, &batch, session_clock() - start, error);
        const bool due  = session->config.checkpoint.every > 0 && session->step % session->config.checkpoint.every == 0;
        const bool last = i + 1 == steps;
        const SessionPlace place = {
            .stage = STAGE_SFT, .phase = last ? index + 1 : index, .stage_step = last ? 0 : i + 1};
        note_place(session, source, place.stage_step);
        if (status == STATUS_OK && (due || last)) {
            status = session_checkpoint(session, &place, SAVE_DUE, error);
        }
        status = status == STATUS_OK ? session_between_steps(session, &place, error) : status;
    }
    sft_batch_free(&batch);
    buffers_close(&buffers);
    sft_source_free(source);
    return status;
}

Status sft_train(Session *session, Error *error)
{
    uint32_t phase = 0, first_step = 0;
    Status   status  = STATUS_OK;
    session->learner = learner_new(session->policy, session_moments(session), error);
    if (session->learner == NULL) {
        return error->status;
    }
    if (session->resuming && session->resumed.stage == STAGE_SFT) {
        phase      = session->resumed.phase;
        first_step = session->resumed.stage_step;
        char path[RUN_PATH_SIZE + 64];
        snprintf(path, sizeof path, "%s/optimizer.safetensors", session->checkpoint_path);
        status = learner_load(session->learner, path, error);
    }
    for (uint32_t later = phase + 1; later < session->config.sft.phase_count && status == STATUS_OK; later++) {
        SftSource *source = open_source(session, later, error); /* bad data are told now, not hours later */
        status            = source != NULL ? STATUS_OK : error->status;
        sft_source_free(source);
    }
    for (; phase < session->config.sft.phase_count && status == STATUS_OK; phase++, first_step = 0) {
        status = train_phase(session, phase, first_step, error);
    }
    if (status == STATUS_OK) {
        status = session_evaluate(session, "sft", true, NULL, error);
    }
    learner_free(session->learner);
    session->learner = NULL;
    return status;
}

Status sft_plan(Session *session, bool evaluates, Error *error)
{
    const RunSft *sft = &session->config.sft;
    session->learner  = learner_new(session->policy, session_moments(session), error);
    Status status     = session->learner != NULL ? STATUS_OK : error->status;
    for (uint32_t i = 0; i < sft->phase_count && status == STATUS_OK; i++) {
        Error          missing = {0};
        const uint32_t context = session->policy->config.max_positions, most = sft->phases[i].max_length;
        uint32_t       steps = 0, longest = most > 0 && most < context ? most : context;
        SftSource     *source = session->tokenizer != NULL ? open_source(session, i, &missing) : NULL;
        if (source != NULL && sft_source_steps(source, &steps, &missing) == STATUS_OK) {
            longest = sft_source_longest(source);
        }
        sft_source_free(source);
        SftBuffers buffers = {0};
        status             = buffers_open(&buffers, session, longest, error);
        buffers_close(&buffers);
    }
    if (status == STATUS_OK && evaluates) {
        status = session_open_evaluator(session, error);
    }
    learner_free(session->learner);
    session->learner = NULL;
    return status;
}
