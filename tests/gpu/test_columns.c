/* Column sums, the gradients of biases. */
#include <string.h>

#include "engine/ops/columns.h"
#include "tests/support/gpu_fixture.h"

static void sums_columns(void **state)
{
    (void)state;
    static const uint32_t shapes[][2] = {{1, 1}, {7, 10}, {133, 96}, {64, 8}, {65, 1030}, {10007, 16}};
    for (size_t s = 0; s < 6; s++) {
        const uint32_t rows = shapes[s][0], width = shapes[s][1];
        const size_t   size = (size_t)rows * width;
        double        *dy = fixture_doubles(size, 1), *scale = fixture_doubles(rows, 2);
        double        *db = fixture_doubles(width, 3), *dw = fixture_doubles(width, 4);
        GpuSpan gdy = fixture_upload(dy, size), gscale = fixture_upload(scale, rows), gdb = fixture_upload(db, width);
        GpuSpan gdw = fixture_upload(dw, width), again = fixture_upload(db, width);
        GpuSpan workspace = fixture_empty(columns_workspace_bytes(rows, width) / sizeof(float));
        GpuStream *stream = fixture_stream();
        columns_sum(stream, gdb, gdy, rows, width, workspace);
        columns_weighted_sum(stream, gdw, gdy, gscale, rows, width, workspace); /* the same scratch: a hazard */
        columns_sum(stream, again, gdy, rows, width, workspace);
        fixture_run();
        for (size_t i = 0; i < size; i++) {
            db[i % width] += dy[i];
            dw[i % width] += dy[i] * scale[i / width];
        }
        fixture_check("db", gdb, db, width, 4e-6); /* chunks of at most ~80 additions, then ~130 */
        fixture_check("dw", gdw, dw, width, 4e-6);
        fixture_check_same("db, again", again, fixture_download(gdb, width), width);
    }
}

static void small_workspace_fails(void **state)
{
    (void)state;
    GpuSpan    dy = fixture_zeros(1000 * 8), db = fixture_zeros(8), workspace = fixture_zeros(8);
    GpuStream *stream = fixture_stream();
    Error      error  = {0};
    columns_sum(stream, db, dy, 1000, 8, workspace);
    assert_int_equal(gpu_stream_run(stream, &error), STATUS_FAILED);
    assert_non_null(strstr(error.text, "workspace"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(sums_columns), fixture_test(small_workspace_fails)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
