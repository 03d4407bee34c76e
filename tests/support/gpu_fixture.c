#include "tests/support/gpu_fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/quantize.h"
#include "engine/random.h"

enum { ARENA_BYTES = 192 << 20, MAX_BLOCKS = 512 };

static struct {
    Gpu       *gpu;
    GpuArena  *arena;
    GpuSpan    memory; /* all of the arena: [0, used) is the test's */
    uint64_t   used;   /* bytes */
    GpuStream *stream;
    bool       recording;
    void      *blocks[MAX_BLOCKS];
    int        block_count;
    bool       ran; /* a test did */
} fixture;

/* cmocka counts tests before any set-up. */
__attribute__((constructor)) static void choose_tests(void)
{
    const char *only = getenv("RLSP_TEST_ONLY");
    if (only != NULL) {
        cmocka_set_test_filter(only);
    }
}

Gpu *fixture_device(const GpuOptions *options)
{
    Error error = {0};
    Gpu  *gpu   = gpu_open(options, &error);
    if (gpu == NULL) {
        fail_msg("%s", error.text);
    }
    return gpu;
}

void fixture_device_close(Gpu *gpu)
{
    if (gpu_validation_count(gpu) > 0) {
        fail_msg("validation: %s", gpu_validation_first(gpu));
    }
    gpu_close(gpu);
}

int gpu_fixture_open(void **state)
{
    (void)state;
    const char *validate = getenv("RLSP_TEST_VALIDATE");
    Error       error    = {0};
    const char *binding = getenv("RLSP_TEST_BINDING"), *separate = getenv("RLSP_TEST_SEPARATE_MEMORY"),
               *allocation = getenv("RLSP_TEST_ALLOCATION"), *submit = getenv("RLSP_TEST_SUBMIT"),
               *as_gpu = getenv("RLSP_TEST_AS_GPU");
    GpuOptions options = {.select               = getenv("RLSP_TEST_DEVICE"),
                          .validate             = !validate || strcmp(validate, "0") != 0,
                          .max_binding_bytes    = binding ? strtoull(binding, NULL, 10) : 0,
                          .max_allocation_bytes = allocation ? strtoull(allocation, NULL, 10) : 0,
                          .submit_seconds       = submit ? strtod(submit, NULL) : 0,
                          .as_gpu               = as_gpu && strcmp(as_gpu, "1") == 0,
                          .separate_memory      = separate && strcmp(separate, "1") == 0};
    fixture.gpu        = gpu_open(&options, &error);
    if (fixture.gpu) {
        fixture.arena  = gpu_arena_new(fixture.gpu, "test", GPU_MEMORY_DEVICE, ARENA_BYTES, &error);
        fixture.stream = gpu_stream_new(fixture.gpu, &error);
    }
    if (!fixture.gpu || !fixture.arena || !fixture.stream) {
        print_error("no device for the test: %s\n", error.text);
        return -1;
    }
    fixture.memory   = gpu_arena_take(fixture.arena, ARENA_BYTES);
    const char *card = getenv("RLSP_CARD"); /* tests/tools/as_card.sh */
    if (card != NULL && strncmp(card, "itself", 6) != 0 && strstr(gpu_info(fixture.gpu)->name, "(in fact") == NULL) {
        print_error("the device is %s and no card: its layer is not there\n", gpu_info(fixture.gpu)->name);
        return -1;
    }
    print_message("device: %s (%s)\n", gpu_info(fixture.gpu)->name, gpu_info(fixture.gpu)->driver);
    return 0;
}

int gpu_fixture_close(void **state)
{
    (void)state;
    if (!fixture.gpu) {
        return -1;
    }
    gpu_stream_free(fixture.stream);
    gpu_arena_free(fixture.arena);
    int messages = gpu_validation_count(fixture.gpu);
    if (messages > 0) {
        print_error("%d validation messages; the first: %s\n", messages, gpu_validation_first(fixture.gpu));
        exit(EXIT_FAILURE); /* cmocka leaves a failed group tear-down out of its result */
    }
    if (!fixture.ran && getenv("RLSP_TEST_ONLY") != NULL) {
        print_error("RLSP_TEST_ONLY: no test is called %s\n", getenv("RLSP_TEST_ONLY"));
        exit(EXIT_FAILURE);
    }
    gpu_close(fixture.gpu);
    return 0;
}

int gpu_fixture_reset(void **state)
{
    (void)state;
    fixture.ran = true;
    for (int i = 0; i < fixture.block_count; i++) {
        free(fixture.blocks[i]);
    }
    fixture.block_count = 0;
    if (fixture.recording) { /* the test failed before it ran its stream */
        gpu_stream_end(fixture.stream, NULL);
        fixture.recording = false;
    }
    fixture.used = 0;
    return 0;
}

Gpu *fixture_gpu(void)
{
    return fixture.gpu;
}

GpuStream *fixture_stream(void)
{
    gpu_stream_begin(fixture.stream);
    fixture.recording = true;
    return fixture.stream;
}

void fixture_run(void)
{
    Error error       = {0};
    fixture.recording = false;
    if (gpu_stream_run(fixture.stream, &error) != STATUS_OK) {
        fail_msg("the stream failed: %s", error.text);
    }
}

void fixture_iota(GpuStream *stream, GpuSpan x, uint32_t count, float start, GpuGroups groups, double flops)
{
    const struct {
        uint32_t count;
        float    start;
    } push = {count, start};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "fill_iota",
                                        .spec       = {64},
                                        .spec_count = 1,
                                        .bind       = {gpu_write(x)},
                                        .push       = &push,
                                        .push_size  = sizeof push,
                                        .groups     = groups,
                                        .flops      = flops});
}

