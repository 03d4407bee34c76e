/* rlsp bench train: whole steps of forward, backward and AdamW. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/workspace.h"
#include "engine/ops/logits.h"
#include "engine/random.h"
#include "rlsp/cli/bench.h"
#include "rlsp/cli/profile.h"
#include "rlsp/train/learner.h"

enum { MAX_STEPS = 10000, LEAST_STEPS = 4 };

typedef struct TrainBench {
    Model     *base; /* of `model`, where that is an adapter on it */
    Model     *model;
    Learner   *learner;
    Workspace *work;
    Batch     *batch;
    GpuStream *stream;
    GpuArena  *arena;
    GpuSpan    logprob, entropy, lse, dlogprob, weight, sums; /* f32 [tokens]; sums [2] */
    uint32_t   tokens;
} TrainBench;

/* A batch of random tokens, every one of which is a target; the same in every step. */
static Status fill_batch(Bench *bench, TrainBench *t, Error *error)
{
    const BenchModel *m = &bench->model;
    int32_t  *ids = malloc(3 * (size_t)t->tokens * sizeof *ids), *rows = ids + t->tokens, *targets = rows + t->tokens;
    uint32_t *starts = malloc(((size_t)m->sequences + 1) * sizeof *starts);
    float    *weight = malloc((size_t)t->tokens * sizeof *weight);
    Status    status = STATUS_OUT_OF_MEMORY;
    if (ids == NULL || starts == NULL || weight == NULL) {
        error_set(error, status, "out of memory");
    } else {
        Random random = random_stream(1, RANDOM_TEST, 0, 0);
        for (uint32_t i = 0; i < t->tokens; i++) {
            ids[i]    = (int32_t)random_below(&random, m->config.vocab_size);
            rows[i]   = (int32_t)i;
            weight[i] = 1.0f / (float)t->tokens;
        }
        for (uint32_t i = 0; i < t->tokens; i++) { /* the last of a sequence predicts one more random token */
            targets[i] = (i + 1) % m->length != 0 ? ids[i + 1] : (int32_t)random_below(&random, m->config.vocab_size);
        }
        for (uint32_t s = 0; s <= m->sequences; s++) {
            starts[s] = s * m->length;
        }
        status = batch_set(t->batch, &(BatchInput){ids, starts, m->sequences, rows, targets, t->tokens}, error);
        status =
            status == STATUS_OK ? gpu_upload(bench->gpu, t->weight, weight, (uint64_t)t->tokens * 4, error) : status;
    }
    free(ids);
    free(starts);
    free(weight);
    return status;
}

static Model *with_adapter(const Model *base, uint32_t rank, Error *error)
{
    const LoraConfig config = {.rank = rank, .alpha = 2.0 * rank, .targets = LORA_ALL};
    Lora            *lora   = lora_new(base->gpu, &base->config, &config, false, error);
    if (lora != NULL && lora_init(lora, 1, error) != STATUS_OK) {
        lora_free(lora);
        return NULL;
    }
    return lora != NULL ? model_with_lora(base, lora, error) : NULL;
}

static Status open_all(Bench *bench, TrainBench *t, Error *error)
{
    const BenchModel *m  = &bench->model;
    t->tokens            = m->length * m->sequences;
    const uint64_t bytes = (uint64_t)t->tokens * 4;
    t->model             = bench_model_new(bench, m->length, error);
    if (t->model != NULL && bench->lora_rank > 0) {
        t->base  = t->model;
        t->model = with_adapter(t->base, bench->lora_rank, error);
    }
    t->learner = t->model != NULL ? learner_new(t->model, GPU_MEMORY_DEVICE, error) : NULL;
    t->work = t->learner != NULL ? workspace_new(bench->gpu, &t->model->config, t->tokens, t->tokens, m->length, true,
                                                 bench->recompute ? RECOMPUTE_BLOCKS : KEEP_ACTIVATIONS, error)
                                 : NULL;
    t->batch =
        t->work != NULL ? batch_new(bench->gpu, &t->model->config, t->tokens, t->tokens, m->sequences, error) : NULL;
    t->arena  = t->batch != NULL
                    ? gpu_arena_new(bench->gpu, "losses", GPU_MEMORY_DEVICE, 5 * gpu_align(bytes) + GPU_ALIGNMENT, error)
                    : NULL;
    t->stream = t->arena != NULL ? gpu_stream_new(bench->gpu, error) : NULL;
    if (t->stream == NULL || workspace_add_lora(t->work, bench->lora_rank, error) != STATUS_OK) {
        return error->status;
    }
    t->logprob  = gpu_arena_take(t->arena, bytes);
    t->entropy  = gpu_arena_take(t->arena, bytes);
    t->lse      = gpu_arena_take(t->arena, bytes);
    t->dlogprob = gpu_arena_take(t->arena, bytes);
    t->weight   = gpu_arena_take(t->arena, bytes);
    t->sums     = gpu_arena_take(t->arena, 8);
    return fill_batch(bench, t, error);
}

