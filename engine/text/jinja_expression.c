/* Expressions of a template, parsed with Jinja's precedence: a filter binds tighter
 * than an operator, and a test is a kind of filter. */
#include <string.h>

#include "engine/text/jinja_parts.h"

static bool at_operator(const JinjaParser *parser, const char *text)
{
    return jinja_at(parser, JINJA_T_OPERATOR, text);
}
static bool at_name(const JinjaParser *parser, const char *text)
{
    return jinja_at(parser, JINJA_T_NAME, text);
}
static bool accept_operator(JinjaParser *parser, const char *text)
{
    return jinja_accept(parser, JINJA_T_OPERATOR, text);
}
static bool accept_name(JinjaParser *parser, const char *text)
{
    return jinja_accept(parser, JINJA_T_NAME, text);
}

/* --- values */

static JinjaNode *constant(JinjaParser *parser, JinjaValue value)
{
    JinjaNode *node = jinja_node(parser, JINJA_CONSTANT);
    if (node != NULL) {
        node->value = value;
    }
    return jinja_node_done(parser, node);
}

static JinjaNode *name_or_word(JinjaParser *parser)
{
    const JinjaString name = parser->token->string;
    if (jinja_is(name, "true") || jinja_is(name, "True") || jinja_is(name, "false") || jinja_is(name, "False")) {
        parser->token++;
        return constant(parser, jinja_bool(name.text[0] == 't' || name.text[0] == 'T'));
    }
    if (jinja_is(name, "none") || jinja_is(name, "None")) {
        parser->token++;
        return constant(parser, jinja_none());
    }
    JinjaNode *node = jinja_node(parser, JINJA_NAME);
    if (node != NULL) {
        node->name = name;
        parser->token++;
    }
    return jinja_node_done(parser, node);
}

/* Strings that stand side by side are one. */
static JinjaNode *string(JinjaParser *parser)
{
    JinjaString whole = parser->token->string;
    for (parser->token++; jinja_at(parser, JINJA_T_STRING, NULL); parser->token++) {
        char *joined = jinja_alloc(parser->arena, whole.bytes + parser->token->string.bytes + 1);
        if (joined == NULL) {
            return jinja_parse_fail(parser, "out of memory");
        }
        memcpy(joined, whole.text, whole.bytes);
        memcpy(joined + whole.bytes, parser->token->string.text, parser->token->string.bytes);
        whole = (JinjaString){joined, whole.bytes + parser->token->string.bytes};
    }
    return constant(parser, jinja_string(whole.text, whole.bytes));
}

/* Elements up to `close`; with `pairs` key: value. */
static JinjaNode *elements(JinjaParser *parser, JinjaNode *node, const char *close, bool pairs)
{
    while (node != NULL && !accept_operator(parser, close)) {
        if (node->count > 0 && (!jinja_expect(parser, JINJA_T_OPERATOR, ",") || accept_operator(parser, close))) {
            break;
        }
        jinja_append(parser, node, jinja_parse_expression(parser));
        if (pairs && jinja_expect(parser, JINJA_T_OPERATOR, ":")) {
            jinja_append(parser, node, jinja_parse_expression(parser));
        }
        if (parser->failed) {
            return NULL;
        }
    }
    return jinja_node_done(parser, node);
}

static JinjaNode *list_or_one(JinjaParser *parser, JinjaNode *first)
{
    if (parser->failed || !at_operator(parser, ",")) {
        return first;
    }
    JinjaNode *node = jinja_node(parser, JINJA_MAKE_LIST);
    if (node != NULL) {
        jinja_append(parser, node, first);
    }
    while (!parser->failed && accept_operator(parser, ",")) {
        if (at_operator(parser, ")") || jinja_at(parser, JINJA_T_BLOCK_END, NULL) ||
            jinja_at(parser, JINJA_T_PRINT_END, NULL)) {
            break;
        }
        jinja_append(parser, node, jinja_parse_expression(parser));
    }
    return jinja_node_done(parser, node);
}

JinjaNode *jinja_parse_list(JinjaParser *parser)
{
    return list_or_one(parser, jinja_parse_expression(parser));
}

JinjaNode *jinja_parse_loop_source(JinjaParser *parser)
{
    return list_or_one(parser, jinja_parse_or(parser));
}

