/* Answers in words: names, "even", multiple choice. */
#ifndef RLSP_MATH_TEXT_H
#define RLSP_MATH_TEXT_H

#include "rlsp/math/token.h"

/* The tokens read the same: styles, delimiters, white space at the ends do not count. `any_case`: nor does case. */
bool math_texts_same(const MathTokens *gold, const MathTokens *answer, bool any_case);

/* The letters of a multiple-choice answer, bit 0 for A: "(C)", "\text{C}", "A, C and F"; 0: it is none.
 * `gold`: also asks that it looks like one, so that the variable x is none. */
uint32_t math_choices(const MathTokens *tokens, bool gold);

/* Words and nothing else, as in "Evelyn" without \text. */
bool math_is_words(const MathTokens *tokens);

#endif
