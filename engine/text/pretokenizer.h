/* Pre-tokenizers: the steps that cut a text into the pieces that merges stay inside.
 *
 *     Pretokenizer pre = {0};
 *     pretokenizer_add_split(&pre, "\\p{N}{1,3}", false, true, true, where, &error);
 *     pretokenizer_add_byte_level(&pre, false, false, where, &error);
 *     pretokenizer_run(&pre, text, bytes, piece, context, &error);
 *
 * Regexes are those of Oniguruma as tokenizer.json files use them, run by PCRE2
 * with Unicode properties; letters and numbers are those of Unicode 16, as Oniguruma
 * has them, with an older PCRE2 too. Each step cuts every piece of the step before it.
 */
#ifndef ENGINE_TEXT_PRETOKENIZER_H
#define ENGINE_TEXT_PRETOKENIZER_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/error.h"

#define PRETOKENIZER_MAX_STEPS 8

typedef struct PretokenizerStep {
    char *pattern;      /* as it was given, malloc'ed; NULL: the step does not cut        */
    bool  literal;      /* it is no regex, but a string to look for                      */
    void *regex;        /* pcre2_code; NULL: the step does not cut             */
    void *newer_regex;  /* the same, for letters that PCRE2 is too old to know; NULL: no need */
    bool  keep_matches; /* what the regex matches becomes pieces               */
    bool  keep_gaps;    /* and so does what lies between                       */
    bool  prefix_space; /* put a space before a piece that has none, first     */
} PretokenizerStep;

typedef struct Pretokenizer {
    PretokenizerStep steps[PRETOKENIZER_MAX_STEPS];
    size_t           count;
} Pretokenizer;

/* Adds a regex step (or, if `literal`, one that looks for the string itself). A
 * pattern that does not compile is an error that names `where`. */
Status pretokenizer_add_split(Pretokenizer *pre, const char *pattern, bool literal, bool keep_matches, bool keep_gaps,
                              const char *where, Error *error);

/* Adds ByteLevel's part: the prefix space, and GPT-2's regex if asked. */
Status pretokenizer_add_byte_level(Pretokenizer *pre, bool prefix_space, bool use_regex, const char *where,
                                   Error *error);

/* Calls `piece` for each non-empty piece of valid UTF-8, in order; stops at its
 * first failure and returns that. */
typedef Status PretokenizerPiece(void *context, const char *text, size_t bytes, Error *error);
Status         pretokenizer_run(const Pretokenizer *pre, const char *text, size_t bytes, PretokenizerPiece *piece,
                                void *context, Error *error);

void pretokenizer_free(Pretokenizer *pre);

#endif
