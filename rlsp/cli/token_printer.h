/* TokenPrinter: tokens to text on stdout as they come. A character whose bytes are
 * spread over tokens waits until it is whole; special tokens are left out; a terminal
 * gets no control characters that could steer it.
 *
 *     TokenPrinter printer = {.tokenizer = tokenizer, .terminal = isatty(STDOUT_FILENO) == 1};
 *     token_printer_show(&printer, tokens, count, &error); // as often as there are more
 *     token_printer_end(&printer, &error);                 // and begins anew
 *     token_printer_free(&printer);
 */
#ifndef RLSP_CLI_TOKEN_PRINTER_H
#define RLSP_CLI_TOKEN_PRINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/text/tokenizer.h"

typedef struct TokenPrinter {
    const Tokenizer *tokenizer;
    bool             terminal;
    uint32_t         shown;   /* tokens that are printed */
    char            *pending; /* bytes not yet printed   */
    size_t           pending_bytes, pending_capacity;
} TokenPrinter;

/* Prints tokens [shown, count) of a text. */
Status token_printer_show(TokenPrinter *printer, const int32_t *tokens, uint32_t count, Error *error);

/* Prints what waits, whole or not; the next token shown is the first of another text. */
Status token_printer_end(TokenPrinter *printer, Error *error);

void token_printer_free(TokenPrinter *printer);

#endif
