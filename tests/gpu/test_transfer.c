/* Copies between host and device on a device that has memory of its own: through the staging buffer, in halves. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/gpu_fixture.h"

enum { MIB = 1 << 20 };

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

/* What a source was asked for. */
typedef struct Asked {
    uint64_t next, total, fail_at;
    uint32_t calls, salt;
    bool     in_order;
} Asked;

static uint32_t word_at(uint64_t index, uint32_t salt)
{
    return (uint32_t)index * 2654435761u + salt;
}

static Status source(void *context, uint64_t first, uint64_t count, void *to, Error *error)
{
    Asked *asked    = context;
    asked->in_order = asked->in_order && first == asked->next && count > 0 && count <= 8 * MIB && first % MIB == 0;
    asked->next     = first + count;
    asked->calls++;
    if (first + count > asked->fail_at) {
        return error_set(error, STATUS_BAD_INPUT, "the source failed");
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
    for (uint32_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        gpu_arena_reset(arena);
        GpuSpan span  = gpu_arena_take(arena, sizes[i]);
        Asked   asked = {.fail_at = UINT64_MAX, .salt = i + 1, .in_order = true};
        assert_int_equal(gpu_upload_from(separate.gpu, span, source, &asked, &error), STATUS_OK);
        assert_true(asked.in_order && asked.next == sizes[i]);
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
    Asked   asked = {.fail_at = 20 * MIB, .salt = 7, .in_order = true};
    assert_int_equal(gpu_upload_from(separate.gpu, span, source, &asked, &error), STATUS_BAD_INPUT);
    assert_string_equal(error.text, "the source failed");
    assert_int_equal(asked.calls, 3);
    error = (Error){0};
    asked = (Asked){.fail_at = UINT64_MAX, .salt = 9, .in_order = true};
    assert_int_equal(gpu_upload_from(separate.gpu, span, source, &asked, &error), STATUS_OK);
    check(span, 9);
    gpu_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_source_fills_a_span),
                                       cmocka_unit_test(a_failing_source_is_reported)};
    return cmocka_run_group_tests(tests, open_separate, close_separate);
}
