/* Methods of Python's strings and dicts, and what filters share with them. */
#include <stdlib.h>
#include <string.h>

#include "engine/text/jinja_parts.h"
#include "engine/utf8.h"

typedef enum Method {
    SPLIT,
    RSPLIT,
    STRIP,
    LSTRIP,
    RSTRIP,
    STARTSWITH,
    ENDSWITH,
    REPLACE,
    UPPER,
    LOWER,
    CAPITALIZE,
    TITLE,
    JOIN,
    FIND,
    COUNT,
    GET,
    ITEMS,
    KEYS,
    VALUES,
    METHODS
} Method;

static const char *const method_names[METHODS] = {
    "split",      "rsplit", "strip", "lstrip", "rstrip", "startswith", "endswith", "replace", "upper", "lower",
    "capitalize", "title",  "join",  "find",   "count",  "get",        "items",    "keys",    "values"};

/* What else Python's types have: a template that asks for one must not find it undefined. */
static const char *const other_of_string[] = {
    "casefold", "center",  "encode",    "expandtabs", "format",       "format_map", "index",        "isalnum",
    "isalpha",  "isascii", "isdecimal", "isdigit",    "isidentifier", "islower",    "isnumeric",    "isprintable",
    "isspace",  "istitle", "isupper",   "ljust",      "maketrans",    "partition",  "removeprefix", "removesuffix",
    "rfind",    "rindex",  "rjust",     "rpartition", "splitlines",   "swapcase",   "translate",    "zfill"};
static const char *const other_of_dict[] = {"clear", "copy", "fromkeys", "pop", "popitem", "setdefault", "update"};
static const char *const other_of_list[] = {"append", "clear", "copy",   "count",   "extend", "index",
                                            "insert", "pop",   "remove", "reverse", "sort"};

static bool among(const char *const *names, size_t count, JinjaString name)
{
    for (size_t i = 0; i < count; i++) {
        if (jinja_is(name, names[i])) {
            return true;
        }
    }
    return false;
}
#define AMONG(names, name) among(names, sizeof(names) / sizeof *(names), name)

int jinja_method_index(JinjaKind kind, JinjaString name)
{
    const size_t from = kind == JINJA_DICT ? GET : 0, to = kind == JINJA_DICT     ? METHODS
                                                           : kind == JINJA_STRING ? GET
                                                                                  : 0;
    for (size_t i = from; i < to; i++) {
        if (jinja_is(name, method_names[i])) {
            return (int)i;
        }
    }
    const bool other = kind == JINJA_STRING ? AMONG(other_of_string, name)
                       : kind == JINJA_DICT ? AMONG(other_of_dict, name)
                       : kind == JINJA_LIST ? AMONG(other_of_list, name)
                                            : false;
    return other ? -2 : -1;
}

/* --- strings */

bool jinja_is_space(uint32_t point)
{
    return (point >= 0x09 && point <= 0x0D) || (point >= 0x1C && point <= 0x20) || point == 0x85 || point == 0xA0 ||
           point == 0x1680 || (point >= 0x2000 && point <= 0x200A) || point == 0x2028 || point == 0x2029 ||
           point == 0x202F || point == 0x205F || point == 0x3000;
}

static bool has(JinjaString chars, uint32_t point)
{
    for (size_t at = 0; at < chars.bytes;) {
        if (utf8_next(chars.text, chars.bytes, &at) == point) {
            return true;
        }
    }
    return false;
}

JinjaString jinja_strip(JinjaString string, const JinjaString *chars, bool left, bool right)
{
    size_t begin = 0, end = string.bytes;
    while (left && begin < end) {
        size_t         next  = begin;
        const uint32_t point = utf8_next(string.text, end, &next);
        if (!(chars != NULL ? has(*chars, point) : jinja_is_space(point))) {
            break;
        }
        begin = next;
    }
    while (right && end > begin) {
        size_t         before = end;
        const uint32_t point  = utf8_previous(string.text, &before);
        if (!(chars != NULL ? has(*chars, point) : jinja_is_space(point))) {
            break;
        }
        end = before;
    }
    return (JinjaString){string.text + begin, end - begin};
}

