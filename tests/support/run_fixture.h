/* Whole runs, for the tests of what shows them, and what a canvas shows. They are written once; files that change
 * while they are read are in run_folder.h.
 *
 *     History *run = run_fixture_rl("directory", "name");
 *     …
 *     history_close(run);
 */
#ifndef TESTS_SUPPORT_RUN_FIXTURE_H
#define TESTS_SUPPORT_RUN_FIXTURE_H

#include <stdio.h>

#include "rlsp/run/history.h"
#include "tui/draw/canvas.h"

enum { RUN_FIXTURE_STEPS = 60 };

/* Read to the end; the test fails if it cannot be. To be closed. */
History *run_fixture_open(const char *path);
/* A run directory of that name, in fixture_directory(), with such lines of events. */
History *run_fixture_make(const char *name, const char *events);

/* RL with the fields that panes show: 100 traces a step, RUN_FIXTURE_STEPS of 100 steps of 2 s, an evaluation every 20.
 */
History *run_fixture_rl(const char *directory, const char *name);
History *run_fixture_sft(void);          /* 20 of 30 steps, on a CPU            */
History *run_fixture_nothing(void);      /* no event                            */
History *run_fixture_not_a_number(void); /* steps, but no number to be drawn    */
History *run_fixture_extreme(void);      /* numbers that no run should have     */

/* What a canvas shows, as lines; to be freed. */
char *run_fixture_text(const Canvas *canvas);

/* A text that grows: run_text_end gives its bytes, to be freed. */
typedef struct RunText {
    char  *bytes;
    size_t length;
    FILE  *file;
} RunText;
FILE       *run_text_begin(RunText *text);
const char *run_text_end(RunText *text);

#endif
