#include "rlsp/train/evaluate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rlsp/task/trace_fields.h"

struct Evaluator {
    EvalGenerator      *generator;
    const TaskInstance *task;
    EvalSample         *samples;  /* [capacity] */
    EvalRequest        *requests; /* [capacity] */
    size_t              capacity;
};

/* A run of the evaluator. Responses are judged as they end, in any order; traces are written in the order of the
 * problems, so that the file does not depend on how many slots there are: the texts for it wait until the end. */
typedef struct EvalRun {
    Evaluator         *evaluator;
    const EvalOptions *options;
    uint32_t           samples; /* per problem   */
    uint32_t           all;     /* responses     */
    uint32_t           traces;  /* to be written */
    char             **texts;   /* [traces]      */
} EvalRun;

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "evaluating: out of host memory");
}

/* --- life -------------------------------------------------------------------------------------------------------- */

Evaluator *evaluator_new(Gpu *gpu, const ModelConfig *config, const Tokenizer *tokenizer, const TaskInstance *task,
                         const StopTokens *stops, const EvalGeneratorLimits *limits, Error *error)
{
    Evaluator *evaluator = calloc(1, sizeof *evaluator);
    if (evaluator == NULL) {
        out_of_memory(error);
        return NULL;
    }
    evaluator->task      = task;
    evaluator->generator = eval_generator_new(gpu, config, tokenizer, task, stops, limits, error);
    if (evaluator->generator == NULL) {
        evaluator_free(evaluator);
        return NULL;
    }
    return evaluator;
}

void evaluator_free(Evaluator *evaluator)
{
    if (evaluator != NULL) {
        eval_generator_free(evaluator->generator);
        free(evaluator->samples);
        free(evaluator->requests);
        free(evaluator);
    }
}

/* --- responses --------------------------------------------------------------------------------------------------- */

static void take_problem(void *user, uint32_t number, Problem *problem)
{
    const EvalRun *run = user;
    task_instance_eval_problem(run->evaluator->task, run->options->seed, number, problem);
}

static Status judge(void *user, const EvalResponse *response, Error *error)
{
    const EvalRun *run = user;
    Problem        problem;
    take_problem(user, response->request.problem, &problem);
    eval_judge(&run->evaluator->samples[response->index], run->evaluator->task->kind, &problem, response->text,
               response->bytes, response->tokens, response->stopped);
    if (response->index >= run->traces) {
        return STATUS_OK;
    }
    run->texts[response->index] = malloc(response->bytes + 1);
    if (run->texts[response->index] == NULL) {
        return out_of_memory(error);
    }
    memcpy(run->texts[response->index], response->text, response->bytes + 1);
    return STATUS_OK;
}

static bool look(void *user, uint32_t running, uint64_t tokens)
{
    const EvalRun *run = user;
    (void)running;
    (void)tokens;
    return run->options->stop != NULL && run->options->stop(run->options->user);
}

static Status write_trace(const EvalRun *run, uint32_t index, const Problem *problem, const char *prompt, Error *error)
{
    const EvalSample *sample = &run->evaluator->samples[index];
    EventField        behaviours[TRACE_FIELDS];
    const EventField  rewards[1] = {{"correct", sample->verdict.correct, NULL}};
    char              number[16], line[TRACE_LINE_BYTES];
    snprintf(number, sizeof number, "%" PRIu32, index / run->samples);
    trace_fields(&sample->trace, behaviours);
    EventTrace trace = {
        .stage           = run->options->stage != NULL ? run->options->stage : "eval",
        .step            = run->options->step,
        .index           = index,
        .problem         = number,
        .prompt          = prompt,
        .response        = run->texts[index],
        .tokens          = sample->tokens,
        .truncated       = !sample->stopped,
        .reward          = sample->verdict.correct,
        .rewards         = rewards,
        .reward_count    = 1,
        .behaviours      = behaviours,
        .behaviour_count = TRACE_FIELDS,
    };
    trace_verdict(&trace, problem, &sample->verdict, run->texts[index], line);
    return events_trace(run->options->events, &trace, error);
}

