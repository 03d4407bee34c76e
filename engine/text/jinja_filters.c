/* Filters. */
#include <stdlib.h>
#include <string.h>

#include "engine/text/jinja_parts.h"

typedef enum Filter {
    TRIM,
    LENGTH,
    COUNT,
    TOJSON,
    DEFAULT,
    D,
    JOIN,
    UPPER,
    LOWER,
    CAPITALIZE,
    TITLE,
    FIRST,
    LAST,
    LIST,
    STRING,
    INT,
    REPLACE,
    SAFE,
    ITEMS,
    REVERSE,
    SELECT,
    REJECT,
    SELECTATTR,
    REJECTATTR,
    MAP,
    FILTERS
} Filter;

static const char *const filter_names[FILTERS] = {
    "trim",       "length",  "count",  "tojson", "default",    "d",          "join", "upper",   "lower",
    "capitalize", "title",   "first",  "last",   "list",       "string",     "int",  "replace", "safe",
    "items",      "reverse", "select", "reject", "selectattr", "rejectattr", "map"};

int jinja_filter_index(JinjaString name)
{
    return jinja_find(filter_names, FILTERS, name);
}

static JinjaValue length(JinjaRun *run, JinjaValue value)
{
    if (value.kind == JINJA_DICT) {
        return jinja_integer((int64_t)value.dict->count);
    }
    if (value.kind == JINJA_STRING || value.kind == JINJA_LIST || value.kind == JINJA_UNDEFINED) {
        value = jinja_sequence(run, value);
        return run->failed ? value : jinja_integer((int64_t)value.list->count);
    }
    return jinja_fail(run, "a value of type %s has no length", jinja_type(value));
}

static JinjaValue join(JinjaRun *run, JinjaValue value, const JinjaArguments *arguments)
{
    JinjaString between = {"", 0};
    JinjaText   text    = {0};
    JinjaValue  list    = jinja_sequence(run, value);
    bool        given;
    jinja_argument(arguments, 1, "attribute", &given);
    if (given) {
        return jinja_fail(run, "join with an attribute is not supported");
    }
    jinja_string_argument(run, arguments, 0, "d", "join", &between);
    for (size_t i = 0; !run->failed && i < list.list->count; i++) {
        jinja_text_add(run, &text, i > 0 ? between : (JinjaString){"", 0});
        jinja_text_add(run, &text, jinja_text_of(run, list.list->items[i]));
    }
    const JinjaString copy =
        run->failed ? (JinjaString){"", 0} : jinja_copy(run, text.bytes > 0 ? text.text : "", text.bytes);
    run->memory += text.capacity;
    free(text.text);
    return jinja_string(copy.text, copy.bytes);
}

static JinjaValue to_int(JinjaRun *run, JinjaValue value)
{
    int64_t integer;
    char    digits[24];
    if (jinja_whole(value, &integer)) {
        return jinja_integer(integer);
    }
    const JinjaString bare =
        value.kind == JINJA_STRING ? jinja_strip(value.string, NULL, true, true) : (JinjaString){"", 0};
    if (bare.bytes == 0 || bare.bytes > 18) {
        return jinja_fail(run, "int of this %s is not supported", jinja_type(value));
    }
    char *end;
    memcpy(digits, bare.text, bare.bytes);
    digits[bare.bytes] = '\0';
    integer            = strtoll(digits, &end, 10);
    return *end == '\0' ? jinja_integer(integer) : jinja_fail(run, "int of this string is not supported");
}

static JinjaValue items(JinjaRun *run, JinjaValue value)
{
    if (value.kind == JINJA_UNDEFINED) {
        return jinja_list(run, 0);
    }
    if (value.kind != JINJA_DICT) {
        return jinja_fail(run, "items of a %s are not possible", jinja_type(value));
    }
    JinjaArguments none = {0};
    return jinja_method(run, jinja_method_index(JINJA_DICT, (JinjaString){"items", 5}), value, &none);
}

static JinjaValue reversed(JinjaRun *run, JinjaValue value)
{
    if (value.kind != JINJA_LIST) {
        return jinja_fail(run, "reverse of a %s is not supported", jinja_type(value));
    }
    return jinja_slice(run, value, (const JinjaValue[3]){jinja_none(), jinja_none(), jinja_integer(-1)});
}

static JinjaValue first_or_last(JinjaRun *run, JinjaValue value, bool last)
{
    const JinjaValue list = jinja_sequence(run, value);
    if (run->failed || list.list->count == 0) {
        return jinja_undefined((JinjaString){"first or last", 13});
    }
    return list.list->items[last ? list.list->count - 1 : 0];
}

