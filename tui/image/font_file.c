#include "tui/image/font_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <stb_truetype.h>

#include "engine/io/file.h"

#define FILE_LIMIT (64u << 20)
/* Zeros after the font's bytes. Whatever a font says in 16 bits (counts, offsets, lengths) leads stb_truetype at most
 * 0.6 MiB beyond where it began, so that only what a font says in 32 bits needs a check. */
#define PADDING (1u << 20)

/* A glyph made of glyphs made of …: bounds for fonts that go round in circles. */
#define MAX_DEPTH      5
#define MAX_COMPONENTS 64
#define MAX_POINTS     20000

struct FontFile {
    unsigned char *data; /* `length` bytes, then PADDING zeros */
    size_t         length;
    stbtt_fontinfo info;
    size_t         glyf, glyf_length; /* the table of outlines, inside the file */
    int            glyphs;
    double         units_per_em, ascent, descent;
};

static uint32_t read_u16(const unsigned char *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static int read_i16(const unsigned char *at)
{
    const int value = (int)read_u16(at);
    return value < 0x8000 ? value : value - 0x10000;
}

static uint32_t read_u32(const unsigned char *at)
{
    return read_u16(at) << 16 | read_u16(at + 2);
}

/* --- checks when a font is opened */

/* Where the tables of font `index` are listed; SIZE_MAX: this is no TrueType font. */
static size_t directory_of(const unsigned char *data, size_t length, int index)
{
    size_t start = 0;
    if (length >= 16 && memcmp(data, "ttcf", 4) == 0) {
        const uint32_t fonts = read_u32(data + 8);
        const size_t   place = 12 + 4 * (size_t)(index > 0 && (uint32_t)index < fonts ? index : 0);
        start                = place + 4 <= length ? read_u32(data + place) : length;
    }
    if (start > length || length - start < 12) {
        return SIZE_MAX;
    }
    const uint32_t version = read_u32(data + start);
    const uint32_t tables  = read_u16(data + start + 4);
    if ((version != 0x00010000 && version != 0x74727565 /* "true" */) || (length - start - 12) / 16 < tables) {
        return SIZE_MAX;
    }
    for (uint32_t i = 0; i < tables; i++) {
        const unsigned char *row    = data + start + 12 + 16 * (size_t)i;
        const size_t         offset = read_u32(row + 8), bytes = read_u32(row + 12);
        if (offset > length || bytes > length - offset) {
            return SIZE_MAX;
        }
    }
    return start;
}

/* The first table of this name, as stb_truetype looks for it; false: missing or shorter than `least`. */
static bool find_table(const FontFile *file, size_t start, const char *tag, size_t least, size_t *offset, size_t *bytes)
{
    const uint32_t tables = read_u16(file->data + start + 4);
    for (uint32_t i = 0; i < tables; i++) {
        const unsigned char *row = file->data + start + 12 + 16 * (size_t)i;
        if (memcmp(row, tag, 4) == 0) {
            *offset = read_u32(row + 8);
            *bytes  = read_u32(row + 12);
            return *offset > 0 && *bytes >= least;
        }
    }
    return false;
}

/* The table from characters to glyphs, before stb_truetype looks at it: every subtable begins inside. */
static bool characters_are_sound(const FontFile *file, size_t cmap, size_t bytes)
{
    const uint32_t subtables = read_u16(file->data + cmap + 2);
    if ((bytes - 4) / 8 < subtables) {
        return false;
    }
    for (uint32_t i = 0; i < subtables; i++) {
        if (read_u32(file->data + cmap + 4 + 8 * (size_t)i + 4) >= bytes) {
            return false;
        }
    }
    return true;
}

/* And after: the one it chose is of a kind that it reads, and the groups of format 12 lie inside the file. */
static bool choice_is_sound(const FontFile *file)
{
    const size_t         at     = (size_t)file->info.index_map;
    const unsigned char *map    = file->data + at;
    const uint32_t       format = read_u16(map);
    if (format != 12) {
        return format == 0 || format == 4 || format == 6;
    }
    const uint32_t groups = read_u32(map + 12);
    if (file->length - at < 16 || groups > (file->length - at - 16) / 12) {
        return false;
    }
    for (uint32_t i = 0; i < groups; i++) {
        const unsigned char *group = map + 16 + 12 * (size_t)i;
        if (read_u32(group) > 0x10FFFF || read_u32(group + 4) > 0x10FFFF || read_u32(group + 8) > 0xFFFF) {
            return false;
        }
    }
    return true;
}

static bool start_font(FontFile *file, int index)
{
    const size_t start = directory_of(file->data, file->length, index);
    size_t       cmap, cmap_length, head, hhea, maxp, hmtx, loca, bytes;
    if (start == SIZE_MAX || start > INT32_MAX || !find_table(file, start, "cmap", 4, &cmap, &cmap_length) ||
        !find_table(file, start, "head", 54, &head, &bytes) || !find_table(file, start, "hhea", 36, &hhea, &bytes) ||
        !find_table(file, start, "maxp", 6, &maxp, &bytes) || !find_table(file, start, "hmtx", 4, &hmtx, &bytes) ||
        !find_table(file, start, "loca", 4, &loca, &bytes) ||
        !find_table(file, start, "glyf", 10, &file->glyf, &file->glyf_length) ||
        !characters_are_sound(file, cmap, cmap_length) || !stbtt_InitFont(&file->info, file->data, (int)start) ||
        !choice_is_sound(file)) {
        return false;
    }
    file->glyphs        = (int)read_u16(file->data + maxp + 4);
    file->units_per_em  = read_u16(file->data + head + 18);
    file->ascent        = read_i16(file->data + hhea + 4);
    file->descent       = -read_i16(file->data + hhea + 6);
    const uint32_t wide = read_u16(file->data + hhea + 34); /* glyphs with an advance of their own */
    /* A line that is no taller than its letters, or many times as tall, is not meant. */
    return file->units_per_em >= 16 && wide >= 1 && file->ascent > 0 && file->descent >= 0 &&
           file->ascent + file->descent >= file->units_per_em / 2 &&
           file->ascent + file->descent <= file->units_per_em * 4;
}

FontFile *font_file_open(const char *path, int index)
{
    FontFile *file = calloc(1, sizeof *file);
    char     *bytes;
    if (file == NULL || file_read(path, FILE_LIMIT, &bytes, &file->length, NULL) != STATUS_OK) {
        free(file);
        return NULL;
    }
    unsigned char *padded = realloc(bytes, file->length + PADDING);
    if (padded == NULL) {
        free(bytes);
        free(file);
        return NULL;
    }
    memset(padded + file->length, 0, PADDING);
    file->data = padded;
    if (!start_font(file, index)) {
        font_file_close(file);
        return NULL;
    }
    return file;
}

void font_file_close(FontFile *file)
{
    if (file != NULL) {
        free(file->data);
        free(file);
    }
}

double font_file_ascent(const FontFile *file)
{
    return file->ascent / file->units_per_em;
}

double font_file_descent(const FontFile *file)
{
    return file->descent / file->units_per_em;
}

int font_file_glyph(const FontFile *file, uint32_t code)
{
    const int glyph = code <= 0x10FFFF ? stbtt_FindGlyphIndex(&file->info, (int)code) : 0;
    return glyph > 0 && glyph < file->glyphs ? glyph : 0;
}

double font_file_advance(const FontFile *file, int glyph)
{
    int advance = 0, bearing;
    stbtt_GetGlyphHMetrics(&file->info, glyph, &advance, &bearing);
    const double share = advance / file->units_per_em;
    return share < 0 ? 0 : share > 4 ? 4 : share;
}

/* --- outlines */

/* From a font's units to pixels: x' = xx x + yx y + dx, y' = xy x + yy y + dy. */
typedef struct Transform {
    double xx, xy, yx, yy, dx, dy;
} Transform;

static Point apply(const Transform *t, double x, double y)
{
    return (Point){t->xx * x + t->yx * y + t->dx, t->xy * x + t->yy * y + t->dy};
}

/* A quadratic Bézier from the last point on, in pieces that stray less than a tenth of a pixel. */
static bool add_curve(Outline *outline, Point from, Point control, Point to)
{
    const double stray  = hypot(from.x - 2 * control.x + to.x, from.y - 2 * control.y + to.y) / 4;
    const double wanted = ceil(sqrt(stray / 0.1));
    const int    pieces = wanted >= 1 ? (wanted < 32 ? (int)wanted : 32) : 1;
    for (int i = 1; i <= pieces; i++) {
        const double t = (double)i / pieces, u = 1 - t;
        if (!outline_add_point(outline, (Point){u * u * from.x + 2 * u * t * control.x + t * t * to.x,
                                                u * u * from.y + 2 * u * t * control.y + t * t * to.y})) {
            return false;
        }
    }
    return true;
}

static bool simple_outline(const FontFile *file, int glyph, const Transform *transform, Outline *outline)
{
    stbtt_vertex *vertices = NULL;
    const int     count    = stbtt_GetGlyphShape(&file->info, glyph, &vertices);
    bool          sound    = true;
    Point         at       = {0, 0};
    for (int i = 0; i < count && sound; i++) {
        const stbtt_vertex *vertex = &vertices[i];
        const Point         to     = apply(transform, vertex->x, vertex->y);
        switch (vertex->type) {
        case STBTT_vmove: sound = outline_add_ring(outline) && outline_add_point(outline, to); break;
        case STBTT_vline: sound = outline_add_point(outline, to); break;
        case STBTT_vcurve: sound = add_curve(outline, at, apply(transform, vertex->cx, vertex->cy), to); break;
        default: sound = false; break;
        }
        at = to;
    }
    stbtt_FreeShape(&file->info, vertices);
    return sound;
}

/* The bytes of a glyph; NULL: empty; *damaged if they do not lie inside the table. */
static const unsigned char *glyph_bytes(const FontFile *file, int glyph, size_t *bytes, bool *damaged)
{
    const unsigned char *loca = file->data + file->info.loca;
    size_t               from, to;
    if (file->info.indexToLocFormat == 0) {
        from = 2 * (size_t)read_u16(loca + 2 * glyph);
        to   = 2 * (size_t)read_u16(loca + 2 * glyph + 2);
    } else {
        from = read_u32(loca + 4 * glyph);
        to   = read_u32(loca + 4 * glyph + 4);
    }
    *damaged = glyph >= file->glyphs || file->info.indexToLocFormat > 1 || from > to || to > file->glyf_length ||
               (to > from && to - from < 10);
    *bytes = to - from;
    return *damaged || from == to ? NULL : file->data + file->glyf + from;
}

/* The last points of the contours rise, or the glyph is damaged and its outline would be a scrawl; how many points
 * there are bounds the work. */
static bool contours_are_sound(const unsigned char *at, size_t bytes, int contours)
{
    int last = -1;
    if (10 + 2 * (size_t)contours + 2 > bytes) {
        return false;
    }
    for (int i = 0; i < contours; i++) {
        const int end = (int)read_u16(at + 10 + 2 * i);
        if (end <= last || end > MAX_POINTS) {
            return false;
        }
        last = end;
    }
    return true;
}

static bool add_glyph(const FontFile *file, int glyph, const Transform *transform, int depth, int *components,
                      Outline *outline);

/* One part of a glyph made of others; *at moves behind it. */
static bool add_component(const FontFile *file, const unsigned char **at, const unsigned char *end, bool *more,
                          const Transform *transform, int depth, int *components, Outline *outline)
{
    const unsigned char *p = *at;
    if (end - p < 4) {
        return false;
    }
    const uint32_t flags = read_u16(p);
    const int      glyph = (int)read_u16(p + 2);
    const bool     words = flags & 1, offsets = flags & 2;
    const int      scales = flags & 8 ? 1 : flags & 0x40 ? 2 : flags & 0x80 ? 4 : 0;
    p += 4;
    if (end - p < (words ? 4 : 2) + 2 * scales) {
        return false;
    }
    double dx = 0, dy = 0, scale[4] = {1, 0, 0, 1}; /* xx, xy, yx, yy */
    if (offsets) {
        dx = words ? read_i16(p) : (signed char)p[0];
        dy = words ? read_i16(p + 2) : (signed char)p[1];
    }
    p += words ? 4 : 2;
    for (int i = 0; i < scales; i++, p += 2) {
        scale[scales == 2 ? 3 * i : i] = read_i16(p) / 16384.0;
    }
    scale[3]         = scales == 1 ? scale[0] : scale[3];
    const Point from = apply(transform, dx, dy);
    const Point x = apply(transform, scale[0], scale[1]), y = apply(transform, scale[2], scale[3]);
    *at   = p;
    *more = flags & 0x20;
    return add_glyph(file, glyph,
                     &(Transform){x.x - transform->dx, x.y - transform->dy, y.x - transform->dx, y.y - transform->dy,
                                  from.x, from.y},
                     depth + 1, components, outline);
}

static bool add_glyph(const FontFile *file, int glyph, const Transform *transform, int depth, int *components,
                      Outline *outline)
{
    size_t               bytes;
    bool                 damaged;
    const unsigned char *at = glyph_bytes(file, glyph, &bytes, &damaged);
    if (damaged || depth > MAX_DEPTH || ++*components > MAX_COMPONENTS || outline->count > MAX_POINTS) {
        return false;
    }
    if (at == NULL) {
        return true;
    }
    const unsigned char *end      = at + bytes;
    const int            contours = read_i16(at);
    if (contours >= 0) {
        return contours == 0 ||
               (contours_are_sound(at, bytes, contours) && simple_outline(file, glyph, transform, outline));
    }
    at += 10;
    for (bool more = true; more;) {
        if (!add_component(file, &at, end, &more, transform, depth, components, outline)) {
            return false;
        }
    }
    return true;
}

bool font_file_outline(const FontFile *file, int glyph, double pixels, Outline *outline)
{
    const double    scale     = pixels / file->units_per_em;
    const Transform transform = {scale, 0, 0, -scale, 0, 0};
    const size_t    count = outline->count, contours = outline->contours;
    int             components = 0;
    if (!add_glyph(file, glyph, &transform, 0, &components, outline)) {
        outline->count    = count;
        outline->contours = contours;
        return false;
    }
    return true;
}
