#include "rlsp/train/rollout.h"

#include <stdlib.h>
#include <string.h>

#include "engine/parallel.h"
#include "rlsp/train/rollout_said.h"
#include "rlsp/train/session_control.h"

/* Tokens are counted and addressed in 32 bits. */
static Status check_size(const Session *session, Error *error)
{
    const RunRl   *rl        = &session->config.rl;
    const uint64_t sequences = (uint64_t)rl->prompts_per_step * rl->samples_per_prompt,
                   longest   = (uint64_t)session->task->prompt_tokens + rl->max_new_tokens;
    if (longest > INT32_MAX / sequences) {
        return error_set(error, STATUS_BAD_INPUT,
                         "rl.prompts_per_step %u times rl.samples_per_prompt %u responses of up to %llu tokens with "
                         "their prompts are more than the %d "
                         "that a step can have; lower one of them, or rl.max_new_tokens",
                         rl->prompts_per_step, rl->samples_per_prompt, (unsigned long long)longest, INT32_MAX);
    }
    return STATUS_OK;
}

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "rollouts: out of host memory");
}

Rollout *rollout_new(Session *session, Error *error)
{
    const RunRl *rl = &session->config.rl;
    if (check_size(session, error) != STATUS_OK) {
        return NULL;
    }
    Rollout *rollout = calloc(1, sizeof *rollout);
    if (rollout == NULL) {
        out_of_memory(error);
        return NULL;
    }
    rollout->session     = session;
    rollout->sequences   = rl->prompts_per_step * rl->samples_per_prompt;
    rollout->reward      = reward_from_config(&session->config.reward);
    const uint32_t     n = rollout->sequences, prompt = session->task->prompt_tokens;
    const DecodeLimits limits = {.slots             = rl->decode_slots > 0 ? rl->decode_slots : (n < 256 ? n : 256),
                                 .max_length        = prompt + rl->max_new_tokens,
                                 .max_requests      = n,
                                 .max_prompt_tokens = n * prompt,
                                 .max_new           = rl->max_new_tokens,
                                 .steps_per_submit  = rl->decode_steps_per_submit,
                                 .lora_rank         = model_lora_rank(session->policy),
                                 .cache             = session_kv_cache(session)};
    rollout->items            = calloc(n, sizeof *rollout->items);
    rollout->prompt_tokens    = calloc(n, sizeof *rollout->prompt_tokens);
    rollout->response_start   = calloc((size_t)n + 1, sizeof *rollout->response_start);
    rollout->finished         = calloc(n, sizeof *rollout->finished);
    rollout->longest          = limits.max_length;
    rollout->ids              = malloc((uint64_t)n * limits.max_length * sizeof *rollout->ids);
    if (rollout->items == NULL || rollout->prompt_tokens == NULL || rollout->response_start == NULL ||
        rollout->finished == NULL || rollout->ids == NULL) {
        out_of_memory(error);
    } else if (limits.max_length > session->policy->config.max_positions) {
        error_set(error, STATUS_BAD_INPUT,
                  "rl.max_new_tokens %u and a prompt of %u tokens are more than the model's context of %u",
                  rl->max_new_tokens, prompt, session->policy->config.max_positions);
    } else if (reward_config_check(&rollout->reward, error) == STATUS_OK &&
               (rollout->said = rollout_said_open(&session->config, n, error)) != NULL) {
        rollout->decoder = session_open_decoder(session, &limits, error);
    }
    if (rollout->decoder == NULL) {
        rollout_free(rollout);
        return NULL;
    }
    return rollout;
}

void rollout_free(Rollout *rollout)
{
    if (rollout != NULL) {
        rollout_said_free(rollout->said);
        session_close_decoder(rollout->session);
        for (uint32_t i = 0; i < rollout->sequences && rollout->items != NULL; i++) {
            rollout_item_free(&rollout->items[i]);
        }
        free(rollout->items);
        free(rollout->prompt_tokens);
        free(rollout->response_start);
        free(rollout->finished);
        free(rollout->ids);
        free(rollout);
    }
}

