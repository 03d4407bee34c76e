/* The screen and the modes of the terminal. What runs in signal handlers too makes only calls that POSIX allows there.
 */
#include "tui/terminal/terminal_parts.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { LEAVING_MS = 1000 }; /* another thread that restores the terminal, or a stop, is waited for that long */

/* Who makes it LEAVING restores the terminal. OVER: the program ends, nothing enters the screen again. */
typedef enum ScreenState { STATE_OFF, STATE_ON, STATE_LEAVING, STATE_OVER } ScreenState;

static struct {
    bool           open;
    atomic_int     state; /* ScreenState */
    pid_t          process;
    int            input, output;
    struct termios before, ours;
    CapModes       enter, leave;
} guard;

bool guard_write(int output, const char *bytes, size_t length)
{
    while (length > 0) {
        const ssize_t written = write(output, bytes, length);
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        } else if (written < 0 && errno == EAGAIN) { /* whoever started us left it so */
            struct pollfd wanted = {.fd = output, .events = POLLOUT};
            poll(&wanted, 1, LEAVING_MS);
        } else if (written == 0 || errno != EINTR) {
            return false;
        }
    }
    return true;
}

bool guard_in_background(void)
{
    const pid_t front = tcgetpgrp(guard.input); /* -1: a terminal without jobs */
    return front > 0 && front != getpgrp();
}

static bool change_state(int from, int to)
{
    return atomic_compare_exchange_strong(&guard.state, &from, to);
}

static bool modes_are_ours(void)
{
    struct termios now;
    return tcgetattr(guard.input, &now) == 0 && now.c_lflag == guard.ours.c_lflag &&
           now.c_iflag == guard.ours.c_iflag && memcmp(now.c_cc, guard.ours.c_cc, sizeof now.c_cc) == 0;
}

void guard_leave(bool for_good)
{
    const ScreenState next = for_good ? STATE_OVER : STATE_OFF;
    if (change_state(STATE_OFF, next)) {
        return;
    }
    if (!change_state(STATE_ON, STATE_LEAVING)) { /* another thread is at it */
        for (int waited = 0; atomic_load(&guard.state) == STATE_LEAVING && waited < LEAVING_MS; waited += 5) {
            poll(NULL, 0, 5);
        }
        change_state(STATE_OFF, next);
        return;
    }
    /* The modes first: this does not wait for the terminal to take anything.
     * A shell that has taken its terminal back may have set modes of its own already. */
    if (!guard_in_background() || modes_are_ours()) {
        sigset_t set, kept;
        sigemptyset(&set);
        sigaddset(&set, SIGTTOU); /* or it would stop us */
        pthread_sigmask(SIG_BLOCK, &set, &kept);
        tcsetattr(guard.input, TCSANOW, &guard.before);
        pthread_sigmask(SIG_SETMASK, &kept, NULL);
    }
    guard_write(guard.output, guard.leave.bytes, guard.leave.length);
    atomic_store(&guard.state, (int)next);
}

bool guard_on_screen(void)
{
    return atomic_load(&guard.state) == STATE_ON && !atomic_load(&guard_flags.resumed) && !guard_in_background();
}

/* All of the job, as the system does it: a script that started us stops as well. */
static void stop_job(int number)
{
    atomic_store(&guard_flags.resumed, false);
    kill(0, number);
    for (int waited = 0; !atomic_load(&guard_flags.resumed) && waited < LEAVING_MS; waited += 10) {
        poll(NULL, 0, 10); /* another thread may be the one that takes the signal */
    }
}

/* As the system stops a job that uses the terminal from the background. False: it cannot be stopped, or is asked to
 * end. */
static bool wait_for_foreground(void)
{
    while (guard_in_background()) {
        stop_job(SIGTTOU);
        if (!atomic_load(&guard_flags.resumed) || atomic_load(&guard_flags.stop) || atomic_load(&guard_flags.hang_up)) {
            errno = 0;
            return false;
        }
    }
    atomic_store(&guard_flags.resumed, false);
    return true;
}

static void block_stop(bool block)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    pthread_sigmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

