/* When two problems are the same: by their texts reduced to letters and digits, and by runs of words that they share.
 *
 *     Reduced    key = data_reduce(problem, length);
 *     ReducedSet seen = {0};
 *     uint64_t  *number;
 *     if (data_set_put(&seen, &key, &number) == REDUCED_NEW) *number = line;
 *     data_set_free(&seen);
 */
#ifndef RLSP_DATA_REDUCE_H
#define RLSP_DATA_REDUCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first 16 bytes of the SHA-256 of a text without what is no letter or digit: all that is ASCII but
 * [A-Za-z0-9], as the authors' code reduces problems, and the signs of Unicode below U+00C0 and from U+2000 to U+303F.
 * Letters beyond ASCII stay, so that problems in other scripts do not all become the same. */
typedef struct Reduced {
    uint64_t half[2];
} Reduced;

/* Any bytes; what is not UTF-8 is kept as it is. */
Reduced data_reduce(const char *text, size_t length);

/* The same of a text without its white space and dollar signs alone, never equal to one of data_reduce: "2 - 1" and
 * "2 + 1" are different here. */
Reduced data_squeeze(const char *text, size_t length);

/* A set of them, each with a number. {0} is empty. */
typedef struct ReducedSet {
    struct ReducedSlot *slots; /* [capacity], a power of two, at most two thirds of them used */
    uint64_t            count, capacity;
} ReducedSet;

typedef enum ReducedFound { REDUCED_NEW, REDUCED_KNOWN, REDUCED_NO_MEMORY } ReducedFound;

/* Puts a key in; *number (NULL is allowed) points to its number, 0 of a new one, until the next key is put in. */
ReducedFound data_set_put(ReducedSet *set, const Reduced *key, uint64_t **number);
bool         data_set_has(const ReducedSet *set, const Reduced *key);
void         data_set_free(ReducedSet *set);

/* Calls `visit` with each run of `words` words of the text, reduced: words are letters and digits, small and large
 * being the same. Texts with fewer words have one run, of all they have; a text without words none. Stops when `visit`
 * says false. */
void data_word_runs(const char *text, size_t length, uint32_t words, bool (*visit)(void *context, const Reduced *run),
                    void *context);

#endif