static JinjaNode *parse_primary(JinjaParser *parser)
{
    const JinjaToken *token = parser->token;
    if (parser->failed) {
        return NULL;
    }
    switch (token->kind) {
    case JINJA_T_NAME: return name_or_word(parser);
    case JINJA_T_STRING: return string(parser);
    case JINJA_T_INTEGER: parser->token++; return constant(parser, jinja_integer(token->integer));
    case JINJA_T_REAL: parser->token++; return constant(parser, (JinjaValue){.kind = JINJA_REAL, .real = token->real});
    default: break;
    }
    if (accept_operator(parser, "[")) {
        return elements(parser, jinja_node(parser, JINJA_MAKE_LIST), "]", false);
    }
    if (accept_operator(parser, "{")) {
        return elements(parser, jinja_node(parser, JINJA_MAKE_DICT), "}", true);
    }
    if (accept_operator(parser, "(")) {
        if (accept_operator(parser, ")")) {
            return jinja_node_done(parser, jinja_node(parser, JINJA_MAKE_LIST));
        }
        JinjaNode *inside = jinja_parse_list(parser);
        return inside != NULL && jinja_expect(parser, JINJA_T_OPERATOR, ")") ? inside : NULL;
    }
    char found[100];
    jinja_describe(token, found);
    return jinja_parse_fail(parser, "found %s, wanted a value", found);
}

/* --- what follows a value */

/* The arguments of a call, "(" is read. */
static void arguments(JinjaParser *parser, JinjaNode *call)
{
    bool named = false;
    while (!parser->failed && !accept_operator(parser, ")")) {
        if (call->count > 0 && (!jinja_expect(parser, JINJA_T_OPERATOR, ",") || accept_operator(parser, ")"))) {
            return;
        }
        const bool keyword = at_name(parser, NULL) && parser->token[1].kind == JINJA_T_OPERATOR &&
                             jinja_is(parser->token[1].string, "=");
        JinjaNode *argument = NULL;
        if (at_operator(parser, "*") || at_operator(parser, "**") || (named && !keyword)) {
            jinja_parse_fail(parser, "arguments with * or **, or without a name after one with, are not supported");
            return;
        }
        if (keyword) {
            named    = true;
            argument = jinja_node(parser, JINJA_KEYWORD);
            if (argument != NULL) {
                argument->name = parser->token->string;
                parser->token += 2;
                argument->a = jinja_parse_expression(parser);
            }
            argument = jinja_node_done(parser, argument);
        } else {
            argument = jinja_parse_expression(parser);
        }
        if (call->count == JINJA_ARGUMENTS) {
            jinja_parse_fail(parser, "more than %d arguments", JINJA_ARGUMENTS);
        }
        jinja_append(parser, call, argument);
    }
}

static JinjaNode *call(JinjaParser *parser, JinjaNode *what)
{
    JinjaNode *node = jinja_node(parser, JINJA_CALL);
    if (node != NULL && jinja_expect(parser, JINJA_T_OPERATOR, "(")) {
        node->a = what;
        arguments(parser, node);
    }
    return jinja_node_done(parser, node);
}

/* What stands in [ ]: an expression, or up to three with colons between. */
static JinjaNode *subscript(JinjaParser *parser, JinjaNode *what)
{
    JinjaNode *parts[3] = {NULL, NULL, NULL};
    size_t     colons   = 0;
    JinjaNode *node     = jinja_node(parser, JINJA_ITEM);
    while (!parser->failed && !at_operator(parser, "]")) {
        if (at_operator(parser, ":") && colons < 2) {
            parser->token++;
            colons++;
        } else if (parts[colons] == NULL) {
            parts[colons] = jinja_parse_expression(parser);
        } else {
            break;
        }
    }
    if (!jinja_expect(parser, JINJA_T_OPERATOR, "]") || node == NULL) {
        return NULL;
    }
    node->a = what;
    node->b = parts[0];
    if (colons > 0) {
        node->kind = JINJA_SLICE;
        node->b    = NULL;
        for (size_t i = 0; i < 3; i++) {
            JinjaNode *bound = parts[i] != NULL ? parts[i] : constant(parser, jinja_none());
            jinja_append(parser, node, bound);
        }
    } else if (parts[0] == NULL) {
        return jinja_parse_fail(parser, "[] wants something between");
    }
    return jinja_node_done(parser, node);
}

