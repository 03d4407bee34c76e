#include "tui/image/font.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tui/draw/text.h"
#include "tui/image/font_builtin.h"
#include "tui/image/font_find.h"

#define CACHE_SLOTS 4096 /* a power of two; emptied when three quarters are taken */
#define MAX_SPARES  6    /* fonts that are asked for what the first one lacks     */
#define MAX_GLYPH   2048 /* pixels: nothing that is meant to be read is larger    */
#define PHASES      4    /* a glyph is drawn at quarters of a pixel along its line */

/* Fonts by preference; those for other scripts are only asked for what is lacking. */
typedef struct Candidate {
    const char *regular, *bold; /* file names */
    int         bold_index;     /* in a collection */
    bool        monospaced, proportional;
} Candidate;

static const Candidate candidates[] = {
    {"DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf", 0, true, false},
    {"DejaVuSans.ttf", "DejaVuSans-Bold.ttf", 0, false, true},
    {"LiberationMono-Regular.ttf", "LiberationMono-Bold.ttf", 0, true, false},
    {"LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf", 0, false, true},
    {"NotoSansMono-Regular.ttf", "NotoSansMono-Bold.ttf", 0, true, false},
    {"NotoSans-Regular.ttf", "NotoSans-Bold.ttf", 0, false, true},
    {"Menlo.ttc", "Menlo.ttc", 1, true, false},
    {"Arial.ttf", "Arial Bold.ttf", 0, false, true},
    {"Hack-Regular.ttf", "Hack-Bold.ttf", 0, true, false},
    {"UbuntuMono-R.ttf", "UbuntuMono-B.ttf", 0, true, false},
    {"Ubuntu-R.ttf", "Ubuntu-B.ttf", 0, false, true},
    {"FreeMono.ttf", "FreeMonoBold.ttf", 0, true, false},
    {"FreeSans.ttf", "FreeSansBold.ttf", 0, false, true},
    {"Courier New.ttf", "Courier New Bold.ttf", 0, true, false},
    {"Helvetica.ttc", "Helvetica.ttc", 1, false, true},
    {"NotoSansSymbols2-Regular.ttf", NULL, 0, false, false},
    {"NotoSansSymbols-Regular.ttf", NULL, 0, false, false},
    {"wqy-zenhei.ttc", NULL, 0, false, false},
    {"wqy-microhei.ttc", NULL, 0, false, false},
    {"DroidSansFallbackFull.ttf", NULL, 0, false, false},
    {"Arial Unicode.ttf", NULL, 0, false, false},
    {"unifont.ttf", NULL, 0, false, false},
};
enum { CANDIDATES = sizeof candidates / sizeof *candidates };

/* A glyph as it was drawn; `mask` NULL: blank, or there was no memory. */
typedef struct Glyph {
    uint32_t code;
    int32_t  size; /* 64ths of a pixel per em; 0: the slot is empty */
    uint8_t  bold, upwards, phase;
    int      left, top, width, height; /* from the origin */
    uint8_t *mask;
} Glyph;

struct Font {
    FontKind  kind;
    FontFile *regular, *bold;        /* regular NULL: built-in; bold NULL: regular, thickened */
    char     *paths[2 * CANDIDATES]; /* regular and bold of each; NULL: not on this system */
    FontFile *spares[MAX_SPARES];
    int       spare_count, next_spare; /* the next candidate that has not been opened */
    Glyph     cache[CACHE_SLOTS];
    int       cached;
};

static bool suits(const Candidate *candidate, FontKind kind)
{
    return kind == FONT_MONOSPACED ? candidate->monospaced : candidate->proportional;
}

