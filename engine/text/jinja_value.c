/* Values of a template and the memory they live in. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/json.h"
#include "engine/text/jinja_parts.h"
#include "engine/utf8.h"

/* --- memory */

typedef struct JinjaBlock {
    struct JinjaBlock *next;
    max_align_t        data[];
} JinjaBlock;

#define BLOCK_BYTES ((size_t)16 << 10)

void *jinja_alloc(JinjaArena *arena, size_t bytes)
{
    if (bytes > arena->limit) {
        return NULL;
    }
    const size_t align = sizeof(max_align_t);
    bytes              = (bytes + align - 1) / align * align;
    arena->limit -= bytes < arena->limit ? bytes : arena->limit;
    if (bytes > arena->left || arena->blocks == NULL) {
        size_t      size  = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        JinjaBlock *block = calloc(1, sizeof *block + size);
        if (block == NULL) {
            return NULL;
        }
        block->next   = arena->blocks;
        arena->blocks = block;
        arena->left   = size;
    }
    arena->left -= bytes;
    return (char *)arena->blocks->data + arena->left; /* taken from the block's end */
}

void jinja_arena_free(JinjaArena *arena)
{
    while (arena->blocks != NULL) {
        JinjaBlock *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
}

JinjaString jinja_copy(JinjaRun *run, const char *text, size_t bytes)
{
    char *copy = jinja_alloc(&run->arena, bytes + 1);
    if (copy == NULL) {
        jinja_out_of_memory(run);
        return (JinjaString){"", 0};
    }
    memcpy(copy, text, bytes);
    return (JinjaString){copy, bytes};
}

/* --- questions */

const char *jinja_type(JinjaValue value)
{
    static const char *const names[] = {"undefined", "None", "bool", "int",      "float",  "str",  "list",
                                        "dict",      "dict", "loop", "function", "method", "macro"};
    return names[value.kind];
}

bool jinja_same(JinjaString a, JinjaString b)
{
    return a.bytes == b.bytes && memcmp(a.text, b.text, a.bytes) == 0;
}

bool jinja_is(JinjaString a, const char *word)
{
    return jinja_same(a, (JinjaString){word, strlen(word)});
}

bool jinja_whole(JinjaValue value, int64_t *integer)
{
    *integer = value.kind == JINJA_INTEGER || value.kind == JINJA_BOOL ? value.integer : 0;
    return value.kind == JINJA_INTEGER || value.kind == JINJA_BOOL;
}

bool jinja_true(JinjaValue value)
{
    switch (value.kind) {
    case JINJA_UNDEFINED:
    case JINJA_NONE: return false;
    case JINJA_BOOL:
    case JINJA_INTEGER: return value.integer != 0;
    case JINJA_REAL: return value.real != 0;
    case JINJA_STRING: return value.string.bytes > 0;
    case JINJA_LIST: return value.list->count > 0;
    case JINJA_DICT: return value.dict->count > 0;
    default: return true;
    }
}

static bool number(JinjaValue value, double *real)
{
    int64_t integer;
    bool    whole = jinja_whole(value, &integer);
    *real         = whole ? (double)integer : value.kind == JINJA_REAL ? value.real : 0;
    return whole || value.kind == JINJA_REAL;
}

static bool equal_dicts(JinjaRun *run, const JinjaDict *a, const JinjaDict *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; i < a->count && same && !run->failed; i++) {
        const JinjaValue *other = jinja_dict_find(b, a->entries[i].key);
        jinja_charge(run, b->count);
        same = other != NULL && jinja_equal(run, a->entries[i].value, *other);
    }
    return same;
}

/* Python's ==. Values are trees of bounded depth: JSON's, and what literals nest. */
bool jinja_equal(JinjaRun *run, JinjaValue a, JinjaValue b)
{
    double x, y;
    jinja_charge(run, 1);
    if (run->failed) {
        return false;
    }
    if (number(a, &x) && number(b, &y)) {
        return a.kind != JINJA_REAL && b.kind != JINJA_REAL ? a.integer == b.integer : x == y;
    }
    if (a.kind != b.kind) {
        return false;
    }
    bool same = true;
    switch (a.kind) {
    case JINJA_UNDEFINED:
    case JINJA_NONE: return true;
    case JINJA_STRING: jinja_charge(run, a.string.bytes / 64); return jinja_same(a.string, b.string);
    case JINJA_LIST:
        same = a.list->count == b.list->count;
        for (size_t i = 0; i < a.list->count && same && !run->failed; i++) {
            same = jinja_equal(run, a.list->items[i], b.list->items[i]);
        }
        return same;
    case JINJA_DICT: return equal_dicts(run, a.dict, b.dict);
    case JINJA_NAMESPACE: return a.dict == b.dict;
    default: jinja_fail(run, "comparing a %s is not supported", jinja_type(a)); return false;
    }
}

