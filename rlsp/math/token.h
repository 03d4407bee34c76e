/* Tokens of an answer written in LaTeX or as plain text.
 *
 *     MathTokens tokens;
 *     if (math_tokens_read(&tokens, text, length, MATH_COMMAS_ARE_GROUPS) == MATH_OK) …
 *
 * What does not change a value is gone afterwards: math delimiters, spacing, \left and
 * \right, styles (\text, \mathbf, …: what is in them stays, its letters marked roman),
 * markdown's **…**, a final full stop. Unicode signs are the tokens of their commands.
 * Numbers with thousands separators are one token. Any bytes; nothing is read past
 * `length`; linear in it. Nothing is allocated: tokens point into the text, which has to
 * outlive them, or into `spelled`.
 */
#ifndef RLSP_MATH_TOKEN_H
#define RLSP_MATH_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MATH_TEXT_MAX   = 4096, /* bytes of an answer         */
    MATH_TOKENS_MAX = 2048, /* tokens of an answer        */
    MATH_DEPTH_MAX  = 64    /* brackets inside one another */
};

/* How reading or computing ended. */
typedef enum MathStatus {
    MATH_OK,
    MATH_UNREADABLE, /* not an answer of any known form        */
    MATH_INEXACT,    /* there is a value, but not of the kind asked for */
    MATH_UNDEFINED,  /* no value: 1/0, \infty - \infty, …      */
    MATH_LIMIT       /* too long, too deep, too large, too much work */
} MathStatus;

typedef enum MathTokenType {
    TOKEN_END,
    TOKEN_UNKNOWN,
    TOKEN_NUMBER,   /* digits, at most one point, maybe an exponent (1.2e3); separators removed     */
    TOKEN_LETTER,   /* a variable: a letter, or a Greek command                                     */
    TOKEN_WORD,     /* letters that belong together: roman ones, names of functions and units       */
    TOKEN_FUNCTION, /* id: MathFunction                                                             */
    TOKEN_PI,
    TOKEN_EULER,
    TOKEN_IMAGINARY,
    TOKEN_INFINITY,
    TOKEN_FRAC,
    TOKEN_BINOM,
    TOKEN_OVER, /* \over; id 1: \choose */
    TOKEN_SQRT,
    TOKEN_ROOT_SIGN, /* the Unicode sign: takes a whole number */
    TOKEN_PLUS,
    TOKEN_MINUS,
    TOKEN_PLUS_MINUS,
    TOKEN_MINUS_PLUS,
    TOKEN_TIMES,
    TOKEN_DIVIDE,
    TOKEN_CARET,
    TOKEN_SUBSCRIPT,
    TOKEN_FACTORIAL,
    TOKEN_PERCENT,
    TOKEN_DEGREE,
    TOKEN_PRIME,
    TOKEN_MONEY,
    TOKEN_ANGLE,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_OPEN_SQUARE,
    TOKEN_CLOSE_SQUARE,
    TOKEN_OPEN_BRACE,
    TOKEN_CLOSE_BRACE,
    TOKEN_OPEN_SET,
    TOKEN_CLOSE_SET,
    TOKEN_OPEN_ANGLE,
    TOKEN_CLOSE_ANGLE,
    TOKEN_OPEN_FLOOR,
    TOKEN_CLOSE_FLOOR,
    TOKEN_OPEN_CEILING,
    TOKEN_CLOSE_CEILING,
    TOKEN_BAR,
    TOKEN_COMMA,
    TOKEN_SEMICOLON,
    TOKEN_COLON,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_EQUAL,
    TOKEN_NOT_EQUAL,
    TOKEN_LESS,
    TOKEN_LESS_EQUAL,
    TOKEN_GREATER,
    TOKEN_GREATER_EQUAL,
    TOKEN_APPROXIMATE,
    TOKEN_IN,
    TOKEN_UNION,
    TOKEN_INTERSECTION,
    TOKEN_SET_MINUS,
    TOKEN_EMPTY_SET,
    TOKEN_NUMBER_SET, /* text: the letter of \mathbb */
    TOKEN_BEGIN,      /* text: the environment's name */
    TOKEN_END_ENVIRONMENT,
    TOKEN_CELL, /* & */
    TOKEN_ROW   /* \\ */
} MathTokenType;

typedef enum MathFunction {
    FUNCTION_SIN,
    FUNCTION_COS,
    FUNCTION_TAN,
    FUNCTION_COT,
    FUNCTION_SEC,
    FUNCTION_CSC,
    FUNCTION_ARCSIN,
    FUNCTION_ARCCOS,
    FUNCTION_ARCTAN,
    FUNCTION_SINH,
    FUNCTION_COSH,
    FUNCTION_TANH,
    FUNCTION_LN,
    FUNCTION_LOG, /* base 10 unless there is a subscript */
    FUNCTION_EXP,
    FUNCTION_ABS,
    FUNCTION_FLOOR,
    FUNCTION_CEILING,
    FUNCTION_SQRT /* as a word: sqrt(2) */
} MathFunction;

typedef struct MathToken {
    uint8_t     type;   /* MathTokenType */
    uint8_t     id;     /* MathFunction of TOKEN_FUNCTION */
    bool        spaced; /* white space stands before it */
    bool        thin;   /* \, or \! stands before it: inside numbers that parts thousands */
    bool        roman;  /* in \text and the like */
    bool        run;    /* a letter right after another one, as in "ab" */
    uint32_t    length;
    const char *text;
} MathToken;

/* Whether "1,234" (no spaces, outside brackets) is one number. "10{,}080" and "10,\!080" always are. */
typedef enum MathCommas { MATH_COMMAS_SEPARATE, MATH_COMMAS_ARE_GROUPS } MathCommas;

typedef struct MathTokens {
    size_t    count; /* without the TOKEN_END that is always behind them */
    MathToken list[MATH_TOKENS_MAX + 1];
    size_t    spelled_size;
    char      spelled[MATH_TEXT_MAX];
} MathTokens;

/* MATH_OK or MATH_LIMIT. */
MathStatus math_tokens_read(MathTokens *tokens, const char *text, size_t length, MathCommas commas);

bool math_token_is(const MathToken *token, const char *text);

#endif
