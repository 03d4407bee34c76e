#include "engine/io/json.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/io/json_parts.h"
#include "engine/utf8.h"

#define DEPTH_LIMIT 128

static cJSON *parse_value(JsonParser *parser, int depth);

/* --- containers */

static int compare_keys(const void *a, const void *b)
{
    return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

/* A key twice in one object: one of the two values would be ignored. */
static bool keys_unique(JsonParser *parser, const cJSON *object, size_t count, size_t start)
{
    if (count < 2) {
        return true;
    }
    const cJSON **members = malloc(count * sizeof *members);
    if (members == NULL) {
        json_out_of_memory(parser);
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
            json_fail_at(parser, start, message);
            unique = false;
        }
    }
    free(members);
    return unique;
}

/* The members between { and }, or the elements between [ and ]; parser->at is past the opener. */
static bool parse_members(JsonParser *parser, cJSON *container, bool object, int depth, size_t *count)
{
    const char close = object ? '}' : ']';
    json_skip_space(parser);
    if (json_take(parser, close)) {
        return true;
    }
    for (;;) {
        char *key = NULL;
        json_skip_space(parser);
        if (object) {
            size_t bytes;
            if (parser->at >= parser->length || parser->text[parser->at] != '"') {
                json_unexpected(parser, "a key in double quotes");
                return false;
            }
            if ((key = json_parse_string(parser, true, &bytes)) == NULL) {
                return false;
            }
            json_skip_space(parser);
            if (!json_take(parser, ':')) {
                json_unexpected(parser, "':'");
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
        json_skip_space(parser);
        if (json_take(parser, close)) {
            return true;
        }
        if (!json_take(parser, ',')) {
            json_unexpected(parser, object ? "',' or '}'" : "',' or ']'");
            return false;
        }
    }
}

static cJSON *parse_container(JsonParser *parser, int depth)
{
    size_t start  = parser->at;
    bool   object = parser->text[start] == '{';
    if (depth >= DEPTH_LIMIT) {
        return json_fail_at(parser, start, "nested more than 128 levels deep");
    }
    cJSON *node = json_new_node(parser, object ? cJSON_Object : cJSON_Array);
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

static cJSON *parse_value(JsonParser *parser, int depth)
{
    static const struct {
        const char *word;
        int         type;
    } words[] = {{"null", cJSON_NULL}, {"true", cJSON_True}, {"false", cJSON_False}};
    json_skip_space(parser);
    if (parser->at >= parser->length) {
        return json_unexpected(parser, "a value");
    }
    char first = parser->text[parser->at];
    if (first == '{' || first == '[') {
        return parse_container(parser, depth);
    }
    if (first == '"') {
        size_t bytes;
        char  *text = json_parse_string(parser, false, &bytes);
        cJSON *node = text == NULL ? NULL : json_new_node(parser, cJSON_String);
        if (node == NULL) {
            cJSON_free(text);
            return NULL;
        }
        node->valuestring = text;
        node->valueint    = (int)bytes;
        return node;
    }
    if (first == '-' || (first >= '0' && first <= '9')) {
        return json_parse_number(parser);
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i].word);
        if (parser->length - parser->at >= length && memcmp(parser->text + parser->at, words[i].word, length) == 0) {
            parser->at += length;
            return json_new_node(parser, words[i].type);
        }
    }
    return json_unexpected(parser, "a value");
}

static Status parse(const char *text, size_t length, const char *name, bool nul_allowed, cJSON **root, Error *error)
{
    Error      own    = {0};
    JsonParser parser = {text, length, 0, name, nul_allowed, &own};
    *root             = NULL;
    size_t bad        = utf8_check(text, length);
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        json_fail_at(&parser, 0, "a byte order mark; save the file as plain UTF-8");
    } else if (bad < length) {
        json_fail_at(&parser, bad, "not valid UTF-8");
    } else if (length > 0 && memchr(text, '\0', length) != NULL) {
        json_fail_at(&parser, (size_t)((const char *)memchr(text, '\0', length) - text), "a NUL byte");
    } else {
        /* strtod reads the decimal point of the thread's locale: JSON's is a point everywhere. */
        locale_t c   = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        locale_t old = c == (locale_t)0 ? c : uselocale(c);
        *root        = parse_value(&parser, 0);
        if (c != (locale_t)0) {
            uselocale(old);
            freelocale(c);
        }
        json_skip_space(&parser);
        if (*root != NULL && parser.at < length) {
            json_unexpected(&parser, "the end of the text");
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

void json_error_in_line(Error *error)
{
    static const char inner[] = ": line 1, column ", wanted[] = ": column ";
    char             *at = strstr(error->text, inner);
    if (at != NULL) {
        memmove(at + strlen(wanted), at + strlen(inner), strlen(at + strlen(inner)) + 1);
        memcpy(at, wanted, strlen(wanted));
    }
}
