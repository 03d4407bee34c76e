#include "rlsp/cli/train_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/io/file.h"
#include "rlsp/run/progress.h"

/* What is reported: "ready\n", then at the end a line that says why. */
static const char ready_line[] = "ready\n";
enum { FOLLOW_MS = 300, READ_END = 0, WRITE_END = 1 };

/* --- starting --------------------------------------------------------------------- */

static void close_both(int ends[2])
{
    close(ends[READ_END]);
    close(ends[WRITE_END]);
}

/* Pipes that no program started later inherits. */
static Status make_pipes(int pipes[3][2], Error *error)
{
    for (int i = 0; i < 3; i++) {
        if (pipe(pipes[i]) != 0) {
            Status status = error_set(error, STATUS_FAILED, "cannot start the trainer: no pipe: %s", strerror(errno));
            while (i-- > 0) {
                close_both(pipes[i]);
            }
            return status;
        }
        fcntl(pipes[i][READ_END], F_SETFD, FD_CLOEXEC);
        fcntl(pipes[i][WRITE_END], F_SETFD, FD_CLOEXEC);
    }
    return STATUS_OK;
}

/* stdin reads nothing; stdout and stderr never make the trainer wait. */
static void set_standard_files(int output)
{
    const int nothing = open("/dev/null", O_RDWR);
    fcntl(output, F_SETFL, fcntl(output, F_GETFL) | O_NONBLOCK);
    dup2(nothing, 0);
    dup2(output, 1);
    dup2(output, 2);
    if (nothing > 2) {
        close(nothing);
    }
    close(output);
}

static double unix_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

Status train_process_start(TrainProcess *process, int (*body)(const TrainChild *child, void *user), void *user,
                           Error *error)
{
    enum { CONTROL, OUTPUT, REPORT };
    int    pipes[3][2];
    Status status = make_pipes(pipes, error);
    if (status != STATUS_OK) {
        return status;
    }
    fflush(NULL);
    const double started = unix_time();
    const pid_t  pid     = fork();
    if (pid < 0) {
        for (int i = 0; i < 3; i++) {
            close_both(pipes[i]);
        }
        return error_set(error, STATUS_FAILED, "cannot start the trainer: %s", strerror(errno));
    }
    if (pid == 0) {
        const TrainChild child = {.control = pipes[CONTROL][READ_END], .report = pipes[REPORT][WRITE_END]};
        close(pipes[CONTROL][WRITE_END]);
        close(pipes[OUTPUT][READ_END]);
        close(pipes[REPORT][READ_END]);
        setsid();
        set_standard_files(pipes[OUTPUT][WRITE_END]);
        exit(body(&child, user));
    }
    close(pipes[CONTROL][READ_END]);
    close(pipes[OUTPUT][WRITE_END]);
    close(pipes[REPORT][WRITE_END]);
    *process = (TrainProcess){.pid     = pid,
                              .control = pipes[CONTROL][WRITE_END],
                              .output  = pipes[OUTPUT][READ_END],
                              .report  = pipes[REPORT][READ_END],
                              .started = started};
    return STATUS_OK;
}

/* --- waiting ------------------------------------------------------------------------ */

static volatile sig_atomic_t trainer; /* who gets the signals */

static void pass_on(int number)
{
    const int kept = errno;
    kill((pid_t)trainer, number);
    errno = kept;
}

typedef struct Passing {
    struct sigaction interrupt, terminate; /* as they were */
} Passing;

static void pass_signals(const TrainProcess *process, Passing *old)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = pass_on;
    action.sa_flags   = SA_RESTART;
    trainer           = (sig_atomic_t)process->pid;
    sigaction(SIGINT, &action, &old->interrupt);
    sigaction(SIGTERM, &action, &old->terminate);
}

static void keep_signals(const Passing *old)
{
    sigaction(SIGINT, &old->interrupt, NULL);
    sigaction(SIGTERM, &old->terminate, NULL);
}

/* Copies what is there to stderr; false at its end. */
static bool copy_output(const TrainProcess *process)
{
    char          text[4096];
    const ssize_t got = read(process->output, text, sizeof text);
    if (got > 0) {
        fwrite(text, 1, (size_t)got, stderr);
    }
    return got > 0 || (got < 0 && errno == EINTR);
}

