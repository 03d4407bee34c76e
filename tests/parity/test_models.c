/* The decoder against PyTorch and transformers (tests/data/parity): logits, loss,
 * log-probabilities, entropy, every gradient, AdamW steps. Prints the largest
 * error of each beside its tolerance. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fixture.h"
#include "tests/support/gpu_fixture.h"

#include "engine/model/workspace.h"
#include "engine/ops/adamw.h"
#include "engine/ops/logits.h"

#define MODELS TEST_DATA "/parity/models/"

typedef struct Setup {
    Model          *model;
    Workspace      *work;
    Batch          *batch;
    SafetensorsSet *expected;
    GpuArena       *arena;
    GpuSpan         gradients, m, v, norm, partial, logprob, entropy, lse, dlogprob, weight, sums;
    uint32_t        max_tokens;
} Setup;

static void must(Status status, const Error *error)
{
    if (status != STATUS_OK) {
        fail_msg("%s", error->text);
    }
}

static Setup setup_open(const char *model_name, const char *expected_name, uint32_t max_tokens, Recompute recompute)
{
    Error error = {0};
    char  path[512];
    Setup s = {.max_tokens = max_tokens};
    snprintf(path, sizeof path, MODELS "%s", model_name);
    s.model = model_load(fixture_gpu(), path, false, &error);
    if (s.model == NULL) {
        fail_msg("%s", error.text);
    }
    snprintf(path, sizeof path, MODELS "%s/expected.safetensors", expected_name);
    s.expected = fixture_open(path);
    s.work =
        workspace_new(fixture_gpu(), &s.model->config, max_tokens, max_tokens, max_tokens, true, recompute, &error);
    s.batch          = batch_new(fixture_gpu(), &s.model->config, max_tokens, max_tokens, 8, &error);
    const uint64_t n = s.model->floats;
    s.arena          = gpu_arena_new(fixture_gpu(), "test", GPU_MEMORY_DEVICE,
                                     3 * gpu_align(n * 4) + gpu_align(grad_norm_bytes(n)) + 8 * gpu_align(max_tokens * 4) + 4096,
                                     &error);
    if (s.work == NULL || s.batch == NULL || s.arena == NULL) {
        fail_msg("%s", error.text);
    }
    s.gradients = gpu_arena_take(s.arena, n * 4);
    s.m         = gpu_arena_take(s.arena, n * 4);
    s.v         = gpu_arena_take(s.arena, n * 4);
    s.norm      = gpu_arena_take(s.arena, sizeof(GradNorm));
    s.partial   = gpu_arena_take(s.arena, grad_norm_bytes(n));
    s.sums      = gpu_arena_take(s.arena, 8);
    s.logprob   = gpu_arena_take(s.arena, max_tokens * 4);
    s.entropy   = gpu_arena_take(s.arena, max_tokens * 4);
    s.lse       = gpu_arena_take(s.arena, max_tokens * 4);
    s.dlogprob  = gpu_arena_take(s.arena, max_tokens * 4);
    s.weight    = gpu_arena_take(s.arena, max_tokens * 4);
    return s;
}

static void setup_close(Setup *s)
{
    gpu_arena_free(s->arena);
    batch_free(s->batch);
    workspace_free(s->work);
    model_free(s->model);
    safetensors_close(s->expected);
}

/* A [count, width] batch of ids; row t of a sequence predicts labels[t + 1]. `lengths` NULL: all
 * full. Uploads weights 1 / targets for rows with a target, returns the number of targets. */
