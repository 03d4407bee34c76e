#include <string.h>

#include "rlsp/trace/trace.h"

typedef struct Phrase {
    const char *text; /* lower case, begins with a letter; ' stands for the typographic apostrophe too */
    TraceWords  words;
} Phrase;

/* PAPER.md section 7 and what such traces say. Words alone: no evidence. */
static const Phrase phrases[] = {
    {"wait", TRACE_WORDS_BACKTRACK},
    {"go back", TRACE_WORDS_BACKTRACK},
    {"going back", TRACE_WORDS_BACKTRACK},
    {"backtrack", TRACE_WORDS_BACKTRACK},
    {"start over", TRACE_WORDS_BACKTRACK},
    {"start again", TRACE_WORDS_BACKTRACK},
    {"that doesn't work", TRACE_WORDS_BACKTRACK},
    {"that does not work", TRACE_WORDS_BACKTRACK},
    {"this doesn't work", TRACE_WORDS_BACKTRACK},
    {"this does not work", TRACE_WORDS_BACKTRACK},
    {"dead end", TRACE_WORDS_BACKTRACK},

    {"let's check", TRACE_WORDS_VERIFICATION},
    {"let us check", TRACE_WORDS_VERIFICATION},
    {"let me check", TRACE_WORDS_VERIFICATION},
    {"check:", TRACE_WORDS_VERIFICATION},
    {"double-check", TRACE_WORDS_VERIFICATION},
    {"double check", TRACE_WORDS_VERIFICATION},
    {"to check", TRACE_WORDS_VERIFICATION},
    {"verify", TRACE_WORDS_VERIFICATION},
    {"verifying", TRACE_WORDS_VERIFICATION},
    {"plug back in", TRACE_WORDS_VERIFICATION},
    {"plugging back in", TRACE_WORDS_VERIFICATION},
    {"substitute back", TRACE_WORDS_VERIFICATION},
    {"substituting back", TRACE_WORDS_VERIFICATION},
    {"does this make sense", TRACE_WORDS_VERIFICATION},

    {"alternatively", TRACE_WORDS_ALTERNATIVE},
    {"another way", TRACE_WORDS_ALTERNATIVE},
    {"another approach", TRACE_WORDS_ALTERNATIVE},
    {"another method", TRACE_WORDS_ALTERNATIVE},
    {"different approach", TRACE_WORDS_ALTERNATIVE},
    {"different way", TRACE_WORDS_ALTERNATIVE},
    {"different method", TRACE_WORDS_ALTERNATIVE},
    {"try instead", TRACE_WORDS_ALTERNATIVE},
    {"let's try", TRACE_WORDS_ALTERNATIVE},
    {"let me try", TRACE_WORDS_ALTERNATIVE},
    {"what if", TRACE_WORDS_ALTERNATIVE},

    {"made a mistake", TRACE_WORDS_SELF_CORRECTION},
    {"made an error", TRACE_WORDS_SELF_CORRECTION},
    {"made another mistake", TRACE_WORDS_SELF_CORRECTION},
    {"my mistake", TRACE_WORDS_SELF_CORRECTION},
    {"is not correct", TRACE_WORDS_SELF_CORRECTION},
    {"isn't correct", TRACE_WORDS_SELF_CORRECTION},
    {"is incorrect", TRACE_WORDS_SELF_CORRECTION},
    {"that's not right", TRACE_WORDS_SELF_CORRECTION},
    {"that is not right", TRACE_WORDS_SELF_CORRECTION},
    {"that's wrong", TRACE_WORDS_SELF_CORRECTION},
    {"that is wrong", TRACE_WORDS_SELF_CORRECTION},
    {"let's correct", TRACE_WORDS_SELF_CORRECTION},
    {"let me correct", TRACE_WORDS_SELF_CORRECTION},
    {"correction", TRACE_WORDS_SELF_CORRECTION},

    {"first,", TRACE_WORDS_SUBGOAL},
    {"first step", TRACE_WORDS_SUBGOAL},
    {"next step", TRACE_WORDS_SUBGOAL},
    {"step 1", TRACE_WORDS_SUBGOAL},
    {"step 2", TRACE_WORDS_SUBGOAL},
    {"step 3", TRACE_WORDS_SUBGOAL},
    {"step 4", TRACE_WORDS_SUBGOAL},
    {"step 5", TRACE_WORDS_SUBGOAL},
    {"we need to find", TRACE_WORDS_SUBGOAL},
    {"i need to find", TRACE_WORDS_SUBGOAL},
    {"let's first", TRACE_WORDS_SUBGOAL},
    {"let me first", TRACE_WORDS_SUBGOAL},
    {"it remains to", TRACE_WORDS_SUBGOAL},
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Part of a word; bytes beyond ASCII belong to letters of other alphabets. */
static bool is_word(char c)
{
    char small = lower(c);
    return (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

/* Bytes of text that match the phrase at its start; 0: no match. */
static size_t phrase_length(const Phrase *phrase, const char *text, size_t length)
{
    static const char apostrophe[] = "\xE2\x80\x99"; /* U+2019 */
    size_t            i            = 0;
    for (const char *p = phrase->text; *p != '\0'; p++) {
        if (i < length && lower(text[i]) == *p) {
            i++;
        } else if (*p == '\'' && length - i >= 3 && memcmp(text + i, apostrophe, 3) == 0) {
            i += 3;
        } else {
            return 0;
        }
    }
    return i < length && is_word(text[i]) && is_word(text[i - 1]) ? 0 : i;
}

void trace_words(const char *text, size_t length, uint32_t counts[TRACE_WORDS_COUNT], TraceSpans *spans)
{
    memset(counts, 0, TRACE_WORDS_COUNT * sizeof *counts);
    for (size_t i = 0; i < length;) {
        size_t        longest = 0;
        const Phrase *found   = NULL;
        bool          inside  = i > 0 && is_word(text[i - 1]);
        char          start   = lower(text[i]);
        for (size_t p = 0; !inside && start >= 'a' && p < sizeof phrases / sizeof phrases[0]; p++) {
            if (start != phrases[p].text[0]) {
                continue;
            }
            size_t matched = phrase_length(&phrases[p], text + i, length - i);
            if (matched > longest) {
                longest = matched;
                found   = &phrases[p];
            }
        }
        if (found == NULL) {
            i++;
            continue;
        }
        counts[found->words]++;
        trace_span_add(spans, i, longest, (TraceSpanKind)(TRACE_SPAN_WORDS_BACKTRACK + (int)found->words));
        i += longest;
    }
}
