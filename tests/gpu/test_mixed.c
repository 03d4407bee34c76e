/* Mixed precision: gradients of models whose products are bf16 or f16 against the f32 ones, the loss scale, the copies
 * of what is trained, and whole runs whose loss curves must lie on each other. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/ops/logits.h"
#include "rlsp/train/session.h"
#include "tests/support/fixture.h"
#include "tests/support/gpu_fixture.h"

enum { TOKENS = 96, SEQUENCES = 4 };

static void must(Status status, const Error *error)
{
    if (status != STATUS_OK) {
        fail_msg("%s", error->text);
    }
}

/* --- one model ------------------------------------------------------------------------------ */

/* A model that learns a batch of random tokens. */
typedef struct Rig {
    Model     *model;
    Learner   *learner;
    Workspace *work;
    Batch     *batch;
    GpuSpan    logprob, entropy, lse, dlogprob, weight, sums;
} Rig;

static Rig rig_open(const char *name, ComputeType compute)
{
    Error error = {0};
    char  path[512];
    snprintf(path, sizeof path, TEST_DATA "/parity/models/%s", name);
    Rig r   = {.model = model_load(fixture_gpu(), path, false, &error)};
    r.model = r.model != NULL && model_set_compute(r.model, compute, &error) == STATUS_OK ? r.model : NULL;
    if (r.model != NULL) {
        r.learner = learner_new(r.model, GPU_MEMORY_DEVICE, &error);
        r.work = workspace_new(fixture_gpu(), &r.model->config, TOKENS, TOKENS, TOKENS, true, KEEP_ACTIVATIONS, &error);
        r.batch = batch_new(fixture_gpu(), &r.model->config, TOKENS, TOKENS, SEQUENCES, &error);
    }
    if (r.learner == NULL || r.work == NULL || r.batch == NULL) {
        fail_msg("%s", error.text);
    }
    int32_t  ids[TOKENS], rows[TOKENS], targets[TOKENS];
    uint32_t starts[SEQUENCES + 1];
    Random   random = random_stream(3, RANDOM_TEST, 0, 0);
    for (int i = 0; i < TOKENS; i++) {
        ids[i]     = (int32_t)random_below(&random, r.model->config.vocab_size);
        rows[i]    = i;
        targets[i] = (int32_t)random_below(&random, r.model->config.vocab_size);
    }
    for (uint32_t i = 0; i <= SEQUENCES; i++) {
        starts[i] = i * TOKENS / SEQUENCES;
    }
    must(batch_set(r.batch, &(BatchInput){ids, starts, SEQUENCES, rows, targets, TOKENS}, &error), &error);
    double weight[TOKENS];
    for (int i = 0; i < TOKENS; i++) {
        weight[i] = 1.0 / TOKENS;
    }
    GpuSpan *const spans[] = {&r.logprob, &r.entropy, &r.lse, &r.dlogprob};
    for (int i = 0; i < 4; i++) {
        *spans[i] = fixture_zeros(TOKENS);
    }
    r.weight = fixture_upload(weight, TOKENS);
    r.sums   = fixture_zeros(2);
    return r;
}

static void rig_close(Rig *r)
{
    batch_free(r->batch);
    workspace_free(r->work);
    learner_free(r->learner);
    model_free(r->model);
}

static const AdamwOptions options = {.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8};

/* Forward, loss and backward; with `steps`, an optimizer step after it. */
static double learn(Rig *r, bool steps)
{
    GpuStream *s = fixture_stream();
    learner_zero_gradients(s, r->learner);
    gpu_fill(s, r->sums, 0);
    transformer_forward(s, r->work, r->model, r->batch);
    head_logprobs(s, r->work, r->model, r->batch, 1.0f, r->logprob, r->entropy, r->lse);
    cross_entropy(s, r->dlogprob, r->sums, r->logprob, r->weight, TOKENS);
    learner_scale_loss(s, r->learner, r->dlogprob, TOKENS);
    head_backward(s, r->work, r->model, r->learner->gradients, r->batch, 1.0f, r->lse, r->entropy, r->dlogprob,
                  (GpuSpan){0});
    transformer_backward(s, r->work, r->model, r->learner->gradients, r->batch);
    if (steps) {
        learner_step(s, r->learner, &options, 1.0);
    }
    fixture_run();
    return (double)fixture_download(r->sums, 2)[0];
}

/* Relative L2 distance of all gradients, without the scale. PyTorch's autocast on such batches: 1.0e-2, 1.2e-2
 * and 2.2e-2 in bf16, 1.3e-3, 1.6e-3 and 3.0e-3 in f16 (SPEED.md). bf16 has three digits less: eight times of f16's. */
