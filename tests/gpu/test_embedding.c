/* Embedding rows, and their gradient by the sorted index. */

#include "engine/ops/embedding.h"
#include "engine/random.h"
#include "tests/support/gpu_fixture.h"

static void check(uint32_t tokens, uint32_t width, uint32_t vocab, uint32_t used)
{
    const size_t size = (size_t)tokens * width, table_size = (size_t)vocab * width;
    double      *table = fixture_doubles(table_size, 1), *dy = fixture_doubles(size, 2);
    double      *dtable = fixture_doubles(table_size, 3), *y = fixture_alloc(size * sizeof *y);
    int32_t     *ids    = fixture_alloc(tokens * sizeof *ids);
    Random       random = random_stream(7, RANDOM_TEST, tokens, vocab);
    for (uint32_t t = 0; t < tokens; t++) {
        ids[t] = t == 0 ? (int32_t)vocab - 1 : (int32_t)random_below(&random, used);
    }
    EmbeddingIndex index = {fixture_alloc(tokens * sizeof(uint32_t)), fixture_alloc((tokens + 1) * sizeof(uint32_t)),
                            fixture_alloc(tokens * sizeof(uint32_t))};
    const uint32_t unique =
        embedding_index_build(&index, ids, tokens, vocab, fixture_alloc((vocab + 1) * sizeof(uint32_t)));

    GpuSpan    gtable = fixture_upload(table, table_size), gdtable = fixture_upload(dtable, table_size);
    GpuSpan    gdy = fixture_upload(dy, size), gy = fixture_empty(size), gids = fixture_words(ids, tokens);
    GpuSpan    unique_ids = fixture_words(index.unique_ids, unique), starts = fixture_words(index.starts, unique + 1);
    GpuSpan    order  = fixture_words(index.order, tokens);
    GpuStream *stream = fixture_stream();
    embedding_forward(stream, gy, gtable, gids, tokens, width, vocab);
    embedding_backward(stream, gdtable, gdy, unique_ids, starts, order, unique, width, vocab);
    fixture_run();

    for (size_t t = 0; t < tokens; t++) {
        for (size_t c = 0; c < width; c++) {
            y[t * width + c] = table[(size_t)ids[t] * width + c];
            dtable[(size_t)ids[t] * width + c] += dy[t * width + c];
        }
    }
    fixture_check("y", gy, y, size, 0);
    fixture_check("dtable", gdtable, dtable, table_size, 4e-6); /* up to `tokens` additions */
}

static void odd_shapes(void **state)
{
    (void)state;
    check(1, 10, 3, 3);
    check(7, 96, 64, 60);
    check(133, 24, 11, 11);
    check(1000, 96, 400, 3); /* few ids with many tokens */
    check(50, 130, 4096, 4096);
}

static void index_is_sorted(void **state)
{
    (void)state;
    const int32_t  ids[] = {5, 2, 5, 0, 2, 5};
    uint32_t       unique_ids[6], starts[7], order[6], counts[7];
    EmbeddingIndex index = {unique_ids, starts, order};
    assert_int_equal(embedding_index_build(&index, ids, 6, 6, counts), 3);
    assert_memory_equal(unique_ids, ((uint32_t[]){0, 2, 5}), 12);
    assert_memory_equal(starts, ((uint32_t[]){0, 1, 3, 6}), 16);
    assert_memory_equal(order, ((uint32_t[]){3, 1, 4, 0, 2, 5}), 24);
    assert_int_equal(embedding_index_build(&index, ids, 0, 6, counts), 0);
    assert_int_equal(starts[0], 0);
}

/* Tables beyond the binding limit are bound in pieces: 40 MiB more than one. */
static void table_in_pieces(void **state)
{
    (void)state;
    const uint64_t limit = gpu_info(fixture_gpu())->max_binding_bytes;
    const uint32_t width = 4096;
    if (limit > UINT64_C(160) << 20) {
        skip();
    }
    const uint32_t vocab        = (uint32_t)(limit / (width * sizeof(float))) + 70;
    GpuSpan        table        = fixture_zeros((size_t)vocab * width);
    const int32_t  ids[]        = {0, (int32_t)vocab - 1, (int32_t)vocab - 71, (int32_t)vocab - 70};
    double        *dy           = fixture_doubles(4 * width, 1);
    const uint32_t unique_ids[] = {0, vocab - 71, vocab - 70, vocab - 1}, starts[] = {0, 1, 2, 3, 4},
                   order[] = {0, 2, 3, 1};
    GpuSpan    gdy = fixture_upload(dy, 4 * width), y = fixture_empty(4 * width);
    GpuSpan    a = fixture_words(unique_ids, 4), b = fixture_words(starts, 5), c = fixture_words(order, 4);
    GpuSpan    gids   = fixture_words(ids, 4);
    GpuStream *stream = fixture_stream();
    embedding_backward(stream, table, gdy, a, b, c, 4, width, vocab);
    embedding_forward(stream, y, table, gids, 4, width, vocab);
    fixture_run();
    fixture_check("y", y, dy, 4 * width, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(odd_shapes), cmocka_unit_test(index_is_sorted),
                                       fixture_test(table_in_pieces)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
