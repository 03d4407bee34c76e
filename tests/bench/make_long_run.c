/* make_long_run RECORDED OUT STEPS TRACES_PER_STEP [EXTRA]
 *
 * Writes a run of STEPS rl_steps, an evaluation every hundred, with TRACES_PER_STEP traces each, into the new directory
 * OUT: the lines of the run RECORDED over and over, with other steps and times, and EXTRA more metrics in every
 * rl_step.
 *
 *     make_long_run tests/data/run-recorded /tmp/long 100000 10 && bench_history /tmp/long; rm -r /tmp/long */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"

enum { TEMPLATES = 1024, EVAL_EVERY = 100 };

/* The lines of a file that begin with a text, each after its step and without its time. */
typedef struct Templates {
    char *lines[TEMPLATES];
    int   count;
} Templates;

static char *slurp(const char *directory, const char *name)
{
    char  *path = path_join(directory, name), *text = NULL;
    size_t bytes;
    Error  error = {0};
    if (path == NULL || file_read(path, (size_t)1 << 30, &text, &bytes, &error) != STATUS_OK) {
        fprintf(stderr, "make_long_run: %s\n", error.text);
        exit(2);
    }
    free(path);
    return text;
}

static void gather(Templates *templates, char *text, const char *type)
{
    char begin[64];
    int  bytes = snprintf(begin, sizeof begin, "{\"event\":\"%s\",\"step\":", type);
    for (char *line = text, *next; line != NULL && *line != '\0' && templates->count < TEMPLATES; line = next) {
        next = strchr(line, '\n');
        next = next != NULL ? next + 1 : NULL;
        if (next == NULL || strncmp(line, begin, (size_t)bytes) != 0) {
            continue;
        }
        char *rest = strchr(line, ',') + 1, *copy;
        rest       = strchr(rest, ',');
        copy       = strndup(rest, (size_t)(next - rest) - 2); /* without } and newline */
        char *time = strstr(copy, ",\"time_unix\":");
        if (time != NULL) {
            *time = '\0';
        }
        templates->lines[templates->count++] = copy;
    }
}

static FILE *create(const char *directory, const char *name)
{
    char *path = path_join(directory, name);
    FILE *file = path != NULL ? fopen(path, "wx") : NULL;
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    free(path);
    return file;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fputs("usage: make_long_run RECORDED OUT STEPS TRACES_PER_STEP [EXTRA]\n", stderr);
        return 2;
    }
    const int steps = atoi(argv[3]), per_step = atoi(argv[4]), extra = argc > 5 ? atoi(argv[5]) : 0;
    char     *recorded = slurp(argv[1], "events.jsonl"), *recorded_traces = slurp(argv[1], "traces.jsonl");
    Templates rl = {0}, evals = {0}, traces = {0};
    Error     error = {0};
    gather(&rl, recorded, "rl_step");
    gather(&evals, recorded, "eval");
    gather(&traces, recorded_traces, "trace");
    if (rl.count == 0 || evals.count == 0 || traces.count == 0 || file_make_directories(argv[2], &error) != STATUS_OK) {
        fprintf(stderr, "make_long_run: %s\n", error.text[0] != '\0' ? error.text : "the recorded run lacks lines");
        return 2;
    }
    FILE  *events = create(argv[2], "events.jsonl"), *lines = create(argv[2], "traces.jsonl");
    double time = 1.8e9;
    fprintf(events, "{\"event\":\"run_start\",\"step\":0,\"format\":1,\"name\":\"long\",\"time_unix\":%.7f}\n", time);
    for (int step = 1, trace = 0; step <= steps; step++, time += 1.7) {
        fprintf(events, "{\"event\":\"rl_step\",\"step\":%d%s", step, rl.lines[step % rl.count]);
        for (int i = 0; i < extra; i++) {
            fprintf(events, ",\"another_metric_%d\":%.9g", i, (double)(step % 1000 + i) / 997);
        }
        fprintf(events, ",\"time_unix\":%.7f}\n", time);
        for (int i = 0; i < per_step; i++, trace++) {
            fprintf(lines, "{\"event\":\"trace\",\"step\":%d%s}\n", step, traces.lines[trace % traces.count]);
        }
        if (step % EVAL_EVERY == 0) {
            fprintf(events, "{\"event\":\"eval\",\"step\":%d%s,\"time_unix\":%.7f}\n", step,
                    evals.lines[step / EVAL_EVERY % evals.count], time);
        }
    }
    if (fclose(events) != 0 || fclose(lines) != 0) {
        perror("make_long_run: cannot write the run");
        return 1;
    }
    for (int i = 0; i < TEMPLATES; i++) {
        free(rl.lines[i]);
        free(evals.lines[i]);
        free(traces.lines[i]);
    }
    free(recorded);
    free(recorded_traces);
    return 0;
}
