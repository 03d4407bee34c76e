/* Parser's own pieces, shared by parse_*.c. Every function gives a node, or -1 once parser->status is set. */
#ifndef RLSP_MATH_PARSER_H
#define RLSP_MATH_PARSER_H

#include "rlsp/math/parse.h"

typedef struct Parser {
    MathTree        *tree;
    const MathToken *at;    /* the next token; the last is TOKEN_END for ever */
    size_t           taken; /* digits of it that were arguments already: \\frac12 */
    int              depth;
    int              signs; /* plus-minus signs of the element so far */
    bool             bars;  /* inside |…| */
    bool             money; /* the element has a dollar sign          */
    MathStatus       status;
} Parser;

int  parser_fail(Parser *parser, MathStatus status);
bool parser_enter(Parser *parser); /* one level deeper; false: too deep */
void parser_leave(Parser *parser);
bool parser_take(Parser *parser, MathTokenType type); /* steps over a token of this type */

int parse_sum(Parser *parser);
int parse_factor(Parser *parser);
int parse_argument(Parser *parser); /* {…} or what TeX takes without braces: a single digit of a number */
int parse_group(Parser *parser);    /* {…}, with \over */
int parse_function(Parser *parser);
int parse_brackets(Parser *parser); /* ( [ \{ < | floor ceiling */
int parse_matrix(Parser *parser);
int parse_element(Parser *parser);

bool parser_at_factor(const Parser *parser); /* whether a factor may follow without a sign */
bool parser_at_unit(const Parser *parser);

#endif
