/* Expressions of a template, evaluated. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/text/jinja_parts.h"

/* --- failing */

JinjaValue jinja_fail(JinjaRun *run, const char *format, ...)
{
    char    text[400];
    va_list arguments;
    if (!run->failed) {
        va_start(arguments, format);
        vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
        error_set(run->error, STATUS_BAD_INPUT, "%s line %u: %s", run->template->name, run->line, text);
        run->failed = true;
    }
    return jinja_undefined((JinjaString){"", 0});
}

JinjaValue jinja_out_of_memory(JinjaRun *run)
{
    return jinja_fail(run, "the template takes more memory than there is for it");
}

void jinja_charge(JinjaRun *run, uint64_t steps)
{
    if (steps > run->steps) {
        run->steps = 0;
        jinja_fail(run, "the template takes too many steps");
    } else {
        run->steps -= steps;
    }
}

/* --- operators */

static JinjaValue mismatch(JinjaRun *run, const char *what, JinjaValue a, JinjaValue b)
{
    return jinja_fail(run, "%s is not possible with %s and %s", what, jinja_type(a), jinja_type(b));
}

static JinjaValue joined(JinjaRun *run, JinjaString a, JinjaString b)
{
    char *text = jinja_alloc(&run->arena, a.bytes + b.bytes + 1);
    if (text == NULL) {
        return jinja_out_of_memory(run);
    }
    memcpy(text, a.text, a.bytes);
    memcpy(text + a.bytes, b.text, b.bytes);
    return jinja_string(text, a.bytes + b.bytes);
}

static JinjaValue joined_lists(JinjaRun *run, const JinjaList *a, const JinjaList *b)
{
    JinjaValue list = jinja_list(run, a->count + b->count);
    for (size_t i = 0; !run->failed && i < a->count + b->count; i++) {
        list.list->items[i] = i < a->count ? a->items[i] : b->items[i - a->count];
    }
    jinja_charge(run, a->count + b->count);
    return jinja_list_done(run, list);
}

static JinjaValue integers(JinjaRun *run, JinjaOperator index, int64_t x, int64_t y)
{
    int64_t result   = 0;
    bool    overflow = false;
    switch (index) {
    case JINJA_ADD: overflow = __builtin_add_overflow(x, y, &result); break;
    case JINJA_SUBTRACT: overflow = __builtin_sub_overflow(x, y, &result); break;
    case JINJA_MULTIPLY: overflow = __builtin_mul_overflow(x, y, &result); break;
    default:
        if (y == 0) {
            return jinja_fail(run, "division by zero");
        }
        if (y == -1) { /* INT64_MIN / -1 overflows */
            overflow = index == JINJA_FLOOR_DIVIDE && __builtin_sub_overflow(0, x, &result);
            break;
        }
        result = index == JINJA_MODULO ? x % y : x / y;
        if (x % y != 0 && (x < 0) != (y < 0)) { /* Python rounds down */
            result += index == JINJA_MODULO ? y : -1;
        }
    }
    return overflow ? jinja_fail(run, "a number becomes too large") : jinja_integer(result);
}

static JinjaValue arithmetic(JinjaRun *run, JinjaOperator index, JinjaValue a, JinjaValue b)
{
    static const char *const words[] = {"+", "-", "*", "/", "//", "%"};
    int64_t                  x, y;
    if (index != JINJA_DIVIDE && jinja_whole(a, &x) && jinja_whole(b, &y)) {
        return integers(run, index, x, y);
    }
    if (index == JINJA_ADD && a.kind == JINJA_STRING && b.kind == JINJA_STRING) {
        return joined(run, a.string, b.string);
    }
    if (index == JINJA_ADD && a.kind == JINJA_LIST && b.kind == JINJA_LIST) {
        return joined_lists(run, a.list, b.list);
    }
    if (a.kind == JINJA_UNDEFINED || b.kind == JINJA_UNDEFINED) {
        JinjaString name = a.kind == JINJA_UNDEFINED ? a.string : b.string;
        return jinja_fail(run, "'%.*s' is undefined", (int)(name.bytes < 60 ? name.bytes : 60), name.text);
    }
    return mismatch(run, words[index], a, b);
}

