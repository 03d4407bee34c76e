/* Copies between host and device on a device that has memory of its own: through the staging buffer, in halves. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/gpu_fixture.h"

enum { MIB = 1 << 20, PIECE = 16 * MIB }; /* the staging buffer is a PIECE, and must be one allocation */

static struct {
    Gpu *gpu;
} separate;

static int open_separate(void **state)
{
    (void)state;
    Error error  = {0};
    separate.gpu = gpu_open(
        &(GpuOptions){.select = getenv("RLSP_TEST_DEVICE"), .validate = true, .separate_memory = true}, &error);
    return separate.gpu != NULL ? 0 : -1;
}

static int close_separate(void **state)
{
    (void)state;
    const int messages = gpu_validation_count(separate.gpu);
    gpu_close(separate.gpu);
    if (messages > 0) {
        exit(EXIT_FAILURE); /* cmocka leaves a failed group tear-down out of its result */
    }
    return 0;
}

/* What a source was asked for, by several threads. */
typedef struct Asked {
    uint64_t             fail_at;
    uint32_t             salt;
    atomic_uint_fast64_t bytes, wrong;
} Asked;

static uint32_t word_at(uint64_t index, uint32_t salt)
{
    return (uint32_t)index * 2654435761u + salt;
}

static Status source(void *context, uint64_t first, uint64_t count, void *to, Error *error)
{
    Asked *asked = context;
    asked->wrong += !(count > 0 && count <= MIB && first % GPU_ALIGNMENT == 0);
    asked->bytes += count;
    if (first + count > asked->fail_at) {
        return error_set(error, STATUS_BAD_INPUT, "the source failed at %ju", (uintmax_t)(first / MIB));
    }
    for (uint64_t i = 0; i < count / 4; i++) {
        ((uint32_t *)to)[i] = word_at(first / 4 + i, asked->salt);
    }
    return STATUS_OK;
}

static void check(GpuSpan span, uint32_t salt)
{
    Error     error = {0};
    uint32_t *words = malloc(span.size);
    assert_non_null(words);
    assert_int_equal(gpu_download(separate.gpu, span, words, span.size, &error), STATUS_OK);
    for (uint64_t i = 0; i < span.size / 4; i++) {
        assert_int_equal(words[i], word_at(i, salt));
    }
    free(words);
}

static void a_source_fills_a_span(void **state)
{
    (void)state;
    const uint64_t sizes[] = {4, 4 * MIB, 8 * MIB, 8 * MIB + 4, 41 * MIB + 20};
    Error          error   = {0};
    GpuArena      *arena   = gpu_arena_new(separate.gpu, "test", GPU_MEMORY_DEVICE, 48 * MIB, &error);
    assert_non_null(arena);
    const GpuSpan whole = gpu_arena_take(arena, 48 * MIB);
    for (uint32_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const GpuSpan span  = gpu_span_slice(whole, 0, sizes[i]);
        Asked         asked = {.fail_at = UINT64_MAX, .salt = i + 1};
        assert_int_equal(gpu_upload_from(separate.gpu, span, source, &asked, &error), STATUS_OK);
        assert_true(asked.wrong == 0 && asked.bytes == sizes[i]);
        check(span, i + 1);
        uint32_t *words = malloc(sizes[i]);
        assert_non_null(words);
        for (uint64_t j = 0; j < sizes[i] / 4; j++) {
            words[j] = word_at(j, 100 + i);
        }
        assert_int_equal(gpu_upload(separate.gpu, span, words, sizes[i], &error), STATUS_OK);
        check(span, 100 + i);
        free(words);
    }
    gpu_arena_free(arena);
}

