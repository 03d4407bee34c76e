/* Parser: numbers, names, fractions, roots, powers, functions. */
#include <string.h>

#include "rlsp/math/parser.h"

static int parse_primary(Parser *parser);

bool parser_at_factor(const Parser *parser)
{
    switch (parser->at->type) {
    case TOKEN_LETTER:
    case TOKEN_PI:
    case TOKEN_EULER:
    case TOKEN_IMAGINARY:
    case TOKEN_INFINITY:
    case TOKEN_FRAC:
    case TOKEN_BINOM:
    case TOKEN_SQRT:
    case TOKEN_ROOT_SIGN:
    case TOKEN_FUNCTION:
    case TOKEN_OPEN:
    case TOKEN_OPEN_BRACE:
    case TOKEN_OPEN_FLOOR:
    case TOKEN_OPEN_CEILING:
    case TOKEN_BEGIN:
    case TOKEN_ANGLE: return true;
    case TOKEN_OPEN_SQUARE: return parser->at[1].type == TOKEN_BEGIN; /* \left[\begin{array} … */
    case TOKEN_BAR: return !parser->bars;
    default: return false;
    }
}

static bool is_integer(const MathToken *token)
{
    return token->type == TOKEN_NUMBER && memchr(token->text, '.', token->length) == NULL &&
           memchr(token->text, 'e', token->length) == NULL;
}

/* What \frac takes at *token: {digits}, or one digit, of which *taken are gone already. */
static bool take_digits(const MathToken **token, size_t *taken, MathToken *digits)
{
    const MathToken *at = *token;
    if (at->type == TOKEN_OPEN_BRACE && *taken == 0 && is_integer(&at[1]) && at[2].type == TOKEN_CLOSE_BRACE) {
        *digits = at[1];
        *token += 3;
        return true;
    }
    if (!is_integer(at)) {
        return false;
    }
    *digits = *at;
    digits->text += *taken;
    digits->length = 1;
    if (++*taken == at->length) {
        ++*token;
        *taken = 0;
    }
    return true;
}

/* One level deeper, where no bracket counts it: \sqrt\sqrt\sqrt2. */
static int parse_deeper(Parser *parser, int (*parse)(Parser *))
{
    if (!parser_enter(parser)) {
        return -1;
    }
    int node = parse(parser);
    parser_leave(parser);
    return node;
}

int parse_argument(Parser *parser)
{
    const MathToken *token = parser->at;
    if (token->type == TOKEN_OPEN_BRACE) {
        return parse_group(parser);
    }
    if (token->type != TOKEN_NUMBER) {
        return parse_deeper(parser, parse_primary);
    }
    MathToken digit;
    return take_digits(&parser->at, &parser->taken, &digit) ? math_tree_number(parser->tree, digit.text, 1)
                                                            : parser_fail(parser, MATH_UNREADABLE);
}

int parse_group(Parser *parser)
{
    if (!parser_take(parser, TOKEN_OPEN_BRACE) || !parser_enter(parser)) {
        return parser_fail(parser, MATH_UNREADABLE);
    }
    int  first = parse_element(parser), node = first;
    bool choose = parser->at->id == 1;
    if (parser_take(parser, TOKEN_OVER)) {
        int below = parse_sum(parser);
        node      = choose ? math_tree_pair(parser->tree, NODE_BINOMIAL, first, below)
                           : math_tree_pair(parser->tree, NODE_MULTIPLY, first,
                                            math_tree_over(parser->tree, NODE_INVERT, below));
    } else if (parser->at->type == TOKEN_COMMA) { /* {1, 2}: a set without backslashes */
        node = math_tree_over(parser->tree, NODE_SET, first);
        while (parser_take(parser, TOKEN_COMMA)) {
            math_tree_append(parser->tree, node, parse_element(parser));
        }
    }
    parser_leave(parser);
    if (node < 0 || !parser_take(parser, TOKEN_CLOSE_BRACE)) {
        return parser_fail(parser, MATH_UNREADABLE);
    }
    math_node(parser->tree, node)->grouped = true;
    return node;
}