static void gradients_are_those_of_f32(void **state)
{
    (void)state;
    static const char *const names[] = {"tiny-llama", "tiny-qwen2", "tiny-qwen3"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        float *exact = NULL;
        double loss  = 0.0;
        gpu_fixture_reset(NULL);
        for (ComputeType compute = COMPUTE_F32; compute <= COMPUTE_F16; compute++) {
            Rig            r   = rig_open(names[i], compute);
            const double   now = learn(&r, false);
            const uint64_t n   = r.model->floats;
            float         *got = fixture_download(r.learner->gradients, n);
            for (uint64_t j = 0; j < n; j++) {
                got[j] = (float)((double)got[j] / r.learner->scale.value);
            }
            if (compute == COMPUTE_F32) {
                exact = got;
                loss  = now;
            } else {
                const double off = fixture_rel_l2(got, exact, n), most = compute == COMPUTE_BF16 ? 8 * 3e-3 : 3e-3;
                printf("    %-12s %-5s gradients %.2e, loss %.2e\n", names[i], compute_type_name(compute), off,
                       fabs(now / loss - 1.0));
                assert_true(off > 1e-5 && off < most); /* rounded, but no more than its digits explain */
                assert_true(fabs(now / loss - 1.0) < most / 5);
            }
            rig_close(&r);
        }
    }
}

/* Its numbers would be read as others. */
static void a_workspace_of_another_type_is_refused(void **state)
{
    (void)state;
    Error error = {0};
    Rig   r     = rig_open("tiny-llama", COMPUTE_BF16);
    must(model_set_compute(r.model, COMPUTE_F32, &error), &error);
    GpuStream *s = fixture_stream();
    transformer_forward(s, r.work, r.model, r.batch);
    assert_int_equal(gpu_stream_end(s, &error), STATUS_FAILED);
    assert_non_null(strstr(error.text, "another type"));
    rig_close(&r);
}

/* After a step the copies are the parameters rounded: what the host rounds them to, row by row. */
static void copies_follow(void **state)
{
    (void)state;
    for (ComputeType compute = COMPUTE_BF16; compute <= COMPUTE_F16; compute++) {
        Error error = {0};
        gpu_fixture_reset(NULL);
        Rig r = rig_open("tiny-qwen2", compute);
        learn(&r, true);
        for (uint32_t i = 0; i < model_matrix_count(&r.model->config); i++) {
            const Weight *copy = &r.model->copies[i], *master = &r.model->matrices[i];
            const size_t  words = (size_t)copy->rows * weight_row_words(copy->format, copy->columns);
            if (copy->rows == 0) {
                continue;
            }
            uint32_t *want = fixture_alloc(words * 4), *got = fixture_alloc(words * 4);
            quantize_rows(copy->format, fixture_download(master->data, (size_t)copy->rows * copy->columns), copy->rows,
                          copy->columns, want, NULL);
            must(gpu_download(fixture_gpu(), copy->data, got, words * 4, &error), &error);
            assert_memory_equal(got, want, words * 4);
        }
        rig_close(&r);
    }
}

/* A scale so large that gradients leave f16: the step changes nothing and does not count, the scale is halved, until
 * it fits; and what is learnt then is what a fitting scale teaches at once, to the bit. */
static void a_lost_step_is_no_step(void **state)
{
    (void)state;
    GradNorm       norm;
    Error          error = {0};
    Rig            a = rig_open("tiny-llama", COMPUTE_F16), b = rig_open("tiny-llama", COMPUTE_F16);
    const uint64_t n       = a.model->floats;
    a.learner->scale.value = 0x1p30; /* far beyond what it may grow to */
    int lost               = 0;
    do {
        const float *before = fixture_download(a.model->parameters, n);
        learn(&a, true);
        must(learner_finish(a.learner, &norm, &error), &error);
        if (norm.not_finite != 0) {
            lost++;
            fixture_check_same("parameters", a.model->parameters, before, n);
            assert_true(a.learner->steps == 0 && a.learner->scale.value == ldexp(1, 30 - lost));
        }
    } while (norm.not_finite != 0 && lost < 30);
    printf("    %d steps lost, scale %g, norm %g\n", lost, a.learner->scale.value, (double)norm.norm);
    assert_true(lost > 3 && lost < 30 && a.learner->steps == 1);
    b.learner->scale.value = a.learner->scale.value;
    learn(&b, true);
    fixture_check_same("learnt", b.model->parameters, fixture_download(a.model->parameters, n), n);
    fixture_check_same("first moment", b.learner->first_moment, fixture_download(a.learner->first_moment, n), n);
    fixture_check_same("second moment", b.learner->second_moment, fixture_download(a.learner->second_moment, n), n);
    rig_close(&a);
    rig_close(&b);
}

