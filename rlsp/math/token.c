#include "rlsp/math/token.h"

#include <string.h>

#include "rlsp/math/reader.h"
#include "rlsp/math/units.h"
#include "rlsp/math/words.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool math_token_is(const MathToken *token, const char *text)
{
    return strlen(text) == token->length && memcmp(token->text, text, token->length) == 0;
}

void reader_add(Reader *reader, uint8_t type, uint8_t id, const char *text, size_t length)
{
    MathTokens *tokens = reader->tokens;
    if (tokens->count == MATH_TOKENS_MAX) {
        reader->status = MATH_LIMIT;
        return;
    }
    tokens->list[tokens->count++] = (MathToken){.type   = type,
                                                .id     = id,
                                                .spaced = reader->spaced,
                                                .thin   = reader->thin,
                                                .roman  = reader->roman,
                                                .run    = reader->run,
                                                .text   = text,
                                                .length = (uint32_t)length};
    reader->spaced = reader->thin = reader->run = false;
    if (type == TOKEN_OPEN || type == TOKEN_OPEN_SQUARE || type == TOKEN_OPEN_SET) {
        reader->brackets++;
    } else if ((type == TOKEN_CLOSE || type == TOKEN_CLOSE_SQUARE || type == TOKEN_CLOSE_SET) && reader->brackets > 0) {
        reader->brackets--;
    }
}

static const MathToken *last(const Reader *reader)
{
    return reader->tokens->count > 0 ? &reader->tokens->list[reader->tokens->count - 1] : NULL;
}

bool reader_follows(const Reader *reader, size_t at, const char *what)
{
    size_t n = strlen(what);
    return at <= reader->length && reader->length - at >= n && memcmp(reader->text + at, what, n) == 0;
}

/* Digits at `at`: how many. */
size_t reader_digits(const Reader *reader, size_t at)
{
    size_t n = 0;
    while (at + n < reader->length && is_digit(reader->text[at + n])) {
        n++;
    }
    return n;
}

/* Copies to `spelled`, which is as large as any text. */
void reader_spell(Reader *reader, const char *text, size_t length)
{
    MathTokens *tokens = reader->tokens;
    if (length > sizeof tokens->spelled - tokens->spelled_size) {
        reader->status = MATH_LIMIT;
        return;
    }
    memcpy(tokens->spelled + tokens->spelled_size, text, length);
    tokens->spelled_size += length;
}

/* Whether a unit may follow the last token without being roman: "5 cm", "(2) ft" but not "ab". */
static bool after_value(const Reader *reader)
{
    const MathToken *token = last(reader);
    if (token == NULL) {
        return false;
    }
    switch (token->type) {
    case TOKEN_NUMBER:
    case TOKEN_CLOSE:
    case TOKEN_CLOSE_BRACE:
    case TOKEN_WORD:
    case TOKEN_PI:
    case TOKEN_DIVIDE: return true;
    default: return false;
    }
}

static void read_letters(Reader *reader)
{
    const char *text = reader->text + reader->at;
    size_t      n    = 0;
    while (reader->at + n < reader->length && is_letter(text[n])) {
        n++;
    }
    reader->at += n;
    const MathWord *word = n > 1 ? math_plain_word(text, n) : NULL;
    if (word != NULL) {
        reader_add(reader, word->type, word->id, text, n);
    } else if (n > 1 && (reader->roman || (after_value(reader) && math_unit_known(text, n)))) {
        reader_add(reader, TOKEN_WORD, 0, text, n);
    } else {
        for (size_t i = 0; i < n; i++) {
            uint8_t type = text[i] == 'i' ? TOKEN_IMAGINARY : text[i] == 'e' ? TOKEN_EULER : TOKEN_LETTER;
            reader->run  = i > 0;
            reader_add(reader, type, 0, text + i, 1);
        }
        reader->run = false;
    }
}

static void open_brace(Reader *reader)
{
    reader->at++;
    if (reader->depth == MATH_DEPTH_MAX) {
        reader->status = MATH_LIMIT;
        return;
    }
    reader->style[reader->depth]    = reader->style_next;
    reader->before[reader->depth++] = reader->roman;
    if (reader->style_next) {
        reader->roman = reader->roman_next;
    } else {
        reader_add(reader, TOKEN_OPEN_BRACE, 0, "{", 1);
    }
    reader->style_next = false;
}

static void close_brace(Reader *reader)
{
    reader->at++;
    if (reader->depth == 0) {
        reader_add(reader, TOKEN_UNKNOWN, 0, "}", 1);
        return;
    }
    reader->roman = reader->before[--reader->depth];
    if (!reader->style[reader->depth]) {
        reader_add(reader, TOKEN_CLOSE_BRACE, 0, "}", 1);
    }
}

