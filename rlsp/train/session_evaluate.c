/* Held-out evaluations of a run. */
#include "rlsp/train/session.h"
#include "rlsp/train/session_control.h"

enum { EVAL_REQUESTS = 2048, EVAL_SLOTS = 256 };

/* Evaluates once and appends the fields, `prefix` before each name. */
static Status evaluate_once(Session *session, const EvalOptions *options, const char *prefix, EventField *fields,
                            int *count, char names[EVAL_FIELDS_MAX][48], EvalResult *result, Error *error)
{
    Status status = evaluator_run(session->evaluator, session->policy, options, result, error);
    if (status == STATUS_OK) {
        *count += eval_result_fields(result, prefix, fields + *count, names);
    }
    return status;
}

/* Tokens of a response in an evaluation. */
static uint32_t eval_new_tokens(const RunConfig *config)
{
    return config->eval.max_new_tokens > 0 ? config->eval.max_new_tokens : config->rl.max_new_tokens;
}

/* Responses of the largest evaluation at once: what there are, and no more than fit a batch of requests. */
static uint32_t eval_requests(const Session *session)
{
    const RunEval *eval     = &session->config.eval;
    const uint32_t there    = task_instance_eval_count(session->task),
                   problems = eval->final_problems > eval->problems ? eval->final_problems : eval->problems;
    const uint64_t requests = (uint64_t)(problems < there || there == 0 ? problems : there) *
                              (eval->final_samples > eval->samples ? eval->final_samples : eval->samples);
    return requests == 0 || requests > EVAL_REQUESTS ? EVAL_REQUESTS : (uint32_t)requests;
}

EvalGeneratorLimits session_eval_limits(const Session *session)
{
    const uint32_t slots = session->config.rl.decode_slots;
    return (EvalGeneratorLimits){.requests  = eval_requests(session),
                                 .max_new   = eval_new_tokens(&session->config),
                                 .slots     = slots > 0 ? slots : EVAL_SLOTS, /* told to whoever shares the decoder */
                                 .lora_rank = model_lora_rank(session->policy),
                                 .cache     = session_kv_cache(session)};
}

Status session_open_evaluator(Session *session, Error *error)
{
    if (session->evaluator == NULL) {
        EvalGeneratorLimits limits = session_eval_limits(session);
        const DecodeLimits  wanted = eval_generator_decode_limits(&limits, session->task);
        limits.decoder             = session_shared_decoder(session, &wanted);
        gpu_memory_owner(session->gpu, "evaluation");
        session->evaluator = evaluator_new(session->gpu, &session->policy->config, session->tokenizer, session->task,
                                           &session->stops, &limits, error);
        gpu_memory_owner(session->gpu, NULL);
    }
    return session->evaluator != NULL ? STATUS_OK : error->status;
}

Status session_evaluate(Session *session, const char *stage, bool final, double *accuracy, Error *error)
{
    const RunEval *eval     = &session->config.eval;
    const uint32_t there    = task_instance_eval_count(session->task),
                   asked    = final && eval->final_problems > 0 ? eval->final_problems : eval->problems;
    const uint32_t problems = asked < there ? asked : there;
    const uint32_t samples  = final && eval->final_samples > 0 ? eval->final_samples : eval->samples;
    const uint32_t max_new  = eval_new_tokens(&session->config);
    if (problems == 0) {
        return STATUS_OK;
    }
    if (session_open_evaluator(session, error) != STATUS_OK) {
        return error->status;
    }
    EvalOptions options = {
        .seed     = eval->seed,
        .problems = problems,
        .samples  = samples,
        .max_new  = max_new,
        .sample   = {.temperature = (float)eval->temperature, .top_k = eval->top_k, .top_p = (float)eval->top_p},
        .events   = session->events,
        .traces   = eval->traces,
        .stage    = "eval",
        .step     = (int64_t)session->step,
        .stop     = session_attend,
        .user     = session};
    EventField fields[3 + 2 * EVAL_FIELDS_MAX] = {
        {"stage", 0, stage}, {"problems", problems, NULL}, {"samples", samples, NULL}};
    char       names[2][EVAL_FIELDS_MAX][48];
    int        count = 3;
    EvalResult sampled, greedy;
    session->before_evaluation = events_offsets(session->events);
    session_doing(session, true, "evaluating on %u problems", problems);
    Status status = evaluate_once(session, &options, "", fields, &count, names[0], &sampled, error);
    if (status == STATUS_OK && eval->greedy && eval->temperature > 0.0) {
        options.sample  = (SampleOptions){.temperature = 0.0f};
        options.samples = 1;
        options.stage   = "eval_greedy";
        options.traces  = eval->traces / 4;
        status          = evaluate_once(session, &options, "greedy_", fields, &count, names[1], &greedy, error);
    }
    session_doing(session, true, "%s", "");
    if (status == STATUS_STOPPED) {
        *error = (Error){0};
        return error_set(
            error, status,
            "stopped in the evaluation after step %llu, which will be done again; everything is saved, rlsp train "
            "--resume %s goes on",
            (unsigned long long)session->step, run_dir_path(session->run));
    }
    status = status == STATUS_OK ? session_emit(session, "eval", fields, count, error) : status;
    if (accuracy != NULL && status == STATUS_OK) {
        *accuracy = sampled.accuracy;
    }
    return status;
}
