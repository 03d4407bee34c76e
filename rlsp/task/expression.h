/* Expression: arithmetic over a few integers, written with every parenthesis.
 *
 *     expression := operand op operand          op: + - * /
 *     operand    := digits | "(" operand op operand ")"
 *
 * so three numbers are written (a+b)*c or a*(b+c) and in no other way; no spaces,
 * ASCII digits only. Values are exact fractions of 64-bit integers.
 *
 *     Expression expression;
 *     if (expression_parse(&expression, "(20*3)-7", 8) && expression_value_is(&expression, 53)) …
 */
#ifndef RLSP_TASK_EXPRESSION_H
#define RLSP_TASK_EXPRESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXPRESSION_LEAVES_MAX = 8, EXPRESSION_DIGITS_MAX = 18 };

typedef enum ValueState { VALUE_EXACT, VALUE_DIVISION_BY_ZERO, VALUE_TOO_LARGE } ValueState;

/* numerator / denominator in lowest terms, denominator > 0; if VALUE_EXACT */
typedef struct Value {
    ValueState state;
    int64_t    numerator, denominator;
} Value;

/* An inner node: left op right = value. */
typedef struct ExpressionStep {
    char  op;
    Value left, right, value;
} ExpressionStep;

typedef struct Expression {
    uint32_t       leaf_count, step_count;
    int64_t        leaves[EXPRESSION_LEAVES_MAX];    /* in the order written                   */
    ExpressionStep steps[EXPRESSION_LEAVES_MAX - 1]; /* in the order computed, innermost first */
    Value          value;
    uint64_t       key; /* the same for expressions that differ by a+b = b+a, a*b = b*a; never 0 */
} Expression;

/* Parses all `length` bytes. False: not of that form, a number of more than 18
 * digits, or more than 8 numbers. */
bool expression_parse(Expression *expression, const char *text, size_t length);

/* The value is exactly this integer. */
bool expression_value_is(const Expression *expression, int64_t integer);

/* The leaves are these numbers, each as often as it is listed, in any order. */
bool expression_uses(const Expression *expression, const int64_t *numbers, uint32_t count);

Value value_of(int64_t integer);
bool  value_equal(Value a, Value b);

/* Reads digits at text[*position], which moves past them. False: no digit, or more
 * than 18 of them. */
bool digits_read(const char *text, size_t length, size_t *position, int64_t *integer);

#endif