/* The first that can be read, of the right kind if there is one. */
static void open_system_font(Font *font)
{
    const char *names[2 * CANDIDATES];
    for (int i = 0; i < CANDIDATES; i++) {
        names[2 * i]     = candidates[i].regular;
        names[2 * i + 1] = candidates[i].bold != NULL ? candidates[i].bold : candidates[i].regular;
    }
    font_find(names, 2 * (size_t)CANDIDATES, font->paths);
    for (int any = 0; any < 2 && font->regular == NULL; any++) {
        for (int i = 0; i < CANDIDATES && font->regular == NULL; i++) {
            const Candidate *candidate = &candidates[i];
            if (font->paths[2 * i] == NULL || !(suits(candidate, font->kind) || (any && candidate->bold != NULL))) {
                continue;
            }
            font->regular = font_file_open(font->paths[2 * i], 0);
            if (font->regular != NULL && candidate->bold != NULL && font->paths[2 * i + 1] != NULL) {
                font->bold = font_file_open(font->paths[2 * i + 1], candidate->bold_index);
            }
        }
    }
}

Font *font_open(FontKind kind)
{
    Font *font = calloc(1, sizeof *font);
    if (font == NULL) {
        return NULL;
    }
    font->kind       = kind;
    const char *path = getenv("RLSP_FONT");
    if (path != NULL && path[0] != '\0') {
        font->regular = font_file_open(path, 0);
    } else {
        open_system_font(font);
    }
    return font;
}

static void empty_cache(Font *font)
{
    for (int i = 0; i < CACHE_SLOTS; i++) {
        free(font->cache[i].mask);
    }
    memset(font->cache, 0, sizeof font->cache);
    font->cached = 0;
}

void font_free(Font *font)
{
    if (font == NULL) {
        return;
    }
    empty_cache(font);
    font_file_close(font->regular);
    font_file_close(font->bold);
    for (int i = 0; i < font->spare_count; i++) {
        font_file_close(font->spares[i]);
    }
    for (int i = 0; i < 2 * CANDIDATES; i++) {
        free(font->paths[i]);
    }
    free(font);
}

/* --- measures */

static double sane_size(double size)
{
    const double low = size >= FONT_MIN_SIZE ? size : FONT_MIN_SIZE; /* not-a-number as well */
    return low <= FONT_MAX_SIZE ? low : FONT_MAX_SIZE;
}

double font_ascent(const Font *font, double size)
{
    size = sane_size(size);
    return font->regular != NULL ? size * font_file_ascent(font->regular)
                                 : FONT_BUILTIN_ABOVE * font_builtin_unit(size);
}

double font_descent(const Font *font, double size)
{
    size = sane_size(size);
    return font->regular != NULL ? size * font_file_descent(font->regular)
                                 : FONT_BUILTIN_BELOW * font_builtin_unit(size);
}

double font_capital(const Font *font, double size)
{
    size = sane_size(size);
    if (font->regular == NULL) {
        return FONT_BUILTIN_CAPITAL * font_builtin_unit(size);
    }
    Outline outline = {0};
    double  height  = 0;
    if (font_file_outline(font->regular, font_file_glyph(font->regular, 'H'), size, &outline)) {
        for (size_t i = 0; i < outline.count; i++) {
            height = fmax(height, -outline.points[i].y);
        }
    }
    outline_free(&outline);
    return height > 0 && height < 2 * size ? height : 0.7 * size;
}

/* The file that has a character, and its glyph; NULL: none has. */
static const FontFile *file_with(Font *font, uint32_t code, bool bold, int *glyph)
{
    const FontFile *first = bold && font->bold != NULL ? font->bold : font->regular;
    if ((*glyph = font_file_glyph(first, code)) != 0) {
        return first;
    }
    for (int i = 0; i < font->spare_count; i++) {
        if ((*glyph = font_file_glyph(font->spares[i], code)) != 0) {
            return font->spares[i];
        }
    }
    while (font->next_spare < CANDIDATES && font->spare_count < MAX_SPARES) {
        const char *path  = font->paths[2 * font->next_spare++];
        FontFile   *spare = path != NULL ? font_file_open(path, 0) : NULL;
        if (spare != NULL) {
            font->spares[font->spare_count++] = spare;
            if ((*glyph = font_file_glyph(spare, code)) != 0) {
                return spare;
            }
        }
    }
    return NULL;
}

/* Pixels by which a font without a bold variant is thickened. */
static double thickening(const Font *font, const FontStyle *style)
{
    return style->bold && font->bold == NULL ? fmax(sane_size(style->size) / 18, 0.5) : 0;
}

