/* The strict parser. It builds cJSON nodes itself, because cJSON's own parser
 * accepts much that is not JSON and keeps neither string lengths nor spellings. */
#include "engine/io/json.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/io/json_node.h"
#include "engine/utf8.h"

#define DEPTH_LIMIT 128

typedef struct Parser {
    const char *text;
    size_t      length;
    size_t      at;
    const char *name;
    bool        nul_allowed;
    Error      *error;
} Parser;

static cJSON *parse_value(Parser *parser, int depth);

/* --- errors */

static void *fail_at(Parser *parser, size_t at, const char *what)
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

static void *out_of_memory(Parser *parser)
{
    error_set(parser->error, STATUS_OUT_OF_MEMORY, "out of memory while reading %s", parser->name);
    return NULL;
}

/* What is wrong where a value or a separator was wanted. */
static void *unexpected(Parser *parser, const char *wanted)
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
    return fail_at(parser, parser->at, message);
}

/* --- lexing */

static void skip_space(Parser *parser)
{
    while (parser->at < parser->length && strchr(" \t\r\n", parser->text[parser->at]) != NULL &&
           parser->text[parser->at] != '\0') {
        parser->at++;
    }
}

static bool take(Parser *parser, char wanted)
{
    if (parser->at < parser->length && parser->text[parser->at] == wanted) {
        parser->at++;
        return true;
    }
    return false;
}

static bool is_digit(const Parser *parser, size_t at)
{
    return at < parser->length && parser->text[at] >= '0' && parser->text[at] <= '9';
}

static cJSON *new_node(Parser *parser, int type)
{
    cJSON *node = cJSON_CreateNull();
    if (node == NULL) {
        return out_of_memory(parser);
    }
    node->type = type;
    return node;
}

/* Four hexadecimal digits at `at`, or -1. */
static int32_t hex4(const Parser *parser, size_t at)
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
static bool parse_escape(Parser *parser, bool key, char **out)
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
        fail_at(parser, start, "there is no such escape in JSON");
        return false;
    }
    int32_t point = hex4(parser, start + 2);
    if (point < 0) {
        fail_at(parser, start, "\\u needs four hexadecimal digits");
        return false;
    }
    parser->at += 6;
    if (point >= 0xD800 && point <= 0xDFFF) {
        bool pair = point <= 0xDBFF && parser->at + 1 < parser->length && parser->text[parser->at] == '\\' &&
                    parser->text[parser->at + 1] == 'u';
        int32_t low = pair ? hex4(parser, parser->at + 2) : -1;
        if (low < 0xDC00 || low > 0xDFFF) {
            fail_at(parser, start, "a surrogate escape without its pair");
            return false;
        }
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
        parser->at += 6;
    }
    if (point == 0 && (key || !parser->nul_allowed)) {
        fail_at(parser, start, "the character \\u0000 is not allowed here");
        return false;
    }
    *out += utf8_encode((uint32_t)point, *out);
    return true;
}

/* A string, malloc'ed with cJSON's allocator, its bytes in *bytes. */
static char *parse_string(Parser *parser, bool key, size_t *bytes)
{
    size_t start = parser->at; /* the opening quote */
    size_t end   = start + 1;
    while (end < parser->length && parser->text[end] != '"') {
        end += parser->text[end] == '\\' ? 2 : 1;
    }
    if (end >= parser->length) {
        return fail_at(parser, start, "a string that begins here does not end");
    }
    if (end - start > (size_t)INT32_MAX) {
        return fail_at(parser, start, "a string of more than 2 GiB");
    }
    char *text = cJSON_malloc(end - start); /* an escape is never shorter than what it stands for */
    if (text == NULL) {
        return out_of_memory(parser);
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
            return fail_at(parser, parser->at, "a control character inside a string; write it as an escape");
        }
        *out++ = parser->text[parser->at++];
    }
    *out       = '\0';
    *bytes     = (size_t)(out - text);
    parser->at = end + 1;
    return text;
}

