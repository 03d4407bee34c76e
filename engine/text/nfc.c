/* NFC as the tokenizers library has it: its tables are those of Unicode 9. What later
 * versions added is to it an unknown character that neither moves nor joins. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "engine/text/tokenizer_parts.h"
#include "engine/utf8.h"

/* Characters since Unicode 9 that move or join; found by asking tokenizers 0.23.1 about every one of Unicode 16. */
static const uint32_t newer[][2] = {
    {0x7FD, 0x7FD},     {0x897, 0x89F},     {0x8CA, 0x8D3},     {0x9FE, 0x9FE},     {0xC3C, 0xC3C},
    {0xD3B, 0xD3C},     {0xEBA, 0xEBA},     {0x1715, 0x1715},   {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFA},
    {0xA82C, 0xA82C},   {0x105C9, 0x105C9}, {0x105D2, 0x105D2}, {0x105DA, 0x105DA}, {0x105E4, 0x105E4},
    {0x10D24, 0x10D27}, {0x10D69, 0x10D6D}, {0x10EAB, 0x10EAC}, {0x10EFD, 0x10EFF}, {0x10F46, 0x10F50},
    {0x10F82, 0x10F85}, {0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x11382, 0x11385}, {0x1138B, 0x1138B},
    {0x1138E, 0x1138E}, {0x11390, 0x11391}, {0x113B8, 0x113B8}, {0x113BB, 0x113BB}, {0x113C2, 0x113C2},
    {0x113C5, 0x113C5}, {0x113C7, 0x113C9}, {0x113CE, 0x113D0}, {0x1145E, 0x1145E}, {0x11839, 0x1183A},
    {0x11930, 0x11930}, {0x11935, 0x11935}, {0x11938, 0x11938}, {0x1193D, 0x1193E}, {0x11943, 0x11943},
    {0x119E0, 0x119E0}, {0x11A34, 0x11A34}, {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42},
    {0x11D44, 0x11D45}, {0x11D97, 0x11D97}, {0x11F41, 0x11F42}, {0x1611E, 0x16129}, {0x1612F, 0x1612F},
    {0x16D63, 0x16D63}, {0x16D67, 0x16D6A}, {0x16FF0, 0x16FF1}, {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136},
    {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF}, {0x1E5EE, 0x1E5EF}};

static bool is_newer(uint32_t point)
{
    size_t low = 0, high = sizeof newer / sizeof *newer;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (point > newer[middle][1]) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < sizeof newer / sizeof *newer && point >= newer[low][0];
}

/* The next newer character from `at` on, *length bytes long; `bytes` if there is none. */
static size_t next_newer(const char *text, size_t bytes, size_t at, size_t *length)
{
    while (at < bytes) {
        size_t next = at + 1;
        if ((unsigned char)text[at] >= 0xDF) { /* U+07FD begins with it */
            next = at;
            if (is_newer(utf8_next(text, bytes, &next))) {
                *length = next - at;
                return at;
            }
        }
        at = next;
    }
    *length = 0;
    return bytes;
}

static char *compose(const char *text, size_t bytes, size_t *length)
{
    utf8proc_uint8_t *out = NULL;
    utf8proc_ssize_t  n =
        utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)bytes, &out, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    *length = n < 0 ? 0 : (size_t)n;
    return n < 0 ? NULL : (char *)out;
}

char *tokenizer_nfc(const char *text, size_t bytes, size_t *length)
{
    size_t newer_bytes, at = 0, used = 0, part_bytes;
    size_t end = next_newer(text, bytes, 0, &newer_bytes);
    if (end == bytes) {
        return compose(text, bytes, length);
    }
    char *out = malloc(3 * bytes + 1); /* no text grows more by NFC */
    while (out != NULL && at < bytes) {
        char *part = compose(text + at, end - at, &part_bytes);
        if (part == NULL) {
            free(out);
            return NULL;
        }
        memcpy(out + used, part, part_bytes);
        free(part);
        used += part_bytes;
        memcpy(out + used, text + end, newer_bytes);
        used += newer_bytes;
        at  = end + newer_bytes;
        end = next_newer(text, bytes, at, &newer_bytes);
    }
    *length = used;
    return out;
}
