/* Models whose base is frozen in bf16, f16, int8 or int4: what they compute is what a f32 model of the same,
 * rounded, values computes; and how far that is from the model before it was rounded. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/dequantize.h"
#include "tests/support/fixture.h"
#include "tests/support/lora_fixture.h"

#include "engine/model/decode.h"
#include "rlsp/train/learner.h"

enum { RANK = 5 };

static const char *const models[] = {"tiny-llama", "tiny-qwen2", "tiny-qwen3"}; /* tied and not, widths 64 and 80 */

static Model *frozen_base(const char *name, WeightFormat weights)
{
    Error  error = {0};
    char   path[512];
    Model *base;
    snprintf(path, sizeof path, LORA_MODELS "%s", name);
    base = model_load_frozen(fixture_gpu(), path, false, weights, &error);
    lora_fixture_must(base != NULL, &error);
    return base;
}

/* The values of `rows` rows of a weight, wherever its format puts them. */
static void read_rows(const Weight *w, uint64_t first_row, uint64_t rows, float *values)
{
    const uint64_t pitch       = weight_data_bytes(w->format, 1, w->columns),
                   scale_pitch = weight_scale_bytes(w->format, 1, w->columns);
    uint32_t *words = malloc(rows * pitch), *scales = malloc(rows * scale_pitch + 1);
    Error     error = {0};
    assert_true(words != NULL && scales != NULL);
    lora_fixture_must(gpu_download(fixture_gpu(), gpu_span_slice(w->data, first_row * pitch, rows * pitch), words,
                                   rows * pitch, &error) == STATUS_OK,
                      &error);
    if (scale_pitch > 0) {
        lora_fixture_must(gpu_download(fixture_gpu(),
                                       gpu_span_slice(w->scales, first_row * scale_pitch, rows * scale_pitch), scales,
                                       rows * scale_pitch, &error) == STATUS_OK,
                          &error);
    }
    dequantize_rows(w->format, words, scales, rows, w->columns, values);
    free(words);
    free(scales);
}

/* A f32 model of the values that the frozen one has. */
static Model *thawed(const char *name, const Model *frozen)
{
    Error  error = {0};
    Model *model = frozen_base(name, WEIGHT_F32);
    for (uint32_t i = 0; i < model->tensor_count; i++) {
        const ModelTensor *t = &model->tensors[i], *from = model_tensor(frozen, t->name);
        float             *values = malloc(t->elements * sizeof *values);
        assert_int_equal(from->matrix, t->matrix);
        if (t->matrix >= 0) {
            read_rows(&frozen->matrices[from->matrix], from->first_row, t->shape[0], values);
            lora_fixture_must(gpu_upload(fixture_gpu(), model_span(model->parameters, t->offset, t->elements), values,
                                         t->elements * 4, &error) == STATUS_OK,
                              &error);
        }
        free(values);
    }
    return model;
}

/* Files of 16 bits stay as they are, and give the logits that PyTorch has of them. */
static void as_stored(void **state)
{
    (void)state;
    static const struct {
        const char  *name;
        WeightFormat format;
    } cases[] = {{"tiny-qwen2-bf16", WEIGHT_BF16}, {"tiny-qwen2-f16", WEIGHT_F16}, {"tiny-qwen2", WEIGHT_F32}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gpu_fixture_reset(NULL);
        Model   *stored = frozen_base(cases[i].name, WEIGHTS_AS_STORED), *f32 = frozen_base(cases[i].name, WEIGHT_F32);
        LoraRig  rig = lora_rig_open(&stored->config, 0, KEEP_ACTIVATIONS);
        uint64_t count;
        assert_int_equal(stored->weights, cases[i].format);
        char path[512];
        snprintf(path, sizeof path, LORA_MODELS "%s/expected.safetensors", cases[i].name);
        SafetensorsSet   *expected = fixture_open(path);
        int64_t          *ids      = fixture_i64(expected, "full.input_ids", &count);
        const Safetensor *shape    = safetensors_find(expected, "full.input_ids");
        float            *want     = fixture_f32(expected, "full.logits", &count);
        lora_rig_set(&rig, ids, ids, (uint32_t)shape->shape[0], (uint32_t)shape->shape[1]);
        const float *got = lora_rig_logits(&rig, stored);
        lora_fixture_report(cases[i].name, "logits against PyTorch", fixture_max_abs(got, want, count), 1e-4);
        lora_fixture_report(cases[i].name, "logits against the same in f32",
                            fixture_max_abs(got, lora_rig_logits(&rig, f32), count), 1e-5);
        if (stored->weights != WEIGHT_F32) {
            assert_true(model_bytes(stored) < model_bytes(f32) * 6 / 10);
        }
        free(ids);
        free(want);
        safetensors_close(expected);
        lora_rig_close(&rig);
        model_free(stored);
        model_free(f32);
    }
}

