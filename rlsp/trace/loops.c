#include "rlsp/trace/loops.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct Unit {
    uint32_t offset, length; /* bytes */
    uint64_t hash;
} Unit;

/* How often a sequence of units occurs; hash 0: free. */
typedef struct Count {
    uint64_t hash;
    uint32_t times, seen;
} Count;

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t word_end(const char *text, size_t length, size_t at)
{
    while (at < length && !is_space(text[at])) {
        at++;
    }
    return at;
}

/* Letters, digits, or one character with its continuation bytes. */
static size_t piece_end(const char *text, size_t length, size_t at)
{
    size_t end = at + 1;
    if (is_letter(text[at])) {
        while (end < length && is_letter(text[end])) {
            end++;
        }
    } else if (is_digit(text[at])) {
        while (end < length && is_digit(text[end])) {
            end++;
        }
    } else {
        while (end < length && ((unsigned char)text[end] & 0xC0) == 0x80) {
            end++;
        }
    }
    return end;
}

/* Cuts the text into words, or into finer units; NULL when out of memory. */
static Unit *units_of(const char *text, size_t length, bool words, size_t *count)
{
    size_t capacity = 256;
    Unit  *units    = malloc(capacity * sizeof *units);
    *count          = 0;
    for (size_t i = 0; units != NULL && i < length && *count < LOOP_LIMIT;) {
        if (words && is_space(text[i])) {
            i++;
            continue;
        }
        size_t   end  = words ? word_end(text, length, i) : piece_end(text, length, i);
        uint64_t hash = 1469598103934665603u; /* FNV-1a */
        for (size_t k = i; k < end; k++) {
            hash = (hash ^ (unsigned char)text[k]) * 1099511628211u;
        }
        if (*count == capacity) {
            Unit *more = realloc(units, 2 * capacity * sizeof *units);
            if (more == NULL) {
                free(units);
                return NULL;
            }
            units = more;
            capacity *= 2;
        }
        hash ^= hash >> 32;
        units[(*count)++] = (Unit){(uint32_t)i, (uint32_t)(end - i), hash * 0x9E3779B97F4A7C15u};
        i                 = end;
    }
    return units;
}

static Count *count_of(Count *table, size_t size, uint64_t hash)
{
    size_t slot = (size_t)(hash >> 7) & (size - 1);
    while (table[slot].hash != 0 && table[slot].hash != hash) {
        slot = (slot + 1) & (size - 1);
    }
    return &table[slot];
}

/* sums[i]: of units i to i + n - 1, by a rolling polynomial modulo 2^64; never 0. */
static void roll(const Unit *units, size_t count, size_t n, uint64_t *sums)
{
    const uint64_t base = 0xD6E8FEB86659FD93u;
    uint64_t       sum = 0, leaving = 1;
    for (size_t i = 0; i < n; i++) {
        leaving *= base;
    }
    for (size_t i = 0; i < count; i++) {
        sum = sum * base + units[i].hash;
        sum -= i >= n ? leaving * units[i - n].hash : 0;
        if (i + 1 >= n) {
            sums[i + 1 - n] = sum != 0 ? sum : 1;
        }
    }
}

static void mark(const Unit *first, const Unit *last, bool *copy)
{
    memset(copy + first->offset, true, last->offset + last->length - first->offset);
}

static bool mark_copies(const Unit *units, size_t count, size_t n, bool *copy)
{
    if (count <= n) {
        return true;
    }
    size_t grams = count - n + 1, size = 1;
    while (size < 2 * grams) {
        size *= 2;
    }
    uint64_t *sums  = malloc(grams * sizeof *sums);
    Count    *table = calloc(size, sizeof *table);
    bool      done  = sums != NULL && table != NULL;
    if (done) {
        roll(units, count, n, sums);
        for (size_t i = 0; i < grams; i++) {
            Count *entry = count_of(table, size, sums[i]);
            entry->hash  = sums[i];
            entry->times++;
        }
        size_t stretch = 0; /* copied sequences that end in this one */
        for (size_t i = 0; i < grams; i++) {
            Count *entry = count_of(table, size, sums[i]);
            stretch      = entry->seen > 0 ? stretch + 1 : 0;
            if (stretch > n) {
                mark(&units[i + 1 - stretch], &units[i + n - 1], copy);
                stretch = n + 1; /* what came earlier is marked */
            } else if (stretch > 0 && entry->times >= 3) {
                mark(&units[i], &units[i + n - 1], copy);
            }
            entry->seen++;
        }
    }
    free(sums);
    free(table);
    return done;
}

bool trace_loops(const char *text, size_t length, bool *copy)
{
    if (length > UINT32_MAX) {
        length = UINT32_MAX;
    }
    bool done = true;
    for (int words = 0; words <= 1 && done; words++) {
        size_t count;
        Unit  *units = units_of(text, length, words == 1, &count);
        done         = units != NULL && mark_copies(units, count, words == 1 ? LOOP_WORDS : LOOP_UNITS, copy);
        free(units);
    }
    return done;
}