/* Appends a token's text to a name. */
static bool append(char name[MATH_NAME_BYTES], size_t *n, const char *text, size_t length)
{
    if (*n + length >= MATH_NAME_BYTES) {
        return false;
    }
    memcpy(name + *n, text, length);
    *n += length;
    return true;
}

/* A letter with its subscript and primes: one name. */
static int parse_name(Parser *parser)
{
    char   name[MATH_NAME_BYTES];
    size_t n    = 0;
    bool   fits = append(name, &n, parser->at->text, parser->at->length);
    parser->at++;
    while (fits) {
        if (parser_take(parser, TOKEN_PRIME)) {
            fits = append(name, &n, "'", 1);
        } else if (parser_take(parser, TOKEN_SUBSCRIPT)) {
            bool braced = parser_take(parser, TOKEN_OPEN_BRACE);
            fits        = append(name, &n, "_", 1);
            do {
                fits = fits && parser->at->type != TOKEN_END && append(name, &n, parser->at->text, parser->at->length);
                parser->at += fits;
            } while (fits && braced && !parser_take(parser, TOKEN_CLOSE_BRACE));
        } else {
            return math_tree_variable(parser->tree, name, n);
        }
    }
    return parser_fail(parser, MATH_UNREADABLE);
}

static int parse_exponent(Parser *parser)
{
    int node;
    if (!parser_enter(parser)) {
        return -1;
    }
    bool minus = parser_take(parser, TOKEN_MINUS);
    node       = parser->at->type == TOKEN_OPEN_BRACE ? parse_group(parser) : parse_primary(parser);
    if (parser_take(parser, TOKEN_CARET)) { /* 2^3^4, as programs write it */
        node = math_tree_pair(parser->tree, NODE_POWER, node, parse_exponent(parser));
    }
    parser_leave(parser);
    return minus ? math_tree_over(parser->tree, NODE_NEGATE, node) : node;
}

static bool is_degree(const Parser *parser, const MathToken *token, int base)
{
    /* 90^o after a number is how degrees are typed */
    return token->type == TOKEN_DEGREE ||
           (token->type == TOKEN_LETTER && math_token_is(token, "o") && math_is(parser->tree, base, NODE_NUMBER));
}

/* ^\circ, ^{\circ} */
static bool take_degree(Parser *parser, int base)
{
    const MathToken *at = parser->at;
    if (is_degree(parser, at, base)) {
        parser->at++;
        return true;
    }
    if (at->type == TOKEN_OPEN_BRACE && is_degree(parser, &at[1], base) && at[2].type == TOKEN_CLOSE_BRACE) {
        parser->at += 3;
        return true;
    }
    return false;
}

/* "8" or "eight": the literal of a base; -1: neither. */
static int base_number(Parser *parser, const MathToken *token)
{
    static const char *const names[]  = {"two",   "three", "four", "five",   "six",   "seven",
                                         "eight", "nine",  "ten",  "eleven", "twelve"};
    static const char *const digits[] = {"2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (token->type == TOKEN_WORD && math_token_is(token, names[i])) {
            return math_tree_number(parser->tree, digits[i], strlen(digits[i]));
        }
    }
    return is_integer(token) ? math_tree_number(parser->tree, token->text, token->length) : -1;
}

/* 52_8: what is behind the subscript's sign; the digits before it are those of a whole number. */
static int parse_based(Parser *parser, const char *digits, size_t length)
{
    bool   braced = parser_take(parser, TOKEN_OPEN_BRACE);
    int    base   = base_number(parser, parser->at);
    size_t zeros  = 0;
    if (base < 0) {
        return parser_fail(parser, MATH_UNREADABLE);
    }
    while (zeros + 1 < length && digits[zeros] == '0') {
        zeros++;
    }
    int name = math_tree_variable(parser->tree, digits + zeros, length - zeros);
    int node = math_tree_over(parser->tree, NODE_BASED, base);
    if (node >= 0 && name >= 0) {
        math_node(parser->tree, node)->value = math_node(parser->tree, name)->value;
    }
    parser->at++;
    return braced && !parser_take(parser, TOKEN_CLOSE_BRACE) ? parser_fail(parser, MATH_UNREADABLE) : node;
}

