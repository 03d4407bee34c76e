/* Parser: quantities with units, sets, relations. */

#include "rlsp/math/parser.h"

static bool is_relation(uint8_t type)
{
    return (type >= TOKEN_EQUAL && type <= TOKEN_GREATER_EQUAL) || type == TOKEN_APPROXIMATE || type == TOKEN_IN;
}

bool parser_at_unit(const Parser *parser)
{
    const MathToken *token = parser->at;
    if (token->type == TOKEN_WORD) {
        return true;
    }
    MathUnit unit = {0}; /* \text{m} */
    return token->type == TOKEN_LETTER && token->roman && !token[1].run && token[1].type != TOKEN_SUBSCRIPT &&
           math_unit_multiply(&unit, token->text, token->length, 1);
}

/* ^2 or ^{2} after a unit; 1 where there is none, 0 where it is no small number. */
static int take_power(Parser *parser)
{
    if (!parser_take(parser, TOKEN_CARET)) {
        return 1;
    }
    bool             braced = parser_take(parser, TOKEN_OPEN_BRACE);
    int              sign   = parser_take(parser, TOKEN_MINUS) ? -1 : 1;
    const MathToken *token  = parser->at;
    if (token->type != TOKEN_NUMBER || token->length != 1) {
        return 0;
    }
    parser->at++;
    return braced && !parser_take(parser, TOKEN_CLOSE_BRACE) ? 0 : sign * (token->text[0] - '0');
}

static bool take_factor(Parser *parser, MathUnit *unit, int *ahead, int *sign)
{
    const MathToken token = *parser->at;
    if (math_token_is(&token, "per")) {
        *sign = -1;
        parser->at++;
        return true;
    }
    if (math_token_is(&token, "square") || math_token_is(&token, "sq") || math_token_is(&token, "cubic") ||
        math_token_is(&token, "cu")) {
        *ahead = token.text[0] == 's' ? 2 : 3;
        parser->at++;
        if (parser->at->type == TOKEN_UNKNOWN && math_token_is(parser->at, ".")) {
            parser->at++; /* "sq. cm" */
        }
        return true;
    }
    parser->at++;
    int power = take_power(parser);
    if (power == 0) {
        return false;
    }
    if (math_token_is(parser->at, "squared") || math_token_is(parser->at, "cubed")) {
        power = parser->at->text[0] == 's' ? 2 : 3;
        parser->at++;
    }
    bool known = math_unit_multiply(unit, token.text, token.length, power * *ahead * *sign);
    *ahead     = 1;
    return known || (token.roman && power == 1 && math_unit_word(unit, token.text, token.length));
}

/* What follows a value: a unit, or nothing. */
static int parse_unit(Parser *parser, int value)
{
    MathUnit unit  = {0};
    int      ahead = 1, sign = 1;
    while (parser->status == MATH_OK && value >= 0) {
        if ((parser->at->type == TOKEN_DIVIDE || parser->at->type == TOKEN_TIMES) && !math_unit_is_none(&unit) &&
            (parser->at[1].type == TOKEN_WORD || parser->at[1].type == TOKEN_LETTER)) {
            sign = parser->at->type == TOKEN_DIVIDE ? -1 : sign;
            parser->at++;
        } else if (!parser_at_unit(parser)) {
            break;
        }
        if (!take_factor(parser, &unit, &ahead, &sign)) {
            return parser_fail(parser, MATH_UNREADABLE);
        }
    }
    if (parser->money) {
        parser->money = false;
        /* "$5 dollars" says it twice */
        if (!(unit.count == 1 && unit.part[0].power == 1) && !math_unit_multiply(&unit, "dollar", 6, 1)) {
            return parser_fail(parser, MATH_UNREADABLE);
        }
    }
    if (math_is(parser->tree, value, NODE_DEGREE)) {
        unit.degree = true;
        value       = math_first(parser->tree, value);
    }
    if (value < 0 || math_unit_is_none(&unit)) {
        return value;
    }
    if (ahead != 1 || parser->tree->unit_count == MATH_UNITS_MAX) {
        return parser_fail(parser, ahead != 1 ? MATH_UNREADABLE : MATH_LIMIT);
    }
    parser->tree->units[parser->tree->unit_count] = unit;
    int node                                      = math_tree_over(parser->tree, NODE_QUANTITY, value);
    if (node >= 0) {
        math_node(parser->tree, node)->value = parser->tree->unit_count++;
    }
    return node;
}

/* "\text{Area} = …": words before an equals sign are a name. */
static int parse_words_as_name(Parser *parser)
{
    const MathToken *at = parser->at;
    while (at->type == TOKEN_WORD || (at->type == TOKEN_LETTER && at > parser->at)) {
        at++;
    }
    if (at == parser->at || at->type != TOKEN_EQUAL) {
        return parser_fail(parser, MATH_UNREADABLE);
    }
    parser->at = at;
    return math_tree_variable(parser->tree, "words", 5);
}

static int parse_quantity(Parser *parser)
{
    bool money    = parser->money;
    parser->money = false;
    int node = parser->at->type == TOKEN_WORD ? parse_words_as_name(parser) : parse_unit(parser, parse_sum(parser));
    if (parser->at->type == TOKEN_COLON && node >= 0 && !parser->bars) {
        node = math_tree_over(parser->tree, NODE_RATIO, node);
        while (parser->status == MATH_OK && parser_take(parser, TOKEN_COLON)) {
            math_tree_append(parser->tree, node, parse_sum(parser));
        }
    }
    parser->money = money;
    return node;
}

static int parse_set_expression(Parser *parser)
{
    int node = parse_quantity(parser);
    while (parser->status == MATH_OK && node >= 0) {
        MathKind kind;
        switch (parser->at->type) {
        case TOKEN_UNION: kind = NODE_UNION; break;
        case TOKEN_INTERSECTION: kind = NODE_INTERSECTION; break;
        case TOKEN_SET_MINUS: kind = NODE_SET_MINUS; break;
        case TOKEN_MINUS:
            if (math_is(parser->tree, node, NODE_NUMBER_SET)) {
                kind = NODE_SET_MINUS;
                break;
            }
            return node;
        default: return node;
        }
        parser->at++;
        int right = parse_quantity(parser);
        if (kind != NODE_SET_MINUS && math_is(parser->tree, node, kind) && right >= 0) {
            math_tree_append(parser->tree, node, right);
        } else {
            node = math_tree_pair(parser->tree, kind, node, right);
        }
    }
    return node;
}

int parse_element(Parser *parser)
{
    int node = parse_set_expression(parser);
    if (node < 0 || !is_relation(parser->at->type)) {
        return node;
    }
    node = math_tree_over(parser->tree, NODE_RELATION, node);
    for (int sides = 1; parser->status == MATH_OK && node >= 0 && is_relation(parser->at->type); sides++) {
        uint8_t relation = parser->at++->type;
        int     side     = parse_set_expression(parser);
        if (side < 0 || sides > 16) {
            return parser_fail(parser, MATH_UNREADABLE);
        }
        math_node(parser->tree, side)->relation = relation;
        math_tree_append(parser->tree, node, side);
    }
    return node;
}
