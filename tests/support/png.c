#include "tests/support/png.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#endif
#define STBI_ONLY_PNG
#define STB_IMAGE_IMPLEMENTATION
#include <stb_image.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

Png png_read(const char *path)
{
    Png png;
    int channels;
    png.pixels = stbi_load(path, &png.width, &png.height, &channels, 3);
    if (png.pixels == NULL) {
        fail_msg("%s: %s", path, stbi_failure_reason());
    }
    assert_int_equal(channels, 3);
    return png;
}

void png_free(Png *png)
{
    stbi_image_free(png->pixels);
    png->pixels = NULL;
}

uint32_t png_pixel(const Png *png, int x, int y)
{
    assert_true(x >= 0 && x < png->width && y >= 0 && y < png->height);
    const uint8_t *at = png->pixels + 3 * ((size_t)y * (size_t)png->width + (size_t)x);
    return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
}

int png_count(const Png *png, int x, int y, int width, int height, uint32_t colour)
{
    int count = 0;
    for (int row = y; row < y + height; row++) {
        for (int column = x; column < x + width; column++) {
            count += png_pixel(png, column, row) == colour;
        }
    }
    return count;
}

uint8_t *png_inflate(const uint8_t *packed, size_t packed_bytes, size_t *bytes)
{
    int   length = 0;
    char *out    = stbi_zlib_decode_malloc((const char *)packed, (int)packed_bytes, &length);
    *bytes       = (size_t)length;
    return (uint8_t *)out;
}
