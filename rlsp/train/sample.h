/* Sample: one response to a prompt that a user gives, from the policy as it is now.
 *
 *     status = session_sample(session, "Numbers 3,7,20. Target 53.", 0, &error);
 *
 * It is drawn as the rollouts are (temperature, filters, length), but from random streams of its own
 * (RANDOM_ASKED), so that training draws what it would have drawn without, and goes to traces.jsonl as a line of
 * stage "sample". A prompt of the task is judged and rewarded like any other response; the verdict on any other text is
 * "unknown", and only its phrases and repetition are counted.
 */
#ifndef RLSP_TRAIN_SAMPLE_H
#define RLSP_TRAIN_SAMPLE_H

#include "rlsp/train/session.h"

/* `index`: of the samples of this step. STATUS_BAD_INPUT for a text without tokens, with characters that
 * have none, or longer than the context; STATUS_STOPPED, and nothing written, if the user wants an end meanwhile. */
Status session_sample(Session *session, const char *prompt, uint32_t index, Error *error);

#endif
