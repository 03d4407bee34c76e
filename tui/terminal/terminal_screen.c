#include "tui/terminal/terminal_parts.h"

#include <stdlib.h>
#include <string.h>

static const Cell blank = {.codes = {' '}, .width = 1, .ink = INK_TEXT};

/* --- what is wanted ---------------------------------------------------------------------- */

/* The last line of defence: whatever a cell holds, no byte of it is one that a terminal obeys. */
static bool is_text(uint32_t code)
{
    return code >= 0x20 && (code < 0x7f || code >= 0xa0) && code <= 0x10ffff && (code < 0xd800 || code >= 0xe000);
}

static int attrs_of(const TerminalCaps *caps, const Cell *cell)
{
    return (cell->attrs | caps->ink_attrs[cell->ink]) & ~caps->ink_without[cell->ink];
}

static Cell wanted_cell(const TerminalCaps *caps, const Cell *given)
{
    Cell cell = blank;
    memcpy(cell.codes, given->codes, sizeof cell.codes);
    cell.width = given->width == 2 ? 2 : 1;
    cell.ink   = given->ink < INK_COUNT ? given->ink : INK_TEXT;
    cell.attrs = given->attrs;
    bool shown = true;
    for (int i = 0; i < CELL_CODES; i++) {
        if (cell.codes[i] == 0) {
            memset(cell.codes + i, 0, sizeof cell.codes - (size_t)i * sizeof *cell.codes);
            break;
        }
        shown = shown && is_text(cell.codes[i]) && (caps->utf8 || cell.codes[i] < 0x80);
    }
    if (cell.codes[0] == 0) {
        cell.codes[0] = ' ';
    }
    if (!shown) {
        memset(cell.codes, 0, sizeof cell.codes);
        cell.codes[0] = '?';
        cell.width    = 1;
    }
    if (cell.codes[0] == ' ' && cell.codes[1] == 0 && (attrs_of(caps, &cell) & (ATTR_REVERSE | ATTR_UNDERLINE)) == 0) {
        cell.ink   = INK_TEXT; /* all the same to the eye */
        cell.attrs = 0;
    }
    return cell;
}

/* Wide characters are whole: each with its right half behind it, and no half alone. */
static void fill_row(TerminalScreen *screen, const TerminalCaps *caps, const Canvas *canvas, int y)
{
    Cell       *row    = screen->wanted + (size_t)y * (size_t)screen->width;
    const int   width  = y >= canvas->height ? 0 : canvas->width < screen->width ? canvas->width : screen->width;
    const Cell *given  = width > 0 ? canvas->cells + (size_t)y * (size_t)canvas->width : NULL;
    const bool  corner = y == screen->height - 1 && caps->corner != CORNER_PLAIN;
    for (int x = 0; x < screen->width; x++) {
        row[x] = x < width && given[x].width > 0 ? wanted_cell(caps, &given[x]) : blank;
        if (row[x].width != 2) {
            continue;
        }
        if (x + 1 < width && given[x + 1].width == 0 && !(corner && x + 2 == screen->width)) {
            x++;
            row[x] = (Cell){.ink = row[x - 1].ink, .attrs = row[x - 1].attrs};
        } else {
            row[x] = (Cell){.codes = {'?'}, .width = 1, .ink = row[x].ink, .attrs = row[x].attrs};
        }
    }
}

/* --- what changed --------------------------------------------------------------------------- */

static bool same_cell(const Cell *one, const Cell *other)
{
    return memcmp(one->codes, other->codes, sizeof one->codes) == 0 && one->width == other->width &&
           one->ink == other->ink && one->attrs == other->attrs;
}

/* As wide characters are whole in both rows, one that comes or goes changes both of its cells. */
static bool find_changes(TerminalScreen *screen, const Cell *wanted, const Cell *shown)
{
    bool any = false;
    for (int x = 0; x < screen->width; x++) {
        screen->changed[x] = screen->stale || !same_cell(&wanted[x], &shown[x]);
        any                = any || screen->changed[x];
    }
    return any;
}

/* --- bytes ------------------------------------------------------------------------------------ */

typedef struct Pen {
    int x, y;       /* of the cursor; x -1: not known */
    int ink, attrs; /* ink -1: not known              */
} Pen;

static void put(TerminalScreen *screen, const char *bytes, size_t length)
{
    if (screen->length + length > screen->capacity) {
        const size_t capacity = (screen->length + length) * 2 + 4096;
        char        *larger   = realloc(screen->bytes, capacity);
        if (larger == NULL) {
            screen->cut = true;
            return;
        }
        screen->bytes    = larger;
        screen->capacity = capacity;
    }
    memcpy(screen->bytes + screen->length, bytes, length);
    screen->length += length;
}

static void put_cap(TerminalScreen *screen, const CapText *text)
{
    put(screen, text->bytes, text->length);
}

static void put_code(TerminalScreen *screen, uint32_t code)
{
    char   bytes[4];
    size_t length = 1;
    if (code < 0x80) {
        bytes[0] = (char)code;
    } else if (code < 0x800) {
        bytes[0] = (char)(0xC0 | code >> 6);
        length   = 2;
    } else if (code < 0x10000) {
        bytes[0] = (char)(0xE0 | code >> 12);
        length   = 3;
    } else {
        bytes[0] = (char)(0xF0 | code >> 18);
        length   = 4;
    }
    for (size_t i = 1; i < length; i++) {
        bytes[i] = (char)(0x80 | (code >> 6 * (length - 1 - i) & 0x3F));
    }
    put(screen, bytes, length);
}

