#include "tui/image/plot.h"

#include <math.h>

#include "tui/draw/theme.h"
#include "tui/image/plot_parts.h"

static const Colour white = {0xFF, 0xFF, 0xFF, 1}, grid = {0xE4, 0xE7, 0xEC, 1}, frame = {0x50, 0x56, 0x60, 1};

/* A straight line on whole pixels, so that it is crisp. */
static void rule(Image *image, double x, double y, double width, double height, double line, Colour colour)
{
    const double thick = fmax(1, floor(line + 0.5));
    image_rectangle(image, floor(x), floor(y), width > 0 ? floor(width) : thick, height > 0 ? floor(height) : thick,
                    colour);
}

static void paint_axes(Image *image, const Chart *chart, const PlotAxes *axes, double line)
{
    const PlotBox *box  = &axes->box;
    const double   mark = floor(5 * line), thick = fmax(1, floor(line + 0.5));
    for (int i = 0; i < axes->x_ticks.count; i++) {
        const double x = plot_axes_x(axes, axes->x_ticks.values[i]);
        rule(image, x, box->y, 0, box->height, line, grid);
        rule(image, x, box->y + box->height, 0, mark, line, frame);
    }
    for (int i = 0; i < axes->y_ticks.count; i++) {
        const double y = plot_axes_y(axes, axes->y_ticks.values[i]);
        rule(image, box->x, y, box->width, 0, line, grid);
        rule(image, box->x - mark, y, mark, 0, line, frame);
    }
    if (axes->shown) {
        /* What lies on the edge is seen whole: half of a line's width above and below, a mark at the sides. */
        const int over = (int)ceil(2 * line), beside = (int)ceil(4 * line);
        image_clip(image, (int)box->x - beside, (int)box->y - over, (int)box->width + 2 * beside,
                   (int)box->height + 2 * over);
        plot_curves(image, chart, axes, line);
        image_unclip(image);
    }
    rule(image, box->x - thick, box->y, 0, box->height + thick, line, frame);
    rule(image, box->x - thick, box->y + box->height, box->width + thick, 0, line, frame);
}

static void paint(Image *image, const Plot *plot, Font *font, const PlotLayout *layout)
{
    for (int i = 0; i < plot->panel_count; i++) {
        paint_axes(image, &plot->panels[i].chart, &layout->axes[i], layout->line);
    }
    for (size_t i = 0; i < layout->key_count; i++) {
        const PlotKey  *key  = &layout->keys[i];
        const ThemeInk *look = theme_ink(key->ink);
        image_line(image, key->x + 2 * layout->line, floor(key->y) + 0.5, key->x + key->length - 2 * layout->line,
                   floor(key->y) + 0.5, 3 * layout->line,
                   (Colour){look->paper_red, look->paper_green, look->paper_blue, 1});
    }
    for (size_t i = 0; i < layout->text_count; i++) {
        const PlotText *text = &layout->texts[i];
        font_draw(font, image, text->x, text->y, &text->style, text->text);
    }
}

static Status out_of_memory(const char *path, int width, int height, Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "cannot write %s: out of memory for a plot of %d x %d pixels", path,
                     width, height);
}

Status plot_write(const Plot *plot, const char *path, Error *error)
{
    int width, height, columns;
    plot_size(plot, &width, &height, &columns);
    if (width > IMAGE_MAX_SIDE || height > IMAGE_MAX_SIDE || (int64_t)width * height > IMAGE_MAX_PIXELS) {
        return error_set(
            error, STATUS_FAILED,
            "cannot write %s: a plot of %d x %d pixels is too large; ask for a smaller one or fewer panels", path,
            width, height);
    }
    PlotLayout layout = {0};
    Font      *font   = font_open(FONT_PROPORTIONAL);
    Image     *image  = image_new(width, height, white);
    Status     status;
    if (font == NULL || image == NULL || !plot_lay_out(plot, font, &layout)) {
        status = out_of_memory(path, width, height, error);
    } else {
        paint(image, plot, font, &layout);
        status = image_write(image, path, error);
    }
    plot_layout_free(&layout);
    image_free(image);
    font_free(font);
    return status;
}
