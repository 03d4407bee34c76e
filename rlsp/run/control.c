#include "rlsp/run/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/io/json.h"
#include "rlsp/run/json_line.h"

static const char *const words[] = {[CONTROL_PAUSE]      = "pause",
                                    [CONTROL_RESUME]     = "resume",
                                    [CONTROL_CHECKPOINT] = "checkpoint",
                                    [CONTROL_SAMPLE]     = "sample",
                                    [CONTROL_STOP]       = "stop"};
enum { WORDS = sizeof words / sizeof words[0] };

/* `line` holds what came and was not yet given out: `bytes` of it from `start` on. */
struct Control {
    int    descriptor;
    bool   ended;    /* end of file, or an error: nothing more will come */
    bool   too_long; /* in the middle of a line that is skipped          */
    size_t start, bytes;
    char   line[CONTROL_LINE_MAX];
};

/* --- reading */

Control *control_new(int descriptor)
{
    Control *control = malloc(sizeof *control);
    if (control != NULL) {
        control->descriptor = descriptor;
        control->ended = control->too_long = false;
        control->start = control->bytes = 0;
    }
    return control;
}

void control_free(Control *control)
{
    if (control != NULL) {
        close(control->descriptor);
        free(control);
    }
}

/* poll(): whether a read would not wait. */
static bool readable(const Control *control, int milliseconds)
{
    struct pollfd wanted = {.fd = control->descriptor, .events = POLLIN};
    return poll(&wanted, 1, milliseconds) > 0;
}

/* Reads what is there; false if nothing came. poll() before read(), since the descriptor may be shared with a
 * program that wants it to wait. */
static bool fill(Control *control)
{
    if (control->ended || !readable(control, 0)) {
        return false;
    }
    if (control->start > 0) {
        memmove(control->line, control->line + control->start, control->bytes);
        control->start = 0;
    }
    if (control->bytes == sizeof control->line) { /* longer than any command: skip to its end */
        control->too_long = true;
        control->bytes    = 0;
    }
    ssize_t got    = read(control->descriptor, control->line + control->bytes, sizeof control->line - control->bytes);
    control->ended = got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN);
    if (got > 0) {
        control->bytes += (size_t)got;
    }
    return got > 0;
}

/* Copies, cut between characters. */
static void copy_text(char *to, size_t size, const char *from)
{
    size_t bytes = strlen(from);
    if (bytes >= size) {
        bytes = size - 1;
        while (bytes > 0 && ((unsigned char)from[bytes] & 0xc0) == 0x80) {
            bytes--;
        }
    }
    memcpy(to, from, bytes);
    to[bytes] = '\0';
}

/* The prompt in `json`; false if it is not one. */
static bool read_text(const char *json, size_t length, char *text, size_t size)
{
    cJSON *root = NULL;
    bool   good = json_parse(json, length, "command", &root, NULL) == STATUS_OK && cJSON_IsString(root);
    if (good && size > 0) {
        copy_text(text, size, root->valuestring);
    }
    cJSON_Delete(root);
    return good;
}

static ControlCommand parse(const char *line, size_t length, char *text, size_t size)
{
    const char  *space = memchr(line, ' ', length);
    const size_t word  = space != NULL ? (size_t)(space - line) : length;
    for (int i = CONTROL_NONE + 1; i < WORDS; i++) {
        if (strlen(words[i]) == word && memcmp(words[i], line, word) == 0) {
            const bool wants_text = i == CONTROL_SAMPLE;
            const bool good =
                wants_text ? space != NULL && read_text(space + 1, length - word - 1, text, size) : space == NULL;
            return good ? (ControlCommand)i : CONTROL_NONE;
        }
    }
    return CONTROL_NONE;
}

ControlCommand control_next(Control *control, char *text, size_t size)
{
    if (size > 0) {
        text[0] = '\0';
    }
    for (;;) {
        const char *line = control->line + control->start, *end = memchr(line, '\n', control->bytes);
        if (end == NULL) {
            if (!fill(control)) {
                return CONTROL_NONE;
            }
            continue;
        }
        const size_t length = (size_t)(end - line);
        control->start += length + 1;
        control->bytes -= length + 1;
        const bool     skip    = control->too_long;
        ControlCommand command = skip ? CONTROL_NONE : parse(line, length, text, size);
        control->too_long      = false;
        if (command != CONTROL_NONE) {
            return command;
        }
    }
}

static bool has_line(const Control *control)
{
    return memchr(control->line + control->start, '\n', control->bytes) != NULL;
}

bool control_wait(Control *control, double seconds)
{
    const double limited = seconds < 0 ? 0 : seconds > 1e6 ? 1e6 : seconds;
    return has_line(control) || (!control->ended && readable(control, (int)(limited * 1e3 + 0.5)) && fill(control));
}

bool control_closed(const Control *control)
{
    return control->ended && !has_line(control);
}

/* --- sending */

/* Milliseconds on the monotonic clock. */
static long long clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static Status write_all(int descriptor, const char *text, size_t bytes, Error *error)
{
    const long long deadline = clock_ms() + 1000;
    const int       flags    = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0) {
        return error_set(error, STATUS_FAILED, "cannot reach the trainer: %s", strerror(errno));
    }
    for (size_t done = 0; done < bytes;) {
        const ssize_t put = write(descriptor, text + done, bytes - done);
        if (put >= 0) {
            done += (size_t)put;
            continue;
        }
        const long long left = deadline - clock_ms();
        if (errno == EPIPE) {
            return error_set(error, STATUS_FAILED, "the trainer has ended: it takes no commands any more");
        }
        if (errno != EAGAIN && errno != EINTR) {
            return error_set(error, STATUS_FAILED, "cannot reach the trainer: %s", strerror(errno));
        }
        if (left <= 0) {
            return error_set(error, STATUS_FAILED,
                             "the trainer does not take commands now: it reads them between steps; try again then");
        }
        poll(&(struct pollfd){.fd = descriptor, .events = POLLOUT}, 1, (int)left);
    }
    return STATUS_OK;
}

Status control_send(int descriptor, ControlCommand command, const char *text, Error *error)
{
    JsonLine line = {0};
    if (command <= CONTROL_NONE || (int)command >= (int)WORDS) {
        return error_set(error, STATUS_BAD_INPUT, "command %d is none that a trainer takes", (int)command);
    }
    char start[32];
    /* The newline first: should an earlier command not have fitted whole, only that one is lost. */
    const size_t word = strlen(words[command]);
    start[0]          = '\n';
    memcpy(start + 1, words[command], word + 1);
    if (command != CONTROL_SAMPLE) {
        start[word + 1] = '\n';
        return write_all(descriptor, start, word + 2, error);
    }
    const size_t bytes = text != NULL ? strlen(text) : 0;
    if (bytes > CONTROL_TEXT_MAX) {
        return error_set(error, STATUS_BAD_INPUT, "a prompt of %zu bytes is too long to send; the limit is %d", bytes,
                         CONTROL_TEXT_MAX);
    }
    json_line_string(&line, text != NULL ? text : "", bytes);
    const char *json   = json_line_finish(&line);
    Status      status = STATUS_OK;
    char       *whole  = json != NULL ? malloc(word + 2 + line.size) : NULL;
    if (whole == NULL) {
        status = error_set(error, STATUS_OUT_OF_MEMORY, "sending a prompt to the trainer: out of memory");
    } else {
        start[word + 1] = ' ';
        memcpy(whole, start, word + 2);
        memcpy(whole + word + 2, json, line.size);
        status = write_all(descriptor, whole, word + 2 + line.size, error);
    }
    free(whole);
    json_line_free(&line);
    return status;
}
