#include "engine/text/added_tokens.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "engine/utf8.h"

bool added_tokens_add(AddedTokens *added, const AddedToken *token)
{
    AddedToken *tokens = realloc(added->tokens, (added->count + 1) * sizeof *tokens);
    if (tokens == NULL) {
        return false;
    }
    added->tokens          = tokens;
    tokens[added->count++] = *token;
    return true;
}

static int compare(const void *a, const void *b)
{
    const AddedToken *x = a, *y = b;
    unsigned char     p = (unsigned char)x->text[0], q = (unsigned char)y->text[0];
    if (p != q) {
        return p < q ? -1 : 1;
    }
    if (x->bytes != y->bytes) {
        return x->bytes > y->bytes ? -1 : 1;
    }
    return x->id < y->id ? -1 : x->id > y->id;
}

void added_tokens_sort(AddedTokens *added)
{
    if (added->count > 1) {
        qsort(added->tokens, added->count, sizeof *added->tokens, compare);
    }
    size_t next = 0;
    for (size_t byte = 0; byte < 257; byte++) {
        while (next < added->count && (unsigned char)added->tokens[next].text[0] < byte) {
            next++;
        }
        added->first[byte] = next;
    }
}

void added_tokens_free(AddedTokens *added)
{
    for (size_t i = 0; i < added->count; i++) {
        free(added->tokens[i].text);
    }
    free(added->tokens);
    *added = (AddedTokens){0};
}

/* Unicode's White_Space, Rust's char::is_whitespace and the regex crate's \s. */
static bool is_space(uint32_t point)
{
    return (point >= 0x09 && point <= 0x0D) || point == 0x20 || point == 0x85 || point == 0xA0 || point == 0x1680 ||
           (point >= 0x2000 && point <= 0x200A) || point == 0x2028 || point == 0x2029 || point == 0x202F ||
           point == 0x205F || point == 0x3000;
}

/* The regex crate's \w: letters, marks, decimal digits, connectors, joiners (letter numbers are Alphabetic). */
static bool is_word(uint32_t point)
{
    switch (utf8proc_category((utf8proc_int32_t)point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC: return true;
    default: return point == 0x200C || point == 0x200D;
    }
}

static bool stands_alone(const char *text, size_t bytes, size_t begin, size_t end)
{
    size_t left = begin, right = end;
    return (begin == 0 || !is_word(utf8_previous(text, &left))) &&
           (end == bytes || !is_word(utf8_next(text, bytes, &right)));
}

static const AddedToken *match_at(const AddedTokens *added, const char *text, size_t bytes, size_t at)
{
    unsigned char byte = (unsigned char)text[at];
    for (size_t i = added->first[byte]; i < added->first[byte + 1]; i++) {
        const AddedToken *token = &added->tokens[i];
        if (token->bytes <= bytes - at && memcmp(token->text, text + at, token->bytes) == 0) {
            return token;
        }
    }
    return NULL;
}

const AddedToken *added_tokens_next(const AddedTokens *added, const char *text, size_t bytes, AddedScan *scan,
                                    size_t *begin, size_t *end)
{
    if (added->count == 0) {
        return NULL;
    }
    while (scan->at < bytes) {
        const AddedToken *token = match_at(added, text, bytes, scan->at);
        if (token == NULL) {
            scan->at++;
            continue;
        }
        size_t from = scan->at, to = scan->at + token->bytes;
        scan->at    = to;
        if (token->single_word && !stands_alone(text, bytes, from, to)) {
            continue;
        }
        size_t next = from;
        while (token->lstrip && next > scan->done && is_space(utf8_previous(text, &next))) {
            from = next;
        }
        next = to;
        while (token->rstrip && next < bytes && is_space(utf8_next(text, bytes, &next))) {
            to = next;
        }
        *begin     = from;
        *end       = to;
        scan->done = to;
        return token;
    }
    return NULL;
}
