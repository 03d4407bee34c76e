#include "tests/support/plot_sheet.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/random.h"
#include "tests/support/fixture.h"
#include "tui/draw/theme.h"

double plot_steps[POINTS];
float  plot_rising[POINTS], plot_noisy[POINTS], plot_spread[POINTS], plot_powers[POINTS], plot_gaps[POINTS];

int sheet_data(void **state)
{
    (void)state;
    Random random = random_stream(3, RANDOM_TEST, 0, 0);
    for (int i = 0; i < POINTS; i++) {
        plot_steps[i]  = i;
        plot_rising[i] = (float)i / (POINTS - 1);
        plot_noisy[i]  = 0.5f + 0.4f * (float)(random_uniform(&random) - 0.5);
        plot_spread[i] = 0.2f;
        plot_powers[i] = powf(10, -4 + 4 * (float)i / (POINTS - 1));
        plot_gaps[i]   = i >= 100 && i < 200 ? NAN : 0.5f;
    }
    return 0;
}

uint32_t sheet_paper(Ink ink)
{
    const ThemeInk *look = theme_ink(ink);
    return (uint32_t)look->paper_red << 16 | (uint32_t)look->paper_green << 8 | look->paper_blue;
}

Sheet sheet_write(const Plot *plot)
{
    const char *path  = fixture_path(fixture_directory(), "plot.png");
    Sheet       sheet = {.font = font_open(FONT_PROPORTIONAL)};
    Error       error = {0};
    if (plot_write(plot, path, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    sheet.png = png_read(path);
    assert_true(plot_lay_out(plot, sheet.font, &sheet.layout));
    assert_int_equal(sheet.png.width, sheet.layout.width);
    assert_int_equal(sheet.png.height, sheet.layout.height);
    assert_int_equal(png_pixel(&sheet.png, 0, 0), WHITE);
    assert_int_equal(png_pixel(&sheet.png, sheet.png.width - 1, sheet.png.height - 1), WHITE);
    return sheet;
}

void sheet_free(Sheet *sheet)
{
    plot_layout_free(&sheet->layout);
    png_free(&sheet->png);
    font_free(sheet->font);
}

uint32_t sheet_at(const Sheet *sheet, int panel, double x, double y)
{
    const PlotAxes *axes = &sheet->layout.axes[panel];
    return png_pixel(&sheet->png, (int)plot_axes_x(axes, x), (int)plot_axes_y(axes, y));
}

bool sheet_is_near(uint32_t colour, uint32_t wanted)
{
    for (int shift = 0; shift <= 16; shift += 8) {
        if (abs((int)(colour >> shift & 0xFF) - (int)(wanted >> shift & 0xFF)) > 24) {
            return false;
        }
    }
    return true;
}

const PlotText *sheet_find(const PlotLayout *layout, PlotTextKind kind, const char *text)
{
    for (size_t i = 0; i < layout->text_count; i++) {
        if (layout->texts[i].kind == kind && (text == NULL || strcmp(layout->texts[i].text, text) == 0)) {
            return &layout->texts[i];
        }
    }
    return NULL;
}
