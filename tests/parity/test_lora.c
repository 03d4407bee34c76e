/* LoRA against PyTorch (tests/data/parity/lora): logits, loss, every gradient, AdamW steps, merged weights. And for
 * families, ranks and subsets of targets that the data lack, against what the full model's own gradients (which
 * test_models holds to PyTorch) say in float64. Prints the largest error of each beside its tolerance. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fixture.h"
#include "tests/support/gpu_fixture.h"

#include "engine/model/decode.h"
#include "engine/model/lora_io.h"
#include "engine/model/workspace.h"
#include "engine/ops/adamw.h"
#include "engine/ops/logits.h"
#include "engine/random.h"

#define MODELS  TEST_DATA "/parity/models/"
#define ADAPTER TEST_DATA "/parity/lora/tiny-qwen2"

enum { TOKENS = 64, MOST_FLOATS = 1 << 18 };

/* A workspace and gradients for any small model. */
typedef struct Rig {
    Workspace *work;
    Batch     *batch;
    GpuArena  *arena;
    GpuSpan    gradients, m, v, norm, partial, logprob, entropy, lse, dlogprob, weight, sums;
} Rig;

static void must(bool good, const Error *error)
{
    if (!good) {
        fail_msg("%s", error->text);
    }
}

static void report(const char *model, const char *what, double error, double tolerance)
{
    printf("    %-12s %-42s %.2e  (tolerance %.0e)\n", model, what, error, tolerance);
    if (!(error <= tolerance)) {
        fail_msg("%s: %s is off by %g, allowed %g", model, what, error, tolerance);
    }
}

static Rig rig_open(const ModelConfig *config, uint32_t rank, Recompute recompute)
{
    Error error = {0};
    Rig   r     = {.work = workspace_new(fixture_gpu(), config, TOKENS, TOKENS, TOKENS, true, recompute, &error)};
    must(r.work != NULL && workspace_add_lora(r.work, rank, &error) == STATUS_OK, &error);
    r.batch = batch_new(fixture_gpu(), config, TOKENS, TOKENS, 8, &error);
    r.arena = gpu_arena_new(
        fixture_gpu(), "test", GPU_MEMORY_DEVICE,
        3 * MOST_FLOATS * 4 + gpu_align(grad_norm_bytes(MOST_FLOATS)) + 8 * gpu_align(TOKENS * 4) + 4096, &error);
    must(r.batch != NULL && r.arena != NULL, &error);
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

static void rig_close(Rig *r)
{
    gpu_arena_free(r->arena);
    batch_free(r->batch);
    workspace_free(r->work);
}

/* `sequences` of `width` tokens; row t predicts labels[t + 1], -100 not. */
static void set_batch(Rig *r, const int64_t *ids, const int64_t *labels, uint32_t sequences, uint32_t width)
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
    must(batch_set(r->batch, &(BatchInput){packed, starts, sequences, rows, targets, sequences * width}, &error) ==
             STATUS_OK,
         &error);
    must(gpu_upload(fixture_gpu(), r->weight, weight, sequences * width * 4, &error) == STATUS_OK, &error);
}

static void set_random_batch(Rig *r, uint32_t vocab)
{
    int64_t ids[TOKENS];
    Random  random = random_stream(5, RANDOM_TEST, 1, 0);
    for (int i = 0; i < 3 * 17; i++) {
        ids[i] = random_below(&random, vocab);
    }
    set_batch(r, ids, ids, 3, 17);
}

/* The logits of the batch, until the test ends. */
static float *logits_of(Rig *r, const Model *model)
{
    GpuStream *stream = fixture_stream();
    transformer_forward(stream, r->work, model, r->batch);
    head_logits(stream, r->work, model, 0, r->batch->rows);
    fixture_run();
    return fixture_download(r->work->logits, (size_t)r->batch->rows * model->config.vocab_size);
}

/* Forward, loss, backward; the mean loss. */
static double backward_of(Rig *r, const Model *model)
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

static Model *base_open(const char *name)
{
    Error error = {0};
    char  path[512];
    snprintf(path, sizeof path, MODELS "%s", name);
    Model *base = model_load(fixture_gpu(), path, false, &error);
    must(base != NULL, &error);
    return base;
}

static Model *adapted(const Model *base, Lora *lora)
{
    Error  error = {0};
    Model *model = model_with_lora(base, lora, &error);
    must(model != NULL, &error);
    return model;
}

/* --- PyTorch -------------------------------------------------------------------------- */

