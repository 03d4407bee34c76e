/* rlsp bench ppo: whole steps of PPO with a separate critic: 256 responses sampled, scored by policy, reference and critic, one epoch
 * of four minibatches. The rewards are random: what is learned costs the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/decode.h"
#include "engine/random.h"
#include "rlsp/cli/bench.h"
#include "rlsp/train/ppo.h"

enum { SEQUENCES = 256, PROMPT = 13, NEW = 115, MAX_STEPS = 1000, LEAST_STEPS = 2 };

static const char config_text[] =
    "{\"name\":\"bench\",\"stages\":[\"rl\"],\"task\":{\"kind\":\"countdown\"},\"model\":{\"path\":\"-\"},"
    "\"rl\":{\"steps\":1,\"prompts_per_step\":256,\"minibatch_size\":64,\"epochs\":1,\"max_new_tokens\":115,"
    "\"temperature\":1,\"kl_coef\":0.01,\"advantage\":\"gae\",\"loss_mean\":\"token\"}}";

typedef enum Phase { GENERATE, SCORE, ADVANTAGES, UPDATE, PHASES } Phase;
static const char *const phase_names[PHASES] = {"generate", "score", "advantages", "update"};

typedef struct PpoBench {
    Session  session;
    Model   *reference;
    Decoder *decoder;
    Ppo     *ppo;
    Rollout  rollout;
    int32_t  prompts[SEQUENCES * PROMPT];
    uint32_t prompt_starts[SEQUENCES + 1], sequence[SEQUENCES];
    PpoScore score;
    PpoStats stats;
    double  *times[PHASES + 1]; /* [MAX_STEPS]; the last: the whole step */
} PpoBench;

static void close_all(PpoBench *b)
{
    if (b != NULL) {
        Session *s = &b->session;
        ppo_free(b->ppo);
        decoder_free(b->decoder);
        learner_free(s->learner);
        learner_free(s->critic_learner);
        model_free(s->policy);
        model_free(s->critic);
        model_free(b->reference);
        gpu_stream_free(s->stream);
        task_instance_free(s->task);
        free(b->rollout.items);
        free(b->rollout.ids);
        free(b->rollout.starts);
        free(b->rollout.prompt_tokens);
        free(b->rollout.response_start);
        for (int i = 0; i <= PHASES; i++) {
            free(b->times[i]);
        }
        free(b);
    }
}

/* Room for the step's sequences; prompts of random tokens. */
static Status make_rollout(PpoBench *b, uint32_t vocab, Error *error)
{
    Rollout *r = &b->rollout;
    Random   random = random_stream(3, RANDOM_TEST, 0, 0);
    *r = (Rollout){.session = &b->session, .sequences = SEQUENCES};
    r->items = calloc(SEQUENCES, sizeof *r->items);
    r->ids = malloc((size_t)SEQUENCES * (PROMPT + NEW) * sizeof *r->ids);
    r->starts = malloc((SEQUENCES + 1) * sizeof *r->starts);
    r->prompt_tokens = malloc(SEQUENCES * sizeof *r->prompt_tokens);
    r->response_start = malloc((SEQUENCES + 1) * sizeof *r->response_start);
    bool ok = r->items != NULL && r->ids != NULL && r->starts != NULL && r->prompt_tokens != NULL && r->response_start != NULL;
    for (int i = 0; i <= PHASES; i++) {
        b->times[i] = malloc(MAX_STEPS * sizeof *b->times[i]);
        ok = ok && b->times[i] != NULL;
    }
    if (!ok) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    for (uint32_t i = 0; i < SEQUENCES * PROMPT; i++) {
        b->prompts[i] = (int32_t)random_below(&random, vocab);
    }
    for (uint32_t s = 0; s <= SEQUENCES; s++) {
        b->prompt_starts[s] = s * PROMPT;
        r->starts[s] = s * (PROMPT + NEW);
        r->response_start[s] = s * NEW;
    }
    for (uint32_t s = 0; s < SEQUENCES; s++) {
        b->sequence[s] = r->items[s].group = s;
        r->items[s].tokens = NEW;
        r->items[s].score = (float)random_below(&random, 2);
        r->prompt_tokens[s] = PROMPT;
    }
    return STATUS_OK;
}

static Status open_all(Bench *bench, PpoBench *b, Error *error)
{
    const DecodeLimits limits = {.max_length = PROMPT + NEW, .max_requests = SEQUENCES, .max_prompt_tokens = SEQUENCES * PROMPT, .max_new = NEW};
    Session           *s = &b->session;
    s->gpu = bench->gpu;
    Status status = run_config_parse(config_text, "bench", NULL, 0, &s->config, error);
    s->task = status == STATUS_OK ? task_instance_open(&s->config.task, error) : NULL;
    status = s->task != NULL ? STATUS_OK : error->status;
    status = status == STATUS_OK ? make_rollout(b, bench->model.config.vocab_size, error) : status;
    if (status != STATUS_OK) {
        return status;
    }
    s->policy = bench_model_new(bench, PROMPT + NEW, error);
    b->reference = s->policy != NULL ? model_new(bench->gpu, &s->policy->config, false, error) : NULL;
    s->critic = b->reference != NULL ? model_new(bench->gpu, &s->policy->config, true, error) : NULL;
    if (s->critic == NULL || model_copy(b->reference, s->policy, error) != STATUS_OK || model_copy(s->critic, s->policy, error) != STATUS_OK) {
        return error->status;
    }
    s->learner = learner_new(s->policy, GPU_MEMORY_DEVICE, error);
    s->critic_learner = s->learner != NULL ? learner_new(s->critic, GPU_MEMORY_DEVICE, error) : NULL;
    s->stream = s->critic_learner != NULL ? gpu_stream_new(bench->gpu, error) : NULL;
    b->decoder = s->stream != NULL ? decoder_new(bench->gpu, &s->policy->config, &limits, error) : NULL;
    b->ppo = b->decoder != NULL ? ppo_new(s, b->reference, SEQUENCES, error) : NULL;
    return b->ppo != NULL ? STATUS_OK : error->status;
}

