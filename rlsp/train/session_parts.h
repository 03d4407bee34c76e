/* What the files of a session share: session.c (its stages), session_open.c (opening and closing a run),
 * session_tokenizer.c, session_policy.c (the model to be trained), session_checkpoint.c, session_evaluate.c. */
#ifndef RLSP_TRAIN_SESSION_PARTS_H
#define RLSP_TRAIN_SESSION_PARTS_H

#include "rlsp/train/session.h"

enum { SESSION_PATH_SIZE = RUN_PATH_SIZE + 64 };

/* SESSION_PATH_SIZE bytes of "directory/name". */
const char *session_inside(char *buffer, const char *directory, const char *name);

Status session_out_of_memory(Error *error);

/* The tokenizer of the config, or the task's own, written into the run; the task is prepared with it. */
Status session_open_tokenizer(Session *session, Error *error);
/* Copies the tokenizer's files into a model's directory. */
Status session_copy_tokenizer(const Session *session, const char *directory, Error *error);

/* The policy as the config or the checkpoint has it, with its adapter and its end tokens. Needs device and tokenizer.
 */
Status session_open_policy(Session *session, Error *error);

#endif