static void set_plain(TerminalScreen *screen, const TerminalCaps *caps, Pen *pen)
{
    if (pen->ink != INK_TEXT || pen->attrs != 0) {
        put_cap(screen, &caps->plain);
        pen->ink   = caps->inks[INK_TEXT].length == 0 ? INK_TEXT : -1;
        pen->attrs = 0;
    }
}

static void set_look(TerminalScreen *screen, const TerminalCaps *caps, const Cell *cell, Pen *pen)
{
    const int attrs = attrs_of(caps, cell);
    if (pen->ink == cell->ink && pen->attrs == attrs) {
        return;
    }
    put_cap(screen, &caps->plain);
    for (int i = 0; i < ATTR_COUNT; i++) {
        if ((attrs & 1 << i) != 0) {
            put_cap(screen, &caps->attrs[i]);
        }
    }
    put_cap(screen, &caps->inks[cell->ink]);
    pen->ink   = cell->ink;
    pen->attrs = attrs;
}

static void move_to(TerminalScreen *screen, const TerminalCaps *caps, Pen *pen, int x, int y)
{
    if (pen->x == x && pen->y == y) {
        return;
    }
    if (caps->moves_plain) {
        set_plain(screen, caps, pen);
    }
    char bytes[CAP_BYTES];
    put(screen, bytes, caps_move(x, y, bytes));
    pen->x = x;
    pen->y = y;
}

/* Terminals differ in how wide they think some characters are, and in what the last column does to the cursor: after
 * those it is placed anew. */
static void put_cell(TerminalScreen *screen, const TerminalCaps *caps, const Cell *cell, Pen *pen)
{
    set_look(screen, caps, cell, pen);
    for (int i = 0; i < CELL_CODES && cell->codes[i] != 0; i++) {
        put_code(screen, cell->codes[i]);
    }
    const bool sure = cell->width == 1 && cell->codes[1] == 0;
    pen->x          = sure && pen->x + 1 < screen->width ? pen->x + 1 : -1;
}

/* The first column from which on all is blank. */
static int blank_from(const Cell *row, int width)
{
    while (width > 0 && same_cell(&row[width - 1], &blank)) {
        width--;
    }
    return width;
}

static void put_row(TerminalScreen *screen, const TerminalCaps *caps, int y, Pen *pen)
{
    enum { WORTH = 8 }; /* cells that clearing the rest of the line may replace */
    const Cell *row = screen->wanted + (size_t)y * (size_t)screen->width;
    int         end = screen->width, tail = blank_from(row, screen->width), cleared = 0;
    for (int x = tail; x < end; x++) {
        cleared += screen->changed[x];
    }
    const bool clear = cleared > WORTH && caps->clear_line.length > 0;
    if (clear) {
        end = tail;
    } else if (y == screen->height - 1 && caps->corner != CORNER_PLAIN) {
        end--;
    }
    for (int x = 0; x < end; x++) {
        if (screen->changed[x] && row[x].width > 0) {
            move_to(screen, caps, pen, x, y);
            put_cell(screen, caps, &row[x], pen);
        }
    }
    if (clear) {
        move_to(screen, caps, pen, tail, y);
        set_plain(screen, caps, pen);
        put_cap(screen, &caps->clear_line);
    }
}

/* Where writing the last cell would scroll: one to the left of it, then its left neighbour is put in between. */
static void put_corner(TerminalScreen *screen, const TerminalCaps *caps, Pen *pen)
{
    const int   x = screen->width - 2, y = screen->height - 1;
    const Cell *cell = screen->wanted + (size_t)y * (size_t)screen->width + x;
    if (caps->corner != CORNER_INSERT || x < 0 || !(screen->changed[x] || screen->changed[x + 1]) || cell->width != 1) {
        return;
    }
    pen->x = -1;
    move_to(screen, caps, pen, x, y);
    put_cell(screen, caps, cell + 1, pen);
    pen->x = -1;
    move_to(screen, caps, pen, x, y);
    set_plain(screen, caps, pen);
    put_cap(screen, &caps->insert);
    put_cell(screen, caps, cell, pen);
}

void screen_frame(TerminalScreen *screen, const TerminalCaps *caps, const Canvas *canvas)
{
    Pen pen        = {.x = -1, .ink = -1};
    screen->length = 0;
    screen->cut    = false;
    for (int y = 0; y < screen->height; y++) {
        fill_row(screen, caps, canvas, y);
        const size_t at = (size_t)y * (size_t)screen->width;
        if (find_changes(screen, screen->wanted + at, screen->shown + at)) {
            put_row(screen, caps, y, &pen);
            if (y == screen->height - 1) {
                put_corner(screen, caps, &pen);
            }
        }
    }
    if (screen->length > 0) {
        set_plain(screen, caps, &pen);
    }
    screen->stale  = screen->cut;
    Cell *old      = screen->shown;
    screen->shown  = screen->wanted;
    screen->wanted = old;
}

bool screen_resize(TerminalScreen *screen, int width, int height)
{
    const size_t cells = (size_t)width * (size_t)height;
    Cell        *shown = calloc(cells, sizeof *shown), *wanted = calloc(cells, sizeof *wanted);
    bool        *changed = calloc((size_t)width, sizeof *changed);
    if (shown == NULL || wanted == NULL || changed == NULL) {
        free(shown);
        free(wanted);
        free(changed);
        return false;
    }
    free(screen->shown);
    free(screen->wanted);
    free(screen->changed);
    screen->shown   = shown;
    screen->wanted  = wanted;
    screen->changed = changed;
    screen->width   = width;
    screen->height  = height;
    screen->stale   = true;
    return true;
}

void screen_free(TerminalScreen *screen)
{
    free(screen->shown);
    free(screen->wanted);
    free(screen->changed);
    free(screen->bytes);
    memset(screen, 0, sizeof *screen);
}
