#include "engine/text/bpe.h"

#include <stdlib.h>

#define EMPTY UINT64_MAX
#define NONE  SIZE_MAX

/* A doubly linked list in an array; a symbol that was joined to its left neighbour has id -1. */
typedef struct BpeSymbol {
    int32_t id;
    size_t  previous, next;
} BpeSymbol;

/* A pair that could be joined when it was found; stale once one of the two has changed. */
typedef struct BpeCandidate {
    uint32_t rank;
    int32_t  joined;
    size_t   at; /* its left symbol */
} BpeCandidate;

bool bpe_init(BpeMerges *merges, size_t count)
{
    size_t slots = 16;
    while (slots / 2 < count) {
        slots *= 2;
    }
    merges->mask  = (uint32_t)(slots - 1);
    merges->slots = malloc(slots * sizeof *merges->slots);
    for (size_t i = 0; i < slots && merges->slots != NULL; i++) {
        merges->slots[i].pair = EMPTY;
    }
    return merges->slots != NULL;
}

void bpe_free(BpeMerges *merges)
{
    free(merges->slots);
    *merges = (BpeMerges){0};
}

static BpeMerge *find_slot(const BpeMerges *merges, int32_t left, int32_t right)
{
    uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    uint64_t h    = pair * 0x9E3779B97F4A7C15u; /* Fibonacci hashing: the high bits are well mixed */
    uint32_t slot = (uint32_t)(h >> 32) & merges->mask;
    while (merges->slots[slot].pair != EMPTY && merges->slots[slot].pair != pair) {
        slot = (slot + 1) & merges->mask;
    }
    return &merges->slots[slot];
}

void bpe_add(BpeMerges *merges, int32_t left, int32_t right, uint32_t rank, int32_t joined)
{
    BpeMerge *slot = find_slot(merges, left, right);
    *slot          = (BpeMerge){(uint64_t)(uint32_t)left << 32 | (uint32_t)right, rank, joined};
}

void bpe_work_free(BpeWork *work)
{
    free(work->symbols);
    free(work->heap);
    *work = (BpeWork){0};
}

/* Every symbol begins at most one candidate at first, and every merge adds at most
 * two and removes a symbol: 3 * count candidates are enough. */
static bool reserve(BpeWork *work, size_t count)
{
    if (count <= work->capacity) {
        return true;
    }
    size_t capacity = count < 64 ? 64 : count * 2;
    bpe_work_free(work);
    work->symbols  = malloc(capacity * sizeof *work->symbols);
    work->heap     = malloc(3 * capacity * sizeof *work->heap);
    work->capacity = work->symbols != NULL && work->heap != NULL ? capacity : 0;
    return work->capacity != 0;
}

static bool before(const BpeCandidate *a, const BpeCandidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void push(BpeCandidate *heap, size_t *length, BpeCandidate candidate)
{
    size_t i = (*length)++;
    while (i > 0 && before(&candidate, &heap[(i - 1) / 2])) {
        heap[i] = heap[(i - 1) / 2];
        i       = (i - 1) / 2;
    }
    heap[i] = candidate;
}

static BpeCandidate pop(BpeCandidate *heap, size_t *length)
{
    BpeCandidate top = heap[0], last = heap[--*length];
    size_t       i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= *length) {
            break;
        }
        child += child + 1 < *length && before(&heap[child + 1], &heap[child]);
        if (!before(&heap[child], &last)) {
            break;
        }
        heap[i] = heap[child];
        i       = child;
    }
    heap[i] = last;
    return top;
}

/* Pushes the pair that begins at `at`, if it can be joined. */
static void consider(const BpeMerges *merges, const BpeWork *work, size_t *length, size_t at)
{
    const BpeSymbol *symbol = &work->symbols[at];
    if (symbol->next == NONE) {
        return;
    }
    const BpeMerge *merge = find_slot(merges, symbol->id, work->symbols[symbol->next].id);
    if (merge->pair != EMPTY) {
        push(work->heap, length, (BpeCandidate){merge->rank, merge->joined, at});
    }
}

size_t bpe_merge(const BpeMerges *merges, BpeWork *work, int32_t *ids, size_t count)
{
    if (count < 2) {
        return count;
    }
    if (!reserve(work, count)) {
        return SIZE_MAX;
    }
    BpeSymbol *symbols = work->symbols;
    size_t     length  = 0;
    for (size_t i = 0; i < count; i++) {
        symbols[i] = (BpeSymbol){ids[i], i == 0 ? NONE : i - 1, i + 1 == count ? NONE : i + 1};
    }
    for (size_t i = 0; i + 1 < count; i++) {
        consider(merges, work, &length, i);
    }
    while (length > 0) {
        BpeCandidate top  = pop(work->heap, &length);
        BpeSymbol   *left = &symbols[top.at];
        if (left->id < 0 || left->next == NONE) {
            continue;
        }
        const BpeMerge *merge = find_slot(merges, left->id, symbols[left->next].id);
        if (merge->pair == EMPTY || merge->joined != top.joined) {
            continue; /* stale */
        }
        BpeSymbol *right = &symbols[left->next];
        left->id         = top.joined;
        left->next       = right->next;
        right->id        = -1;
        if (right->next != NONE) {
            symbols[right->next].previous = top.at;
            consider(merges, work, &length, top.at);
        }
        if (left->previous != NONE) {
            consider(merges, work, &length, left->previous);
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i != NONE; i = symbols[i].next) {
        ids[kept++] = symbols[i].id;
    }
    return kept;
}
