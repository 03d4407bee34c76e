#include "rlsp/math/problem.h"

#include <string.h>

static const char *find(const char *text, size_t length, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= length; i++) {
        size_t k = 0;
        while (k < n && ((unsigned char)text[i + k] | 32) == ((unsigned char)word[k] | 32)) {
            k++;
        }
        if (k == n) {
            return text + i;
        }
    }
    return NULL;
}

bool math_problem_asks_order(const char *problem, size_t length)
{
    static const char *const words[] = {"increasing order",    "decreasing order",   "ascending order",
                                        "descending order",    "least to greatest",  "greatest to least",
                                        "smallest to largest", "largest to smallest"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (find(problem, length, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static bool passes(const char *text, size_t left, size_t *skip)
{
    static const char *const nothing[] = {
        " ", "\n", "\t", "$", "{", "}", "\\left", "\\right", "\\,", "\\!", "\\;", "\\displaystyle", "~"};
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
        size_t n = strlen(nothing[i]);
        if (n <= left && memcmp(text, nothing[i], n) == 0) {
            *skip = n;
            return true;
        }
    }
    return false;
}

/* Whether the answer's tokens stand one after another from here. */
static bool stands_at(const char *text, size_t left, const MathTokens *answer)
{
    size_t at = 0, skip;
    for (size_t i = 0; i < answer->count; i++) {
        const MathToken *token = &answer->list[i];
        if (token->type == TOKEN_OPEN_BRACE || token->type == TOKEN_CLOSE_BRACE) {
            continue;
        }
        while (at < left && passes(text + at, left - at, &skip)) {
            at += skip;
        }
        at += at < left && text[at] == '\\'; /* commands are kept without it */
        if (left - at < token->length || memcmp(text + at, token->text, token->length) != 0) {
            return false;
        }
        at += token->length;
    }
    /* not the beginning of a longer number */
    return at >= left || !(text[at] >= '0' && text[at] <= '9');
}

/* Signs of an operation between numbers; a fraction as a whole is a number. */
static size_t operations_in(const MathTokens *tokens)
{
    size_t count = 0;
    for (size_t i = 0; i < tokens->count; i++) {
        uint8_t type = tokens->list[i].type;
        bool    sign = (type == TOKEN_PLUS || type == TOKEN_MINUS) && i > 0;
        bool    over = type == TOKEN_DIVIDE && tokens->count > 3;
        count += sign || over || type == TOKEN_TIMES || type == TOKEN_CARET || type == TOKEN_FACTORIAL ||
                 type == TOKEN_FUNCTION || type == TOKEN_BINOM || type == TOKEN_SQRT || type == TOKEN_ROOT_SIGN;
    }
    return count;
}

bool math_problem_holds(const char *problem, size_t length, const MathTokens *gold, const MathTokens *answer)
{
    if (operations_in(answer) == 0 || operations_in(gold) > 0) {
        return false;
    }
    for (size_t at = 0; at < length; at++) {
        if (stands_at(problem + at, length - at, answer)) {
            return true;
        }
    }
    return false;
}
