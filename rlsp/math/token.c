#include "rlsp/math/token.h"

#include <string.h>

#include "rlsp/math/units.h"
#include "rlsp/math/words.h"

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

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

bool math_token_is(const MathToken *token, const char *text)
{
    return strlen(text) == token->length && memcmp(token->text, text, token->length) == 0;
}

static MathToken *add(Reader *reader, uint8_t type, uint8_t id, const char *text, size_t length)
{
    MathTokens *tokens = reader->tokens;
    if (tokens->count == MATH_TOKENS_MAX) {
        reader->status = MATH_LIMIT;
        return &tokens->list[MATH_TOKENS_MAX];
    }
    MathToken *token = &tokens->list[tokens->count++];
    *token           = (MathToken){.type   = type,
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
    return token;
}

static const MathToken *last(const Reader *reader)
{
    return reader->tokens->count > 0 ? &reader->tokens->list[reader->tokens->count - 1] : NULL;
}

static bool follows(const Reader *reader, size_t at, const char *what)
{
    size_t n = strlen(what);
    return at <= reader->length && reader->length - at >= n && memcmp(reader->text + at, what, n) == 0;
}

/* Digits at `at`: how many. */
static size_t digits_at(const Reader *reader, size_t at)
{
    size_t n = 0;
    while (at + n < reader->length && is_digit(reader->text[at + n])) {
        n++;
    }
    return n;
}

/* A thousands separator at `at`: its bytes, 0 if there is none. */
static size_t separator_at(const Reader *reader, size_t at)
{
    static const char *const always[] = {"{,}", ",\\!", "\\,", "\\!", "{\\,}"};
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        if (follows(reader, at, always[i])) {
            size_t n = strlen(always[i]);
            while (at + n < reader->length && reader->text[at + n] == ' ') {
                n++;
            }
            return n;
        }
    }
    return reader->commas == MATH_COMMAS_ARE_GROUPS && reader->brackets == 0 && follows(reader, at, ",") ? 1 : 0;
}

/* Copies to `spelled`, which is as large as any text. */
static void spell(Reader *reader, const char *text, size_t length)
{
    MathTokens *tokens = reader->tokens;
    if (length > sizeof tokens->spelled - tokens->spelled_size) {
        reader->status = MATH_LIMIT;
        return;
    }
    memcpy(tokens->spelled + tokens->spelled_size, text, length);
    tokens->spelled_size += length;
}

/* 0.\overline{81}: "0.(81)" */
static void read_repeating(Reader *reader)
{
    static const char command[] = "\\overline{";
    size_t            at        = reader->at + sizeof command - 1;
    if (!follows(reader, reader->at, command)) {
        return;
    }
    size_t n = digits_at(reader, at);
    if (n > 0 && follows(reader, at + n, "}")) {
        spell(reader, "(", 1);
        spell(reader, reader->text + at, n);
        spell(reader, ")", 1);
        reader->at = at + n + 1;
    }
}

static void read_number(Reader *reader)
{
    MathTokens *tokens = reader->tokens;
    size_t      start = tokens->spelled_size, n = digits_at(reader, reader->at);
    bool        point = false;
    spell(reader, reader->text + reader->at, n);
    bool groups = n >= 1 && n <= 3 && reader->text[reader->at] != '0';
    reader->at += n;
    while (groups) {
        size_t separator = separator_at(reader, reader->at);
        if (separator == 0 || digits_at(reader, reader->at + separator) != 3) {
            break;
        }
        spell(reader, reader->text + reader->at + separator, 3);
        reader->at += separator + 3;
    }
    if (follows(reader, reader->at, ".")) {
        point = true;
        spell(reader, ".", 1);
        n = digits_at(reader, ++reader->at);
        spell(reader, reader->text + reader->at, n);
        reader->at += n;
        read_repeating(reader);
    }
    /* 1.2e3; "2e" alone is twice Euler's number */
    if (reader->at < reader->length && (reader->text[reader->at] == 'e' || reader->text[reader->at] == 'E')) {
        size_t at   = reader->at + 1;
        size_t sign = follows(reader, at, "+") || follows(reader, at, "-") ? 1 : 0;
        n           = digits_at(reader, at + sign);
        if (n > 0 && (point || sign > 0 || n <= 3)) {
            spell(reader, "e", 1);
            spell(reader, reader->text + at, sign + n);
            reader->at = at + sign + n;
        }
    }
    add(reader, TOKEN_NUMBER, 0, tokens->spelled + start, tokens->spelled_size - start);
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
        add(reader, word->type, word->id, text, n);
    } else if (n > 1 && (reader->roman || (after_value(reader) && math_unit_known(text, n)))) {
        add(reader, TOKEN_WORD, 0, text, n);
    } else {
        for (size_t i = 0; i < n; i++) {
            uint8_t type = text[i] == 'i' ? TOKEN_IMAGINARY : text[i] == 'e' ? TOKEN_EULER : TOKEN_LETTER;
            reader->run  = i > 0;
            add(reader, type, 0, text + i, 1);
        }
        reader->run = false;
    }
}