JinjaValue jinja_change_case(JinjaRun *run, JinjaString string, int how)
{
    const JinjaString copy  = jinja_copy(run, string.text, string.bytes);
    char             *out   = (char *)copy.text;
    bool              start = true;
    for (size_t i = 0; i < copy.bytes && !run->failed; i++) {
        const unsigned char c     = (unsigned char)out[i];
        const bool          lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z';
        const bool          raise = how == 0 || (how >= 2 && start);
        if (c >= 0x80) {
            return jinja_fail(run, "changing the case of letters beyond ASCII is not supported");
        }
        out[i] = (char)(lower && raise ? c - 'a' + 'A' : upper && !raise ? c - 'A' + 'a' : c);
        start  = how == 3 && !lower && !upper;
    }
    return jinja_string(copy.text, copy.bytes);
}

/* The next place of `part` in `string` from `at` on; SIZE_MAX: none. `part` is not empty. */
static size_t next_place(JinjaString string, JinjaString part, size_t at)
{
    while (at + part.bytes <= string.bytes) {
        const char *hit = memchr(string.text + at, part.text[0], string.bytes - part.bytes - at + 1);
        if (hit == NULL) {
            break;
        }
        at = (size_t)(hit - string.text);
        if (memcmp(hit, part.text, part.bytes) == 0) {
            return at;
        }
        at++;
    }
    return SIZE_MAX;
}

JinjaValue jinja_replace(JinjaRun *run, JinjaString string, JinjaString from, JinjaString to, int64_t most)
{
    JinjaText text = {0};
    size_t    done = 0;
    if (from.bytes == 0) {
        return jinja_fail(run, "replacing an empty string is not supported");
    }
    jinja_charge(run, string.bytes / 16);
    for (size_t at; !run->failed && most != 0 && (at = next_place(string, from, done)) != SIZE_MAX; most--) {
        jinja_text_add(run, &text, (JinjaString){string.text + done, at - done});
        jinja_text_add(run, &text, to);
        done = at + from.bytes;
    }
    jinja_text_add(run, &text, (JinjaString){string.text + done, string.bytes - done});
    const JinjaString copy =
        run->failed ? (JinjaString){"", 0} : jinja_copy(run, text.bytes > 0 ? text.text : "", text.bytes);
    run->memory += text.capacity;
    free(text.text);
    return jinja_string(copy.text, copy.bytes);
}

/* Places at which `part` stands, without overlap; written into places[], if that is given. */
static size_t all_places(JinjaString string, JinjaString part, size_t *places)
{
    size_t count = 0;
    for (size_t at = next_place(string, part, 0); at != SIZE_MAX; at = next_place(string, part, at + part.bytes)) {
        if (places != NULL) {
            places[count] = at;
        }
        count++;
    }
    return count;
}

/* split(): at any white space, no empty parts. */
static JinjaValue split_space(JinjaRun *run, JinjaString string)
{
    JinjaValue list = {.kind = JINJA_NONE};
    for (int pass = 0; pass < 2 && !run->failed; pass++) { /* count, then fill */
        size_t count = 0, at = 0, from = 0;
        bool   inside = false;
        while (at <= string.bytes) {
            size_t     next  = at;
            const bool space = at == string.bytes || jinja_is_space(utf8_next(string.text, string.bytes, &next));
            if (space && inside) {
                if (pass == 1) {
                    list.list->items[count] = jinja_string(string.text + from, at - from);
                }
                count++;
            }
            from   = !space && !inside ? at : from;
            inside = !space;
            at     = at == string.bytes ? at + 1 : next;
        }
        if (pass == 0) {
            list = jinja_list(run, count);
        }
    }
    return list;
}

