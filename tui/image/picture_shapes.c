#include "tui/image/picture_shapes.h"

#include <math.h>

typedef enum Weight { NONE, LIGHT, HEAVY, DOUBLE } Weight;
enum { LEFT, UP, RIGHT, DOWN };

/* The weights of the four arms of U+2500 to U+257F: left in the lowest two bits, then up, right, down.
 * Arcs and diagonals have none here. */
static const uint8_t arms_of[128] = {
    0x11, 0x22, 0x44, 0x88, 0x11, 0x22, 0x44, 0x88, 0x11, 0x22, 0x44, 0x88, 0x50, 0x60, 0x90, 0xA0, 0x41, 0x42, 0x81,
    0x82, 0x14, 0x24, 0x18, 0x28, 0x05, 0x06, 0x09, 0x0A, 0x54, 0x64, 0x58, 0x94, 0x98, 0x68, 0xA4, 0xA8, 0x45, 0x46,
    0x49, 0x85, 0x89, 0x4A, 0x86, 0x8A, 0x51, 0x52, 0x61, 0x62, 0x91, 0x92, 0xA1, 0xA2, 0x15, 0x16, 0x25, 0x26, 0x19,
    0x1A, 0x29, 0x2A, 0x55, 0x56, 0x65, 0x66, 0x59, 0x95, 0x99, 0x5A, 0x69, 0x96, 0xA5, 0x6A, 0xA6, 0x9A, 0xA9, 0xAA,
    0x11, 0x22, 0x44, 0x88, 0x33, 0xCC, 0x70, 0xD0, 0xF0, 0x43, 0xC1, 0xC3, 0x34, 0x1C, 0x3C, 0x07, 0x0D, 0x0F, 0x74,
    0xDC, 0xFC, 0x47, 0xCD, 0xCF, 0x73, 0xD1, 0xF3, 0x37, 0x1D, 0x3F, 0x77, 0xDD, 0xFF, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x01, 0x04, 0x10, 0x40, 0x02, 0x08, 0x20, 0x80, 0x21, 0x84, 0x12, 0x48,
};

typedef struct CellBox {
    int    x, y, width, height;
    int    line; /* thickness of a light line */
    Colour colour;
} CellBox;

static Weight arm(uint8_t arms, int side)
{
    return (Weight)(arms >> (2 * side) & 3);
}

/* A rectangle; `turned` swaps x and y, so that one function draws horizontal and vertical arms. */
static void stroke(Image *image, bool turned, int along, int across, int along_end, int thickness, Colour colour)
{
    if (turned) {
        image_rectangle(image, across, along, thickness, along_end - along, colour);
    } else {
        image_rectangle(image, along, across, along_end - along, thickness, colour);
    }
}

static int thickness_of(const CellBox *box, Weight weight)
{
    return weight == HEAVY ? 2 * box->line + (box->line & 1) : weight == NONE ? 0 : box->line;
}

/* The arms that run along one axis. `before`, `after`: the arm towards smaller and larger coordinates; `upper`,
 * `lower`: those of the other axis. Where a line meets a double one it ends at that one's nearer or farther line, as in
 * a drawn frame. */
static void draw_axis(Image *image, const CellBox *box, bool turned, const Weight arms[2], Weight upper, Weight lower)
{
    const int start = turned ? box->y : box->x, length = turned ? box->height : box->width;
    const int side = turned ? box->x : box->y, depth = turned ? box->width : box->height;
    const int line   = box->line;
    const int middle = start + (length - line) / 2, level = side + (depth - line) / 2; /* of a light line */
    const int meets = thickness_of(box, upper > lower ? upper : lower);
    for (int i = 0; i < 2; i++) {
        const Weight weight = arms[i];
        if (weight == NONE) {
            continue;
        }
        const int own = thickness_of(box, weight), across = meets > 0 ? meets : line;
        const int near = start + (length - across) / 2; /* the line that is met */
        for (int part = weight == DOUBLE ? -1 : 0; part <= (weight == DOUBLE ? 1 : 0); part += 2) {
            const Weight beside = part < 0 ? upper : lower, beyond = part < 0 ? lower : upper;
            /* How far past its own middle the line goes, from -line (the nearer of two) to 2 line (the farther's end).
             */
            int reach = near + across - middle;
            if (weight == DOUBLE && (upper == DOUBLE || lower == DOUBLE)) {
                reach = beside == DOUBLE ? 0 : beyond == DOUBLE ? 2 * line : line;
            } else if (upper == DOUBLE || lower == DOUBLE) {
                reach = arms[1 - i] != NONE ? line : upper == DOUBLE && lower == DOUBLE ? 0 : 2 * line;
            }
            const int level_of_part = weight == HEAVY ? side + (depth - own) / 2 : level + part * line;
            if (i == 0) {
                stroke(image, turned, start, level_of_part, middle + reach, own, box->colour);
            } else {
                stroke(image, turned, middle + line - reach, level_of_part, start + length, own, box->colour);
            }
        }
    }
}

static void draw_dashes(Image *image, const CellBox *box, bool vertical, Weight weight, int dashes)
{
    const int thickness = thickness_of(box, weight), length = vertical ? box->height : box->width;
    const int across = vertical ? box->x + (box->width - thickness) / 2 : box->y + (box->height - thickness) / 2;
    const int start  = vertical ? box->y : box->x;
    for (int i = 0; i < dashes; i++) {
        const int from = start + length * i / dashes, to = start + length * (i + 1) / dashes;
        stroke(image, vertical, from, across, to - (to - from + 2) / 3, thickness, box->colour);
    }
}