/* Logits of every format are those of its values in f32; and their distance from the model's own is bounded. */
static void logits(void **state)
{
    (void)state;
    /* relative to the logits' norm; random weights, whose logits lean on no structure, are the worst case */
    static const double most[WEIGHT_FORMATS] = {0, 1e-2, 1.5e-3, 4e-2, 4e-1};
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        gpu_fixture_reset(NULL);
        Model       *f32   = frozen_base(models[m], WEIGHT_F32);
        LoraRig      rig   = lora_rig_open(&f32->config, 0, KEEP_ACTIVATIONS);
        const size_t count = (size_t)51 * f32->config.vocab_size;
        lora_rig_set_random(&rig, f32->config.vocab_size);
        const float *original = lora_rig_logits(&rig, f32);
        for (WeightFormat format = WEIGHT_BF16; format < WEIGHT_FORMATS; format++) {
            char         what[64];
            Model       *frozen = frozen_base(models[m], format), *values = thawed(models[m], frozen);
            const float *got = lora_rig_logits(&rig, frozen), *want = lora_rig_logits(&rig, values);
            snprintf(what, sizeof what, "%s: logits against its values", weight_format_name(format));
            lora_fixture_report(models[m], what, fixture_rel_l2(got, want, count), 2e-6);
            snprintf(what, sizeof what, "%s: logits against the model's", weight_format_name(format));
            lora_fixture_report(models[m], what, fixture_rel_l2(got, original, count), most[format]);
            assert_true(fixture_rel_l2(got, original, count) > most[format] / 50); /* it was rounded at all */
            model_free(frozen);
            model_free(values);
        }
        lora_rig_close(&rig);
        model_free(f32);
    }
}

/* An adapter's loss and gradients through a frozen base are those through its values in f32; two adapters on one base
 * do not meet; and the base itself, which is the reference policy, stays as it is. */
static void adapters(void **state)
{
    (void)state;
    const LoraConfig config = {.rank = RANK, .alpha = 10, .targets = LORA_ALL};
    for (size_t m = 0; m < 3; m += 2) {
        for (WeightFormat format = WEIGHT_BF16; format < WEIGHT_FORMATS; format++) {
            gpu_fixture_reset(NULL);
            char    what[64];
            Model  *frozen = frozen_base(models[m], format), *values = thawed(models[m], frozen);
            LoraRig rig = lora_rig_open(&frozen->config, RANK, format % 2 ? KEEP_ACTIVATIONS : RECOMPUTE_BLOCKS);
            lora_rig_set_random(&rig, frozen->config.vocab_size);
            Model         *on[3]     = {lora_fixture_adapted(frozen, lora_fixture_random(frozen, &config, false, 3)),
                                        lora_fixture_adapted(frozen, lora_fixture_random(frozen, &config, false, 4)),
                                        lora_fixture_adapted(values, lora_fixture_random(values, &config, false, 3))};
            const size_t   logits    = (size_t)51 * frozen->config.vocab_size;
            const float   *before    = lora_rig_logits(&rig, frozen);
            const double   other     = lora_rig_backward(&rig, on[1]);
            const double   loss      = lora_rig_backward(&rig, on[0]);
            const uint64_t n         = on[0]->lora->floats;
            const float   *got       = fixture_download(rig.gradients, n);
            const double   want_loss = lora_rig_backward(&rig, on[2]);
            snprintf(what, sizeof what, "%s: loss through the frozen base", weight_format_name(format));
            lora_fixture_report(models[m], what, fabs(loss - want_loss), 2e-6);
            snprintf(what, sizeof what, "%s: gradients through it", weight_format_name(format));
            lora_fixture_report(models[m], what, fixture_rel_l2(got, fixture_download(rig.gradients, n), n), 1e-5);
            assert_true(fabs(other - loss) > 1e-3);
            assert_memory_equal(before, lora_rig_logits(&rig, frozen), logits * 4);
            for (int i = 0; i < 3; i++) {
                model_free(on[i]);
            }
            lora_rig_close(&rig);
            model_free(frozen);
            model_free(values);
        }
    }
}

