#include "rlsp/task/expression.h"

typedef struct Parser {
    const char *text;
    size_t      length, position;
    Expression *expression;
} Parser;

typedef struct Operand {
    Value    value;
    uint64_t key;
} Operand;

/* --- exact values -------------------------------------------------------------- */

static bool add_checked(int64_t a, int64_t b, int64_t *sum)
{
    if ((b > 0 && a > INT64_MAX - b) || (b < 0 && a < INT64_MIN - b)) {
        return false;
    }
    *sum = a + b;
    return true;
}

/* Keeps clear of INT64_MIN, so that every result can be negated. */
static bool multiply_checked(int64_t a, int64_t b, int64_t *product)
{
    if (a == 0 || b == 0) {
        *product = 0;
        return true;
    }
    uint64_t magnitude_a = a < 0 ? 0 - (uint64_t)a : (uint64_t)a;
    uint64_t magnitude_b = b < 0 ? 0 - (uint64_t)b : (uint64_t)b;
    if (magnitude_a > (uint64_t)INT64_MAX / magnitude_b) {
        return false;
    }
    int64_t magnitude = (int64_t)(magnitude_a * magnitude_b);
    *product          = (a < 0) == (b < 0) ? magnitude : -magnitude;
    return true;
}

static int64_t greatest_common_divisor(int64_t a, int64_t b)
{
    a = a < 0 ? -a : a;
    while (b != 0) {
        int64_t rest = a % b;
        a            = b;
        b            = rest;
    }
    return a;
}

static Value value_failed(ValueState state)
{
    return (Value){.state = state, .denominator = 1};
}

/* n / d in lowest terms; d is not 0. */
static Value value_reduced(int64_t n, int64_t d)
{
    if (n == INT64_MIN || d == INT64_MIN) {
        return value_failed(VALUE_TOO_LARGE);
    }
    if (d < 0) {
        n = -n;
        d = -d;
    }
    int64_t divisor = greatest_common_divisor(n, d);
    return (Value){.numerator = n / divisor, .denominator = d / divisor};
}

Value value_of(int64_t integer)
{
    return (Value){.numerator = integer, .denominator = 1};
}

static Value value_product(int64_t an, int64_t ad, int64_t bn, int64_t bd)
{
    int64_t n, d;
    if (!multiply_checked(an, bn, &n) || !multiply_checked(ad, bd, &d)) {
        return value_failed(VALUE_TOO_LARGE);
    }
    return value_reduced(n, d);
}

/* a op b, exactly. */
static Value value_apply(char op, Value a, Value b)
{
    if (a.state != VALUE_EXACT || b.state != VALUE_EXACT) {
        return value_failed(a.state != VALUE_EXACT ? a.state : b.state);
    }
    if (op == '*') {
        return value_product(a.numerator, a.denominator, b.numerator, b.denominator);
    }
    if (op == '/') {
        return b.numerator == 0 ? value_failed(VALUE_DIVISION_BY_ZERO)
                                : value_product(a.numerator, a.denominator, b.denominator, b.numerator);
    }
    int64_t left, right, n, d;
    int64_t signed_b = op == '-' ? -b.numerator : b.numerator; /* never INT64_MIN, see value_reduced */
    if (!multiply_checked(a.numerator, b.denominator, &left) || !multiply_checked(signed_b, a.denominator, &right) ||
        !add_checked(left, right, &n) || !multiply_checked(a.denominator, b.denominator, &d)) {
        return value_failed(VALUE_TOO_LARGE);
    }
    return value_reduced(n, d);
}

bool value_equal(Value a, Value b)
{
    return a.state == VALUE_EXACT && b.state == VALUE_EXACT && a.numerator == b.numerator &&
           a.denominator == b.denominator;
}

/* --- parsing ------------------------------------------------------------------- */

bool digits_read(const char *text, size_t length, size_t *position, int64_t *integer)
{
    size_t  i     = *position;
    int64_t value = 0;
    for (; i < length && text[i] >= '0' && text[i] <= '9'; i++) {
        if (i - *position >= EXPRESSION_DIGITS_MAX) {
            return false;
        }
        value = 10 * value + (text[i] - '0');
    }
    if (i == *position) {
        return false;
    }
    *position = i;
    *integer  = value;
    return true;
}

/* SplitMix64's finalizer. */
static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static bool parse_pair(Parser *parser, Operand *result, unsigned depth);

/* The parentheses of n numbers are at most n - 1 deep, which bounds the recursion. */
static bool parse_operand(Parser *parser, Operand *result, unsigned depth)
{
    if (parser->position < parser->length && parser->text[parser->position] == '(') {
        if (depth + 2 >= EXPRESSION_LEAVES_MAX) {
            return false;
        }
        parser->position++;
        if (!parse_pair(parser, result, depth + 1) || parser->position >= parser->length ||
            parser->text[parser->position] != ')') {
            return false;
        }
        parser->position++;
        return true;
    }
    Expression *expression = parser->expression;
    int64_t     integer;
    if (expression->leaf_count == EXPRESSION_LEAVES_MAX ||
        !digits_read(parser->text, parser->length, &parser->position, &integer)) {
        return false;
    }
    expression->leaves[expression->leaf_count++] = integer;
    *result                                      = (Operand){value_of(integer), mix((uint64_t)integer)};
    return true;
}

static bool parse_pair(Parser *parser, Operand *result, unsigned depth)
{
    Operand left, right;
    if (!parse_operand(parser, &left, depth) || parser->position >= parser->length) {
        return false;
    }
    char op = parser->text[parser->position++];
    if ((op != '+' && op != '-' && op != '*' && op != '/') || !parse_operand(parser, &right, depth)) {
        return false;
    }
    Expression *expression = parser->expression;
    Value       value      = value_apply(op, left.value, right.value);
    bool        swap       = (op == '+' || op == '*') && left.key > right.key;
    uint64_t    first      = swap ? right.key : left.key;
    uint64_t    second     = swap ? left.key : right.key;
    expression->steps[expression->step_count++] =
        (ExpressionStep){.op = op, .left = left.value, .right = right.value, .value = value};
    *result = (Operand){value, mix(mix(first ^ (uint64_t)op << 56) + second)};
    return true;
}

bool expression_parse(Expression *expression, const char *text, size_t length)
{
    Operand result;
    Parser  parser         = {.text = text, .length = length, .expression = expression};
    expression->leaf_count = 0;
    expression->step_count = 0;
    if (!parse_pair(&parser, &result, 0) || parser.position != length) {
        return false;
    }
    expression->value = result.value;
    expression->key   = result.key == 0 ? 1 : result.key;
    return true;
}

bool expression_value_is(const Expression *expression, int64_t integer)
{
    return value_equal(expression->value, value_of(integer));
}

bool expression_uses(const Expression *expression, const int64_t *numbers, uint32_t count)
{
    if (expression->leaf_count != count) {
        return false;
    }
    bool used[EXPRESSION_LEAVES_MAX] = {false};
    for (uint32_t leaf = 0; leaf < count; leaf++) {
        uint32_t i = 0;
        while (i < count && (used[i] || numbers[i] != expression->leaves[leaf])) {
            i++;
        }
        if (i == count) {
            return false;
        }
        used[i] = true;
    }
    return true;
}
