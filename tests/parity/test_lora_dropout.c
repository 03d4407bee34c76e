/* Dropout of adapters in the model: every matrix's gradient is the slope of the loss with the same masks, recomputing
 * blocks changes nothing, and a rate of 0 is no dropout. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/fixture.h"
#include "tests/support/lora_fixture.h"

static LoraRig open_rig(const Model *base, uint32_t rank, Recompute recompute, float rate)
{
    Error   error = {0};
    LoraRig r     = lora_rig_open(&base->config, rank, recompute);
    lora_fixture_must(workspace_add_dropout(r.work, &error) == STATUS_OK, &error);
    r.work->lora.dropout = (LoraDropout){.rate = rate, .seed = 77, .step = 3, .batch = 2};
    lora_rig_set_random(&r, base->config.vocab_size);
    return r;
}

/* The loss with values[n] at `at` of the adapter's parameters. */
static double loss_with(LoraRig *r, const Model *model, uint64_t at, const float *values, uint64_t n)
{
    Error error = {0};
    lora_fixture_must(gpu_upload(fixture_gpu(), model_span(model->lora->parameters, at, n), values, n * 4, &error) ==
                          STATUS_OK,
                      &error);
    return lora_rig_backward(r, model);
}

/* Along a matrix's gradient the loss climbs by the gradient's length. */
static double slope_error(LoraRig *r, const Model *model, uint64_t at, uint64_t n, const float *gradient)
{
    float       *moved  = fixture_alloc(n * 4);
    const float *start  = fixture_download(model_span(model->lora->parameters, at, n), n);
    double       length = 0.0, sides[2];
    for (uint64_t i = 0; i < n; i++) {
        length += (double)gradient[i] * (double)gradient[i];
    }
    length = sqrt(length);
    assert_true(length > 0.0);
    const double h = 0.02 / (length > 0.2 ? length : 0.2);
    for (int side = 0; side < 2; side++) {
        for (uint64_t i = 0; i < n; i++) {
            moved[i] = start[i] + (float)((side == 0 ? -h : h) * (double)gradient[i] / length);
        }
        sides[side] = loss_with(r, model, at, moved, n);
    }
    loss_with(r, model, at, start, n);
    return fabs((sides[1] - sides[0]) / (2.0 * h) - length) / length;
}

static void check_slopes(const char *name, Recompute recompute)
{
    const LoraConfig config = {.rank = 4, .alpha = 8, .targets = LORA_ALL};
    char             path[256];
    snprintf(path, sizeof path, LORA_MODELS "%s", name);
    Model  *base  = lora_fixture_base(path);
    Lora   *lora  = lora_fixture_random(base, &config, false, 9);
    Model  *model = lora_fixture_adapted(base, lora);
    LoraRig r     = open_rig(base, config.rank, recompute, 0.25f);
    double  worst = 0.0;
    lora_rig_backward(&r, model);
    const float *gradients = fixture_download(r.gradients, lora->floats);
    for (uint32_t i = 0; i < lora->model.layers * PROJECTIONS; i++) {
        const MatrixShape shape = projection_shape(&lora->model, i % PROJECTIONS);
        const uint64_t    a = (uint64_t)config.rank * shape.columns, b = (uint64_t)config.rank * shape.rows;
        worst = fmax(worst, slope_error(&r, model, lora->places[i].a, a, gradients + lora->places[i].a));
        worst = fmax(worst, slope_error(&r, model, lora->places[i].b, b, gradients + lora->places[i].b));
    }
    lora_fixture_report(name, "dropout 0.25: slope along each gradient", worst, 0.02);
    lora_rig_close(&r);
    model_free(model);
    model_free(base);
}

static void gradients_are_slopes(void **state)
{
    (void)state;
    check_slopes("tiny-qwen2", KEEP_ACTIVATIONS);
    check_slopes("tiny-qwen3", RECOMPUTE_BLOCKS);
}

/* The same masks in the forward, its repetition and the backward; other ones in another step. */
static void recomputing_changes_nothing(void **state)
{
    (void)state;
    const LoraConfig config = {.rank = 8, .alpha = 16, .targets = LORA_ALL};
    Model           *base   = lora_fixture_base(LORA_MODELS "tiny-llama");
    Model           *model  = lora_fixture_adapted(base, lora_fixture_random(base, &config, false, 4));
    const uint64_t   floats = model->lora->floats;
    LoraRig          keep   = open_rig(base, config.rank, KEEP_ACTIVATIONS, 0.1f),
            again           = open_rig(base, config.rank, RECOMPUTE_BLOCKS, 0.1f);
    const double one = lora_rig_backward(&keep, model), other = lora_rig_backward(&again, model);
    assert_true(one == other);
    const float *gradients = fixture_download(keep.gradients, floats);
    assert_memory_equal(gradients, fixture_download(again.gradients, floats), floats * 4);
    keep.work->lora.dropout.step++;
    assert_true(lora_rig_backward(&keep, model) != one);
    keep.work->lora.dropout.step--;
    keep.work->lora.dropout.batch++;
    assert_true(lora_rig_backward(&keep, model) != one);
    lora_rig_close(&keep);
    lora_rig_close(&again);
    model_free(model);
    model_free(base);
}

/* A rate of 0 is the adapter as it is, and no room for dropout is needed; with a rate it is. */
static void off_is_off(void **state)
{
    (void)state;
    const LoraConfig config = {
        .rank = 4, .alpha = 8, .targets = 1 << PROJECTION_V | 1 << PROJECTION_DOWN, .dropout = 0.5};
    Model  *base    = lora_fixture_base(LORA_MODELS "tiny-llama");
    Model  *model   = lora_fixture_adapted(base, lora_fixture_random(base, &config, false, 4));
    LoraRig without = lora_rig_open(&base->config, config.rank, KEEP_ACTIVATIONS),
            with    = open_rig(base, config.rank, KEEP_ACTIVATIONS, 0.0f);
    lora_rig_set_random(&without, base->config.vocab_size);
    const uint64_t n     = (uint64_t)with.batch->rows * base->config.vocab_size;
    const float   *plain = lora_rig_logits(&without, model);
    assert_memory_equal(plain, lora_rig_logits(&with, model), n * 4);
    with.work->lora.dropout.rate = 0.5f;
    assert_true(fixture_max_abs(plain, lora_rig_logits(&with, model), n) > 0.01);

    Error error                     = {0};
    without.work->lora.dropout.rate = 0.5f;
    GpuStream *stream               = fixture_stream();
    transformer_forward(stream, without.work, model, without.batch);
    assert_int_not_equal(gpu_stream_run(stream, &error), STATUS_OK);
    assert_non_null(strstr(error.text, "dropout"));
    lora_rig_close(&without);
    lora_rig_close(&with);
    model_free(model);
    model_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(gradients_are_slopes),
        fixture_test(recomputing_changes_nothing),
        fixture_test(off_is_off),
    };
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
