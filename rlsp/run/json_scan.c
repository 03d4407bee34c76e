#include "rlsp/run/json_scan.h"

#include <math.h>
#include <stdint.h>

#include "engine/utf8.h"

/* --- numbers */

/* value * 10^exponent. Not strtod: that one asks the locale what a point is. */
static double scaled(uint64_t mantissa, int exponent)
{
    static const double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (mantissa <= (UINT64_C(1) << 53) && exponent >= -22 && exponent <= 22) { /* two exact doubles: rounded once */
        return exponent < 0 ? (double)mantissa / exact[-exponent] : (double)mantissa * exact[exponent];
    }
    if (mantissa == 0 || exponent < -400) {
        return 0;
    }
    if (exponent > 400) {
        return INFINITY;
    }
    unsigned    left   = exponent < 0 ? (unsigned)-exponent : (unsigned)exponent;
    long double factor = 1, power = 10;
    for (; left > 0; left >>= 1, power *= power) {
        factor *= left & 1 ? power : 1;
    }
    return (double)(exponent < 0 ? (long double)mantissa / factor : (long double)mantissa * factor);
}

static inline bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static inline bool is_number_byte(char byte)
{
    return is_digit(byte) || byte == '.' || (byte | 0x20) == 'e';
}

/* All digits of a number of more than DIGITS digits, with a point among them or without: *shift is what to multiply its
 * first ones with, which are all that a double can tell apart. */
enum { DIGITS = 19, EXPONENT_LIMIT = 100000 };

static uint64_t first_digits(const char *at, const char *end, int *shift)
{
    uint64_t mantissa = 0;
    int      kept     = 0;
    bool     fraction = false;
    *shift            = 0;
    for (; at < end; at++) {
        if (*at == '.') {
            fraction = true;
        } else if (kept < DIGITS) {
            mantissa = 10 * mantissa + (uint64_t)(*at - '0');
            kept += mantissa > 0;
            *shift -= fraction;
        } else {
            *shift += !fraction;
        }
    }
    return mantissa;
}

/* Past the exponent at `at`; NULL: it is none. */
static const char *read_exponent(const char *at, int *exponent)
{
    const bool minus = *at == '-';
    int        value = 0;
    at += *at == '-' || *at == '+';
    if (!is_digit(*at)) {
        return NULL;
    }
    for (; is_digit(*at); at++) {
        value = value < EXPONENT_LIMIT ? 10 * value + (*at - '0') : value;
    }
    *exponent += minus ? -value : value;
    return at;
}

/* Past the number at `at`; NULL: it is none. */
static const char *read_number(const char *at, double *value)
{
    if (is_digit(at[0]) && !is_number_byte(at[1])) { /* most counts */
        *value = at[0] - '0';
        return at + 1;
    }
    const bool minus = *at == '-';
    at += minus;
    const char *digits   = at;
    uint64_t    mantissa = 0;
    int         shift    = 0;
    if (!is_digit(*at) || (*at == '0' && is_digit(at[1]))) {
        return NULL;
    }
    for (; is_digit(*at); at++) {
        mantissa = 10 * mantissa + (uint64_t)(*at - '0');
    }
    if (*at == '.') {
        const char *point = at++;
        for (; is_digit(*at); at++) {
            mantissa = 10 * mantissa + (uint64_t)(*at - '0');
        }
        if (at == point + 1) {
            return NULL;
        }
        shift = at - point <= DIGITS ? (int)(point + 1 - at) : 0;
    }
    if (at - digits > DIGITS) { /* the mantissa may have run over */
        mantissa = first_digits(digits, at, &shift);
    }
    if (*at == 'e' || *at == 'E') {
        at = read_exponent(at + 1, &shift);
        if (at == NULL) {
            return NULL;
        }
    }
    *value = scaled(mantissa, shift);
    *value = minus ? -*value : *value;
    return at;
}

/* --- texts and what is in brackets */

