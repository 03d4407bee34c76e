#include "tests/support/run_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "tests/support/run_fixture.h"

char folder[64];

int folder_make(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/rlsp-history-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

int folder_remove(void **state)
{
    (void)state;
    return file_remove(folder, NULL) == STATUS_OK ? 0 : -1;
}

const char *folder_path(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

void folder_put(const char *name, const char *mode, const char *text)
{
    FILE *file = fopen(folder_path(name), mode);
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

void folder_steps(const char *mode, int first, int last, double scale)
{
    FILE *file = fopen(folder_path("events.jsonl"), mode);
    assert_non_null(file);
    for (int step = first; step <= last; step++) {
        fprintf(file, "{\"event\":\"rl_step\",\"step\":%d,\"reward\":%.9g,\"time_unix\":%d.5}\n", step, step * scale,
                1000 + step);
    }
    assert_int_equal(fclose(file), 0);
}

void folder_traces(const char *mode, int first, int last, int of_a_step)
{
    FILE *file = fopen(folder_path("traces.jsonl"), mode);
    assert_non_null(file);
    for (int step = first; step <= last; step++) {
        for (int i = 0; i < of_a_step; i++) {
            fprintf(file, "{\"event\":\"trace\",\"step\":%d,\"stage\":\"rl\",\"index\":%d,\"tokens\":7}\n", step, i);
        }
    }
    assert_int_equal(fclose(file), 0);
}

History *folder_open(void)
{
    return run_fixture_open(folder);
}

HistorySeries folder_rewards(const History *history)
{
    return history_series(history, HISTORY_RL, history_metric(history, HISTORY_RL, "reward"));
}

void folder_check_rewards(const History *history, int last, int changed)
{
    const HistorySeries series = folder_rewards(history);
    assert_int_equal(series.count, last);
    for (int i = 0; i < last; i++) {
        assert_true(series.step[i] == i + 1);
        assert_true(series.value[i] == (float)((i + 1) * (i + 1 >= changed ? 2 : 1)));
    }
}