/* Compares a matrix of `range` with "PREFIX.model.layers.N.MODULE.lora_X". */
static const float *matrix_of(const Lora *lora, GpuSpan range, uint32_t i, bool b, const SafetensorsSet *set,
                              const char *prefix, float **want, uint64_t *n)
{
    char key[160];
    snprintf(key, sizeof key, "%s.model.layers.%u.%s.lora_%c", prefix, i / LORA_TARGETS,
             lora_target_module(i % LORA_TARGETS), b ? 'B' : 'A');
    *want = fixture_f32(set, key, n);
    return fixture_download(model_span(range, b ? lora->places[i].b : lora->places[i].a, *n), *n);
}

static void check_gradients(const Rig *r, const Lora *lora, const SafetensorsSet *expected)
{
    double l2 = 0.0, largest = 0.0;
    for (uint32_t i = 0; i < 2 * lora->model.layers * LORA_TARGETS; i++) {
        float       *want;
        uint64_t     n;
        const float *got  = matrix_of(lora, r->gradients, i / 2, i % 2 == 1, expected, "grad", &want, &n);
        double       most = 0.0;
        for (uint64_t j = 0; j < n; j++) {
            most = fmax(most, fabs((double)want[j]));
        }
        l2      = fmax(l2, fixture_rel_l2(got, want, n));
        largest = fmax(largest, fixture_max_abs(got, want, n) / most);
        free(want);
    }
    report("tiny-qwen2", "28 gradients, rel L2", l2, 5e-5);
    report("tiny-qwen2", "28 gradients, abs / largest", largest, 5e-5);
}

/* README: after AdamW no element beyond 2 lr steps, medians within 1e-6; over all, 99 % within 5e-6. */
static void check_parameters(const Lora *lora, const SafetensorsSet *expected)
{
    uint64_t off = 0, all = 0;
    double   worst = 0.0;
    for (uint32_t i = 0; i < 2 * lora->model.layers * LORA_TARGETS; i++) {
        float       *want;
        uint64_t     n, beyond = 0;
        const float *got = matrix_of(lora, lora->parameters, i / 2, i % 2 == 1, expected, "p3", &want, &n);
        for (uint64_t j = 0; j < n; j++) {
            const double error = fabs((double)got[j] - (double)want[j]);
            worst              = fmax(worst, error);
            off += error > 5e-6;
            beyond += error > 1e-6;
        }
        assert_true(beyond <= n / 2);
        all += n;
        free(want);
    }
    report("tiny-qwen2", "after 3 AdamW steps, largest", worst, 6e-3);
    report("tiny-qwen2", "after 3 AdamW steps, share over 5e-6", (double)off / (double)all, 0.01);
}

static void check_pytorch(Recompute recompute)
{
    Error           error    = {0};
    Model          *base     = base_open("tiny-qwen2");
    SafetensorsSet *expected = fixture_open(ADAPTER "/expected.safetensors");
    cJSON          *json     = fixture_json(ADAPTER "/expected.json");
    Lora           *lora     = lora_load(fixture_gpu(), &base->config, ADAPTER, false, &error);
    must(lora != NULL, &error);
    Model   *model = adapted(base, lora);
    Rig      r     = rig_open(&base->config, lora->config.rank, recompute);
    int64_t *ids = fixture_i64(expected, "full.input_ids", NULL), *labels = fixture_i64(expected, "full.labels", NULL);
    uint64_t n;
    float   *want = fixture_f32(expected, "full.logits", &n);
    set_batch(&r, ids, labels, 2, 17);
    report("tiny-qwen2", "logits", fixture_max_abs(logits_of(&r, model), want, n), 1e-4);

    const AdamwOptions options = {.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8};
    for (uint64_t step = 1; step <= 3; step++) {
        const double loss   = backward_of(&r, model);
        GpuStream   *stream = fixture_stream();
        grad_norm(stream, r.norm, r.gradients, r.partial, 0.0f, lora->floats);
        adamw(stream, lora->parameters, r.m, r.v, r.gradients, r.norm, &options, step, lora->decay_floats,
              lora->floats);
        if (step == 1) {
            report("tiny-qwen2", "loss", fabs(loss - cJSON_GetObjectItem(json, "loss")->valuedouble), 1e-5);
            check_gradients(&r, lora, expected);
        }
        fixture_run();
        if (step == 1) {
            const double norm  = (double)fixture_download(r.norm, 1)[0],
                         right = cJSON_GetObjectItem(json, "grad_norm")->valuedouble;
            report("tiny-qwen2", "gradient norm, rel", fabs(norm - right) / right, 1e-5);
        }
    }
    check_parameters(lora, expected);
    free(want);
    free(ids);
    free(labels);
    cJSON_Delete(json);
    safetensors_close(expected);
    rig_close(&r);
    model_free(model);
    model_free(base);
}

