#include "rlsp/trace/changes.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { EXPRESSION_BYTES = 96 }; /* longer ones are passed over, so that the search stays linear */

typedef struct Stated {
    uint64_t expression, value; /* hashes; expression 0: free */
} Stated;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_operator(char c)
{
    return c == '+' || c == '-' || c == '*' || c == '/';
}

static bool is_part(char c)
{
    return is_digit(c) || is_operator(c) || c == '(' || c == ')';
}

/* The start of the expression that ends at `end`; a space belongs to it beside an operator only. `end` if there is none
 * of at most EXPRESSION_BYTES, or what stands before it is a part of it that cannot be read. */
static size_t expression_start(const char *text, size_t end)
{
    size_t at      = end;
    bool   compute = false;
    while (at > 0 && end - at <= EXPRESSION_BYTES) {
        size_t before = at;
        while (before > 0 && text[before - 1] == ' ') {
            before--;
        }
        if (before == 0 || !is_part(text[before - 1]) ||
            (before < at && at < end && !is_operator(text[before - 1]) && !is_operator(text[at]))) {
            break;
        }
        at      = before - 1;
        compute = compute || is_operator(text[at]);
    }
    bool long_one = end - at > EXPRESSION_BYTES, glued = false;
    if (at > 0 && at < end) {
        unsigned char left = (unsigned char)text[at - 1];
        glued              = left >= 0x80 || left == '.' || left == '_' || left == '\\' || left == '^' || left == '}' ||
                (left >= 'a' && left <= 'z') || (left >= 'A' && left <= 'Z');
    }
    bool begins = at < end && (is_digit(text[at]) || text[at] == '(');
    return compute && begins && !glued && !long_one ? at : end;
}

static size_t digits_end(const char *text, size_t length, size_t at)
{
    while (at < length && is_digit(text[at])) {
        at++;
    }
    return at;
}

/* Past the number at `at` ("25", "-3", "1,000", "2.5"); `at` if there is none, or more than a number. */
static size_t number_end(const char *text, size_t length, size_t at)
{
    size_t end = at;
    if (end < length && text[end] == '-') {
        end++;
    }
    if (end >= length || !is_digit(text[end])) {
        return at;
    }
    end = digits_end(text, length, end);
    while (end + 3 < length && text[end] == ',' && digits_end(text, length, end + 1) == end + 4) {
        end += 4; /* thousands */
    }
    if (end + 1 < length && text[end] == '.' && is_digit(text[end + 1])) {
        end = digits_end(text, length, end + 1);
    }
    size_t next = end;
    while (next < length && text[next] == ' ') {
        next++;
    }
    char after  = next < length ? text[next] : '\0';
    bool letter = end < length && ((text[end] >= 'a' && text[end] <= 'z') || (text[end] >= 'A' && text[end] <= 'Z'));
    return is_operator(after) || after == '^' || letter ? at : end;
}

static uint64_t hash_of(const char *text, size_t begin, size_t end, char skip)
{
    uint64_t hash = 1469598103934665603u; /* FNV-1a */
    for (size_t i = begin; i < end; i++) {
        if (text[i] != skip) {
            hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
        }
    }
    hash ^= hash >> 29;
    return hash != 0 ? hash : 1;
}

bool trace_changes(const char *text, size_t length, bool *changed, size_t *count)
{
    size_t equations = 0, size = 2, found = 0;
    for (size_t i = 0; i < length; i++) {
        equations += text[i] == '=';
    }
    while (size < 2 * equations) {
        size *= 2;
    }
    Stated *stated = calloc(size, sizeof *stated);
    for (size_t i = 0; stated != NULL && i < length; i++) {
        if (text[i] != '=') {
            continue;
        }
        size_t end = i, at = i + 1;
        while (end > 0 && text[end - 1] == ' ') {
            end--;
        }
        while (at < length && text[at] == ' ') {
            at++;
        }
        size_t start = expression_start(text, end), past = number_end(text, length, at);
        if (start == end || past == at) {
            continue;
        }
        uint64_t expression = hash_of(text, start, end, ' '), value = hash_of(text, at, past, ',');
        size_t   slot = (size_t)expression & (size - 1);
        while (stated[slot].expression != 0 && stated[slot].expression != expression) {
            slot = (slot + 1) & (size - 1);
        }
        if (stated[slot].expression != 0 && stated[slot].value != value) {
            memset(changed + at, true, past - at);
            found++;
        }
        stated[slot] = (Stated){expression, value};
    }
    bool done = stated != NULL;
    free(stated);
    if (count != NULL) {
        *count = found;
    }
    return done;
}
