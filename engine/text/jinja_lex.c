/* Tokens of a template. White space around tags goes as with Jinja's trim_blocks and
 * lstrip_blocks: a block or comment takes the newline behind it and the spaces before
 * it on its line; "-" takes all white space on its side, "+" none. */
#include <stdlib.h>
#include <string.h>

#include "engine/text/jinja_parts.h"
#include "engine/utf8.h"

typedef struct Lexer {
    JinjaArena *arena;
    const char *text, *name; /* newlines are \n alone */
    size_t      bytes, at;
    uint32_t    line;
    JinjaToken *tokens;
    size_t      count, capacity;
    Error      *error;
} Lexer;

static Status fail(Lexer *lexer, const char *what)
{
    return error_set(lexer->error, STATUS_BAD_INPUT, "%s line %u: %s", lexer->name, lexer->line, what);
}

static Status out_of_memory(Lexer *lexer)
{
    return error_set(lexer->error, STATUS_OUT_OF_MEMORY, "out of memory while reading %s", lexer->name);
}

static Status add(Lexer *lexer, JinjaToken token)
{
    if (lexer->count == lexer->capacity) {
        size_t      capacity = lexer->capacity * 2 + 64;
        JinjaToken *tokens   = jinja_alloc(lexer->arena, capacity * sizeof *tokens);
        if (tokens == NULL) {
            return out_of_memory(lexer);
        }
        if (lexer->count > 0) {
            memcpy(tokens, lexer->tokens, lexer->count * sizeof *tokens);
        }
        lexer->tokens   = tokens;
        lexer->capacity = capacity;
    }
    token.line                    = lexer->line;
    lexer->tokens[lexer->count++] = token;
    return STATUS_OK;
}

/* Moves on, counting lines. */
static void move_to(Lexer *lexer, size_t at)
{
    for (; lexer->at < at; lexer->at++) {
        lexer->line += lexer->text[lexer->at] == '\n';
    }
}

static size_t skip_space(const Lexer *lexer, size_t at)
{
    while (at < lexer->bytes) {
        size_t next = at;
        if (!jinja_is_space(utf8_next(lexer->text, lexer->bytes, &next))) {
            break;
        }
        at = next;
    }
    return at;
}

/* --- text between tags */

/* The end of text [begin, end) before a tag whose sign is `sign`. */
static size_t text_end(const Lexer *lexer, size_t begin, size_t end, char tag, char sign, bool line_start)
{
    const char *text = lexer->text + begin;
    if (sign == '-') {
        return begin + jinja_strip((JinjaString){text, end - begin}, NULL, false, true).bytes;
    }
    if (sign == '+' || tag == '{') {
        return end;
    }
    size_t line = end;
    while (line > begin && lexer->text[line - 1] != '\n') {
        line--;
    }
    if (line == begin && !line_start) {
        return end;
    }
    return skip_space(lexer, line) >= end ? line : end;
}

/* --- inside of tags */

static bool name_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* \x41, \u20ac, \U0001f600 and octal: the code point, and *used characters after the backslash; -1: wrong. */
static int64_t numeric_escape(const char *in, size_t left, size_t *used)
{
    int64_t point = 0;
    size_t  want  = in[0] == 'x' ? 2 : in[0] == 'u' ? 4 : in[0] == 'U' ? 8 : 0;
    *used         = 0;
    if (want == 0) {
        while (*used < 3 && *used < left && in[*used] >= '0' && in[*used] <= '7') {
            point = point * 8 + (in[(*used)++] - '0');
        }
        return point;
    }
    for (*used = 1; *used <= want; (*used)++) {
        int digit = *used < left ? hex(in[*used]) : -1;
        if (digit < 0) {
            return -1;
        }
        point = point * 16 + digit;
    }
    return point > 0x10FFFF || (point >= 0xD800 && point < 0xE000) ? -1 : point;
}

