/* All that runs in a signal handler is here, but for stderr_release: only calls that POSIX allows there. */
#include "tui/terminal/terminal_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum {
    STACK_BYTES   = 64 * 1024, /* of the handler of crashes: a stack that overflowed has no room for it */
    STUCK_SECONDS = 2,         /* a dying program waits this long for a terminal that takes nothing     */
    LEAVING_MS    = 1000       /* and this long for another thread that is restoring it                  */
};

/* OVER: the program ends, nothing enters the screen again. */
typedef enum ScreenState { STATE_OFF, STATE_ON, STATE_LEAVING, STATE_OVER } ScreenState;

typedef struct SignalUse {
    int              number;
    bool             taken;
    struct sigaction before;
} SignalUse;

static SignalUse uses[] = {{.number = SIGSEGV}, {.number = SIGBUS},  {.number = SIGFPE},  {.number = SIGILL},
                           {.number = SIGABRT}, {.number = SIGQUIT}, {.number = SIGTERM}, {.number = SIGINT},
                           {.number = SIGHUP},  {.number = SIGTSTP}, {.number = SIGCONT}, {.number = SIGWINCH}};
enum { USES = sizeof uses / sizeof *uses };

GuardFlags guard_flags;

static struct {
    bool           open;
    atomic_int     state; /* ScreenState: who makes it LEAVING restores the terminal */
    pid_t          process;
    pthread_t      owner; /* the thread that draws                                 */
    int            input, output, wake[2];
    struct termios before, ours;
    CapModes       enter, leave;
    atomic_int     dying; /* the signal                                            */
    stack_t        stack_before;
} guard = {.wake = {-1, -1}};

static char crash_stack[STACK_BYTES];

/* --- writing, leaving, entering --------------------------------------------------------- */

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

static void leave_screen(ScreenState next)
{
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
    guard_write(guard.output, guard.leave.bytes, guard.leave.length);
    /* A shell that has taken its terminal back may have set modes of its own already. */
    if (!guard_in_background() || modes_are_ours()) {
        sigset_t set, kept;
        sigemptyset(&set);
        sigaddset(&set, SIGTTOU); /* or it would stop us */
        pthread_sigmask(SIG_BLOCK, &set, &kept);
        tcsetattr(guard.input, TCSANOW, &guard.before);
        pthread_sigmask(SIG_SETMASK, &kept, NULL);
    }
    atomic_store(&guard.state, (int)next);
}

