/* rlsp bench ppo: whole steps of PPO with a critic: responses sampled, judged, scored by policy, reference and critic,
 * one epoch of four minibatches. What is judged are demonstrations of countdown: what is learned costs the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/decode.h"
#include "engine/random.h"
#include "rlsp/cli/bench.h"
#include "rlsp/task/demo.h"
#include "rlsp/train/ppo.h"

enum { MAX_STEPS = 1000, LEAST_STEPS = 2, MINIBATCHES = 4 };

typedef enum Phase { GENERATE, REWARD, SCORE, ADVANTAGES, UPDATE, PHASES } Phase;
static const char *const phase_names[PHASES] = {"generate", "reward", "score", "advantages", "update"};

typedef struct PpoBench {
    Session   session;
    Model    *base, *reference; /* base: of the adapters, with --lora */
    Decoder  *decoder;
    Ppo      *ppo;
    Rollout   rollout;
    Demo     *texts;   /* [sequences], that are judged in place of the sampled tokens, which are no text */
    int32_t  *prompts; /* [sequences * prompt] */
    uint32_t *prompt_starts, *sequence; /* [sequences + 1], [sequences] */
    uint32_t  sequences, prompt, new_tokens;
    PpoScore  score;
    PpoStats  stats;
    double   *times[PHASES + 1];          /* [MAX_STEPS]; the last: the whole step */
    double    busy[PHASES], wall[PHASES]; /* seconds of all steps by the clock: with the device at work, and whole */
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
        model_free(b->base);
        free(b->texts);
        free(b->prompts);
        free(b->prompt_starts);
        free(b->sequence);
        gpu_stream_free(s->stream);
        task_instance_free(s->task);
        free(b->rollout.items);
        free(b->rollout.ids);
        free(b->rollout.prompt_tokens);
        free(b->rollout.response_start);
        for (int i = 0; i <= PHASES; i++) {
            free(b->times[i]);
        }
        free(b);
    }
}

/* Room for the step's sequences; prompts of random tokens, and texts to judge. */
static Status make_rollout(PpoBench *b, uint32_t vocab, Error *error)
{
    Rollout       *r = &b->rollout;
    const uint32_t n = b->sequences, prompt = b->prompt, new_tokens = b->new_tokens;
    Random         random = random_stream(3, RANDOM_TEST, 0, 0);
    DemoMix        mix;
    *r = (Rollout){
        .session = &b->session, .sequences = n, .longest = prompt + new_tokens, .reward = reward_config_default()};
    r->items          = calloc(n, sizeof *r->items);
    r->ids            = malloc((size_t)n * (prompt + new_tokens) * sizeof *r->ids);
    r->prompt_tokens  = malloc(n * sizeof *r->prompt_tokens);
    r->response_start = malloc((n + 1) * sizeof *r->response_start);
    b->texts          = malloc(n * sizeof *b->texts);
    b->prompts        = malloc((size_t)n * prompt * sizeof *b->prompts);
    b->prompt_starts  = malloc((n + 1) * sizeof *b->prompt_starts);
    b->sequence       = malloc(n * sizeof *b->sequence);
    bool ok           = r->items != NULL && r->ids != NULL && r->prompt_tokens != NULL && r->response_start != NULL &&
              b->texts != NULL && b->prompts != NULL && b->prompt_starts != NULL && b->sequence != NULL;
    for (int i = 0; i <= PHASES; i++) {
        b->times[i] = malloc(MAX_STEPS * sizeof *b->times[i]);
        ok          = ok && b->times[i] != NULL;
    }
    if (!ok) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    for (uint32_t i = 0; i < n * prompt; i++) {
        b->prompts[i] = (int32_t)random_below(&random, vocab);
    }
    for (uint32_t s = 0; s <= n; s++) {
        b->prompt_starts[s]  = s * prompt;
        r->response_start[s] = s * new_tokens;
    }
    demo_mix_default(b->session.task->kind, &mix);
    for (uint32_t s = 0; s < n; s++) {
        b->sequence[s] = r->items[s].group = s;
        r->items[s].tokens                 = new_tokens;
        r->prompt_tokens[s]                = prompt;
        demo_draw(b->session.task->kind, &b->session.task->config, &mix, DEMO_SEARCH_OR_DIRECT, &random, &b->texts[s]);
    }
    return STATUS_OK;
}

