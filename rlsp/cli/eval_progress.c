#include "rlsp/cli/eval_progress.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double TERMINAL_SECONDS = 0.2, FILE_SECONDS = 60; /* between two lines */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

void eval_catch_interrupt(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    action.sa_flags   = (int)SA_RESETHAND; /* the second ends the program; what is finished is in the folder */
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

double eval_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void eval_progress_begin(EvalProgress *progress, const EvalRecords *records, uint32_t wanted)
{
    const double now = eval_clock();
    *progress =
        (EvalProgress){.done = records->done, .tokens = records->tokens, .wanted = wanted, .start = now, .shown = now};
}

/* "2 h 05 min", "3 min 20 s", "8 s" */
static void say_time(double seconds, char *out, size_t size)
{
    const unsigned all = seconds < 3.6e8 ? (unsigned)(seconds + 0.5) : 360000000;
    if (all >= 3600) {
        snprintf(out, size, "%u h %02u min", all / 3600, all % 3600 / 60);
    } else if (all >= 60) {
        snprintf(out, size, "%u min %02u s", all / 60, all % 60);
    } else {
        snprintf(out, size, "%u s", all);
    }
}

bool eval_progress_show(const EvalColumn *column, const EvalRecords *records, EvalProgress *progress, uint32_t running)
{
    const bool   terminal = isatty(STDERR_FILENO) == 1;
    const double now      = eval_clock();
    if (now - progress->shown >= (terminal ? TERMINAL_SECONDS : FILE_SECONDS)) {
        const uint64_t done     = records->done - progress->done;
        const double   spent    = now - progress->start;
        char           left[32] = "…", right[32] = "";
        progress->shown = now;
        if (done > 0) {
            say_time(spent / (double)done * (double)(progress->wanted - done), left, sizeof left);
        }
        if (records->done > 0) {
            snprintf(right, sizeof right, ", %.1f%% right so far",
                     100.0 * (double)records->correct / (double)records->done);
        }
        fprintf(stderr, "%s%s: %llu of %u responses, %u at work%s, %.0f tokens/s, %s left%s",
                terminal ? "\r\033[K" : "", column->label, (unsigned long long)done, progress->wanted, running, right,
                (double)(records->tokens - progress->tokens) / spent, left, terminal ? "" : "\n");
        fflush(stderr);
    }
    return interrupted != 0;
}

void eval_progress_end(const EvalProgress *progress)
{
    (void)progress;
    if (isatty(STDERR_FILENO) == 1) {
        fputs("\r\033[K", stderr);
    }
}
