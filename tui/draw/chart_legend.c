#include "tui/draw/chart_legend.h"

#include <string.h>

#include "tui/draw/text.h"

enum { GAP = 2, NAME_SHORTEST = 3 };

/* How much of each entry is shown. */
typedef struct Detail {
    bool raw;
    int  name; /* columns at most; 0: none */
} Detail;

static const Detail details[] = {{true, 1000}, {false, 1000}, {false, 16}, {false, 12}, {false, 9},
                                 {false, 7},   {false, 5},    {false, 4},  {false, 3},  {false, 0}};

enum { DETAILS = sizeof details / sizeof *details };

/* The bytes of the name that fit into so many columns. */
static size_t name_bytes(const char *name, int columns)
{
    TextReader reader = text_reader(name, strlen(name));
    size_t     bytes  = 0;
    for (TextGlyph glyph; text_next(&reader, &glyph) && (columns -= glyph.width) >= 0;) {
        bytes = glyph.offset + glyph.length;
    }
    return bytes;
}

/* Draws an entry, or only measures it (draw false). */
static int entry(Area area, int column, int row, const LegendEntry *entry, Detail detail, bool draw)
{
    const struct {
        const char *text;
        size_t      bytes;
        Ink         ink;
        int         attrs;
    } parts[] = {
        {&entry->mark, entry->mark != '\0', entry->ink, ATTR_BOLD},
        {entry->name, name_bytes(entry->name, detail.name), entry->ink, 0},
        {entry->value, strlen(entry->value), entry->ink, ATTR_BOLD},
        {entry->raw, detail.raw ? strlen(entry->raw) : 0, INK_FAINT, 0},
    };
    int width = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].bytes > 0) {
            width += width > 0;
            if (draw) {
                area_text(area, column + width, row, parts[i].ink, parts[i].attrs, parts[i].text, parts[i].bytes);
            }
            width += text_width(parts[i].text, parts[i].bytes);
        }
    }
    return width;
}

/* Places entries from `column` of the first row on. Returns the rows taken, more than `most` if they do not fit; then
 * those that lie on the first rows have been drawn. `*end`: the column after the last one. */
static int place(Area area, const ChartLegend *legend, int column, int most, Detail detail, bool draw, int *end)
{
    int row = 0, start = column;
    for (int i = 0; i < legend->count; i++) {
        const int width = entry(area, 0, 0, &legend->entries[i], detail, false);
        if (column + width > area.width && column > (row == 0 ? start : 0)) {
            row++;
            column = 0;
        } else if (column + width > area.width && row == 0 && start > 0) {
            row++; /* not even one beside the title */
            column = 0;
        }
        if (column + width > area.width || row >= most) {
            return most + 1;
        }
        if (draw) {
            entry(area, column, row, &legend->entries[i], detail, true);
        }
        *end = column + width;
        column += width + GAP;
    }
    return row + 1;
}

/* Values before smoothing are not worth another row, which would move the plot when the cursor comes and goes. */
static int rows_for(Detail detail, int most)
{
    return detail.raw ? 1 : most;
}

int chart_legend_draw(Area area, const ChartLegend *legend, int most)
{
    int column = 0, rows = 1, end = 0;
    if (most < 1 || area.width < 1 || area.height < 1) {
        return 0;
    }
    if (legend->title != NULL) {
        end    = area_text(area, 0, 0, INK_TITLE, ATTR_BOLD, legend->title, SIZE_MAX);
        column = end + GAP;
    }
    if (legend->count > 0) {
        int d = 0;
        while (d < DETAILS - 1 && place(area, legend, column, rows_for(details[d], most), details[d], false, &end) >
                                      rows_for(details[d], most)) {
            d++;
        }
        rows = place(area, legend, column, most, details[d], true, &end);
        rows = rows > most ? most : rows;
    }
    if (legend->unit != NULL) { /* "length 412 tokens", "rate 2  length 412  (tokens)" */
        const bool one = legend->count == 1 && legend->entries[0].value[0] != '\0';
        const int  gap = end == 0 ? 0 : one ? 1 : GAP, marks = one || end == 0 ? 0 : 1;
        const int  unit = text_width(legend->unit, strlen(legend->unit));
        if (end + gap + unit + 2 * marks <= area.width) {
            area_printf(area, end + gap, rows - 1, INK_FAINT, 0, "%s%s%s", marks ? "(" : "", legend->unit,
                        marks ? ")" : "");
        }
    }
    return rows;
}