/* A string literal at lexer->at, as Python's unicode-escape reads it. */
static Status lex_string(Lexer *lexer)
{
    static const char letters[] = "abfnrtv\\'\"", stand_for[] = "\a\b\f\n\r\t\v\\'\"";
    const char        quote = lexer->text[lexer->at];
    size_t            end   = lexer->at + 1;
    while (end < lexer->bytes && lexer->text[end] != quote) {
        end += lexer->text[end] == '\\' ? 2 : 1;
    }
    if (end >= lexer->bytes) {
        return fail(lexer, "a string has no end");
    }
    const char *in = lexer->text + lexer->at + 1, *stop = lexer->text + end;
    char       *out = jinja_alloc(lexer->arena, (size_t)(stop - in) + 4);
    if (out == NULL) {
        return out_of_memory(lexer);
    }
    JinjaToken token = {.kind = JINJA_T_STRING, .string = {out, 0}};
    while (in < stop) {
        if (*in != '\\') {
            *out++ = *in++;
            continue;
        }
        const char  c     = *++in;
        const char *known = c != '\0' ? strchr(letters, c) : NULL;
        if (known != NULL) {
            *out++ = stand_for[known - letters];
            in++;
        } else if (c == '\n') {
            in++;
        } else if (c == 'x' || c == 'u' || c == 'U' || (c >= '0' && c <= '7')) {
            size_t  used;
            int64_t point = numeric_escape(in, (size_t)(stop - in), &used);
            if (point < 0) {
                return fail(lexer, "a string has an escape that stands for no character");
            }
            /* No escape is shorter than its character: \377 is two bytes, \x80 too. \1 is one. */
            out += utf8_encode((uint32_t)point, out);
            in += used;
        } else if (c == 'N') {
            return fail(lexer, "strings with \\N{…} are not supported");
        } else { /* Python leaves an unknown escape as it is */
            *out++ = '\\';
        }
    }
    token.string.bytes = (size_t)(out - token.string.text);
    Status status      = add(lexer, token);
    move_to(lexer, end + 1);
    return status;
}

static Status lex_number(Lexer *lexer)
{
    char   digits[64];
    size_t used = 0, at = lexer->at;
    bool   real = false;
    for (; at < lexer->bytes && used + 1 < sizeof digits; at++) {
        char c    = lexer->text[at];
        char next = at + 1 < lexer->bytes ? lexer->text[at + 1] : '\0';
        bool dot  = c == '.' && !real && next >= '0' && next <= '9';
        if (c == '_' && next >= '0' && next <= '9') {
            continue;
        }
        if (!(c >= '0' && c <= '9') && !dot) {
            break;
        }
        real           = real || dot;
        digits[used++] = c;
    }
    digits[used] = '\0';
    if (used > 18 || (at < lexer->bytes && name_char(lexer->text[at], false))) {
        return fail(lexer, "a number is too long, or of a kind that is not supported");
    }
    JinjaToken token = {.kind = real ? JINJA_T_REAL : JINJA_T_INTEGER};
    token.real       = real ? strtod(digits, NULL) : 0;
    token.integer    = real ? 0 : strtoll(digits, NULL, 10);
    lexer->at        = at;
    return add(lexer, token);
}

static Status lex_operator(Lexer *lexer)
{
    static const char *const two[]  = {"==", "!=", ">=", "<=", "//", "**"};
    const char              *at     = lexer->text + lexer->at;
    size_t                   length = strchr("+-*/%~[](){}<>=.:|,;", *at) != NULL && *at != '\0';
    for (size_t i = 0; i < sizeof two / sizeof *two && lexer->at + 1 < lexer->bytes; i++) {
        length = memcmp(at, two[i], 2) == 0 ? 2 : length;
    }
    if (length == 0) {
        char what[60] = "a character that has no meaning here: '?'";
        if (*at > ' ' && *at < 0x7F) {
            *strchr(what, '?') = *at;
        }
        return fail(lexer, what);
    }
    lexer->at += length;
    return add(lexer, (JinjaToken){.kind = JINJA_T_OPERATOR, .string = {at, length}});
}

/* Whether the tag that closes with `close` ends at `at`; then *end is behind it and the white space it takes. */
static bool tag_ends(const Lexer *lexer, size_t at, const char *close, size_t *end)
{
    char sign = lexer->text[at] == '-' || (lexer->text[at] == '+' && close[0] != '}') ? lexer->text[at] : '\0';
    at += sign != '\0';
    if (at + 2 > lexer->bytes || memcmp(lexer->text + at, close, 2) != 0) {
        return false;
    }
    at += 2;
    bool newline = sign == '\0' && close[0] != '}' && at < lexer->bytes && lexer->text[at] == '\n';
    *end         = sign == '-' ? skip_space(lexer, at) : at + newline;
    return true;
}

