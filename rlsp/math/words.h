/* The words and signs that answers are written with. */
#ifndef RLSP_MATH_WORDS_H
#define RLSP_MATH_WORDS_H

#include "rlsp/math/token.h"

/* What a command does besides being a token (values of MathWord.type above those of tokens). */
enum {
    WORD_NOTHING = 100, /* \left, \displaystyle: dropped           */
    WORD_SPACE,         /* \quad                                   */
    WORD_STYLE,         /* \mathbf{…}: letters stay italic         */
    WORD_ROMAN,         /* \text{…}                                */
    WORD_DELIMITER,     /* \left: dropped with a full stop after it */
    WORD_BLACKBOARD     /* \mathbb{R}                              */
};

typedef struct MathWord {
    const char *name;
    uint8_t     type, id;
} MathWord;

/* NULL: unknown. */
const MathWord *math_command(const char *name, size_t length);    /* without the backslash     */
const MathWord *math_plain_word(const char *name, size_t length); /* sqrt, pi, or, sin …, any case of letters */

/* The sign that begins at text[0]: its bytes in *length; NULL: none known. */
const MathWord *math_sign(const char *text, size_t available, size_t *length);

/* A superscript digit (² …) at text[0]: the digit, *length its bytes; NULL: none. */
const char *math_superscript(const char *text, size_t available, size_t *length);

#endif
