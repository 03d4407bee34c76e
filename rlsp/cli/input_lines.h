/* Lines of standard input, a JSON object each, for the commands that are filters.
 *
 *     InputLines lines = {.file = stdin, .name = "stdin"};
 *     while (input_lines_next(&lines, &error)) {
 *         … lines.text[lines.bytes] …, errors name lines.where: "stdin line 3"
 *     }
 *     input_lines_free(&lines);
 *     if (error.status != STATUS_OK) …
 *
 * What a line may hold is bounded, so that a file without newlines ends in an error and not in the machine's memory.
 */
#ifndef RLSP_CLI_INPUT_LINES_H
#define RLSP_CLI_INPUT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/error.h"

#define INPUT_BYTES_MAX ((size_t)256 << 20) /* of a line, or of a prompt that is the whole input */

typedef struct InputLines {
    FILE       *file;
    const char *name;
    char       *text; /* [bytes] and a NUL, without newline and carriage return; until the next call */
    size_t      bytes, capacity;
    uint64_t    number; /* of this line, from 1 */
    char        where[300];
} InputLines;

/* The next line that is not empty; a byte order mark before the first is passed over. False at the end or with *error
 * set: STATUS_BAD_INPUT for a line that is too long, STATUS_FAILED where reading fails. */
bool input_lines_next(InputLines *lines, Error *error);

/* One line, empty or not, of any `file`: false at its end, if reading fails (ferror), or with *error set. The text
 * grows in *text as with getline. */
bool input_line_read(FILE *file, const char *name, char **text, size_t *bytes, size_t *capacity, Error *error);

/* All of a file as it is, malloc'ed. */
Status input_read_all(FILE *file, const char *name, char **text, size_t *bytes, Error *error);

void input_lines_free(InputLines *lines);

#endif
