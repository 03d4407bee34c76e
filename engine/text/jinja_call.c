/* Filters, tests and global functions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/text/jinja_parts.h"

enum { RANGE_LIMIT = 100000 }; /* Jinja's sandbox has the same */

/* --- arguments */

JinjaValue jinja_argument(const JinjaArguments *arguments, size_t place, const char *name, bool *given)
{
    *given = true;
    if (place < arguments->placed) {
        return arguments->values[place];
    }
    for (size_t i = arguments->placed; i < arguments->count && name != NULL; i++) {
        if (jinja_is(arguments->names[i], name)) {
            return arguments->values[i];
        }
    }
    *given = false;
    return jinja_none();
}

/* Whether `name` is one of the comma-separated `names`. */
static bool listed(const char *names, JinjaString name)
{
    while (*names != '\0') {
        const size_t length = strcspn(names, ",");
        if (jinja_same(name, (JinjaString){names, length})) {
            return true;
        }
        names += length + (names[length] == ',');
    }
    return false;
}

bool jinja_arguments_check(JinjaRun *run, const JinjaArguments *arguments, const char *what, size_t least, size_t most,
                           const char *names)
{
    if (arguments->placed > most || arguments->count < least) {
        jinja_fail(run, "%s: %zu arguments, wanted %zu to %zu", what, arguments->count, least, most);
    }
    for (size_t i = arguments->placed; i < arguments->count && !run->failed; i++) {
        if (!listed(names, arguments->names[i])) {
            jinja_fail(run, "%s: the argument \"%.*s\" is not supported", what,
                       (int)(arguments->names[i].bytes < 60 ? arguments->names[i].bytes : 60),
                       arguments->names[i].text);
        }
    }
    return !run->failed;
}

static bool string_argument(JinjaRun *run, const JinjaArguments *arguments, size_t place, const char *name,
                            const char *what, JinjaString *string)
{
    bool             given;
    const JinjaValue value = jinja_argument(arguments, place, name, &given);
    if (given && value.kind != JINJA_STRING) {
        jinja_fail(run, "%s: wanted a string, found %s", what, jinja_type(value));
    }
    if (given && value.kind == JINJA_STRING) {
        *string = value.string;
    }
    return given && !run->failed;
}

/* --- filters */

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
    SELECTATTR,
    REJECTATTR,
    MAP,
    FILTERS
} Filter;

static const char *const filter_names[FILTERS] = {"trim",  "length",  "count",      "tojson",     "default", "d",
                                                  "join",  "upper",   "lower",      "capitalize", "title",   "first",
                                                  "last",  "list",    "string",     "int",        "replace", "safe",
                                                  "items", "reverse", "selectattr", "rejectattr", "map"};

static int find(const char *const *names, size_t count, JinjaString name)
{
    for (size_t i = 0; i < count; i++) {
        if (jinja_is(name, names[i])) {
            return (int)i;
        }
    }
    return -1;
}

int jinja_filter_index(JinjaString name)
{
    return find(filter_names, FILTERS, name);
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
    string_argument(run, arguments, 0, "d", "join", &between);
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

/* The arguments from `skip` on. */
static JinjaArguments rest(const JinjaArguments *arguments, size_t skip)
{
    JinjaArguments left = {0};
    for (size_t i = skip; i < arguments->placed; i++) {
        left.values[left.count++] = arguments->values[i];
    }
    left.placed = left.count;
    return left;
}

/* selectattr(name, test, …), rejectattr, map(attribute=name). */
static JinjaValue by_attribute(JinjaRun *run, Filter filter, JinjaValue value, const JinjaArguments *arguments)
{
    JinjaString name = {"", 0}, test = {"", 0};
    JinjaValue  list  = jinja_sequence(run, value), result;
    const bool  map   = filter == MAP;
    int         index = -1;
    size_t      kept  = 0;
    if (!string_argument(run, arguments, map ? SIZE_MAX : 0, map ? "attribute" : NULL, filter_names[filter], &name) ||
        memchr(name.text, '.', name.bytes) != NULL) {
        return jinja_fail(run, "%s wants the name of an attribute here", filter_names[filter]);
    }
    if (!map && string_argument(run, arguments, 1, NULL, filter_names[filter], &test) &&
        (index = jinja_test_index(test)) < 0) {
        return jinja_fail(run, "the test \"%.*s\" is not supported", (int)(test.bytes < 60 ? test.bytes : 60),
                          test.text);
    }
    result                         = run->failed ? list : jinja_list(run, list.list->count);
    const JinjaArguments remaining = rest(arguments, 2);
    for (size_t i = 0; !run->failed && i < list.list->count; i++) {
        const JinjaValue element = list.list->items[i];
        const JinjaValue part    = jinja_item(run, element, jinja_string(name.text, name.bytes));
        jinja_charge(run, 1);
        if (map) {
            result.list->items[kept++] = part;
        } else if (!run->failed && (index < 0 ? jinja_true(part) : jinja_test(run, index, part, &remaining)) ==
                                       (filter == SELECTATTR)) {
            result.list->items[kept++] = element;
        }
    }
    if (!run->failed) {
        result.list->count = kept;
        result             = jinja_list_done(run, result);
    }
    return result;
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
    const bool        given = string_argument(run, arguments, 0, "chars", "trim", &chars);
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
    if (!string_argument(run, arguments, 0, "old", "replace", &from) ||
        !string_argument(run, arguments, 1, "new", "replace", &to)) {
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
                         [SELECTATTR] = {JINJA_ARGUMENTS, ""},
                         [REJECTATTR] = {JINJA_ARGUMENTS, ""},
                         [MAP]        = {0, "attribute"}};
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
    default: return by_attribute(run, (Filter)index, value, arguments);
    }
}