/* A rounded corner with arms to the sides (1, 0), (0, 1), …, given as directions. */
static void draw_arc(Image *image, const CellBox *box, int right, int down)
{
    const double x      = box->x + (box->width - box->line) / 2 + box->line / 2.0;
    const double y      = box->y + (box->height - box->line) / 2 + box->line / 2.0;
    const double radius = fmin(box->width, box->height) / 2.0;
    Point        points[12];
    points[0] = (Point){x, y + down * box->height};
    for (int i = 0; i <= 9; i++) {
        const double angle = i * (3.14159265358979 / 2 / 9);
        points[i + 1]      = (Point){x + right * radius * (1 - cos(angle)), y + down * radius * (1 - sin(angle))};
    }
    points[11] = (Point){x + right * box->width, y};
    image_polyline(image, points, 12, box->line, box->colour);
}

static void draw_line_code(Image *image, const CellBox *box, uint32_t code)
{
    const uint8_t arms = arms_of[code - 0x2500];
    const int     x1 = box->x + box->width, y1 = box->y + box->height;
    switch (code) {
    case 0x256D: draw_arc(image, box, 1, 1); return;
    case 0x256E: draw_arc(image, box, -1, 1); return;
    case 0x256F: draw_arc(image, box, -1, -1); return;
    case 0x2570: draw_arc(image, box, 1, -1); return;
    case 0x2571: image_line(image, x1, box->y, box->x, y1, box->line, box->colour); return;
    case 0x2572: image_line(image, box->x, box->y, x1, y1, box->line, box->colour); return;
    case 0x2573:
        image_line(image, x1, box->y, box->x, y1, box->line, box->colour);
        image_line(image, box->x, box->y, x1, y1, box->line, box->colour);
        return;
    default: break;
    }
    const int dashes = code >= 0x2504 && code <= 0x2507   ? 3
                       : code >= 0x2508 && code <= 0x250B ? 4
                       : code >= 0x254C && code <= 0x254F ? 2
                                                          : 0;
    if (dashes > 0) {
        const bool vertical = arm(arms, UP) != NONE;
        draw_dashes(image, box, vertical, arm(arms, vertical ? UP : LEFT), dashes);
        return;
    }
    draw_axis(image, box, false, (Weight[]){arm(arms, LEFT), arm(arms, RIGHT)}, arm(arms, UP), arm(arms, DOWN));
    draw_axis(image, box, true, (Weight[]){arm(arms, UP), arm(arms, DOWN)}, arm(arms, LEFT), arm(arms, RIGHT));
}

/* A part of the cell in eighths, on whole pixels. */
static void draw_eighths(Image *image, const CellBox *box, int x0, int y0, int x1, int y1)
{
    const int left = (box->width * x0 + 4) / 8, right = (box->width * x1 + 4) / 8;
    const int top = (box->height * y0 + 4) / 8, bottom = (box->height * y1 + 4) / 8;
    image_rectangle(image, box->x + left, box->y + top, right - left, bottom - top, box->colour);
}

static void draw_block_code(Image *image, const CellBox *box, uint32_t code)
{
    /* Quarters of U+2596 to U+259F: upper left 1, upper right 2, lower left 4, lower right 8. */
    static const uint8_t quarters[10] = {4, 8, 1, 13, 9, 7, 11, 2, 6, 14};
    if (code == 0x2580) {
        draw_eighths(image, box, 0, 0, 8, 4);
    } else if (code <= 0x2588) {
        draw_eighths(image, box, 0, 8 - (int)(code - 0x2580), 8, 8);
    } else if (code <= 0x258F) {
        draw_eighths(image, box, 0, 0, (int)(0x2590 - code), 8);
    } else if (code == 0x2590) {
        draw_eighths(image, box, 4, 0, 8, 8);
    } else if (code <= 0x2593) {
        CellBox shade = *box;
        shade.colour.alpha *= 0.25f * (float)(code - 0x2590);
        draw_eighths(image, &shade, 0, 0, 8, 8);
    } else if (code == 0x2594) {
        draw_eighths(image, box, 0, 0, 8, 1);
    } else if (code == 0x2595) {
        draw_eighths(image, box, 7, 0, 8, 8);
    } else {
        for (int i = 0; i < 4; i++) {
            if (quarters[code - 0x2596] >> i & 1) {
                const int x = 4 * (i & 1), y = 4 * (i >> 1);
                draw_eighths(image, box, x, y, x + 4, y + 4);
            }
        }
    }
}

static void draw_braille(Image *image, const CellBox *box, uint32_t code)
{
    static const uint8_t columns[8] = {0, 0, 0, 1, 1, 1, 0, 1}, rows[8] = {0, 1, 2, 0, 1, 2, 3, 3};
    const double         pitch_x = box->width / 2.0, pitch_y = box->height / 4.0;
    for (int i = 0; i < 8; i++) {
        if (code >> i & 1) {
            image_disc(image, box->x + pitch_x * (columns[i] + 0.5), box->y + pitch_y * (rows[i] + 0.5),
                       fmin(pitch_x, pitch_y) * 0.42, box->colour);
        }
    }
}

bool picture_shape(Image *image, int x, int y, int width, int height, uint32_t code, Colour colour)
{
    const bool line = code >= 0x2500 && code <= 0x257F, block = code >= 0x2580 && code <= 0x259F;
    const bool braille = code >= 0x2800 && code <= 0x28FF;
    if (!line && !block && !braille) {
        return false;
    }
    const int     thickness = height / 14 > 1 ? height / 14 : 1;
    const CellBox box       = {x, y, width, height, thickness, colour};
    image_clip(image, x, y, width, height);
    if (line) {
        draw_line_code(image, &box, code);
    } else if (block) {
        draw_block_code(image, &box, code);
    } else {
        draw_braille(image, &box, code);
    }
    image_unclip(image);
    return true;
}
