#include "rlsp/math/box.h"

#include <string.h>

enum { OPEN_MAX = 64 };

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

/* If \boxed{ (or \fbox{) begins at `i`: the index past its brace, else 0. */
static size_t box_opens(const BoxRule *rule, const char *text, size_t length, size_t i)
{
    static const char *const words[] = {"\\boxed", "\\fbox"};
    for (size_t w = 0; w < 1u + rule->fbox; w++) {
        size_t n = strlen(words[w]), at = i + n;
        if (length - i < n + 1 || memcmp(text + i, words[w], n) != 0) {
            continue;
        }
        while (at < length && is_space(text[at])) {
            at++;
        }
        return at < length && text[at] == '{' ? at + 1 : 0;
    }
    return 0;
}

static void trim(const char *text, size_t *begin, size_t *end)
{
    while (*begin < *end && is_space(text[*begin])) {
        ++*begin;
    }
    while (*end > *begin && is_space(text[*end - 1])) {
        --*end;
    }
}

/* Index of the brace that closes the one before `i`, or `end`. */
static size_t closing_brace(const char *text, size_t i, size_t end)
{
    size_t depth = 1;
    for (; i < end; i++) {
        if (text[i] == '\\') {
            i++;
        } else if (text[i] == '{') {
            depth++;
        } else if (text[i] == '}' && --depth == 0) {
            return i;
        }
    }
    return end;
}

/* Where the pass is, as to what is quoted. */
typedef struct Quoting {
    bool line_begins, quoted_line, code;
} Quoting;

static void look(Quoting *quoting, char c)
{
    if (c == '\n') {
        *quoting = (Quoting){.line_begins = true};
    } else if (c == '`') {
        quoting->code        = !quoting->code;
        quoting->line_begins = false;
    } else if (!is_space(c)) {
        quoting->quoted_line = quoting->quoted_line || (quoting->line_begins && c == '>');
        quoting->line_begins = false;
    }
}

/* Whether a quotation mark opens right before `i`, past math delimiters. */
static bool behind_mark(const char *text, size_t i)
{
    while (i > 0 && text[i - 1] == '$') {
        i--;
    }
    return (i >= 1 && text[i - 1] == '"') || (i >= 3 && memcmp(text + i - 3, "\xE2\x80\x9C", 3) == 0);
}

/* Trims a content and takes boxes around all of it off. */
static void unwrap(const BoxRule *rule, const char *text, size_t *content, size_t *length)
{
    size_t begin = *content, end = *content + *length;
    trim(text, &begin, &end);
    while (begin < end && end - begin <= BOX_CONTENT_LIMIT) {
        size_t inner = box_opens(rule, text, end, begin);
        if (inner == 0 || closing_brace(text, inner, end) != end - 1) {
            break;
        }
        begin = inner;
        end   = end - 1;
        trim(text, &begin, &end);
    }
    *content = begin;
    *length  = end - begin;
}

/* One more box. */
static void found(Boxes *boxes, const char *text, size_t offset, size_t content, size_t end)
{
    size_t length = end - 1 - content;
    boxes->differ = boxes->differ ||
                    (boxes->count > 0 && offset > boxes->offset &&
                     (length != boxes->content_length || memcmp(text + content, text + boxes->content, length) != 0));
    boxes->count++;
    if (offset < boxes->first) {
        boxes->first         = offset;
        boxes->first_end     = end;
        boxes->first_content = content;
        boxes->first_length  = length;
    }
    boxes->offset         = offset;
    boxes->end            = end;
    boxes->content        = content;
    boxes->content_length = length;
}

bool boxes_find_by(const BoxRule *rule, const char *text, size_t length, Boxes *boxes)
{
    struct {
        size_t offset, content, depth;
        bool   quoted;
    } open[OPEN_MAX]; /* a ring: entry k lies at k % OPEN_MAX */
    size_t  begun = 0, oldest = 0;
    size_t  depth   = 0;
    Quoting quoting = {.line_begins = true};
    *boxes          = (Boxes){.first = length, .first_end = length, .offset = length, .end = length};
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        look(&quoting, c);
        if (c == '\\') {
            size_t content = box_opens(rule, text, length, i);
            if (content == 0) {
                i++; /* whatever is escaped: \{ \} and \\ too */
                continue;
            }
            bool quoted = rule->skip_quoted && (quoting.quoted_line || quoting.code || behind_mark(text, i));
            open[begun % OPEN_MAX].offset  = i;
            open[begun % OPEN_MAX].content = content;
            open[begun % OPEN_MAX].quoted  = quoted;
            open[begun % OPEN_MAX].depth   = depth++;
            begun++;
            if (begun - oldest > OPEN_MAX) {
                oldest = begun - OPEN_MAX;
            }
            i = content - 1;
        } else if (c == '{') {
            depth++;
        } else if (c == '}' && depth > 0) {
            depth--;
            if (begun > oldest && open[(begun - 1) % OPEN_MAX].depth == depth) {
                begun--;
                if (!open[begun % OPEN_MAX].quoted) {
                    found(boxes, text, open[begun % OPEN_MAX].offset, open[begun % OPEN_MAX].content, i + 1);
                }
            }
        }
    }
    if (boxes->count == 0) {
        return false;
    }
    unwrap(rule, text, &boxes->content, &boxes->content_length);
    unwrap(rule, text, &boxes->first_content, &boxes->first_length);
    return true;
}

bool boxes_find(const char *text, size_t length, Boxes *boxes)
{
    static const BoxRule plain = {false, false};
    return boxes_find_by(&plain, text, length, boxes);
}

bool boxes_find_first_shallow(const char *text, size_t length, size_t *offset, size_t *content, size_t *content_length)
{
    static const char word[] = "\\boxed{";
    size_t            n      = sizeof word - 1;
    /* A content ends at the first unpaired brace, which is where the next box
     * could begin at the earliest, so no byte is read more than a few times. */
    for (size_t i = 0; i + n < length; i++) {
        if (text[i] != '\\' || memcmp(text + i, word, n) != 0) {
            continue;
        }
        bool inside = false;
        for (size_t j = i + n; j < length; j++) {
            if (text[j] == '{') {
                if (inside) {
                    break;
                }
                inside = true;
            } else if (text[j] == '}') {
                if (!inside) {
                    *offset         = i;
                    *content        = i + n;
                    *content_length = j - i - n;
                    return true;
                }
                inside = false;
            }
        }
    }
    return false;
}
