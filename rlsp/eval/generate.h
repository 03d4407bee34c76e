/* Generation for an evaluation: any number of (problem, sample) requests, responses handed on as they finish.
 *
 *     EvalGenerator *generator = eval_generator_new(gpu, model, tokenizer, task, &limits, &error);
 *     EvalJob job = {.problems = &problems, .requests = requests, .count = n, .seed = seed, .sample = {.temperature =
 * 1}, .max_new = 8192, .sink = keep, .user = me}; eval_generator_run(generator, &job, &error);
 *     eval_generator_free(generator);
 *
 * A response depends on (seed, row of its problem, number of its sample), the settings and the weights alone: not on
 * what else is asked for, nor on the order. Requests go to the decoder in the given order, in parts whose memory is
 * bounded: put the samples of a problem beside one another.
 */
#ifndef RLSP_EVAL_GENERATE_H
#define RLSP_EVAL_GENERATE_H

#include "engine/model/decode.h"
#include "rlsp/eval/problems.h"

typedef struct EvalGenerator EvalGenerator;

typedef struct EvalGeneratorLimits {
    uint32_t    requests; /* of a job, about: smaller jobs take less memory        */
    uint32_t    max_new;  /* tokens per response                                   */
    uint32_t    slots;    /* responses at once; 0: as many as fit, up to 256       */
    ComputeType cache;    /* of keys and values (DecodeLimits) */
} EvalGeneratorLimits;

typedef struct EvalRequest {
    uint32_t problem; /* index into the problems      */
    uint32_t sample;  /* from 0, below VOTE_SAMPLES_MAX */
} EvalRequest;

/* Texts last until the call returns. */
typedef struct EvalResponse {
    EvalRequest request;
    const char *prompt, *text; /* with a NUL behind */
    size_t      bytes;         /* of `text`         */
    uint32_t    tokens;        /* end token included */
    bool        stopped;       /* by an end token; false: cut off */
} EvalResponse;

typedef struct EvalJob {
    const EvalProblems *problems;
    const EvalRequest  *requests;
    uint32_t            count;
    uint64_t            seed;
    SampleOptions       sample;  /* .seed is ignored */
    uint32_t            max_new; /* at most the limit */
    /* Each response once, soon after its end, in any order. An error ends the job. */
    Status (*sink)(void *user, const EvalResponse *response, Error *error);
    /* Every few steps; true: stop. Finished responses are handed on first. May be NULL. */
    bool (*progress)(void *user, uint32_t running, uint64_t tokens);
    void *user;
} EvalJob;

/* `task` is prepared with the tokenizer. All have to outlive the generator. STATUS_BAD_INPUT: tokenizer and model do
 * not go together, or prompt and response do not fit the context. */
EvalGenerator *eval_generator_new(Gpu *gpu, const Model *model, const Tokenizer *tokenizer, const TaskInstance *task,
                                  const EvalGeneratorLimits *limits, Error *error);
void           eval_generator_free(EvalGenerator *generator); /* NULL is allowed */

/* STATUS_STOPPED after `progress` said so. */
Status eval_generator_run(EvalGenerator *generator, const EvalJob *job, Error *error);

#endif