/* An adapter on the base, with a value head or without. */
static Model *adapted(const Model *base, uint32_t rank, bool value_head, Error *error)
{
    const LoraConfig config = {.rank = rank, .alpha = 2.0 * rank, .targets = LORA_ALL};
    Lora            *lora   = lora_new(base->gpu, &base->config, &config, value_head, error);
    if (lora != NULL && lora_init(lora, 1, error) != STATUS_OK) {
        lora_free(lora);
        return NULL;
    }
    return lora != NULL ? model_with_lora(base, lora, error) : NULL;
}

/* Policy, reference policy and critic: three models, or adapters on one base. */
static Status open_models(Bench *bench, PpoBench *b, Error *error)
{
    Session *s     = &b->session;
    Model   *first = bench_model_new(bench, b->prompt + b->new_tokens, error);
    if (bench->lora_rank > 0) {
        b->base      = first;
        s->policy    = first != NULL ? adapted(first, bench->lora_rank, false, error) : NULL;
        b->reference = s->policy != NULL ? model_with_lora(first, NULL, error) : NULL;
        s->critic    = b->reference != NULL ? adapted(first, bench->lora_rank, true, error) : NULL;
        return s->critic != NULL ? STATUS_OK : error->status;
    }
    s->policy    = first;
    b->reference = first != NULL ? model_new(bench->gpu, &first->config, false, error) : NULL;
    s->critic    = b->reference != NULL ? model_new(bench->gpu, &first->config, true, error) : NULL;
    if (s->critic == NULL || model_copy(b->reference, first, error) != STATUS_OK ||
        model_copy(s->critic, first, error) != STATUS_OK ||
        model_set_compute(b->reference, bench->compute, error) != STATUS_OK ||
        model_set_compute(s->critic, bench->compute, error) != STATUS_OK) {
        return error->status;
    }
    return STATUS_OK;
}

static Status open_all(Bench *bench, PpoBench *b, Error *error)
{
    Session *s = &b->session;
    char     text[600];
    b->sequences              = bench->sequences;
    b->prompt                 = bench->prompt;
    b->new_tokens             = bench->new_tokens;
    const DecodeLimits limits = {.max_length        = b->prompt + b->new_tokens,
                                 .max_requests      = b->sequences,
                                 .max_prompt_tokens = b->sequences * b->prompt,
                                 .max_new           = b->new_tokens,
                                 .lora_rank         = bench->lora_rank};
    snprintf(text, sizeof text,
             "{\"name\":\"bench\",\"stages\":[\"rl\"],\"task\":{\"kind\":\"countdown\"},\"model\":{\"path\":\"-\"},%"
             "s\"recompute\":\"%s\","
             "\"rl\":{\"steps\":1,\"prompts_per_step\":%u,\"minibatch_size\":%u,\"epochs\":1,\"max_new_tokens\":%u,"
             "\"temperature\":1,\"kl_coef\":0.01,\"advantage\":\"gae\",\"loss_mean\":\"token\"}}",
             bench->lora_rank > 0 ? "\"adapter\":{\"kind\":\"lora\"}," : "", bench->recompute ? "block" : "none",
             b->sequences, (b->sequences + MINIBATCHES - 1) / MINIBATCHES, b->new_tokens);
    s->gpu        = bench->gpu;
    Status status = run_config_parse(text, "bench", NULL, 0, &s->config, error);
    s->task       = status == STATUS_OK ? task_instance_open(&s->config.task, error) : NULL;
    status        = s->task != NULL ? STATUS_OK : error->status;
    status        = status == STATUS_OK ? make_rollout(b, bench->model.config.vocab_size, error) : status;
    status        = status == STATUS_OK ? open_models(bench, b, error) : status;
    if (status != STATUS_OK) {
        return status;
    }
    s->learner        = learner_new(s->policy, GPU_MEMORY_DEVICE, error);
    s->critic_learner = s->learner != NULL ? learner_new(s->critic, GPU_MEMORY_DEVICE, error) : NULL;
    s->stream         = s->critic_learner != NULL ? gpu_stream_new(bench->gpu, error) : NULL;
    b->decoder        = s->stream != NULL ? decoder_new(bench->gpu, &s->policy->config, &limits, error) : NULL;
    b->ppo            = b->decoder != NULL ? ppo_new(s, b->reference, b->sequences, error) : NULL;
    return b->ppo != NULL ? STATUS_OK : error->status;
}