static cJSON *parse_number(Parser *parser)
{
    size_t start = parser->at, at = start;
    at += at < parser->length && parser->text[at] == '-';
    size_t digits = at;
    while (is_digit(parser, at)) {
        at++;
    }
    if (at == digits || (at > digits + 1 && parser->text[digits] == '0')) {
        return fail_at(parser, start, at == digits ? "wanted a value" : "a number must not begin with 0");
    }
    bool integer = true;
    if (at < parser->length && parser->text[at] == '.') {
        integer       = false;
        size_t before = ++at;
        while (is_digit(parser, at)) {
            at++;
        }
        if (at == before) {
            return fail_at(parser, start, "a number needs digits after its point");
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
            return fail_at(parser, start, "a number needs digits in its exponent");
        }
    }
    char  small[64];
    char *copy = at - start < sizeof small ? small : malloc(at - start + 1);
    if (copy == NULL) {
        return out_of_memory(parser);
    }
    memcpy(copy, parser->text + start, at - start);
    copy[at - start] = '\0';
    double value     = strtod(copy, NULL);
    if (copy != small) {
        free(copy);
    }
    if (!isfinite(value)) {
        return fail_at(parser, start, "a number that is too large");
    }
    cJSON *node = new_node(parser, cJSON_Number | (integer ? 0 : JSON_NODE_FRACTION));
    if (node != NULL) {
        cJSON_SetNumberHelper(node, value);
        parser->at = at;
    }
    return node;
}

/* --- containers */

static int compare_keys(const void *a, const void *b)
{
    return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

/* A key twice in one object: one of the two values would be ignored. */
static bool keys_unique(Parser *parser, const cJSON *object, size_t count, size_t start)
{
    if (count < 2) {
        return true;
    }
    const cJSON **members = malloc(count * sizeof *members);
    if (members == NULL) {
        out_of_memory(parser);
        return false;
    }
    size_t n = 0;
    for (const cJSON *member = object->child; member != NULL; member = member->next) {
        members[n++] = member;
    }
    qsort(members, count, sizeof *members, compare_keys);
    bool unique = true;
    for (size_t i = 1; i < count && unique; i++) {
        if (strcmp(members[i - 1]->string, members[i]->string) == 0) {
            char message[200];
            snprintf(message, sizeof message, "the object that begins here has the key '%.120s' twice",
                     members[i]->string);
            fail_at(parser, start, message);
            unique = false;
        }
    }
    free(members);
    return unique;
}

/* The members between { and }, or the elements between [ and ]; parser->at is past the opener. */
static bool parse_members(Parser *parser, cJSON *container, bool object, int depth, size_t *count)
{
    const char close = object ? '}' : ']';
    skip_space(parser);
    if (take(parser, close)) {
        return true;
    }
    for (;;) {
        char *key = NULL;
        skip_space(parser);
        if (object) {
            size_t bytes;
            if (parser->at >= parser->length || parser->text[parser->at] != '"') {
                unexpected(parser, "a key in double quotes");
                return false;
            }
            if ((key = parse_string(parser, true, &bytes)) == NULL) {
                return false;
            }
            skip_space(parser);
            if (!take(parser, ':')) {
                unexpected(parser, "':'");
                cJSON_free(key);
                return false;
            }
        }
        cJSON *value = parse_value(parser, depth);
        if (value == NULL) {
            cJSON_free(key);
            return false;
        }
        value->string = key;
        cJSON_AddItemToArray(container, value); /* for objects too: the member has its key already */
        (*count)++;
        skip_space(parser);
        if (take(parser, close)) {
            return true;
        }
        if (!take(parser, ',')) {
            unexpected(parser, object ? "',' or '}'" : "',' or ']'");
            return false;
        }
    }
}

static cJSON *parse_container(Parser *parser, int depth)
{
    size_t start  = parser->at;
    bool   object = parser->text[start] == '{';
    if (depth >= DEPTH_LIMIT) {
        return fail_at(parser, start, "nested more than 128 levels deep");
    }
    cJSON *node = new_node(parser, object ? cJSON_Object : cJSON_Array);
    if (node == NULL) {
        return NULL;
    }
    size_t count = 0;
    parser->at++;
    if (!parse_members(parser, node, object, depth + 1, &count) ||
        (object && !keys_unique(parser, node, count, start))) {
        cJSON_Delete(node);
        return NULL;
    }
    return node;
}

static cJSON *parse_value(Parser *parser, int depth)
{
    static const struct {
        const char *word;
        int         type;
    } words[] = {{"null", cJSON_NULL}, {"true", cJSON_True}, {"false", cJSON_False}};
    skip_space(parser);
    if (parser->at >= parser->length) {
        return unexpected(parser, "a value");
    }
    char first = parser->text[parser->at];
    if (first == '{' || first == '[') {
        return parse_container(parser, depth);
    }
    if (first == '"') {
        size_t bytes;
        char  *text = parse_string(parser, false, &bytes);
        cJSON *node = text == NULL ? NULL : new_node(parser, cJSON_String);
        if (node == NULL) {
            cJSON_free(text);
            return NULL;
        }
        node->valuestring = text;
        node->valueint    = (int)bytes;
        return node;
    }
    if (first == '-' || (first >= '0' && first <= '9')) {
        return parse_number(parser);
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i].word);
        if (parser->length - parser->at >= length && memcmp(parser->text + parser->at, words[i].word, length) == 0) {
            parser->at += length;
            return new_node(parser, words[i].type);
        }
    }
    return unexpected(parser, "a value");
}