static bool enter_screen(void)
{
    if (!wait_for_foreground()) {
        return false;
    }
    const int  state = atomic_load(&guard.state);
    const bool off   = state == STATE_OFF;
    if (!off && state != STATE_ON) {
        return false;
    }
    if (off && tcgetattr(guard.input, &guard.before) != 0) {
        return false;
    }
    guard.ours = guard.before;
    guard.ours.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | INLCR | IGNCR | ISTRIP | IXON | PARMRK);
    guard.ours.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ECHONL | IEXTEN);
    /* Ctrl-C is a key, or it would end a script that started us. So is Ctrl-Z, or the script would stop before we have
     * left the screen. Ctrl-\ stays with the system and so works whatever the program does. */
    guard.ours.c_lflag |= ISIG;
    guard.ours.c_cc[VINTR] = _POSIX_VDISABLE;
    guard.ours.c_cc[VSUSP] = _POSIX_VDISABLE;
    guard.ours.c_cc[VMIN]  = 1;
    guard.ours.c_cc[VTIME] = 0;
    if (off && !change_state(STATE_OFF, STATE_ON)) {
        return false;
    }
    /* A program that was stopped where it stood (SIGSTOP) has left its screen to the shell. */
    const bool back = off || guard_write(guard.output, guard.leave.bytes, guard.leave.length);
    if (!back || tcsetattr(guard.input, TCSANOW, &guard.ours) != 0 ||
        !guard_write(guard.output, guard.enter.bytes, guard.enter.length)) {
        guard_leave(false);
        return false;
    }
    return true;
}

bool guard_enter(void)
{
    block_stop(true);
    const bool entered = enter_screen();
    block_stop(false);
    return entered;
}

bool guard_write_begin(void)
{
    block_stop(true);
    if (!guard_on_screen()) {
        block_stop(false);
        return false;
    }
    return true;
}

void guard_write_end(void)
{
    block_stop(false);
}

bool guard_is_suspend(char byte)
{
    return guard.before.c_cc[VSUSP] != _POSIX_VDISABLE && (char)guard.before.c_cc[VSUSP] == byte &&
           (guard.before.c_lflag & ISIG) != 0 && signals_stop_is_ours();
}

void guard_suspend(void)
{
    guard_leave(false);
    signals_let_stop(true);
    stop_job(SIGTSTP);
    signals_let_stop(false);
    atomic_store(&guard_flags.resumed, true);
}

/* --- opening and closing ---------------------------------------------------------------- */

static void at_exit(void)
{
    if (guard.open && getpid() == guard.process) { /* not so in a forked child */
        guard_leave(true);
        stderr_release();
    }
}

#ifdef __SANITIZE_ADDRESS__
/* A sanitizer ends the program without exit(): its report would stay in our pipe. */
void        __sanitizer_set_death_callback(void (*callback)(void));
static void at_finding(void)
{
    __sanitizer_set_death_callback(at_exit);
}
#else
static void at_finding(void) {}
#endif

Status guard_open(const TerminalCaps *caps, int input, int output, Error *error)
{
    static bool registered;
    if (!registered && atexit(at_exit) != 0) {
        return error_set(error, STATUS_FAILED, "cannot open the terminal: out of memory");
    }
    registered = true;
    at_finding();
    atomic_store(&guard.state, STATE_OFF);
    guard.process = getpid();
    guard.input   = input;
    guard.output  = output;
    guard.enter   = caps->enter;
    guard.leave   = caps->leave;
    if (signals_take(error) != STATUS_OK) { /* before the terminal is changed */
        return STATUS_FAILED;
    }
    guard.open = true;
    if (!guard_enter()) {
        error_set(error, STATUS_FAILED, "cannot open the terminal: %s",
                  errno != 0 ? strerror(errno) : "it is another job's");
        guard_close();
        return STATUS_FAILED;
    }
    return STATUS_OK;
}

void guard_close(void)
{
    if (!guard.open) {
        return;
    }
    block_stop(true);
    guard_leave(false);
    guard.open = false;
    signals_give_back();
    block_stop(false);
}
