#include "rlsp/train/evaluate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rlsp/eval/statistics.h"
#include "rlsp/train/trace_fields.h"

enum { STOPS_MAX = 10 }; /* of the tokenizer, the chat template and the model */

struct Evaluator {
    const Tokenizer    *tokenizer;
    const TaskInstance *task;
    EvalLimits          limits;
    uint32_t            slots;         /* that a decoder of its own has     */
    uint32_t            prompt_tokens; /* of a prompt, at most              */
    int32_t             stop_ids[STOPS_MAX];
    uint32_t            stop_count;
    Decoder            *decoder;
    int32_t            *prompts;       /* [max_requests * prompt_tokens]    */
    uint32_t           *prompt_starts; /* [max_requests + 1]                */
    uint32_t           *sequence;      /* [max_requests]                    */
    uint32_t           *max_new;       /* [max_requests]                    */
    EvalSample         *samples;       /* [sample_capacity], of the last run */
    size_t              sample_capacity;
    bool                finished; /* `samples` is a whole run's        */
};

/* A run of the evaluator, and where it stands. */
typedef struct EvalRun {
    const EvalOptions *options;
    uint32_t           samples;     /* per problem                       */
    uint32_t           all;         /* responses                         */
    uint32_t           first, part; /* responses before this part; in it */
    uint32_t           slots;
    uint32_t           reported;
    bool               stopped;
} EvalRun;

/* --- set-up ---------------------------------------------------------------------- */

static void add_stop(Evaluator *evaluator, int64_t id)
{
    for (uint32_t i = 0; i < evaluator->stop_count; i++) {
        if (evaluator->stop_ids[i] == id) {
            return;
        }
    }
    if (id >= 0 && id <= INT32_MAX && evaluator->stop_count < STOPS_MAX) {
        evaluator->stop_ids[evaluator->stop_count++] = (int32_t)id;
    }
}

static Status check_model(const Evaluator *evaluator, const ModelConfig *config, Error *error)
{
    const uint32_t vocab = evaluator->tokenizer != NULL ? tokenizer_vocab_size(evaluator->tokenizer) : 0;
    if (vocab > config->vocab_size) {
        return error_set(
            error, STATUS_BAD_INPUT,
            "the tokenizer has ids up to %u, but the model's vocab_size is %u; they do not belong together", vocab - 1,
            config->vocab_size);
    }
    if (evaluator->stop_count == 0) {
        return error_set(
            error, STATUS_BAD_INPUT,
            "no end token: the tokenizer has no \"<eos>\" and config.json no eos_token_id; add one of them");
    }
    const uint64_t longest = (uint64_t)evaluator->prompt_tokens + evaluator->limits.max_new;
    if (longest > config->max_positions) {
        return error_set(
            error, STATUS_BAD_INPUT,
            "a prompt of %u tokens and %u new ones do not fit the model's max_position_embeddings of %u; "
            "ask for at most %u new tokens",
            evaluator->prompt_tokens, evaluator->limits.max_new, config->max_positions,
            config->max_positions > evaluator->prompt_tokens ? config->max_positions - evaluator->prompt_tokens : 0);
    }
    return STATUS_OK;
}

DecodeLimits evaluator_decode_limits(const EvalLimits *limits, const TaskInstance *task)
{
    const uint32_t slots = limits->slots != 0 ? limits->slots : 256;
    return (DecodeLimits){.slots             = slots < limits->max_requests ? slots : limits->max_requests,
                          .max_length        = task->prompt_tokens + limits->max_new,
                          .max_requests      = limits->max_requests,
                          .max_prompt_tokens = limits->max_requests * task->prompt_tokens,
                          .max_new           = limits->max_new,
                          .lora_rank         = limits->lora_rank,
                          .cache             = limits->cache};
}

static Status make_decoder(Evaluator *evaluator, Gpu *gpu, const ModelConfig *config, Error *error)
{
    const size_t requests = evaluator->limits.max_requests, tokens = requests * evaluator->prompt_tokens;
    evaluator->prompts       = malloc(tokens * sizeof *evaluator->prompts);
    evaluator->prompt_starts = malloc((requests + 1) * sizeof *evaluator->prompt_starts);
    evaluator->sequence      = malloc(requests * sizeof *evaluator->sequence);
    evaluator->max_new       = malloc(requests * sizeof *evaluator->max_new);
    if (evaluator->prompts == NULL || evaluator->prompt_starts == NULL || evaluator->sequence == NULL ||
        evaluator->max_new == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "preparing an evaluation: out of host memory");
    }
    const DecodeLimits limits = evaluator_decode_limits(&evaluator->limits, evaluator->task);
    evaluator->decoder =
        evaluator->limits.decoder != NULL ? evaluator->limits.decoder : decoder_new(gpu, config, &limits, error);
    return evaluator->decoder != NULL ? STATUS_OK : STATUS_FAILED;
}

