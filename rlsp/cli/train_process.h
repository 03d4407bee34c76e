/* Train process: the trainer in a process of its own, without a terminal.
 *
 *     TrainProcess process;
 *     if (train_process_start(&process, body, user, &error) == STATUS_OK) {   // forks
 *         if (train_process_ready(&process)) {   // the run has been opened
 *             …control_send(process.control, …), read process.output…
 *         }
 *         exit_code = train_process_finish(&process, run, true);
 *     }
 *
 * Fork before anything that starts threads or opens a device. The trainer is the leader of a session of its own: no
 * key, no closed terminal and no crash of the process that started it reaches it. It reads nothing, and what it prints
 * goes to a pipe; what nobody reads from there is lost, never waited for. It reports through a second pipe when its run
 * is open, and why it ended.
 */
#ifndef RLSP_CLI_TRAIN_PROCESS_H
#define RLSP_CLI_TRAIN_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "engine/error.h"

typedef struct TrainProcess {
    pid_t  pid;
    int    control; /* for control_send                          */
    int    output;  /* what the trainer prints; end of file when it ends */
    int    report;  /* train_process_ready and _finish read it   */
    double started; /* Unix time */
} TrainProcess;

/* The trainer's ends. */
typedef struct TrainChild {
    int control; /* for control_new */
    int report;
} TrainChild;

/* Forks; the trainer runs `body` and exits with what it returns. */
Status train_process_start(TrainProcess *process, int (*body)(const TrainChild *child, void *user), void *user,
                           Error *error);

/* Waits until the trainer has opened its run; false if it ended before. Meanwhile what it prints is copied to stderr,
 * and SIGINT and SIGTERM are passed on to it. */
bool train_process_ready(TrainProcess *process);

/* Shows what the run does from its start here on, as lines on stderr, until the trainer ends, with what it prints
 * between them; signals as above. */
void train_process_follow(TrainProcess *process, const char *run);

/* Waits for the trainer's end and gives its exit code, 1 if a signal ended it; stderr is told about that. `say`: also
 * why else it ended, if not because it was done, where nobody has seen what it printed itself. */
int train_process_finish(TrainProcess *process, const char *run, bool say);

/* Closes the ends; the trainer goes on alone. */
void train_process_leave(TrainProcess *process);

/* In the trainer: its run is open; it ends because of `text`. */
void train_child_ready(const TrainChild *child);
void train_child_ends(const TrainChild *child, const char *text);

/* In the trainer, when nobody reads what it prints any more: stdout and stderr go to RUN/log.txt. */
void train_child_print_to_log(const char *run);

#endif
