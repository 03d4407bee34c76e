/* Tokens of what begins with a backslash. */
#include <string.h>

#include "rlsp/math/reader.h"
#include "rlsp/math/words.h"

/* {pmatrix} after \begin: the name; false: none there. */
static bool read_environment(Reader *reader, uint8_t type)
{
    size_t at = reader->at;
    while (at < reader->length && is_space(reader->text[at])) {
        at++;
    }
    if (!reader_follows(reader, at, "{")) {
        return false;
    }
    size_t start = ++at;
    while (at < reader->length && (is_letter(reader->text[at]) || reader->text[at] == '*')) {
        at++;
    }
    if (!reader_follows(reader, at, "}")) {
        return false;
    }
    reader_add(reader, type, 0, reader->text + start, at - start);
    reader->at = at + 1;
    return true;
}

static void read_command_word(Reader *reader, const char *name, size_t n)
{
    const MathWord *word = math_command(name, n);
    if (n == 5 && memcmp(name, "begin", 5) == 0 && read_environment(reader, TOKEN_BEGIN)) {
        return;
    }
    if (n == 3 && memcmp(name, "end", 3) == 0 && read_environment(reader, TOKEN_END_ENVIRONMENT)) {
        return;
    }
    if (word == NULL || word->type == TOKEN_UNKNOWN) {
        reader_add(reader, TOKEN_UNKNOWN, 0, name - 1, n + 1);
        return;
    }
    switch (word->type) {
    case WORD_NOTHING: break;
    case WORD_DELIMITER:
        if (reader_follows(reader, reader->at, ".")) {
            reader->at++;
        }
        break;
    case WORD_SPACE: reader->spaced = true; break;
    case WORD_STYLE:
    case WORD_ROMAN:
        reader->style_next = true;
        reader->roman_next = word->type == WORD_ROMAN || reader->roman;
        break;
    case WORD_BLACKBOARD: {
        size_t brace = reader_follows(reader, reader->at, "{") ? 1 : 0;
        size_t at    = reader->at + brace;
        if (at < reader->length && is_letter(reader->text[at]) && (brace == 0 || reader_follows(reader, at + 1, "}"))) {
            reader_add(reader, TOKEN_NUMBER_SET, 0, reader->text + at, 1);
            reader->at = at + 1 + brace;
        } else {
            reader_add(reader, TOKEN_UNKNOWN, 0, name - 1, n + 1);
        }
        break;
    }
    default: reader_add(reader, word->type, word->id, name, n); break;
    }
}

/* \\[2pt] */
static void skip_row_gap(Reader *reader)
{
    size_t at = reader->at;
    if (!reader_follows(reader, at, "[") || reader_digits(reader, at + 1) == 0) {
        return;
    }
    at += 1 + reader_digits(reader, at + 1);
    if ((reader_follows(reader, at, "pt]") || reader_follows(reader, at, "em]") || reader_follows(reader, at, "ex]") ||
         reader_follows(reader, at, "mm]"))) {
        reader->at = at + 3;
    }
}

void reader_command(Reader *reader)
{
    const char *name = reader->text + reader->at + 1;
    size_t      left = reader->length - reader->at - 1;
    if (left == 0) {
        reader_add(reader, TOKEN_UNKNOWN, 0, name - 1, 1);
        reader->at++;
        return;
    }
    size_t n = 0;
    while (n < left && is_letter(name[n])) {
        n++;
    }
    if (n > 0) {
        reader->at += 1 + n;
        read_command_word(reader, name, n);
        return;
    }
    reader->at += 2;
    switch (name[0]) {
    case ',':
    case '!': reader->thin = true; break;
    case ';':
    case ':':
    case '>':
    case ' ':
    case '\n':
    case '\t': reader->spaced = true; break;
    case '(':
    case ')':
    case '[':
    case ']':
    case '/': break;
    case '\\':
        reader_add(reader, TOKEN_ROW, 0, name - 1, 2);
        skip_row_gap(reader);
        break;
    case '{': reader_add(reader, TOKEN_OPEN_SET, 0, name, 1); break;
    case '}': reader_add(reader, TOKEN_CLOSE_SET, 0, name, 1); break;
    case '$': reader_add(reader, TOKEN_MONEY, 0, name, 1); break;
    case '%': reader_add(reader, TOKEN_PERCENT, 0, name, 1); break;
    case '&': reader_add(reader, TOKEN_AND, 0, name, 1); break;
    case '_': reader_add(reader, TOKEN_SUBSCRIPT, 0, name, 1); break;
    case '|': reader_add(reader, TOKEN_BAR, 0, name, 1); break;
    default: reader_add(reader, TOKEN_UNKNOWN, 0, name - 1, 2); break;
    }
}
