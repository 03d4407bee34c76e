/* A run directory whose files a test writes on, tears and cuts while they are read: for the tests of reading. One per
 * test, made before it and removed after it. For those of what shows a run, run_fixture.h has whole runs.
 *
 *     cmocka_unit_test_setup_teardown(test_x, folder_make, folder_remove)
 *     …
 *     folder_steps("w", 1, 10, 1);             // ten rl_steps
 *     History *history = folder_open();
 *     folder_check_rewards(history, 10, 11);
 */
#ifndef TESTS_SUPPORT_RUN_FOLDER_H
#define TESTS_SUPPORT_RUN_FOLDER_H

#include "rlsp/run/history.h"

extern char folder[64];

int folder_make(void **state);
int folder_remove(void **state);

const char *folder_path(const char *name);                                    /* valid until the next call */
void        folder_put(const char *name, const char *mode, const char *text); /* mode of fopen: "w", "a" */

/* rl_steps first to last, each with the reward step * scale, a second apart from 1000.5. */
void folder_steps(const char *mode, int first, int last, double scale);
/* So many traces of each. */
void folder_traces(const char *mode, int first, int last, int of_a_step);

History      *folder_open(void); /* and read to the end */
HistorySeries folder_rewards(const History *history);
/* Steps 1 to `last`, of which those from `changed` on have the reward step * 2, the others step. */
void folder_check_rewards(const History *history, int last, int changed);

#endif
