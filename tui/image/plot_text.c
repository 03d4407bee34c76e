#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/draw/text.h"
#include "tui/draw/theme.h"
#include "tui/image/plot_parts.h"

static Colour paper(Ink ink)
{
    const ThemeInk *look = theme_ink(ink);
    return (Colour){look->paper_red, look->paper_green, look->paper_blue, 1};
}

PlotPen plot_pen(Font *font, double scale, PlotTextKind kind, int panel)
{
    static const struct {
        double size;
        bool   bold;
        Ink    ink;
    } looks[] = {
        [PLOT_TITLE] = {24, true, INK_TITLE},   [PLOT_PANEL_TITLE] = {18, true, INK_TITLE},
        [PLOT_X_LABEL] = {16, false, INK_TEXT}, [PLOT_Y_LABEL] = {16, false, INK_TEXT},
        [PLOT_X_TICK] = {15, false, INK_TEXT},  [PLOT_Y_TICK] = {15, false, INK_TEXT},
        [PLOT_LEGEND] = {16, false, INK_TEXT},  [PLOT_NOTE] = {13, false, INK_FAINT},
    };
    return (PlotPen){.font  = font,
                     .kind  = kind,
                     .panel = panel,
                     .style = {.size    = fmax(looks[kind].size * scale, 9),
                               .bold    = looks[kind].bold,
                               .upwards = kind == PLOT_Y_LABEL,
                               .colour  = paper(looks[kind].ink)}};
}

double plot_line_height(const PlotPen *pen)
{
    return ceil(1.04 * (font_ascent(pen->font, pen->style.size) + font_descent(pen->font, pen->style.size)));
}

/* Copies as much of a text as fits, with "…" for the rest; returns its width, 0: not even that fits. */
static double fit(const PlotPen *pen, const char *text, double room, char *out, size_t size)
{
    snprintf(out, size, "%s", text);
    double width = font_width(pen->font, &pen->style, out);
    if (strlen(text) < size && width <= room) {
        return width;
    }
    TextReader reader = text_reader(text, strlen(text));
    size_t     kept   = 0;
    for (TextGlyph glyph; text_next(&reader, &glyph) && reader.offset + 4 < size;) {
        snprintf(out, size, "%.*s…", (int)reader.offset, text);
        if (font_width(pen->font, &pen->style, out) > room) {
            break;
        }
        kept = reader.offset;
    }
    snprintf(out, size, "%.*s…", (int)kept, text);
    return kept > 0 ? font_width(pen->font, &pen->style, out) : 0;
}

static bool meets(const PlotBox *a, const PlotBox *b)
{
    return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height && b->y < a->y + a->height;
}

static bool has_room(const PlotLayout *layout, const PlotText *text)
{
    const PlotBox *box = &text->box;
    if (box->x < 0 || box->y < 0 || box->x + box->width > layout->width || box->y + box->height > layout->height) {
        return false;
    }
    if (text->panel >= 0 && text->kind != PLOT_NOTE && meets(box, &layout->axes[text->panel].box)) {
        return false;
    }
    for (size_t i = 0; i < layout->text_count; i++) {
        if (meets(box, &layout->texts[i].box)) {
            return false;
        }
    }
    return true;
}

bool plot_add_text(PlotLayout *layout, const PlotPen *pen, const char *text, double x, double y, double room)
{
    PlotText placed = {.kind = pen->kind, .panel = pen->panel, .x = x, .y = y, .style = pen->style};
    if (layout->text_count == layout->text_capacity) {
        const size_t capacity = layout->text_capacity == 0 ? 64 : 2 * layout->text_capacity;
        PlotText    *texts    = realloc(layout->texts, capacity * sizeof *texts);
        if (texts == NULL) {
            layout->out_of_memory = true;
            return false;
        }
        layout->texts         = texts;
        layout->text_capacity = capacity;
    }
    const double width = fit(pen, text, room, placed.text, sizeof placed.text);
    /* Numbers have nothing below the baseline. */
    const bool   number = pen->kind == PLOT_X_TICK || pen->kind == PLOT_Y_TICK;
    const double above  = number ? font_capital(pen->font, pen->style.size) : font_ascent(pen->font, pen->style.size);
    const double below  = number ? 1 : font_descent(pen->font, pen->style.size);
    placed.box          = pen->style.upwards ? (PlotBox){x - above, y - width, above + below, width}
                                             : (PlotBox){x, y - above, width, above + below};
    if (width <= 0 || !has_room(layout, &placed)) {
        return false;
    }
    layout->texts[layout->text_count++] = placed;
    return true;
}

void plot_add_key(PlotLayout *layout, PlotKey key)
{
    if (layout->key_count == layout->key_capacity) {
        const size_t capacity = layout->key_capacity == 0 ? 16 : 2 * layout->key_capacity;
        PlotKey     *keys     = realloc(layout->keys, capacity * sizeof *keys);
        if (keys == NULL) {
            layout->out_of_memory = true;
            return;
        }
        layout->keys         = keys;
        layout->key_capacity = capacity;
    }
    layout->keys[layout->key_count++] = key;
}