static JinjaValue split(JinjaRun *run, JinjaString string, const JinjaArguments *arguments, bool from_right)
{
    bool             given, limited;
    const JinjaValue sep  = jinja_argument(arguments, 0, "sep", &given),
                     most = jinja_argument(arguments, 1, "maxsplit", &limited);
    int64_t limit         = -1;
    jinja_charge(run, string.bytes / 16);
    if (limited && !jinja_whole(most, &limit)) {
        return jinja_fail(run, "split: maxsplit is a number");
    }
    if (!given || sep.kind == JINJA_NONE) {
        return limit < 0 ? split_space(run, string)
                         : jinja_fail(run, "split at white space with maxsplit is not supported");
    }
    if (sep.kind != JINJA_STRING || sep.string.bytes == 0) {
        return jinja_fail(run, "split wants a string that is not empty");
    }
    size_t  count  = all_places(string, sep.string, NULL);
    size_t *places = jinja_alloc(&run->arena, (count + 1) * sizeof *places);
    if (places == NULL) {
        return jinja_out_of_memory(run);
    }
    all_places(string, sep.string, places);
    if (limit >= 0 && (uint64_t)limit < count) {
        if (from_right) {
            return jinja_fail(run, "rsplit with maxsplit is not supported");
        }
        count = (size_t)limit;
    }
    JinjaValue list = jinja_list(run, count + 1);
    size_t     from = 0;
    for (size_t i = 0; i <= count && !run->failed; i++) {
        const size_t to     = i < count ? places[i] : string.bytes;
        list.list->items[i] = jinja_string(string.text + from, to - from);
        from                = to + sep.string.bytes;
    }
    return list;
}

/* startswith and endswith: one string, or any of a list. */
static JinjaValue begins_or_ends(JinjaRun *run, JinjaString string, const JinjaArguments *arguments, bool begins)
{
    const JinjaValue what  = arguments->values[0];
    const size_t     count = what.kind == JINJA_LIST ? what.list->count : 1;
    bool             found = false;
    for (size_t i = 0; i < count; i++) {
        const JinjaValue part = what.kind == JINJA_LIST ? what.list->items[i] : what;
        if (part.kind != JINJA_STRING) {
            return jinja_fail(run, "%s wants a string, found %s", begins ? "startswith" : "endswith", jinja_type(part));
        }
        const size_t bytes = part.string.bytes;
        found = found || (bytes <= string.bytes && memcmp(begins ? string.text : string.text + string.bytes - bytes,
                                                          part.string.text, bytes) == 0);
    }
    return jinja_bool(found);
}

static JinjaValue join(JinjaRun *run, JinjaString between, JinjaValue value)
{
    JinjaText  text = {0};
    JinjaValue list = jinja_sequence(run, value);
    for (size_t i = 0; !run->failed && i < list.list->count; i++) {
        if (list.list->items[i].kind != JINJA_STRING) {
            jinja_fail(run, "join wants strings, found %s", jinja_type(list.list->items[i]));
            break;
        }
        jinja_text_add(run, &text, i > 0 ? between : (JinjaString){"", 0});
        jinja_text_add(run, &text, list.list->items[i].string);
    }
    const JinjaString copy =
        run->failed ? (JinjaString){"", 0} : jinja_copy(run, text.bytes > 0 ? text.text : "", text.bytes);
    run->memory += text.capacity;
    free(text.text);
    return jinja_string(copy.text, copy.bytes);
}

static JinjaValue find_or_count(JinjaRun *run, JinjaString string, JinjaValue what, bool find)
{
    if (what.kind != JINJA_STRING || what.string.bytes == 0) {
        return jinja_fail(run, "find and count want a string that is not empty");
    }
    jinja_charge(run, string.bytes / 16);
    if (!find) {
        return jinja_integer((int64_t)all_places(string, what.string, NULL));
    }
    const size_t at    = next_place(string, what.string, 0);
    int64_t      place = 0; /* in characters */
    for (size_t i = 0; i < at && at != SIZE_MAX; i++) {
        place += ((unsigned char)string.text[i] & 0xC0) != 0x80;
    }
    return jinja_integer(at == SIZE_MAX ? -1 : place);
}

