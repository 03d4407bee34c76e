/* Byte-pair merging: a piece's symbols are joined pair by pair, the pair of lowest
 * rank first (of equals the leftmost), until none can be joined.
 *
 *     BpeMerges merges;
 *     bpe_init(&merges, count);
 *     bpe_add(&merges, left, right, rank, joined);
 *     count = bpe_merge(&merges, &work, ids, count);       // in place
 *
 * A heap holds the candidate pairs: a piece of n symbols takes O(n log n).
 */
#ifndef ENGINE_TEXT_BPE_H
#define ENGINE_TEXT_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct BpeMerge {
    uint64_t pair; /* left << 32 | right; EMPTY: none */
    uint32_t rank;
    int32_t  joined;
} BpeMerge;

typedef struct BpeMerges {
    BpeMerge *slots; /* hash table; its length is a power of two */
    uint32_t  mask;
} BpeMerges;

/* Scratch that grows as needed and is kept from piece to piece; {0} at first. */
typedef struct BpeWork {
    struct BpeSymbol    *symbols;
    struct BpeCandidate *heap;
    size_t               capacity; /* symbols */
} BpeWork;

bool bpe_init(BpeMerges *merges, size_t count); /* false: out of memory */
void bpe_free(BpeMerges *merges);

/* At most `count` pairs. Of a pair given twice the later counts. */
void bpe_add(BpeMerges *merges, int32_t left, int32_t right, uint32_t rank, int32_t joined);

/* Whether a slot holds a merge, for those who look at all of them. */
static inline bool bpe_is_merge(const BpeMerge *slot)
{
    return slot->pair != UINT64_MAX;
}

/* Merges ids[count] in place; returns the new count, or SIZE_MAX if out of memory. */
size_t bpe_merge(const BpeMerges *merges, BpeWork *work, int32_t *ids, size_t count);
void   bpe_work_free(BpeWork *work);

#endif