static Status write_traces(EvalRun *run, Error *error)
{
    TaskPrompt prompt = {0};
    Status     status = STATUS_OK;
    for (uint32_t i = 0; i < run->traces && status == STATUS_OK; i++) {
        Problem problem;
        take_problem(run, i / run->samples, &problem);
        status = task_instance_prompt(run->evaluator->task, &problem, &prompt, error);
        status = status == STATUS_OK ? write_trace(run, i, &problem, prompt.text, error) : status;
    }
    task_prompt_free(&prompt);
    return status;
}

/* --- a run ------------------------------------------------------------------------------------------------------- */

static double clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static Status reserve(Evaluator *evaluator, size_t count, Error *error)
{
    if (count <= evaluator->capacity) {
        return STATUS_OK;
    }
    EvalSample *samples   = realloc(evaluator->samples, count * sizeof *samples);
    evaluator->samples    = samples != NULL ? samples : evaluator->samples;
    EvalRequest *requests = realloc(evaluator->requests, count * sizeof *requests);
    evaluator->requests   = requests != NULL ? requests : evaluator->requests;
    if (samples == NULL || requests == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "evaluating: out of host memory for %zu responses", count);
    }
    evaluator->capacity = count;
    return STATUS_OK;
}

/* Generates and judges all responses, and writes the traces. */
static Status run_all(EvalRun *run, const Model *model, Error *error)
{
    const EvalOptions *options  = run->options;
    EvalRequest       *requests = run->evaluator->requests;
    const EvalJob      job      = {.model    = model,
                                   .requests = requests,
                                   .count    = run->all,
                                   .seed     = options->seed,
                                   .sample   = options->sample,
                                   .max_new  = options->max_new,
                                   .problem  = take_problem,
                                   .sink     = judge,
                                   .progress = look,
                                   .user     = run};
    for (uint32_t i = 0; i < run->all; i++) {
        requests[i] = (EvalRequest){.problem = i / run->samples, .sample = i % run->samples, .stream = i};
    }
    run->texts = calloc((size_t)run->traces + 1, sizeof *run->texts);
    Status status =
        run->texts != NULL ? eval_generator_run(run->evaluator->generator, &job, error) : out_of_memory(error);
    status = status == STATUS_OK ? write_traces(run, error) : status;
    for (uint32_t i = 0; run->texts != NULL && i < run->traces; i++) {
        free(run->texts[i]);
    }
    free(run->texts);
    return status;
}

Status evaluator_run(Evaluator *evaluator, const Model *model, const EvalOptions *options, EvalResult *result,
                     Error *error)
{
    const bool     greedy    = options->sample.temperature <= 0; /* all samples would be the same */
    const uint32_t samples   = greedy && options->samples > 1 ? 1 : options->samples;
    const uint64_t responses = (uint64_t)options->problems * samples;
    const double   start     = clock_seconds();
    if (responses == 0 || responses > INT32_MAX) {
        return error_set(error, STATUS_BAD_INPUT,
                         "cannot evaluate %u problems with %u samples: both have to be at least 1, the responses at "
                         "most %d",
                         options->problems, samples, INT32_MAX);
    }
    EvalRun run = {.evaluator = evaluator, .options = options, .samples = samples, .all = (uint32_t)responses};
    run.traces  = options->events == NULL ? 0 : options->traces < run.all ? options->traces : run.all;

    Status status = reserve(evaluator, run.all, error);
    status        = status == STATUS_OK ? run_all(&run, model, error) : status;
    if (status == STATUS_OK) {
        memset(result, 0, sizeof *result);
        status = eval_statistics(result, evaluator->samples, options->problems, samples, evaluator->task->kind, error);
    }
    if (status == STATUS_OK) {
        result->seconds = clock_seconds() - start;
    }
    return status;
}