static uint32_t set_batch(Setup *s, const char *prefix, const uint32_t *lengths, bool next_token_targets)
{
    Error    error = {0};
    char     name[64];
    uint64_t count;
    snprintf(name, sizeof name, "%s.input_ids", prefix);
    int64_t          *ids       = fixture_i64(s->expected, name, &count);
    const Safetensor *shape     = safetensors_find(s->expected, name);
    const uint32_t    sequences = (uint32_t)shape->shape[0], width = (uint32_t)shape->shape[1];
    snprintf(name, sizeof name, "%s.labels", prefix);
    int64_t *labels = safetensors_find(s->expected, name) != NULL ? fixture_i64(s->expected, name, NULL) : NULL;
    int32_t  packed[1024], rows[1024], targets[1024];
    float    weight[1024] = {0};
    uint32_t starts[16] = {0}, tokens = 0, target_count = 0;
    for (uint32_t b = 0; b < sequences; b++) {
        uint32_t length = lengths != NULL ? lengths[b] : width;
        for (uint32_t t = 0; t < length; t++) {
            packed[tokens] = (int32_t)ids[b * width + t];
            rows[tokens]   = (int32_t)tokens;
            int64_t target = -100;
            if (t + 1 < length) {
                target = next_token_targets || labels == NULL ? ids[b * width + t + 1] : labels[b * width + t + 1];
            }
            targets[tokens] = target < 0 ? -1 : (int32_t)target;
            target_count += target >= 0;
            tokens++;
        }
        starts[b + 1] = tokens;
    }
    for (uint32_t t = 0; t < tokens; t++) {
        weight[t] = targets[t] >= 0 ? 1.0f / (float)target_count : 0.0f;
    }
    must(batch_set(s->batch, &(BatchInput){packed, starts, sequences, rows, targets, tokens}, &error), &error);
    must(gpu_upload(fixture_gpu(), s->weight, weight, tokens * 4, &error), &error);
    free(ids);
    free(labels);
    return target_count;
}

static void report(const char *model, const char *what, double error, double tolerance)
{
    printf("    %-20s %-28s %.2e  (tolerance %.0e)\n", model, what, error, tolerance);
    if (!(error <= tolerance)) {
        fail_msg("%s: %s is off by %g, allowed %g", model, what, error, tolerance);
    }
}

/* Compares span [count] with an expected tensor; `stride` rows of the tensor may be longer. */
static void compare(const Setup *s, const char *model, const char *key, const float *got, uint64_t count,
                    double tolerance)
{
    uint64_t n;
    float   *want = fixture_f32(s->expected, key, &n);
    assert_int_equal(n, count);
    report(model, key, fixture_max_abs(got, want, n), tolerance);
    free(want);
}

static void forward_of(Setup *s, float temperature)
{
    GpuStream *stream = fixture_stream();
    transformer_forward(stream, s->work, s->model, s->batch);
    head_logprobs(stream, s->work, s->model, s->batch, temperature, s->logprob, s->entropy, s->lse);
    fixture_run();
}

/* The logits of the batch's last `rows` rows, a chunk at a time. */
static void check_logits(Setup *s, const char *model, const char *key, uint32_t rows)
{
    const uint32_t vocab = s->model->config.vocab_size, chunk = s->work->chunk_rows, skip = s->batch->rows - rows;
    float         *logits = fixture_alloc((size_t)rows * vocab * sizeof *logits);
    forward_of(s, 1.0f);
    for (uint32_t row = 0; row < rows; row += chunk) {
        const uint32_t count  = rows - row < chunk ? rows - row : chunk;
        GpuStream     *stream = fixture_stream();
        head_logits(stream, s->work, s->model, skip + row, count);
        fixture_run();
        memcpy(logits + (size_t)row * vocab, fixture_download(s->work->logits, (size_t)count * vocab),
               (size_t)count * vocab * sizeof *logits);
    }
    compare(s, model, key, logits, (uint64_t)rows * vocab, 1e-4);
}

static void check_logprobs(Setup *s, const char *model, float temperature, const char *suffix)
{
    char key[64];
    forward_of(s, temperature);
    uint64_t     n;
    const float *logprob = fixture_download(s->logprob, s->batch->rows),
                *entropy = fixture_download(s->entropy, s->batch->rows);
    snprintf(key, sizeof key, "full.logprob.%s", suffix);
    float   *want  = fixture_f32(s->expected, key, &n);
    uint32_t width = s->batch->tokens / s->batch->sequences;
    double   worst = 0.0;
    for (uint32_t b = 0; b < s->batch->sequences; b++) {
        for (uint32_t t = 0; t + 1 < width; t++) {
            worst = fmax(worst, fabs((double)logprob[b * width + t] - (double)want[b * (width - 1) + t]));
        }
    }
    free(want);
    report(model, key, worst, 1e-4);
    snprintf(key, sizeof key, "full.entropy.%s", suffix);
    compare(s, model, key, entropy, s->batch->rows, 1e-4);
}

