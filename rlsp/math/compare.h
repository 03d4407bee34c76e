/* Comparing answers: the gold answer's kind (number, tuple, interval, list, matrix, equation, …) decides how.
 *
 *     MathCompare compare = {.equal = {…}};
 *     if (math_compare(&compare, &gold, gold_root, &answer, answer_root) == MATH_SAME) … compare.rule
 */
#ifndef RLSP_MATH_COMPARE_H
#define RLSP_MATH_COMPARE_H

#include "rlsp/math/equal.h"

typedef struct MathCompare {
    MathEqual   equal;
    bool        ordered; /* the problem asks for an order: lists are compared as they stand */
    const char *rule;    /* out: how the verdict came about                  */
} MathCompare;

/* The trees may grow by nodes that the comparison needs. */
MathSameness math_compare(MathCompare *compare, MathTree *gold, int gold_root, MathTree *answer, int answer_root);

/* Whether the gold answer is a list or a set, so that commas of the answer separate. */
bool math_is_list(const MathTree *tree, int root);

#endif
