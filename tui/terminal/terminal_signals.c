/* What is in a handler makes only calls that POSIX allows there. */
#include "tui/terminal/terminal_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
    STACK_BYTES   = 64 * 1024, /* of the handler of crashes: a stack that overflowed has no room for it */
    STUCK_SECONDS = 2          /* a dying program waits this long for a terminal that takes nothing     */
};

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
    pid_t      process;
    pthread_t  owner; /* the thread that draws */
    int        wake[2];
    atomic_int dying; /* the signal            */
    stack_t    stack_before;
} signals = {.wake = {-1, -1}};

static char crash_stack[STACK_BYTES];

/* --- handlers ---------------------------------------------------------------------------- */

static void wake(void)
{
    const char byte = 0;
    const int  kept = errno;
    if (write(signals.wake[1], &byte, 1) < 0) {
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
    raise_default(atomic_load(&signals.dying));
}

/* The last thing before the program dies of a signal. */
static void restore_for_death(int number)
{
    sigset_t set;
    atomic_store(&signals.dying, number);
    set_action(SIGALRM, on_stuck);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    alarm(STUCK_SECONDS);
    guard_leave(true);
    stderr_release();
    alarm(0);
}

/* A child that was forked without exec has our handlers, but not our terminal. */
static bool is_child(int number)
{
    if (getpid() == signals.process) {
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
    if (!pthread_equal(pthread_self(), signals.owner)) {
        pthread_kill(signals.owner, number);
        errno = kept;
        return;
    }
    struct sigaction ours;
    sigaction(number, NULL, &ours);
    guard_leave(false);
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

/* --- taking and giving back ---------------------------------------------------------------- */

static bool is_ignored(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) == 0 && action->sa_handler == SIG_IGN;
}

static void take_all(void)
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

static void give_back(void)
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
    if (pipe(signals.wake) != 0) {
        return error_set(error, STATUS_FAILED, "cannot open the terminal: no pipe: %s", strerror(errno));
    }
    for (int i = 0; i < 2; i++) {
        fcntl(signals.wake[i], F_SETFD, FD_CLOEXEC);
        fcntl(signals.wake[i], F_SETFL, O_NONBLOCK);
    }
    return STATUS_OK;
}

static void take_crash_stack(void)
{
    if (sigaltstack(NULL, &signals.stack_before) == 0 && (signals.stack_before.ss_flags & SS_DISABLE) != 0) {
        const stack_t stack = {.ss_sp = crash_stack, .ss_size = sizeof crash_stack};
        sigaltstack(&stack, NULL);
    }
}

Status signals_take(Error *error)
{
    if (open_wake(error) != STATUS_OK) {
        return STATUS_FAILED;
    }
    atomic_store(&guard_flags.stop, false);
    atomic_store(&guard_flags.interrupt, false);
    atomic_store(&guard_flags.hang_up, false);
    atomic_store(&guard_flags.resized, false);
    atomic_store(&guard_flags.resumed, false);
    signals.process = getpid();
    signals.owner   = pthread_self();
    take_crash_stack();
    take_all();
    return STATUS_OK;
}

void signals_give_back(void)
{
    give_back();
    for (int i = 0; i < 2; i++) {
        close(signals.wake[i]);
        signals.wake[i] = -1;
    }
    if ((signals.stack_before.ss_flags & SS_DISABLE) != 0) {
        sigaltstack(&signals.stack_before, NULL);
    }
}

bool signals_stop_is_ours(void)
{
    struct sigaction action;
    return sigaction(SIGTSTP, NULL, &action) == 0 && action.sa_handler == on_terminal_stop;
}

void signals_let_stop(bool let)
{
    static struct sigaction ours;
    if (let) {
        sigaction(SIGTSTP, NULL, &ours);
        set_action(SIGTSTP, SIG_DFL);
    } else {
        sigaction(SIGTSTP, &ours, NULL);
    }
}

int signals_descriptor(void)
{
    return signals.wake[0];
}

void signals_awake(void)
{
    char bytes[64];
    while (read(signals.wake[0], bytes, sizeof bytes) > 0) {
    }
}
