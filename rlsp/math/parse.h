/* Parser: from tokens to the tree of an answer.
 *
 *     int root;
 *     if (math_parse(&tree, &tokens, &root) == MATH_OK) …
 *
 *     answer   := element ((, | ; | and | or) element)*
 *     element  := set (relation set)*
 *     set      := quantity ((union | intersection | set minus) quantity)*
 *     quantity := sum [unit] [: sum]
 *     sum      := [sign] product (sign product)*
 *     product  := factor ((times | divide | nothing) factor)*
 *     factor   := primary (! | % | degree | ^ exponent | _ base)*
 *
 * What TeX would set differently from how it looks in the source is not guessed:
 * \sqrt51 and "x 2" are unreadable. Recursion is bounded by MATH_DEPTH_MAX.
 */
#ifndef RLSP_MATH_PARSE_H
#define RLSP_MATH_PARSE_H

#include "rlsp/math/tree.h"

enum { MATH_CLOSED_LEFT = 1, MATH_CLOSED_RIGHT = 2, MATH_ANGLES = 4 }; /* op of NODE_TUPLE */

/* MATH_OK, MATH_UNREADABLE or MATH_LIMIT. */
MathStatus math_parse(MathTree *tree, const MathTokens *tokens, int *root);

#endif