static JinjaValue trim(JinjaRun *run, JinjaValue value, const JinjaArguments *arguments)
{
    JinjaString       chars;
    const bool        given = jinja_string_argument(run, arguments, 0, "chars", "trim", &chars);
    const JinjaString text = jinja_text_of(run, value), bare = jinja_strip(text, given ? &chars : NULL, true, true);
    return jinja_string(bare.text, bare.bytes);
}

static JinjaValue to_json(JinjaRun *run, JinjaValue value, const JinjaArguments *arguments)
{
    bool             given;
    int64_t          spaces = -1;
    const JinjaValue indent = jinja_argument(arguments, SIZE_MAX, "indent", &given);
    const JinjaValue ascii  = jinja_argument(arguments, 0, "ensure_ascii", &given);
    if (given && jinja_true(ascii)) {
        return jinja_fail(run, "tojson with ensure_ascii is not supported");
    }
    if (indent.kind != JINJA_NONE && (!jinja_whole(indent, &spaces) || spaces < 0 || spaces > 16)) {
        return jinja_fail(run, "tojson: indent is a number from 0 to 16");
    }
    return jinja_to_json(run, value, spaces);
}

static JinjaValue or_default(const JinjaValue value, const JinjaArguments *arguments)
{
    bool             given, has;
    const JinjaValue other   = jinja_argument(arguments, 0, "default_value", &given);
    const JinjaValue boolean = jinja_argument(arguments, 1, "boolean", &has);
    const bool       replace = value.kind == JINJA_UNDEFINED || (has && jinja_true(boolean) && !jinja_true(value));
    return !replace ? value : given ? other : jinja_string("", 0);
}

static JinjaValue replaced(JinjaRun *run, JinjaValue value, const JinjaArguments *arguments)
{
    JinjaString from = {"", 0}, to = {"", 0};
    if (!jinja_string_argument(run, arguments, 0, "old", "replace", &from) ||
        !jinja_string_argument(run, arguments, 1, "new", "replace", &to)) {
        return jinja_fail(run, "replace wants two strings");
    }
    return jinja_replace(run, jinja_text_of(run, value), from, to, -1);
}

JinjaValue jinja_filter(JinjaRun *run, int index, JinjaValue value, const JinjaArguments *arguments)
{
    static const struct {
        size_t      most;
        const char *names;
    } takes[FILTERS]  = {[TRIM]       = {1, "chars"},
                         [TOJSON]     = {1, "indent,ensure_ascii"},
                         [DEFAULT]    = {2, "default_value,boolean"},
                         [D]          = {2, "default_value,boolean"},
                         [JOIN]       = {2, "d,attribute"},
                         [REPLACE]    = {2, "old,new"},
                         [SELECT]     = {JINJA_ARGUMENTS, ""},
                         [REJECT]     = {JINJA_ARGUMENTS, ""},
                         [SELECTATTR] = {JINJA_ARGUMENTS, ""},
                         [REJECTATTR] = {JINJA_ARGUMENTS, ""},
                         [MAP]        = {JINJA_ARGUMENTS, "attribute"}};
    const char *names = takes[index].names != NULL ? takes[index].names : "";
    if (!jinja_arguments_check(run, arguments, filter_names[index], 0, takes[index].most, names)) {
        return value;
    }
    switch ((Filter)index) {
    case TRIM: return trim(run, value, arguments);
    case LENGTH:
    case COUNT: return length(run, value);
    case TOJSON: return to_json(run, value, arguments);
    case DEFAULT:
    case D: return or_default(value, arguments);
    case JOIN: return join(run, value, arguments);
    case UPPER: return jinja_change_case(run, jinja_text_of(run, value), 0);
    case LOWER: return jinja_change_case(run, jinja_text_of(run, value), 1);
    case CAPITALIZE: return jinja_change_case(run, jinja_text_of(run, value), 2);
    case TITLE: return jinja_change_case(run, jinja_text_of(run, value), 3);
    case FIRST: return first_or_last(run, value, false);
    case LAST: return first_or_last(run, value, true);
    case LIST: return jinja_sequence(run, value);
    case STRING:
    case SAFE: {
        const JinjaString text = jinja_text_of(run, value);
        return jinja_string(text.text, text.bytes);
    }
    case INT: return to_int(run, value);
    case REPLACE: return replaced(run, value, arguments);
    case ITEMS: return items(run, value);
    case REVERSE: return reversed(run, value);
    case SELECT:
    case REJECT: return jinja_choose(run, value, arguments, false, index == REJECT);
    case SELECTATTR:
    case REJECTATTR: return jinja_choose(run, value, arguments, true, index == REJECTATTR);
    default: return jinja_map(run, value, arguments);
    }
}