/* Forward, loss, backward of the batch; returns the mean loss. */
static double backward_of(Setup *s)
{
    GpuStream *stream = fixture_stream();
    gpu_fill(stream, s->gradients, 0);
    gpu_fill(stream, s->sums, 0);
    transformer_forward(stream, s->work, s->model, s->batch);
    head_logprobs(stream, s->work, s->model, s->batch, 1.0f, s->logprob, s->entropy, s->lse);
    cross_entropy(stream, s->dlogprob, s->sums, s->logprob, s->weight, s->batch->rows);
    head_backward(stream, s->work, s->model, s->gradients, s->batch, 1.0f, s->lse, s->entropy, s->dlogprob,
                  (GpuSpan){0});
    transformer_backward(stream, s->work, s->model, s->gradients, s->batch);
    fixture_run();
    return (double)fixture_download(s->sums, 2)[0];
}

static void check_gradients(Setup *s, const char *model, const char *prefix)
{
    double worst_l2 = 0.0, worst_abs = 0.0;
    int    compared = 0;
    for (uint32_t i = 0; i < s->model->tensor_count; i++) {
        const ModelTensor *t = &s->model->tensors[i];
        char               key[128];
        snprintf(key, sizeof key, "%s.%s", prefix, t->name);
        if (safetensors_find(s->expected, key) == NULL) {
            continue;
        }
        float *want    = fixture_f32(s->expected, key, NULL);
        float *got     = fixture_download(model_span(s->gradients, t->offset, t->elements), t->elements);
        double largest = 0.0;
        for (uint64_t j = 0; j < t->elements; j++) {
            largest = fmax(largest, fabs((double)want[j]));
        }
        worst_l2  = fmax(worst_l2, fixture_rel_l2(got, want, t->elements));
        worst_abs = fmax(worst_abs, fixture_max_abs(got, want, t->elements) / largest);
        compared++;
        free(want);
    }
    assert_true(compared > 5);
    report(model, prefix[0] == 'g' ? "gradients, rel L2" : "padded gradients, rel L2", worst_l2, 5e-5);
    report(model, prefix[0] == 'g' ? "gradients, abs / largest" : "padded gradients, abs/largest", worst_abs, 5e-5);
}