static JinjaValue string_method(JinjaRun *run, Method index, JinjaString string, const JinjaArguments *arguments)
{
    bool             given;
    int64_t          most  = -1;
    const JinjaValue first = jinja_argument(arguments, 0, NULL, &given);
    switch (index) {
    case SPLIT:
    case RSPLIT: return split(run, string, arguments, index == RSPLIT);
    case STRIP:
    case LSTRIP:
    case RSTRIP: {
        if (given && first.kind != JINJA_STRING && first.kind != JINJA_NONE) {
            return jinja_fail(run, "strip wants a string, found %s", jinja_type(first));
        }
        const bool        chars = first.kind == JINJA_STRING;
        const JinjaString bare  = jinja_strip(string, chars ? &first.string : NULL, index != RSTRIP, index != LSTRIP);
        jinja_charge(run, chars ? (string.bytes - bare.bytes) * (first.string.bytes + 1) / 16 : 0);
        return jinja_string(bare.text, bare.bytes);
    }
    case STARTSWITH:
    case ENDSWITH: return begins_or_ends(run, string, arguments, index == STARTSWITH);
    case REPLACE: {
        const JinjaValue to = arguments->values[1];
        if (first.kind != JINJA_STRING || to.kind != JINJA_STRING ||
            (arguments->count == 3 && !jinja_whole(arguments->values[2], &most))) {
            return jinja_fail(run, "replace wants two strings and perhaps a number");
        }
        return jinja_replace(run, string, first.string, to.string, most);
    }
    case UPPER:
    case LOWER:
    case CAPITALIZE:
    case TITLE: return jinja_change_case(run, string, (int)index - UPPER);
    case JOIN: return join(run, string, first);
    default: return find_or_count(run, string, first, index == FIND);
    }
}

/* --- dicts */

static JinjaValue dict_method(JinjaRun *run, Method index, JinjaValue self, const JinjaArguments *arguments)
{
    if (index == GET) {
        bool              given;
        const JinjaValue  key = arguments->values[0], other = jinja_argument(arguments, 1, "default", &given);
        const JinjaValue *found = key.kind == JINJA_STRING ? jinja_dict_find(self.dict, key.string) : NULL;
        jinja_charge(run, self.dict->count / 4);
        return found != NULL ? *found : other;
    }
    if (index == KEYS) {
        return jinja_sequence(run, self);
    }
    jinja_charge(run, self.dict->count);
    JinjaValue list = jinja_list(run, self.dict->count);
    for (size_t i = 0; i < self.dict->count && !run->failed; i++) {
        const JinjaEntry *entry = &self.dict->entries[i];
        JinjaValue        item  = entry->value;
        if (index == ITEMS) {
            item = jinja_list(run, 2);
            if (!run->failed) {
                item.list->items[0] = jinja_string(entry->key.text, entry->key.bytes);
                item.list->items[1] = entry->value;
                item                = jinja_list_done(run, item);
            }
        }
        if (!run->failed) {
            list.list->items[i] = item;
        }
    }
    return run->failed ? list : jinja_list_done(run, list);
}

JinjaValue jinja_method(JinjaRun *run, int index, JinjaValue self, const JinjaArguments *arguments)
{
    static const struct {
        size_t      least, most;
        const char *names;
    } takes[METHODS] = {[SPLIT]      = {0, 2, "sep,maxsplit"},
                        [RSPLIT]     = {0, 2, "sep,maxsplit"},
                        [STRIP]      = {0, 1, ""},
                        [LSTRIP]     = {0, 1, ""},
                        [RSTRIP]     = {0, 1, ""},
                        [STARTSWITH] = {1, 1, ""},
                        [ENDSWITH]   = {1, 1, ""},
                        [REPLACE]    = {2, 3, ""},
                        [UPPER]      = {0, 0, ""},
                        [LOWER]      = {0, 0, ""},
                        [CAPITALIZE] = {0, 0, ""},
                        [TITLE]      = {0, 0, ""},
                        [JOIN]       = {1, 1, ""},
                        [FIND]       = {1, 1, ""},
                        [COUNT]      = {1, 1, ""},
                        [GET]        = {1, 2, ""},
                        [ITEMS]      = {0, 0, ""},
                        [KEYS]       = {0, 0, ""},
                        [VALUES]     = {0, 0, ""}};
    if (!jinja_arguments_check(run, arguments, method_names[index], takes[index].least, takes[index].most,
                               takes[index].names)) {
        return self;
    }
    return index < GET ? string_method(run, (Method)index, self.string, arguments)
                       : dict_method(run, (Method)index, self, arguments);
}