static JinjaNode *postfix(JinjaParser *parser, JinjaNode *node)
{
    while (!parser->failed) {
        if (accept_operator(parser, ".")) {
            JinjaNode *member =
                jinja_node(parser, jinja_at(parser, JINJA_T_INTEGER, NULL) ? JINJA_ITEM : JINJA_ATTRIBUTE);
            if (member == NULL) {
                return NULL;
            }
            member->a    = node;
            member->name = parser->token->string;
            if (member->kind == JINJA_ITEM) {
                member->b = parse_primary(parser);
            } else {
                jinja_expect(parser, JINJA_T_NAME, NULL);
            }
            node = jinja_node_done(parser, member);
        } else if (accept_operator(parser, "[")) {
            node = subscript(parser, node);
        } else if (at_operator(parser, "(")) {
            node = call(parser, node);
        } else {
            return node;
        }
    }
    return NULL;
}

static JinjaNode *filter(JinjaParser *parser, JinjaNode *what)
{
    JinjaNode  *node = jinja_node(parser, JINJA_FILTER);
    JinjaString name = parser->token->string;
    if (node == NULL || !jinja_expect(parser, JINJA_T_NAME, NULL)) {
        return NULL;
    }
    node->a     = what;
    node->name  = name;
    node->index = jinja_filter_index(name);
    if (accept_operator(parser, "(")) {
        arguments(parser, node);
    }
    return jinja_node_done(parser, node);
}

/* Whether a test's argument without brackets follows: x is divisibleby 3. */
static bool at_test_argument(const JinjaParser *parser)
{
    const JinjaTokenKind kind = parser->token->kind;
    if (kind == JINJA_T_NAME) {
        return !at_name(parser, "else") && !at_name(parser, "or") && !at_name(parser, "and") && !at_name(parser, "is");
    }
    return kind == JINJA_T_STRING || kind == JINJA_T_INTEGER || kind == JINJA_T_REAL || at_operator(parser, "[") ||
           at_operator(parser, "{");
}

static JinjaNode *test(JinjaParser *parser, JinjaNode *what)
{
    const bool  negated = accept_name(parser, "not");
    JinjaNode  *node    = jinja_node(parser, JINJA_TEST);
    JinjaString name    = parser->token->string;
    if (node == NULL || !jinja_expect(parser, JINJA_T_NAME, NULL)) {
        return NULL;
    }
    node->a     = what;
    node->name  = name;
    node->index = jinja_test_index(name);
    if (accept_operator(parser, "(")) {
        arguments(parser, node);
    } else if (at_test_argument(parser)) {
        jinja_append(parser, node, postfix(parser, parse_primary(parser)));
    }
    node = jinja_node_done(parser, node);
    if (negated && node != NULL) {
        JinjaNode *not = jinja_node(parser, JINJA_NOT);
        if (not != NULL) {
            not ->a = node;
        }
        node = jinja_node_done(parser, not );
    }
    return node;
}

static JinjaNode *filters(JinjaParser *parser, JinjaNode *node)
{
    while (!parser->failed) {
        if (accept_operator(parser, "|")) {
            node = filter(parser, node);
        } else if (accept_name(parser, "is")) {
            node = test(parser, node);
        } else if (at_operator(parser, "(")) {
            node = call(parser, node);
        } else {
            return node;
        }
    }
    return NULL;
}

JinjaNode *jinja_parse_unary(JinjaParser *parser, bool with_filter)
{
    JinjaNode *node;
    if (++parser->depth > JINJA_DEPTH) {
        return jinja_parse_fail(parser, "more than %d levels", JINJA_DEPTH);
    }
    if (accept_operator(parser, "-")) {
        if ((node = jinja_node(parser, JINJA_NEGATIVE)) != NULL) {
            node->a = jinja_parse_unary(parser, false);
            node    = jinja_node_done(parser, node);
        }
    } else if (accept_operator(parser, "+")) {
        node = jinja_parse_unary(parser, false);
    } else {
        node = postfix(parser, parse_primary(parser));
    }
    parser->depth--;
    if (at_operator(parser, "**")) {
        return jinja_parse_fail(parser, "the operator ** is not supported");
    }
    return with_filter ? filters(parser, node) : node;
}