/* (52)_8 */
static int parse_grouped_based(Parser *parser, int node)
{
    const MathTree *tree = parser->tree;
    char            digits[MATH_NAME_BYTES];
    const mpq_t *value = math_is(tree, node, NODE_NUMBER) ? &tree->literals[math_node(tree, node)->value].value : NULL;
    if (value == NULL || !tree->literals[math_node(tree, node)->value].integer ||
        mpz_sizeinbase(mpq_numref(*value), 10) + 2 > sizeof digits) {
        return parser_fail(parser, MATH_UNREADABLE);
    }
    mpz_get_str(digits, 10, mpq_numref(*value));
    return parse_based(parser, digits, strlen(digits));
}

/* The fraction of a mixed number, where one follows a whole number; -1 without a failure: none does. */
static int parse_mixed(Parser *parser)
{
    const MathToken *at = parser->at, *token = at + 1;
    MathToken        numerator = {0}, denominator = {0};
    size_t           taken = 0;
    if (at->type == TOKEN_FRAC) {
        if (!take_digits(&token, &taken, &numerator) || !take_digits(&token, &taken, &denominator) || taken != 0) {
            return -1;
        }
    } else if (is_integer(at) && (at->spaced || at->thin) && at[1].type == TOKEN_DIVIDE && is_integer(&at[2])) {
        numerator   = at[0];
        denominator = at[2];
        token       = at + 3;
    } else {
        return -1;
    }
    parser->at = token;
    int above  = math_tree_number(parser->tree, numerator.text, numerator.length);
    int below  = math_tree_number(parser->tree, denominator.text, denominator.length);
    if (above < 0 || below < 0) {
        return parser_fail(parser, MATH_LIMIT);
    }
    const MathTree *tree = parser->tree;
    if (mpq_cmp(tree->literals[math_node(tree, above)->value].value,
                tree->literals[math_node(tree, below)->value].value) >= 0) {
        return parser_fail(parser, MATH_UNREADABLE); /* 2\frac{5}{3}: a sum or a product? */
    }
    return math_tree_pair(parser->tree, NODE_MULTIPLY, above, math_tree_over(parser->tree, NODE_INVERT, below));
}

static int parse_number(Parser *parser)
{
    if (parser->taken != 0) { /* \sin^12 x */
        return parser_fail(parser, MATH_UNREADABLE);
    }
    const MathToken token = *parser->at++;
    if (parser->at->type == TOKEN_SUBSCRIPT) {
        parser->at++;
        return is_integer(&token) ? parse_based(parser, token.text, token.length)
                                  : parser_fail(parser, MATH_UNREADABLE);
    }
    int node = math_tree_number(parser->tree, token.text, token.length);
    if (node >= 0 && is_integer(&token)) {
        int fraction = parse_mixed(parser);
        if (fraction >= 0) {
            node = math_tree_pair(parser->tree, NODE_ADD, node, fraction);
            if (node >= 0) {
                math_node(parser->tree, node)->grouped = true;
            }
        }
    }
    return node;
}

static int leaf(Parser *parser, MathKind kind)
{
    parser->at++;
    return math_tree_node(parser->tree, kind);
}