/* Samples the step's responses; none stops before its limit. */
static Status generate(PpoBench *b, uint32_t step, Error *error)
{
    const DecodeInput input = {.prompts = b->prompts, .prompt_starts = b->prompt_starts, .sequence = b->sequence, .requests = SEQUENCES,
                               .ignore_stop = true, .sample = {.temperature = 1, .seed = step + 1}};
    DecodeOutput      output = {0};
    Status            status = decoder_run(b->decoder, b->session.policy, &input, &output, error);
    for (uint32_t s = 0; s < SEQUENCES && status == STATUS_OK; s++) {
        int32_t *ids = b->rollout.ids + b->rollout.starts[s];
        memcpy(ids, b->prompts + s * PROMPT, PROMPT * sizeof *ids);
        memcpy(ids + PROMPT, output.tokens + (size_t)s * output.max_new, NEW * sizeof *ids);
    }
    return status;
}

static Status ppo_step(PpoBench *b, uint32_t step, uint32_t slot, Error *error)
{
    const PpoUpdate update = {.step = step, .train_actor = true, .actor_lr = 1e-5, .critic_lr = 1e-4, .kl_coef = 0.01};
    const double    start = bench_now();
    Status          status = STATUS_OK;
    for (int phase = 0; phase < PHASES && status == STATUS_OK; phase++) {
        const double before = bench_now();
        switch (phase) {
        case GENERATE: status = generate(b, step, error); break;
        case SCORE: status = ppo_score(b->ppo, &b->rollout, &b->score, error); break;
        case ADVANTAGES: status = ppo_advantages(b->ppo, &b->rollout, update.kl_coef, error); break;
        default: status = ppo_update(b->ppo, &b->rollout, &update, &b->stats, error); break;
        }
        b->times[phase][slot] = bench_now() - before;
    }
    b->times[PHASES][slot] = bench_now() - start;
    return status;
}

static void report(Bench *bench, double medians[PHASES + 1], double best, uint32_t steps)
{
    const double tokens = (double)SEQUENCES * NEW;
    if (bench->json) {
        json_line_number_field(&bench->line, "sequences", SEQUENCES);
        json_line_number_field(&bench->line, "prompt_tokens", PROMPT);
        json_line_number_field(&bench->line, "new_tokens", NEW);
        json_line_number_field(&bench->line, "steps", steps);
        json_line_number_field(&bench->line, "tokens_per_second", tokens / medians[PHASES]);
        json_line_number_field(&bench->line, "best_tokens_per_second", tokens / best);
        for (int p = 0; p < PHASES; p++) {
            json_line_number_field(&bench->line, phase_names[p], medians[p]);
        }
        json_line_number_field(&bench->line, "memory_bytes", (double)gpu_memory_peak(bench->gpu));
        return;
    }
    printf("ppo %s: %d responses of %d + %d tokens, separate critic, 1 epoch of 4 minibatches, %u steps\n", bench->model.name, SEQUENCES, PROMPT,
           NEW, steps);
    printf("  %.0f response tokens/s (best %.0f), %.2f s a step:", tokens / medians[PHASES], tokens / best, medians[PHASES]);
    for (int p = 0; p < PHASES; p++) {
        printf("%s %s %.0f%%", p > 0 ? "," : "", phase_names[p], 100 * medians[p] / medians[PHASES]);
    }
    printf("\n  %.0f MiB on the device\n", (double)gpu_memory_peak(bench->gpu) / 1048576);
}

Status bench_ppo(Bench *bench, Error *error)
{
    PpoBench *b = calloc(1, sizeof *b);
    Status    status = b != NULL ? open_all(bench, b, error) : error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    uint32_t  steps = 0;
    if (status == STATUS_OK) { /* drivers compile at the first step; policy and reference are still the same */
        status = ppo_step(b, 0, 0, error);
    }
    if (status == STATUS_OK && !(b->score.kl_sequence * b->score.kl_sequence < 1e-4)) {
        status = error_set(error, STATUS_FAILED, "the KL of a model to its copy is %g: this device does not compute it right", b->score.kl_sequence);
    }
    gpu_profile_reset(bench->gpu);
    for (const double start = bench_now();
         status == STATUS_OK && steps < MAX_STEPS && (steps < LEAST_STEPS || bench_now() - start < bench->seconds); steps++) {
        status = ppo_step(b, steps + 1, steps, error);
    }
    if (status == STATUS_OK && (b->stats.lost_steps > 0 || !(b->score.kl_sequence > 0 || b->score.kl_sequence < 0))) {
        status = error_set(error, STATUS_FAILED, "the policy did not move, or not to finite values: this device does not compute it right");
    }
    if (status == STATUS_OK) {
        double medians[PHASES + 1];
        for (int p = 0; p <= PHASES; p++) {
            medians[p] = bench_median(b->times[p], steps);
        }
        report(bench, medians, b->times[PHASES][0], steps);
        bench_peer(bench, "ppo", SEQUENCES * NEW / medians[PHASES]);
        bench_profile(bench, steps);
    }
    close_all(b);
    return status;
}