/* The quote that ends the text which begins at `at`; NULL: none in the line. */
static const char *closing_quote(const char *at, const char *end)
{
    const char *from = at;
    for (;;) {
        const char *quote = memchr(from, '"', (size_t)(end - from)), *slash = quote;
        if (quote == NULL) {
            return NULL;
        }
        while (slash > from && slash[-1] == '\\') {
            slash--;
        }
        if ((quote - slash) % 2 == 0) {
            return quote;
        }
        from = quote + 1;
    }
}

/* The top bit of the lowest byte of `word` that is `byte` (times 0x0101…), and perhaps of some above it; 0: none is. */
static inline uint64_t find_byte(uint64_t word, uint64_t byte)
{
    const uint64_t ones = 0x0101010101010101u, zero = word ^ ones * byte;
    return (zero - ones) & ~zero & ones << 7;
}

/* The same for a key: too short for a call of memchr to pay, so eight bytes at a time here (SPEED.md). */
static inline const char *closing_quote_of_key(const char *at, const char *end)
{
    const char *p = at;
#if defined __BYTE_ORDER__ && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (; end - p >= 8; p += 8) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        const uint64_t found = find_byte(word, '"') | find_byte(word, '\\');
        if (found != 0) {
            p += __builtin_ctzll(found) / 8;
            return *p == '"' ? p : closing_quote(at, end);
        }
    }
#endif
    for (; p < end; p++) {
        if (*p == '"') {
            return p;
        }
        if (*p == '\\') {
            return closing_quote(at, end);
        }
    }
    return NULL;
}

/* Past the brackets that open at `at`; NULL: they do not close. */
static const char *past_brackets(const char *at, const char *end)
{
    for (size_t depth = 0; at < end; at++) {
        if (*at == '{' || *at == '[') {
            depth++;
        } else if (*at == '}' || *at == ']') {
            if (--depth == 0) {
                return at + 1;
            }
        } else if (*at == '"' && (at = closing_quote(at + 1, end)) == NULL) {
            return NULL;
        }
    }
    return NULL;
}

static inline const char *past_blanks(const char *at)
{
    while ((unsigned char)*at <= ' ' && (*at == ' ' || *at == '\t' || *at == '\r')) {
        at++;
    }
    return at;
}

/* --- the line */

JsonScan json_scan(const char *line, size_t bytes)
{
    JsonScan scan = {.at = past_blanks(line), .end = line + bytes - 1, .first = true};
    scan.over     = *scan.at != '{';
    scan.at += !scan.over;
    return scan;
}

bool json_scan_whole(const JsonScan *scan)
{
    return scan->whole;
}

static bool stop(JsonScan *scan)
{
    scan->over = true;
    return false;
}

static const char *read_word(const char *at, const char *end, ScanField *field)
{
    static const struct {
        const char *word;
        size_t      bytes;
        ScanKind    kind;
    } words[] = {{"true", 4, SCAN_TRUE}, {"false", 5, SCAN_FALSE}, {"null", 4, SCAN_NULL}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if ((size_t)(end - at) >= words[i].bytes && memcmp(at, words[i].word, words[i].bytes) == 0) {
            field->kind = words[i].kind;
            return at + words[i].bytes;
        }
    }
    return NULL;
}

/* Past the value at `at`; NULL: it is none. */
static const char *read_value(const char *at, const char *end, ScanField *field)
{
    if (*at == '"') {
        const char *quote = closing_quote(at + 1, end);
        field->kind       = SCAN_TEXT;
        field->text       = at + 1;
        field->text_bytes = quote != NULL ? (size_t)(quote - at - 1) : 0;
        return quote != NULL ? quote + 1 : NULL;
    }
    if (is_digit(*at) || *at == '-') {
        field->kind = SCAN_NUMBER;
        return read_number(at, &field->number);
    }
    if (*at == '[' || *at == '{') {
        field->kind = SCAN_OTHER;
        return past_brackets(at, end);
    }
    return read_word(at, end, field);
}

