/* Statements of a template, and the template itself. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/text/jinja_parts.h"
#include "engine/utf8.h"

#define TEMPLATE_LIMIT ((size_t)1 << 20) /* bytes; real ones have 10 kB at most */
#define TREE_LIMIT     ((size_t)256 << 20)

static JinjaNode *parse_body(JinjaParser *parser, const char *const *ends);

void *jinja_parse_fail(JinjaParser *parser, const char *format, ...)
{
    char    text[400];
    va_list arguments;
    if (!parser->failed) {
        va_start(arguments, format);
        vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
        error_set(parser->error, STATUS_BAD_INPUT, "%s line %u: %s", parser->name, parser->token->line, text);
        parser->failed = true;
    }
    return NULL;
}

static bool at_word(const JinjaParser *parser, const char *word)
{
    return jinja_at(parser, JINJA_T_NAME, word);
}

static bool block_end(JinjaParser *parser)
{
    return jinja_expect(parser, JINJA_T_BLOCK_END, NULL);
}

/* "{% end… %}", whose first token is read. */
static bool closing(JinjaParser *parser, const char *word)
{
    return jinja_expect(parser, JINJA_T_NAME, word) && block_end(parser);
}

/* Names, with ns.name allowed: what set and for assign to. */
static void targets(JinjaParser *parser, JinjaNode *node)
{
    const bool bracket = jinja_accept(parser, JINJA_T_OPERATOR, "(");
    do {
        JinjaNode *target = jinja_node(parser, JINJA_NAME);
        if (target == NULL) {
            return;
        }
        target->name = parser->token->string;
        jinja_expect(parser, JINJA_T_NAME, NULL);
        target = jinja_node_done(parser, target);
        if (target != NULL && jinja_accept(parser, JINJA_T_OPERATOR, ".")) {
            JinjaNode *member = jinja_node(parser, JINJA_ATTRIBUTE);
            if (member == NULL) {
                return;
            }
            member->a    = target;
            member->name = parser->token->string;
            jinja_expect(parser, JINJA_T_NAME, NULL);
            target = jinja_node_done(parser, member);
        }
        jinja_append(parser, node, target);
    } while (jinja_accept(parser, JINJA_T_OPERATOR, ","));
    if (bracket) {
        jinja_expect(parser, JINJA_T_OPERATOR, ")");
    }
}

static JinjaNode *parse_for(JinjaParser *parser)
{
    static const char *const ends[] = {"else", "endfor", NULL}, *const end[] = {"endfor", NULL};
    JinjaNode *node = jinja_node(parser, JINJA_FOR);
    if (node == NULL) {
        return NULL;
    }
    targets(parser, node);
    if (!jinja_expect(parser, JINJA_T_NAME, "in")) {
        return NULL;
    }
    /* Jinja reads no "a if b" here: the "if" belongs to the loop. A bracket or the loop's own says so too. */
    node->a = jinja_parse_loop_source(parser);
    if (jinja_accept(parser, JINJA_T_NAME, "if")) {
        node->b = jinja_parse_expression(parser);
    }
    if (at_word(parser, "recursive")) {
        return jinja_parse_fail(parser, "recursive loops are not supported");
    }
    block_end(parser);
    parser->loops++;
    node->body = parse_body(parser, ends);
    parser->loops--;
    if (jinja_accept(parser, JINJA_T_NAME, "else") && block_end(parser)) {
        node->otherwise = parse_body(parser, end);
    }
    return closing(parser, "endfor") ? jinja_node_done(parser, node) : NULL;
}

/* From behind "if" or "elif"; the "endif" is read by the outermost. */
static JinjaNode *parse_if(JinjaParser *parser)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL}, *const end[] = {"endif", NULL};
    JinjaNode *node = jinja_node(parser, JINJA_IF);
    if (node == NULL || ++parser->depth > JINJA_DEPTH) {
        return node == NULL ? NULL : jinja_parse_fail(parser, "more than %d levels", JINJA_DEPTH);
    }
    node->a = jinja_parse_list(parser);
    block_end(parser);
    node->body = parse_body(parser, ends);
    if (jinja_accept(parser, JINJA_T_NAME, "elif")) {
        node->otherwise = parse_if(parser);
    } else if (jinja_accept(parser, JINJA_T_NAME, "else") && block_end(parser)) {
        node->otherwise = parse_body(parser, end);
    }
    parser->depth--;
    return jinja_node_done(parser, node);
}

