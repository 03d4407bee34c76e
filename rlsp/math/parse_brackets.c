/* Parser: brackets of every kind, functions, matrices. */
#include <string.h>

#include "rlsp/math/parser.h"

static bool is_close(uint8_t type)
{
    return type == TOKEN_CLOSE || type == TOKEN_CLOSE_SQUARE || type == TOKEN_CLOSE_ANGLE;
}

/* (…), […], <…> and their mixtures: a group, or a tuple or interval. */
static int parse_tuple(Parser *parser)
{
    uint8_t open  = parser->at++->type;
    int     first = parse_element(parser), node = first;
    int     count = 1;
    while (parser->status == MATH_OK && (parser_take(parser, TOKEN_COMMA) || parser_take(parser, TOKEN_SEMICOLON))) {
        node = count == 1 ? math_tree_over(parser->tree, NODE_TUPLE, first) : node;
        math_tree_append(parser->tree, node, parse_element(parser));
        if (++count > 256) {
            return parser_fail(parser, MATH_LIMIT);
        }
    }
    uint8_t close = parser->at->type;
    if (node < 0 || parser->status != MATH_OK || !is_close(close) ||
        (open == TOKEN_OPEN_ANGLE) != (close == TOKEN_CLOSE_ANGLE)) {
        return parser_fail(parser, MATH_UNREADABLE);
    }
    parser->at++;
    MathNode *made = math_node(parser->tree, node);
    int       closed =
        (open == TOKEN_OPEN_SQUARE ? MATH_CLOSED_LEFT : 0) | (close == TOKEN_CLOSE_SQUARE ? MATH_CLOSED_RIGHT : 0);
    if (count == 1) {
        made->grouped = true;
        return closed == 0 || closed == (MATH_CLOSED_LEFT | MATH_CLOSED_RIGHT) ? node
                                                                               : parser_fail(parser, MATH_UNREADABLE);
    }
    made->op = (uint8_t)(open == TOKEN_OPEN_ANGLE ? MATH_ANGLES : closed);
    return node;
}

static int parse_set(Parser *parser)
{
    parser->at++;
    if (parser_take(parser, TOKEN_CLOSE_SET)) {
        return math_tree_node(parser->tree, NODE_EMPTY_SET);
    }
    int signs = parser->signs, count = 0;
    int node = math_tree_node(parser->tree, NODE_SET);
    do {
        parser->signs = 0;
        bool bars     = parser->bars;
        parser->bars  = true; /* \{x | …\}: the bar is no |x| */
        int element   = parse_element(parser);
        parser->bars  = bars;
        if (count == 0 && (parser_take(parser, TOKEN_COLON) || parser_take(parser, TOKEN_BAR))) {
            node = parse_element(parser); /* \{x : 0 < x\} is what the condition says */
            break;
        }
        math_tree_append(parser->tree, node, element);
        if (element < 0 || ++count > 256) {
            return parser_fail(parser, element < 0 ? MATH_UNREADABLE : MATH_LIMIT);
        }
    } while (parser_take(parser, TOKEN_COMMA) || parser_take(parser, TOKEN_SEMICOLON) ||
             parser_take(parser, TOKEN_AND));
    parser->signs = signs;
    return parser_take(parser, TOKEN_CLOSE_SET) ? node : parser_fail(parser, MATH_UNREADABLE);
}

static int parse_enclosed(Parser *parser, MathTokenType close, MathFunction function)
{
    bool bars    = parser->bars;
    parser->bars = function == FUNCTION_ABS;
    parser->at++;
    int node     = math_tree_over(parser->tree, NODE_FUNCTION, parse_sum(parser));
    parser->bars = bars;
    if (node < 0 || !parser_take(parser, close)) {
        return parser_fail(parser, MATH_UNREADABLE);
    }
    math_node(parser->tree, node)->op = (uint8_t)function;
    return node;
}

int parse_brackets(Parser *parser)
{
    if (!parser_enter(parser)) {
        return -1;
    }
    int node;
    switch (parser->at->type) {
    case TOKEN_OPEN_SET: node = parse_set(parser); break;
    case TOKEN_OPEN_FLOOR: node = parse_enclosed(parser, TOKEN_CLOSE_FLOOR, FUNCTION_FLOOR); break;
    case TOKEN_OPEN_CEILING: node = parse_enclosed(parser, TOKEN_CLOSE_CEILING, FUNCTION_CEILING); break;
    case TOKEN_BAR: node = parse_enclosed(parser, TOKEN_BAR, FUNCTION_ABS); break;
    default: {
        bool bars    = parser->bars;
        parser->bars = false;
        node         = parse_tuple(parser);
        parser->bars = bars;
    }
    }
    parser_leave(parser);
    return node;
}

/* \sin 2x: factors up to the next function or sign. */
static int parse_bare_argument(Parser *parser)
{
    int argument = parse_factor(parser);
    while (parser->status == MATH_OK && parser_at_factor(parser) && parser->at->type != TOKEN_FUNCTION &&
           parser->at->type != TOKEN_OPEN && !parser_at_unit(parser)) {
        argument = math_tree_pair(parser->tree, NODE_MULTIPLY, argument, parse_factor(parser));
    }
    return argument;
}

