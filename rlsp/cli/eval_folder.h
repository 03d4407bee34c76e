/* The folder of an evaluation: eval.json, which says what its responses are made with, .lock, and the traces. */
#ifndef RLSP_CLI_EVAL_FOLDER_H
#define RLSP_CLI_EVAL_FOLDER_H

#include "rlsp/cli/eval_run.h"

/* Takes run->out for this run alone. An evaluation that was begun there has to be this one (STATUS_BAD_INPUT says what
 * differs); its responses go into run->records. A new folder stays empty. */
Status eval_folder_open(EvalRun *run, Error *error);

/* Begins a new folder, when the device is known: eval.json before anything else. */
Status eval_folder_begin(EvalRun *run, Error *error);

/* Writes eval.json alone: for an evaluation that has grown. */
Status eval_folder_note(const EvalRun *run, Error *error);

#endif