/* From behind "{{" or "{%" to behind its end. */
static Status lex_tag(Lexer *lexer, const char *close)
{
    size_t nesting = 0; /* of brackets: "}}" may close two dicts */
    Status status  = STATUS_OK;
    while (status == STATUS_OK) {
        size_t end;
        move_to(lexer, skip_space(lexer, lexer->at));
        if (lexer->at >= lexer->bytes) {
            return fail(lexer, "a tag has no end");
        }
        char c = lexer->text[lexer->at];
        if (nesting == 0 && tag_ends(lexer, lexer->at, close, &end)) {
            status = add(lexer, (JinjaToken){.kind = close[0] == '}' ? JINJA_T_PRINT_END : JINJA_T_BLOCK_END});
            move_to(lexer, end);
            return status;
        }
        if (name_char(c, true)) {
            size_t from = lexer->at;
            while (lexer->at < lexer->bytes && name_char(lexer->text[lexer->at], false)) {
                lexer->at++;
            }
            status = add(lexer, (JinjaToken){.kind = JINJA_T_NAME, .string = {lexer->text + from, lexer->at - from}});
        } else if (c >= '0' && c <= '9') {
            status = lex_number(lexer);
        } else if (c == '\'' || c == '"') {
            status = lex_string(lexer);
        } else {
            nesting += c == '(' || c == '[' || c == '{';
            nesting -= nesting > 0 && (c == ')' || c == ']' || c == '}');
            status = lex_operator(lexer);
        }
    }
    return status;
}

static Status lex_all(Lexer *lexer)
{
    bool   line_start = true; /* the last tag ended a line */
    Status status     = STATUS_OK;
    while (lexer->at < lexer->bytes && status == STATUS_OK) {
        size_t tag = lexer->at;
        while (tag + 1 < lexer->bytes && (lexer->text[tag] != '{' || strchr("{%#", lexer->text[tag + 1]) == NULL ||
                                          lexer->text[tag + 1] == '\0')) {
            tag++;
        }
        bool found = tag + 1 < lexer->bytes;
        char kind  = found ? lexer->text[tag + 1] : '\0';
        char sign = found && tag + 2 < lexer->bytes && strchr("-+", lexer->text[tag + 2]) ? lexer->text[tag + 2] : '\0';
        size_t from = lexer->at, end = found ? text_end(lexer, from, tag, kind, sign, line_start) : lexer->bytes;
        if (end > from) {
            status = add(lexer, (JinjaToken){.kind = JINJA_T_TEXT, .string = {lexer->text + from, end - from}});
        }
        if (!found || status != STATUS_OK) {
            break;
        }
        move_to(lexer, tag + 2 + (sign != '\0'));
        if (kind == '#') {
            size_t close = lexer->at;
            while (close < lexer->bytes && !tag_ends(lexer, close, "#}", &end)) {
                close++;
            }
            if (close >= lexer->bytes) {
                return fail(lexer, "a comment has no end");
            }
            move_to(lexer, end);
        } else {
            status = add(lexer, (JinjaToken){.kind = kind == '{' ? JINJA_T_PRINT : JINJA_T_BLOCK});
            status = status == STATUS_OK ? lex_tag(lexer, kind == '{' ? "}}" : "%}") : status;
        }
        line_start = lexer->at > 0 && lexer->text[lexer->at - 1] == '\n';
    }
    return status;
}

Status jinja_lex(JinjaArena *arena, const char *text, size_t bytes, const char *name, JinjaToken **tokens,
                 size_t *count, Error *error)
{
    Lexer  lexer = {.arena = arena, .name = name, .line = 1, .error = error};
    char  *copy  = jinja_alloc(arena, bytes + 1);
    size_t used  = 0;
    if (copy == NULL) {
        return out_of_memory(&lexer);
    }
    for (size_t i = 0; i < bytes; i++) { /* \r\n and \r are newlines */
        if (text[i] == '\r') {
            copy[used++] = '\n';
            i += i + 1 < bytes && text[i + 1] == '\n';
        } else {
            copy[used++] = text[i];
        }
    }
    lexer.text    = copy;
    lexer.bytes   = used - (used > 0 && copy[used - 1] == '\n'); /* the file's last newline is none of the text */
    Status status = lex_all(&lexer);
    status        = status == STATUS_OK ? add(&lexer, (JinjaToken){.kind = JINJA_T_END}) : status;
    *tokens       = lexer.tokens;
    *count        = lexer.count;
    return status;
}