/* A sign, a superscript, or a byte that is nothing known. */
static void read_sign(Reader *reader)
{
    const char     *text = reader->text + reader->at;
    size_t          n = 1, left = reader->length - reader->at;
    const MathWord *sign  = math_sign(text, left, &n);
    const char     *digit = sign == NULL ? math_superscript(text, left, &n) : NULL;
    reader->at += n;
    if (digit != NULL) {
        size_t start = reader->tokens->spelled_size;
        reader_add(reader, TOKEN_CARET, 0, "^", 1);
        reader_spell(reader, digit, 1);
        while ((digit = math_superscript(reader->text + reader->at, reader->length - reader->at, &n)) != NULL) {
            reader_spell(reader, digit, 1);
            reader->at += n;
        }
        reader_add(reader, TOKEN_NUMBER, 0, reader->tokens->spelled + start, reader->tokens->spelled_size - start);
    } else if (sign == NULL) {
        reader_add(reader, TOKEN_UNKNOWN, 0, text, 1);
    } else if (sign->type == WORD_SPACE) {
        reader->spaced = true;
    } else if (sign->type == TOKEN_LETTER) {
        const char *name = sign->id == 'a' ? "alpha" : sign->id == 'b' ? "beta" : sign->id == 't' ? "theta" : "lambda";
        reader_add(reader, TOKEN_LETTER, 0, name, strlen(name));
    } else {
        reader_add(reader, sign->type, sign->id, sign->type == TOKEN_NUMBER_SET ? "R" : text,
                   sign->type == TOKEN_NUMBER_SET ? 1 : n);
    }
}

/* \overline{3}, as behind a decimal point */
static bool repeats(const Reader *reader, size_t at)
{
    static const char command[] = "\\overline{";
    return reader_follows(reader, at, command) && reader_digits(reader, at + sizeof command - 1) > 0;
}

static void read_token(Reader *reader)
{
    char c = reader->text[reader->at];
    if (is_space(c) || c == '~') {
        reader->spaced = true;
        reader->at++;
        return;
    }
    if (c == '{') {
        if (reader_follows(reader, reader->at, "{,}")) { /* a comma that TeX sets without a space */
            reader_add(reader, TOKEN_COMMA, 0, ",", 1);
            reader->at += 3;
            return;
        }
        open_brace(reader);
        return;
    }
    reader->style_next = false;
    if (c == '\\') {
        reader_command(reader);
    } else if (c == '}') {
        close_brace(reader);
    } else if (is_digit(c) ||
               (c == '.' && (reader_digits(reader, reader->at + 1) > 0 || repeats(reader, reader->at + 1)))) {
        reader_number(reader);
    } else if (is_letter(c)) {
        read_letters(reader);
    } else if (c == '$') {
        reader->at++;
    } else {
        read_sign(reader);
    }
}

/* Takes white space, markdown's stars and quotation marks off both ends, and a final mark. */
static void trim(const char **text, size_t *length)
{
    const char *begin = *text, *end = *text + *length;
    while (begin < end && is_space(*begin)) {
        begin++;
    }
    while (end > begin && (is_space(end[-1]) || strchr(".,;:", end[-1]) != NULL) && end[-1] != '\0') {
        if (end - begin >= 2 && end[-2] == '\\') {
            break; /* "\," and the like are commands */
        }
        end--;
    }
    while (end - begin >= 4 && memcmp(begin, "**", 2) == 0 && memcmp(end - 2, "**", 2) == 0) {
        begin += 2;
        end -= 2;
    }
    *text   = begin;
    *length = (size_t)(end - begin);
}

/* "$5": one delimiter alone before a digit stands for money. */
static bool is_money(const char *text, size_t length)
{
    size_t dollars = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\\') {
            i++;
        } else if (text[i] == '$') {
            dollars++;
        }
    }
    return dollars == 1 && length > 1 && (text[0] == '$' || (text[0] == '-' && text[1] == '$'));
}

MathStatus math_tokens_read(MathTokens *tokens, const char *text, size_t length, MathCommas commas)
{
    tokens->count = tokens->spelled_size = 0;
    tokens->list[0]                      = (MathToken){.type = TOKEN_END, .text = ""};
    if (length > MATH_TEXT_MAX) {
        return MATH_LIMIT;
    }
    trim(&text, &length);
    Reader reader = {.tokens = tokens, .text = text, .length = length, .commas = commas};
    bool   money  = is_money(text, length);
    while (reader.at < length && reader.status == MATH_OK) {
        if (money && text[reader.at] == '$') {
            reader_add(&reader, TOKEN_MONEY, 0, "$", 1);
            reader.at++;
        } else {
            size_t count = tokens->count;
            bool   style = reader.style_next, roman_next = reader.roman_next;
            read_token(&reader);
            if (style && tokens->count == count && reader.at < length && is_space(text[reader.at - 1])) {
                reader.style_next = style; /* \text {…} */
                reader.roman_next = roman_next;
            }
        }
    }
    while (tokens->count > 0 && reader.status == MATH_OK && reader.depth == 0) {
        const MathToken *end = &tokens->list[tokens->count - 1];
        if (end->type != TOKEN_COMMA && end->type != TOKEN_SEMICOLON &&
            !(end->type == TOKEN_UNKNOWN && math_token_is(end, "."))) {
            break;
        }
        tokens->count--;
    }
    tokens->list[tokens->count] = (MathToken){.type = TOKEN_END, .text = "", .spaced = reader.spaced};
    return reader.status;
}
