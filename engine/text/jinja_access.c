/* a.b, a["b"] and a[1:2], as Jinja and Python find them. */

#include "engine/text/jinja_parts.h"
#include "engine/utf8.h"

static JinjaValue loop_attribute(JinjaRun *run, const JinjaLoop *loop, JinjaString name)
{
    const int64_t index = (int64_t)loop->index, count = (int64_t)loop->items->count;
    const struct { /* only recursive loops have a depth beyond 1 */
        const char *name;
        int64_t     value;
    } numbers[] = {{"index0", index},
                   {"index", index + 1},
                   {"revindex", count - index},
                   {"revindex0", count - index - 1},
                   {"length", count},
                   {"depth", 1},
                   {"depth0", 0}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (jinja_is(name, numbers[i].name)) {
            return jinja_integer(numbers[i].value);
        }
    }
    if (jinja_is(name, "first")) {
        return jinja_bool(index == 0);
    }
    if (jinja_is(name, "last")) {
        return jinja_bool(index + 1 == count);
    }
    if (jinja_is(name, "previtem")) {
        return index == 0 ? jinja_undefined(name) : loop->items->items[index - 1];
    }
    if (jinja_is(name, "nextitem")) {
        return index + 1 == count ? jinja_undefined(name) : loop->items->items[index + 1];
    }
    return jinja_fail(run, "loop.%.*s is not supported", (int)(name.bytes < 60 ? name.bytes : 60), name.text);
}

static JinjaValue method(JinjaRun *run, JinjaValue object, JinjaString name)
{
    const int index = jinja_method_index(object.kind, name);
    if (index == -2) {
        return jinja_fail(run, "the method %s.%.*s is not supported", jinja_type(object),
                          (int)(name.bytes < 60 ? name.bytes : 60), name.text);
    }
    if (index < 0) {
        return jinja_undefined(name);
    }
    JinjaValue *self = jinja_alloc(&run->arena, sizeof *self);
    if (self == NULL) {
        return jinja_out_of_memory(run);
    }
    *self = object;
    return (JinjaValue){.kind = JINJA_METHOD, .index = index, .self = self};
}

static JinjaValue from_dict(JinjaRun *run, const JinjaDict *dict, JinjaString key)
{
    jinja_charge(run, dict->count / 4);
    const JinjaValue *found = jinja_dict_find(dict, key);
    return found != NULL ? *found : jinja_undefined(key);
}

/* Attributes first (methods), then keys. */
JinjaValue jinja_attribute(JinjaRun *run, JinjaValue object, JinjaString name)
{
    JinjaValue found = jinja_undefined(name);
    switch (object.kind) {
    case JINJA_UNDEFINED:
        return jinja_fail(run, "'%.*s' is undefined", (int)(object.string.bytes < 60 ? object.string.bytes : 60),
                          object.string.text);
    case JINJA_LOOP: return loop_attribute(run, object.loop, name);
    case JINJA_NAMESPACE: return from_dict(run, object.dict, name);
    case JINJA_STRING:
    case JINJA_LIST: return method(run, object, name);
    case JINJA_DICT:
        /* A key that has the name of a method Python does not let templates reach is read as a key in neither. */
        found = method(run, object, name);
        return found.kind != JINJA_UNDEFINED || run->failed ? found : from_dict(run, object.dict, name);
    default: return found;
    }
}

static size_t characters(JinjaString string)
{
    size_t count = 0;
    for (size_t i = 0; i < string.bytes; i++) {
        count += ((unsigned char)string.text[i] & 0xC0) != 0x80;
    }
    return count;
}

/* The byte at which character `index` begins. */
static size_t character_at(JinjaString string, size_t index)
{
    size_t at = 0;
    for (; index > 0 && at < string.bytes; index--) {
        utf8_next(string.text, string.bytes, &at);
    }
    return at;
}

