/* Generation for an evaluation: any number of (problem, sample) requests, responses handed on as they finish. What
 * `rlsp eval` and the held-out evaluations of a training run (rlsp/train/evaluate.h) have in common.
 *
 *     EvalGenerator *generator = eval_generator_new(gpu, config, tokenizer, task, &stops, &limits, &error);
 *     EvalJob job = {.model = model, .problem = take, .requests = requests, .count = n, .seed = seed,
 *                    .sample = {.temperature = 1}, .max_new = 8192, .sink = keep, .user = me};
 *     eval_generator_run(generator, &job, &error);
 *     eval_generator_free(generator);
 *
 * A response depends on (seed, its request's stream), the settings and the weights alone: not on what else is asked
 * for, nor on the order. Requests go to the decoder in the given order, in parts whose memory is bounded: put the
 * samples of a problem beside one another.
 */
#ifndef RLSP_EVAL_GENERATE_H
#define RLSP_EVAL_GENERATE_H

#include "engine/model/decode.h"
#include "rlsp/task/instance.h"

typedef struct EvalGenerator EvalGenerator;

typedef struct EvalGeneratorLimits {
    uint32_t    requests;  /* in the decoder at once, at most; larger jobs are done in parts. At least 1 */
    uint32_t    max_new;   /* tokens per response. At least 1                                            */
    uint32_t    slots;     /* responses at once; 0: as many as fit, up to 256                            */
    uint32_t    lora_rank; /* of the models' adapters, at most; 0: none                                  */
    ComputeType cache;     /* of keys and values (DecodeLimits)                                          */
    Decoder    *decoder;   /* the caller's, with room for eval_generator_decode_limits; NULL: its own    */
} EvalGeneratorLimits;

typedef struct EvalRequest {
    uint32_t problem; /* the caller's number of it          */
    uint32_t sample;  /* of the problem                     */
    uint32_t stream;  /* names the response's random stream */
} EvalRequest;

/* Texts last until the call returns. */
typedef struct EvalResponse {
    uint32_t    index; /* of its request in the job */
    EvalRequest request;
    const char *prompt;  /* NULL: not asked for      */
    const char *text;    /* with a NUL behind        */
    size_t      bytes;   /* of `text`                */
    uint32_t    tokens;  /* end token included       */
    bool        stopped; /* by an end token; false: cut off */
} EvalResponse;

typedef struct EvalJob {
    const Model       *model; /* of the generator's config */
    const EvalRequest *requests;
    uint32_t           count;
    uint64_t           seed;
    SampleOptions      sample;       /* .seed is ignored */
    uint32_t           max_new;      /* at most the limit */
    bool               with_prompts; /* responses come with their prompts */
    /* The problem of that number, which may be asked for several times. */
    void (*problem)(void *user, uint32_t number, Problem *problem);
    /* Each response once, soon after its end, in any order. An error ends the job. */
    Status (*sink)(void *user, const EvalResponse *response, Error *error);
    /* Every few steps; true: stop. Finished responses are handed on first. May be NULL. */
    bool (*progress)(void *user, uint32_t running, uint64_t tokens);
    void *user;
} EvalJob;

/* So many of `responses` that the decoder's memory for them stays small. */
uint32_t eval_generator_requests(uint64_t responses, uint32_t max_new);

/* What a generator asks of its decoder. `task` is prepared with a tokenizer. */
DecodeLimits eval_generator_decode_limits(const EvalGeneratorLimits *limits, const TaskInstance *task);

/* `task` is prepared with the tokenizer; both have to outlive the generator. `tokenizer` may be NULL where only the
 * memory is wanted (a device that is only planned for). STATUS_BAD_INPUT: tokenizer and model do not go together,
 * there is no stop token, or prompt and response do not fit the context. */
EvalGenerator *eval_generator_new(Gpu *gpu, const ModelConfig *config, const Tokenizer *tokenizer,
                                  const TaskInstance *task, const StopTokens *stops, const EvalGeneratorLimits *limits,
                                  Error *error);
void           eval_generator_free(EvalGenerator *generator); /* NULL is allowed */

/* STATUS_STOPPED after `progress` said so. */
Status eval_generator_run(EvalGenerator *generator, const EvalJob *job, Error *error);

#endif
