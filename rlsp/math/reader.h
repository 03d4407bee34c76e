/* Reading tokens: the state, and pieces shared by token*.c. */
#ifndef RLSP_MATH_READER_H
#define RLSP_MATH_READER_H

#include "rlsp/math/token.h"

/* Reader: where the text is read, and what is remembered between tokens. */
typedef struct Reader {
    MathTokens *tokens;
    const char *text;
    size_t      length, at;
    MathCommas  commas;
    bool        spaced, thin, run;
    bool        style_next; /* \text was read: the next brace opens a style, not a group */
    bool        roman_next;
    size_t      depth;                  /* of braces                                */
    bool        style[MATH_DEPTH_MAX];  /* the brace of that depth is a style's       */
    bool        before[MATH_DEPTH_MAX]; /* what `roman` was before it                 */
    bool        roman;
    size_t      brackets; /* round, square and set brackets that are open */
    MathStatus  status;
} Reader;

void   reader_add(Reader *reader, uint8_t type, uint8_t id, const char *text, size_t length);
bool   reader_follows(const Reader *reader, size_t at, const char *what); /* these bytes are at `at` */
size_t reader_digits(const Reader *reader, size_t at);                    /* how many stand there    */
void   reader_spell(Reader *reader, const char *text, size_t length);     /* copies to `spelled`     */
void   reader_number(Reader *reader);                                     /* the number at reader->at */
void   reader_command(Reader *reader); /* the command whose backslash is at reader->at */

static inline bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

#endif
