/* Decoder: batched generation with a KV cache per slot.
 *
 *     Decoder *decoder = decoder_new(gpu, &config, slots, max_length, max_requests, prompt_tokens, max_new, &error);
 *     decoder_run(decoder, model, &(DecodeInput){.prompts = …, .sample = options}, &output, &error);
 *     …output.tokens[r * output.max_new + i], output.lengths[r]…
 *
 * Requests queue up; each slot works on one, and takes the next when it is done, all on
 * the device. The host looks only every `steps_per_submit` tokens. It has the prompts that
 * it finds unread run through the transformer in chunks of many tokens, equal prompts of
 * neighbouring requests once; and when the queue is empty and few requests are left, it
 * moves them together so that a step computes less. A token depends on (seed, sequence,
 * position) and the weights, never on slot, neighbours or chunks.
 */
#ifndef ENGINE_MODEL_DECODE_H
#define ENGINE_MODEL_DECODE_H

#include "engine/model/model.h"
#include "engine/ops/sample.h"
#include "engine/vk/stream.h"

typedef struct Decoder Decoder;

typedef struct DecodeLimits {
    uint32_t slots;                /* sequences at once; 0: 256, fewer if there are fewer requests
                                      or the device's memory does not hold them             */
    uint32_t    max_length;        /* prompt + completion, tokens; within the model's context */
    uint32_t    max_requests;      /* of one run                                       */
    uint32_t    max_prompt_tokens; /* of all prompts of one run together               */
    uint32_t    max_new;           /* tokens generated per request, at most            */
    uint32_t    steps_per_submit;  /* 0: 16                                            */
    uint32_t    lora_rank;         /* largest rank of an adapter; 0: models without one */
    ComputeType cache;             /* of keys and values; 16 bits are half the memory, rounded as they are stored */
    bool        few_rows; /* with up to MATMUL_FEW_ROWS slots, steps may take GPUs' products for few rows: faster,
                             but rounded otherwise than chunks and than decoders of more slots. A token then
                             depends, by that rounding, on how much of its prompt was read in chunks, too;
                             the same run still gives the same tokens                                */
} DecodeLimits;

/* Tokens that end a completion, each once. */
enum { STOP_TOKENS_MAX = 16 };
typedef struct StopTokens {
    int32_t  ids[STOP_TOKENS_MAX];
    uint32_t count;
} StopTokens;

/* Passes over an id that is there already, is outside the vocabulary (-1: no such token), or finds the list full. */
void stop_tokens_add(StopTokens *stops, int64_t id, uint32_t vocab_size);
/* Likewise all end tokens of a model's config. */
void stop_tokens_add_model(StopTokens *stops, const ModelConfig *config);

typedef struct DecodeInput {
    const int32_t  *prompts;       /* all prompts, one after another                  */
    const uint32_t *prompt_starts; /* [requests + 1]                                  */
    const uint32_t *sequence;      /* [requests] names the random stream of each       */
    const uint32_t *max_new;       /* [requests], or NULL: the decoder's limit         */
    uint32_t        requests;
    const int32_t  *stop_ids; /* [stop_count], at most STOP_TOKENS_MAX           */
    uint32_t        stop_count;
    bool            ignore_stop;
    /* Of one request alone: so many of its first tokens are the same as in the decoder's last run, which was of one
     * request and of this model with these weights, so that their keys and values are still there; only the rest is
     * computed. At most as many as that run has read (its prompt and all it generated but the last token; less if it
     * was stopped), and fewer than the prompt has. 0 in all other cases. */
    uint32_t      kept;
    SampleOptions sample;
    /* Called once for every request that is finished, within a submit of its end, in any order: its tokens [count],
     * which last until the call returns, and whether a stop token ended it. The device waits meanwhile. May be NULL. */
    void (*finished)(void *user, uint32_t request, const int32_t *tokens, uint32_t count, bool stopped);
    /* Called after every submit, of steps or of a chunk, with the number of slots at work; may be NULL, may call
     * decoder_peek. True: stop now (what is not finished keeps length 0). */
    bool (*progress)(void *user, uint32_t active);
    void *user;
} DecodeInput;

/* Owned by the decoder, until its next run. */
typedef struct DecodeOutput {
    uint32_t        max_new;     /* row stride                                                    */
    const int32_t  *tokens;      /* [requests, max_new], stop token included                      */
    const float    *logprobs;    /* [requests, max_new] at the sampling temperature, before filters */
    const uint32_t *lengths;     /* [requests] tokens generated, stop token included              */
    const uint32_t *stopped;     /* [requests] 1: ended by a stop token; 0: cut off at the limit  */
    uint64_t        steps;       /* decode steps that were run                                    */
    uint64_t        prompt_rows; /* tokens of prompts that were read in chunks, those of equal prompts once */
} DecodeOutput;

Decoder *decoder_new(Gpu *gpu, const ModelConfig *config, const DecodeLimits *limits, Error *error);
void     decoder_free(Decoder *decoder); /* NULL is allowed */

/* Generates for all requests. `model` may differ from call to call (same config).
 * STATUS_BAD_INPUT if a prompt is empty, too long for max_length, or has bad ids. */
Status decoder_run(Decoder *decoder, const Model *model, const DecodeInput *input, DecodeOutput *output, Error *error);

/* For `progress`: the tokens that request `request` has so far, into `tokens` (room for
 * limits.max_new). */
Status decoder_peek(Decoder *decoder, uint32_t request, int32_t *tokens, uint32_t *count, Error *error);

#endif
