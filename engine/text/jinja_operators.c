/* Operators of expressions, from tight to loose. */
#include "engine/text/jinja_parts.h"

typedef struct Level {
    const char   *text[4];
    JinjaOperator index[4];
} Level;

static const Level levels[] = {
    {{"+", "-"}, {JINJA_ADD, JINJA_SUBTRACT}},
    {{"~"}, {JINJA_CONCAT}},
    {{"*", "/", "//", "%"}, {JINJA_MULTIPLY, JINJA_DIVIDE, JINJA_FLOOR_DIVIDE, JINJA_MODULO}},
};

static JinjaNode *binary(JinjaParser *parser, JinjaNode *left, JinjaNodeKind kind, JinjaOperator index,
                         JinjaNode *right)
{
    JinjaNode *node = jinja_node(parser, kind);
    if (node != NULL) {
        node->index = (int)index;
        node->a     = left;
        node->b     = right;
    }
    return jinja_node_done(parser, node);
}

static JinjaNode *arithmetic(JinjaParser *parser, size_t level)
{
    if (level == sizeof levels / sizeof *levels) {
        return jinja_parse_unary(parser, true);
    }
    JinjaNode *node = arithmetic(parser, level + 1);
    for (size_t i = 0; i < 4 && !parser->failed; i++) {
        if (levels[level].text[i] != NULL && jinja_accept(parser, JINJA_T_OPERATOR, levels[level].text[i])) {
            node = binary(parser, node, JINJA_BINARY, levels[level].index[i], arithmetic(parser, level + 1));
            i    = SIZE_MAX; /* from the first again */
        }
    }
    return node;
}

/* a < b < c is (a < b) and (b < c). */
static JinjaNode *comparison(JinjaParser *parser)
{
    static const struct {
        const char   *text;
        JinjaOperator index;
    } operators[]     = {{"==", JINJA_EQUAL},      {"!=", JINJA_NOT_EQUAL}, {"<", JINJA_LESS},
                         {"<=", JINJA_LESS_EQUAL}, {">", JINJA_GREATER},    {">=", JINJA_GREATER_EQUAL}};
    JinjaNode *left   = arithmetic(parser, 0);
    JinjaNode *result = NULL;
    while (!parser->failed) {
        int found = -1;
        for (size_t i = 0; i < sizeof operators / sizeof *operators && found < 0; i++) {
            found = jinja_accept(parser, JINJA_T_OPERATOR, operators[i].text) ? (int)operators[i].index : -1;
        }
        if (found < 0 && jinja_accept(parser, JINJA_T_NAME, "in")) {
            found = JINJA_IN;
        } else if (found < 0 && jinja_at(parser, JINJA_T_NAME, "not") && parser->token[1].kind == JINJA_T_NAME &&
                   jinja_is(parser->token[1].string, "in")) {
            parser->token += 2;
            found = JINJA_NOT_IN;
        }
        if (found < 0) {
            return result != NULL ? result : left;
        }
        JinjaNode *right = arithmetic(parser, 0);
        JinjaNode *one   = binary(parser, left, JINJA_BINARY, (JinjaOperator)found, right);
        result           = result == NULL ? one : binary(parser, result, JINJA_AND, 0, one);
        left             = right;
    }
    return NULL;
}

static JinjaNode *negation(JinjaParser *parser)
{
    if (!jinja_accept(parser, JINJA_T_NAME, "not")) {
        return comparison(parser);
    }
    JinjaNode *node = jinja_node(parser, JINJA_NOT);
    if (++parser->depth > JINJA_DEPTH) {
        return jinja_parse_fail(parser, "more than %d levels", JINJA_DEPTH);
    }
    if (node != NULL) {
        node->a = negation(parser);
    }
    parser->depth--;
    return jinja_node_done(parser, node);
}

static JinjaNode *conjunction(JinjaParser *parser)
{
    JinjaNode *node = negation(parser);
    while (jinja_accept(parser, JINJA_T_NAME, "and")) {
        node = binary(parser, node, JINJA_AND, 0, negation(parser));
    }
    return node;
}

JinjaNode *jinja_parse_or(JinjaParser *parser)
{
    JinjaNode *node = conjunction(parser);
    while (jinja_accept(parser, JINJA_T_NAME, "or")) {
        node = binary(parser, node, JINJA_OR, 0, conjunction(parser));
    }
    return node;
}

JinjaNode *jinja_parse_expression(JinjaParser *parser)
{
    if (parser->failed || ++parser->depth > JINJA_DEPTH) {
        return parser->failed ? NULL : jinja_parse_fail(parser, "more than %d levels", JINJA_DEPTH);
    }
    JinjaNode *node = jinja_parse_or(parser);
    while (jinja_accept(parser, JINJA_T_NAME, "if")) {
        JinjaNode *choice = jinja_node(parser, JINJA_CHOICE);
        if (choice != NULL) {
            choice->b = node;
            choice->a = jinja_parse_or(parser);
            choice->c = jinja_accept(parser, JINJA_T_NAME, "else") ? jinja_parse_expression(parser) : NULL;
        }
        node = jinja_node_done(parser, choice);
    }
    parser->depth--;
    return parser->failed ? NULL : node;
}