static void close_all(TrainBench *t)
{
    gpu_stream_free(t->stream);
    gpu_arena_free(t->arena);
    batch_free(t->batch);
    workspace_free(t->work);
    learner_free(t->learner);
    model_free(t->model);
    model_free(t->base);
}

static Status train_step(Bench *bench, TrainBench *t, double *loss, Error *error)
{
    const AdamwOptions adamw = {.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.01};
    GpuStream         *s     = t->stream;
    float              sums[2];
    gpu_stream_begin(s);
    learner_zero_gradients(s, t->learner);
    gpu_fill(s, t->sums, 0);
    transformer_forward(s, t->work, t->model, t->batch);
    head_logprobs(s, t->work, t->model, t->batch, 1.0f, t->logprob, t->entropy, t->lse);
    cross_entropy(s, t->dlogprob, t->sums, t->logprob, t->weight, t->tokens);
    learner_scale_loss(s, t->learner, t->dlogprob, t->tokens);
    head_backward(s, t->work, t->model, t->learner->gradients, t->batch, 1.0f, t->lse, t->entropy, t->dlogprob,
                  (GpuSpan){0});
    transformer_backward(s, t->work, t->model, t->learner->gradients, t->batch);
    learner_step(s, t->learner, &adamw, 0);
    Status status = gpu_stream_run(s, error);
    status        = status == STATUS_OK ? gpu_download(bench->gpu, t->sums, sums, sizeof sums, error) : status;
    status        = status == STATUS_OK ? learner_finish(t->learner, &(GradNorm){0}, error)
                                        : status; /* the scale of f16's loss moves */
    *loss         = status == STATUS_OK ? (double)sums[0] : 0;
    return status;
}

enum { PASSES = 5 };

/* Median seconds of the forward, loss included, and of the backward: of it with the forward, less the forward. */
static Status pass_times(TrainBench *t, double *forward, double *backward, Error *error)
{
    double times[2][PASSES];
    Status status = STATUS_OK;
    for (int i = 0; i < 2 * PASSES && status == STATUS_OK; i++) { /* by turns, so that both meet the same machine */
        GpuStream   *s      = t->stream;
        const double before = bench_now();
        gpu_stream_begin(s);
        transformer_forward(s, t->work, t->model, t->batch);
        head_logprobs(s, t->work, t->model, t->batch, 1.0f, t->logprob, t->entropy, t->lse);
        if (i % 2 == 1) {
            head_backward(s, t->work, t->model, t->learner->gradients, t->batch, 1.0f, t->lse, t->entropy, t->dlogprob,
                          (GpuSpan){0});
            transformer_backward(s, t->work, t->model, t->learner->gradients, t->batch);
        }
        status              = gpu_stream_run(s, error);
        times[i % 2][i / 2] = bench_now() - before;
    }
    if (status == STATUS_OK) {
        *forward  = bench_median(times[0], PASSES);
        *backward = bench_median(times[1], PASSES) - *forward;
    }
    return status;
}