static void as_pytorch(void **state)
{
    (void)state;
    check_pytorch(KEEP_ACTIVATIONS);
}

static void as_pytorch_recomputing(void **state)
{
    (void)state;
    check_pytorch(RECOMPUTE_BLOCKS);
}

static void merged_weights_are_those_of_pytorch(void **state)
{
    (void)state;
    Error       error = {0};
    const char *out   = fixture_directory();
    must(lora_merge(MODELS "tiny-qwen2", ADAPTER, out, &error) == STATUS_OK, &error);
    SafetensorsSet *expected = fixture_open(ADAPTER "/merged.safetensors"),
                   *original = fixture_open(MODELS "tiny-qwen2/model.safetensors");
    SafetensorsSet *merged   = fixture_open(fixture_path(out, "model.safetensors"));
    double          worst    = 0.0;
    int             changed  = 0;
    assert_int_equal(safetensors_count(merged), safetensors_count(original));
    for (size_t i = 0; i < safetensors_count(original); i++) {
        const Safetensor *before = safetensors_at(original, i), *after = safetensors_find(merged, before->name);
        assert_non_null(after);
        if (safetensors_find(expected, before->name) == NULL) {
            assert_memory_equal(after->data, before->data, before->bytes);
            continue;
        }
        uint64_t n;
        float   *want = fixture_f32(expected, before->name, &n), *got = fixture_f32(merged, before->name, &n);
        worst = fmax(worst, fixture_max_abs(got, want, n));
        changed++;
        free(want);
        free(got);
    }
    assert_int_equal(changed, 14);
    report("tiny-qwen2", "merged weights", worst, 1e-6);
    safetensors_close(expected);
    safetensors_close(original);
    safetensors_close(merged);
}

/* --- other shapes ---------------------------------------------------------------------- */

/* An adapter whose A and B are both random. */
static Lora *random_adapter(const Model *base, const LoraConfig *config, uint32_t seed)
{
    Error error = {0};
    Lora *lora  = lora_new(fixture_gpu(), &base->config, config, false, &error);
    must(lora != NULL && lora_init(lora, seed, &error) == STATUS_OK, &error);
    Random random = random_stream(seed, RANDOM_TEST, 2, 0);
    for (uint32_t i = 0; i < base->config.layers * LORA_TARGETS; i++) {
        uint32_t out, in;
        lora_target_shape(&base->config, i % LORA_TARGETS, &out, &in);
        if ((config->targets >> i % LORA_TARGETS & 1) == 0) {
            continue;
        }
        const uint64_t n = (uint64_t)out * config->rank;
        float         *b = fixture_alloc(n * sizeof *b);
        for (uint64_t j = 0; j < n; j++) {
            b[j] = (float)(0.1 * random_normal(&random));
        }
        must(gpu_upload(fixture_gpu(), model_span(lora->parameters, lora->places[i].b, n), b, n * 4, &error) ==
                 STATUS_OK,
             &error);
    }
    return lora;
}

/* The adapter's gradients follow from G, that of the merged matrix: dB = scale G Aᵀ, dA = scale Bᵀ G. */
static void check_against_full(const Rig *r, const Lora *lora, const Model *merged, const float *full, const char *name,
                               const char *what)
{
    const uint32_t rank  = lora->config.rank;
    const double   scale = lora_scale(&lora->config);
    double         worst = 0.0;
    for (uint32_t i = 0; i < lora->model.layers * LORA_TARGETS; i++) {
        char     key[96];
        uint32_t out, in;
        if ((lora->config.targets >> i % LORA_TARGETS & 1) == 0) {
            continue;
        }
        snprintf(key, sizeof key, "model.layers.%u.%s.weight", i / LORA_TARGETS, lora_target_module(i % LORA_TARGETS));
        lora_target_shape(&lora->model, i % LORA_TARGETS, &out, &in);
        const float *g = full + model_tensor(merged, key)->offset;
        const float *a =
            fixture_download(model_span(lora->parameters, lora->places[i].a, (uint64_t)rank * in), (size_t)rank * in);
        const float *b =
            fixture_download(model_span(lora->parameters, lora->places[i].b, (uint64_t)rank * out), (size_t)rank * out);
        const float *da =
            fixture_download(model_span(r->gradients, lora->places[i].a, (uint64_t)rank * in), (size_t)rank * in);
        const float *db =
            fixture_download(model_span(r->gradients, lora->places[i].b, (uint64_t)rank * out), (size_t)rank * out);
        double *want_a = fixture_alloc(sizeof(double) * rank * in),
               *want_b = fixture_alloc(sizeof(double) * rank * out);
        for (uint32_t o = 0; o < out; o++) {
            for (uint32_t k = 0; k < rank; k++) {
                for (uint32_t j = 0; j < in; j++) {
                    want_b[o * rank + k] += scale * (double)g[o * in + j] * (double)a[k * in + j];
                    want_a[k * in + j] += scale * (double)g[o * in + j] * (double)b[o * rank + k];
                }
            }
        }
        worst = fmax(worst,
                     fmax(fixture_error(da, want_a, (size_t)rank * in), fixture_error(db, want_b, (size_t)rank * out)));
    }
    report(name, what, worst, 5e-5);
}

