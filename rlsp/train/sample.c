#include "rlsp/train/sample.h"

#include <stdlib.h>
#include <string.h>

#include "rlsp/math/box.h"
#include "rlsp/task/trace_fields.h"
#include "rlsp/train/rollout_item.h"

enum { REPETITION_WORDS = 6 }; /* as in TraceStats */

static uint64_t seed_of(const Session *session, uint32_t index)
{
    Random         random = random_stream(session->config.seed, RANDOM_ASKED, (uint32_t)session->step, index);
    const uint64_t low    = random_u32(&random);
    return low | (uint64_t)random_u32(&random) << 32;
}

/* Decodes one response into `item`. */
static Status generate(Session *session, const SampleRequest *request, RolloutItem *item, Decoder **decoder,
                       DecodeOutput *output, Error *error)
{
    const RunRl   *rl      = &session->config.rl;
    const uint32_t context = session->policy->config.max_positions, count = item->prompt.count;
    if (count == 0 || count >= context) {
        return error_set(error, STATUS_BAD_INPUT, "the prompt has %u tokens; 1 to %u are possible", count, context - 1);
    }
    const uint32_t     room = context - count, max_new = rl->max_new_tokens < room ? rl->max_new_tokens : room;
    const DecodeLimits limits = {.slots             = 1,
                                 .max_length        = count + max_new,
                                 .max_requests      = 1,
                                 .max_prompt_tokens = count,
                                 .max_new           = max_new,
                                 .lora_rank         = model_lora_rank(session->policy),
                                 .cache             = session_kv_cache(session),
                                 .few_rows          = true};
    *decoder                  = decoder_new(session->gpu, &session->policy->config, &limits, error);
    if (*decoder == NULL) {
        return error->status;
    }
    const DecodeInput input  = {.prompts       = item->prompt.ids,
                                .prompt_starts = (uint32_t[]){0, count},
                                .sequence      = (uint32_t[]){0},
                                .requests      = 1,
                                .stop_ids      = session->stops.ids,
                                .stop_count    = session->stops.count,
                                .sample        = {.temperature = (float)rl->temperature,
                                                  .top_k       = rl->top_k,
                                                  .top_p       = (float)rl->top_p,
                                                  .min_p       = (float)rl->min_p,
                                                  .seed        = seed_of(session, request->index)},
                                .progress      = request->stop,
                                .user          = session};
    Status            status = decoder_run(*decoder, session->policy, &input, output, error);
    if (status == STATUS_OK && output->lengths[0] == 0) {
        return error_set(error, STATUS_STOPPED, "stopped while a prompt was sampled");
    }
    if (status == STATUS_OK) {
        item->tokens    = output->lengths[0];
        item->truncated = output->stopped[0] == 0;
        status = tokenizer_decode(session->tokenizer, output->tokens, item->tokens, true, &item->response, &item->bytes,
                                  error);
    }
    return status;
}

/* A response to a text that is no problem of the task. */
static Status write_unjudged(const Session *session, uint32_t index, const RolloutItem *item, Error *error)
{
    TraceStats stats = {.repetition = repetition_of_words(item->response, item->bytes, REPETITION_WORDS)};
    EventField behaviours[TRACE_FIELDS];
    Boxes      boxes;
    char       answer[TASK_ANSWER_BYTES] = "";
    trace_words(item->response, item->bytes, stats.words, NULL);
    trace_fields(&stats, behaviours);
    if (boxes_find(item->response, item->bytes, &boxes)) {
        const size_t bytes = boxes.content_length < sizeof answer ? boxes.content_length : sizeof answer - 1;
        memcpy(answer, item->response + boxes.content, bytes);
    }
    const EventTrace trace = {.stage           = "sample",
                              .step            = (int64_t)session->step,
                              .index           = index,
                              .prompt          = item->prompt.text,
                              .response        = item->response,
                              .answer          = answer[0] != '\0' ? answer : NULL,
                              .verdict         = "unknown",
                              .reason          = "the prompt is no problem of the task",
                              .tokens          = item->tokens,
                              .truncated       = item->truncated,
                              .behaviours      = behaviours,
                              .behaviour_count = TRACE_FIELDS};
    return events_trace(session->events, &trace, error);
}

Status session_sample(Session *session, const SampleRequest *request, Error *error)
{
    RolloutItem        item    = {0};
    Decoder           *decoder = NULL;
    DecodeOutput       output;
    const bool         judged = task_instance_read(session->task, request->prompt, &item.problem);
    const RewardConfig reward = reward_from_config(&session->config.reward);
    Status             status = judged ? task_instance_prompt(session->task, &item.problem, &item.prompt, error)
                                       : task_instance_prompt_of(session->task, request->prompt, &item.prompt, error);
    if (status == STATUS_OK) {
        status = generate(session, request, &item, &decoder, &output, error);
    }
    if (status == STATUS_OK && judged) {
        rollout_item_judge(session, &reward, output.tokens, &item);
        status = rollout_item_write(session, "sample", request->index, &item, error);
    } else if (status == STATUS_OK) {
        status = write_unjudged(session, request->index, &item, error);
    }
    rollout_item_free(&item);
    decoder_free(decoder);
    return status;
}
