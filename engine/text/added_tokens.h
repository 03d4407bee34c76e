/* Added tokens: strings such as <|im_start|> that are cut out of a text before
 * anything else looks at it. At each place the longest counts, and the leftmost
 * place first, as in Hugging Face's AddedVocabulary. */
#ifndef ENGINE_TEXT_ADDED_TOKENS_H
#define ENGINE_TEXT_ADDED_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct AddedToken {
    char   *text; /* malloc'ed; not empty */
    size_t  bytes;
    int32_t id;
    bool    single_word, lstrip, rstrip;
} AddedToken;

/* After added_tokens_sort: by first byte, long before short; those that begin with
 * byte b are [first[b], first[b + 1]). */
typedef struct AddedTokens {
    AddedToken *tokens;
    size_t      count;
    size_t      first[257];
} AddedTokens;

bool added_tokens_add(AddedTokens *added, const AddedToken *token); /* takes token->text; false: out of memory */
void added_tokens_sort(AddedTokens *added);
void added_tokens_free(AddedTokens *added);

/* A walk over a text. */
typedef struct AddedScan {
    size_t at;   /* where to look on             */
    size_t done; /* end of what was given so far */
} AddedScan;

/* Finds the next added token, which covers [*begin, *end) with the spaces it takes
 * in; the text before it, [scan->done before the call, *begin), is plain. NULL: none left. */
const AddedToken *added_tokens_next(const AddedTokens *added, const char *text, size_t bytes, AddedScan *scan,
                                    size_t *begin, size_t *end);

#endif