/* Adapter on: as the merged model. Adapter off: as the base, bit for bit, before and after. */
static void check_shape(const char *name, const LoraConfig *config, Recompute recompute)
{
    Error       error = {0};
    char        what[64], path[512];
    Model      *base  = base_open(name);
    Lora       *lora  = random_adapter(base, config, 11);
    Model      *model = adapted(base, lora), *off = adapted(base, NULL);
    Rig         r   = rig_open(&base->config, config->rank, recompute);
    const char *out = fixture_directory();
    char        merged_path[512];
    snprintf(path, sizeof path, "%s", fixture_path(out, "adapter"));
    snprintf(merged_path, sizeof merged_path, "%s", fixture_path(out, "merged"));
    must(lora_save(lora, path, name, &error) == STATUS_OK, &error);
    char base_path[512];
    snprintf(base_path, sizeof base_path, MODELS "%s", name);
    must(lora_merge(base_path, path, merged_path, &error) == STATUS_OK, &error);
    Model *merged = model_load(fixture_gpu(), merged_path, false, &error);
    must(merged != NULL, &error);

    set_random_batch(&r, base->config.vocab_size);
    const uint64_t n     = (uint64_t)r.batch->rows * base->config.vocab_size;
    const float   *plain = logits_of(&r, base), *on = logits_of(&r, model), *again = logits_of(&r, off),
                *by_merge = logits_of(&r, merged);
    assert_memory_equal(plain, again, n * 4);
    assert_true(fixture_max_abs(plain, on, n) > 0.05);
    snprintf(what, sizeof what, "rank %u, targets %#x: logits as merged", config->rank, config->targets);
    report(name, what, fixture_max_abs(on, by_merge, n), 1e-4);

    backward_of(&r, merged);
    assert_true(merged->floats < MOST_FLOATS);
    const float *full = fixture_download(r.gradients, merged->floats);
    backward_of(&r, model);
    snprintf(what, sizeof what, "rank %u, targets %#x: gradients", config->rank, config->targets);
    check_against_full(&r, lora, merged, full, name, what);

    Lora *loaded =
        lora_load(fixture_gpu(), &base->config, path, false, &error); /* what was saved comes back, bit for bit */
    must(loaded != NULL, &error);
    assert_int_equal(loaded->config.targets, config->targets);
    assert_true(loaded->config.rank == config->rank && loaded->config.alpha == config->alpha &&
                loaded->config.rslora == config->rslora);
    assert_memory_equal(fixture_download(loaded->parameters, lora->floats),
                        fixture_download(lora->parameters, lora->floats), lora->floats * 4);
    lora_free(loaded);
    rig_close(&r);
    model_free(model);
    model_free(off);
    model_free(merged);
    model_free(base);
}

static void families_ranks_and_targets(void **state)
{
    (void)state;
    check_shape("tiny-llama", &(LoraConfig){.rank = 16, .alpha = 32, .targets = LORA_ALL}, KEEP_ACTIVATIONS);
    check_shape("tiny-qwen3", &(LoraConfig){.rank = 3, .alpha = 5, .targets = LORA_ALL, .rslora = true},
                RECOMPUTE_BLOCKS);
    check_shape("tiny-qwen2", &(LoraConfig){.rank = 1, .alpha = 1, .targets = 1 << LORA_Q | 1 << LORA_V},
                KEEP_ACTIVATIONS);
    for (LoraTarget t = 0; t < LORA_TARGETS; t++) {
        check_shape("tiny-qwen3", &(LoraConfig){.rank = 8, .alpha = 16, .targets = 1u << t}, KEEP_ACTIVATIONS);
    }
}