static JinjaNode *parse_set(JinjaParser *parser)
{
    static const char *const end[] = {"endset", NULL};
    JinjaNode               *node  = jinja_node(parser, JINJA_SET);
    if (node == NULL) {
        return NULL;
    }
    targets(parser, node);
    if (jinja_accept(parser, JINJA_T_OPERATOR, "=")) {
        node->a = jinja_parse_list(parser);
        block_end(parser);
        return jinja_node_done(parser, node);
    }
    if (!block_end(parser)) {
        return NULL;
    }
    node->body = parse_body(parser, end);
    return closing(parser, "endset") ? jinja_node_done(parser, node) : NULL;
}

static JinjaNode *parse_macro(JinjaParser *parser)
{
    static const char *const end[] = {"endmacro", NULL};
    JinjaNode               *node  = jinja_node(parser, JINJA_DEFINE);
    if (node == NULL) {
        return NULL;
    }
    node->name = parser->token->string;
    if (!jinja_expect(parser, JINJA_T_NAME, NULL) || !jinja_expect(parser, JINJA_T_OPERATOR, "(")) {
        return NULL;
    }
    while (!parser->failed && !jinja_accept(parser, JINJA_T_OPERATOR, ")")) {
        if (node->count > 0 && !jinja_expect(parser, JINJA_T_OPERATOR, ",")) {
            return NULL;
        }
        JinjaNode *parameter = jinja_node(parser, JINJA_KEYWORD);
        if (parameter == NULL || node->count == JINJA_ARGUMENTS) {
            return jinja_parse_fail(parser, "more than %d arguments", JINJA_ARGUMENTS);
        }
        parameter->name = parser->token->string;
        jinja_expect(parser, JINJA_T_NAME, NULL);
        if (jinja_accept(parser, JINJA_T_OPERATOR, "=")) {
            parameter->a = jinja_parse_expression(parser);
        }
        jinja_append(parser, node, jinja_node_done(parser, parameter));
    }
    block_end(parser);
    const uint32_t loops = parser->loops;
    parser->loops        = 0; /* a macro in a loop cannot leave the loop */
    node->body           = parse_body(parser, end);
    parser->loops        = loops;
    return closing(parser, "endmacro") ? jinja_node_done(parser, node) : NULL;
}

static JinjaNode *parse_leave(JinjaParser *parser, JinjaNodeKind kind)
{
    JinjaNode *node = jinja_node(parser, kind);
    if (parser->loops == 0) {
        return jinja_parse_fail(parser, "break and continue belong into a loop");
    }
    block_end(parser);
    return jinja_node_done(parser, node);
}

static JinjaNode *parse_generation(JinjaParser *parser)
{
    static const char *const end[] = {"endgeneration", NULL};
    JinjaNode               *node  = jinja_node(parser, JINJA_GENERATION);
    block_end(parser);
    if (node != NULL) {
        node->body = parse_body(parser, end);
    }
    return closing(parser, "endgeneration") ? jinja_node_done(parser, node) : NULL;
}

/* A statement, "{%" is read. */
static JinjaNode *parse_statement(JinjaParser *parser)
{
    const JinjaString word = parser->token->string;
    if (jinja_accept(parser, JINJA_T_NAME, "if")) {
        JinjaNode *node = parse_if(parser);
        return closing(parser, "endif") ? node : NULL;
    }
    if (jinja_accept(parser, JINJA_T_NAME, "for")) {
        return parse_for(parser);
    }
    if (jinja_accept(parser, JINJA_T_NAME, "set")) {
        return parse_set(parser);
    }
    if (jinja_accept(parser, JINJA_T_NAME, "macro")) {
        return parse_macro(parser);
    }
    if (jinja_accept(parser, JINJA_T_NAME, "generation")) {
        return parse_generation(parser);
    }
    if (jinja_accept(parser, JINJA_T_NAME, "break")) {
        return parse_leave(parser, JINJA_BREAK);
    }
    if (jinja_accept(parser, JINJA_T_NAME, "continue")) {
        return parse_leave(parser, JINJA_CONTINUE);
    }
    if (parser->token->kind != JINJA_T_NAME) {
        return jinja_parse_fail(parser, "a tag begins with a word such as if, for or set");
    }
    return jinja_parse_fail(parser, "the tag \"%.*s\" is not supported, or stands where it cannot",
                            (int)(word.bytes < 60 ? word.bytes : 60), word.text);
}