bool guard_on_screen(void)
{
    return atomic_load(&guard.state) == STATE_ON && !atomic_load(&guard_flags.resumed);
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
        leave_screen(STATE_OFF);
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

/* --- handlers ------------------------------------------------------------------------------ */

static void wake(void)
{
    const char byte = 0;
    const int  kept = errno;
    if (write(guard.wake[1], &byte, 1) < 0) {
        errno = kept; /* full: it is awake */
    }
    errno = kept;
}

static void set_action(int number, void (*handler)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

/* The default action of a signal, also inside its own handler. */
static void raise_default(int number)
{
    sigset_t set;
    set_action(number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    raise(number);
}

static void on_stuck(int number)
{
    (void)number;
    raise_default(atomic_load(&guard.dying));
}

/* The last thing before the program dies of a signal. */
static void restore_for_death(int number)
{
    sigset_t set;
    atomic_store(&guard.dying, number);
    set_action(SIGALRM, on_stuck);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    alarm(STUCK_SECONDS);
    leave_screen(STATE_OVER);
    stderr_release();
    alarm(0);
}

/* A child that was forked without exec has our handlers, but not our terminal. */
static bool is_child(int number)
{
    if (getpid() == guard.process) {
        return false;
    }
    raise_default(number);
    return true;
}

/* The program may end as it sees fit; one that did not look since the last time is stuck. */
static void on_request(int number)
{
    const int kept = errno;
    if (is_child(number)) {
        return;
    }
    if (atomic_load(&guard_flags.stop) || atomic_load(&guard_flags.interrupt)) {
        restore_for_death(number);
        raise_default(number);
    }
    atomic_store(number == SIGTERM ? &guard_flags.stop : &guard_flags.interrupt, true);
    wake();
    errno = kept;
}

static void on_notice(int number)
{
    atomic_store(number == SIGHUP     ? &guard_flags.hang_up
                 : number == SIGWINCH ? &guard_flags.resized
                                      : &guard_flags.resumed,
                 true);
    wake();
}

/* Only in the thread that draws, so that the terminal is not left in the middle of a frame. */
static void on_terminal_stop(int number)
{
    const int kept = errno;
    if (is_child(number)) {
        return;
    }
    if (!pthread_equal(pthread_self(), guard.owner)) {
        pthread_kill(guard.owner, number);
        errno = kept;
        return;
    }
    struct sigaction ours;
    sigaction(number, NULL, &ours);
    leave_screen(STATE_OFF);
    raise_default(number); /* until SIGCONT */
    sigaction(number, &ours, NULL);
    atomic_store(&guard_flags.resumed, true);
    wake();
    errno = kept;
}

/* Restores, then lets happen what would have happened: death, or the report of a sanitizer, whose handler finds the
 * fault again when this one returns to it. */
static void on_crash(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (is_child(number)) {
        return;
    }
    restore_for_death(number);
    const struct sigaction *before = NULL;
    for (int i = 0; i < USES; i++) {
        before = uses[i].number == number ? &uses[i].before : before;
    }
    const bool handled = before != NULL && ((before->sa_flags & SA_SIGINFO) != 0 ||
                                            (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN));
    const bool again   = info->si_code > 0 && number != SIGQUIT && number != SIGABRT;
    if (handled) {
        sigaction(number, before, NULL);
    } else {
        set_action(number, SIG_DFL);
    }
    if (!handled || !again) {
        raise(number); /* comes when this handler returns: a core file shows where it was */
    }
}

bool guard_is_suspend(char byte)
{
    struct sigaction action;
    return guard.before.c_cc[VSUSP] != _POSIX_VDISABLE && (char)guard.before.c_cc[VSUSP] == byte &&
           (guard.before.c_lflag & ISIG) != 0 && sigaction(SIGTSTP, NULL, &action) == 0 &&
           action.sa_handler == on_terminal_stop;
}

void guard_suspend(void)
{
    struct sigaction ours;
    sigaction(SIGTSTP, NULL, &ours);
    leave_screen(STATE_OFF);
    set_action(SIGTSTP, SIG_DFL);
    stop_job(SIGTSTP);
    sigaction(SIGTSTP, &ours, NULL);
    atomic_store(&guard_flags.resumed, true);
}

static void at_exit(void)
{
    if (guard.open && getpid() == guard.process) {
        leave_screen(STATE_OVER);
        stderr_release();
    }
}

/* --- opening and closing ---------------------------------------------------------------------- */

static bool is_ignored(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) == 0 && action->sa_handler == SIG_IGN;
}

static void take_signals(void)
{
    for (int i = 0; i < USES; i++) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        sigemptyset(&action.sa_mask);
        action.sa_flags = SA_RESTART;
        switch (uses[i].number) {
        case SIGTERM:
        case SIGINT: action.sa_handler = on_request; break;
        case SIGHUP:
        case SIGCONT:
        case SIGWINCH: action.sa_handler = on_notice; break;
        case SIGTSTP: action.sa_handler = on_terminal_stop; break;
        default: action.sa_sigaction = on_crash; action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        }
        sigaction(uses[i].number, NULL, &uses[i].before);
        /* What was ignored when the program started (nohup, a shell without jobs) stays so. */
        const bool asked = action.sa_handler == on_request || uses[i].number == SIGHUP || uses[i].number == SIGTSTP ||
                           uses[i].number == SIGQUIT;
        uses[i].taken = !(asked && is_ignored(&uses[i].before));
        if (uses[i].taken) {
            sigaction(uses[i].number, &action, NULL);
        }
    }
}

static void give_signals_back(void)
{
    for (int i = 0; i < USES; i++) {
        if (uses[i].taken) {
            sigaction(uses[i].number, &uses[i].before, NULL);
            uses[i].taken = false;
        }
    }
}

static Status open_wake(Error *error)
{
    if (pipe(guard.wake) != 0) {
        return error_set(error, STATUS_FAILED, "cannot open the terminal: no pipe: %s", strerror(errno));
    }
    for (int i = 0; i < 2; i++) {
        fcntl(guard.wake[i], F_SETFD, FD_CLOEXEC);
        fcntl(guard.wake[i], F_SETFL, O_NONBLOCK);
    }
    return STATUS_OK;
}

static void take_crash_stack(void)
{
    if (sigaltstack(NULL, &guard.stack_before) == 0 && (guard.stack_before.ss_flags & SS_DISABLE) != 0) {
        const stack_t stack = {.ss_sp = crash_stack, .ss_size = sizeof crash_stack};
        sigaltstack(&stack, NULL);
    }
}

Status guard_open(const TerminalCaps *caps, int input, int output, Error *error)
{
    static bool registered;
    if (!registered && atexit(at_exit) != 0) {
        return error_set(error, STATUS_FAILED, "cannot open the terminal: out of memory");
    }
    registered = true;
    if (open_wake(error) != STATUS_OK) {
        return STATUS_FAILED;
    }
    atomic_store(&guard_flags.stop, false);
    atomic_store(&guard_flags.interrupt, false);
    atomic_store(&guard_flags.hang_up, false);
    atomic_store(&guard_flags.resized, false);
    atomic_store(&guard_flags.resumed, false);
    atomic_store(&guard.state, STATE_OFF);
    guard.process = getpid();
    guard.owner   = pthread_self();
    guard.input   = input;
    guard.output  = output;
    guard.enter   = caps->enter;
    guard.leave   = caps->leave;
    take_crash_stack();
    take_signals(); /* before the terminal is changed */
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
    leave_screen(STATE_OFF);
    guard.open = false;
    give_signals_back();
    block_stop(false);
    for (int i = 0; i < 2; i++) {
        close(guard.wake[i]);
        guard.wake[i] = -1;
    }
    if ((guard.stack_before.ss_flags & SS_DISABLE) != 0) {
        sigaltstack(&guard.stack_before, NULL);
    }
}

int guard_wake_descriptor(void)
{
    return guard.wake[0];
}

void guard_awake(void)
{
    char bytes[64];
    while (read(guard.wake[0], bytes, sizeof bytes) > 0) {
    }
}
