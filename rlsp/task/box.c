#include "rlsp/task/box.h"

#include <string.h>

enum { OPEN_MAX = 64 };

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

/* If \boxed{ begins at `i`: the index past its brace, else 0. */
static size_t box_opens(const char *text, size_t length, size_t i)
{
    static const char word[] = "\\boxed";
    size_t            n      = sizeof word - 1;
    if (length - i < n + 1 || memcmp(text + i, word, n) != 0) {
        return 0;
    }
    i += n;
    while (i < length && is_space(text[i])) {
        i++;
    }
    return i < length && text[i] == '{' ? i + 1 : 0;
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

bool boxes_find(const char *text, size_t length, Boxes *boxes)
{
    struct {
        size_t offset, content, depth;
    } open[OPEN_MAX]; /* a ring: entry k lies at k % OPEN_MAX */
    size_t begun = 0, oldest = 0;
    size_t depth = 0;
    *boxes       = (Boxes){.first = length, .first_end = length, .offset = length, .end = length};
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '\\') {
            size_t content = box_opens(text, length, i);
            if (content == 0) {
                i++; /* whatever is escaped: \{ \} and \\ too */
                continue;
            }
            open[begun % OPEN_MAX].offset  = i;
            open[begun % OPEN_MAX].content = content;
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
                size_t offset = open[begun % OPEN_MAX].offset;
                boxes->count++;
                if (offset < boxes->first) {
                    boxes->first     = offset;
                    boxes->first_end = i + 1;
                }
                boxes->offset         = offset;
                boxes->end            = i + 1;
                boxes->content        = open[begun % OPEN_MAX].content;
                boxes->content_length = i - boxes->content;
            }
        }
    }
    if (boxes->count == 0) {
        return false;
    }
    size_t begin = boxes->content, end = boxes->content + boxes->content_length;
    trim(text, &begin, &end);
    while (begin < end && end - begin <= BOX_CONTENT_LIMIT) {
        size_t inner = box_opens(text, end, begin);
        if (inner == 0 || closing_brace(text, inner, end) != end - 1) {
            break;
        }
        begin = inner;
        end   = end - 1;
        trim(text, &begin, &end);
    }
    boxes->content        = begin;
    boxes->content_length = end - begin;
    return true;
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
