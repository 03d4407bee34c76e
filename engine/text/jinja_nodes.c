/* What the parsers of statements and of expressions share: looking at tokens, making nodes. */
#include <stdio.h>
#include <string.h>

#include "engine/text/jinja_parts.h"

bool jinja_at(const JinjaParser *parser, JinjaTokenKind kind, const char *text)
{
    return parser->token->kind == kind && (text == NULL || jinja_is(parser->token->string, text));
}

bool jinja_accept(JinjaParser *parser, JinjaTokenKind kind, const char *text)
{
    if (parser->failed || !jinja_at(parser, kind, text)) {
        return false;
    }
    parser->token++;
    return true;
}

void jinja_describe(const JinjaToken *token, char text[100])
{
    static const char *const names[] = {"the end", "text", "{{",       "}}",       "{%",
                                        "%}",      "",     "a string", "a number", "a number"};
    if (token->kind == JINJA_T_NAME || token->kind == JINJA_T_OPERATOR) {
        snprintf(text, 100, "\"%.*s\"", (int)(token->string.bytes < 60 ? token->string.bytes : 60), token->string.text);
    } else {
        snprintf(text, 100, "%s", names[token->kind]);
    }
}

bool jinja_expect(JinjaParser *parser, JinjaTokenKind kind, const char *text)
{
    if (jinja_accept(parser, kind, text)) {
        return true;
    }
    char        found[100];
    const char *wanted = text != NULL                ? text
                         : kind == JINJA_T_NAME      ? "a name"
                         : kind == JINJA_T_PRINT_END ? "}}"
                                                     : "%}";
    jinja_describe(parser->token, found);
    jinja_parse_fail(parser, "found %s, wanted %s", found, wanted);
    return false;
}

JinjaNode *jinja_node(JinjaParser *parser, JinjaNodeKind kind)
{
    JinjaNode *node = parser->failed ? NULL : jinja_alloc(parser->arena, sizeof *node);
    if (node == NULL) {
        return parser->failed ? NULL : jinja_parse_fail(parser, "out of memory");
    }
    node->kind = kind;
    node->line = parser->token->line;
    return node;
}

JinjaNode *jinja_node_done(JinjaParser *parser, JinjaNode *node)
{
    if (parser->failed || node == NULL) {
        return NULL;
    }
    const JinjaNode *below[5] = {node->a, node->b, node->c, node->body, node->otherwise};
    for (size_t i = 0; i < 5 + node->count; i++) {
        for (const JinjaNode *at = i < 5 ? below[i] : node->list[i - 5]; at != NULL; at = at->next) {
            node->depth = at->depth > node->depth ? at->depth : node->depth;
        }
    }
    return ++node->depth > JINJA_DEPTH ? jinja_parse_fail(parser, "more than %d levels", JINJA_DEPTH) : node;
}

bool jinja_append(JinjaParser *parser, JinjaNode *node, JinjaNode *element)
{
    if (parser->failed) {
        return false;
    }
    if ((node->count & (node->count - 1)) == 0) { /* a power of two: full */
        JinjaNode **list = jinja_alloc(parser->arena, (node->count > 0 ? 2 * node->count : 1) * sizeof(JinjaNode *));
        if (list == NULL) {
            return jinja_parse_fail(parser, "out of memory") != NULL;
        }
        if (node->count > 0) {
            memcpy(list, node->list, node->count * sizeof(JinjaNode *));
        }
        node->list = list;
    }
    node->list[node->count++] = element;
    return true;
}
