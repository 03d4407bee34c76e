/* Tokens: numbers, with thousands separators, repeating decimals, powers of ten. */
#include <string.h>

#include "rlsp/math/reader.h"

/* A thousands separator at `at`: its bytes, 0 if there is none. */
static size_t separator_at(const Reader *reader, size_t at)
{
    static const char *const always[] = {"{,}", ",\\!", "\\,", "\\!", "{\\,}"};
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        if (reader_follows(reader, at, always[i])) {
            size_t n = strlen(always[i]);
            while (at + n < reader->length && reader->text[at + n] == ' ') {
                n++;
            }
            return n;
        }
    }
    return reader->commas == MATH_COMMAS_ARE_GROUPS && reader->brackets == 0 && reader_follows(reader, at, ",") ? 1 : 0;
}

/* 0.\overline{81}: "0.(81)" */
static void read_repeating(Reader *reader)
{
    static const char command[] = "\\overline{";
    size_t            at        = reader->at + sizeof command - 1;
    if (!reader_follows(reader, reader->at, command)) {
        return;
    }
    size_t n = reader_digits(reader, at);
    if (n > 0 && reader_follows(reader, at + n, "}")) {
        reader_spell(reader, "(", 1);
        reader_spell(reader, reader->text + at, n);
        reader_spell(reader, ")", 1);
        reader->at = at + n + 1;
    }
}

void reader_number(Reader *reader)
{
    MathTokens *tokens = reader->tokens;
    size_t      start = tokens->spelled_size, n = reader_digits(reader, reader->at);
    bool        point = false;
    reader_spell(reader, reader->text + reader->at, n);
    bool groups = n >= 1 && n <= 3 && reader->text[reader->at] != '0';
    reader->at += n;
    while (groups) {
        size_t separator = separator_at(reader, reader->at);
        if (separator == 0 || reader_digits(reader, reader->at + separator) != 3) {
            break;
        }
        reader_spell(reader, reader->text + reader->at + separator, 3);
        reader->at += separator + 3;
    }
    if (reader_follows(reader, reader->at, ".")) {
        point = true;
        reader_spell(reader, ".", 1);
        n = reader_digits(reader, ++reader->at);
        reader_spell(reader, reader->text + reader->at, n);
        reader->at += n;
        read_repeating(reader);
    }
    /* 1.2e3; "2e" alone is twice Euler's number */
    if (reader->at < reader->length && (reader->text[reader->at] == 'e' || reader->text[reader->at] == 'E')) {
        size_t at   = reader->at + 1;
        size_t sign = reader_follows(reader, at, "+") || reader_follows(reader, at, "-") ? 1 : 0;
        n           = reader_digits(reader, at + sign);
        if (n > 0 && (point || sign > 0 || n <= 3)) {
            reader_spell(reader, "e", 1);
            reader_spell(reader, reader->text + at, sign + n);
            reader->at = at + sign + n;
        }
    }
    reader_add(reader, TOKEN_NUMBER, 0, tokens->spelled + start, tokens->spelled_size - start);
}
