#include "tui/terminal/terminal_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Whoever writes to stderr must never wait for us: the pipe is as it is, 64 KiB, and what does not fit is lost. */

enum { STDERR = 2, LINE_BYTES = 4096, READ_BYTES = 4096, READS_AT_ONCE = 32 };

static struct {
    int         before; /* what stderr was; -1: closed */
    int         pipe;   /* its reading end; -1: nothing to read  */
    atomic_bool taken;
    size_t      length;
    bool        returned; /* the last byte was a "\r": a "\n" behind it is the same end of a line */
    char        line[LINE_BYTES + 1];
} taken = {.before = -1, .pipe = -1};

Status stderr_take(Error *error)
{
    int ends[2];
    if (pipe(ends) != 0) {
        return error_set(error, STATUS_FAILED, "cannot collect stderr: no pipe: %s", strerror(errno));
    }
    /* Above the standard files, in case stderr is closed. */
    const int out = fcntl(ends[0], F_DUPFD_CLOEXEC, STDERR + 1), in = fcntl(ends[1], F_DUPFD_CLOEXEC, STDERR + 1);
    close(ends[0]);
    close(ends[1]);
    const int before = fcntl(STDERR, F_DUPFD_CLOEXEC, STDERR + 1);
    if (out < 0 || in < 0 || fcntl(out, F_SETFL, O_NONBLOCK) != 0 || fcntl(in, F_SETFL, O_NONBLOCK) != 0 ||
        dup2(in, STDERR) != STDERR) {
        error_set(error, STATUS_FAILED, "cannot collect stderr: %s", strerror(errno));
        close(out);
        close(in);
        close(before);
        return STATUS_FAILED;
    }
    close(in);
    taken.before   = before;
    taken.pipe     = out;
    taken.length   = 0;
    taken.returned = false;
    atomic_store(&taken.taken, true);
    return STATUS_OK;
}

int stderr_descriptor(void)
{
    return taken.pipe;
}

/* A line that is too long is cut; a NUL would hide the rest of it. */
static void take_byte(char byte, void (*on_line)(void *user, const char *line), void *user)
{
    const bool second = byte == '\n' && taken.returned;
    taken.returned    = byte == '\r';
    if (second) {
        return;
    }
    if (byte == '\n' || byte == '\r') {
        taken.line[taken.length] = '\0';
        taken.length             = 0;
        on_line(user, taken.line);
    } else if (taken.length < LINE_BYTES) {
        taken.line[taken.length++] = byte != '\0' ? byte : ' ';
    }
}

void stderr_read(void (*on_line)(void *user, const char *line), void *user)
{
    char bytes[READ_BYTES];
    for (int i = 0; i < READS_AT_ONCE && taken.pipe >= 0; i++) {
        const ssize_t got = read(taken.pipe, bytes, sizeof bytes);
        if (got < 0) {
            return; /* nothing there at the moment */
        }
        if (got == 0) { /* someone closed stderr */
            close(taken.pipe);
            taken.pipe = -1;
        }
        for (ssize_t k = 0; k < got; k++) {
            take_byte(bytes[k], on_line, user);
        }
    }
}

void stderr_release(void)
{
    if (!atomic_exchange(&taken.taken, false)) {
        return;
    }
    if (taken.before >= 0) {
        dup2(taken.before, STDERR);
    } else {
        close(STDERR);
    }
    if (taken.length > 0 && taken.length <= LINE_BYTES) {
        guard_write(STDERR, taken.line, taken.length);
        taken.length = 0;
    }
    char    bytes[READ_BYTES];
    ssize_t got;
    for (int i = 0; i < READS_AT_ONCE && taken.pipe >= 0 && (got = read(taken.pipe, bytes, sizeof bytes)) > 0; i++) {
        guard_write(STDERR, bytes, (size_t)got);
    }
}

void stderr_close(void)
{
    close(taken.before);
    close(taken.pipe);
    taken.before = taken.pipe = -1;
}