/* Keys and places first, then attributes. */
JinjaValue jinja_item(JinjaRun *run, JinjaValue object, JinjaValue index)
{
    int64_t           place;
    const bool        whole = jinja_whole(index, &place), text = index.kind == JINJA_STRING;
    const JinjaString name = text ? index.string : (JinjaString){"element", 7};
    JinjaValue        list = object;
    if (object.kind == JINJA_UNDEFINED) {
        return jinja_attribute(run, object, name);
    }
    if (object.kind == JINJA_DICT && text) {
        JinjaValue found = from_dict(run, object.dict, name);
        return found.kind != JINJA_UNDEFINED ? found : method(run, object, name);
    }
    if (whole && object.kind == JINJA_STRING) {
        jinja_charge(run, object.string.bytes / 16);
        const int64_t count = (int64_t)characters(object.string);
        place += place < 0 ? count : 0;
        if (place < 0 || place >= count) {
            return jinja_undefined(name);
        }
        size_t from = character_at(object.string, (size_t)place), to = from;
        utf8_next(object.string.text, object.string.bytes, &to);
        return jinja_string(object.string.text + from, to - from);
    }
    if (whole && object.kind == JINJA_LIST) {
        place += place < 0 ? (int64_t)list.list->count : 0;
        return place < 0 || place >= (int64_t)list.list->count ? jinja_undefined(name) : list.list->items[place];
    }
    return text ? jinja_attribute(run, object, name) : jinja_undefined(name);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* A bound of a slice over `count` elements; `standard` if it is not given. */
static int64_t bound(JinjaRun *run, JinjaValue value, int64_t count, int64_t low, int64_t high, int64_t standard)
{
    int64_t place;
    if (value.kind == JINJA_NONE) {
        return standard;
    }
    if (!jinja_whole(value, &place)) {
        jinja_fail(run, "a slice wants integers, found %s", jinja_type(value));
        return standard;
    }
    return clamp(place < 0 ? clamp(place, -count - 1, 0) + count : place, low, high);
}

JinjaValue jinja_slice(JinjaRun *run, JinjaValue object, const JinjaValue bounds[3])
{
    if (object.kind == JINJA_UNDEFINED) {
        return jinja_attribute(run, object, object.string);
    }
    if (object.kind != JINJA_STRING && object.kind != JINJA_LIST) {
        return jinja_fail(run, "a slice of a %s is not possible", jinja_type(object));
    }
    const bool    text  = object.kind == JINJA_STRING;
    const int64_t count = (int64_t)(text ? characters(object.string) : object.list->count);
    int64_t       step  = 1;
    if (bounds[2].kind != JINJA_NONE && (!jinja_whole(bounds[2], &step) || step == 0)) {
        return jinja_fail(run, "the step of a slice must be an integer that is not 0");
    }
    step               = clamp(step, -count - 1, count + 1);
    const bool    back = step < 0;
    const int64_t low = back ? -1 : 0, high = back ? count - 1 : count;
    const int64_t begin = bound(run, bounds[0], count, low, high, back ? high : low);
    const int64_t end   = bound(run, bounds[1], count, low, high, back ? low : high);
    jinja_charge(run, (uint64_t)count);
    if (text && step == 1) {
        const size_t from = character_at(object.string, (size_t)begin);
        const size_t to   = end > begin ? character_at(object.string, (size_t)end) : from;
        return jinja_string(object.string.text + from, to - from);
    }
    if (text) {
        return jinja_fail(run, "a slice of a string with a step is not supported");
    }
    const int64_t span = back ? begin - end : end - begin, stride = back ? -step : step;
    JinjaValue    list = jinja_list(run, span > 0 ? (size_t)((span + stride - 1) / stride) : 0);
    for (size_t i = 0; !run->failed && i < list.list->count; i++) {
        list.list->items[i] = object.list->items[begin + (int64_t)i * step];
    }
    return jinja_list_done(run, list);
}