void *fixture_alloc(size_t bytes)
{
    assert_true(fixture.block_count < MAX_BLOCKS);
    void *block = calloc(1, bytes ? bytes : 1);
    assert_non_null(block);
    fixture.blocks[fixture.block_count++] = block;
    return block;
}

double *fixture_doubles(size_t count, uint32_t seed)
{
    double *values = fixture_alloc(count * sizeof *values);
    Random  random = random_stream(20250601, RANDOM_TEST, seed, 0);
    for (size_t i = 0; i < count; i++) {
        values[i] = (double)(float)random_normal(&random);
    }
    return values;
}

static GpuSpan upload_bytes(const void *bytes, size_t size)
{
    const uint64_t taken = gpu_align(size ? size : 4);
    Error          error = {0};
    assert_true(taken <= ARENA_BYTES - fixture.used);
    const GpuSpan span = gpu_span_slice(fixture.memory, fixture.used, size ? size : 4);
    fixture.used += taken;
    if (size && gpu_upload(fixture.gpu, span, bytes, size, &error) != STATUS_OK) {
        fail_msg("upload: %s", error.text);
    }
    return span;
}

GpuSpan fixture_upload(const double *values, size_t count)
{
    float *floats = malloc((count ? count : 1) * sizeof *floats);
    assert_non_null(floats);
    for (size_t i = 0; i < count; i++) {
        floats[i] = (float)values[i];
    }
    GpuSpan span = upload_bytes(floats, count * sizeof *floats);
    free(floats);
    return span;
}

static GpuSpan constant_span(size_t count, double value)
{
    double *values = malloc((count ? count : 1) * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++) {
        values[i] = value;
    }
    GpuSpan span = fixture_upload(values, count);
    free(values);
    return span;
}

GpuSpan fixture_empty(size_t count)
{
    return constant_span(count, NAN);
}
GpuSpan fixture_zeros(size_t count)
{
    return constant_span(count, 0);
}
GpuSpan fixture_words(const void *words, size_t count)
{
    return upload_bytes(words, count * 4);
}

float *fixture_download(GpuSpan span, size_t count)
{
    Error  error  = {0};
    float *values = fixture_alloc(count * sizeof *values);
    if (count && gpu_download(fixture.gpu, span, values, count * sizeof *values, &error) != STATUS_OK) {
        fail_msg("download: %s", error.text);
    }
    return values;
}

double fixture_error(const float *got, const double *want, size_t count)
{
    double worst = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(got[i])) {
            return INFINITY;
        }
        worst   = fmax(worst, fabs((double)got[i] - want[i]));
        largest = fmax(largest, fabs(want[i]));
    }
    return largest > 0 ? worst / largest : worst;
}

void fixture_check(const char *name, GpuSpan span, const double *want, size_t count, double tolerance)
{
    const float *got   = fixture_download(span, count);
    double       error = fixture_error(got, want, count);
    if (!(error <= tolerance)) {
        size_t at    = 0;
        double worst = -1;
        for (size_t i = 0; i < count; i++) {
            double off = isfinite(got[i]) ? fabs((double)got[i] - want[i]) : INFINITY;
            if (off > worst) {
                worst = off;
                at    = i;
            }
        }
        fail_msg("%s: relative error %.3g, allowed %.3g; worst at %zu of %zu: got %.9g, want %.9g", name, error,
                 tolerance, at, count, (double)got[at], want[at]);
    }
}

void fixture_check_same(const char *name, GpuSpan a, const float *want, size_t count)
{
    const float *got = fixture_download(a, count);
    for (size_t i = 0; i < count; i++) {
        if (memcmp(&got[i], &want[i], sizeof *got) != 0) {
            fail_msg("%s: element %zu of %zu is %.9g, was %.9g", name, i, count, (double)got[i], (double)want[i]);
        }
    }
}

void fixture_check_halves(const char *name, TypedSpan halves, const float *want, size_t count)
{
    uint32_t    *rounded = fixture_alloc((count / 8 + 1) * 16);
    const size_t words   = (count + 1) / 2;
    const float *got     = fixture_download(halves.span, words);
    quantize_rows(halves.type == COMPUTE_BF16 ? WEIGHT_BF16 : WEIGHT_F16, want, 1, (uint32_t)count, rounded, NULL);
    for (size_t i = 0; i < words; i++) {
        uint32_t word;
        memcpy(&word, &got[i], sizeof word);
        if (word != rounded[i]) {
            fail_msg("%s: %s %zu and the next of %zu are %08x, wanted %08x", name, compute_type_name(halves.type),
                     2 * i, count, word, rounded[i]);
        }
    }
}

void fixture_check_gradient(const char *name, double (*loss)(void *user), void *user, double *parameters,
                            const double *gradient, size_t count, double tolerance)
{
    const double step    = 1e-5;
    double       largest = 0;
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs(gradient[i]));
    }
    size_t stride = count > fixture_gradient_samples ? count / fixture_gradient_samples | 1 : 1;
    for (size_t i = 0; i < count; i += stride) {
        double kept    = parameters[i];
        parameters[i]  = kept + step;
        double up      = loss(user);
        parameters[i]  = kept - step;
        double down    = loss(user);
        parameters[i]  = kept;
        double numeric = (up - down) / (2 * step);
        if (!(fabs(numeric - gradient[i]) <= tolerance * largest)) {
            fail_msg("%s: gradient of parameter %zu of %zu is %.9g, by finite differences %.9g", name, i, count,
                     gradient[i], numeric);
        }
    }
}