/* --- tests */

typedef enum Test {
    DEFINED,
    UNDEFINED,
    NONE,
    IS_STRING,
    NUMBER,
    INTEGER,
    FLOAT,
    BOOLEAN,
    IS_TRUE,
    IS_FALSE,
    MAPPING,
    ITERABLE,
    SEQUENCE,
    EVEN,
    ODD,
    DIVISIBLE_BY,
    EQUAL_TO,
    EQ,
    IS_EQUAL,
    NE,
    IS_IN,
    CALLABLE,
    TESTS
} Test;

static const char *const test_names[TESTS] = {"defined",  "undefined", "none", "string",      "number",  "integer",
                                              "float",    "boolean",   "true", "false",       "mapping", "iterable",
                                              "sequence", "even",      "odd",  "divisibleby", "equalto", "eq",
                                              "==",       "ne",        "in",   "callable"};

int jinja_test_index(JinjaString name)
{
    return find(test_names, TESTS, name);
}

static bool divisible(JinjaRun *run, JinjaValue value, JinjaValue by)
{
    int64_t x, y;
    if (!jinja_whole(value, &x) || !jinja_whole(by, &y) || y == 0) {
        jinja_fail(run, "a test of divisibility wants integers");
        return false;
    }
    return y == -1 || x % y == 0;
}

bool jinja_test(JinjaRun *run, int index, JinjaValue value, const JinjaArguments *arguments)
{
    const bool second =
        index == DIVISIBLE_BY || index == EQUAL_TO || index == EQ || index == IS_EQUAL || index == NE || index == IS_IN;
    const size_t    wanted = second ? 1 : 0;
    const JinjaKind kind   = value.kind;
    if (!jinja_arguments_check(run, arguments, test_names[index], wanted, wanted, "")) {
        return false;
    }
    switch ((Test)index) {
    case DEFINED: return kind != JINJA_UNDEFINED;
    case UNDEFINED: return kind == JINJA_UNDEFINED;
    case NONE: return kind == JINJA_NONE;
    case IS_STRING: return kind == JINJA_STRING;
    case NUMBER:
        return kind == JINJA_INTEGER || kind == JINJA_REAL || kind == JINJA_BOOL; /* Python's bool is a number */
    case INTEGER: return kind == JINJA_INTEGER;
    case FLOAT: return kind == JINJA_REAL;
    case BOOLEAN: return kind == JINJA_BOOL;
    case IS_TRUE: return kind == JINJA_BOOL && value.integer;
    case IS_FALSE: return kind == JINJA_BOOL && !value.integer;
    case MAPPING: return kind == JINJA_DICT;
    case ITERABLE:
    case SEQUENCE:
        return kind == JINJA_STRING || kind == JINJA_LIST || kind == JINJA_DICT || kind == JINJA_UNDEFINED ||
               (kind == JINJA_LOOP && index == ITERABLE);
    case EVEN: return divisible(run, value, jinja_integer(2));
    case ODD: return !divisible(run, value, jinja_integer(2));
    case DIVISIBLE_BY: return divisible(run, value, arguments->values[0]);
    case EQUAL_TO:
    case EQ:
    case IS_EQUAL: return jinja_equal(run, value, arguments->values[0]);
    case NE: return !jinja_equal(run, value, arguments->values[0]);
    case IS_IN: return jinja_contains(run, value, arguments->values[0]);
    default: return kind == JINJA_FUNCTION || kind == JINJA_METHOD || kind == JINJA_MACRO;
    }
}

