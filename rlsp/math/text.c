#include "rlsp/math/text.h"

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

static int next(Walk *walk, MathTextRule rule)
{
    while (walk->token < walk->end && walk->at == walk->token->length) {
        walk->token++;
        walk->at     = 0;
        walk->spaced = false;
    }
    if (walk->token >= walk->end) {
        return -1;
    }
    if (walk->at == 0 && walk->token->spaced && !walk->spaced && rule != MATH_TEXT_ANY_SPACE) {
        walk->spaced = true;
        return ' ';
    }
    char c = walk->token->text[walk->at++];
    return (unsigned char)(rule == MATH_TEXT_ANY_CASE ? lower(c) : c);
}

/* Takes braces off that stand around all of it. */
static void unbrace(const MathToken **begin, const MathToken **end)
{
    while (*end - *begin >= 2 && (*begin)->type == TOKEN_OPEN_BRACE && (*end)[-1].type == TOKEN_CLOSE_BRACE) {
        int depth = 0;
        for (const MathToken *token = *begin; token < *end; token++) {
            depth += (token->type == TOKEN_OPEN_BRACE) - (token->type == TOKEN_CLOSE_BRACE);
            if (depth == 0 && token + 1 < *end) {
                return; /* {a}{b} */
            }
        }
        ++*begin;
        --*end;
    }
}

static Walk walk_of(const MathTokens *tokens)
{
    const MathToken *begin = tokens->list, *end = begin + tokens->count;
    unbrace(&begin, &end);
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

bool math_texts_same(const MathTokens *gold, const MathTokens *answer, MathTextRule rule)
{
    Walk a = walk_of(gold), b = walk_of(answer);
    int  x = next(&a, rule), y;
    if (x < 0) {
        return false;
    }
    for (y = next(&b, rule); x == y && x >= 0; x = next(&a, rule), y = next(&b, rule)) {
    }
    return x == y;
}

/* One letter, maybe in parentheses, at *token, which moves past it; -1: none. */
static int take_choice(const MathToken **token, const MathToken *end, bool gold)
{
    bool             open   = (*token)->type == TOKEN_OPEN;
    const MathToken *letter = *token + open;
    char             c      = letter < end && is_letter(letter) ? letter->text[0] : '\0';
    bool             closed = letter + 1 < end && letter[1].type == TOKEN_CLOSE;
    c                       = gold || c < 'a' || c > 'z' ? c : (char)(c - 32);
    if (c < 'A' || c > 'J' || (open && !closed)) {
        return -1;
    }
    *token = letter + 1 + closed;
    if (*token + 1 == end && math_token_is(*token, ".")) {
        ++*token;
    }
    return c - 'A';
}

uint32_t math_choices(const MathTokens *tokens, bool gold)
{
    const MathToken *token = tokens->list, *end = token + tokens->count;
    uint32_t         chosen = 0;
    unbrace(&token, &end);
    while (token < end) {
        int choice = take_choice(&token, end, gold);
        if (choice < 0 || (chosen >> choice & 1)) {
            return 0;
        }
        chosen |= 1u << choice;
        const MathToken *before = token;
        while (token < end &&
               (token->type == TOKEN_COMMA || token->type == TOKEN_AND || token->type == TOKEN_SEMICOLON)) {
            token++;
        }
        if (token < end && token == before) {
            return 0;
        }
    }
    return chosen;
}

bool math_has_unknown(const MathTokens *tokens)
{
    for (size_t i = 0; i < tokens->count; i++) {
        if (tokens->list[i].type == TOKEN_UNKNOWN) {
            return true;
        }
    }
    return false;
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
