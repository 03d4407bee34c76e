#include "tui/deflate.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tui/huffman.h"

enum {
    WINDOW       = 32768,
    HASHES       = 32768,
    CHAIN        = 48, /* earlier places that are tried for a match */
    MIN_MATCH    = 3,
    MAX_MATCH    = 258,
    BLOCK_TOKENS = 32768, /* each block has its own codes */
    LITERALS     = 286,
    DISTANCES    = 30,
    LENGTH_CODES = 19,
    END_OF_BLOCK = 256,
};

/* A literal byte (distance 0) or a match. */
typedef struct Token {
    uint16_t length, distance;
} Token;

typedef struct Packer {
    const uint8_t *data;
    size_t         bytes;
    int64_t        head[HASHES];    /* the last place with this hash; -1: none          */
    int64_t        earlier[WINDOW]; /* of each place, the one before with the same hash */
    Token          tokens[BLOCK_TOKENS];
    size_t         token_count;
    uint8_t       *out;
    size_t         used, capacity;
    uint64_t       bits;
    int            bit_count;
    bool           failed; /* out of memory */
} Packer;

/* --- bits, lowest first */

static void put_byte(Packer *packer, uint8_t byte)
{
    if (packer->used == packer->capacity) {
        const size_t capacity = packer->capacity == 0 ? 1 << 16 : 2 * packer->capacity;
        uint8_t     *out      = realloc(packer->out, capacity);
        if (out == NULL) {
            packer->failed = true;
            return;
        }
        packer->out      = out;
        packer->capacity = capacity;
    }
    packer->out[packer->used++] = byte;
}

static void put_bits(Packer *packer, uint32_t value, int count)
{
    packer->bits |= (uint64_t)value << packer->bit_count;
    packer->bit_count += count;
    while (packer->bit_count >= 8) {
        put_byte(packer, (uint8_t)packer->bits);
        packer->bits >>= 8;
        packer->bit_count -= 8;
    }
}

static void put_code(Packer *packer, const HuffmanCode *code)
{
    put_bits(packer, code->bits, code->length);
}

/* --- the codes of lengths and distances (RFC 1951, 3.2.5) */

static const uint16_t length_bases[29]   = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                            31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t  length_extra[29]   = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                            2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t distance_bases[30] = {1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
                                            33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
                                            1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};

static int length_code(int length)
{
    int code = 28;
    while (length_bases[code] > length) {
        code--;
    }
    return code;
}

static int distance_code(int distance)
{
    int code = 29;
    while (distance_bases[code] > distance) {
        code--;
    }
    return code;
}

/* --- blocks */

/* The lengths of both code tables, one after another, with their runs shortened: symbols up to 18 and their extra bits.
 */
static size_t shorten_runs(const uint8_t *lengths, size_t count, uint8_t *symbols, uint8_t *extras)
{
    size_t out = 0;
    for (size_t at = 0; at < count;) {
        size_t run = 1;
        while (at + run < count && lengths[at + run] == lengths[at]) {
            run++;
        }
        const bool zero = lengths[at] == 0;
        if (!zero || run < 3) {
            symbols[out]  = lengths[at];
            extras[out++] = 0;
            at++;
            run--;
        }
        while (run >= 3) {
            const size_t most = zero ? (run > 10 ? 138 : 10) : 6, part = run < most ? run : most;
            symbols[out]  = zero ? (part > 10 ? 18 : 17) : 16;
            extras[out++] = (uint8_t)(part - (zero ? (part > 10 ? 11 : 3) : 3));
            at += part;
            run -= part;
        }
    }
    return out;
}

static void put_tables(Packer *packer, const HuffmanCode *literals, const HuffmanCode *distances)
{
    static const uint8_t order[LENGTH_CODES] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    uint8_t              lengths[LITERALS + DISTANCES], symbols[LITERALS + DISTANCES], extras[LITERALS + DISTANCES];
    int                  literal_count = LITERALS, distance_count = DISTANCES, order_count = LENGTH_CODES;
    while (literal_count > 257 && literals[literal_count - 1].length == 0) {
        literal_count--;
    }
    while (distance_count > 1 && distances[distance_count - 1].length == 0) {
        distance_count--;
    }
    for (int i = 0; i < literal_count; i++) {
        lengths[i] = literals[i].length;
    }
    for (int i = 0; i < distance_count; i++) {
        lengths[literal_count + i] = distances[i].length;
    }
    const size_t count = shorten_runs(lengths, (size_t)(literal_count + distance_count), symbols, extras);
    uint32_t     frequencies[LENGTH_CODES] = {0};
    HuffmanCode  codes[LENGTH_CODES];
    for (size_t i = 0; i < count; i++) {
        frequencies[symbols[i]]++;
    }
    huffman_codes(frequencies, LENGTH_CODES, 7, codes);
    while (order_count > 4 && codes[order[order_count - 1]].length == 0) {
        order_count--;
    }
    put_bits(packer, (uint32_t)(literal_count - 257), 5);
    put_bits(packer, (uint32_t)(distance_count - 1), 5);
    put_bits(packer, (uint32_t)(order_count - 4), 4);
    for (int i = 0; i < order_count; i++) {
        put_bits(packer, codes[order[i]].length, 3);
    }
    for (size_t i = 0; i < count; i++) {
        put_code(packer, &codes[symbols[i]]);
        put_bits(packer, extras[i], symbols[i] == 16 ? 2 : symbols[i] == 17 ? 3 : symbols[i] == 18 ? 7 : 0);
    }
}