bool json_scan_next(JsonScan *scan, ScanField *field)
{
    const char *at = scan->at;
    if (scan->over) {
        return false;
    }
    for (;;) { /* once, and once more for every inner object that begins or ends */
        at = past_blanks(at);
        if (*at == '}') {
            at = past_blanks(at + 1);
            if (scan->outer == NULL) {
                scan->whole = at == scan->end;
                return stop(scan);
            }
            scan->outer = NULL;
            scan->first = false;
            continue;
        }
        if (!scan->first) {
            if (*at != ',') {
                return stop(scan);
            }
            at = past_blanks(at + 1);
        }
        scan->first       = false;
        const char *key   = at + 1;
        const char *quote = *at == '"' ? closing_quote_of_key(key, scan->end) : NULL;
        const char *colon = quote != NULL ? past_blanks(quote + 1) : NULL;
        if (colon == NULL || *colon != ':') {
            return stop(scan);
        }
        at = past_blanks(colon + 1);
        if (*at == '{' && scan->outer == NULL) {
            scan->outer       = key;
            scan->outer_bytes = (size_t)(quote - key);
            scan->first       = true;
            at++;
            continue;
        }
        field->key         = key;
        field->key_bytes   = (size_t)(quote - key);
        field->outer       = scan->outer;
        field->outer_bytes = scan->outer_bytes;
        at                 = read_value(at, scan->end, field);
        if (at == NULL) {
            return stop(scan);
        }
        scan->at = at;
        return true;
    }
}

/* --- escapes */

/* Four hexadecimal digits at text[0..4); -1: they are none. */
static int32_t hex4(const char *text)
{
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        const char byte  = text[i];
        const char lower = (char)(byte | 0x20);
        const int  digit = is_digit(byte) ? byte - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
        if (digit < 0) {
            return -1;
        }
        value = 16 * value + digit;
    }
    return value;
}

/* The escape at text[0..bytes), which starts with a backslash; its bytes, 0: it is none. */
static size_t read_escape(const char *text, size_t bytes, char *out, size_t *written)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char       *simple = bytes >= 2 && text[1] != '\0' ? strchr(from, text[1]) : NULL;
    if (simple != NULL) {
        *out     = to[simple - from];
        *written = 1;
        return 2;
    }
    int32_t point = bytes >= 6 && text[1] == 'u' ? hex4(text + 2) : -1;
    size_t  taken = 6;
    if (point >= 0xd800 && point < 0xdc00 && bytes >= 12 && text[6] == '\\' && text[7] == 'u') {
        const int32_t low = hex4(text + 8);
        if (low >= 0xdc00 && low < 0xe000) {
            point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
            taken = 12;
        }
    }
    if (point < 0 || (point >= 0xd800 && point < 0xe000)) {
        return 0;
    }
    *written = utf8_encode((uint32_t)point, out);
    return taken;
}

size_t scan_unescape(const char *text, size_t bytes, char *out)
{
    size_t at = 0, count = 0;
    while (at < bytes) {
        const char  *slash = memchr(text + at, '\\', bytes - at);
        const size_t plain = slash != NULL ? (size_t)(slash - text) - at : bytes - at;
        memmove(out + count, text + at, plain);
        count += plain;
        at += plain;
        if (at < bytes) {
            size_t       written = 0;
            const size_t taken   = read_escape(text + at, bytes - at, out + count, &written);
            if (taken == 0) {
                out[count] = text[at];
            }
            count += taken > 0 ? written : 1;
            at += taken > 0 ? taken : 1;
        }
    }
    return count;
}

void scan_copy(const char *text, size_t bytes, char *out, size_t size)
{
    size_t count = 0;
    for (size_t at = 0; at < bytes;) {
        char   piece[4];
        size_t written = 1, taken = text[at] == '\\' ? read_escape(text + at, bytes - at, piece, &written) : 0;
        if (taken == 0) {
            piece[0] = text[at];
            written = taken = 1;
        }
        if (count + written >= size || piece[0] == '\0') {
            break;
        }
        memcpy(out + count, piece, written);
        count += written;
        at += taken;
    }
    out[count] = '\0';
    count      = utf8_check(out, count); /* not in the middle of a character */
    out[count] = '\0';
}
