/* Evaluation of expression trees in balls. */
#ifndef RLSP_MATH_EVALUATE_H
#define RLSP_MATH_EVALUATE_H

#include "rlsp/math/ball.h"
#include "rlsp/math/exact.h"

/* A value for each variable, over 2^MATH_POINT_SHIFT. */
enum { MATH_POINT_SHIFT = 24 };

typedef struct MathEvaluator {
    MathWork   *work;
    mpfr_prec_t precision;
    const long *point; /* [MATH_NAMES_MAX], NULL: variables have no value            */
    int64_t bits; /* out, summed: what the numbers written in the expression hold, and the exponents of its powers and
                     functions */
} MathEvaluator;

/* *value is initialised with the evaluator's precision. Not a scalar: MATH_UNREADABLE. */
MathStatus math_evaluate(MathTerm term, MathEvaluator *evaluator, MathBall *value);

#endif
