/* Arguments, tests and global functions. */
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

bool jinja_string_argument(JinjaRun *run, const JinjaArguments *arguments, size_t place, const char *name,
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

int jinja_find(const char *const *names, size_t count, JinjaString name)
{
    for (size_t i = 0; i < count; i++) {
        if (jinja_is(name, names[i])) {
            return (int)i;
        }
    }
    return -1;
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
    SAME_AS,
    CALLABLE,
    TESTS
} Test;

static const char *const test_names[TESTS] = {"defined",  "undefined", "none", "string",      "number",  "integer",
                                              "float",    "boolean",   "true", "false",       "mapping", "iterable",
                                              "sequence", "even",      "odd",  "divisibleby", "equalto", "eq",
                                              "==",       "ne",        "in",   "sameas",      "callable"};

int jinja_test_index(JinjaString name)
{
    return jinja_find(test_names, TESTS, name);
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

/* Python's "is", whose answer for other values is a matter of how Python keeps them. */
static bool same_as(JinjaRun *run, JinjaValue value, JinjaValue other)
{
    if (other.kind != JINJA_BOOL && other.kind != JINJA_NONE) {
        jinja_fail(run, "the test \"sameas\" is not supported with other values than true, false and none");
    }
    return value.kind == other.kind && (other.kind == JINJA_NONE || value.integer == other.integer);
}

bool jinja_test(JinjaRun *run, int index, JinjaValue value, const JinjaArguments *arguments)
{
    const bool second = index == DIVISIBLE_BY || index == EQUAL_TO || index == EQ || index == IS_EQUAL || index == NE ||
                        index == IS_IN || index == SAME_AS;
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
    case SAME_AS: return same_as(run, value, arguments->values[0]);
    default: return kind == JINJA_FUNCTION || kind == JINJA_METHOD || kind == JINJA_MACRO;
    }
}

/* --- global functions */

enum { NAMESPACE, RANGE, RAISE, STRFTIME, DICT, FUNCTIONS };

int jinja_function_index(JinjaString name)
{
    static const char *const names[FUNCTIONS] = {"namespace", "range", "raise_exception", "strftime_now", "dict"};
    static const char *const others[]         = {"cycler", "joiner", "lipsum"}; /* Jinja has them too */
    const int                index            = jinja_find(names, FUNCTIONS, name);
    return index >= 0 ? index : jinja_find(others, sizeof others / sizeof *others, name) >= 0 ? -2 : -1;
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
        !jinja_string_argument(run, arguments, 0, "format", "strftime_now", &format)) {
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
        jinja_string_argument(run, arguments, 0, "message", "raise_exception", &message);
        return jinja_fail(run, "the template refuses these messages: %.*s",
                          (int)(message.bytes < 300 ? message.bytes : 300), message.text);
    }
}
