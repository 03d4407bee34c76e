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

/* Letters, marks and digits that Unicode 15, 15.1 and 16 added, which the regex crate knows; older utf8procs do not. */
static const uint32_t newer_words[][2] = {
    {0x897, 0x897},     {0xCF3, 0xCF3},     {0xECE, 0xECE},     {0x1C89, 0x1C8A},   {0xA7CB, 0xA7CD},
    {0xA7DA, 0xA7DC},   {0x105C0, 0x105F3}, {0x10D40, 0x10D65}, {0x10D69, 0x10D6D}, {0x10D6F, 0x10D85},
    {0x10EC2, 0x10EC4}, {0x10EFC, 0x10EFF}, {0x1123F, 0x11241}, {0x11380, 0x11389}, {0x1138B, 0x1138B},
    {0x1138E, 0x1138E}, {0x11390, 0x113B5}, {0x113B7, 0x113C0}, {0x113C2, 0x113C2}, {0x113C5, 0x113C5},
    {0x113C7, 0x113CA}, {0x113CC, 0x113D3}, {0x113E1, 0x113E2}, {0x116D0, 0x116E3}, {0x11BC0, 0x11BE0},
    {0x11BF0, 0x11BF9}, {0x11F00, 0x11F10}, {0x11F12, 0x11F3A}, {0x11F3E, 0x11F42}, {0x11F50, 0x11F5A},
    {0x1342F, 0x1342F}, {0x13440, 0x13455}, {0x13460, 0x143FA}, {0x16100, 0x16139}, {0x16D40, 0x16D6C},
    {0x16D70, 0x16D79}, {0x18CFF, 0x18CFF}, {0x1B132, 0x1B132}, {0x1B155, 0x1B155}, {0x1CCF0, 0x1CCF9},
    {0x1DF25, 0x1DF2A}, {0x1E030, 0x1E06D}, {0x1E08F, 0x1E08F}, {0x1E4D0, 0x1E4F9}, {0x1E5D0, 0x1E5FA},
    {0x2B739, 0x2B739}, {0x2EBF0, 0x2EE5D}, {0x31350, 0x323AF}};

static bool is_newer_word(uint32_t point)
{
    size_t i = 0;
    while (i < sizeof newer_words / sizeof *newer_words && point > newer_words[i][1]) {
        i++;
    }
    return i < sizeof newer_words / sizeof *newer_words && point >= newer_words[i][0];
}

/* Symbols that are Alphabetic: letters in circles and squares. */
static bool is_framed_letter(uint32_t point)
{
    return (point >= 0x24B6 && point <= 0x24E9) || (point >= 0x1F130 && point <= 0x1F149) ||
           (point >= 0x1F150 && point <= 0x1F169) || (point >= 0x1F170 && point <= 0x1F189);
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
    default: return point == 0x200C || point == 0x200D || is_framed_letter(point) || is_newer_word(point);
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
        scan->at = to;
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
