/* SFT through the trainer: against PyTorch, and the same however a step is cut into micro-batches. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fixture.h"
#include "tests/support/gpu_fixture.h"

#include "engine/io/file.h"
#include "rlsp/train/session.h"

#define MODEL TEST_DATA "/parity/models/tiny-llama"

enum { TEXT = 1 << 16 };

/* What a run left behind. */
typedef struct Result {
    SafetensorsSet *model, *optimizer;
    double          loss[8], grad_norm[8];
    uint32_t        steps;
} Result;

static void result_close(Result *r)
{
    safetensors_close(r->model);
    safetensors_close(r->optimizer);
}

/* Trains tiny-llama on `data` for `steps` steps of `batch_size` lines; `extra` are overrides. */
static Result train(const char *data, uint32_t steps, uint32_t batch_size, const char *const *extra, int extra_count)
{
    Error       error = {0};
    RunConfig   config;
    char        text[4096];
    const char *run = fixture_path(fixture_directory(), "run");
    char        directory[512], path[600];
    snprintf(directory, sizeof directory, "%s", run);
    snprintf(text, sizeof text,
             "{\"name\":\"test\",\"stages\":[\"sft\"],\"model\":{\"path\":\"%s\"},\"eval\":{\"problems\":0},"
             "\"sft\":{\"data\":\"%s\",\"steps\":%u,\"batch_size\":%u,\"shuffle\":false,\"schedule\":\"constant\","
             "\"warmup_steps\":0,"
             "\"lr\":1e-3,\"betas\":[0.9,0.95],\"eps\":1e-8,\"weight_decay\":0.1,\"max_grad_norm\":0}}",
             MODEL, data, steps, batch_size);
    if (run_config_parse(text, "test", extra, extra_count, &config, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    const SessionOptions options = {
        .config = &config, .out = directory, .device = getenv("RLSP_TEST_DEVICE"), .validate = true};
    Session *session = session_open(&options, &error);
    if (session == NULL || session_train(session, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(gpu_validation_count(session->gpu), 0);
    session_close(session);
    Result r = {0};
    snprintf(path, sizeof path, "%s/checkpoints/last/model.safetensors", directory);
    r.model = fixture_open(path);
    snprintf(path, sizeof path, "%s/checkpoints/last/optimizer.safetensors", directory);
    r.optimizer = fixture_open(path);
    snprintf(path, sizeof path, "%s/events.jsonl", directory);
    EventReader *reader = event_reader_open(path, &error);
    for (Event *event; reader != NULL && (event = event_reader_next(reader)) != NULL; event_free(event)) {
        if (strcmp(event_type(event), "sft_step") == 0 && r.steps < 8) {
            r.loss[r.steps]        = event_number(event, "loss", NAN);
            r.grad_norm[r.steps++] = event_number(event, "grad_norm", NAN);
        }
    }
    event_reader_close(reader);
    assert_int_equal(r.steps, steps);
    return r;
}

/* Writes a file of data and returns its path (until the program ends). */
static const char *data_file(const char *text)
{
    static char path[8][512];
    static int  turn;
    Error       error = {0};
    char       *at    = path[turn++ % 8];
    snprintf(at, sizeof path[0], "%s", fixture_path(fixture_directory(), "data.jsonl"));
    assert_int_equal(file_write_atomic(at, text, strlen(text), &error), STATUS_OK);
    return at;
}

static char *append_ids(char *at, const char *key, const int64_t *ids, uint64_t count)
{
    at += sprintf(at, "\"%s\":[", key);
    for (uint64_t i = 0; i < count; i++) {
        at += sprintf(at, "%s%lld", i > 0 ? "," : "", (long long)ids[i]);
    }
    return at + sprintf(at, "]");
}

/* --- PyTorch ------------------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

/* Parameters after AdamW steps, by the rules of tests/data/parity/README.md. */
static void check_parameters(const Result *r, const SafetensorsSet *expected, const char *prefix, uint32_t steps)
{
    SafetensorsSet *start    = fixture_open(MODEL "/model.safetensors");
    uint64_t        elements = 0, off = 0;
    double          difference = 0.0, update = 0.0;
    int             tensors   = 0;
    const size_t    count_all = safetensors_count(start);
    for (size_t i = 0; i < count_all; i++) {
        const Safetensor *tensor = safetensors_at(start, i);
        char              key[160];
        snprintf(key, sizeof key, "%s.%s", prefix, tensor->name);
        uint64_t count, n;
        float   *want = fixture_f32(expected, key, &count), *before = fixture_f32(start, tensor->name, &n),
              *got     = fixture_f32(r->model, tensor->name, &n);
        double *errors = calloc(count, sizeof *errors);
        assert_int_equal(n, count);
        for (uint64_t j = 0; j < count; j++) {
            errors[j] = fabs((double)got[j] - (double)want[j]);
            assert_true(errors[j] <= 2e-3 * steps);
            off += errors[j] > 5e-6;
            difference += errors[j] * errors[j];
            update += ((double)want[j] - (double)before[j]) * ((double)want[j] - (double)before[j]);
        }
        qsort(errors, count, sizeof *errors, compare_doubles);
        if (errors[count / 2] > 1e-6) {
            fail_msg("%s: median error %g", key, errors[count / 2]);
        }
        elements += count;
        tensors++;
        free(errors);
        free(want);
        free(before);
        free(got);
    }
    safetensors_close(start);
    printf("    %s: %d tensors, %.4f %% of the elements beyond 5e-6, the update is off by %.1e of its size\n", prefix,
           tensors, 100.0 * (double)off / (double)elements, sqrt(difference / update));
    assert_int_equal(tensors, 30);
    assert_true((double)off < 0.01 * (double)elements);
    assert_true(sqrt(difference / update) < 0.01);
}

static void three_steps_are_those_of_pytorch(void **state)
{
    (void)state;
    SafetensorsSet *expected = fixture_open(MODEL "/expected.safetensors");
    int64_t *ids = fixture_i64(expected, "full.input_ids", NULL), *labels = fixture_i64(expected, "full.labels", NULL);
    const Safetensor *shape = safetensors_find(expected, "full.input_ids");
    static char       text[TEXT];
    char             *at = text;
    for (uint64_t b = 0; b < shape->shape[0]; b++) {
        at = append_ids(at + sprintf(at, "{"), "ids", ids + b * shape->shape[1], shape->shape[1]);
        at = append_ids(at + sprintf(at, ","), "labels", labels + b * shape->shape[1], shape->shape[1]);
        at += sprintf(at, "}\n");
    }
    const char *data = data_file(text);
    Result      one  = train(data, 1, (uint32_t)shape->shape[0], NULL, 0),
           three     = train(data, 3, (uint32_t)shape->shape[0], NULL, 0);
    float *loss = fixture_f32(expected, "full.loss", NULL), *norm = fixture_f32(expected, "full.grad_norm", NULL);
    printf("    loss %.6f (PyTorch %.6f), gradient norm %.6f (%.6f)\n", one.loss[0], (double)loss[0], one.grad_norm[0],
           (double)norm[0]);
    assert_true(fabs(one.loss[0] - (double)loss[0]) < 1e-5);
    assert_true(fabs(one.grad_norm[0] - (double)norm[0]) < 1e-5 * (double)norm[0]);
    assert_true(three.loss[2] < three.loss[1] && three.loss[1] < three.loss[0]);
    check_parameters(&one, expected, "p1", 1);
    check_parameters(&three, expected, "p3", 3);
    free(loss);
    free(norm);
    free(ids);
    free(labels);
    safetensors_close(expected);
    result_close(&one);
    result_close(&three);
}

/* --- micro-batches --------------------------------------------------------------- */

/* Six sequences of 19 to 24 tokens, so that 24 tokens hold one and 48 two; one has no target at all. */
static const char *ragged_data(void)
{
    static char          text[TEXT];
    static const uint8_t lengths[6] = {24, 20, 22, 19, 23, 21};
    char                *at         = text;
    Random               random     = random_stream(3, RANDOM_DEMO, 0, 0);
    for (int s = 0; s < 6; s++) {
        int64_t ids[24], labels[24];
        for (int i = 0; i < lengths[s]; i++) {
            ids[i]    = random_below(&random, 384);
            labels[i] = s == 2 || i < 4 + s ? -100 : ids[i];
        }
        at = append_ids(at + sprintf(at, "{"), "ids", ids, lengths[s]);
        at = append_ids(at + sprintf(at, ","), "labels", labels, lengths[s]);
        at += sprintf(at, "}\n");
    }
    return data_file(text);
}

/* `name` of both runs: largest difference over the largest element. */
static double distance(const SafetensorsSet *a, const SafetensorsSet *b, const char *name)
{
    uint64_t count, n;
    float   *x = fixture_f32(a, name, &count), *y = fixture_f32(b, name, &n);
    double   largest = 0.0;
    assert_int_equal(count, n);
    for (uint64_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs((double)x[i]));
    }
    double off = fixture_max_abs(x, y, count) / largest;
    free(x);
    free(y);
    return off;
}

static void micro_batches_and_recompute_change_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *what, *set;
    } variants[]      = {{"one sequence at a time", "sft.tokens_per_micro_batch=24"},
                         {"two at a time", "sft.tokens_per_micro_batch=48"},
                         {"five, then one", "sft.tokens_per_micro_batch=110"},
                         {"recomputed blocks", "recompute=\"block\""}};
    const char *data  = ragged_data();
    Result      whole = train(data, 1, 6, NULL, 0);
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        Result       part = train(data, 1, 6, &variants[i].set, 1);
        const double loss = fabs(part.loss[0] - whole.loss[0]) / whole.loss[0],
                     norm = fabs(part.grad_norm[0] - whole.grad_norm[0]) / whole.grad_norm[0];
        /* After one step exp_avg is a tenth of the gradient, exp_avg_sq a twentieth of its square. */
        const double gradient = distance(whole.optimizer, part.optimizer, "exp_avg"),
                     square   = distance(whole.optimizer, part.optimizer, "exp_avg_sq");
        double worst          = 0.0;
        for (size_t t = 0; t < safetensors_count(whole.model); t++) {
            worst = fmax(worst, distance(whole.model, part.model, safetensors_at(whole.model, t)->name));
        }
        printf("    %-24s loss %.0e, norm %.0e, gradients %.0e, squares %.0e, parameters %.0e\n", variants[i].what,
               loss, norm, gradient, square, worst);
        assert_true(loss < 1e-6 && norm < 1e-5 && gradient < 1e-5 && square < 1e-5);
        assert_true(worst < 5e-3); /* where a gradient is rounding noise, AdamW's first step is its sign */
        result_close(&part);
    }
    result_close(&whole);
}

/* Where AdamW's moments lie changes not a bit of what is learnt. */
static void moments_on_the_host_change_nothing(void **state)
{
    (void)state;
    const char *data = ragged_data();
    const char *host = "optimizer.memory=host";
    Result      a = train(data, 3, 2, NULL, 0), b = train(data, 3, 2, &host, 1);
    assert_true(safetensors_count(a.model) > 20);
    for (size_t t = 0; t < safetensors_count(a.model); t++) {
        fixture_same_bytes(safetensors_at(a.model, t), safetensors_find(b.model, safetensors_at(a.model, t)->name));
    }
    fixture_same_bytes(safetensors_find(a.optimizer, "exp_avg"), safetensors_find(b.optimizer, "exp_avg"));
    fixture_same_bytes(safetensors_find(a.optimizer, "exp_avg_sq"), safetensors_find(b.optimizer, "exp_avg_sq"));
    result_close(&a);
    result_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(three_steps_are_those_of_pytorch),
        fixture_test(micro_batches_and_recompute_change_nothing),
        fixture_test(moments_on_the_host_change_nothing),
    };
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
