/* bench_history RUN [TEXT]
 *
 * How long a run takes to open: seconds, MB/s and memory; the longest a single history_update(history, 0.02) took,
 * which is what a screen would stand still for; and looking for TEXT in every trace. Each line is measured on a History
 * of its own, after the files have been read once, so that they are in memory. */
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "rlsp/run/history.h"

static double seconds_of(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static double megabytes_of(const char *run, const char *name)
{
    char path[1200];
    snprintf(path, sizeof path, "%.1000s/%s", run, name);
    FILE *file = fopen(path, "rb");
    long  size = file != NULL && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    return (double)size / 1e6;
}

static History *open_run(const char *path)
{
    Error    error   = {0};
    History *history = history_open(path, &error);
    if (history == NULL) {
        fprintf(stderr, "bench_history: %s\n", error.text);
    }
    return history;
}

/* In steps of `budget` seconds; the longest of them, of CPU: others may use the machine, too. */
static double read_all(History *history, double budget, double *wall, double *cpu)
{
    const double start = seconds_of(CLOCK_MONOTONIC), cpu_start = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    double       longest = 0, mark = cpu_start, now;
    for (bool more = true; more; mark = now) {
        more    = history_update(history, budget);
        now     = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
        longest = now - mark > longest ? now - mark : longest;
    }
    *wall = seconds_of(CLOCK_MONOTONIC) - start;
    *cpu  = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu_start;
    return longest;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("usage: bench_history RUN [TEXT]\n", stderr);
        return 2;
    }
    const double megabytes = megabytes_of(argv[1], "events.jsonl") + megabytes_of(argv[1], "traces.jsonl");
    double       wall, cpu, longest = 0;
    History     *history = NULL;
    for (int turn = 0; turn < 6; turn++) { /* the first brings the files into memory; the last in steps */
        history_close(history);
        history = open_run(argv[1]);
        if (history == NULL) {
            return 2;
        }
        longest = read_all(history, turn == 5 ? 0.02 : 0, &wall, &cpu);
        if (turn > 0) {
            printf("%-10s %.0f MB, %zu steps, %zu traces: %.3f s (%.3f s of CPU), %.0f MB/s\n",
                   turn == 5 ? "in steps" : "at once", megabytes, history_series(history, HISTORY_RL, 0).count,
                   history_trace_count(history), wall, cpu, megabytes / cpu);
        }
    }
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf("%-10s %.1f ms of CPU the longest step; peak of memory %.0f MB\n", "", 1e3 * longest,
           (double)use.ru_maxrss / 1024);
    const double start = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    size_t       found = 0;
    for (size_t i = 0; i < history_trace_count(history); i++) {
        found += history_trace_contains(history, i, argc > 2 ? argv[2] : "no such text");
    }
    printf("%-10s %zu found in %.3f s of CPU\n", "search", found, seconds_of(CLOCK_PROCESS_CPUTIME_ID) - start);
    history_close(history);
    return 0;
}
