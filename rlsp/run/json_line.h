/* JsonLine: builds one line of JSON, the same bytes for the same values.
 *
 *     JsonLine line = {0};
 *     json_line_begin(&line, '{');
 *     json_line_text_field(&line, "answer", "(3*7)+20");
 *     json_line_number_field(&line, "reward", 0.7);
 *     json_line_end(&line, '}');
 *     const char *text = json_line_finish(&line); // with its newline; line.size bytes
 *     json_line_free(&line);
 */
#ifndef RLSP_RUN_JSON_LINE_H
#define RLSP_RUN_JSON_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* A growing buffer. Commas are put where they belong; brackets and keys are the
 * caller's to pair. Out of memory is remembered, and told by json_line_finish. */
typedef struct JsonLine {
    char  *data;
    size_t size, capacity; /* bytes */
    bool   failed, comma;
} JsonLine;

void json_line_begin(JsonLine *line, char bracket); /* '{' or '[' */
void json_line_end(JsonLine *line, char bracket);   /* '}' or ']' */
void json_line_key(JsonLine *line, const char *key);

/* Values. Whole numbers below 2^53 are written in full, others with 9 digits (so
 * that a float reads back the same) or, "exact", 17 (so that a double does); what
 * is not finite becomes null. Bytes that are not UTF-8 become U+FFFD. */
void json_line_number(JsonLine *line, double value);
void json_line_exact(JsonLine *line, double value);
void json_line_bool(JsonLine *line, bool value);
void json_line_null(JsonLine *line);
void json_line_string(JsonLine *line, const char *text, size_t length);

void json_line_text_field(JsonLine *line, const char *key, const char *text); /* NULL: null */
void json_line_number_field(JsonLine *line, const char *key, double value);
void json_line_exact_field(JsonLine *line, const char *key, double value);

/* Adds the newline; the line (line->size bytes), NULL if memory ran out. */
const char *json_line_finish(JsonLine *line);
void        json_line_clear(JsonLine *line); /* empties, keeps the memory */
void        json_line_free(JsonLine *line);

#endif