Evaluator *evaluator_new(Gpu *gpu, const ModelConfig *config, const Tokenizer *tokenizer, const TaskInstance *task,
                         const EvalLimits *limits, Error *error)
{
    Evaluator *evaluator = calloc(1, sizeof *evaluator);
    if (evaluator == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "preparing an evaluation: out of host memory");
        return NULL;
    }
    evaluator->tokenizer     = tokenizer;
    evaluator->task          = task;
    evaluator->prompt_tokens = task->prompt_tokens;
    evaluator->limits        = *limits;
    evaluator->slots         = evaluator_decode_limits(limits, task).slots;
    add_stop(evaluator, tokenizer != NULL ? tokenizer_token_id(tokenizer, "<eos>") : -1);
    add_stop(evaluator, task->end_token);
    for (uint32_t i = 0; i < config->eos_count; i++) {
        add_stop(evaluator, config->eos_token_ids[i]);
    }
    Status status = limits->max_requests > 0 && limits->max_new > 0 && limits->max_requests <= 1u << 24
                        ? STATUS_OK
                        : error_set(error, STATUS_BAD_INPUT,
                                    "an evaluation needs room for 1 to 16777216 responses of "
                                    "at least one token; %u of %u were asked for",
                                    limits->max_requests, limits->max_new);
    if (status == STATUS_OK) {
        status = check_model(evaluator, config, error);
    }
    if (status == STATUS_OK) {
        status = make_decoder(evaluator, gpu, config, error);
    }
    if (status != STATUS_OK) {
        evaluator_free(evaluator);
        return NULL;
    }
    return evaluator;
}

void evaluator_free(Evaluator *evaluator)
{
    if (evaluator != NULL) {
        if (evaluator->limits.decoder == NULL) {
            decoder_free(evaluator->decoder);
        }
        free(evaluator->prompts);
        free(evaluator->prompt_starts);
        free(evaluator->sequence);
        free(evaluator->max_new);
        free(evaluator->samples);
        free(evaluator);
    }
}

const EvalSample *evaluator_samples(const Evaluator *evaluator)
{
    return evaluator->finished ? evaluator->samples : NULL;
}

/* --- a part of a run ----------------------------------------------------------------- */

/* Sample k of problem i is sequence i * samples + k, whatever part it falls into: the name
 * of its random stream. */
static Status fill_requests(Evaluator *evaluator, const EvalRun *run, Error *error)
{
    const EvalOptions *options = run->options;
    TaskPrompt         prompt  = {0};
    uint32_t           at = 0, start = 0, count = 0;
    Status             status = STATUS_OK;
    for (uint32_t r = 0; r < run->part && status == STATUS_OK; r++) {
        const uint32_t sequence = run->first + r;
        if (r == 0 || sequence % run->samples == 0) {
            Problem problem;
            task_instance_eval_problem(evaluator->task, options->seed, sequence / run->samples, &problem);
            status = task_instance_prompt(evaluator->task, &problem, &prompt, error);
            start  = at;
            count  = prompt.count;
            if (count > 0) {
                memcpy(evaluator->prompts + at, prompt.ids, count * sizeof *prompt.ids);
            }
        } else {
            memcpy(evaluator->prompts + at, evaluator->prompts + start, count * sizeof *evaluator->prompts);
        }
        evaluator->prompt_starts[r] = at;
        evaluator->sequence[r]      = sequence;
        evaluator->max_new[r]       = options->max_new;
        at += count;
    }
    evaluator->prompt_starts[run->part] = at;
    task_prompt_free(&prompt);
    return status;
}

/* While all slots are busy nobody knows how many of the queue are done; after that
 * everything is that no slot works on. */
static bool decode_progress(void *user, uint32_t active)
{
    EvalRun       *run   = user;
    const uint32_t slots = run->slots < run->part ? run->slots : run->part;
    if (active < slots) {
        run->reported = run->first + run->part - active;
    }
    run->stopped =
        run->options->progress != NULL && run->options->progress(run->options->user, run->reported, run->all);
    return run->stopped;
}

static Status write_trace(const EvalRun *run, uint32_t sequence, const Problem *problem, const char *prompt,
                          const char *response, const EvalSample *sample, Error *error)
{
    EventField       behaviours[TRACE_FIELDS];
    const EventField rewards[1] = {{"correct", sample->verdict.correct, NULL}};
    char             number[16], line[TRACE_LINE_BYTES];
    snprintf(number, sizeof number, "%" PRIu32, sequence / run->samples);
    trace_fields(&sample->trace, behaviours);
    EventTrace trace = {
        .stage           = run->options->stage != NULL ? run->options->stage : "eval",
        .step            = run->options->step,
        .index           = sequence,
        .problem         = number,
        .prompt          = prompt,
        .response        = response,
        .tokens          = sample->tokens,
        .truncated       = !sample->stopped,
        .reward          = sample->verdict.correct,
        .rewards         = rewards,
        .reward_count    = 1,
        .behaviours      = behaviours,
        .behaviour_count = TRACE_FIELDS,
    };
    trace_verdict(&trace, problem, &sample->verdict, response, line);
    return events_trace(run->options->events, &trace, error);
}

