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
#include "rlsp/run/events.h"
#include "rlsp/task/instance.h"

typedef struct Evaluator Evaluator;

typedef struct EvalLimits {
    uint32_t max_requests; /* problems * samples of one decoder run; larger evals are run in parts */
    uint32_t max_new;      /* tokens per response                                                  */
    uint32_t slots;        /* 0: the decoder's own                                                 */
    uint32_t lora_rank;    /* of the models' adapters, at most; 0: none                            */
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

/* Shares and means are over responses; attempts as in rlsp/trace/trace.h. */
typedef struct EvalResult {
    uint32_t problems, samples, responses;
    double   accuracy;        /* pass@1: mean over problems of the share of right samples      */
    double   accuracy_stderr; /* over problems                                                 */
    double   pass_at_k;       /* k = samples: share of problems with a right sample (unbiased at k = n) */
    double   maj_at_k;        /* share of problems whose most frequent answer is right; ties by first seen */
    double   length, length_sd, length_p50, length_p95; /* response tokens, end token included */
    double   length_correct, length_wrong;
    double   answered, truncated;           /* shares; truncated: no end token within max_new  */
    double   attempts, distinct, verified;  /* per response                                    */
    double   repeats_per_attempt, errors_per_attempt, distance_right; /* shares of attempts    */
    double   search, backtrack, check, false_yes, gave_up; /* shares of responses              */
    double   hit;                            /* share of responses with an attempt that hits    */
    double   hit_then_correct;               /* of those, share answered right                  */
    double   accuracy_search, accuracy_direct; /* among responses with / without an attempt     */
    double   repetition;                     /* mean n-gram repetition                          */
    uint64_t tokens;                         /* generated                                       */
    double   seconds;
} EvalResult;

/* `task` is prepared with the tokenizer, and outlives the evaluator. */
Evaluator *evaluator_new(Gpu *gpu, const ModelConfig *config, const Tokenizer *tokenizer, const TaskInstance *task,
                         const EvalLimits *limits, Error *error);
void       evaluator_free(Evaluator *evaluator); /* NULL is allowed */
Status     evaluator_run(Evaluator *evaluator, const Model *model, const EvalOptions *options, EvalResult *result, Error *error);

/* The result as event fields, `prefix` before each name ("greedy_"); returns the number written.
 * Names live in `names`, which must outlive the fields. Time goes to time_ fields. */
enum { EVAL_FIELDS_MAX = 48 };
int eval_result_fields(const EvalResult *result, const char *prefix, EventField *fields, char names[EVAL_FIELDS_MAX][48]);

#endif