static int compare_strings(JinjaString a, JinjaString b)
{
    const size_t common = a.bytes < b.bytes ? a.bytes : b.bytes;
    const int    order  = memcmp(a.text, b.text, common); /* of UTF-8: that of code points */
    return order != 0 ? order : (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

static JinjaValue ordered(JinjaRun *run, JinjaOperator index, JinjaValue a, JinjaValue b)
{
    int64_t x, y;
    int     order = 0;
    if (jinja_whole(a, &x) && jinja_whole(b, &y)) {
        order = (x > y) - (x < y);
    } else if (a.kind == JINJA_STRING && b.kind == JINJA_STRING) {
        order = compare_strings(a.string, b.string);
    } else {
        return mismatch(run, "comparing", a, b);
    }
    switch (index) {
    case JINJA_LESS: return jinja_bool(order < 0);
    case JINJA_LESS_EQUAL: return jinja_bool(order <= 0);
    case JINJA_GREATER: return jinja_bool(order > 0);
    default: return jinja_bool(order >= 0);
    }
}

static JinjaValue binary(JinjaRun *run, const JinjaNode *node)
{
    const JinjaOperator index = (JinjaOperator)node->index;
    const JinjaValue    a = jinja_eval(run, node->a), b = jinja_eval(run, node->b);
    run->line = node->line;
    if (run->failed) {
        return a;
    }
    switch (index) {
    case JINJA_EQUAL: return jinja_bool(jinja_equal(run, a, b));
    case JINJA_NOT_EQUAL: return jinja_bool(!jinja_equal(run, a, b));
    case JINJA_IN: return jinja_bool(jinja_contains(run, a, b));
    case JINJA_NOT_IN: return jinja_bool(!jinja_contains(run, a, b));
    case JINJA_LESS:
    case JINJA_LESS_EQUAL:
    case JINJA_GREATER:
    case JINJA_GREATER_EQUAL: return ordered(run, index, a, b);
    case JINJA_CONCAT: {
        const JinjaString left = jinja_text_of(run, a), right = jinja_text_of(run, b);
        return run->failed ? a : joined(run, left, right);
    }
    default: return arithmetic(run, index, a, b);
    }
}

/* --- names and calls */

static JinjaValue variable(JinjaRun *run, JinjaString name)
{
    for (const JinjaFrame *frame = run->frame; frame != NULL; frame = frame->outer) {
        const JinjaValue *found = jinja_dict_find(&frame->variables, name);
        jinja_charge(run, frame->variables.count / 4);
        if (found != NULL) {
            return *found;
        }
    }
    const JinjaValue *found = jinja_dict_find(&run->globals, name);
    if (found != NULL) {
        return *found;
    }
    const int index = jinja_function_index(name);
    if (index == -2) {
        return jinja_fail(run, "the function \"%.*s\" is not supported", (int)(name.bytes < 60 ? name.bytes : 60),
                          name.text);
    }
    return index >= 0 ? (JinjaValue){.kind = JINJA_FUNCTION, .index = index} : jinja_undefined(name);
}

static void evaluate_arguments(JinjaRun *run, const JinjaNode *node, JinjaArguments *arguments)
{
    *arguments = (JinjaArguments){0};
    for (size_t i = 0; i < node->count && !run->failed; i++) {
        const JinjaNode *argument = node->list[i];
        const bool       keyword  = argument->kind == JINJA_KEYWORD;
        arguments->values[i]      = jinja_eval(run, keyword ? argument->a : argument);
        arguments->names[i]       = keyword ? argument->name : (JinjaString){NULL, 0};
        arguments->placed += !keyword;
        arguments->count++;
    }
}

static JinjaValue call(JinjaRun *run, const JinjaNode *node)
{
    const JinjaValue what = jinja_eval(run, node->a);
    JinjaArguments   arguments;
    if (what.kind == JINJA_MACRO && !run->failed) {
        return jinja_call_macro(run, what.macro, node);
    }
    evaluate_arguments(run, node, &arguments);
    run->line = node->line;
    if (run->failed) {
        return what;
    }
    switch (what.kind) {
    case JINJA_FUNCTION: return jinja_function(run, what.index, &arguments);
    case JINJA_METHOD: return jinja_method(run, what.index, *what.self, &arguments);
    case JINJA_UNDEFINED:
        return jinja_fail(run, "'%.*s' is undefined", (int)(what.string.bytes < 60 ? what.string.bytes : 60),
                          what.string.text);
    default: return jinja_fail(run, "a value of type %s cannot be called", jinja_type(what));
    }
}

/* What is not supported fails here and not when it is read: most of a template's branches are for tools and the like,
 * and never run. */
static JinjaValue filtered(JinjaRun *run, const JinjaNode *node)
{
    JinjaArguments arguments;
    if (node->index < 0) {
        return jinja_fail(run, "the %s \"%.*s\" is not supported", node->kind == JINJA_FILTER ? "filter" : "test",
                          (int)(node->name.bytes < 60 ? node->name.bytes : 60), node->name.text);
    }
    const JinjaValue value = jinja_eval(run, node->a);
    evaluate_arguments(run, node, &arguments);
    run->line = node->line;
    if (run->failed) {
        return value;
    }
    return node->kind == JINJA_FILTER ? jinja_filter(run, node->index, value, &arguments)
                                      : jinja_bool(jinja_test(run, node->index, value, &arguments));
}

static JinjaValue make_list(JinjaRun *run, const JinjaNode *node)
{
    JinjaValue list = jinja_list(run, node->count);
    for (size_t i = 0; i < node->count && !run->failed; i++) {
        list.list->items[i] = jinja_eval(run, node->list[i]);
    }
    return run->failed ? list : jinja_list_done(run, list);
}

static JinjaValue make_dict(JinjaRun *run, const JinjaNode *node)
{
    JinjaDict *dict = jinja_alloc(&run->arena, sizeof *dict);
    for (size_t i = 0; i < node->count && dict != NULL && !run->failed; i += 2) {
        const JinjaValue key = jinja_eval(run, node->list[i]), value = jinja_eval(run, node->list[i + 1]);
        if (key.kind != JINJA_STRING) {
            return jinja_fail(run, "the keys of a dict must be strings here, found %s", jinja_type(key));
        }
        jinja_dict_set(run, dict, key.string, value);
    }
    return dict == NULL ? jinja_out_of_memory(run) : (JinjaValue){.kind = JINJA_DICT, .dict = dict};
}

static JinjaValue negative(JinjaRun *run, JinjaValue value)
{
    int64_t x;
    if (jinja_whole(value, &x) && x != INT64_MIN) {
        return jinja_integer(-x);
    }
    return value.kind == JINJA_REAL ? (JinjaValue){.kind = JINJA_REAL, .real = -value.real}
                                    : jinja_fail(run, "- is not possible with %s", jinja_type(value));
}

JinjaValue jinja_eval(JinjaRun *run, const JinjaNode *node)
{
    JinjaValue a, bounds[3];
    jinja_charge(run, 1);
    run->line = node->line;
    if (run->failed) {
        return jinja_undefined((JinjaString){"", 0});
    }
    switch (node->kind) {
    case JINJA_CONSTANT: return node->value;
    case JINJA_NAME: return variable(run, node->name);
    case JINJA_ATTRIBUTE: a = jinja_eval(run, node->a); return run->failed ? a : jinja_attribute(run, a, node->name);
    case JINJA_ITEM:
        a         = jinja_eval(run, node->a);
        bounds[0] = jinja_eval(run, node->b);
        return run->failed ? a : jinja_item(run, a, bounds[0]);
    case JINJA_SLICE:
        a = jinja_eval(run, node->a);
        for (size_t i = 0; i < 3; i++) {
            bounds[i] = jinja_eval(run, node->list[i]);
        }
        return run->failed ? a : jinja_slice(run, a, bounds);
    case JINJA_CALL: return call(run, node);
    case JINJA_FILTER:
    case JINJA_TEST: return filtered(run, node);
    case JINJA_NOT: return jinja_bool(!jinja_true(jinja_eval(run, node->a)));
    case JINJA_NEGATIVE: a = jinja_eval(run, node->a); return run->failed ? a : negative(run, a);
    case JINJA_BINARY: return binary(run, node);
    case JINJA_AND: a = jinja_eval(run, node->a); return run->failed || !jinja_true(a) ? a : jinja_eval(run, node->b);
    case JINJA_OR: a = jinja_eval(run, node->a); return run->failed || jinja_true(a) ? a : jinja_eval(run, node->b);
    case JINJA_CHOICE:
        a = jinja_eval(run, node->a);
        if (run->failed || jinja_true(a)) {
            return run->failed ? a : jinja_eval(run, node->b);
        }
        return node->c != NULL ? jinja_eval(run, node->c) : jinja_undefined((JinjaString){"inline if", 9});
    case JINJA_MAKE_LIST: return make_list(run, node);
    case JINJA_MAKE_DICT: return make_dict(run, node);
    default: return jinja_fail(run, "an expression that is none"); /* the parser makes no other */
    }
}
