#include "rlsp/eval/generate.h"

#include <stdlib.h>
#include <string.h>

enum {
    REQUESTS_MAX = 4096,    /* of one decoder run                                                            */
    TOKENS_MAX   = 8 << 20, /* that one run may generate: 64 MiB on the device, as much on the host          */
    REQUESTS_MIN = 64       /* of longer responses too: with fewer, slots would wait for the longest of few  */
};

struct EvalGenerator {
    const Tokenizer    *tokenizer;
    const TaskInstance *task;
    StopTokens          stops;
    uint32_t            room; /* requests of one run */
    uint32_t            max_new;
    Decoder            *decoder, *own; /* own: the same, or NULL              */
    int32_t            *prompts;       /* [room * task->prompt_tokens]        */
    uint32_t           *prompt_starts; /* [room + 1]                          */
    uint32_t           *numbers;       /* [2, room]: streams, limits          */
};

/* A part of a job in the decoder. */
typedef struct Part {
    EvalGenerator *generator;
    const EvalJob *job;
    uint32_t       first, count;
    TaskPrompt     prompt; /* of `prompt_of` */
    uint32_t       prompt_of;
    bool           has_prompt, stopped;
    uint64_t       tokens; /* handed on so far, of the job */
    Status         status; /* of handing on */
    Error         *error;
} Part;

/* --- set-up ----------------------------------------------------------------------------------------------------- */

static Status check(const EvalGenerator *generator, const ModelConfig *config, Error *error)
{
    const uint32_t prompt = generator->task->prompt_tokens;
    const uint32_t vocab  = generator->tokenizer != NULL ? tokenizer_vocab_size(generator->tokenizer) : 0;
    if (vocab > config->vocab_size) {
        return error_set(
            error, STATUS_BAD_INPUT,
            "the tokenizer has ids up to %u, but the model's vocab_size is %u; they do not belong together", vocab - 1,
            config->vocab_size);
    }
    if (generator->stops.count == 0) {
        return error_set(
            error, STATUS_BAD_INPUT,
            "no end token: the tokenizer has no \"<eos>\" and config.json no eos_token_id; add one of them");
    }
    if ((uint64_t)prompt + generator->max_new > config->max_positions) {
        return error_set(error, STATUS_BAD_INPUT,
                         "a prompt of %u tokens and %u new ones do not fit the model's max_position_embeddings of %u; "
                         "ask for at most %u new tokens",
                         prompt, generator->max_new, config->max_positions,
                         config->max_positions > prompt ? config->max_positions - prompt : 0);
    }
    return STATUS_OK;
}

uint32_t eval_generator_requests(uint64_t responses, uint32_t max_new)
{
    const uint32_t fit  = TOKENS_MAX / max_new;
    const uint32_t room = fit < REQUESTS_MIN ? REQUESTS_MIN : fit < REQUESTS_MAX ? fit : REQUESTS_MAX;
    return responses < room ? (uint32_t)responses : room;
}

DecodeLimits eval_generator_decode_limits(const EvalGeneratorLimits *limits, const TaskInstance *task)
{
    return (DecodeLimits){.slots             = limits->slots < limits->requests ? limits->slots : limits->requests,
                          .max_length        = task->prompt_tokens + limits->max_new,
                          .max_requests      = limits->requests,
                          .max_prompt_tokens = limits->requests * task->prompt_tokens,
                          .max_new           = limits->max_new,
                          .lora_rank         = limits->lora_rank,
                          .cache             = limits->cache};
}

static Status make_decoder(EvalGenerator *generator, Gpu *gpu, const ModelConfig *config,
                           const EvalGeneratorLimits *limits, Error *error)
{
    const size_t room        = limits->requests;
    generator->prompts       = malloc(room * generator->task->prompt_tokens * sizeof *generator->prompts);
    generator->prompt_starts = malloc((room + 1) * sizeof *generator->prompt_starts);
    generator->numbers       = malloc(2 * room * sizeof *generator->numbers);
    if (generator->prompts == NULL || generator->prompt_starts == NULL || generator->numbers == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "preparing an evaluation: out of host memory");
    }
    if (limits->decoder == NULL) {
        const DecodeLimits asked = eval_generator_decode_limits(limits, generator->task);
        generator->own           = decoder_new(gpu, config, &asked, error);
    }
    generator->decoder = limits->decoder != NULL ? limits->decoder : generator->own;
    return generator->decoder != NULL ? STATUS_OK : error->status;
}

EvalGenerator *eval_generator_new(Gpu *gpu, const ModelConfig *config, const Tokenizer *tokenizer,
                                  const TaskInstance *task, const StopTokens *stops, const EvalGeneratorLimits *limits,
                                  Error *error)
{
    EvalGenerator *generator = calloc(1, sizeof *generator);
    if (generator == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "preparing an evaluation: out of host memory");
        return NULL;
    }
    generator->tokenizer = tokenizer;
    generator->task      = task;
    generator->stops     = *stops;
    generator->max_new   = limits->max_new;
    generator->room      = limits->requests;
    if (check(generator, config, error) != STATUS_OK ||
        make_decoder(generator, gpu, config, limits, error) != STATUS_OK) {
        eval_generator_free(generator);
        return NULL;
    }
    return generator;
}

