/* Gathered and scattered rows, and the element-wise helpers. */
#include "engine/ops/elementwise.h"
#include "engine/ops/rows.h"
#include "tests/support/gpu_fixture.h"

static void gathers_and_scatters(void **state)
{
    (void)state;
    static const uint32_t shapes[][3] = {
        {1, 1, 10}, {9, 7, 96}, {200, 133, 24}, {5, 3, 1030}}; /* rows of x, of y, width */
    for (size_t s = 0; s < 4; s++) {
        const uint32_t all = shapes[s][0], rows = shapes[s][1], width = shapes[s][2];
        double        *x = fixture_doubles((size_t)all * width, 1), *dy = fixture_doubles((size_t)rows * width, 2);
        double        *y     = fixture_alloc((size_t)rows * width * sizeof *y);
        int32_t       *index = fixture_alloc(rows * sizeof *index);
        GpuSpan        gx = fixture_upload(x, (size_t)all * width), gdy = fixture_upload(dy, (size_t)rows * width);
        for (uint32_t r = 0; r < rows; r++) {
            index[r] = (int32_t)((r * 67 + 3) % all); /* 67 shares no factor with the row counts: unique */
            for (uint32_t c = 0; c < width; c++) {
                y[r * width + c] = x[(uint32_t)index[r] * width + c];
                x[(uint32_t)index[r] * width + c] += dy[r * width + c];
            }
        }
        GpuSpan    gindex = fixture_words(index, rows), gy = fixture_empty((size_t)rows * width);
        GpuStream *stream = fixture_stream();
        rows_gather(stream, gy, gx, gindex, rows, width);
        rows_scatter_add(stream, gx, gdy, gindex, rows, width);
        fixture_run();
        fixture_check("y", gy, y, (size_t)rows * width, 0);
        fixture_check("dx", gx, x, (size_t)all * width, 1e-7);
    }
}

static void element_by_element(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1, 63, 64, 1000, 70001};
    for (size_t k = 0; k < 5; k++) {
        const uint32_t n = counts[k];
        double        *x = fixture_doubles(n, 1);
        const GpuSpan  y = fixture_upload(x, n);
        elementwise_scale(fixture_stream(), y, -3, n);
        fixture_run();
        for (uint32_t i = 0; i < n; i++) {
            x[i] *= -3;
        }
        fixture_check("scale", y, x, n, 1e-6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(gathers_and_scatters), fixture_test(element_by_element)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
