/* Evaluation on held-out problems.
 *
 *     Evaluator *evaluator = evaluator_new(gpu, &model->config, tokenizer, task, &stops, &limits, &error);
 *     EvalOptions options = {.seed = 20261122, .problems = 400, .samples = 4, .sample = {.temperature = 1}, .max_new =
 * 176}; evaluator_run(evaluator, model, &options, &result, &error);
 *
 * Problems are task_instance_eval_problem(seed, 0..problems-1), the same for every model that
 * is compared. Sample k of problem i is drawn from the random stream i * samples + k, so a result
 * depends on (seed, options, weights) alone.
 */
#ifndef RLSP_TRAIN_EVALUATE_H
#define RLSP_TRAIN_EVALUATE_H

#include "rlsp/eval/generate.h"
#include "rlsp/eval/statistics.h"
#include "rlsp/run/events.h"

typedef struct Evaluator Evaluator;

typedef struct EvalOptions {
    uint64_t      seed;
    uint32_t      problems, samples; /* samples per problem; greedy: 1            */
    SampleOptions sample;            /* temperature 0: greedy; .seed is ignored, `seed` is used */
    uint32_t      max_new;           /* at most the limit                          */
    Events       *events;            /* traces go here, at the end; NULL: nowhere  */
    uint32_t      traces;            /* how many, at most: the first of the eval   */
    const char   *stage;             /* of the traces: "eval", "eval_greedy", …    */
    int64_t       step;
    bool (*stop)(void *user); /* asked every few steps; true: stop; may be NULL */
    void *user;
} EvalOptions;

/* `task` is prepared with the tokenizer; both outlive the evaluator. `tokenizer` may be NULL where only the memory is
 * wanted. NULL with *error set as of eval_generator_new. */
Evaluator *evaluator_new(Gpu *gpu, const ModelConfig *config, const Tokenizer *tokenizer, const TaskInstance *task,
                         const StopTokens *stops, const EvalGeneratorLimits *limits, Error *error);
void       evaluator_free(Evaluator *evaluator); /* NULL is allowed */

/* STATUS_STOPPED after `stop` said so: no trace is written. */
Status evaluator_run(Evaluator *evaluator, const Model *model, const EvalOptions *options, EvalResult *result,
                     Error *error);

#endif
