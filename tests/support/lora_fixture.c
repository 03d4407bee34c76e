#include "tests/support/lora_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/ops/adamw.h"
#include "engine/ops/logits.h"
#include "engine/random.h"

enum { TOKENS = LORA_RIG_TOKENS, MOST_FLOATS = LORA_RIG_FLOATS };

void lora_fixture_must(bool good, const Error *error)
{
    if (!good) {
        fail_msg("%s", error->text);
    }
}

void lora_fixture_report(const char *model, const char *what, double error, double tolerance)
{
    printf("    %-12s %-42s %.2e  (tolerance %.0e)\n", model, what, error, tolerance);
    if (!(error <= tolerance)) {
        fail_msg("%s: %s is off by %g, allowed %g", model, what, error, tolerance);
    }
}

LoraRig lora_rig_open(const ModelConfig *config, uint32_t rank, Recompute recompute)
{
    Error   error = {0};
    LoraRig r     = {.work = workspace_new(fixture_gpu(), config, TOKENS, TOKENS, TOKENS, true, recompute, &error)};
    lora_fixture_must(r.work != NULL && workspace_add_lora(r.work, rank, &error) == STATUS_OK, &error);
    r.batch = batch_new(fixture_gpu(), config, TOKENS, TOKENS, 8, &error);
    r.arena = gpu_arena_new(
        fixture_gpu(), "test", GPU_MEMORY_DEVICE,
        3 * MOST_FLOATS * 4 + gpu_align(grad_norm_bytes(MOST_FLOATS)) + 8 * gpu_align(TOKENS * 4) + 4096, &error);
    lora_fixture_must(r.batch != NULL && r.arena != NULL, &error);
    r.gradients           = gpu_arena_take(r.arena, MOST_FLOATS * 4);
    r.m                   = gpu_arena_take(r.arena, MOST_FLOATS * 4);
    r.v                   = gpu_arena_take(r.arena, MOST_FLOATS * 4);
    r.norm                = gpu_arena_take(r.arena, sizeof(GradNorm));
    r.partial             = gpu_arena_take(r.arena, grad_norm_bytes(MOST_FLOATS));
    r.sums                = gpu_arena_take(r.arena, 8);
    GpuSpan *const rows[] = {&r.logprob, &r.entropy, &r.lse, &r.dlogprob, &r.weight};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        *rows[i] = gpu_arena_take(r.arena, TOKENS * 4);
    }
    return r;
}

void lora_rig_close(LoraRig *r)
{
    gpu_arena_free(r->arena);
    batch_free(r->batch);
    workspace_free(r->work);
}

void lora_rig_set(LoraRig *r, const int64_t *ids, const int64_t *labels, uint32_t sequences, uint32_t width)
{
    Error    error = {0};
    int32_t  packed[TOKENS], rows[TOKENS], targets[TOKENS];
    float    weight[TOKENS] = {0.0f};
    uint32_t starts[9] = {0}, count = 0;
    for (uint32_t t = 0; t < sequences * width; t++) {
        const int64_t target  = t % width + 1 < width ? labels[t + 1] : -100;
        packed[t]             = (int32_t)ids[t];
        rows[t]               = (int32_t)t;
        targets[t]            = target < 0 ? -1 : (int32_t)target;
        starts[t / width + 1] = t + 1;
        count += target >= 0;
    }
    for (uint32_t t = 0; t < sequences * width; t++) {
        weight[t] = targets[t] >= 0 ? 1.0f / (float)count : 0.0f;
    }
    lora_fixture_must(batch_set(r->batch, &(BatchInput){packed, starts, sequences, rows, targets, sequences * width},
                                &error) == STATUS_OK,
                      &error);
    lora_fixture_must(gpu_upload(fixture_gpu(), r->weight, weight, sequences * width * 4, &error) == STATUS_OK, &error);
}

