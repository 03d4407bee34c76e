#include "tui/huffman.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_LENGTH = 15 };

typedef struct Leaf {
    uint32_t frequency;
    int      symbol;
} Leaf;

static int by_frequency(const void *a, const void *b)
{
    const Leaf *x = a, *y = b;
    if (x->frequency != y->frequency) {
        return x->frequency < y->frequency ? -1 : 1;
    }
    return x->symbol - y->symbol;
}

/* How many codes of each length an unlimited tree has; lengths beyond the limit count as the limit. The leaves rise, so
 * that the two lightest nodes are always at the front of the leaves or of the nodes made before. */
static void count_lengths(const Leaf *leaves, int count, int limit, int counts[MAX_LENGTH + 1])
{
    uint64_t weights[2 * HUFFMAN_MAX_SYMBOLS];
    int      parents[2 * HUFFMAN_MAX_SYMBOLS], depths[2 * HUFFMAN_MAX_SYMBOLS];
    int      leaf = 0, node = count, made = count;
    for (int i = 0; i < count; i++) {
        weights[i] = leaves[i].frequency;
    }
    while (made < 2 * count - 1) {
        weights[made] = 0;
        for (int i = 0; i < 2; i++) {
            const int lightest = leaf < count && (node == made || weights[leaf] <= weights[node]) ? leaf++ : node++;
            weights[made] += weights[lightest];
            parents[lightest] = made;
        }
        made++;
    }
    depths[made - 1] = 0;
    for (int i = made - 2; i >= 0; i--) {
        depths[i] = depths[parents[i]] + 1;
        if (i < count) {
            counts[depths[i] < limit ? depths[i] : limit]++;
        }
    }
}

/* Makes room for codes that were cut to the limit: a shorter code becomes two that are a bit longer. */
static void make_room(int limit, int counts[MAX_LENGTH + 1])
{
    uint32_t taken = 0; /* of 2^limit */
    for (int length = 1; length <= limit; length++) {
        taken += (uint32_t)counts[length] << (limit - length);
    }
    while (taken > 1u << limit) {
        int length = limit - 1;
        while (counts[length] == 0) {
            length--;
        }
        counts[length]--;
        counts[length + 1] += 2;
        counts[limit]--;
        taken--;
    }
}

static uint16_t reversed(uint32_t bits, int length)
{
    uint32_t out = 0;
    for (int i = 0; i < length; i++) {
        out = out << 1 | (bits >> i & 1);
    }
    return (uint16_t)out;
}

void huffman_codes(const uint32_t *frequencies, int symbols, int limit, HuffmanCode *codes)
{
    Leaf leaves[HUFFMAN_MAX_SYMBOLS];
    int  count = 0, counts[MAX_LENGTH + 1] = {0};
    memset(codes, 0, (size_t)symbols * sizeof *codes);
    for (int i = 0; i < symbols; i++) {
        if (frequencies[i] > 0) {
            leaves[count++] = (Leaf){frequencies[i], i};
        }
    }
    if (count < 2) { /* a code of one bit, of which only 0 is used */
        codes[count == 1 ? leaves[0].symbol : 0].length = 1;
        return;
    }
    qsort(leaves, (size_t)count, sizeof *leaves, by_frequency);
    count_lengths(leaves, count, limit, counts);
    make_room(limit, counts);
    int leaf = 0;
    for (int length = limit; length >= 1; length--) { /* the rarest have the longest */
        for (int i = 0; i < counts[length]; i++) {
            codes[leaves[leaf++].symbol].length = (uint8_t)length;
        }
    }
    uint32_t code = 0;
    for (int length = 1; length <= limit; length++) {
        for (int i = 0; i < symbols; i++) {
            if (codes[i].length == length) {
                codes[i].bits = reversed(code++, length);
            }
        }
        code <<= 1;
    }
}
