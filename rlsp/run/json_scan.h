/* JsonScan: the fields of one line of JSON, read in place, without a tree.
 *
 *     JsonScan  scan = json_scan(line, bytes);
 *     ScanField field;
 *     while (json_scan_next(&scan, &field)) {
 *         if (field.outer == NULL && scan_key_is(&field, "reward") && field.kind == SCAN_NUMBER) …field.number…
 *     }
 *     if (!json_scan_whole(&scan)) …   // no object, or a torn one
 *
 * For lines that may be a million: keys and texts stay where they are, escapes and all. It takes whatever event_parse
 * takes and, being quicker, a little more: what is inside of texts and of arrays is not looked at closely.
 */
#ifndef RLSP_RUN_JSON_SCAN_H
#define RLSP_RUN_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef enum ScanKind {
    SCAN_NUMBER,
    SCAN_TEXT,
    SCAN_TRUE,
    SCAN_FALSE,
    SCAN_NULL,
    SCAN_OTHER /* an array, or an object within an inner object */
} ScanKind;

typedef struct ScanField {
    const char *key;   /* [key_bytes] as it stands in the line                                         */
    const char *outer; /* [outer_bytes] key of the inner object that it lies in; NULL: of the line      */
    const char *text;  /* [text_bytes] of SCAN_TEXT: between its quotes, escapes not undone             */
    size_t      key_bytes, outer_bytes, text_bytes;
    double      number; /* of SCAN_NUMBER; infinite beyond a double's range, else within 1 ulp          */
    ScanKind    kind;
} ScanField;

/* `at` stands before the next field; `end` on the line's newline, which stops every loop. */
typedef struct JsonScan {
    const char *at, *end, *outer;
    size_t      outer_bytes;
    bool        first, whole, over;
} JsonScan;

/* `line` [bytes] ends with its newline, and has no other. */
JsonScan json_scan(const char *line, size_t bytes);
bool     json_scan_next(JsonScan *scan, ScanField *field); /* false: no more */
bool     json_scan_whole(const JsonScan *scan);            /* after the last: the line was an object and nothing else */

/* Undoes the escapes of text[bytes]: `out` [bytes] (it never grows). Returns the bytes written; what is no escape is
 * kept as it stands. */
size_t scan_unescape(const char *text, size_t bytes, char *out);

/* The same into a string of `size` bytes, cut at a character and ended with a NUL. */
void scan_copy(const char *text, size_t bytes, char *out, size_t size);

static inline bool scan_is(const char *text, size_t bytes, const char *name)
{
    return bytes == strlen(name) && memcmp(text, name, bytes) == 0;
}

static inline bool scan_key_is(const ScanField *field, const char *name)
{
    return scan_is(field->key, field->key_bytes, name);
}

#endif
