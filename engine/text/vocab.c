#include "engine/text/vocab.h"

#include <stdlib.h>
#include <string.h>

#include "engine/text/byte_level.h"

#define BLOCK_BYTES ((size_t)256 << 10)

bool vocab_init(Vocab *vocab, uint32_t size, uint32_t count)
{
    uint32_t slots = 64;
    while (slots / 2 < count) {
        slots *= 2;
    }
    *vocab        = (Vocab){.size = size, .slot_mask = slots - 1};
    vocab->tokens = calloc((size_t)size + 1, sizeof *vocab->tokens);
    vocab->slots  = calloc(slots, sizeof *vocab->slots);
    return vocab->tokens != NULL && vocab->slots != NULL;
}

void vocab_free(Vocab *vocab)
{
    for (uint32_t i = 0; i < vocab->block_count; i++) {
        free(vocab->blocks[i]);
    }
    free(vocab->blocks);
    free(vocab->tokens);
    free(vocab->slots);
    *vocab = (Vocab){0};
}

/* Room in the arena, which does not move what it gave out; NULL if out of memory. */
static char *arena(Vocab *vocab, size_t bytes)
{
    if (bytes > vocab->block_left) {
        size_t size   = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        char **blocks = realloc(vocab->blocks, (vocab->block_count + 1) * sizeof *blocks);
        if (blocks == NULL) {
            return NULL;
        }
        vocab->blocks = blocks;
        char *block   = malloc(size);
        if (block == NULL) {
            return NULL;
        }
        /* The block in use is the last one, and is taken from its end. */
        blocks[vocab->block_count++] = block;
        vocab->block_left            = size;
    }
    vocab->block_left -= bytes;
    return vocab->blocks[vocab->block_count - 1] + vocab->block_left;
}

static uint32_t hash(const char *text, size_t bytes)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < bytes; i++) {
        h = (h ^ (unsigned char)text[i]) * 16777619u;
    }
    return h ^ h >> 15;
}

/* The slot that holds `text`, or the empty one where it belongs. */
static uint32_t find_slot(const Vocab *vocab, const char *text, size_t bytes)
{
    uint32_t slot = hash(text, bytes) & vocab->slot_mask;
    while (vocab->slots[slot] != 0) {
        const VocabToken *token = &vocab->tokens[vocab->slots[slot] - 1];
        if (token->bytes == bytes && memcmp(token->text, text, bytes) == 0) {
            break;
        }
        slot = (slot + 1) & vocab->slot_mask;
    }
    return slot;
}

VocabAdd vocab_add(Vocab *vocab, const char *text, size_t bytes, uint32_t id)
{
    uint32_t    slot  = find_slot(vocab, text, bytes);
    VocabToken *token = &vocab->tokens[id];
    if (token->text != NULL) {
        return vocab->slots[slot] == id + 1 ? VOCAB_ADDED : VOCAB_ID_TAKEN;
    }
    if (vocab->slots[slot] != 0) {
        return VOCAB_TEXT_TAKEN;
    }
    char *copy    = arena(vocab, bytes + 1);
    char *decoded = copy == NULL ? NULL : arena(vocab, bytes + 1);
    if (decoded == NULL || vocab->used > vocab->slot_mask / 2) {
        return VOCAB_NO_MEMORY;
    }
    memcpy(copy, text, bytes);
    copy[bytes]        = '\0';
    size_t length      = byte_level_decode(copy, bytes, decoded);
    decoded[length]    = '\0';
    *token             = (VocabToken){copy, decoded, (uint32_t)bytes, (uint32_t)length, false, false};
    vocab->slots[slot] = id + 1;
    vocab->used++;
    return VOCAB_ADDED;
}

int32_t vocab_find(const Vocab *vocab, const char *text, size_t bytes)
{
    return (int32_t)vocab->slots[find_slot(vocab, text, bytes)] - 1;
}