static void put_block(Packer *packer, bool last)
{
    uint32_t    literal_counts[LITERALS] = {0}, distance_counts[DISTANCES] = {0};
    HuffmanCode literals[LITERALS], distances[DISTANCES];
    for (size_t i = 0; i < packer->token_count; i++) {
        const Token *token = &packer->tokens[i];
        if (token->distance == 0) {
            literal_counts[token->length]++;
        } else {
            literal_counts[257 + length_code(token->length)]++;
            distance_counts[distance_code(token->distance)]++;
        }
    }
    literal_counts[END_OF_BLOCK] = 1;
    huffman_codes(literal_counts, LITERALS, 15, literals);
    huffman_codes(distance_counts, DISTANCES, 15, distances);
    put_bits(packer, last ? 1 : 0, 1);
    put_bits(packer, 2, 2);
    put_tables(packer, literals, distances);
    for (size_t i = 0; i < packer->token_count; i++) {
        const Token *token = &packer->tokens[i];
        if (token->distance == 0) {
            put_code(packer, &literals[token->length]);
            continue;
        }
        const int length = length_code(token->length), distance = distance_code(token->distance);
        put_code(packer, &literals[257 + length]);
        put_bits(packer, (uint32_t)(token->length - length_bases[length]), length_extra[length]);
        put_code(packer, &distances[distance]);
        put_bits(packer, (uint32_t)(token->distance - distance_bases[distance]), distance < 2 ? 0 : distance / 2 - 1);
    }
    put_code(packer, &literals[END_OF_BLOCK]);
    packer->token_count = 0;
}

static void put_token(Packer *packer, size_t length, size_t distance)
{
    if (packer->token_count == BLOCK_TOKENS) {
        put_block(packer, false);
    }
    packer->tokens[packer->token_count++] = (Token){(uint16_t)length, (uint16_t)distance};
}

/* --- matches */

static uint32_t hash_at(const uint8_t *at)
{
    return ((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16) * 2654435761u >> 17;
}

/* Notes where this place is, for later matches. */
static void remember(Packer *packer, size_t at)
{
    if (at + MIN_MATCH <= packer->bytes) {
        const uint32_t hash          = hash_at(packer->data + at);
        packer->earlier[at % WINDOW] = packer->head[hash];
        packer->head[hash]           = (int64_t)at;
    }
}

/* The longest match of what begins `at`; 0: none of at least MIN_MATCH. */
static size_t find_match(const Packer *packer, size_t at, size_t *distance)
{
    const uint8_t *data  = packer->data;
    const size_t   limit = packer->bytes - at < MAX_MATCH ? packer->bytes - at : MAX_MATCH;
    size_t         best  = MIN_MATCH - 1;
    if (limit < MIN_MATCH) {
        return 0;
    }
    int64_t place = packer->head[hash_at(data + at)];
    for (int i = 0; i < CHAIN && place >= 0 && at - (size_t)place < WINDOW; i++) {
        const uint8_t *candidate = data + place;
        if (candidate[best] == data[at + best] && candidate[0] == data[at]) {
            size_t length = 0;
            while (length < limit && candidate[length] == data[at + length]) {
                length++;
            }
            if (length > best) {
                best      = length;
                *distance = at - (size_t)place;
                if (length == limit) {
                    break;
                }
            }
        }
        const int64_t next = packer->earlier[(size_t)place % WINDOW];
        if (next >= place) {
            break; /* overwritten by a later place */
        }
        place = next;
    }
    return best >= MIN_MATCH ? best : 0;
}

static void pack(Packer *packer)
{
    size_t at = 0, distance = 0, length = packer->bytes > 0 ? find_match(packer, 0, &distance) : 0;
    while (at < packer->bytes) {
        remember(packer, at);
        /* A longer match one byte on is worth a literal here. */
        size_t next_distance = 0, next = 0;
        if (length < MAX_MATCH && at + 1 < packer->bytes) {
            next = find_match(packer, at + 1, &next_distance);
        }
        if (length == 0 || next > length) {
            put_token(packer, packer->data[at], 0);
            at++;
            length   = next;
            distance = next_distance;
            continue;
        }
        put_token(packer, length, distance);
        for (size_t i = 1; i < length; i++) {
            remember(packer, at + i);
        }
        at += length;
        length = at < packer->bytes ? find_match(packer, at, &distance) : 0;
    }
    put_block(packer, true);
}

static uint32_t adler32(const uint8_t *data, size_t bytes)
{
    uint32_t a = 1, b = 0;
    for (size_t at = 0; at < bytes;) {
        const size_t end = bytes - at < 5552 ? bytes : at + 5552; /* as many as fit into 32 bits */
        for (; at < end; at++) {
            a += data[at];
            b += a;
        }
        a %= 65521;
        b %= 65521;
    }
    return b << 16 | a;
}

uint8_t *deflate_zlib(const uint8_t *data, size_t bytes, size_t *packed_bytes)
{
    Packer *packer = calloc(1, sizeof *packer);
    if (packer == NULL) {
        return NULL;
    }
    packer->data  = data;
    packer->bytes = bytes;
    memset(packer->head, 0xFF, sizeof packer->head);
    put_byte(packer, 0x78); /* deflate, a window of 32 KiB */
    put_byte(packer, 0x9C);
    pack(packer);
    put_bits(packer, 0, (8 - packer->bit_count) % 8);
    const uint32_t sum = adler32(data, bytes);
    for (int shift = 24; shift >= 0; shift -= 8) {
        put_byte(packer, (uint8_t)(sum >> shift));
    }
    uint8_t *out  = packer->out;
    *packed_bytes = packer->used;
    if (packer->failed) {
        free(out);
        out = NULL;
    }
    free(packer);
    return out;
}
