/* PNG files read back with another library's eyes (stb_image), for tests of what writes them.
 *
 *     Png png = png_read(path);                    // ends the test if it is no PNG
 *     assert_int_equal(png_pixel(&png, 0, 0), 0xFFFFFF);
 *     png_free(&png);
 */
#ifndef TESTS_SUPPORT_PNG_H
#define TESTS_SUPPORT_PNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct Png {
    int      width, height;
    uint8_t *pixels; /* [height, width, 3] */
} Png;

Png      png_read(const char *path);
void     png_free(Png *png);
uint32_t png_pixel(const Png *png, int x, int y); /* 0xRRGGBB; outside: ends the test */

/* Pixels of exactly this colour in a rectangle. */
int png_count(const Png *png, int x, int y, int width, int height, uint32_t colour);

/* A zlib stream unpacked, to be freed; NULL if it is damaged. */
uint8_t *png_inflate(const uint8_t *packed, size_t packed_bytes, size_t *bytes);

#endif
