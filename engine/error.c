#include "engine/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* What a file said may be quoted: control characters, which would break the line or drive a terminal, become '?'. */
static void one_line(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
        const bool c1 = c[0] == 0xC2 && c[1] >= 0x80 && c[1] < 0xA0; /* U+0080 to U+009F */
        if (*c < ' ' || *c == 0x7F) {
            *c = '?';
        } else if (c1) {
            c[0] = c[1] = '?';
        }
    }
}

Status error_set(Error *error, Status status, const char *format, ...)
{
    if (error != NULL && error->status == STATUS_OK) {
        va_list args;
        va_start(args, format);
        vsnprintf(error->text, sizeof error->text, format, args);
        va_end(args);
        one_line(error->text);
        error->status = status;
    }
    return status;
}

void error_prefix(Error *error, const char *format, ...)
{
    if (error == NULL || error->status == STATUS_OK) {
        return;
    }
    char old[sizeof error->text];
    memcpy(old, error->text, sizeof old);
    char    prefix[256];
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    snprintf(error->text, sizeof error->text, "%s: %.*s", prefix, (int)(sizeof error->text - sizeof prefix - 3), old);
    one_line(error->text);
}

int error_exit_code(Status status)
{
    switch (status) {
    case STATUS_OK: return 0;
    case STATUS_BAD_INPUT: return 2;
    case STATUS_STOPPED: return 130;
    case STATUS_FAILED:
    case STATUS_OUT_OF_MEMORY:
    case STATUS_DEVICE_LOST: break;
    }
    return 1;
}
