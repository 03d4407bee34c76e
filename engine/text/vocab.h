/* The vocabulary: token strings and ids, both ways. Strings are kept as the file
 * spells them (byte-level), and beside them the bytes that they stand for. */
#ifndef ENGINE_TEXT_VOCAB_H
#define ENGINE_TEXT_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `text` and `decoded` point into an arena of the vocabulary's; text is NULL where
 * an id has no token. */
typedef struct VocabToken {
    const char *text;
    const char *decoded;
    uint32_t    bytes, decoded_bytes;
    bool        special; /* left out of decoded text if asked */
    bool        added;   /* not one of the model's: merges and whole pieces do not give it */
} VocabToken;

typedef struct Vocab {
    VocabToken *tokens; /* [size], by id */
    uint32_t    size;   /* largest id plus one */
    uint32_t   *slots;  /* hash table of id + 1; 0: empty. Its length is a power of two */
    uint32_t    slot_mask;
    uint32_t    used;
    char      **blocks; /* the arena */
    uint32_t    block_count;
    size_t      block_left;
} Vocab;

typedef enum VocabAdd { VOCAB_ADDED, VOCAB_ID_TAKEN, VOCAB_TEXT_TAKEN, VOCAB_NO_MEMORY } VocabAdd;

/* Makes room for ids below `size` and `count` tokens; false if out of memory. */
bool vocab_init(Vocab *vocab, uint32_t size, uint32_t count);
void vocab_free(Vocab *vocab);

VocabAdd vocab_add(Vocab *vocab, const char *text, size_t bytes, uint32_t id);

int32_t vocab_find(const Vocab *vocab, const char *text, size_t bytes); /* -1: none */

#endif