static bool is_minus_one(const MathTree *tree, int node)
{
    return math_is(tree, node, NODE_NEGATE) && math_is(tree, math_first(tree, node), NODE_NUMBER) &&
           mpq_cmp_ui(tree->literals[math_node(tree, math_first(tree, node))->value].value, 1, 1) == 0;
}

int parse_function(Parser *parser)
{
    MathTree *tree     = parser->tree;
    uint8_t   function = parser->at++->id;
    int       exponent = -1, base = -1, argument;
    if (!parser_enter(parser)) {
        return -1;
    }
    for (int i = 0; i < 2 && function <= FUNCTION_LOG; i++) {
        if (exponent < 0 && parser_take(parser, TOKEN_CARET)) {
            exponent = parse_argument(parser);
        } else if (function == FUNCTION_LOG && base < 0 && parser_take(parser, TOKEN_SUBSCRIPT)) {
            base = parse_argument(parser);
        }
    }
    if (parser->status != MATH_OK) {
        return -1;
    }
    if (parser->at->type == TOKEN_OPEN) {
        argument = parse_brackets(parser);
    } else if (parser->at->type == TOKEN_OPEN_BRACE) {
        argument = parse_group(parser);
    } else {
        argument = function <= FUNCTION_LOG ? parse_bare_argument(parser) : -1;
    }
    parser_leave(parser);
    if (argument >= 0 && is_minus_one(tree, exponent) && function <= FUNCTION_TAN) {
        function = (uint8_t)(function == FUNCTION_SIN   ? FUNCTION_ARCSIN
                             : function == FUNCTION_COS ? FUNCTION_ARCCOS
                                                        : FUNCTION_ARCTAN);
        exponent = -1;
    }
    if (function == FUNCTION_SQRT) {
        return argument < 0 ? parser_fail(parser, MATH_UNREADABLE) : math_tree_over(tree, NODE_ROOT, argument);
    }
    if (function == FUNCTION_EXP) {
        return math_tree_pair(tree, NODE_POWER, math_tree_node(tree, NODE_EULER), argument);
    }
    int node = math_tree_over(tree, NODE_FUNCTION, argument);
    if (node < 0) {
        return parser_fail(parser, MATH_UNREADABLE);
    }
    math_node(tree, node)->op = function;
    math_tree_append(tree, node, base);
    return exponent >= 0 ? math_tree_pair(tree, NODE_POWER, node, exponent) : node;
}

/* Cells up to \end{…}: their number in a row in *columns. */
static void parse_cells(Parser *parser, int matrix, int *columns)
{
    int row = 0, cells = 0;
    *columns = 0;
    while (parser->status == MATH_OK) {
        if (row == 0 && parser->at->type == TOKEN_END_ENVIRONMENT) {
            return; /* a last \\ */
        }
        int cell = parse_element(parser);
        math_tree_append(parser->tree, matrix, cell);
        row++;
        if (cell < 0 || ++cells > 256) {
            parser_fail(parser, cell < 0 ? MATH_UNREADABLE : MATH_LIMIT);
        } else if (!parser_take(parser, TOKEN_CELL)) {
            if (*columns != 0 && row != *columns) {
                parser_fail(parser, MATH_UNREADABLE);
            }
            *columns = row;
            row      = 0;
            if (!parser_take(parser, TOKEN_ROW)) {
                return;
            }
        }
    }
}

int parse_matrix(Parser *parser)
{
    static const char *const names[] = {"pmatrix", "bmatrix", "matrix", "smallmatrix", "Bmatrix", "array"};
    size_t                   kind    = 0;
    const MathToken         *name    = parser->at++;
    while (kind < 6 && !math_token_is(name, names[kind])) {
        kind++;
    }
    if (kind == 6 || !parser_enter(parser)) {
        return parser_fail(parser, MATH_UNREADABLE);
    }
    if (kind == 5 && parser_take(parser, TOKEN_OPEN_BRACE)) { /* {cc}, {c|c} */
        while (parser->at->type == TOKEN_LETTER || parser->at->type == TOKEN_BAR || parser->at->type == TOKEN_WORD) {
            parser->at++;
        }
        if (!parser_take(parser, TOKEN_CLOSE_BRACE)) {
            return parser_fail(parser, MATH_UNREADABLE);
        }
    }
    int matrix = math_tree_node(parser->tree, NODE_MATRIX), columns;
    parse_cells(parser, matrix, &columns);
    parser_leave(parser);
    if (parser->status != MATH_OK || matrix < 0 || columns == 0 || parser->at->type != TOKEN_END_ENVIRONMENT ||
        parser->at->length != name->length || memcmp(parser->at->text, name->text, name->length) != 0) {
        return parser_fail(parser, MATH_UNREADABLE);
    }
    parser->at++;
    math_node(parser->tree, matrix)->value = columns;
    return matrix;
}