/* Of one token, in multiply-adds counted as two. Of a frozen model the backward needs no gradients of weights. */
static void pass_flops(const TrainBench *t, const BenchModel *m, double *forward, double *backward)
{
    const ModelConfig *c         = &m->config;
    const double       looked_up = c->tie_embeddings ? 0 : (double)c->vocab_size * c->hidden_size;
    const double       products  = 2 * ((double)model_config_parameters(c) - looked_up);
    const double       attention = 2.0 * c->layers * c->heads * c->head_dim * m->length;
    const double       adapter   = t->model->lora != NULL ? 2 * (double)lora_parameter_count(t->model->lora) : 0;
    *forward                     = products + adapter + attention;
    *backward                    = (t->model->lora != NULL ? 1 : 2) * products + 2 * adapter + 2 * attention;
}

static void report_passes(Bench *bench, const TrainBench *t, double forward, double backward)
{
    double forward_flops, backward_flops;
    pass_flops(t, &bench->model, &forward_flops, &backward_flops);
    const double ratio = backward / backward_flops / (forward / forward_flops);
    if (bench->json) {
        json_line_number_field(&bench->line, "forward_seconds", forward);
        json_line_number_field(&bench->line, "backward_seconds", backward);
        json_line_number_field(&bench->line, "backward_per_flop", ratio);
        return;
    }
    printf("  forward %.2f ms, backward %.2f ms: %.2f times the forward's time per flop\n", forward * 1e3,
           backward * 1e3, ratio);
}

/* Of the steps: what the device did not do, and what the optimizer took. */
static void report_idle(Bench *bench, uint32_t steps)
{
    const GpuProfile sum       = gpu_profile(bench->gpu);
    const double     optimizer = gpu_profile_section(bench->gpu, "optimizer");
    if (sum.wall_seconds <= 0) {
        return; /* no timestamps here */
    }
    if (bench->json) {
        json_line_number_field(&bench->line, "idle_share", sum.idle_seconds / sum.wall_seconds);
        json_line_number_field(&bench->line, "optimizer_seconds", optimizer / steps);
        return;
    }
    printf("  optimizer %.2f ms; the device is idle %.1f%% of the time\n", 1e3 * optimizer / steps,
           100 * sum.idle_seconds / sum.wall_seconds);
}

static void report(Bench *bench, const TrainBench *t, double median, double best, uint32_t steps, double first_loss,
                   double last_loss, double product)
{
    const BenchModel *m          = &bench->model;
    const double      parameters = (double)model_parameter_count(t->model);
    double            forward_flops, backward_flops;
    pass_flops(t, m, &forward_flops, &backward_flops);
    const double flops = forward_flops + backward_flops; /* a token */
    const double rate = t->tokens / median, gflops = rate * flops * 1e-9;
    bench->share = gflops / product;
    if (bench->json) {
        json_line_text_field(&bench->line, "precision", compute_type_name(bench->compute));
        json_line_number_field(&bench->line, "parameters", parameters);
        json_line_number_field(&bench->line, "flops_per_token", flops);
        json_line_number_field(&bench->line, "steps", steps);
        json_line_number_field(&bench->line, "tokens_per_second", rate);
        json_line_number_field(&bench->line, "best_tokens_per_second", t->tokens / best);
        json_line_number_field(&bench->line, "gflops", gflops);
        json_line_number_field(&bench->line, "product_gflops", product);
        json_line_number_field(&bench->line, "share_of_product", gflops / product);
        json_line_number_field(&bench->line, "first_loss", first_loss);
        json_line_number_field(&bench->line, "last_loss", last_loss);
        json_line_number_field(&bench->line, "memory_bytes", (double)gpu_memory_peak(bench->gpu));
        return;
    }
    printf("train %s: %.2f M parameters, products in %s, %u x %u tokens a step, %u steps\n", m->name, parameters * 1e-6,
           compute_type_name(bench->compute), m->sequences, m->length, steps);
    printf("  %.0f tokens/s (best %.0f), %.2f ms a step\n", rate, t->tokens / best, median * 1e3);
    printf("  %.4g TFLOP/s, %.0f%% of the best matrix product (%.4g)\n", gflops * 1e-3, 100 * gflops / product,
           product * 1e-3);
    printf("  loss %.4f -> %.4f, %.0f MiB on the device\n", first_loss, last_loss,
           (double)gpu_memory_peak(bench->gpu) / 1048576);
}

