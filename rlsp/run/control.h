/* Control: what a dashboard asks of a run in another process, as lines on a pipe.
 *
 *     // the dashboard
 *     control_send(descriptor, CONTROL_PAUSE, NULL, &error);
 *     // the trainer, between steps
 *     Control *control = control_new(descriptor);
 *     while ((command = control_next(control, text, sizeof text)) != CONTROL_NONE) { … }
 *
 * A line is a word and, for a sample, the prompt as a JSON string. A reader skips
 * lines that it does not know and never waits. When the other end is closed (the dashboard
 * was left, or died), there are simply no more commands: training goes on.
 */
#ifndef RLSP_RUN_CONTROL_H
#define RLSP_RUN_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/error.h"

typedef enum ControlCommand {
    CONTROL_NONE,
    CONTROL_PAUSE,      /* after this step, until CONTROL_RESUME (or stop) */
    CONTROL_RESUME,
    CONTROL_CHECKPOINT, /* after this step */
    CONTROL_SAMPLE,     /* one response to the text, after this step: a trace of stage "sample" */
    CONTROL_STOP        /* finish the step, save, end */
} ControlCommand;

typedef struct Control Control;

Control *control_new(int descriptor); /* takes the descriptor over; NULL when out of memory */
void     control_free(Control *control);
/* The next command, CONTROL_NONE if there is none now. `text` gets the prompt of a sample, cut to `size`. */
ControlCommand control_next(Control *control, char *text, size_t size);
/* Waits for up to `seconds` until something can be read; false if nothing came or the other end is closed. */
bool   control_wait(Control *control, double seconds);
bool   control_closed(const Control *control); /* the other end has gone */
Status control_send(int descriptor, ControlCommand command, const char *text, Error *error);

#endif
