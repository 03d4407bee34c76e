#include "engine/utf8.h"

#include <string.h>

/* The length of the well-formed sequence at `text`, or 0; *bad is then the length
 * of the ill-formed part: a lead byte with the continuations that may follow it. */
static size_t sequence(const unsigned char *text, size_t left, size_t *bad)
{
    *bad = 1;
    if (text[0] < 0x80) {
        return 1;
    }
    if (text[0] < 0xC2 || text[0] > 0xF4) {
        return 0;
    }
    size_t        length = text[0] < 0xE0 ? 2 : text[0] < 0xF0 ? 3 : 4;
    unsigned char low = 0x80, high = 0xBF; /* bounds of the second byte (Unicode, table 3-7) */
    switch (text[0]) {
    case 0xE0: low = 0xA0; break;
    case 0xED: high = 0x9F; break;
    case 0xF0: low = 0x90; break;
    case 0xF4: high = 0x8F; break;
    default: break;
    }
    for (size_t i = 1; i < length; i++) {
        if (i >= left || text[i] < low || text[i] > high) {
            *bad = i;
            return 0;
        }
        low  = 0x80;
        high = 0xBF;
    }
    return length;
}

size_t utf8_check(const char *text, size_t bytes)
{
    const unsigned char *data = (const unsigned char *)text;
    size_t               at   = 0;
    while (at < bytes) {
        size_t bad, length = sequence(data + at, bytes - at, &bad);
        if (length == 0) {
            return at;
        }
        at += length;
    }
    return bytes;
}

size_t utf8_encode(uint32_t point, char *out)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xC0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xE0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3F));
        out[2] = (char)(0x80 | (point & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3F));
    out[2] = (char)(0x80 | (point >> 6 & 0x3F));
    out[3] = (char)(0x80 | (point & 0x3F));
    return 4;
}

uint32_t utf8_next(const char *text, size_t bytes, size_t *at)
{
    const unsigned char *data  = (const unsigned char *)text;
    unsigned char        first = data[(*at)++];
    if (first < 0x80) {
        return first;
    }
    uint32_t point = first < 0xE0 ? first & 0x1F : first < 0xF0 ? first & 0x0F : first & 0x07;
    while (*at < bytes && (data[*at] & 0xC0) == 0x80) {
        point = point << 6 | (data[(*at)++] & 0x3F);
    }
    return point;
}

uint32_t utf8_previous(const char *text, size_t *at)
{
    size_t end = *at;
    do {
        (*at)--;
    } while (*at > 0 && ((unsigned char)text[*at] & 0xC0) == 0x80);
    size_t start = *at;
    return utf8_next(text, end, &start);
}

size_t utf8_lossy(const char *text, size_t bytes, char *out)
{
    const unsigned char *data = (const unsigned char *)text;
    size_t               at = 0, used = 0;
    while (at < bytes) {
        size_t bad, length = sequence(data + at, bytes - at, &bad);
        if (length > 0) {
            memcpy(out + used, text + at, length);
            used += length;
            at += length;
        } else {
            used += utf8_encode(0xFFFD, out + used);
            at += bad;
        }
    }
    return used;
}