/* {pmatrix} after \begin: the name; false: none there. */
static bool read_environment(Reader *reader, uint8_t type)
{
    size_t at = reader->at;
    while (at < reader->length && is_space(reader->text[at])) {
        at++;
    }
    if (!follows(reader, at, "{")) {
        return false;
    }
    size_t start = ++at;
    while (at < reader->length && (is_letter(reader->text[at]) || reader->text[at] == '*')) {
        at++;
    }
    if (!follows(reader, at, "}")) {
        return false;
    }
    add(reader, type, 0, reader->text + start, at - start);
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
        add(reader, TOKEN_UNKNOWN, 0, name - 1, n + 1);
        return;
    }
    switch (word->type) {
    case WORD_NOTHING: break;
    case WORD_DELIMITER:
        if (follows(reader, reader->at, ".")) {
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
        size_t brace = follows(reader, reader->at, "{") ? 1 : 0;
        size_t at    = reader->at + brace;
        if (at < reader->length && is_letter(reader->text[at]) && (brace == 0 || follows(reader, at + 1, "}"))) {
            add(reader, TOKEN_NUMBER_SET, 0, reader->text + at, 1);
            reader->at = at + 1 + brace;
        } else {
            add(reader, TOKEN_UNKNOWN, 0, name - 1, n + 1);
        }
        break;
    }
    default: add(reader, word->type, word->id, name, n); break;
    }
}

static void read_command(Reader *reader)
{
    const char *name = reader->text + reader->at + 1;
    size_t      left = reader->length - reader->at - 1;
    if (left == 0) {
        add(reader, TOKEN_UNKNOWN, 0, name - 1, 1);
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
    case '\\': add(reader, TOKEN_ROW, 0, name - 1, 2); break;
    case '{': add(reader, TOKEN_OPEN_SET, 0, name, 1); break;
    case '}': add(reader, TOKEN_CLOSE_SET, 0, name, 1); break;
    case '$': add(reader, TOKEN_MONEY, 0, name, 1); break;
    case '%': add(reader, TOKEN_PERCENT, 0, name, 1); break;
    case '&': add(reader, TOKEN_AND, 0, name, 1); break;
    case '_': add(reader, TOKEN_SUBSCRIPT, 0, name, 1); break;
    case '|': add(reader, TOKEN_BAR, 0, name, 1); break;
    default: add(reader, TOKEN_UNKNOWN, 0, name - 1, 2); break;
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
        add(reader, TOKEN_OPEN_BRACE, 0, "{", 1);
    }
    reader->style_next = false;
}

static void close_brace(Reader *reader)
{
    reader->at++;
    if (reader->depth == 0) {
        add(reader, TOKEN_UNKNOWN, 0, "}", 1);
        return;
    }
    reader->roman = reader->before[--reader->depth];
    if (!reader->style[reader->depth]) {
        add(reader, TOKEN_CLOSE_BRACE, 0, "}", 1);
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
        add(reader, TOKEN_CARET, 0, "^", 1);
        spell(reader, digit, 1);
        while ((digit = math_superscript(reader->text + reader->at, reader->length - reader->at, &n)) != NULL) {
            spell(reader, digit, 1);
            reader->at += n;
        }
        add(reader, TOKEN_NUMBER, 0, reader->tokens->spelled + start, reader->tokens->spelled_size - start);
    } else if (sign == NULL) {
        add(reader, TOKEN_UNKNOWN, 0, text, 1);
    } else if (sign->type == WORD_SPACE) {
        reader->spaced = true;
    } else if (sign->type == TOKEN_LETTER) {
        const char *name = sign->id == 'a' ? "alpha" : sign->id == 'b' ? "beta" : sign->id == 't' ? "theta" : "lambda";
        add(reader, TOKEN_LETTER, 0, name, strlen(name));
    } else {
        add(reader, sign->type, sign->id, sign->type == TOKEN_NUMBER_SET ? "R" : text,
            sign->type == TOKEN_NUMBER_SET ? 1 : n);
    }
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
        if (follows(reader, reader->at, "{,}")) { /* a comma that TeX sets without a space */
            add(reader, TOKEN_COMMA, 0, ",", 1);
            reader->at += 3;
            return;
        }
        open_brace(reader);
        return;
    }
    reader->style_next = false;
    if (c == '\\') {
        read_command(reader);
    } else if (c == '}') {
        close_brace(reader);
    } else if (is_digit(c) || (c == '.' && digits_at(reader, reader->at + 1) > 0)) {
        read_number(reader);
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
            add(&reader, TOKEN_MONEY, 0, "$", 1);
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
