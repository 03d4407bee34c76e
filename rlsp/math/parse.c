#include "rlsp/math/parse.h"

#include "rlsp/math/parser.h"

static int parse_product(Parser *parser);

int parser_fail(Parser *parser, MathStatus status)
{
    if (parser->status == MATH_OK) {
        parser->status = status;
    }
    return -1;
}

bool parser_enter(Parser *parser)
{
    if (parser->depth == MATH_DEPTH_MAX) {
        parser_fail(parser, MATH_LIMIT);
        return false;
    }
    parser->depth++;
    return true;
}

void parser_leave(Parser *parser)
{
    parser->depth--;
}

bool parser_take(Parser *parser, MathTokenType type)
{
    if (parser->at->type != type) {
        return false;
    }
    parser->at += type != TOKEN_END;
    return true;
}

/* +, -, plus-minus, minus-plus in front of a term; 0: none. */
static int take_sign(Parser *parser)
{
    switch (parser->at->type) {
    case TOKEN_PLUS: parser->at++; return '+';
    case TOKEN_MINUS: parser->at++; return '-';
    case TOKEN_PLUS_MINUS: parser->at++; return 'p';
    case TOKEN_MINUS_PLUS: parser->at++; return 'm';
    default: return 0;
    }
}

static int signed_term(Parser *parser, int sign, int term)
{
    if (sign == '-') {
        return math_tree_over(parser->tree, NODE_NEGATE, term);
    }
    if (sign == 'p' || sign == 'm') {
        if (parser->signs == MATH_SIGNS_MAX) {
            return parser_fail(parser, MATH_LIMIT);
        }
        int node = math_tree_over(parser->tree, NODE_PLUS_MINUS, term);
        if (node >= 0) {
            math_node(parser->tree, node)->op    = sign == 'p' ? '+' : '-';
            math_node(parser->tree, node)->value = parser->signs++;
        }
        return node;
    }
    return term;
}

/* After one sign another: 3 - -2, but nothing longer. */
static int second_sign(Parser *parser, int sign)
{
    int second = sign == 0 || sign == 'p' || sign == 'm' ? 0 : take_sign(parser);
    return second == 0 ? sign : sign == '+' ? second : second == '-' ? '+' : second == '+' ? '-' : 0;
}

int parse_sum(Parser *parser)
{
    int sum = -1;
    for (bool first = true;; first = false) {
        int sign = second_sign(parser, take_sign(parser));
        if (sign == 0 && !first) {
            return sum;
        }
        int term = signed_term(parser, sign, parse_product(parser));
        if (parser->status != MATH_OK) {
            return -1;
        }
        if (first) {
            sum = term;
            if (math_is(parser->tree, term, NODE_NUMBER_SET)) {
                return term; /* a minus after it takes elements away */
            }
        } else if (math_is(parser->tree, sum, NODE_ADD) && !math_node(parser->tree, sum)->grouped) {
            math_tree_append(parser->tree, sum, term);
        } else {
            sum = math_tree_pair(parser->tree, NODE_ADD, sum, term);
        }
    }
}

static int parse_product(Parser *parser)
{
    int product = parse_factor(parser);
    while (parser->status == MATH_OK) {
        int factor;
        if (parser->at->type == TOKEN_DIVIDE && parser->at[1].type == TOKEN_WORD) {
            break; /* "5 m/s" */
        }
        bool divide = parser_take(parser, TOKEN_DIVIDE);
        if (divide || parser_take(parser, TOKEN_TIMES)) {
            bool minus = parser_take(parser, TOKEN_MINUS);
            factor     = parse_factor(parser);
            factor     = minus ? math_tree_over(parser->tree, NODE_NEGATE, factor) : factor;
            factor     = divide ? math_tree_over(parser->tree, NODE_INVERT, factor) : factor;
        } else if (parser_at_factor(parser) && !parser_at_unit(parser)) {
            factor = parse_factor(parser);
        } else {
            break;
        }
        if (math_is(parser->tree, product, NODE_MULTIPLY) && !math_node(parser->tree, product)->grouped) {
            math_tree_append(parser->tree, product, factor);
        } else {
            product = math_tree_pair(parser->tree, NODE_MULTIPLY, product, factor);
        }
        if (factor < 0) {
            return parser_fail(parser, MATH_UNREADABLE);
        }
    }
    return parser->status == MATH_OK ? product : -1;
}

/* Connectives between elements: ',' 'o' 'a'; 0: none. ", and" is one. */
static char take_connective(Parser *parser)
{
    bool comma = parser_take(parser, TOKEN_COMMA) || parser_take(parser, TOKEN_SEMICOLON);
    if (parser_take(parser, TOKEN_OR)) {
        return 'o';
    }
    if (parser_take(parser, TOKEN_AND)) {
        return 'a';
    }
    return comma ? ',' : 0;
}

static int parse_answer(Parser *parser)
{
    int  answer = -1;
    char connective, kind = 0;
    int  count = 0;
    do {
        parser->signs = 0;
        int element   = parse_element(parser);
        if (parser->status != MATH_OK) {
            return -1;
        }
        count++;
        answer     = count == 1   ? element
                     : count == 2 ? math_tree_pair(parser->tree, NODE_LIST, answer, element)
                                  : (math_tree_append(parser->tree, answer, element), answer);
        connective = take_connective(parser);
        kind       = connective == 0 || kind == 'o' ? kind : connective;
    } while (connective != 0 && count <= 256);
    if (count > 256) {
        return parser_fail(parser, MATH_LIMIT);
    }
    if (count > 1 && answer >= 0) {
        math_node(parser->tree, answer)->op = (uint8_t)kind;
    }
    return answer;
}

MathStatus math_parse(MathTree *tree, const MathTokens *tokens, int *root)
{
    Parser parser = {.tree = tree, .at = tokens->list, .status = MATH_OK};
    *root         = parse_answer(&parser);
    if (tree->full) {
        parser.status = MATH_LIMIT;
    } else if (parser.status == MATH_OK && (*root < 0 || parser.at->type != TOKEN_END)) {
        parser.status = MATH_UNREADABLE;
    }
    return parser.status;
}