/* Samples the step's responses; none stops before its limit. */
static Status generate(PpoBench *b, uint32_t step, Error *error)
{
    const DecodeInput input  = {.prompts       = b->prompts,
                                .prompt_starts = b->prompt_starts,
                                .sequence      = b->sequence,
                                .requests      = b->sequences,
                                .ignore_stop   = true,
                                .sample        = {.temperature = 1, .seed = step + 1}};
    DecodeOutput      output = {0};
    Status            status = decoder_run(b->decoder, b->session.policy, &input, &output, error);
    for (uint32_t s = 0; s < b->sequences && status == STATUS_OK; s++) {
        int32_t *ids = rollout_ids(&b->rollout, s);
        memcpy(ids, b->prompts + (size_t)s * b->prompt, b->prompt * sizeof *ids);
        memcpy(ids + b->prompt, output.tokens + (size_t)s * output.max_new, b->new_tokens * sizeof *ids);
    }
    return status;
}

/* Judges the demonstrations, which are texts as a trained model writes them: sampled tokens have none here. */
static void judge(PpoBench *b)
{
    for (uint32_t s = 0; s < b->sequences; s++) {
        const Demo       *demo  = &b->texts[s];
        const RewardInput input = {.response        = demo->response,
                                   .length          = demo->response_length,
                                   .response_tokens = b->new_tokens,
                                   .max_tokens      = b->new_tokens};
        RewardParts       parts;
        reward_compute(&b->rollout.reward, b->session.task->kind, &demo->problem, &input, &parts);
        b->rollout.items[s].score = (float)parts.total;
    }
}

static Status ppo_step(PpoBench *b, uint32_t step, uint32_t slot, Error *error)
{
    const PpoUpdate update = {.step = step, .train_actor = true, .actor_lr = 1e-5, .critic_lr = 1e-4, .kl_coef = 0.01};
    const double    start  = bench_now();
    Status          status = STATUS_OK;
    for (int phase = 0; phase < PHASES && status == STATUS_OK; phase++) {
        const GpuProfile sum    = gpu_profile(b->session.gpu);
        const double     before = bench_now(), wall = session_clock();
        switch (phase) {
        case GENERATE: status = generate(b, step, error); break;
        case REWARD: judge(b); break;
        case SCORE: status = ppo_score(b->ppo, &b->rollout, &b->score, error); break;
        case ADVANTAGES: status = ppo_advantages(b->ppo, &b->rollout, update.kl_coef, error); break;
        default: status = ppo_update(b->ppo, &b->rollout, &update, &b->stats, error); break;
        }
        b->times[phase][slot] = bench_now() - before;
        b->wall[phase] += session_clock() - wall;
        const GpuProfile after = gpu_profile(b->session.gpu);
        b->busy[phase] += after.kernel_seconds + after.gap_seconds - sum.kernel_seconds - sum.gap_seconds;
    }
    b->times[PHASES][slot] = bench_now() - start;
    return status;
}

/* Rows of the table: a phase, or a part of one that the device timed by itself. */
typedef struct Row {
    const char *name, *key;
    Phase       phase;
    const char *section; /* NULL: the whole phase                                            */
} Row;

