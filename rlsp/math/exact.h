/* Exact values: rational arithmetic on expression trees.
 *
 *     mpq_t value;
 *     mpq_init(value);
 *     if (math_exact(term, &work, value) == MATH_OK) …
 */
#ifndef RLSP_MATH_EXACT_H
#define RLSP_MATH_EXACT_H

#include "rlsp/math/tree.h"

/* Work left, in units of about a nanosecond's arithmetic. Every computation takes from it, so that
 * a verdict costs a bounded time and is the same on every machine. */
typedef struct MathWork {
    int64_t left;
} MathWork;

enum { MATH_WORK = 15000000 };

static inline bool math_spend(MathWork *work, int64_t units)
{
    work->left = work->left < units ? -1 : work->left - units; /* what is not done is not counted */
    return work->left >= 0;
}

/* MATH_OK: a rational number, in *value, which is initialised. MATH_INEXACT: it has variables, or is
 * irrational, or no rule here knows it. MATH_UNDEFINED: 1/0 and the like. MATH_LIMIT: more than
 * MATH_BITS_MAX bits, or out of work. MATH_UNREADABLE: no scalar. */
MathStatus math_exact(MathTerm term, MathWork *work, mpq_t value);

/* The same for an exponent or a degree: an integer within +-limit in *value, else MATH_INEXACT. */
MathStatus math_exact_integer(MathTerm term, MathWork *work, long limit, long *value);

#endif
