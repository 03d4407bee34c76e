/* The filters that go through a list: select, reject, selectattr, rejectattr, map. */
#include <string.h>

#include "engine/text/jinja_parts.h"

/* The arguments by place from `skip` on. */
static JinjaArguments rest(const JinjaArguments *arguments, size_t skip)
{
    JinjaArguments left = {0};
    for (size_t i = skip; i < arguments->placed; i++) {
        left.values[left.count++] = arguments->values[i];
    }
    left.placed = left.count;
    return left;
}

/* The name of an attribute, at a place (SIZE_MAX: none) or of a keyword. */
static bool attribute_name(JinjaRun *run, const JinjaArguments *arguments, size_t place, const char *keyword,
                           JinjaString *name)
{
    const bool given = jinja_string_argument(run, arguments, place, keyword, "the name of an attribute", name);
    if (!given || memchr(name->text, '.', name->bytes) != NULL) {
        jinja_fail(run, "the name of an attribute of this kind is not supported");
    }
    return !run->failed;
}

/* The elements that pass a test, or whose attribute does: of its own arguments the first names the attribute, the next
 * the test, which gets the rest. Without one, what is true passes. `reject` keeps the others. */
JinjaValue jinja_choose(JinjaRun *run, JinjaValue value, const JinjaArguments *arguments, bool by_attribute,
                        bool reject)
{
    JinjaString          name = {"", 0}, test = {"", 0};
    const size_t         place = by_attribute ? 1 : 0;
    const JinjaValue     list  = jinja_sequence(run, value);
    const JinjaArguments extra = rest(arguments, place + 1);
    int                  index = -1;
    size_t               kept  = 0;
    if (run->failed || (by_attribute && !attribute_name(run, arguments, 0, NULL, &name))) {
        return list;
    }
    if (jinja_string_argument(run, arguments, place, NULL, "the name of a test", &test) &&
        (index = jinja_test_index(test)) < 0) {
        return jinja_fail(run, "the test \"%.*s\" is not supported", (int)(test.bytes < 60 ? test.bytes : 60),
                          test.text);
    }
    JinjaValue result = run->failed ? list : jinja_list(run, list.list->count);
    for (size_t i = 0; !run->failed && i < list.list->count; i++) {
        const JinjaValue element = list.list->items[i];
        const JinjaValue part = by_attribute ? jinja_item(run, element, jinja_string(name.text, name.bytes)) : element;
        jinja_charge(run, 1);
        const bool passes = !run->failed && (index < 0 ? jinja_true(part) : jinja_test(run, index, part, &extra));
        if (!run->failed && passes != reject) {
            result.list->items[kept++] = element;
        }
    }
    if (!run->failed) {
        result.list->count = kept;
        result             = jinja_list_done(run, result);
    }
    return result;
}

/* map(attribute=name), or map(name of a filter, its arguments …). */
JinjaValue jinja_map(JinjaRun *run, JinjaValue value, const JinjaArguments *arguments)
{
    JinjaString          name   = {"", 0};
    const JinjaValue     list   = jinja_sequence(run, value);
    const JinjaArguments extra  = rest(arguments, 1);
    const bool           filter = arguments->placed > 0;
    int                  index  = -1;
    if (run->failed || (!filter && !attribute_name(run, arguments, SIZE_MAX, "attribute", &name))) {
        return list;
    }
    if (filter && jinja_string_argument(run, arguments, 0, NULL, "the name of a filter", &name) &&
        (index = jinja_filter_index(name)) < 0) {
        return jinja_fail(run, "the filter \"%.*s\" is not supported", (int)(name.bytes < 60 ? name.bytes : 60),
                          name.text);
    }
    JinjaValue result = run->failed ? list : jinja_list(run, list.list->count);
    for (size_t i = 0; !run->failed && i < list.list->count; i++) {
        jinja_charge(run, 1);
        result.list->items[i] = filter ? jinja_filter(run, index, list.list->items[i], &extra)
                                       : jinja_item(run, list.list->items[i], jinja_string(name.text, name.bytes));
    }
    return run->failed ? result : jinja_list_done(run, result);
}