static bool at_end(const JinjaParser *parser, const char *const *ends)
{
    for (; *ends != NULL; ends++) {
        if (at_word(parser, *ends)) {
            return true;
        }
    }
    return false;
}

/* Text, prints and statements up to one of `ends`, whose "{%" is read; NULL-terminated, empty: up to the end. */
static JinjaNode *parse_body(JinjaParser *parser, const char *const *ends)
{
    JinjaNode  *first = NULL;
    JinjaNode **link  = &first;
    if (++parser->depth > JINJA_DEPTH) {
        return jinja_parse_fail(parser, "more than %d levels", JINJA_DEPTH);
    }
    while (!parser->failed) {
        JinjaNode *node = NULL;
        if (jinja_at(parser, JINJA_T_TEXT, NULL)) {
            if ((node = jinja_node(parser, JINJA_TEXT)) != NULL) {
                node->value = jinja_string(parser->token->string.text, parser->token->string.bytes);
                parser->token++;
                node = jinja_node_done(parser, node);
            }
        } else if (jinja_accept(parser, JINJA_T_PRINT, NULL)) {
            if ((node = jinja_node(parser, JINJA_PRINT)) != NULL) {
                node->a = jinja_parse_list(parser);
                jinja_expect(parser, JINJA_T_PRINT_END, NULL);
                node = jinja_node_done(parser, node);
            }
        } else if (jinja_accept(parser, JINJA_T_BLOCK, NULL)) {
            if (at_end(parser, ends)) {
                break;
            }
            node = parse_statement(parser);
        } else if (ends[0] == NULL) {
            break;
        } else {
            jinja_parse_fail(parser, "the template ends before %s", ends[0]);
        }
        if (node != NULL) {
            *link = node;
            link  = &node->next;
        }
    }
    parser->depth--;
    return parser->failed ? NULL : first;
}

JinjaTemplate *jinja_parse(const char *text, size_t bytes, const char *name, Error *error)
{
    static const char *const none[] = {NULL};
    JinjaTemplate *template         = calloc(1, sizeof *template);
    JinjaToken *tokens;
    size_t      count;
    if (template == NULL || (template->name = malloc(strlen(name) + 1)) == NULL) {
        free(template);
        error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while reading %s", name);
        return NULL;
    }
    strcpy(template->name, name);
    template->arena.limit = TREE_LIMIT;
    JinjaParser parser    = {.arena = &template->arena, .name = template->name, .error = error};
    if (bytes > TEMPLATE_LIMIT) {
        error_set(error, STATUS_BAD_INPUT, "%s: a template of %zu bytes; at most %zu are read", name, bytes,
                  TEMPLATE_LIMIT);
        parser.failed = true;
    } else if (utf8_check(text, bytes) < bytes) {
        error_set(error, STATUS_BAD_INPUT, "%s: byte %zu is not UTF-8", name, utf8_check(text, bytes));
        parser.failed = true;
    } else {
        parser.failed = jinja_lex(&template->arena, text, bytes, template->name, &tokens, &count, error) != STATUS_OK;
    }
    if (!parser.failed) {
        parser.token   = tokens;
        template->body = parse_body(&parser, none);
    }
    if (parser.failed) {
        jinja_free(template);
        return NULL;
    }
    return template;
}

void jinja_free(JinjaTemplate *template)
{
    if (template != NULL) {
        jinja_arena_free(&template->arena);
        free(template->name);
        free(template);
    }
}