/* Prompts of the step: [prompt_starts] into *ids, one per sequence, and to where the responses will follow them. */
static Status make_prompts(Rollout *rollout, uint32_t step, int32_t *ids, uint32_t *prompt_starts, Error *error)
{
    const Session *session = rollout->session;
    const RunRl   *rl      = &session->config.rl;
    for (uint32_t i = 0; i < rollout->sequences; i++) {
        RolloutItem *item = &rollout->items[i];
        item->group       = i / rl->samples_per_prompt;
        task_instance_draw(session->task, session->config.seed, step, item->group, rl->prompts_per_step,
                           &item->problem);
        const Status status = task_instance_prompt(session->task, &item->problem, &item->prompt, error);
        if (status != STATUS_OK) {
            return status;
        }
        memcpy(ids + prompt_starts[i], item->prompt.ids, item->prompt.count * sizeof *ids);
        memcpy(rollout_ids(rollout, i), item->prompt.ids, item->prompt.count * sizeof *ids);
        prompt_starts[i + 1]      = prompt_starts[i] + item->prompt.count;
        rollout->prompt_tokens[i] = item->prompt.count;
    }
    return STATUS_OK;
}

static void count_tokens(Rollout *rollout)
{
    for (uint32_t i = 0; i < rollout->sequences; i++) {
        rollout->response_start[i + 1] = rollout->response_start[i] + rollout->items[i].tokens;
    }
}

/* What is done while other responses are still being decoded: judging, on threads, and what the caller has. */
typedef struct Sampling {
    Rollout                *rollout;
    ParallelQueue          *queue;
    Error                  *errors; /* [sequences] of judging */
    const RolloutMeanwhile *meanwhile;
    Error                   failed; /* of it */
} Sampling;

static void judge_one(void *user, size_t index)
{
    const Sampling *sampling = user;
    Rollout        *rollout  = sampling->rollout;
    const Session  *session  = rollout->session;
    const uint32_t  i        = (uint32_t)index;
    RolloutItem    *item     = &rollout->items[i];
    const int32_t  *response = rollout_ids(rollout, i) + rollout->prompt_tokens[i];
    if (tokenizer_decode(session->tokenizer, response, item->tokens, true, &item->response, &item->bytes,
                         &sampling->errors[i]) == STATUS_OK) {
        rollout_item_judge(session, &rollout->reward, response, item);
        rollout_said_ask(rollout->said, &rollout->reward, rollout->items, i);
    }
}

/* The decoder has a response. */
static void take_response(void *user, uint32_t i, const int32_t *tokens, uint32_t count, bool stopped)
{
    const Sampling *sampling = user;
    Rollout        *rollout  = sampling->rollout;
    memcpy(rollout_ids(rollout, i) + rollout->prompt_tokens[i], tokens, count * sizeof *tokens);
    rollout->items[i].tokens                     = count;
    rollout->items[i].truncated                  = !stopped;
    rollout->finished[rollout->finished_count++] = i;
    parallel_queue_add(sampling->queue, i);
}

/* Tells how far it is, and lets the caller use the time. */
static bool still_running(void *user, uint32_t running)
{
    Sampling *sampling = user;
    Rollout  *rollout  = sampling->rollout;
    session_doing(rollout->session, false, "step %llu: sampling, %u of %u responses to go",
                  (unsigned long long)rollout->session->step + 1, running, rollout->sequences);
    const RolloutMeanwhile *meanwhile = sampling->meanwhile;
    return meanwhile != NULL && meanwhile->work(meanwhile->user, rollout, &sampling->failed) != STATUS_OK;
}

