/* Huffman: the shortest prefix codes for symbols of known frequency, no longer than a limit (RFC 1951, 3.2.2). */
#ifndef RLSP_TUI_HUFFMAN_H
#define RLSP_TUI_HUFFMAN_H

#include <stdint.h>

enum { HUFFMAN_MAX_SYMBOLS = 288 };

typedef struct HuffmanCode {
    uint16_t bits;   /* the first bit lowest, as they are written */
    uint8_t  length; /* 0: the symbol does not occur               */
} HuffmanCode;

/* `frequencies` and `codes` [symbols], at most HUFFMAN_MAX_SYMBOLS; `limit` at most 15 bits. At least one symbol gets a
 * code. */
void huffman_codes(const uint32_t *frequencies, int symbols, int limit, HuffmanCode *codes);

#endif
