#include "rlsp/cli/token_printer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/utf8.h"

/* Bytes at the end that may be the start of a character. */
static size_t unfinished_tail(const char *text, size_t bytes)
{
    for (size_t back = 1; back <= 3 && back <= bytes; back++) {
        const unsigned char c = (unsigned char)text[bytes - back];
        if (c >= 0xc0) {
            const size_t length = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
            return length > back ? back : 0;
        }
        if (c < 0x80) {
            return 0;
        }
    }
    return 0;
}

/* Prints text; to a terminal without the control characters that could steer it. */
static void print_text(const TokenPrinter *printer, const char *text, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        const size_t   from    = at;
        const uint32_t point   = utf8_next(text, bytes, &at);
        const bool     control = point < 0x20 ? point != '\n' && point != '\t' : point >= 0x7f && point < 0xa0;
        if (printer->terminal && control) {
            fputs("\xef\xbf\xbd", stdout);
        } else {
            fwrite(text + from, 1, at - from, stdout);
        }
    }
}

/* Prints of the pending bytes what is whole, or at the `end` everything. */
static Status print_pending(TokenPrinter *printer, bool end, Error *error)
{
    const size_t ready = printer->pending_bytes - (end ? 0 : unfinished_tail(printer->pending, printer->pending_bytes));
    char        *text  = malloc(3 * ready + 1);
    if (text == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    print_text(printer, text, utf8_lossy(printer->pending, ready, text));
    fflush(stdout);
    memmove(printer->pending, printer->pending + ready, printer->pending_bytes - ready);
    printer->pending_bytes -= ready;
    free(text);
    return STATUS_OK;
}

Status token_printer_show(TokenPrinter *printer, const int32_t *tokens, uint32_t count, Error *error)
{
    for (; printer->shown < count; printer->shown++) {
        size_t      bytes = 0;
        const char *token = tokenizer_token_bytes(printer->tokenizer, tokens[printer->shown], &bytes);
        if (token == NULL || bytes == 0 || tokenizer_is_special(printer->tokenizer, tokens[printer->shown])) {
            continue;
        }
        if (printer->pending_bytes + bytes > printer->pending_capacity) {
            const size_t capacity = 2 * (printer->pending_bytes + bytes) + 64;
            char        *grown    = realloc(printer->pending, capacity);
            if (grown == NULL) {
                return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
            }
            printer->pending          = grown;
            printer->pending_capacity = capacity;
        }
        memcpy(printer->pending + printer->pending_bytes, token, bytes);
        printer->pending_bytes += bytes;
    }
    return printer->pending_bytes > 0 ? print_pending(printer, false, error) : STATUS_OK;
}

Status token_printer_end(TokenPrinter *printer, Error *error)
{
    Status status          = printer->pending_bytes > 0 ? print_pending(printer, true, error) : STATUS_OK;
    printer->shown         = 0;
    printer->pending_bytes = 0;
    return status;
}

void token_printer_free(TokenPrinter *printer)
{
    free(printer->pending);
    printer->pending       = NULL;
    printer->pending_bytes = printer->pending_capacity = 0;
}