enum { REQUESTS = 20, NEW = 9 };

/* Greedy tokens and their log-probabilities, [requests, NEW]. */
static void decoded(const Model *model, uint32_t slots, uint32_t requests, int32_t *tokens, float *logprobs)
{
    Error              error  = {0};
    const DecodeLimits limits = {.slots             = slots,
                                 .max_length        = 16,
                                 .max_requests      = REQUESTS,
                                 .max_prompt_tokens = 3 * REQUESTS,
                                 .max_new           = NEW,
                                 .lora_rank         = RANK};
    int32_t            prompts[3 * REQUESTS];
    uint32_t           starts[REQUESTS + 1] = {0}, sequence[REQUESTS];
    for (uint32_t i = 0; i < REQUESTS; i++) {
        starts[i + 1] = 3 * (i + 1);
        sequence[i]   = i;
        for (uint32_t j = 0; j < 3; j++) {
            prompts[3 * i + j] = (int32_t)(7 * i + 3 * j + 1);
        }
    }
    Decoder *decoder = decoder_new(fixture_gpu(), &model->config, &limits, &error);
    lora_fixture_must(decoder != NULL, &error);
    DecodeOutput      out;
    const DecodeInput input = {
        .prompts = prompts, .prompt_starts = starts, .sequence = sequence, .requests = requests, .ignore_stop = true};
    lora_fixture_must(decoder_run(decoder, model, &input, &out, &error) == STATUS_OK, &error);
    memcpy(tokens, out.tokens, requests * NEW * sizeof *tokens);
    memcpy(logprobs, out.logprobs, requests * NEW * sizeof *logprobs);
    decoder_free(decoder);
}

static void decodes(void **state)
{
    (void)state;
    const LoraConfig config = {.rank = RANK, .alpha = 10, .targets = LORA_ALL};
    for (WeightFormat format = WEIGHT_BF16; format < WEIGHT_FORMATS; format++) {
        for (uint32_t slots = 3; slots <= 20; slots += 17) { /* by a kernel for few rows, and by one for many */
            const uint32_t requests = slots == 3 ? 4 : REQUESTS;
            gpu_fixture_reset(NULL);
            Model  *frozen = frozen_base("tiny-qwen3", format), *values = thawed("tiny-qwen3", frozen);
            Model  *on[2] = {lora_fixture_adapted(frozen, lora_fixture_random(frozen, &config, false, 3)),
                             lora_fixture_adapted(values, lora_fixture_random(values, &config, false, 3))};
            int32_t tokens[2][REQUESTS * NEW]   = {0};
            float   logprobs[2][REQUESTS * NEW] = {0};
            decoded(on[0], slots, requests, tokens[0], logprobs[0]);
            decoded(on[1], slots, requests, tokens[1], logprobs[1]);
            assert_memory_equal(tokens[0], tokens[1], sizeof tokens[0]);
            lora_fixture_report("tiny-qwen3", weight_format_name(format),
                                fixture_max_abs(logprobs[0], logprobs[1], requests * NEW), 2e-5);
            model_free(on[0]);
            model_free(on[1]);
            model_free(frozen);
            model_free(values);
        }
    }
}

/* What needs f32 says so. */
static void what_is_frozen_stays(void **state)
{
    (void)state;
    Error  error  = {0};
    Model *frozen = frozen_base("tiny-llama", WEIGHT_INT4), *f32 = frozen_base("tiny-llama", WEIGHT_F32);
    assert_null(learner_new(frozen, GPU_MEMORY_DEVICE, &error));
    assert_non_null(strstr(error.text, "training in full needs f32"));
    error = (Error){0};
    assert_int_equal(model_save(frozen, fixture_directory(), DTYPE_F32, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "frozen as int4"));
    error = (Error){0};
    assert_int_equal(model_copy(f32, frozen, &error), STATUS_FAILED);
    error = (Error){0};
    assert_int_equal(model_copy(frozen, f32, &error), STATUS_FAILED);
    model_free(frozen);
    model_free(f32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(as_stored), fixture_test(logits), fixture_test(adapters),
                                       fixture_test(decodes), fixture_test(what_is_frozen_stays)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
