/* Session control: what a user asks of a run meanwhile, and when it is done.
 *
 *     status = session_between_steps(session, &place, &error);   // after each step of a stage
 *     options.stop = session_attend, options.user = session;     // of an evaluation
 *
 * Commands come through SessionOptions.control and, for an end, the stop flag. Between two steps:
 *   checkpoint  saves one at once, unless this step has one;
 *   sample      generates one response (sample.h) and writes it to traces.jsonl;
 *   pause       sleeps until resume, stop, or the other end of the commands is closed. A run whose dashboard
 *               has gone would wait for nobody: it goes on;
 *   stop        saves and ends with STATUS_STOPPED.
 * In an evaluation, pause works between two batches of tokens, and stop ends it; the rest waits until it is done.
 *
 * None of it changes what is trained: a run that was paused, saved, sampled or stopped, and resumed, comes to
 * the parameters and events of an unbroken one (see events.h for what it has besides). What is done is said in
 * a notice. A wish that cannot be fulfilled (a prompt that has no tokens or is too long, no room for one more
 * checkpoint) is a warning, not the end of the run.
 */
#ifndef RLSP_TRAIN_SESSION_CONTROL_H
#define RLSP_TRAIN_SESSION_CONTROL_H

#include "rlsp/train/session.h"

/* `place`: where a checkpoint of this step lies. */
Status session_between_steps(Session *session, const SessionPlace *place, Error *error);

/* For EvalOptions.stop; `session` is the Session. True: stop. */
bool session_attend(void *session);

/* The same without pausing, for work that is done in a pause. */
bool session_wants_end(Session *session);

/* What the session is at. What takes long is told in a notice, after ten seconds and then every minute, while
 * the device is at work. `begin`: something else than before, whose seconds count from here; else the same, further on.
 * An empty text: nothing to tell of. */
void session_doing(Session *session, bool begin, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* For gpu_on_work; `session` is the Session: says it if it is time to. */
void session_tell(void *session);

void session_forget_wishes(Session *session); /* frees what they hold */

#endif