static bool find(JinjaString text, JinjaString part)
{
    for (size_t at = 0; at + part.bytes <= text.bytes; at++) {
        const char *hit = part.bytes == 0 ? text.text : memchr(text.text + at, part.text[0], text.bytes - at);
        if (hit == NULL) {
            return false;
        }
        at = (size_t)(hit - text.text);
        if (at + part.bytes <= text.bytes && memcmp(hit, part.text, part.bytes) == 0) {
            return true;
        }
    }
    return false;
}

bool jinja_contains(JinjaRun *run, JinjaValue element, JinjaValue container)
{
    bool found = false;
    switch (container.kind) {
    case JINJA_UNDEFINED: return false;
    case JINJA_STRING:
        if (element.kind != JINJA_STRING) {
            jinja_fail(run, "\"in\" a string wants a string, found %s", jinja_type(element));
            return false;
        }
        jinja_charge(run, container.string.bytes / 16);
        return find(container.string, element.string);
    case JINJA_LIST:
        for (size_t i = 0; i < container.list->count && !found && !run->failed; i++) {
            found = jinja_equal(run, element, container.list->items[i]);
        }
        return found;
    case JINJA_DICT:
        jinja_charge(run, container.dict->count / 4);
        return element.kind == JINJA_STRING && jinja_dict_find(container.dict, element.string) != NULL;
    default: jinja_fail(run, "\"in\" %s is not possible", jinja_type(container)); return false;
    }
}

/* --- lists and dicts */

JinjaValue jinja_list(JinjaRun *run, size_t count)
{
    JinjaList *list = jinja_alloc(&run->arena, sizeof *list);
    if (list == NULL || count > SIZE_MAX / sizeof *list->items - 1 ||
        (list->items = jinja_alloc(&run->arena, (count + 1) * sizeof *list->items)) == NULL) {
        return jinja_out_of_memory(run);
    }
    list->count = count;
    list->depth = 1;
    return (JinjaValue){.kind = JINJA_LIST, .list = list};
}

static uint32_t depth_of(JinjaValue value)
{
    return value.kind == JINJA_LIST ? value.list->depth : value.kind == JINJA_DICT ? value.dict->depth : 0;
}

static uint32_t deeper(JinjaRun *run, uint32_t depth, JinjaValue element)
{
    const uint32_t below = depth_of(element) + 1;
    if (below > JINJA_VALUE_DEPTH) {
        jinja_fail(run, "lists and dicts nest more than %d levels", JINJA_VALUE_DEPTH);
    }
    return below > depth ? below : depth;
}

JinjaValue jinja_list_done(JinjaRun *run, JinjaValue list)
{
    for (size_t i = 0; list.kind == JINJA_LIST && i < list.list->count; i++) {
        list.list->depth = deeper(run, list.list->depth, list.list->items[i]);
    }
    return list;
}

const JinjaValue *jinja_dict_find(const JinjaDict *dict, JinjaString key)
{
    for (size_t i = 0; i < dict->count; i++) {
        if (jinja_same(dict->entries[i].key, key)) {
            return &dict->entries[i].value;
        }
    }
    return NULL;
}

bool jinja_dict_set(JinjaRun *run, JinjaDict *dict, JinjaString key, JinjaValue value)
{
    jinja_charge(run, dict->count / 4);
    dict->depth = deeper(run, dict->depth, value);
    for (size_t i = 0; i < dict->count; i++) {
        if (jinja_same(dict->entries[i].key, key)) {
            dict->entries[i].value = value;
            return true;
        }
    }
    if (dict->count == dict->capacity) {
        size_t      capacity = dict->capacity * 2 + 4;
        JinjaEntry *entries  = jinja_alloc(&run->arena, capacity * sizeof *entries);
        if (entries == NULL) {
            jinja_out_of_memory(run);
            return false;
        }
        if (dict->count > 0) {
            memcpy(entries, dict->entries, dict->count * sizeof *entries);
        }
        dict->entries  = entries;
        dict->capacity = capacity;
    }
    dict->entries[dict->count++] = (JinjaEntry){key, value};
    return true;
}

