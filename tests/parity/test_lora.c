/* LoRA against PyTorch (tests/data/parity/lora): logits, loss, every gradient, AdamW steps, merged weights; decoding
 * with an adapter against the merged model. Prints the largest error of each beside its tolerance. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fixture.h"
#include "tests/support/lora_fixture.h"

#include "engine/model/decode.h"
#include "engine/model/lora_io.h"
#include "engine/ops/adamw.h"

#define ADAPTER TEST_DATA "/parity/lora/tiny-qwen2"

/* Compares a matrix of `range` with "PREFIX.model.layers.N.MODULE.lora_X". */
static const float *matrix_of(const Lora *lora, GpuSpan range, uint32_t i, bool b, const SafetensorsSet *set,
                              const char *prefix, float **want, uint64_t *n)
{
    char key[160];
    snprintf(key, sizeof key, "%s.model.layers.%u.%s.lora_%c", prefix, i / PROJECTIONS,
             projection_module(i % PROJECTIONS), b ? 'B' : 'A');
    *want = fixture_f32(set, key, n);
    return fixture_download(model_span(range, b ? lora->places[i].b : lora->places[i].a, *n), *n);
}

static void check_gradients(const LoraRig *r, const Lora *lora, const SafetensorsSet *expected)
{
    double l2 = 0.0, largest = 0.0;
    for (uint32_t i = 0; i < 2 * lora->model.layers * PROJECTIONS; i++) {
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
    lora_fixture_report("tiny-qwen2", "28 gradients, rel L2", l2, 5e-5);
    lora_fixture_report("tiny-qwen2", "28 gradients, abs / largest", largest, 5e-5);
}

/* README: after AdamW no element beyond 2 lr steps, medians within 1e-6; over all, 99 % within 5e-6. */
static void check_parameters(const Lora *lora, const SafetensorsSet *expected)
{
    uint64_t off = 0, all = 0;
    double   worst = 0.0;
    for (uint32_t i = 0; i < 2 * lora->model.layers * PROJECTIONS; i++) {
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
    lora_fixture_report("tiny-qwen2", "after 3 AdamW steps, largest", worst, 6e-3);
    lora_fixture_report("tiny-qwen2", "after 3 AdamW steps, share over 5e-6", (double)off / (double)all, 0.01);
}

static void check_pytorch(Recompute recompute)
{
    Error           error    = {0};
    Model          *base     = lora_fixture_base(LORA_MODELS "tiny-qwen2");
    SafetensorsSet *expected = fixture_open(ADAPTER "/expected.safetensors");
    cJSON          *json     = fixture_json(ADAPTER "/expected.json");
    Lora           *lora     = lora_load(fixture_gpu(), &base->config, ADAPTER, false, &error);
    lora_fixture_must(lora != NULL, &error);
    Model   *model = lora_fixture_adapted(base, lora);
    LoraRig  r     = lora_rig_open(&base->config, lora->config.rank, recompute);
    int64_t *ids = fixture_i64(expected, "full.input_ids", NULL), *labels = fixture_i64(expected, "full.labels", NULL);
    uint64_t n;
    float   *want = fixture_f32(expected, "full.logits", &n);
    lora_rig_set(&r, ids, labels, 2, 17);
    lora_fixture_report("tiny-qwen2", "logits", fixture_max_abs(lora_rig_logits(&r, model), want, n), 1e-4);

    const AdamwOptions options = {.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8};
    for (uint64_t step = 1; step <= 3; step++) {
        const double loss   = lora_rig_backward(&r, model);
        GpuStream   *stream = fixture_stream();
        grad_norm(stream, r.norm, r.gradients, r.partial, 0.0f, 1, lora->floats);
        adamw(stream, lora->parameters, r.m, r.v, r.gradients, r.norm, &options, step, lora->decay_floats,
              lora->floats);
        if (step == 1) {
            lora_fixture_report("tiny-qwen2", "loss", fabs(loss - cJSON_GetObjectItem(json, "loss")->valuedouble),
                                1e-5);
            check_gradients(&r, lora, expected);
        }
        fixture_run();
        if (step == 1) {
            const double norm  = (double)fixture_download(r.norm, 1)[0],
                         right = cJSON_GetObjectItem(json, "grad_norm")->valuedouble;
            lora_fixture_report("tiny-qwen2", "gradient norm, rel", fabs(norm - right) / right, 1e-5);
        }
    }
    check_parameters(lora, expected);
    free(want);
    free(ids);
    free(labels);
    cJSON_Delete(json);
    safetensors_close(expected);
    lora_rig_close(&r);
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
    lora_fixture_must(lora_merge(LORA_MODELS "tiny-qwen2", ADAPTER, out, SAFETENSORS_SHARD_BYTES, &error) == STATUS_OK,
                      &error);
    SafetensorsSet *expected = fixture_open(ADAPTER "/merged.safetensors"),
                   *original = fixture_open(LORA_MODELS "tiny-qwen2/model.safetensors");
    SafetensorsSet *merged   = fixture_open(fixture_path(out, "model.safetensors"));
    double          worst    = 0.0;
    int             changed  = 0;
    assert_int_equal(safetensors_count(merged), safetensors_count(original));
    for (size_t i = 0; i < safetensors_count(original); i++) {
        const Safetensor *before = safetensors_at(original, i), *after = safetensors_find(merged, before->name);
        assert_non_null(after);
        if (safetensors_find(expected, before->name) == NULL) {
            fixture_same_bytes(after, before);
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
    lora_fixture_report("tiny-qwen2", "merged weights", worst, 1e-6);
    safetensors_close(expected);
    safetensors_close(original);
    safetensors_close(merged);
}

/* Decoding with the adapter gives the tokens that the merged model gives. */
static void decodes_as_merged(void **state)
{
    (void)state;
    Error       error = {0};
    const char *out   = fixture_directory();
    Model      *base  = lora_fixture_base(LORA_MODELS "tiny-qwen2");
    Lora       *lora  = lora_load(fixture_gpu(), &base->config, ADAPTER, false, &error);
    lora_fixture_must(lora != NULL && lora_merge(LORA_MODELS "tiny-qwen2", ADAPTER, out, SAFETENSORS_SHARD_BYTES,
                                                 &error) == STATUS_OK,
                      &error);
    Model             *models[2] = {lora_fixture_adapted(base, lora), model_load(fixture_gpu(), out, false, &error)};
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
    lora_fixture_must(models[1] != NULL && decoder != NULL, &error);
    for (int i = 0; i < 2; i++) {
        lora_fixture_must(decoder_run(decoder, models[i], &input, &output, &error) == STATUS_OK, &error);
        memcpy(tokens[i], output.tokens, sizeof tokens[i]);
        memcpy(logprobs[i], output.logprobs, sizeof logprobs[i]);
    }
    assert_memory_equal(tokens[0], tokens[1], sizeof tokens[0]);
    lora_fixture_report("tiny-qwen2", "decoding: log-probabilities as merged",
                        fixture_max_abs(logprobs[0], logprobs[1], 4 * 24), 1e-4);
    lora_fixture_must(decoder_run(decoder, base, &input, &output, &error) == STATUS_OK, &error);
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
    const struct CMUnitTest tests[] = {fixture_test(as_pytorch), fixture_test(as_pytorch_recomputing),
                                       fixture_test(merged_weights_are_those_of_pytorch),
                                       fixture_test(decodes_as_merged)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