void eval_generator_free(EvalGenerator *generator)
{
    if (generator != NULL) {
        decoder_free(generator->own);
        free(generator->prompts);
        free(generator->prompt_starts);
        free(generator->numbers);
        free(generator);
    }
}

/* --- a part of a job --------------------------------------------------------------------------------------------- */

/* The prompt of a problem, kept for its next sample. */
static Status pose(Part *part, uint32_t number)
{
    Problem problem;
    if (part->has_prompt && part->prompt_of == number) {
        return STATUS_OK;
    }
    part->prompt_of  = number;
    part->has_prompt = true;
    part->job->problem(part->job->user, number, &problem);
    return task_instance_prompt(part->generator->task, &problem, &part->prompt, part->error);
}

static Status fill_requests(Part *part)
{
    EvalGenerator *generator = part->generator;
    const EvalJob *job       = part->job;
    uint32_t       at        = 0;
    for (uint32_t r = 0; r < part->count; r++) {
        const EvalRequest request = job->requests[part->first + r];
        const Status      status  = pose(part, request.problem);
        if (status != STATUS_OK) {
            return status;
        }
        memcpy(generator->prompts + at, part->prompt.ids, part->prompt.count * sizeof *part->prompt.ids);
        generator->prompt_starts[r]             = at;
        generator->numbers[r]                   = request.stream;
        generator->numbers[generator->room + r] = job->max_new;
        at += part->prompt.count;
    }
    generator->prompt_starts[part->count] = at;
    return STATUS_OK;
}

static Status give(Part *part, uint32_t r, const int32_t *tokens, uint32_t count, bool stopped)
{
    EvalGenerator    *generator = part->generator;
    const EvalRequest request   = part->job->requests[part->first + r];
    char             *text;
    size_t            bytes;
    Status            status = tokenizer_decode(generator->tokenizer, tokens, count, true, &text, &bytes, part->error);
    if (status != STATUS_OK) {
        return status;
    }
    status = part->job->with_prompts ? pose(part, request.problem) : STATUS_OK;
    if (status == STATUS_OK) {
        const EvalResponse response = {.index   = part->first + r,
                                       .request = request,
                                       .prompt  = part->job->with_prompts ? part->prompt.text : NULL,
                                       .text    = text,
                                       .bytes   = bytes,
                                       .tokens  = count,
                                       .stopped = stopped};
        status                      = part->job->sink(part->job->user, &response, part->error);
        part->tokens += count;
    }
    free(text);
    return status;
}

/* What has finished while the rest goes on. */
static void take_finished(void *user, uint32_t r, const int32_t *tokens, uint32_t count, bool stopped)
{
    Part *part = user;
    if (part->status == STATUS_OK) {
        part->status = give(part, r, tokens, count, stopped);
    }
}

static bool look(void *user, uint32_t running)
{
    Part *part    = user;
    part->stopped = part->job->progress != NULL && part->job->progress(part->job->user, running, part->tokens);
    return part->stopped || part->status != STATUS_OK;
}

static Status run_part(Part *part)
{
    EvalGenerator *generator = part->generator;
    DecodeInput    input     = {.prompts       = generator->prompts,
                                .prompt_starts = generator->prompt_starts,
                                .sequence      = generator->numbers,
                                .max_new       = generator->numbers + generator->room,
                                .requests      = part->count,
                                .stop_ids      = generator->stops.ids,
                                .stop_count    = generator->stops.count,
                                .sample        = part->job->sample,
                                .finished      = take_finished,
                                .progress      = look,
                                .user          = part};
    DecodeOutput   output;
    Status         status = fill_requests(part);
    input.sample.seed     = part->job->seed;
    part->status          = STATUS_OK;
    if (status == STATUS_OK) {
        status = decoder_run(generator->decoder, part->job->model, &input, &output, part->error);
    }
    status = status == STATUS_OK ? part->status : status;
    if (status == STATUS_OK && part->stopped) {
        status = error_set(part->error, STATUS_STOPPED, "the evaluation was stopped");
    }
    return status;
}

Status eval_generator_run(EvalGenerator *generator, const EvalJob *job, Error *error)
{
    Part   part   = {.generator = generator, .job = job, .error = error};
    Status status = STATUS_OK;
    if (job->max_new == 0 || job->max_new > generator->max_new) {
        return error_set(error, STATUS_BAD_INPUT, "%u new tokens were asked for; there is room for 1 to %u",
                         job->max_new, generator->max_new);
    }
    for (; part.first < job->count && status == STATUS_OK; part.first += part.count) {
        const uint32_t left = job->count - part.first;
        part.count          = left < generator->room ? left : generator->room;
        status              = run_part(&part);
    }
    task_prompt_free(&part.prompt);
    return status;
}