static int parse_primary(Parser *parser)
{
    MathTree *tree = parser->tree;
    switch (parser->at->type) {
    case TOKEN_NUMBER: return parse_number(parser);
    case TOKEN_LETTER: return parse_name(parser);
    case TOKEN_PI: return leaf(parser, NODE_PI);
    case TOKEN_EULER: return parser->at[1].type == TOKEN_SUBSCRIPT ? parse_name(parser) : leaf(parser, NODE_EULER);
    case TOKEN_IMAGINARY:
        return parser->at[1].type == TOKEN_SUBSCRIPT ? parse_name(parser) : leaf(parser, NODE_IMAGINARY);
    case TOKEN_INFINITY: return leaf(parser, NODE_INFINITY);
    case TOKEN_EMPTY_SET: return leaf(parser, NODE_EMPTY_SET);
    case TOKEN_NUMBER_SET: {
        char letter = parser->at->text[0];
        int  node   = leaf(parser, NODE_NUMBER_SET);
        if (node >= 0) {
            math_node(tree, node)->op = (uint8_t)letter;
        }
        return node;
    }
    case TOKEN_FRAC:
    case TOKEN_BINOM: {
        bool frac  = parser->at++->type == TOKEN_FRAC;
        int  above = parse_argument(parser);
        int  below = above < 0 ? -1 : parse_argument(parser);
        return frac ? math_tree_pair(tree, NODE_MULTIPLY, above, math_tree_over(tree, NODE_INVERT, below))
                    : math_tree_pair(tree, NODE_BINOMIAL, above, below);
    }
    case TOKEN_SQRT:
    case TOKEN_ROOT_SIGN: {
        bool sign   = parser->at++->type == TOKEN_ROOT_SIGN;
        int  degree = -1;
        if (!sign && parser_take(parser, TOKEN_OPEN_SQUARE)) {
            degree = parse_deeper(parser, parse_sum);
            if (degree < 0 || !parser_take(parser, TOKEN_CLOSE_SQUARE)) {
                return parser_fail(parser, MATH_UNREADABLE);
            }
        }
        int node = math_tree_over(tree, NODE_ROOT, sign ? parse_deeper(parser, parse_primary) : parse_argument(parser));
        math_tree_append(tree, node, degree);
        return node;
    }
    case TOKEN_FUNCTION: return parse_function(parser);
    case TOKEN_OPEN_BRACE: return parse_group(parser);
    case TOKEN_OPEN:
    case TOKEN_OPEN_SQUARE:
    case TOKEN_OPEN_SET:
    case TOKEN_OPEN_ANGLE:
    case TOKEN_OPEN_FLOOR:
    case TOKEN_OPEN_CEILING:
    case TOKEN_BAR: return parse_brackets(parser);
    case TOKEN_BEGIN: return parse_matrix(parser);
    case TOKEN_MONEY: {
        parser->at++;
        parser->money = true;
        bool minus    = parser_take(parser, TOKEN_MINUS);
        int  node     = parser->at->type == TOKEN_NUMBER || parser->at->type == TOKEN_FRAC ? parse_primary(parser) : -1;
        return minus ? math_tree_over(tree, NODE_NEGATE, node) : node;
    }
    case TOKEN_ANGLE: { /* \angle ABC, or alone as the name of an angle */
        char   name[MATH_NAME_BYTES] = "angle";
        size_t n                     = 5;
        for (parser->at++; parser->at->type == TOKEN_LETTER && n < 9; parser->at++) {
            name[n++] = parser->at->text[0];
        }
        return math_tree_variable(tree, name, n);
    }
    default: return parser_fail(parser, MATH_UNREADABLE);
    }
}

int parse_factor(Parser *parser)
{
    int node = parse_primary(parser);
    for (int postfixes = 0; parser->status == MATH_OK && node >= 0; postfixes++) {
        if (postfixes == 8) {
            return parser_fail(parser, MATH_LIMIT);
        }
        if (parser_take(parser, TOKEN_FACTORIAL)) {
            node = math_tree_over(parser->tree, NODE_FACTORIAL, node);
        } else if (parser_take(parser, TOKEN_PERCENT)) {
            node = math_tree_over(parser->tree, NODE_PERCENT, node);
        } else if (parser_take(parser, TOKEN_DEGREE)) {
            node = math_tree_over(parser->tree, NODE_DEGREE, node);
        } else if (parser_take(parser, TOKEN_SUBSCRIPT)) {
            node = parse_grouped_based(parser, node);
        } else if (parser_take(parser, TOKEN_MONEY)) {
            parser->money = true;
        } else if (parser_take(parser, TOKEN_CARET)) {
            node = take_degree(parser, node) ? math_tree_over(parser->tree, NODE_DEGREE, node)
                                             : math_tree_pair(parser->tree, NODE_POWER, node, parse_exponent(parser));
        } else {
            return node;
        }
    }
    return parser->status == MATH_OK && node < 0 ? parser_fail(parser, MATH_UNREADABLE) : node;
}