/* The scale doubles after its interval, and is kept in files beside the moments. */
static void the_scale_grows_and_is_kept(void **state)
{
    (void)state;
    GradNorm    norm;
    Error       error = {0};
    const char *path  = fixture_path(fixture_directory(), "optimizer.safetensors");
    Rig         r = rig_open("tiny-llama", COMPUTE_F16), other = rig_open("tiny-llama", COMPUTE_F16);
    r.learner->scale.growth_interval = 2;
    r.learner->scale.value           = 256;
    for (int i = 0; i < 5; i++) {
        learn(&r, true);
        must(learner_finish(r.learner, &norm, &error), &error);
        assert_int_equal(norm.not_finite, 0);
    }
    assert_true(r.learner->scale.value == 1024 && r.learner->scale.clean_steps == 1);
    must(learner_save(r.learner, path, &error), &error);
    must(learner_load(other.learner, path, &error), &error);
    assert_true(other.learner->scale.value == 1024 && other.learner->scale.clean_steps == 1 &&
                other.learner->steps == 5);
    rig_close(&r);
    rig_close(&other);
    Rig f32 = rig_open("tiny-llama", COMPUTE_F32);
    must(learner_load(f32.learner, path, &error), &error); /* which has no use for it */
    assert_true(f32.learner->scale.value == 1);
    rig_close(&f32);
}

/* --- whole runs -------------------------------------------------------------------------------- */

enum { STEPS = 40, SMOOTHED = 5 };

/* SFT from random weights on the built-in task: the loss of each step. */
static void run(const char *precision, double loss[STEPS])
{
    static RunConfig config;
    Error            error = {0};
    char             directory[512], path[600], set[64];
    snprintf(directory, sizeof directory, "%s", fixture_path(fixture_directory(), precision));
    snprintf(set, sizeof set, "precision=%s", precision);
    const char *sets[] = {set};
    must(run_config_parse("{\"name\":\"curve\",\"seed\":5,\"stages\":[\"sft\"],\"task\":{\"kind\":\"countdown\"},"
                          "\"eval\":{\"problems\":0},"
                          "\"model\":{\"init\":{\"hidden_size\":32,\"layers\":2,\"heads\":2,\"intermediate_size\":64,"
                          "\"max_positions\":256}},"
                          "\"sft\":{\"data\":\"task\",\"steps\":40,\"batch_size\":4,\"lr\":4e-3,\"warmup_steps\":4}}",
                          "test", sets, 1, &config, &error),
         &error);
    const SessionOptions session_options = {
        .config = &config, .out = directory, .device = getenv("RLSP_TEST_DEVICE"), .validate = true};
    Session *session = session_open(&session_options, &error);
    if (session == NULL || session_train(session, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(gpu_validation_count(session->gpu), 0);
    session_close(session);
    snprintf(path, sizeof path, "%s/events.jsonl", directory);
    int          steps  = 0;
    EventReader *reader = event_reader_open(path, &error);
    for (Event *event; reader != NULL && (event = event_reader_next(reader)) != NULL; event_free(event)) {
        if (strcmp(event_type(event), "run_start") == 0) {
            assert_string_equal(event_text(event, "precision"), precision);
        }
        if (strcmp(event_type(event), "sft_step") == 0 && steps < STEPS) {
            loss[steps++] = event_number(event, "loss", NAN);
        }
    }
    event_reader_close(reader);
    assert_int_equal(steps, STEPS);
}

/* The largest distance of the curves, each the mean of a few steps, relative to the loss. */
static double distance(const double *a, const double *b)
{
    double worst = 0.0;
    for (int i = 0; i + SMOOTHED <= STEPS; i++) {
        double x = 0.0, y = 0.0;
        for (int j = 0; j < SMOOTHED; j++) {
            x += a[i + j];
            y += b[i + j];
        }
        worst = fmax(worst, fabs(x / y - 1.0));
    }
    return worst;
}

static void curves_lie_together(void **state)
{
    (void)state;
    double f32[STEPS], bf16[STEPS], f16[STEPS];
    run("f32", f32);
    run("bf16", bf16);
    run("f16", f16);
    printf("    loss %.3f to %.3f; off by %.2e in bf16, %.2e in f16\n", f32[0], f32[STEPS - 1], distance(bf16, f32),
           distance(f16, f32));
    assert_true(f32[STEPS - 1] < 0.7 * f32[0]); /* it learns */
    assert_true(distance(bf16, f32) > 1e-6 && distance(f16, f32) > 1e-7);
    assert_true(distance(bf16, f32) < 1e-2 && distance(f16, f32) < 3e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(gradients_are_those_of_f32),
                                       fixture_test(a_workspace_of_another_type_is_refused),
                                       fixture_test(copies_follow),
                                       fixture_test(a_lost_step_is_no_step),
                                       fixture_test(the_scale_grows_and_is_kept),
                                       fixture_test(curves_lie_together)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
