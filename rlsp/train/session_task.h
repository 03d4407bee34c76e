/* What a session says of its task's problems. */
#ifndef RLSP_TRAIN_SESSION_TASK_H
#define RLSP_TRAIN_SESSION_TASK_H

#include "rlsp/train/session.h"

/* For run_start: how many problems a jsonl task has, and how many were left out. The number of fields written. */
enum { SESSION_TASK_FIELDS = 5 };
int session_task_fields(const Session *session, EventField fields[SESSION_TASK_FIELDS]);

/* Logs the same in words; what was left out, and answers that are compared as text, as warnings. */
void session_task_log(const Session *session);

/* How many problems there are, for a checkpoint; and whether a resumed run finds as many: the order in which they are
 * drawn depends on it. */
void   session_task_note(const Session *session, Checkpoint *checkpoint);
Status session_task_check(const Session *session, Error *error);

#endif
