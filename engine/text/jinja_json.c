/* tojson, as transformers has it: Python's json.dumps with ensure_ascii off. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/text/jinja_parts.h"

/* Python's repr of a float: the fewest digits that read back as the same number. */
size_t jinja_real_text(double real, char text[32])
{
    char digits[32];
    int  precision = 1;
    if (!isfinite(real)) {
        return (size_t)snprintf(text, 32, "%s", isnan(real) ? "NaN" : real > 0 ? "Infinity" : "-Infinity");
    }
    do {
        snprintf(digits, sizeof digits, "%.*e", precision - 1, real);
    } while (strtod(digits, NULL) != real && ++precision <= 17);
    int exponent = atoi(strchr(digits, 'e') + 1);
    if (exponent < -4 || exponent >= 16) {
        return (size_t)snprintf(text, 32, "%s", digits);
    }
    int decimals = precision - 1 - exponent;
    return (size_t)snprintf(text, 32, "%.*f", decimals > 1 ? decimals : 1, real);
}

static void add(JinjaRun *run, JinjaText *out, const char *text)
{
    jinja_text_add(run, out, (JinjaString){text, strlen(text)});
}

static void add_string(JinjaRun *run, JinjaText *out, JinjaString string)
{
    static const char special[] = "\"\\\n\r\t\b\f", letters[] = "\"\\nrtbf";
    size_t            done = 0;
    add(run, out, "\"");
    for (size_t i = 0; i < string.bytes; i++) {
        unsigned char c = (unsigned char)string.text[i];
        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        char        escape[8];
        const char *known = c != 0 ? strchr(special, c) : NULL;
        if (known != NULL) {
            snprintf(escape, sizeof escape, "\\%c", letters[known - special]);
        } else {
            snprintf(escape, sizeof escape, "\\u%04x", c);
        }
        jinja_text_add(run, out, (JinjaString){string.text + done, i - done});
        add(run, out, escape);
        done = i + 1;
    }
    jinja_text_add(run, out, (JinjaString){string.text + done, string.bytes - done});
    add(run, out, "\"");
}

static void add_break(JinjaRun *run, JinjaText *out, int64_t indent, uint32_t level)
{
    add(run, out, "\n");
    for (int64_t i = 0; i < indent * level && !run->failed; i++) {
        add(run, out, " ");
    }
}

static void add_value(JinjaRun *run, JinjaText *out, JinjaValue value, int64_t indent, uint32_t level)
{
    jinja_charge(run, 1);
    bool list = value.kind == JINJA_LIST, dict = value.kind == JINJA_DICT;
    if (run->failed) {
        return;
    }
    if (value.kind == JINJA_STRING) {
        add_string(run, out, value.string);
    } else if (value.kind == JINJA_NONE) {
        add(run, out, "null");
    } else if (value.kind == JINJA_BOOL) {
        add(run, out, value.integer ? "true" : "false");
    } else if (value.kind == JINJA_INTEGER || value.kind == JINJA_REAL) {
        jinja_text_add(run, out, jinja_text_of(run, value));
    } else if (list || dict) {
        size_t count = list ? value.list->count : value.dict->count;
        add(run, out, list ? "[" : "{");
        for (size_t i = 0; i < count && !run->failed; i++) {
            add(run, out, i == 0 ? "" : indent < 0 ? ", " : ",");
            if (indent >= 0) {
                add_break(run, out, indent, level + 1);
            }
            if (dict) {
                add_string(run, out, value.dict->entries[i].key);
                add(run, out, ": ");
            }
            add_value(run, out, list ? value.list->items[i] : value.dict->entries[i].value, indent, level + 1);
        }
        if (indent >= 0 && count > 0) {
            add_break(run, out, indent, level);
        }
        add(run, out, list ? "]" : "}");
    } else {
        jinja_fail(run, "a value of type %s has no JSON", jinja_type(value));
    }
}

JinjaValue jinja_to_json(JinjaRun *run, JinjaValue value, int64_t indent)
{
    JinjaText   text = {0};
    JinjaString copy = {"", 0};
    add_value(run, &text, value, indent, 0);
    if (!run->failed) {
        copy = jinja_copy(run, text.text, text.bytes);
    }
    run->memory += text.capacity;
    free(text.text);
    return jinja_string(copy.text, copy.bytes);
}