/* list(value): the elements, the keys, the characters. */
JinjaValue jinja_sequence(JinjaRun *run, JinjaValue value)
{
    JinjaValue list;
    size_t     count = 0;
    switch (value.kind) {
    case JINJA_LIST: return value;
    case JINJA_UNDEFINED: return jinja_list(run, 0);
    case JINJA_DICT:
        list = jinja_list(run, value.dict->count);
        for (size_t i = 0; i < value.dict->count && !run->failed; i++) {
            list.list->items[i] = jinja_string(value.dict->entries[i].key.text, value.dict->entries[i].key.bytes);
        }
        return list;
    case JINJA_STRING:
        for (size_t at = 0; at < value.string.bytes; count++) {
            utf8_next(value.string.text, value.string.bytes, &at);
        }
        jinja_charge(run, count);
        list = jinja_list(run, count);
        for (size_t i = 0, at = 0; i < count && !run->failed; i++) {
            size_t from = at;
            utf8_next(value.string.text, value.string.bytes, &at);
            list.list->items[i] = jinja_string(value.string.text + from, at - from);
        }
        return list;
    default: return jinja_fail(run, "a value of type %s cannot be gone through", jinja_type(value));
    }
}

/* --- from JSON */

static JinjaValue number_from_json(JinjaRun *run, const cJSON *json)
{
    if (!json_is_integer(json)) {
        return (JinjaValue){.kind = JINJA_REAL, .real = json->valuedouble};
    }
    if (fabs(json->valuedouble) >= 9007199254740992.0) {
        return jinja_fail(run, "the number %.0f is too large", json->valuedouble);
    }
    return jinja_integer((int64_t)json->valuedouble);
}

JinjaValue jinja_from_json(JinjaRun *run, const cJSON *json)
{
    if (cJSON_IsString(json)) {
        if (utf8_check(json->valuestring, json_string_bytes(json)) < json_string_bytes(json)) {
            return jinja_fail(run, "a string that is not UTF-8");
        }
        return jinja_string(json->valuestring, json_string_bytes(json));
    }
    if (cJSON_IsNumber(json)) {
        return number_from_json(run, json);
    }
    if (cJSON_IsBool(json)) {
        return jinja_bool(cJSON_IsTrue(json));
    }
    if (cJSON_IsArray(json)) {
        JinjaValue list = jinja_list(run, (size_t)cJSON_GetArraySize(json));
        size_t     i    = 0;
        for (const cJSON *item = json->child; item != NULL && !run->failed; item = item->next) {
            list.list->items[i++] = jinja_from_json(run, item);
        }
        return jinja_list_done(run, list);
    }
    if (cJSON_IsObject(json)) {
        JinjaDict *dict = jinja_alloc(&run->arena, sizeof *dict);
        for (const cJSON *item = json->child; item != NULL && dict != NULL && !run->failed; item = item->next) {
            jinja_dict_set(run, dict, (JinjaString){item->string, strlen(item->string)}, jinja_from_json(run, item));
        }
        return dict == NULL ? jinja_out_of_memory(run) : (JinjaValue){.kind = JINJA_DICT, .dict = dict};
    }
    return jinja_none();
}

/* --- to text */

JinjaString jinja_text_of(JinjaRun *run, JinjaValue value)
{
    char digits[40];
    switch (value.kind) {
    case JINJA_UNDEFINED: return (JinjaString){"", 0};
    case JINJA_NONE: return (JinjaString){"None", 4};
    case JINJA_BOOL: return value.integer ? (JinjaString){"True", 4} : (JinjaString){"False", 5};
    case JINJA_INTEGER:
        return jinja_copy(run, digits, (size_t)snprintf(digits, sizeof digits, "%lld", (long long)value.integer));
    case JINJA_REAL: return jinja_copy(run, digits, jinja_real_text(value.real, digits));
    case JINJA_STRING: return value.string;
    default:
        jinja_fail(run, "printing a %s is not supported; use tojson", jinja_type(value));
        return (JinjaString){"", 0};
    }
}
