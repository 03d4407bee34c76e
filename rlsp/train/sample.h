/* Sample: one response to a prompt that a user gives, from the policy as it is now.
 *
 *     status = session_sample(session, &(SampleRequest){.prompt = "Numbers 3,7,20. Target 53.", .stop = stop}, &error);
 *
 * It is drawn as the rollouts are (temperature, filters, length), but from random streams of its own
 * (RANDOM_ASKED), so that training draws what it would have drawn without, and goes to traces.jsonl as a line of
 * stage "sample". A prompt of the task is judged and rewarded like any other response; the verdict on any other text is
 * "unknown", and only its phrases and repetition are counted.
 */
#ifndef RLSP_TRAIN_SAMPLE_H
#define RLSP_TRAIN_SAMPLE_H

#include "rlsp/train/session.h"

typedef struct SampleRequest {
    const char *prompt;
    uint32_t    index;                            /* of the samples of this step          */
    bool (*stop)(void *session, uint32_t active); /* asked every few tokens; true: an end */
} SampleRequest;

/* STATUS_BAD_INPUT for a text without tokens, with characters that have none, or longer than the context;
 * STATUS_STOPPED, and nothing written, where `stop` said so. */
Status session_sample(Session *session, const SampleRequest *request, Error *error);

#endif