Status bench_train(Bench *bench, Error *error)
{
    TrainBench t     = {0};
    double    *times = malloc(MAX_STEPS * sizeof *times), product = 1;
    Status     status =
        times != NULL ? open_all(bench, &t, error) : error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    double   loss = 0, first_loss = 0, forward = 0, backward = 0;
    uint32_t steps = 0;
    if (status == STATUS_OK) {
        status = bench_best_product(bench, &product, error);
    }
    for (int warm = 0; warm < 2 && status == STATUS_OK; warm++) { /* drivers compile at the first */
        status     = train_step(bench, &t, &loss, error);
        first_loss = warm == 0 ? loss : first_loss;
    }
    status = status == STATUS_OK ? pass_times(&t, &forward, &backward, error) : status;
    gpu_profile_reset(bench->gpu);
    for (const double start = bench_now();
         status == STATUS_OK && steps < MAX_STEPS && (steps < LEAST_STEPS || bench_now() - start < bench->seconds);) {
        const double before = bench_now();
        status              = train_step(bench, &t, &loss, error);
        times[steps++]      = bench_now() - before;
    }
    if (status == STATUS_OK && !(loss < first_loss)) {
        status = error_set(error, STATUS_FAILED,
                           "the loss went from %.4f to %.4f: this device does not compute it right", first_loss, loss);
    }
    if (status == STATUS_OK) {
        const double median = bench_median(times, steps);
        report(bench, &t, median, times[0], steps, first_loss, loss, product);
        bench->share_of = "the best product";
        report_passes(bench, &t, forward, backward);
        report_idle(bench, steps);
        bench_peer(bench, "train", t.tokens / median);
        bench_profile(bench, steps);
    }
    close_all(&t);
    free(times);
    return status;
}

/* --- a point of a cost model -------------------------------------------------------------------------------------- */

void bench_cost_of_profile(const Gpu *gpu, BenchCost costs[CLASSES])
{
    GpuProfileRow    rows[PROFILE_ROWS];
    const GpuProfile sum   = gpu_profile(gpu);
    const int        count = gpu_profile_rows(gpu, rows, PROFILE_ROWS);
    memset(costs, 0, CLASSES * sizeof *costs);
    for (int i = 0; i < count; i++) {
        const bool attention = strncmp(rows[i].kernel, "attention", 9) == 0;
        BenchCost *cost      = &costs[attention ? CLASS_ATTENTION : rows[i].flops > 0 ? CLASS_PRODUCTS : CLASS_OTHER];
        cost->calls += (double)rows[i].calls;
        cost->flops += rows[i].flops;
        cost->bytes += rows[i].bytes;
        cost->seconds += rows[i].seconds;
    }
    costs[CLASS_REST] = (BenchCost){.calls = (double)sum.kernels, .seconds = sum.gap_seconds + sum.idle_seconds};
}

Status bench_train_point(Bench *bench, double *seconds, BenchCost costs[CLASSES], Error *error)
{
    enum { MOST = 200, LEAST = 3 };
    TrainBench t = {0};
    double     times[MOST], loss = 0;
    uint32_t   steps  = 0;
    Status     status = open_all(bench, &t, error);
    for (int warm = 0; warm < 1 + BENCH_COUNTED && status == STATUS_OK;
         warm++) { /* drivers compile at the first; the others are counted */
        gpu_profile_kernels(bench->gpu, warm > 0);
        if (warm < 2) {
            gpu_profile_reset(bench->gpu);
        }
        status = train_step(bench, &t, &loss, error);
    }
    bench_cost_of_profile(bench->gpu, costs);
    for (int c = 0; c < CLASSES; c++) {
        costs[c] = (BenchCost){costs[c].calls / BENCH_COUNTED, costs[c].flops / BENCH_COUNTED,
                               costs[c].bytes / BENCH_COUNTED, costs[c].seconds / BENCH_COUNTED};
    }
    gpu_profile_kernels(bench->gpu, false);
    for (const double start = bench_now();
         status == STATUS_OK && steps < MOST && (steps < LEAST || bench_now() - start < bench->seconds);) {
        const double before = bench_now();
        status              = train_step(bench, &t, &loss, error);
        times[steps++]      = bench_now() - before;
    }
    *seconds = status == STATUS_OK ? bench_quick(times, steps) : 0;
    close_all(&t);
    return status;
}
