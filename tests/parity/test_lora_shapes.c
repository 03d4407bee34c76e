/* Adapters of all families, odd ranks and subsets of targets: adapter on is the merged model, adapter off the base, and
 * the gradients are what the merged model's own (which test_models holds to PyTorch) say in float64. Critics on the
 * base of their actor. Prints the largest error of each beside its tolerance. */
#include <math.h>
#include <stdio.h>

#include "tests/support/fixture.h"
#include "tests/support/lora_fixture.h"

#include "engine/model/lora_io.h"

/* The adapter's gradients follow from G, that of the merged matrix: dB = scale G Aᵀ, dA = scale Bᵀ G. */
static void check_against_full(const LoraRig *r, const Lora *lora, const Model *merged, const float *full,
                               const char *name, const char *what)
{
    const uint32_t rank  = lora->config.rank;
    const double   scale = lora_scale(&lora->config);
    double         worst = 0.0;
    for (uint32_t i = 0; i < lora->model.layers * PROJECTIONS; i++) {
        const uint32_t out = projection_shape(&lora->model, i % PROJECTIONS).rows,
                       in  = projection_shape(&lora->model, i % PROJECTIONS).columns;
        char key[96];
        if ((lora->config.targets >> i % PROJECTIONS & 1) == 0) {
            continue;
        }
        snprintf(key, sizeof key, "model.layers.%u.%s.weight", i / PROJECTIONS, projection_module(i % PROJECTIONS));
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
    lora_fixture_report(name, what, worst, 5e-5);
}

/* Adapter on: as the merged model. Adapter off: as the base, bit for bit, before and after. */
static void check_shape(const char *name, const LoraConfig *config, Recompute recompute)
{
    Error error = {0};
    char  what[64], path[512], base_path[512], merged_path[512];
    snprintf(base_path, sizeof base_path, LORA_MODELS "%s", name);
    Model      *base  = lora_fixture_base(base_path);
    Lora       *lora  = lora_fixture_random(base, config, false, 11);
    Model      *model = lora_fixture_adapted(base, lora), *off = lora_fixture_adapted(base, NULL);
    LoraRig     r   = lora_rig_open(&base->config, config->rank, recompute);
    const char *out = fixture_directory();
    snprintf(path, sizeof path, "%s", fixture_path(out, "adapter"));
    snprintf(merged_path, sizeof merged_path, "%s", fixture_path(out, "merged"));
    lora_fixture_must(lora_save(lora, path, name, &error) == STATUS_OK, &error);
    lora_fixture_must(lora_merge(base_path, path, merged_path, SAFETENSORS_SHARD_BYTES, &error) == STATUS_OK, &error);
    Model *merged = model_load(fixture_gpu(), merged_path, false, &error);
    lora_fixture_must(merged != NULL, &error);

    lora_rig_set_random(&r, base->config.vocab_size);
    const uint64_t n   = (uint64_t)r.batch->rows * base->config.vocab_size;
    const float *plain = lora_rig_logits(&r, base), *on = lora_rig_logits(&r, model), *again = lora_rig_logits(&r, off),
                *by_merge = lora_rig_logits(&r, merged);
    assert_memory_equal(plain, again, n * 4);
    assert_true(fixture_max_abs(plain, on, n) > 0.05);
    snprintf(what, sizeof what, "rank %u, targets %#x: logits as merged", config->rank, config->targets);
    lora_fixture_report(name, what, fixture_max_abs(on, by_merge, n), 1e-4);

    lora_rig_backward(&r, merged);
    assert_true(merged->floats < LORA_RIG_FLOATS);
    const float *full = fixture_download(r.gradients, merged->floats);
    lora_rig_backward(&r, model);
    snprintf(what, sizeof what, "rank %u, targets %#x: gradients", config->rank, config->targets);
    check_against_full(&r, lora, merged, full, name, what);

    Lora *loaded =
        lora_load(fixture_gpu(), &base->config, path, false, &error); /* what was saved comes back, bit for bit */
    lora_fixture_must(loaded != NULL, &error);
    assert_int_equal(loaded->config.targets, config->targets);
    assert_true(loaded->config.rank == config->rank && loaded->config.alpha == config->alpha &&
                loaded->config.rslora == config->rslora);
    assert_memory_equal(fixture_download(loaded->parameters, lora->floats),
                        fixture_download(lora->parameters, lora->floats), lora->floats * 4);
    lora_free(loaded);
    lora_rig_close(&r);
    model_free(model);
    model_free(off);
    model_free(merged);
    model_free(base);
}

static void families_and_ranks(void **state)
{
    (void)state;
    check_shape("tiny-llama", &(LoraConfig){.rank = 16, .alpha = 32, .targets = LORA_ALL}, KEEP_ACTIVATIONS);
    check_shape("tiny-qwen3", &(LoraConfig){.rank = 3, .alpha = 5, .targets = LORA_ALL, .rslora = true},
                RECOMPUTE_BLOCKS);
    check_shape("tiny-llama-sharded", &(LoraConfig){.rank = 2, .alpha = 3, .targets = LORA_ALL}, KEEP_ACTIVATIONS);
    check_shape("tiny-qwen2", &(LoraConfig){.rank = 1, .alpha = 1, .targets = 1 << PROJECTION_Q | 1 << PROJECTION_V},
                KEEP_ACTIVATIONS);
}

static void each_target_alone(void **state)
{
    (void)state;
    for (Projection t = 0; t < PROJECTIONS; t++) {
        check_shape("tiny-qwen3", &(LoraConfig){.rank = 8, .alpha = 16, .targets = 1u << t}, KEEP_ACTIVATIONS);
    }
}

/* Two adapters on one base do not know of each other, and a fresh one changes nothing. */
static void several_adapters_on_one_base(void **state)
{
    (void)state;
    Error            error  = {0};
    const LoraConfig config = {.rank = 4, .alpha = 8, .targets = LORA_ALL},
                     other  = {.rank = 8, .alpha = 8, .targets = 1 << PROJECTION_DOWN};
    Model *base             = lora_fixture_base(LORA_MODELS "tiny-llama");
    Lora  *fresh            = lora_new(fixture_gpu(), &base->config, &config, false, &error);
    lora_fixture_must(fresh != NULL && lora_init(fresh, 3, &error) == STATUS_OK, &error);
    Model *a  = lora_fixture_adapted(base, lora_fixture_random(base, &config, false, 1)),
          *b  = lora_fixture_adapted(base, lora_fixture_random(base, &other, false, 2)),
          *c  = lora_fixture_adapted(base, fresh);
    LoraRig r = lora_rig_open(&base->config, 8, KEEP_ACTIVATIONS);
    lora_rig_set_random(&r, base->config.vocab_size);
    const uint64_t n     = (uint64_t)r.batch->rows * base->config.vocab_size;
    const float   *first = lora_rig_logits(&r, a), *second = lora_rig_logits(&r, b), *third = lora_rig_logits(&r, c),
                *again = lora_rig_logits(&r, a);
    assert_memory_equal(first, again, n * 4);
    assert_true(fixture_max_abs(first, second, n) > 0.05);
    assert_memory_equal(third, lora_rig_logits(&r, base), n * 4);
    lora_fixture_must(lora_copy(c->lora, a->lora, &error) == STATUS_OK, &error);
    assert_memory_equal(first, lora_rig_logits(&r, c), n * 4);
    lora_rig_close(&r);
    model_free(a);
    model_free(b);
    model_free(c);
    model_free(base);
}

/* Values of the batch from an adapter's value head, and the gradients of their sum weighted by r->weight. */
static const float *values_backward(LoraRig *r, const Model *model)
{
    GpuStream *stream = fixture_stream();
    gpu_fill(stream, r->gradients, 0);
    transformer_forward(stream, r->work, model, r->batch);
    value_forward(stream, r->work, model, r->batch, r->logprob);
    value_backward(stream, r->work, model, r->gradients, r->batch, r->weight);
    transformer_backward(stream, r->work, model, r->gradients, r->batch);
    fixture_run();
    return fixture_download(r->logprob, r->batch->rows);
}

/* A critic whose value head lies with its adapter: values and gradients are those of a whole model. */
static void critic_on_the_base(void **state)
{
    (void)state;
    Error            error  = {0};
    const LoraConfig config = {.rank = 4, .alpha = 8, .targets = LORA_ALL};
    Model           *base   = lora_fixture_base(LORA_MODELS "tiny-llama");
    Lora            *lora   = lora_fixture_random(base, &config, true, 7);
    Model           *model  = lora_fixture_adapted(base, lora);
    const uint32_t   width  = base->config.hidden_size;
    char             adapter[512], out[512];
    const char      *folder = fixture_directory();
    snprintf(adapter, sizeof adapter, "%s", fixture_path(folder, "adapter"));
    snprintf(out, sizeof out, "%s", fixture_path(folder, "merged"));
    lora_fixture_must(lora_save(lora, adapter, "tiny-llama", &error) == STATUS_OK &&
                          lora_merge(LORA_MODELS "tiny-llama", adapter, out, SAFETENSORS_SHARD_BYTES, &error) ==
                              STATUS_OK,
                      &error);
    Model *merged = model_load(fixture_gpu(), out, true, &error);
    lora_fixture_must(merged != NULL, &error);
    const float *weight = fixture_download(model_span(lora->parameters, lora->value_weight, width), width);
    const float *bias   = fixture_download(model_span(lora->parameters, lora->value_bias, 1), 1);
    gpu_upload(fixture_gpu(), model_span(merged->parameters, merged->value_weight, width), weight, width * 4, &error);
    gpu_upload(fixture_gpu(), model_span(merged->parameters, merged->value_bias, 1), bias, 4, &error);

    LoraRig r = lora_rig_open(&base->config, config.rank, KEEP_ACTIVATIONS);
    lora_rig_set_random(&r, base->config.vocab_size);
    const float *want = values_backward(&r, merged);
    const float *full = fixture_download(r.gradients, merged->floats);
    const float *got  = values_backward(&r, model);
    lora_fixture_report("tiny-llama", "critic: values as merged", fixture_max_abs(got, want, r.batch->rows), 1e-4);
    check_against_full(&r, lora, merged, full, "tiny-llama", "critic: gradients");
    const float *head = fixture_download(model_span(r.gradients, lora->value_weight, width), width);
    lora_fixture_report("tiny-llama", "critic: value head's gradient, rel L2",
                        fixture_rel_l2(head, full + merged->value_weight, width), 5e-5);
    assert_true(fabs((double)full[merged->value_bias]) > 0.5);
    lora_fixture_report("tiny-llama", "critic: value bias's gradient",
                        fabs((double)fixture_download(model_span(r.gradients, lora->value_bias, 1), 1)[0] -
                             (double)full[merged->value_bias]),
                        1e-5);

    Lora *loaded = lora_load(fixture_gpu(), &base->config, adapter, true, &error); /* with its value head */
    lora_fixture_must(loaded != NULL, &error);
    assert_memory_equal(fixture_download(model_span(loaded->parameters, loaded->value_weight, width), width), weight,
                        width * 4);
    assert_memory_equal(fixture_download(model_span(loaded->parameters, loaded->value_bias, 1), 1), bias, 4);
    lora_free(loaded);
    lora_rig_close(&r);
    model_free(model);
    model_free(merged);
    model_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(families_and_ranks), fixture_test(each_target_alone),
                                       fixture_test(several_adapters_on_one_base), fixture_test(critic_on_the_base)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
