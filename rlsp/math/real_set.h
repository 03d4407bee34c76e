/* Sets of real numbers: intervals, unions, single points, and what inequalities in one variable say.
 *
 *     MathRealSet set;
 *     if (math_real_set(&set, &equal, term) == MATH_OK) …     // in one form: sorted, merged
 *     math_real_sets_same(&equal, &gold_set, &answer_set)
 */
#ifndef RLSP_MATH_REAL_SET_H
#define RLSP_MATH_REAL_SET_H

#include "rlsp/math/equal.h"

enum { MATH_SEGMENTS_MAX = 32 };

/* An end of a segment: a term with its value to sort by, or an infinity. */
typedef struct MathEnd {
    int      infinity; /* -1, 0, 1 */
    bool     closed;
    double   value;
    MathTerm term;
} MathEnd;

typedef struct MathRealSet {
    size_t count;
    struct {
        MathEnd low, high;
    } segment[MATH_SEGMENTS_MAX]; /* not empty, apart, rising */
    int variable;                 /* of inequalities: its name; -1: none */
} MathRealSet;

/* MATH_OK, or MATH_INEXACT where the term is no such set (inequalities count in solved form only: the
 * variable alone), or MATH_UNDEFINED (an interval from 3 to 2), or MATH_LIMIT. */
MathStatus math_real_set(MathRealSet *set, MathEqual *equal, MathTerm term);

/* Ends are compared by math_equal. Sets with different variables differ. */
MathSameness math_real_sets_same(MathEqual *equal, const MathRealSet *gold, const MathRealSet *answer);

#endif