double font_code_width(Font *font, const FontStyle *style, uint32_t code)
{
    const double size = sane_size(style->size);
    if (font->regular == NULL) {
        const double unit = font_builtin_unit(size);
        return font->kind == FONT_MONOSPACED ? FONT_BUILTIN_CELL * unit
                                             : font_builtin_advance(code) * unit + thickening(font, style);
    }
    int             glyph;
    const FontFile *file  = file_with(font, code, style->bold, &glyph);
    const double    width = file != NULL ? size * font_file_advance(file, glyph) : 0.6 * size;
    return width + (font->kind == FONT_PROPORTIONAL && width > 0 ? thickening(font, style) : 0);
}

double font_width(Font *font, const FontStyle *style, const char *text)
{
    double     width  = 0;
    TextReader reader = text_reader(text, strlen(text));
    for (TextGlyph glyph; text_next(&reader, &glyph);) {
        for (int i = 0; i < CELL_CODES && glyph.codes[i] != 0; i++) {
            width += font_code_width(font, style, glyph.codes[i]);
        }
    }
    return width;
}

/* --- glyphs */

/* A hollow box: there is a character here, but no font for it. */
static bool box_outline(double size, Outline *outline)
{
    const double line = fmax(size / 14, 1), left = 0.08 * size, right = 0.52 * size, top = -0.7 * size;
    const Point  outer[] = {{left, top}, {right, top}, {right, 0}, {left, 0}};
    const Point  inner[] = {
         {left + line, top + line}, {left + line, -line}, {right - line, -line}, {right - line, top + line}};
    bool drawn = outline_add_ring(outline);
    for (int i = 0; i < 4 && drawn; i++) {
        drawn = outline_add_point(outline, outer[i]);
    }
    drawn = drawn && outline_add_ring(outline);
    for (int i = 0; i < 4 && drawn; i++) {
        drawn = outline_add_point(outline, inner[i]);
    }
    return drawn;
}

static bool code_outline(Font *font, const FontStyle *style, uint32_t code, Outline *outline)
{
    const double size = sane_size(style->size);
    if (font->regular == NULL) {
        return font_builtin_outline(code, font_builtin_unit(size), outline);
    }
    int             glyph;
    const FontFile *file = file_with(font, code, style->bold, &glyph);
    return (file != NULL && font_file_outline(file, glyph, size, outline)) || box_outline(size, outline);
}

/* The same rings again, a little to the right. */
static bool thicken(Outline *outline, double by)
{
    const size_t rings = outline->contours;
    for (size_t ring = 0, at = 0; ring < rings; ring++) {
        if (!outline_add_ring(outline)) {
            return false;
        }
        for (size_t i = 0; i < outline->sizes[ring]; i++, at++) {
            const Point point = outline->points[at];
            if (!outline_add_point(outline, (Point){point.x + by, point.y})) {
                return false;
            }
        }
    }
    return true;
}

/* Puts the points where they will be drawn, in a mask that just holds them; false: there is nothing to draw. */
static bool place(Glyph *glyph, Outline *outline)
{
    double left = MAX_GLYPH, top = MAX_GLYPH, right = -MAX_GLYPH, bottom = -MAX_GLYPH;
    for (size_t i = 0; i < outline->count; i++) {
        Point      *point  = &outline->points[i];
        const Point upward = {point->y, -point->x}; /* a quarter turn: right becomes up */
        *point             = glyph->upwards ? upward : *point;
        if (glyph->upwards) {
            point->y -= (double)glyph->phase / PHASES;
        } else {
            point->x += (double)glyph->phase / PHASES;
        }
        left   = fmin(left, point->x);
        top    = fmin(top, point->y);
        right  = fmax(right, point->x);
        bottom = fmax(bottom, point->y);
    }
    if (right <= left || bottom <= top || left < -MAX_GLYPH || top < -MAX_GLYPH || right > MAX_GLYPH ||
        bottom > MAX_GLYPH) {
        return false;
    }
    glyph->left   = (int)floor(left);
    glyph->top    = (int)floor(top);
    glyph->width  = (int)ceil(right) - glyph->left;
    glyph->height = (int)ceil(bottom) - glyph->top;
    for (size_t i = 0; i < outline->count; i++) {
        outline->points[i].x -= glyph->left;
        outline->points[i].y -= glyph->top;
    }
    return true;
}

