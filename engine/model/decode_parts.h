/* What decode.c (requests, slots, results) and decode_step.c (the recording of a
 * step) share. */
#ifndef ENGINE_MODEL_DECODE_PARTS_H
#define ENGINE_MODEL_DECODE_PARTS_H

#include "engine/model/decode.h"

/* Fields of a slot, each u32 [slot_stride]; LENGTH 0 and REQUEST SLOT_IDLE mark an idle slot. */
enum { SLOT_TOKEN, SLOT_POSITION, SLOT_LENGTH, SLOT_REQUEST, SLOT_SEQUENCE, SLOT_FIELDS };
#define SLOT_IDLE 0xffffffffu

enum { DECODE_MAX_STOPS = 8 };

/* Invariants: slots [0, width) are in use, width <= limits.slots; every running request is in
 * one of them. A slot's cache row is cache_length tokens long, so that rows start where
 * every device can bind. */
struct Decoder {
    Gpu         *gpu;
    ModelConfig  config;
    DecodeLimits limits;
    uint32_t     width;        /* slots that a step computes                              */
    uint32_t     slot_stride;  /* limits.slots rounded up, so that every field can be bound */
    uint32_t     cache_length; /* max_length rounded up                                   */
    uint32_t     piece_slots;  /* slots whose cache fits one binding                      */
    uint32_t     requests;     /* of this run                                             */
    uint32_t     read;         /* tokens that the last run's only request can have read; 0 after others */
    GpuArena    *arena, *host_arena;
    GpuStream   *stream, *moves;
    GpuSpan      x, x_next, norm, rstd, qkv, attention, gate_up, activation, logits; /* [slots, …] */
    GpuSpan      scratch;           /* for the products                                     */
    LoraScratch  lora;
    GpuSpan     *k_cache, *v_cache; /* [layers] of [slots, cache_length, kv]               */
    GpuSpan      piece_lengths;     /* SLOT_LENGTH of every piece at a bindable place       */
    GpuSpan      rope, slots;       /* slots: u32 [SLOT_FIELDS, slot_stride]                */
    GpuSpan      sampled, sampled_logprob;
    GpuSpan      prompts, request_table, counters, tokens, logprobs, lengths, stopped;
    GpuSpan      host_counters;     /* copy of the counters for the host                   */
    uint32_t    *slot_words;        /* host: [SLOT_FIELDS, slot_stride]                     */
    uint8_t     *host;              /* tokens, logprobs, lengths, stopped                  */
};

/* A field of slots [0, width). */
GpuSpan decoder_slot_field(const Decoder *decoder, uint32_t field);

/* Records steps_per_submit steps of slots [0, width) into the decoder's stream, and the copy of
 * the counters to the host. Without the head, for when every slot is known to stay in its prompt,
 * nothing is sampled. */
void decoder_record(Decoder *decoder, const Model *model, const DecodeInput *input, bool head);

#endif
