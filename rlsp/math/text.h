/* Answers in words: names, "even", multiple choice. */
#ifndef RLSP_MATH_TEXT_H
#define RLSP_MATH_TEXT_H

#include "rlsp/math/token.h"

/* The tokens read the same: styles, delimiters, white space and braces around all do not count. */
typedef enum MathTextRule {
    MATH_TEXT_EXACT,
    MATH_TEXT_ANY_CASE, /* for words                                    */
    MATH_TEXT_ANY_SPACE /* for formulas of commands that nobody knows     */
} MathTextRule;
bool math_texts_same(const MathTokens *gold, const MathTokens *answer, MathTextRule rule);

/* The letters of a multiple-choice answer, bit 0 for A: "(C)", "\text{C}", "A, C and F"; 0: it is none.
 * `gold`: capitals only, so that the variable x is none. */
uint32_t math_choices(const MathTokens *tokens, bool gold);

/* A sign or command in it is not known. */
bool math_has_unknown(const MathTokens *tokens);

/* Words and nothing else, as in "Evelyn" without \text. */
bool math_is_words(const MathTokens *tokens);

#endif
