/* What a problem's text says about how its answer is to be judged. */
#ifndef RLSP_MATH_PROBLEM_H
#define RLSP_MATH_PROBLEM_H

#include "rlsp/math/token.h"

/* "…in increasing order": the elements of a list have to stand as in the reference. */
bool math_problem_asks_order(const char *problem, size_t length);

/* The reference is a plain number, and the answer an expression with an operation in it that stands in the
 * problem as it is: a copy of the question in place of an answer. White space, delimiters and styles do not
 * count. Linear in the problem for each token of the answer. */
bool math_problem_holds(const char *problem, size_t length, const MathTokens *gold, const MathTokens *answer);

#endif
