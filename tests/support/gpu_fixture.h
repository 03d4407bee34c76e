/* What the kernel tests share: one device, one arena, one stream per program,
 * float64 arithmetic to compare with, and gradient checks.
 *
 *     static void adds(void **state)
 *     {
 *         (void)state;
 *         double *a = fixture_doubles(count, 1);        // N(0, 1), float-representable
 *         GpuSpan ga = fixture_upload(a, count), gc = fixture_empty(count);
 *         GpuStream *stream = fixture_stream();
 *         add_forward(stream, gc, ga, count);
 *         fixture_run();
 *         fixture_check("c", gc, want, count, 1e-6);    // relative to the largest |want|
 *     }
 *
 *     int main(void)
 *     {
 *         const struct CMUnitTest tests[] = {fixture_test(adds)};
 *         return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
 *     }
 *
 * The device is RLSP_TEST_DEVICE (an index or part of a name) or the best one;
 * validation is on unless RLSP_TEST_VALIDATE=0, and gpu_fixture_close fails if
 * the layer said anything. RLSP_TEST_AS_GPU=1 gives a CPU device the kernels and workgroups of
 * a GPU, of several subgroups each; RLSP_TEST_BINDING=BYTES, RLSP_TEST_SUBMIT=SECONDS and
 * RLSP_TEST_SEPARATE_MEMORY=1 make it a device that binds less at once, whose work is cut into short submissions, or
 * that has memory of its own (GpuOptions). RLSP_TEST_ONLY=PATTERN runs just the tests of such a name ('*', '?'). Host
 * memory from the fixture and device spans live until the test ends.
 */
#ifndef TESTS_SUPPORT_GPU_FIXTURE_H
#define TESTS_SUPPORT_GPU_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/ops/typed_span.h"
#include "engine/vk/device.h"
#include "engine/vk/memory.h"
#include "engine/vk/stream.h"

int gpu_fixture_open(void **state);  /* group set-up                                  */
int gpu_fixture_close(void **state); /* group tear-down: fails on validation messages */
int gpu_fixture_reset(void **state); /* before and after each test: forgets spans and host memory */

#define fixture_test(function) cmocka_unit_test_setup_teardown(function, gpu_fixture_reset, gpu_fixture_reset)

/* A device besides the shared one, for tests with options of their own; the test fails if it cannot be opened, and when
 * it is closed if the validation layer said anything. */
Gpu *fixture_device(const GpuOptions *options);
void fixture_device_close(Gpu *gpu);

Gpu       *fixture_gpu(void);
GpuStream *fixture_stream(void); /* begun, empty                                        */
void       fixture_run(void);    /* gpu_stream_run; the test fails with its error text  */

/* x[i] = start + i by the smallest kernel there is, in `groups` workgroups of 64, said to do `flops` (0: none). For
 * tests of engine/vk, on any device and stream. */
void fixture_iota(GpuStream *stream, GpuSpan x, uint32_t count, float start, GpuGroups groups, double flops);

/* Host memory, zeroed, freed when the test ends. */
void *fixture_alloc(size_t bytes);

/* `count` numbers from N(0, 1) that are exact in float32. */
double *fixture_doubles(size_t count, uint32_t seed);

/* Device spans: float32 copies of doubles; `count` floats that are NaN until
 * written; `count` zeros; int32 / uint32 words as they are. */
GpuSpan fixture_upload(const double *values, size_t count);
GpuSpan fixture_empty(size_t count);
GpuSpan fixture_zeros(size_t count);
GpuSpan fixture_words(const void *words, size_t count);

float *fixture_download(GpuSpan span, size_t count); /* until the test ends */

/* max |got - want| / max |want| (absolute where want is all zero); infinite if any got is not finite. */
double fixture_error(const float *got, const double *want, size_t count);

/* Fails, naming the tensor, unless the span is within `tolerance` of `want`. */
void fixture_check(const char *name, GpuSpan span, const double *want, size_t count, double tolerance);

/* Fails unless both spans hold the same bits. */
void fixture_check_same(const char *name, GpuSpan a, const float *want, size_t count);

/* Fails unless the halves are those floats rounded to their type. */
void fixture_check_halves(const char *name, TypedSpan halves, const float *want, size_t count);

/* Compares gradient[i] with the central difference of loss(user) in
 * parameters[i], for every i (or `fixture_gradient_samples` spread ones if there
 * are more): |analytic - numeric| <= tolerance * max |analytic|. */
enum { fixture_gradient_samples = 60 };
void fixture_check_gradient(const char *name, double (*loss)(void *user), void *user, double *parameters,
                            const double *gradient, size_t count, double tolerance);

#endif
