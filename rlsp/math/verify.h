/* Verifier: whether an answer in LaTeX or plain text means the same as the reference.
 *
 *     MathVerdict verdict;
 *     math_verify(gold, gold_length, answer, length, NULL, &verdict);
 *     if (verdict.correct) …
 *     printf("%s (%s)\n", verdict.reason, verdict.rule);
 *
 * Deterministic, thread-safe, and bounded: the time by a budget of work, the memory by the sizes in
 * token.h and tree.h, whatever the bytes are. The gold answer is read by the same rules as the answer
 * and decides what kind of answer it has to be. When in doubt an answer is wrong.
 */
#ifndef RLSP_MATH_VERIFY_H
#define RLSP_MATH_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum MathReason {
    MATH_CORRECT,
    MATH_WRONG,
    MATH_EMPTY,          /* there is nothing to judge                             */
    MATH_NOT_UNDERSTOOD, /* the answer is of no known form                        */
    MATH_NO_VALUE,       /* 1/0 and the like                                      */
    MATH_TOO_MUCH,       /* a limit was reached                                   */
    MATH_COPIED,         /* an unevaluated expression of the problem's text       */
    MATH_REASON_COUNT
} MathReason;

typedef struct MathOptions {
    unsigned rounded_digits; /* significant digits of a rounded decimal that stands for an irrational or
                                non-terminating gold answer: 6; 0: such decimals are wrong */
    const char *problem;     /* its text, where it is known; NULL: not known    */
    size_t      problem_length;
} MathOptions;

typedef struct MathVerdict {
    bool        correct;
    MathReason  code;
    const char *reason; /* of the code: "correct", "wrong value", …               */
    const char *rule;   /* how that was found: static text                        */
    int64_t     work;   /* spent, of the budget                                   */
} MathVerdict;

MathOptions math_options_default(void);

/* `options` NULL: the defaults. */
void math_verify(const char *gold, size_t gold_length, const char *answer, size_t length, const MathOptions *options,
                 MathVerdict *verdict);

/* How a reference is read. */
typedef enum MathGold {
    MATH_GOLD_VALUE, /* an expression, a list, a set, …                         */
    MATH_GOLD_WORDS, /* words, or letters of a multiple choice                  */
    MATH_GOLD_EMPTY,
    MATH_GOLD_NOT_UNDERSTOOD, /* only the same text, but for its style, is correct */
    MATH_GOLD_TOO_MUCH        /* too long or too deep: only the very same text is  */
} MathGold;

MathGold math_gold(const char *gold, size_t length);

#endif