/* The first failure ends it with the source's own text, and the next upload is as any other. */
static void a_failing_source_is_reported(void **state)
{
    (void)state;
    Error     error = {0};
    GpuArena *arena = gpu_arena_new(separate.gpu, "test", GPU_MEMORY_DEVICE, 32 * MIB, &error);
    assert_non_null(arena);
    GpuSpan span  = gpu_arena_take(arena, 30 * MIB);
    Asked   asked = {.fail_at = 20 * MIB, .salt = 7};
    assert_int_equal(gpu_upload_from(separate.gpu, span, source, &asked, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "the source failed at "));
    assert_true(asked.bytes <= 24 * MIB); /* nothing behind the half that failed is asked for */
    assert_in_range(atoi(error.text + strlen("the source failed at ")), 19, 20); /* of the pieces the first */
    error       = (Error){0};
    Asked again = {.fail_at = UINT64_MAX, .salt = 9};
    assert_int_equal(gpu_upload_from(separate.gpu, span, source, &again, &error), STATUS_OK);
    check(span, 9);
    gpu_arena_free(arena);
}

/* Rows in two parts: each word says its row, place and part. */
static Status row_source(void *context, uint64_t first, uint64_t rows, void *data, void *scales, Error *error)
{
    const uint32_t *words = context; /* of a row's parts */
    (void)error;
    for (uint64_t row = 0; row < rows; row++) {
        for (uint32_t i = 0; i < words[0]; i++) {
            ((uint32_t *)data)[row * words[0] + i] = word_at((first + row) * words[0] + i, 1);
        }
        for (uint32_t i = 0; i < words[1]; i++) {
            ((uint32_t *)scales)[row * words[1] + i] = word_at((first + row) * words[1] + i, 2);
        }
    }
    return STATUS_OK;
}

static void rows_have_two_parts(void **state)
{
    (void)state;
    const uint32_t rows        = 5003;
    uint32_t       shapes[][2] = {{1000, 63}, {3, 1}, {700, 0}};
    Error          error       = {0};
    GpuArena      *arena       = gpu_arena_new(separate.gpu, "test", GPU_MEMORY_DEVICE, 64 * MIB, &error);
    assert_non_null(arena);
    for (uint32_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        GpuSpan data = gpu_arena_take(arena, (uint64_t)rows * shapes[i][0] * 4), scales = {0};
        if (shapes[i][1] > 0) {
            scales = gpu_arena_take(arena, (uint64_t)rows * shapes[i][1] * 4);
        }
        assert_int_equal(gpu_upload_rows(separate.gpu, data, scales, rows, row_source, shapes[i], &error), STATUS_OK);
        check(data, 1);
        if (scales.size > 0) {
            check(scales, 2);
        }
    }
    gpu_arena_free(arena);
}

/* A buffer of more than the device gives at once is several allocations, which kernels and copies see as one. */
static void a_buffer_of_several_allocations(void **state)
{
    (void)state;
    Error            error   = {0};
    const char      *device  = getenv("RLSP_TEST_DEVICE");
    const GpuOptions options = {.select = device, .validate = true, .max_allocation_bytes = PIECE};
    Gpu             *whole   = separate.gpu;
    Gpu             *gpu     = gpu_open(&options, &error);
    assert_non_null(gpu);
    GpuArena *arena = gpu_arena_new(gpu, "test", GPU_MEMORY_DEVICE, 3 * PIECE + 4096, &error);
    assert_non_null(arena);
    const char *name;
    assert_int_equal(gpu_memory_largest(gpu, &name), 3 * PIECE + 4096);
    assert_string_equal(name, "test");
    const GpuSpan span  = gpu_arena_take(arena, 3 * PIECE + 100);
    uint32_t     *words = malloc(span.size);
    assert_non_null(words);
    assert_int_equal(gpu_download(gpu, span, words, span.size, &error), STATUS_OK);
    for (uint64_t i = 0; i < span.size / 4; i++) {
        assert_int_equal(words[i], 0);
    }
    Asked asked  = {.fail_at = UINT64_MAX, .salt = 3};
    separate.gpu = gpu;
    assert_int_equal(gpu_upload_from(gpu, span, source, &asked, &error), STATUS_OK);
    check(span, 3);
    /* a kernel across the first border of two allocations */
    GpuStream *stream = gpu_stream_new(gpu, &error);
    assert_non_null(stream);
    const uint32_t count = MIB / 4, first = (PIECE - MIB / 2) / 4;
    const GpuSpan  across = gpu_span_slice(span, PIECE - MIB / 2, MIB);
    gpu_stream_begin(stream);
    fixture_iota(stream, across, count, 0.0f, gpu_groups(count, 64), 0);
    assert_int_equal(gpu_stream_run(stream, &error), STATUS_OK);
    assert_int_equal(gpu_download(gpu, span, words, span.size, &error), STATUS_OK);
    for (uint64_t i = 0; i < span.size / 4; i++) {
        float value;
        memcpy(&value, &words[i], sizeof value);
        const bool filled = i >= first && i < first + count;
        assert_true(filled ? value == (float)(i - first) : words[i] == word_at(i, 3));
    }
    print_message("    %s\n",
                  gpu_info(gpu)->tier.sparse_memory ? "of 4 allocations" : "this device has no buffers of several");
    free(words);
    gpu_stream_free(stream);
    gpu_arena_free(arena);
    assert_int_equal(gpu_validation_count(gpu), 0);
    gpu_close(gpu);
    separate.gpu = whole;
}

