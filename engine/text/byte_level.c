#include "engine/text/byte_level.h"

#include <stdbool.h>
#include <string.h>

#include "engine/utf8.h"

static bool is_printable(unsigned char byte)
{
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
}

/* The bytes that are not printable, in order: 0x00-0x20, 0x7F-0xA0, 0xAD. */
uint32_t byte_level_char(unsigned char byte)
{
    if (is_printable(byte)) {
        return byte;
    }
    return 0x100u + (byte <= 0x20 ? byte : byte <= 0xA0 ? byte - 0x7Fu + 33 : 67);
}

int byte_level_byte(uint32_t point)
{
    if (point < 0x100) {
        return is_printable((unsigned char)point) ? (int)point : -1;
    }
    uint32_t n = point - 0x100;
    return n <= 32 ? (int)n : n <= 66 ? (int)n - 33 + 0x7F : n == 67 ? 0xAD : -1;
}

size_t byte_level_encode(const char *text, size_t bytes, char *out)
{
    size_t used = 0;
    for (size_t i = 0; i < bytes; i++) {
        used += utf8_encode(byte_level_char((unsigned char)text[i]), out + used);
    }
    return used;
}

size_t byte_level_decode(const char *token, size_t bytes, char *out)
{
    size_t used = 0;
    for (size_t at = 0; at < bytes;) {
        int byte = byte_level_byte(utf8_next(token, bytes, &at));
        if (byte < 0) {
            memcpy(out, token, bytes);
            return bytes;
        }
        out[used++] = (char)byte;
    }
    return used;
}