static Status judge_part(Evaluator *evaluator, const EvalRun *run, const DecodeOutput *output, Error *error)
{
    for (uint32_t r = 0; r < run->part; r++) {
        const uint32_t sequence = run->first + r;
        EvalSample    *sample   = &evaluator->samples[sequence];
        Problem        problem;
        TaskPrompt     prompt = {0};
        char          *response;
        size_t         bytes;
        task_instance_eval_problem(evaluator->task, run->options->seed, sequence / run->samples, &problem);
        Status status = tokenizer_decode(evaluator->tokenizer, output->tokens + (size_t)r * output->max_new,
                                         output->lengths[r], true, &response, &bytes, error);
        if (status != STATUS_OK) {
            return status;
        }
        eval_judge(sample, evaluator->task->kind, &problem, response, bytes, output->lengths[r],
                   output->stopped[r] != 0);
        if (run->options->events != NULL && sequence < run->options->traces) {
            status = task_instance_prompt(evaluator->task, &problem, &prompt, error);
            status = status == STATUS_OK ? write_trace(run, sequence, &problem, prompt.text, response, sample, error)
                                         : status;
        }
        task_prompt_free(&prompt);
        free(response);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static Status run_part(Evaluator *evaluator, const Model *model, EvalRun *run, Error *error)
{
    Status status = fill_requests(evaluator, run, error);
    if (status != STATUS_OK) {
        return status;
    }
    DecodeInput  input = {.prompts       = evaluator->prompts,
                          .prompt_starts = evaluator->prompt_starts,
                          .sequence      = evaluator->sequence,
                          .max_new       = evaluator->max_new,
                          .requests      = run->part,
                          .stop_ids      = evaluator->stop_ids,
                          .stop_count    = evaluator->stop_count,
                          .sample        = run->options->sample,
                          .progress      = decode_progress,
                          .user          = run};
    DecodeOutput output;
    input.sample.seed = run->options->seed;
    status            = decoder_run(evaluator->decoder, model, &input, &output, error);
    if (status == STATUS_OK && run->stopped) {
        status = error_set(error, STATUS_STOPPED, "the evaluation was stopped after %u of %u responses", run->reported,
                           run->all);
    }
    return status == STATUS_OK ? judge_part(evaluator, run, &output, error) : status;
}

/* --- a run -------------------------------------------------------------------------------- */

static double clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static Status reserve_samples(Evaluator *evaluator, size_t count, Error *error)
{
    if (count > evaluator->sample_capacity) {
        EvalSample *samples = realloc(evaluator->samples, count * sizeof *samples);
        if (samples == NULL) {
            return error_set(error, STATUS_OUT_OF_MEMORY, "evaluating: out of host memory for %zu responses", count);
        }
        evaluator->samples         = samples;
        evaluator->sample_capacity = count;
    }
    return STATUS_OK;
}

Status evaluator_run(Evaluator *evaluator, const Model *model, const EvalOptions *options, EvalResult *result,
                     Error *error)
{
    const bool     greedy    = options->sample.temperature <= 0; /* all samples would be the same */
    const uint32_t samples   = greedy && options->samples > 1 ? 1 : options->samples;
    const uint64_t responses = (uint64_t)options->problems * samples;
    const double   start     = clock_seconds();
    if (responses == 0 || responses > INT32_MAX || options->max_new == 0 ||
        options->max_new > evaluator->limits.max_new) {
        return error_set(error, STATUS_BAD_INPUT,
                         "cannot evaluate %u problems with %u samples of up to %u tokens: all have to be at least 1, "
                         "the tokens at most %u, the responses at most %d",
                         options->problems, samples, options->max_new, evaluator->limits.max_new, INT32_MAX);
    }
    evaluator->finished = false;
    Status  status      = reserve_samples(evaluator, (size_t)responses, error);
    EvalRun run = {.options = options, .samples = samples, .all = (uint32_t)responses, .slots = evaluator->slots};
    while (status == STATUS_OK && run.first < run.all) {
        const uint32_t left = run.all - run.first, room = evaluator->limits.max_requests;
        run.part = left < room ? left : room;
        status   = run_part(evaluator, model, &run, error);
        run.first += run.part;
        run.reported = run.first;
    }
    if (status == STATUS_OK) {
        memset(result, 0, sizeof *result);
        status = eval_statistics(result, evaluator->samples, options->problems, samples, evaluator->task->kind, error);
    }
    if (status == STATUS_OK) {
        result->seconds     = clock_seconds() - start;
        evaluator->finished = true;
    }
    return status;
}