/* --- global functions */

enum { NAMESPACE, RANGE, RAISE, STRFTIME, DICT, FUNCTIONS };

int jinja_function_index(JinjaString name)
{
    static const char *const names[FUNCTIONS] = {"namespace", "range", "raise_exception", "strftime_now", "dict"};
    static const char *const others[]         = {"cycler", "joiner", "lipsum"}; /* Jinja has them too */
    const int                index            = find(names, FUNCTIONS, name);
    return index >= 0 ? index : find(others, sizeof others / sizeof *others, name) >= 0 ? -2 : -1;
}

static JinjaValue make_dict(JinjaRun *run, JinjaKind kind, const JinjaArguments *arguments)
{
    JinjaDict *dict = jinja_alloc(&run->arena, sizeof *dict);
    if (arguments->placed > 0) {
        return jinja_fail(run, "namespace and dict take name=value only here");
    }
    for (size_t i = 0; i < arguments->count && dict != NULL; i++) {
        jinja_dict_set(run, dict, arguments->names[i], arguments->values[i]);
    }
    return dict == NULL ? jinja_out_of_memory(run) : (JinjaValue){.kind = kind, .dict = dict};
}

static JinjaValue range(JinjaRun *run, const JinjaArguments *arguments)
{
    int64_t numbers[3] = {0, 0, 1};
    if (!jinja_arguments_check(run, arguments, "range", 1, 3, "")) {
        return jinja_none();
    }
    for (size_t i = 0; i < arguments->count; i++) {
        const size_t place = arguments->count == 1 ? 1 : i;
        if (!jinja_whole(arguments->values[i], &numbers[place]) || numbers[place] < -(INT64_C(1) << 53) ||
            numbers[place] > INT64_C(1) << 53) {
            return jinja_fail(run, "range wants integers of less than 2^53");
        }
    }
    const int64_t step = numbers[2], span = step > 0 ? numbers[1] - numbers[0] : numbers[0] - numbers[1];
    if (step == 0) {
        return jinja_fail(run, "the step of a range cannot be 0");
    }
    const int64_t stride = step > 0 ? step : -step, count = span > 0 ? (span + stride - 1) / stride : 0;
    if (count > RANGE_LIMIT) {
        return jinja_fail(run, "a range of %lld numbers; at most %d", (long long)count, RANGE_LIMIT);
    }
    jinja_charge(run, (uint64_t)count);
    JinjaValue list = jinja_list(run, (size_t)count);
    for (int64_t i = 0; i < count && !run->failed; i++) {
        list.list->items[i] = jinja_integer(numbers[0] + i * step);
    }
    return list;
}

static JinjaValue now(JinjaRun *run, const JinjaArguments *arguments)
{
    JinjaString format = {"", 0};
    char        pattern[64], text[256];
    struct tm   local;
    if (!jinja_arguments_check(run, arguments, "strftime_now", 1, 1, "format") ||
        !string_argument(run, arguments, 0, "format", "strftime_now", &format)) {
        return jinja_none();
    }
    if (format.bytes >= sizeof pattern || memchr(format.text, '\0', format.bytes) != NULL ||
        localtime_r(&run->options->now, &local) == NULL) {
        return jinja_fail(run, "strftime_now: a format of more than 63 bytes, or with a NUL");
    }
    memcpy(pattern, format.text, format.bytes);
    pattern[format.bytes] = '\0';
    for (const char *at = strchr(pattern, '%'); at != NULL; at = strchr(at + 2, '%')) {
        if (at[1] == '\0' || strchr("aAbBdHIjmMpSyYzZ%", at[1]) == NULL) {
            return jinja_fail(run, "strftime_now: %%%.1s is not supported", at + 1);
        }
    }
    const size_t      bytes = strftime(text, sizeof text, pattern, &local);
    const JinjaString copy  = jinja_copy(run, text, bytes);
    return jinja_string(copy.text, copy.bytes);
}

JinjaValue jinja_function(JinjaRun *run, int index, const JinjaArguments *arguments)
{
    JinjaString message = {"", 0};
    switch (index) {
    case NAMESPACE: return make_dict(run, JINJA_NAMESPACE, arguments);
    case DICT: return make_dict(run, JINJA_DICT, arguments);
    case RANGE: return range(run, arguments);
    case STRFTIME: return now(run, arguments);
    default:
        string_argument(run, arguments, 0, "message", "raise_exception", &message);
        return jinja_fail(run, "the template refuses these messages: %.*s",
                          (int)(message.bytes < 300 ? message.bytes : 300), message.text);
    }
}
