#include <stdlib.h>

#include "rlsp/trace/trace.h"

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

/* Share of repeats among the n-grams of `units` (a hash each). Equal hashes of 64
 * bits are taken for equal n-grams. */
static double repeated_share(const uint64_t *units, size_t count, uint32_t n)
{
    if (n == 0 || count < n + (size_t)1) {
        return 0;
    }
    size_t grams = count - n + 1, size = 1;
    while (size < 2 * grams) {
        size *= 2;
    }
    uint64_t *seen = calloc(size, sizeof *seen);
    if (seen == NULL) {
        return -1;
    }
    size_t repeats = 0;
    for (size_t i = 0; i < grams; i++) {
        uint64_t hash = n;
        for (uint32_t k = 0; k < n; k++) {
            hash = mix(hash * 0x9E3779B97F4A7C15u + units[i + k]);
        }
        hash        = hash == 0 ? 1 : hash;
        size_t slot = (size_t)hash & (size - 1);
        while (seen[slot] != 0 && seen[slot] != hash) {
            slot = (slot + 1) & (size - 1);
        }
        repeats += seen[slot] == hash;
        seen[slot] = hash;
    }
    free(seen);
    return (double)repeats / (double)grams;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

double repetition_of_words(const char *text, size_t length, uint32_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        count += !is_space(text[i]) && (i == 0 || is_space(text[i - 1]));
    }
    uint64_t *units = malloc((count + 1) * sizeof *units);
    if (units == NULL) {
        return -1;
    }
    size_t word = 0;
    for (size_t i = 0; i < length; i++) {
        if (is_space(text[i])) {
            continue;
        }
        uint64_t hash = 1469598103934665603u; /* FNV-1a */
        for (; i < length && !is_space(text[i]); i++) {
            hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
        }
        units[word++] = mix(hash);
    }
    double share = repeated_share(units, count, n);
    free(units);
    return share;
}