/* Two adapters on one base do not know of each other, and a fresh one changes nothing. */
static void several_adapters_on_one_base(void **state)
{
    (void)state;
    Error            error  = {0};
    const LoraConfig config = {.rank = 4, .alpha = 8, .targets = LORA_ALL},
                     other  = {.rank = 8, .alpha = 8, .targets = 1 << LORA_DOWN};
    Model *base             = base_open("tiny-llama");
    Lora  *fresh            = lora_new(fixture_gpu(), &base->config, &config, false, &error);
    must(fresh != NULL && lora_init(fresh, 3, &error) == STATUS_OK, &error);
    Model *a = adapted(base, random_adapter(base, &config, 1)), *b = adapted(base, random_adapter(base, &other, 2)),
          *c = adapted(base, fresh);
    Rig r    = rig_open(&base->config, 8, KEEP_ACTIVATIONS);
    set_random_batch(&r, base->config.vocab_size);
    const uint64_t n     = (uint64_t)r.batch->rows * base->config.vocab_size;
    const float   *first = logits_of(&r, a), *second = logits_of(&r, b), *third = logits_of(&r, c),
                *again = logits_of(&r, a);
    assert_memory_equal(first, again, n * 4);
    assert_true(fixture_max_abs(first, second, n) > 0.05);
    assert_memory_equal(third, logits_of(&r, base), n * 4);
    must(lora_copy(c->lora, a->lora, &error) == STATUS_OK, &error);
    assert_memory_equal(first, logits_of(&r, c), n * 4);
    rig_close(&r);
    model_free(a);
    model_free(b);
    model_free(c);
    model_free(base);
}

/* Decoding with the adapter gives the tokens that the merged model gives. */
static void decodes_as_merged(void **state)
{
    (void)state;
    Error       error = {0};
    const char *out   = fixture_directory();
    Model      *base  = base_open("tiny-qwen2");
    Lora       *lora  = lora_load(fixture_gpu(), &base->config, ADAPTER, false, &error);
    must(lora != NULL && lora_merge(MODELS "tiny-qwen2", ADAPTER, out, &error) == STATUS_OK, &error);
    Model             *models[2] = {adapted(base, lora), model_load(fixture_gpu(), out, false, &error)};
    const DecodeLimits limits    = {
           .slots = 3, .max_length = 40, .max_requests = 4, .max_prompt_tokens = 20, .max_new = 24, .lora_rank = 4};
    Decoder          *decoder    = decoder_new(fixture_gpu(), &base->config, &limits, &error);
    const int32_t     prompts[8] = {5, 7, 301, 12, 9, 250, 33, 2};
    const uint32_t    starts[5] = {0, 1, 3, 6, 8}, sequence[4] = {0, 1, 2, 3};
    const DecodeInput input = {
        .prompts = prompts, .prompt_starts = starts, .sequence = sequence, .requests = 4, .ignore_stop = true};
    DecodeOutput output;
    int32_t      tokens[2][4 * 24];
    float        logprobs[2][4 * 24];
    must(models[1] != NULL && decoder != NULL, &error);
    for (int i = 0; i < 2; i++) {
        must(decoder_run(decoder, models[i], &input, &output, &error) == STATUS_OK, &error);
        memcpy(tokens[i], output.tokens, sizeof tokens[i]);
        memcpy(logprobs[i], output.logprobs, sizeof logprobs[i]);
    }
    assert_memory_equal(tokens[0], tokens[1], sizeof tokens[0]);
    report("tiny-qwen2", "decoding: log-probabilities as merged", fixture_max_abs(logprobs[0], logprobs[1], 4 * 24),
           1e-4);
    must(decoder_run(decoder, base, &input, &output, &error) == STATUS_OK, &error);
    assert_memory_not_equal(tokens[0], output.tokens, sizeof tokens[0]);
    decoder_free(decoder);

    const DecodeLimits without = {
        .slots = 3, .max_length = 40, .max_requests = 4, .max_prompt_tokens = 20, .max_new = 24};
    decoder = decoder_new(fixture_gpu(), &base->config, &without, &error);
    assert_int_equal(decoder_run(decoder, models[0], &input, &output, &error), STATUS_FAILED);
    decoder_free(decoder);
    model_free(models[0]);
    model_free(models[1]);
    model_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(as_pytorch),
                                       fixture_test(as_pytorch_recomputing),
                                       fixture_test(merged_weights_are_those_of_pytorch),
                                       fixture_test(families_ranks_and_targets),
                                       fixture_test(several_adapters_on_one_base),
                                       fixture_test(decodes_as_merged)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
