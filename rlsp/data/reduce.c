#include "rlsp/data/reduce.h"

#include <stdlib.h>
#include <string.h>

#include "engine/io/sha256.h"
#include "engine/utf8.h"

enum { WORDS_MAX = 64 };

/* The bytes of the character at `at`; *kept: it is a letter or a digit. */
static size_t character(const char *text, size_t length, size_t at, bool *kept)
{
    const unsigned char byte = (unsigned char)text[at];
    if (byte < 0x80) {
        *kept = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
        return 1;
    }
    const size_t wanted = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
    *kept               = true;
    if (wanted > length - at || utf8_check(text + at, wanted) < wanted) {
        return 1;
    }
    size_t         next  = at;
    const uint32_t point = utf8_next(text, length, &next);
    *kept = point >= 0xC0 && !(point >= 0x2000 && point < 0x3040) && !(point >= 0xFF00 && point < 0xFF10);
    return wanted;
}

static uint32_t word_of(const char *hex) /* eight digits */
{
    uint32_t value = 0;
    for (int i = 0; i < 8; i++) {
        value = value << 4 | (uint32_t)(hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'a' + 10);
    }
    return value;
}

static Reduced finish(Sha256 *sha)
{
    char    hex[SHA256_HEX];
    Reduced reduced;
    sha256_end(sha, hex);
    for (int i = 0; i < 2; i++) {
        reduced.half[i] = (uint64_t)word_of(hex + 16 * i) << 32 | word_of(hex + 16 * i + 8);
    }
    return reduced;
}

static Reduced reduce_by(bool squeeze, const char *text, size_t length)
{
    Sha256 sha;
    char   kept[256]; /* gathered, since most pieces are a few bytes */
    size_t used = 0;
    sha256_begin(&sha);
    if (squeeze) {
        sha256_add(&sha, "squeezed ", 9); /* with a space, which no reduced text has */
    }
    for (size_t at = 0; at < length;) {
        bool         letter;
        const size_t bytes = character(text, length, at, &letter);
        letter             = letter || (squeeze && text[at] != '\0' && strchr(" \t\r\n$", text[at]) == NULL);
        if (used + bytes > sizeof kept) {
            sha256_add(&sha, kept, used);
            used = 0;
        }
        if (letter) {
            memcpy(kept + used, text + at, bytes);
            used += bytes;
        }
        at += bytes;
    }
    sha256_add(&sha, kept, used);
    return finish(&sha);
}

Reduced data_reduce(const char *text, size_t length)
{
    return reduce_by(false, text, length);
}

Reduced data_squeeze(const char *text, size_t length)
{
    return reduce_by(true, text, length);
}

/* --- sets */

struct ReducedSlot {
    Reduced  key;
    uint64_t number;
    bool     used;
};

/* The slot of a key, or the free one where it belongs. The keys are hashes already. */
static struct ReducedSlot *slot_of(const ReducedSet *set, const Reduced *key)
{
    uint64_t at = key->half[0] & (set->capacity - 1);
    while (set->slots[at].used && memcmp(&set->slots[at].key, key, sizeof *key) != 0) {
        at = (at + 1) & (set->capacity - 1);
    }
    return &set->slots[at];
}

static bool grow(ReducedSet *set)
{
    ReducedSet larger = {.count = set->count, .capacity = set->capacity > 0 ? set->capacity * 2 : 256};
    larger.slots      = calloc(larger.capacity, sizeof *larger.slots);
    if (larger.slots == NULL) {
        return false;
    }
    for (uint64_t i = 0; i < set->capacity; i++) {
        if (set->slots[i].used) {
            *slot_of(&larger, &set->slots[i].key) = set->slots[i];
        }
    }
    free(set->slots);
    *set = larger;
    return true;
}

ReducedFound data_set_put(ReducedSet *set, const Reduced *key, uint64_t **number)
{
    if ((set->count + 1) * 3 > set->capacity * 2 && !grow(set)) {
        return REDUCED_NO_MEMORY;
    }
    struct ReducedSlot *slot  = slot_of(set, key);
    const bool          known = slot->used;
    if (!known) {
        *slot = (struct ReducedSlot){.key = *key, .used = true};
        set->count++;
    }
    if (number != NULL) {
        *number = &slot->number;
    }
    return known ? REDUCED_KNOWN : REDUCED_NEW;
}

bool data_set_has(const ReducedSet *set, const Reduced *key)
{
    return set->capacity > 0 && slot_of(set, key)->used;
}

void data_set_free(ReducedSet *set)
{
    free(set->slots);
    *set = (ReducedSet){0};
}

/* --- runs of words */

typedef struct Word {
    size_t begin, end;
} Word;

/* The next word at or after *at; false: none. */
static bool next_word(const char *text, size_t length, size_t *at, Word *word)
{
    bool inside = false;
    while (*at < length) {
        bool         letter;
        const size_t bytes = character(text, length, *at, &letter);
        if (letter && !inside) {
            word->begin = *at;
            inside      = true;
        } else if (!letter && inside) {
            break;
        }
        *at += bytes;
    }
    word->end = *at;
    return inside;
}

static Reduced reduce_words(const char *text, const Word *words, uint32_t first, uint32_t count)
{
    Sha256 sha;
    sha256_begin(&sha);
    for (uint32_t i = 0; i < count; i++) {
        const Word *word = &words[(first + i) % WORDS_MAX];
        char        small[64];
        for (size_t at = word->begin; at < word->end;) {
            size_t used = 0;
            for (; used < sizeof small && at < word->end; at++) {
                const char byte = text[at];
                small[used++]   = byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
            }
            sha256_add(&sha, small, used);
        }
        sha256_add(&sha, " ", 1);
    }
    return finish(&sha);
}

void data_word_runs(const char *text, size_t length, uint32_t words, bool (*visit)(void *context, const Reduced *run),
                    void *context)
{
    Word     last[WORDS_MAX]; /* the newest ones, around a ring */
    uint32_t seen = 0;
    size_t   at   = 0;
    words         = words < 1 ? 1 : words > WORDS_MAX ? WORDS_MAX : words;
    while (next_word(text, length, &at, &last[seen % WORDS_MAX])) {
        seen++;
        if (seen >= words) {
            const Reduced run = reduce_words(text, last, seen - words, words);
            if (!visit(context, &run)) {
                return;
            }
        }
    }
    if (seen > 0 && seen < words) {
        const Reduced run = reduce_words(text, last, 0, seen);
        visit(context, &run);
    }
}
