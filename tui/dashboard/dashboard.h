/* Dashboard: the screen of `rlsp train` and `rlsp watch`.
 *
 *     DashboardOptions options = {.runs = paths, .run_count = 1, .control = -1, .output = -1, .child = 0};
 *     int code = dashboard_run(&options, &error);
 *
 * It reads the files of runs (rlsp/run/history.h) and never touches a model. For a run that this
 * command started it also has a pipe for commands and the trainer's output, which goes to the log pane.
 */
#ifndef RLSP_TUI_DASHBOARD_H
#define RLSP_TUI_DASHBOARD_H

#include <sys/types.h>

#include "engine/error.h"

typedef struct DashboardOptions {
    const char *const *runs; /* [run_count] run directories; the first is the one whose traces are shown */
    int                run_count;
    double             replay;        /* > 0: plays a finished run, so many times as fast as it went */
    int                control;       /* descriptor for commands to the trainer; -1: only watching */
    int                output;        /* descriptor of the trainer's stdout and stderr; -1: none   */
    pid_t              child;         /* the trainer; 0: none                                   */
    const char        *picture;       /* not NULL: writes the screen as this PNG and ends, no terminal needed */
    const char        *text;          /* not NULL: likewise as text ("-": stdout)               */
    int                width, height; /* of that picture, in cells                        */
    const char        *keys;          /* pressed before it is taken: "\e" Escape, "\r" Enter, "\t" Tab; NULL: none */
} DashboardOptions;

typedef enum DashboardEnd {
    DASHBOARD_LEFT,     /* the user left a run that has ended, or one that is only watched */
    DASHBOARD_DETACHED, /* training goes on without a screen        */
    DASHBOARD_STOPPED   /* the trainer has ended: reap it           */
} DashboardEnd;

enum { DASHBOARD_RUNS_MAX = 6 };

/* Runs until the user leaves; *end says how. With `picture` or `text`: reads the runs to their end, draws once. */
Status dashboard_run(const DashboardOptions *options, DashboardEnd *end, Error *error);

#endif
