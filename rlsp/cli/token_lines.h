/* TokenLines: a file of {"ids": […]} lines, packed one sequence after another.
 *
 *     TokenLines lines;
 *     if (token_lines_read(&lines, stdin, "stdin", vocab_size, longest, &error) == STATUS_OK) …
 *     …lines.ids[lines.starts[i]] is the first token of line i…
 *     token_lines_free(&lines);
 */
#ifndef RLSP_CLI_TOKEN_LINES_H
#define RLSP_CLI_TOKEN_LINES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/error.h"

typedef struct TokenLines {
    int32_t  *ids;     /* [starts[count]]                          */
    uint32_t *starts;  /* [count + 1]                              */
    uint32_t  count;   /* sequences                                */
    uint32_t  longest; /* tokens of the longest                    */
    size_t    id_capacity, line_capacity;
} TokenLines;

/* Reads to the end; empty lines are passed over, other keys too. STATUS_BAD_INPUT
 * ("stdin line 3: …"): no JSON object, no ids in it, an id outside [0, vocab), or
 * more than `most` of them. Free the lines either way. */
Status token_lines_read(TokenLines *lines, FILE *file, const char *name, uint32_t vocab, uint32_t most, Error *error);

/* Adds one sequence. */
Status token_lines_add(TokenLines *lines, const int32_t *ids, size_t count, Error *error);

void token_lines_free(TokenLines *lines);

#endif