static const Row rows[] = {
    {"generate", "generate", GENERATE, NULL},
    {"reward", "reward", REWARD, NULL},
    {"score", "score", SCORE, NULL},
    {"  old log-probabilities", "score_old", SCORE, "old log-probabilities"},
    {"  reference policy", "score_reference", SCORE, "reference"},
    {"  values", "score_values", SCORE, "values"},
    {"advantages", "advantages", ADVANTAGES, NULL},
    {"update", "update", UPDATE, NULL},
    {"  policy, forward and backward", "update_policy", UPDATE, "policy"},
    {"  critic, forward and backward", "update_critic", UPDATE, "critic"},
    {"  optimizer", "update_optimizer", UPDATE, "optimizer"},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static double in_phases(const double seconds[PHASES])
{
    double sum = 0;
    for (int p = 0; p < PHASES; p++) {
        sum += seconds[p];
    }
    return sum;
}

/* Mean seconds of a step by the clock, and how much of them the device had nothing to do. */
static void report_phases(Bench *bench, const PpoBench *b, uint32_t steps)
{
    const double all = in_phases(b->wall), idle = all - in_phases(b->busy);
    if (bench->json) {
        json_line_key(&bench->line, "phases");
        json_line_begin(&bench->line, '[');
    } else {
        printf("  %-32s %10s %7s %12s\n", "", "s/step", "share", "device idle");
    }
    for (int i = 0; i < ROWS; i++) {
        const Row   *row   = &rows[i];
        const double wall  = row->section == NULL ? b->wall[row->phase] : gpu_profile_section(bench->gpu, row->section);
        const double waits = row->section == NULL ? b->wall[row->phase] - b->busy[row->phase] : 0;
        if (bench->json) {
            json_line_begin(&bench->line, '{');
            json_line_text_field(&bench->line, "phase", row->key);
            json_line_number_field(&bench->line, "seconds", wall / steps);
            json_line_number_field(&bench->line, "share", wall / all);
            json_line_number_field(&bench->line, "idle_seconds", waits / steps);
            json_line_end(&bench->line, '}');
        } else if (row->section == NULL) {
            printf("  %-32s %10.4f %6.1f%% %10.4f s\n", row->name, wall / steps, 100 * wall / all, waits / steps);
        } else {
            printf("  %-32s %10.4f %6.1f%%\n", row->name, wall / steps, 100 * wall / all);
        }
    }
    if (bench->json) {
        json_line_end(&bench->line, ']');
        json_line_number_field(&bench->line, "idle_share", idle / all);
    } else {
        printf("  %-32s %10.4f %6.1f%% %10.4f s, %.1f%%: the host's work that nothing hides\n", "all", all / steps,
               100.0, idle / steps, 100 * idle / all);
    }
}

static void report(Bench *bench, const PpoBench *b, double medians[PHASES + 1], double best, uint32_t steps)
{
    const double tokens = (double)b->sequences * b->new_tokens;
    if (bench->json) {
        json_line_number_field(&bench->line, "sequences", b->sequences);
        json_line_number_field(&bench->line, "prompt_tokens", b->prompt);
        json_line_number_field(&bench->line, "new_tokens", b->new_tokens);
        json_line_number_field(&bench->line, "steps", steps);
        json_line_number_field(&bench->line, "tokens_per_second", tokens / medians[PHASES]);
        json_line_number_field(&bench->line, "best_tokens_per_second", tokens / best);
        for (int p = 0; p < PHASES; p++) {
            json_line_number_field(&bench->line, phase_names[p], medians[p]);
        }
        json_line_number_field(&bench->line, "memory_bytes", (double)gpu_memory_peak(bench->gpu));
    } else {
        printf("ppo %s: %u responses of %u + %u tokens, %s, 1 epoch of %d minibatches, %u steps\n", bench->model.name,
               b->sequences, b->prompt, b->new_tokens,
               bench->lora_rank > 0 ? "policy and critic adapters on one base" : "separate critic", MINIBATCHES, steps);
        printf("  %.0f response tokens/s (best %.0f), %.2f s a step; %.0f MiB on the device\n",
               tokens / medians[PHASES], tokens / best, medians[PHASES], (double)gpu_memory_peak(bench->gpu) / 1048576);
    }
    report_phases(bench, b, steps);
}

Status bench_ppo(Bench *bench, Error *error)
{
    PpoBench *b      = calloc(1, sizeof *b);
    Status    status = b != NULL ? open_all(bench, b, error) : error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    uint32_t  steps  = 0;
    if (status == STATUS_OK) { /* drivers compile at the first step; policy and reference are still the same */
        status = ppo_step(b, 0, 0, error);
    }
    if (status == STATUS_OK && !(b->score.kl_sequence * b->score.kl_sequence < 1e-4)) {
        status = error_set(error, STATUS_FAILED,
                           "the KL of a model to its copy is %g: this device does not compute it right",
                           b->score.kl_sequence);
    }
    gpu_profile_reset(bench->gpu);
    if (b != NULL) {
        memset(b->busy, 0, sizeof b->busy);
        memset(b->wall, 0, sizeof b->wall);
    }
    for (const double start = bench_now();
         status == STATUS_OK && steps < MAX_STEPS && (steps < LEAST_STEPS || bench_now() - start < bench->seconds);
         steps++) {
        status = ppo_step(b, steps + 1, steps, error);
    }
    if (status == STATUS_OK && (b->stats.lost_steps > 0 || !(b->score.kl_sequence > 0 || b->score.kl_sequence < 0))) {
        status = error_set(error, STATUS_FAILED,
                           "the policy did not move, or not to finite values: this device does not compute it right");
    }
    if (status == STATUS_OK) {
        double medians[PHASES + 1];
        for (int p = 0; p <= PHASES; p++) {
            medians[p] = bench_median(b->times[p], steps);
        }
        report(bench, b, medians, b->times[PHASES][0], steps);
        bench_peer(bench, "ppo", (double)b->sequences * b->new_tokens / medians[PHASES]);
        bench_profile(bench, steps);
    }
    close_all(b);
    return status;
}
