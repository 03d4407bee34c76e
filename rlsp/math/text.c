#include "rlsp/math/text.h"

#include <string.h>

static bool is_letter(const MathToken *token)
{
    return (token->type == TOKEN_LETTER || token->type == TOKEN_IMAGINARY || token->type == TOKEN_EULER) &&
           token->length == 1;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Walks through the characters of tokens; a space where words are parted. */
typedef struct Walk {
    const MathToken *token, *end;
    size_t           at;
    bool             spaced; /* the space before the token was given */
} Walk;

static int next(Walk *walk, bool any_case)
{
    while (walk->token < walk->end && walk->at == walk->token->length) {
        walk->token++;
        walk->at     = 0;
        walk->spaced = false;
    }
    if (walk->token >= walk->end) {
        return -1;
    }
    if (walk->at == 0 && walk->token->spaced && !walk->spaced) {
        walk->spaced = true;
        return ' ';
    }
    char c = walk->token->text[walk->at++];
    return (unsigned char)(any_case ? lower(c) : c);
}

static Walk walk_of(const MathTokens *tokens)
{
    const MathToken *begin = tokens->list, *end = begin + tokens->count;
    /* quotation marks and a full stop around all of it */
    while (begin < end && (math_token_is(begin, "\"") || math_token_is(begin, "`") || begin->type == TOKEN_PRIME)) {
        begin++;
    }
    while (end > begin && (math_token_is(end - 1, "\"") || math_token_is(end - 1, ".") ||
                           (begin > tokens->list && end[-1].type == TOKEN_PRIME))) {
        end--;
    }
    return (Walk){.token = begin, .end = end, .spaced = true};
}

bool math_texts_same(const MathTokens *gold, const MathTokens *answer, bool any_case)
{
    Walk a = walk_of(gold), b = walk_of(answer);
    int  x = next(&a, any_case), y;
    if (x < 0) {
        return false;
    }
    for (y = next(&b, any_case); x == y && x >= 0; x = next(&a, any_case), y = next(&b, any_case)) {
    }
    return x == y;
}

uint32_t math_choices(const MathTokens *tokens, bool gold)
{
    uint32_t chosen = 0;
    bool     marked = false; /* by \text or parentheses */
    size_t   i = 0, count = 0;
    while (i < tokens->count) {
        bool             open   = tokens->list[i].type == TOKEN_OPEN;
        const MathToken *letter = &tokens->list[i + open];
        char             c      = is_letter(letter) ? letter->text[0] : '\0';
        bool             closed = letter < tokens->list + tokens->count && letter[1].type == TOKEN_CLOSE;
        c                       = gold ? c : (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
        if (c < 'A' || c > 'J' || (open && !closed) || (chosen >> (c - 'A') & 1)) {
            return 0;
        }
        chosen |= 1u << (c - 'A');
        marked = marked || letter->roman || closed;
        count++;
        i = (size_t)(letter - tokens->list) + 1 + closed;
        if (i < tokens->count && math_token_is(&tokens->list[i], ".") && i + 1 == tokens->count) {
            i++;
        }
        size_t before = i;
        while (i < tokens->count && (tokens->list[i].type == TOKEN_COMMA || tokens->list[i].type == TOKEN_AND ||
                                     tokens->list[i].type == TOKEN_SEMICOLON)) {
            i++;
        }
        if (i < tokens->count && i == before) {
            return 0;
        }
    }
    return gold && !marked && count == 0 ? 0 : chosen;
}

bool math_is_words(const MathTokens *tokens)
{
    size_t longest = 0, run = 0;
    for (size_t i = 0; i < tokens->count; i++) {
        const MathToken *token = &tokens->list[i];
        if (!is_letter(token) && token->type != TOKEN_WORD && token->type != TOKEN_PRIME) {
            return false;
        }
        run     = token->type == TOKEN_WORD ? token->length : token->run ? run + 1 : 1;
        longest = run > longest ? run : longest;
    }
    return longest >= 4;
}
