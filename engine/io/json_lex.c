/* Strings and numbers of JSON, and errors that name line and column. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/json_parts.h"
#include "engine/utf8.h"

void *json_fail_at(JsonParser *parser, size_t at, const char *what)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at && i < parser->length; i++) {
        unsigned char byte = (unsigned char)parser->text[i];
        if (byte == '\n') {
            line++;
            column = 1;
        } else if ((byte & 0xC0) != 0x80) { /* columns count characters */
            column++;
        }
    }
    error_set(parser->error, STATUS_BAD_INPUT, "%s: line %zu, column %zu: %s", parser->name, line, column, what);
    return NULL;
}

void *json_out_of_memory(JsonParser *parser)
{
    error_set(parser->error, STATUS_OUT_OF_MEMORY, "out of memory while reading %s", parser->name);
    return NULL;
}

void *json_unexpected(JsonParser *parser, const char *wanted)
{
    char message[120];
    if (parser->at >= parser->length) {
        snprintf(message, sizeof message, "the text ends where %s should be", wanted);
    } else {
        unsigned char byte = (unsigned char)parser->text[parser->at];
        if (byte > ' ' && byte < 0x7F) {
            snprintf(message, sizeof message, "found '%c', wanted %s", byte, wanted);
        } else {
            snprintf(message, sizeof message, "found byte 0x%02X, wanted %s", byte, wanted);
        }
    }
    return json_fail_at(parser, parser->at, message);
}

/* --- bytes */

void json_skip_space(JsonParser *parser)
{
    while (parser->at < parser->length && strchr(" \t\r\n", parser->text[parser->at]) != NULL &&
           parser->text[parser->at] != '\0') {
        parser->at++;
    }
}

bool json_take(JsonParser *parser, char wanted)
{
    if (parser->at < parser->length && parser->text[parser->at] == wanted) {
        parser->at++;
        return true;
    }
    return false;
}

static bool is_digit(const JsonParser *parser, size_t at)
{
    return at < parser->length && parser->text[at] >= '0' && parser->text[at] <= '9';
}

cJSON *json_new_node(JsonParser *parser, int type)
{
    cJSON *node = cJSON_CreateNull();
    if (node == NULL) {
        return json_out_of_memory(parser);
    }
    node->type = type;
    return node;
}

/* --- strings and numbers */

/* Four hexadecimal digits at `at`, or -1. */
static int32_t hex4(const JsonParser *parser, size_t at)
{
    int32_t value = 0;
    for (size_t i = at; i < at + 4; i++) {
        char byte  = i < parser->length ? parser->text[i] : '\0';
        int  digit = byte >= '0' && byte <= '9'   ? byte - '0'
                     : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
                     : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                                  : -1;
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* The escape whose backslash is at parser->at; writes its UTF-8 to *out. False with the error set. */
static bool parse_escape(JsonParser *parser, bool key, char **out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    size_t            start  = parser->at;
    char              letter = start + 1 < parser->length ? parser->text[start + 1] : '\0';
    const char       *found  = letter == '\0' ? NULL : strchr(from, letter);
    if (found != NULL) {
        *(*out)++ = to[found - from];
        parser->at += 2;
        return true;
    }
    if (letter != 'u') {
        json_fail_at(parser, start, "there is no such escape in JSON");
        return false;
    }
    int32_t point = hex4(parser, start + 2);
    if (point < 0) {
        json_fail_at(parser, start, "\\u needs four hexadecimal digits");
        return false;
    }
    parser->at += 6;
    if (point >= 0xD800 && point <= 0xDFFF) {
        bool pair = point <= 0xDBFF && parser->at + 1 < parser->length && parser->text[parser->at] == '\\' &&
                    parser->text[parser->at + 1] == 'u';
        int32_t low = pair ? hex4(parser, parser->at + 2) : -1;
        if (low < 0xDC00 || low > 0xDFFF) {
            json_fail_at(parser, start, "a surrogate escape without its pair");
            return false;
        }
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
        parser->at += 6;
    }
    if (point == 0 && (key || !parser->nul_allowed)) {
        json_fail_at(parser, start, "the character \\u0000 is not allowed here");
        return false;
    }
    *out += utf8_encode((uint32_t)point, *out);
    return true;
}

char *json_parse_string(JsonParser *parser, bool key, size_t *bytes)
{
    size_t start = parser->at; /* the opening quote */
    size_t end   = start + 1;
    while (end < parser->length && parser->text[end] != '"') {
        end += parser->text[end] == '\\' ? 2 : 1;
    }
    if (end >= parser->length) {
        return json_fail_at(parser, start, "a string that begins here does not end");
    }
    if (end - start > (size_t)INT32_MAX) {
        return json_fail_at(parser, start, "a string of more than 2 GiB");
    }
    char *text = cJSON_malloc(end - start); /* an escape is never shorter than what it stands for */
    if (text == NULL) {
        return json_out_of_memory(parser);
    }
    char *out  = text;
    parser->at = start + 1;
    while (parser->at < end) {
        unsigned char byte = (unsigned char)parser->text[parser->at];
        if (byte == '\\') {
            if (!parse_escape(parser, key, &out)) {
                cJSON_free(text);
                return NULL;
            }
            continue;
        }
        if (byte < 0x20) {
            cJSON_free(text);
            return json_fail_at(parser, parser->at, "a control character inside a string; write it as an escape");
        }
        *out++ = parser->text[parser->at++];
    }
    *out       = '\0';
    *bytes     = (size_t)(out - text);
    parser->at = end + 1;
    return text;
}

cJSON *json_parse_number(JsonParser *parser)
{
    size_t start = parser->at, at = start;
    at += at < parser->length && parser->text[at] == '-';
    size_t digits = at;
    while (is_digit(parser, at)) {
        at++;
    }
    if (at == digits || (at > digits + 1 && parser->text[digits] == '0')) {
        return json_fail_at(parser, start, at == digits ? "wanted a value" : "a number must not begin with 0");
    }
    bool integer = true;
    if (at < parser->length && parser->text[at] == '.') {
        integer       = false;
        size_t before = ++at;
        while (is_digit(parser, at)) {
            at++;
        }
        if (at == before) {
            return json_fail_at(parser, start, "a number needs digits after its point");
        }
    }
    if (at < parser->length && (parser->text[at] == 'e' || parser->text[at] == 'E')) {
        integer = false;
        at++;
        at += at < parser->length && (parser->text[at] == '+' || parser->text[at] == '-');
        size_t before = at;
        while (is_digit(parser, at)) {
            at++;
        }
        if (at == before) {
            return json_fail_at(parser, start, "a number needs digits in its exponent");
        }
    }
    char  small[64];
    char *copy = at - start < sizeof small ? small : malloc(at - start + 1);
    if (copy == NULL) {
        return json_out_of_memory(parser);
    }
    memcpy(copy, parser->text + start, at - start);
    copy[at - start] = '\0';
    double value     = strtod(copy, NULL);
    if (copy != small) {
        free(copy);
    }
    if (!isfinite(value)) {
        return json_fail_at(parser, start, "a number that is too large");
    }
    cJSON *node = json_new_node(parser, cJSON_Number | (integer ? 0 : JSON_NODE_FRACTION));
    if (node != NULL) {
        cJSON_SetNumberHelper(node, value);
        parser->at = at;
    }
    return node;
}
