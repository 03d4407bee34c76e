/* One line of SFT data as tokens, and which of them are to be learnt.
 *
 *     SftEncoder encoder = {phase, tokenizer, chat, NULL, eos, context, vocab_size};
 *     SftExample example = {0};
 *     if (sft_encode(&encoder, &record, &example, &error) == STATUS_OK && example.fit == SFT_FITS) …
 *     sft_example_free(&example);
 *
 * Forms of a line (the keys are the phase's):
 *   {"ids":[…],"labels":[…]}             as they are; labels -100: no loss; without labels: loss on all
 *   {"messages":[{"role","content"},…]}  through the chat template; loss on the assistant's turns (phase->loss_on).
 *                                        The line may hold "tools" and "chat_template_kwargs" for the template
 *   {"prompt":…,"completion":…}          texts: one after the other and the end token, or through the chat template
 *                                        (phase->prompt); or conversations, of which the completion continues the other
 *   {"text":…}                           loss on all of it and the end token
 * An encoder is not changed by its use: threads may share it.
 */
#ifndef RLSP_TRAIN_SFT_EXAMPLE_H
#define RLSP_TRAIN_SFT_EXAMPLE_H

#include "engine/text/chat_template.h"
#include "engine/text/tokenizer.h"
#include "rlsp/run/config.h"
#include "rlsp/task/records.h"

typedef struct SftEncoder {
    const SftPhase     *phase;
    const Tokenizer    *tokenizer;
    const ChatTemplate *chat; /* NULL: there is none, and `no_chat` says why */
    const Error        *no_chat;
    int32_t             eos;
    uint32_t            context, vocab_size; /* of the model */
} SftEncoder;

typedef enum SftFit {
    SFT_FITS,
    SFT_TOO_SHORT, /* fewer than two tokens: nothing is predicted */
    SFT_TOO_LONG,  /* beyond phase->max_length, and not to be cut */
    SFT_NO_TARGET  /* no token with a loss: all labels -100, or cut before the answer */
} SftFit;

/* Starts as {0}; the memory is used again. */
typedef struct SftExample {
    int32_t *ids;  /* [count] */
    uint8_t *loss; /* [count] 1: a target. Never the first: nothing predicts it */
    uint32_t count, capacity, targets;
    bool     cut; /* it was longer */
    SftFit   fit;
} SftExample;

/* STATUS_BAD_INPUT: what is wrong with the line, beginning with FILE:LINE. */
Status sft_encode(const SftEncoder *encoder, const Record *record, SftExample *example, Error *error);
void   sft_example_free(SftExample *example);

#endif
