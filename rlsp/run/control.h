/* Control: what a dashboard asks of a run in another process, as lines on a pipe.
 *
 *     // the dashboard
 *     control_send(descriptor, CONTROL_PAUSE, NULL, &error);
 *     // the trainer, between steps
 *     Control *control = control_new(descriptor);
 *     while ((command = control_next(control, text, sizeof text)) != CONTROL_NONE) { … }
 *
 * A line is a word ("pause", "resume", "checkpoint", "stop"), or "sample" with the prompt as
 * a JSON string: sample "Numbers 3,7,20. Target 53.". A reader skips lines that it does not
 * know and never waits. When the other end is closed (the dashboard was left, or died), there are
 * simply no more commands: training goes on.
 *
 * A program that sends has to ignore SIGPIPE, as `rlsp` does.
 */
#ifndef RLSP_RUN_CONTROL_H
#define RLSP_RUN_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/error.h"

typedef enum ControlCommand {
    CONTROL_NONE,
    CONTROL_PAUSE, /* after this step, until CONTROL_RESUME (or stop) */
    CONTROL_RESUME,
    CONTROL_CHECKPOINT, /* after this step */
    CONTROL_SAMPLE,     /* one response to the text, after this step: a trace of stage "sample" */
    CONTROL_STOP        /* finish the step, save, end */
} ControlCommand;

/* Bytes of a sample's prompt, at most; and of any line, where each byte may take six. */
enum { CONTROL_TEXT_MAX = 8192, CONTROL_LINE_MAX = 6 * CONTROL_TEXT_MAX + 64 };

typedef struct Control Control;

Control *control_new(int descriptor); /* takes the descriptor over; NULL (and the descriptor open) when out of memory */
void     control_free(Control *control); /* NULL is allowed */

/* The next command, CONTROL_NONE if there is none now. `text` gets the prompt of a sample, cut
 * to `size` bytes with its NUL, between characters; "" for the others. */
ControlCommand control_next(Control *control, char *text, size_t size);

/* Waits, asleep, for up to `seconds` until something can be read; false if nothing came, a signal
 * did, or the other end is closed. */
bool control_wait(Control *control, double seconds);
bool control_closed(const Control *control); /* the other end has gone, and all that it sent has been given out */

/* Sends one command; `text` is the prompt of CONTROL_SAMPLE, else ignored. Never waits longer than a
 * second: STATUS_FAILED if the trainer has gone, or does not read (it reads between steps, and a pipe
 * has room for hundreds of commands). STATUS_BAD_INPUT for a text of more than CONTROL_TEXT_MAX bytes. Makes the
 * descriptor non-blocking. */
Status control_send(int descriptor, ControlCommand command, const char *text, Error *error);

#endif