void lora_rig_set_random(LoraRig *r, uint32_t vocab)
{
    int64_t ids[TOKENS];
    Random  random = random_stream(5, RANDOM_TEST, 1, 0);
    for (int i = 0; i < 3 * 17; i++) {
        ids[i] = random_below(&random, vocab);
    }
    lora_rig_set(r, ids, ids, 3, 17);
}

float *lora_rig_logits(LoraRig *r, const Model *model)
{
    const uint32_t rows = r->batch->rows, vocab = model->config.vocab_size, chunk = r->work->chunk_rows;
    float         *logits = fixture_alloc((size_t)rows * vocab * sizeof *logits);
    for (uint32_t row = 0; row < rows; row += chunk) {
        const uint32_t count  = rows - row < chunk ? rows - row : chunk;
        GpuStream     *stream = fixture_stream();
        if (row == 0) {
            transformer_forward(stream, r->work, model, r->batch);
        }
        head_logits(stream, r->work, model, row, count);
        fixture_run();
        memcpy(logits + (size_t)row * vocab, fixture_download(r->work->logits, (size_t)count * vocab),
               (size_t)count * vocab * sizeof *logits);
    }
    return logits;
}

double lora_rig_backward(LoraRig *r, const Model *model)
{
    GpuStream *stream = fixture_stream();
    gpu_fill(stream, r->gradients, 0);
    gpu_fill(stream, r->sums, 0);
    transformer_forward(stream, r->work, model, r->batch);
    head_logprobs(stream, r->work, model, r->batch, 1.0f, r->logprob, r->entropy, r->lse);
    cross_entropy(stream, r->dlogprob, r->sums, r->logprob, r->weight, r->batch->rows);
    head_backward(stream, r->work, model, r->gradients, r->batch, 1.0f, r->lse, r->entropy, r->dlogprob, (GpuSpan){0});
    transformer_backward(stream, r->work, model, r->gradients, r->batch);
    fixture_run();
    return (double)fixture_download(r->sums, 2)[0];
}

Model *lora_fixture_base(const char *directory)
{
    Error  error = {0};
    Model *base  = model_load(fixture_gpu(), directory, false, &error);
    lora_fixture_must(base != NULL, &error);
    return base;
}

Model *lora_fixture_adapted(const Model *base, Lora *lora)
{
    Error  error = {0};
    Model *model = model_with_lora(base, lora, &error);
    lora_fixture_must(model != NULL, &error);
    return model;
}

Lora *lora_fixture_random(const Model *base, const LoraConfig *config, bool value_head, uint32_t seed)
{
    Error error = {0};
    Lora *lora  = lora_new(fixture_gpu(), &base->config, config, value_head, &error);
    lora_fixture_must(lora != NULL && lora_init(lora, seed, &error) == STATUS_OK, &error);
    Random random = random_stream(seed, RANDOM_TEST, 2, 0);
    for (uint32_t i = 0; i < base->config.layers * PROJECTIONS; i++) {
        if ((config->targets >> i % PROJECTIONS & 1) == 0) {
            continue;
        }
        const uint64_t n = (uint64_t)projection_shape(&base->config, i % PROJECTIONS).rows * config->rank;
        float         *b = fixture_alloc(n * sizeof *b);
        for (uint64_t j = 0; j < n; j++) {
            b[j] = (float)(0.1 * random_normal(&random));
        }
        lora_fixture_must(gpu_upload(fixture_gpu(), model_span(lora->parameters, lora->places[i].b, n), b, n * 4,
                                     &error) == STATUS_OK,
                          &error);
    }
    for (uint64_t i = lora->decay_floats; i < lora->floats; i++) { /* the value head, and the gaps around it */
        const float value = (float)(0.1 * random_normal(&random));
        lora_fixture_must(gpu_upload(fixture_gpu(), model_span(lora->parameters, i, 1), &value, 4, &error) == STATUS_OK,
                          &error);
    }
    return lora;
}