/* Small pieces share a trip through the staging buffer; one that is larger than it goes alone. */
static void many_pieces_come_back(void **state)
{
    (void)state;
    const uint64_t sizes[] = {4, 300, 9 * MIB, 9 * MIB + 4, 8, 17 * MIB, 12, 256};
    enum { PIECES = sizeof sizes / sizeof *sizes };
    Error     error = {0};
    GpuArena *arena = gpu_arena_new(separate.gpu, "test", GPU_MEMORY_DEVICE, 40 * MIB, &error);
    GpuSpan   from[PIECES];
    void     *to[PIECES];
    assert_non_null(arena);
    for (uint32_t i = 0; i < PIECES; i++) {
        Asked asked = {.fail_at = UINT64_MAX, .salt = i};
        from[i]     = gpu_arena_take(arena, sizes[i]);
        to[i]       = malloc(sizes[i] + 4);
        assert_non_null(to[i]);
        memset((char *)to[i] + sizes[i], 0x5a, 4);
        assert_int_equal(gpu_upload_from(separate.gpu, from[i], source, &asked, &error), STATUS_OK);
    }
    assert_int_equal(gpu_download_many(separate.gpu, from, to, PIECES, &error), STATUS_OK);
    for (uint32_t i = 0; i < PIECES; i++) {
        for (uint64_t w = 0; w < sizes[i] / 4; w++) {
            assert_int_equal(((uint32_t *)to[i])[w], word_at(w, i));
        }
        assert_int_equal(((uint32_t *)to[i])[sizes[i] / 4], 0x5a5a5a5a);
        free(to[i]);
    }
    assert_int_equal(gpu_download_many(separate.gpu, from, to, 0, &error), STATUS_OK);
    gpu_arena_free(arena);
}

/* What no buffer of the device may hold is refused by name; what just fits is not. */
static void a_buffer_that_is_too_large(void **state)
{
    (void)state;
    Error            error   = {0};
    const GpuOptions options = {.select = getenv("RLSP_TEST_DEVICE"), .validate = true, .max_buffer_bytes = 20 * MIB};
    Gpu             *gpu     = gpu_open(&options, &error);
    assert_non_null(gpu);
    assert_null(gpu_arena_new(gpu, "rows", GPU_MEMORY_DEVICE, 20 * MIB + 4, &error));
    assert_int_equal(error.status, STATUS_OUT_OF_MEMORY);
    assert_non_null(strstr(error.text, "rows needs a buffer of 20.0 MiB"));
    GpuArena *arena = gpu_arena_new(gpu, "rows", GPU_MEMORY_DEVICE, 20 * MIB, &error);
    assert_non_null(arena);
    gpu_arena_free(arena);
    gpu_close(gpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_source_fills_a_span),
                                       cmocka_unit_test(a_failing_source_is_reported),
                                       cmocka_unit_test(rows_have_two_parts),
                                       cmocka_unit_test(many_pieces_come_back),
                                       cmocka_unit_test(a_buffer_of_several_allocations),
                                       cmocka_unit_test(a_buffer_that_is_too_large)};
    return cmocka_run_group_tests(tests, open_separate, close_separate);
}
