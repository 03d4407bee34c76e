#include "rlsp/run/json_line.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/utf8.h"

static bool reserve(JsonLine *line, size_t bytes)
{
    if (line->failed) {
        return false;
    }
    if (line->size + bytes + 1 > line->capacity) {
        size_t capacity = line->capacity * 2 > line->size + bytes + 1 ? line->capacity * 2 : line->size + bytes + 256;
        char  *data     = realloc(line->data, capacity);
        if (data == NULL) {
            line->failed = true;
            return false;
        }
        line->data     = data;
        line->capacity = capacity;
    }
    return true;
}

static void append(JsonLine *line, const char *text, size_t bytes)
{
    if (reserve(line, bytes)) {
        memcpy(line->data + line->size, text, bytes);
        line->size += bytes;
        line->data[line->size] = '\0';
    }
}

/* The comma before a value, except the first in its brackets and one after a key. */
static void separate(JsonLine *line)
{
    if (line->comma) {
        append(line, ",", 1);
    }
    line->comma = true;
}

void json_line_begin(JsonLine *line, char bracket)
{
    separate(line);
    append(line, &bracket, 1);
    line->comma = false;
}

void json_line_end(JsonLine *line, char bracket)
{
    append(line, &bracket, 1);
    line->comma = true;
}

/* The valid UTF-8 text[0..length) between quotes. */
static void quote(JsonLine *line, const char *text, size_t length)
{
    append(line, "\"", 1);
    size_t start = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f) {
            continue;
        }
        append(line, text + start, i - start);
        start            = i + 1;
        const char *from = "\"\\\n\t\r", *to = "\"\\ntr";
        const char *simple = byte != 0 ? strchr(from, byte) : NULL;
        char        escape[8];
        if (simple != NULL) {
            snprintf(escape, sizeof escape, "\\%c", to[simple - from]);
        } else {
            snprintf(escape, sizeof escape, "\\u%04x", byte);
        }
        append(line, escape, strlen(escape));
    }
    append(line, text + start, length - start);
    append(line, "\"", 1);
}

void json_line_string(JsonLine *line, const char *text, size_t length)
{
    separate(line);
    if (utf8_check(text, length) == length) {
        quote(line, text, length);
        return;
    }
    char *valid = malloc(3 * length);
    if (valid == NULL) {
        line->failed = true;
        return;
    }
    quote(line, valid, utf8_lossy(text, length, valid));
    free(valid);
}

void json_line_key(JsonLine *line, const char *key)
{
    json_line_string(line, key, strlen(key));
    append(line, ":", 1);
    line->comma = false;
}

static void number(JsonLine *line, double value, int digits)
{
    char text[40];
    separate(line);
    if (!isfinite(value)) {
        snprintf(text, sizeof text, "null");
    } else if (value == floor(value) && fabs(value) < 9007199254740992.0) {
        snprintf(text, sizeof text, "%.0f", value == 0 ? 0 : value); /* no "-0" */
    } else {
        snprintf(text, sizeof text, "%.*g", digits, value);
    }
    append(line, text, strlen(text));
}

void json_line_number(JsonLine *line, double value)
{
    number(line, value, 9);
}

void json_line_exact(JsonLine *line, double value)
{
    number(line, value, 17);
}

void json_line_bool(JsonLine *line, bool value)
{
    separate(line);
    append(line, value ? "true" : "false", value ? 4 : 5);
}

void json_line_null(JsonLine *line)
{
    separate(line);
    append(line, "null", 4);
}

void json_line_text_field(JsonLine *line, const char *key, const char *text)
{
    json_line_key(line, key);
    if (text != NULL) {
        json_line_string(line, text, strlen(text));
    } else {
        json_line_null(line);
    }
}

void json_line_number_field(JsonLine *line, const char *key, double value)
{
    json_line_key(line, key);
    json_line_number(line, value);
}

void json_line_exact_field(JsonLine *line, const char *key, double value)
{
    json_line_key(line, key);
    json_line_exact(line, value);
}

const char *json_line_finish(JsonLine *line)
{
    append(line, "\n", 1);
    return line->failed ? NULL : line->data;
}

void json_line_clear(JsonLine *line)
{
    line->size   = 0;
    line->failed = line->comma = false;
}

void json_line_free(JsonLine *line)
{
    free(line->data);
    *line = (JsonLine){0};
}