bool train_process_ready(TrainProcess *process)
{
    Passing       old;
    struct pollfd wanted[2] = {{.fd = process->report, .events = POLLIN}, {.fd = process->output, .events = POLLIN}};
    bool          ready = false, ended = false;
    size_t        seen = 0;
    pass_signals(process, &old);
    while (!ready && !ended) {
        if (poll(wanted, 2, -1) <= 0) {
            continue;
        }
        if (wanted[1].revents != 0 && !copy_output(process)) {
            wanted[1].fd = -1;
        }
        if (wanted[0].revents != 0) { /* a byte at a time: what comes after the line is for later */
            char          byte;
            const ssize_t got = read(process->report, &byte, 1);
            ended             = got == 0 || (got == 1 && byte != ready_line[seen]);
            seen += got == 1;
            ready = !ended && seen == sizeof ready_line - 1;
        }
    }
    while (ended && wanted[1].fd >= 0 && copy_output(process)) {
    }
    keep_signals(&old);
    return ready;
}

void train_process_follow(TrainProcess *process, const char *run)
{
    Passing       old;
    char         *path     = path_join(run, "events.jsonl");
    EventReader  *reader   = path != NULL ? event_reader_open(path, NULL) : NULL;
    Progress     *progress = progress_new(stderr, isatty(2) == 1);
    struct pollfd wanted   = {.fd = process->output, .events = POLLIN};
    bool          more     = true;
    pass_signals(process, &old);
    while (more) {
        more = poll(&wanted, 1, FOLLOW_MS) <= 0 || copy_output(process);
        for (Event *event; reader != NULL && (event = event_reader_next(reader)) != NULL; event_free(event)) {
            if (progress != NULL && event_number(event, "time_unix", 0.0) >= process->started) {
                progress_event(progress, event);
            }
        }
    }
    keep_signals(&old);
    progress_free(progress);
    event_reader_close(reader);
    free(path);
}

/* --- the end ------------------------------------------------------------------------- */

void train_process_leave(TrainProcess *process)
{
    close(process->control);
    close(process->output);
    close(process->report);
}

int train_process_finish(TrainProcess *process, const char *run, bool say)
{
    Passing old;
    int     status = 0;
    char    why[700];
    pass_signals(process, &old);
    pid_t reaped;
    do {
        reaped = waitpid(process->pid, &status, 0);
    } while (reaped < 0 && errno == EINTR);
    keep_signals(&old);
    const ssize_t got       = read(process->report, why, sizeof why - 1); /* its other end is closed: no waiting */
    why[got > 0 ? got : 0]  = '\0';
    why[strcspn(why, "\n")] = '\0';
    train_process_leave(process);
    if (reaped < 0) {
        fprintf(stderr, "rlsp train: cannot tell how the trainer ended: %s; see %s/log.txt\n", strerror(errno), run);
        return 1;
    }
    if (WIFSIGNALED(status)) {
        fprintf(stderr,
                "rlsp train: the trainer was ended by signal %d (%s); rlsp train --resume %s goes on from the last "
                "checkpoint\n",
                WTERMSIG(status), strsignal(WTERMSIG(status)), run);
        return 1;
    }
    if (say && why[0] != '\0') {
        fprintf(stderr, "rlsp train: %s\n", why);
    }
    return WEXITSTATUS(status);
}

/* --- in the trainer ------------------------------------------------------------------ */

static void report(const TrainChild *child, const char *text)
{
    const ssize_t put = write(child->report, text, strlen(text));
    (void)put; /* whoever started it may have gone */
}

void train_child_ready(const TrainChild *child)
{
    report(child, ready_line);
}

void train_child_ends(const TrainChild *child, const char *text)
{
    char line[700];
    snprintf(line, sizeof line, "%.690s\n", text);
    report(child, line);
}

void train_child_print_to_log(const char *run)
{
    char     *path = path_join(run, "log.txt");
    const int log  = path != NULL ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
    if (log >= 0) {
        dup2(log, 1);
        dup2(log, 2);
        close(log);
    }
    free(path);
}