/* Draws the mask of a glyph whose key is set; false when out of memory. */
static bool render(Font *font, const FontStyle *style, Glyph *glyph)
{
    Outline outline = {0};
    bool    done    = code_outline(font, style, glyph->code, &outline);
    if (font->regular == NULL && font->kind == FONT_MONOSPACED) {
        const double unit = font_builtin_unit(sane_size(style->size));
        for (size_t i = 0; i < outline.count; i++) { /* in the middle of its cell */
            outline.points[i].x += floor((FONT_BUILTIN_CELL - font_builtin_advance(glyph->code) + 1) / 2.0) * unit;
        }
    }
    if (done && thickening(font, style) > 0) {
        done = thicken(&outline, thickening(font, style));
    }
    if (done && place(glyph, &outline)) {
        glyph->mask = malloc((size_t)glyph->width * (size_t)glyph->height);
        done = glyph->mask != NULL && image_polygon_mask(outline.points, outline.sizes, outline.contours, glyph->width,
                                                         glyph->height, glyph->mask);
    }
    outline_free(&outline);
    return done;
}

static const Glyph *glyph_of(Font *font, const FontStyle *style, uint32_t code, int phase)
{
    const int32_t size = (int32_t)lround(sane_size(style->size) * 64);
    uint32_t hash = code * 2654435761u ^ (uint32_t)size * 40503u ^ (uint32_t)phase << 3 ^ (uint32_t)style->bold << 1 ^
                    (uint32_t)style->upwards;
    hash ^= hash >> 15;
    for (;; hash++) {
        Glyph *glyph = &font->cache[hash & (CACHE_SLOTS - 1)];
        if (glyph->size == 0) {
            if (font->cached >= CACHE_SLOTS / 4 * 3) {
                empty_cache(font);
                continue;
            }
            *glyph = (Glyph){
                .code = code, .size = size, .bold = style->bold, .upwards = style->upwards, .phase = (uint8_t)phase};
            font->cached++;
            return render(font, style, glyph) ? glyph : NULL;
        }
        if (glyph->code == code && glyph->size == size && glyph->bold == style->bold &&
            glyph->upwards == style->upwards && glyph->phase == phase) {
            return glyph;
        }
    }
}

double font_draw_code(Font *font, Image *image, double x, double y, const FontStyle *style, uint32_t code)
{
    if (!(fabs(x) < 1e6 && fabs(y) < 1e6)) {
        return 0;
    }
    /* Along the line to a quarter of a pixel, across it to a whole one: all letters stand on one row of pixels. */
    const double along = style->upwards ? -y : x;
    const double whole = floor(along * PHASES + 0.5) / PHASES;
    const int    pixel = (int)floor(whole), phase = (int)((whole - floor(whole)) * PHASES);
    const int    across = (int)floor((style->upwards ? x : y) + 0.5);
    const Glyph *glyph  = glyph_of(font, style, code, phase);
    if (glyph == NULL) {
        image->out_of_memory = true;
    } else if (glyph->mask != NULL) {
        image_mask(image, glyph->left + (style->upwards ? across : pixel),
                   glyph->top + (style->upwards ? -pixel : across), glyph->mask, glyph->width, glyph->height,
                   style->colour);
    }
    return font_code_width(font, style, code);
}

double font_draw(Font *font, Image *image, double x, double y, const FontStyle *style, const char *text)
{
    double     width  = 0;
    TextReader reader = text_reader(text, strlen(text));
    for (TextGlyph glyph; text_next(&reader, &glyph);) {
        for (int i = 0; i < CELL_CODES && glyph.codes[i] != 0; i++) {
            width += style->upwards ? font_draw_code(font, image, x, y - width, style, glyph.codes[i])
                                    : font_draw_code(font, image, x + width, y, style, glyph.codes[i]);
        }
    }
    return width;
}