/* Decodes the responses to `prompts`, and judges each when it is there. */
static Status decode_and_judge(Rollout *rollout, const DecodeInput *prompts, const RolloutMeanwhile *meanwhile,
                               Error *error)
{
    const uint32_t n     = rollout->sequences;
    DecodeInput    input = *prompts;
    DecodeOutput   output;
    Sampling sampling = {.rollout = rollout, .errors = calloc(n, sizeof *sampling.errors), .meanwhile = meanwhile};
    sampling.queue = sampling.errors != NULL ? parallel_queue_open(n, parallel_threads(), judge_one, &sampling) : NULL;
    rollout->finished_count = 0;
    Status status           = sampling.queue != NULL ? rollout_said_begin(rollout->said, error) : out_of_memory(error);
    if (status == STATUS_OK) {
        input.finished = take_response;
        input.progress = still_running;
        input.user     = &sampling;
        status         = decoder_run(rollout->decoder, rollout->session->policy, &input, &output, error);
    }
    if (status == STATUS_OK && sampling.failed.status != STATUS_OK) {
        *error = sampling.failed;
        status = error->status;
    }
    const double decoded = session_clock();
    parallel_queue_close(sampling.queue);
    rollout->judge_seconds = session_clock() - decoded;
    for (uint32_t i = 0; i < n && status == STATUS_OK; i++) {
        if (sampling.errors[i].status != STATUS_OK) {
            *error = sampling.errors[i];
            status = error->status;
        }
    }
    free(sampling.errors);
    if (status == STATUS_OK) {
        count_tokens(rollout);
    }
    return status;
}

Status rollout_sample(Rollout *rollout, uint32_t step, const RolloutMeanwhile *meanwhile, Error *error)
{
    Session       *session = rollout->session;
    const RunRl   *rl      = &session->config.rl;
    const uint32_t n = rollout->sequences, prompt = session->task->prompt_tokens;
    int32_t       *prompts  = malloc((size_t)n * prompt * sizeof *prompts);
    uint32_t *prompt_starts = calloc((size_t)n + 1, sizeof *prompt_starts), *sequence = malloc(n * sizeof *sequence),
             *max_new   = malloc(n * sizeof *max_new);
    Status       status = prompts != NULL && prompt_starts != NULL && sequence != NULL && max_new != NULL
                              ? STATUS_OK
                              : out_of_memory(error);
    const double start  = session_clock();
    session_doing(session, true, "step %llu: sampling %u responses of up to %u tokens",
                  (unsigned long long)session->step + 1, n, rl->max_new_tokens);
    rollout->judge_seconds = 0.0;
    for (uint32_t i = 0; i < n; i++) { /* of the step before */
        free(rollout->items[i].response);
        rollout->items[i].response = NULL;
    }
    if (status == STATUS_OK) {
        status = make_prompts(rollout, step, prompts, prompt_starts, error);
    }
    if (status == STATUS_OK) {
        for (uint32_t i = 0; i < n; i++) {
            sequence[i] = step * n + i;
            max_new[i]  = rl->max_new_tokens;
        }
        const DecodeInput input = {.prompts       = prompts,
                                   .prompt_starts = prompt_starts,
                                   .sequence      = sequence,
                                   .max_new       = max_new,
                                   .requests      = n,
                                   .stop_ids      = session->stops.ids,
                                   .stop_count    = session->stops.count,
                                   .sample        = {.temperature = (float)rl->temperature,
                                                     .top_k       = rl->top_k,
                                                     .top_p       = (float)rl->top_p,
                                                     .min_p       = (float)rl->min_p,
                                                     .seed        = session->config.seed}};
        status                  = decode_and_judge(rollout, &input, meanwhile, error);
    }
    rollout->generate_seconds = session_clock() - start - rollout->judge_seconds;
    free(prompts);
    free(prompt_starts);
    free(sequence);
    free(max_new);
    return status;
}

Status rollout_finish(Rollout *rollout, Error *error)
{
    const double start  = session_clock();
    Status       status = rollout_said_finish(rollout->said, rollout->session, &rollout->reward, rollout->items, error);
    for (uint32_t i = 0; i < rollout->sequences && status == STATUS_OK; i++) {
        rollout_item_score(&rollout->session->config.rl, &rollout->items[i]);
    }
    rollout->judge_seconds += session_clock() - start;
    return status;
}

bool rollout_unanswered(const Rollout *rollout)
{
    return rollout->said->unanswered;
}

Status rollout_write_traces(const Rollout *rollout, uint32_t count, Error *error)
{
    Status status = STATUS_OK;
    for (uint32_t i = 0; i < count && i < rollout->sequences && status == STATUS_OK; i++) {
        status = rollout_item_write(rollout->session, "rl", i, &rollout->items[i], error);
    }
    return status;
}
