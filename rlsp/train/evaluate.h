/* Evaluation on held-out problems.
 *
 *     Evaluator *evaluator = evaluator_new(gpu, &model->config, tokenizer, task, &limits, &error);
 *     EvalOptions options = {.seed = 20261122, .problems = 400, .samples = 4, .sample = {.temperature = 1}, .max_new = 176};
 *     evaluator_run(evaluator, model, &options, &result, &error);
 *
 * Problems are task_instance_eval_problem(seed, 0..problems-1), the same for every model that
 * is compared. Sample k of problem i is drawn from its own random stream, so a result
 * depends on (seed, options, weights) alone.
 */
#ifndef RLSP_TRAIN_EVALUATE_H
#define RLSP_TRAIN_EVALUATE_H

#include "engine/model/decode.h"
#include "engine/text/tokenizer.h"
#include "rlsp/eval/statistics.h"
#include "rlsp/run/events.h"
#include "rlsp/task/instance.h"

typedef struct Evaluator Evaluator;

typedef struct EvalLimits {
    uint32_t max_requests; /* problems * samples of one decoder run; larger evals are run in parts */
    uint32_t max_new;      /* tokens per response                                                  */
    uint32_t slots;        /* 0: the decoder's own                                                 */
    uint32_t lora_rank;    /* of the models' adapters, at most; 0: none                            */
    ComputeType cache;     /* of keys and values (DecodeLimits)                                    */
    Decoder *decoder;      /* the caller's, with room for evaluator_decode_limits; NULL: its own   */
} EvalLimits;

typedef struct EvalOptions {
    uint64_t      seed;
    uint32_t      problems, samples; /* samples per problem; greedy: 1            */
    SampleOptions sample;            /* temperature 0: greedy; .seed is ignored, `seed` is used */
    uint32_t      max_new;           /* at most the limit                          */
    Events       *events;            /* traces go here; NULL: nowhere              */
    uint32_t      traces;            /* how many, at most: the first of the eval   */
    const char   *stage;             /* of the traces: "eval", "eval_greedy", …    */
    int64_t       step;
    bool (*progress)(void *user, uint32_t done, uint32_t all); /* responses; true: stop; may be NULL */
    void *user;
} EvalOptions;

/* What an evaluation asks of its decoder. */
DecodeLimits evaluator_decode_limits(const EvalLimits *limits, const TaskInstance *task);

/* `task` is prepared with the tokenizer, and outlives the evaluator. */
/* `tokenizer` may be NULL where only the memory is wanted (a device that is only planned for). */
Evaluator *evaluator_new(Gpu *gpu, const ModelConfig *config, const Tokenizer *tokenizer, const TaskInstance *task,
                         const EvalLimits *limits, Error *error);
void       evaluator_free(Evaluator *evaluator); /* NULL is allowed */
Status     evaluator_run(Evaluator *evaluator, const Model *model, const EvalOptions *options, EvalResult *result, Error *error);

/* The judged responses of the last run, [problems, samples]; the evaluator's own until the next run. NULL: none yet, or
 * the last one failed. */
const EvalSample *evaluator_samples(const Evaluator *evaluator);

#endif