static void optimizer_step(Setup *s, uint64_t step, float max_norm)
{
    const AdamwOptions options = {.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1};
    GpuStream         *stream  = fixture_stream();
    grad_norm(stream, s->norm, s->gradients, s->partial, max_norm, 1, s->model->floats);
    adamw(stream, s->model->parameters, s->m, s->v, s->gradients, s->norm, &options, step, s->model->decay_floats,
          s->model->floats);
    fixture_run();
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The README's criteria for parameters after `steps` of AdamW. */
static void check_parameters(Setup *s, const char *model, const char *prefix, int steps, bool whole)
{
    double   worst_median = 0.0, worst = 0.0;
    uint64_t all = 0, off = 0;
    for (uint32_t i = 0; i < s->model->tensor_count; i++) {
        const ModelTensor *t = &s->model->tensors[i];
        char               key[128];
        snprintf(key, sizeof key, "%s.%s", prefix, t->name);
        if (safetensors_find(s->expected, key) == NULL) {
            assert_false(whole);
            continue;
        }
        float  *want   = fixture_f32(s->expected, key, NULL);
        float  *got    = fixture_download(model_span(s->model->parameters, t->offset, t->elements), t->elements);
        double *errors = malloc(t->elements * sizeof *errors);
        for (uint64_t j = 0; j < t->elements; j++) {
            errors[j] = fabs((double)got[j] - (double)want[j]);
            off += errors[j] > 5e-6;
        }
        all += t->elements;
        qsort(errors, t->elements, sizeof *errors, by_size);
        worst_median = fmax(worst_median, errors[t->elements / 2]);
        worst        = fmax(worst, errors[t->elements - 1]);
        free(errors);
        free(want);
    }
    char what[64];
    snprintf(what, sizeof what, "%s, worst median", prefix);
    report(model, what, worst_median, 1e-6);
    snprintf(what, sizeof what, "%s, largest", prefix);
    report(model, what, worst, 2e-3 * steps);
    if (whole) {
        snprintf(what, sizeof what, "%s, share over 5e-6", prefix);
        report(model, what, (double)off / (double)all, 0.01);
    }
}

static void check_model(const char *name, const uint32_t *pad_lengths, uint32_t long_tokens, Recompute recompute)
{
    char path[256];
    snprintf(path, sizeof path, MODELS "%s/expected.json", name);
    /* What attention reads of a micro-batch is bound at once: a test of small bindings has short ones (64 tokens). */
    const bool has_long = gpu_info(fixture_gpu())->max_binding_bytes >= 1 << 20;
    long_tokens         = has_long ? long_tokens : 64;
    cJSON *json         = fixture_json(path);
    Setup  s            = setup_open(name, name, long_tokens, recompute);

    set_batch(&s, "full", NULL, true);
    check_logits(&s, name, "full.logits", s.batch->rows);
    check_logprobs(&s, name, 1.0f, "t1.0");
    check_logprobs(&s, name, 0.7f, "t0.7");

    set_batch(&s, "pad", pad_lengths, false);
    double loss = backward_of(&s);
    report(name, "padded loss", fabs(loss - cJSON_GetObjectItem(cJSON_GetObjectItem(json, "loss"), "pad")->valuedouble),
           1e-5);
    check_gradients(&s, name, "pad.grad");

    if (has_long) {
        set_batch(&s, "long", NULL, true);
        check_logits(&s, name, "long.logits_tail", 4);
    }

    set_batch(&s, "full", NULL, false);
    for (uint64_t step = 1; step <= 3; step++) {
        loss = backward_of(&s);
        if (step == 1) {
            report(name, "loss",
                   fabs(loss - cJSON_GetObjectItem(cJSON_GetObjectItem(json, "loss"), "full")->valuedouble), 1e-5);
            check_gradients(&s, name, "grad");
        }
        optimizer_step(&s, step, 0.0f);
        double       norm  = (double)fixture_download(s.norm, 1)[0];
        const cJSON *norms = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "adamw"), "grad_norm_before_step_1_2_3");
        double       want  = cJSON_GetArrayItem(norms, (int)step - 1)->valuedouble;
        report(name, "gradient norm, rel", fabs(norm - want) / want, step == 1 ? 1e-5 : 1e-4);
        if (step == 1) {
            check_parameters(&s, name, "p1", 1, true);
        }
    }
    check_parameters(&s, name, "p3", 3, true);
    setup_close(&s);

    s = setup_open(name, name, long_tokens, recompute);
    set_batch(&s, "full", NULL, false);
    for (uint64_t step = 1; step <= 3; step++) {
        backward_of(&s);
        optimizer_step(&s, step, 1.0f);
    }
    check_parameters(&s, name, "clip_p3", 3, false);
    setup_close(&s);
    cJSON_Delete(json);
}

static void tiny_llama(void **state)
{
    (void)state;
    check_model("tiny-llama", (const uint32_t[]){19, 7, 12}, 272, KEEP_ACTIVATIONS);
}

static void tiny_llama_recomputing(void **state)
{
    (void)state;
    check_model("tiny-llama", (const uint32_t[]){19, 7, 12}, 272, RECOMPUTE_BLOCKS);
}

static void tiny_qwen2(void **state)
{
    (void)state;
    check_model("tiny-qwen2", (const uint32_t[]){16, 9}, 130, KEEP_ACTIVATIONS);
}

static void tiny_qwen3(void **state)
{
    (void)state;
    check_model("tiny-qwen3", (const uint32_t[]){5, 14, 11}, 150, KEEP_ACTIVATIONS);
}

static void tiny_qwen3_recomputing(void **state)
{
    (void)state;
    check_model("tiny-qwen3", (const uint32_t[]){5, 14, 11}, 150, RECOMPUTE_BLOCKS);
}

static void shards_and_half_precision_files(void **state)
{
    (void)state;
    const char *const cases[][2] = {{"tiny-llama-sharded", "tiny-llama"},
                                    {"tiny-qwen2-bf16", "tiny-qwen2-bf16"},
                                    {"tiny-qwen2-f16", "tiny-qwen2-f16"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Setup s = setup_open(cases[i][0], cases[i][1], 64, KEEP_ACTIVATIONS);
        set_batch(&s, "full", NULL, true);
        check_logits(&s, cases[i][0], "full.logits", s.batch->rows);
        setup_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(tiny_llama), fixture_test(tiny_llama_recomputing), fixture_test(tiny_qwen2),
        fixture_test(tiny_qwen3), fixture_test(tiny_qwen3_recomputing), fixture_test(shards_and_half_precision_files)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