static Status parse(const char *text, size_t length, const char *name, bool nul_allowed, cJSON **root, Error *error)
{
    Error  own    = {0};
    Parser parser = {text, length, 0, name, nul_allowed, &own};
    *root         = NULL;
    size_t bad    = utf8_check(text, length);
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        fail_at(&parser, 0, "a byte order mark; save the file as plain UTF-8");
    } else if (bad < length) {
        fail_at(&parser, bad, "not valid UTF-8");
    } else if (length > 0 && memchr(text, '\0', length) != NULL) {
        fail_at(&parser, (size_t)((const char *)memchr(text, '\0', length) - text), "a NUL byte");
    } else {
        /* strtod reads the decimal point of the thread's locale: JSON's is a point everywhere. */
        locale_t c   = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        locale_t old = c == (locale_t)0 ? c : uselocale(c);
        *root        = parse_value(&parser, 0);
        if (c != (locale_t)0) {
            uselocale(old);
            freelocale(c);
        }
        skip_space(&parser);
        if (*root != NULL && parser.at < length) {
            unexpected(&parser, "the end of the text");
        }
    }
    if (own.status != STATUS_OK) {
        cJSON_Delete(*root);
        *root = NULL;
        return error_set(error, own.status, "%s", own.text);
    }
    return STATUS_OK;
}

Status json_parse(const char *text, size_t length, const char *name, cJSON **root, Error *error)
{
    return parse(text, length, name, false, root, error);
}

Status json_parse_with_nul(const char *text, size_t length, const char *name, cJSON **root, Error *error)
{
    return parse(text, length, name, true, root, error);
}

Status json_read_file(const char *path, size_t limit, cJSON **root, Error *error)
{
    char  *text;
    size_t length;
    *root         = NULL;
    Status status = file_read(path, limit, &text, &length, error);
    if (status == STATUS_OK) {
        status = json_parse(text, length, path, root, error);
        free(text);
    }
    return status;
}

Status json_write_file(const char *path, const cJSON *root, Error *error)
{
    char *text = cJSON_Print(root);
    if (text == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while writing %s", path);
    }
    AtomicFile *file   = atomic_file_open(path, error);
    Status      status = STATUS_FAILED;
    if (file != NULL) {
        status = atomic_file_write(file, text, strlen(text), error);
        if (status == STATUS_OK) {
            status = atomic_file_write(file, "\n", 1, error);
        }
        if (status == STATUS_OK) {
            status = atomic_file_commit(file, error);
        } else {
            atomic_file_abort(file);
        }
    }
    cJSON_free(text);
    return status;
}
