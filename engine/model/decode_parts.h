/* What the decoder's files share: decode.c (its life), decode_panels.c (weights packed once per run), decode_run.c
 * (requests, slots, results), decode_prefill.c (prompts in chunks) and decode_step.c (the recording of both). */
#ifndef ENGINE_MODEL_DECODE_PARTS_H
#define ENGINE_MODEL_DECODE_PARTS_H

#include "engine/model/decode.h"
#include "engine/ops/attention_decode.h"

/* Fields of a slot, each u32 [slot_stride]; LENGTH 0 and REQUEST SLOT_IDLE mark an idle slot. CACHE says which row of
 * the cache is the slot's: all slots together have all rows, each one. */
enum { SLOT_TOKEN, SLOT_POSITION, SLOT_LENGTH, SLOT_REQUEST, SLOT_SEQUENCE, SLOT_CACHE, SLOT_FIELDS };
#define SLOT_IDLE 0xffffffffu

/* Fields of a row of a chunk of prompts, each u32 [chunk_stride]; see KvRows. After them come the targets. */
enum { ROW_TOKEN, ROW_LENGTH, ROW_CACHE, ROW_BEGIN, ROW_END, ROW_FIELDS };

enum { REQUEST_FIELDS = 4 };

/* Rows that run through the transformer together: of a decode step, one per slot; of a chunk, tokens of prompts. */
typedef struct DecodeRows {
    GpuStream *stream;
    GpuSpan    tokens; /* i32 [cache.rows] */
    KvRows     cache;
    bool       few;   /* products take the kernel for few rows (Matmul) */
    bool       chunk; /* of prompts, with several rows of a slot; else each row has a slot of its own */
} DecodeRows;

/* Invariants: slots [0, width) are in use, width <= limits.slots; every running request is in one of them. While
 * nothing is submitted, slot_words is what `slots` holds. */
struct Decoder {
    Gpu         *gpu;
    ModelConfig  config;
    DecodeLimits limits;
    uint32_t     width;          /* slots that a step computes                                         */
    uint32_t     slot_stride;    /* limits.slots rounded up, so that every field can be bound            */
    uint32_t     chunk_rows;     /* rows of a chunk, at most                                            */
    uint32_t     chunk_stride;   /* rounded up, as slot_stride                                          */
    uint32_t     chunk_recorded; /* rows of the chunk that `chunks` holds; 0: none                     */
    uint32_t     max_rows;       /* that the activations have room for                                  */
    uint32_t     cache_length;   /* max_length as the cache takes it                                    */
    uint32_t     steps;          /* of a submit of this run */
    uint32_t     requests;       /* of this run                                                         */
    uint32_t     read;           /* tokens that the last run's only request has read; 0 after others     */
    GpuArena    *arena, *host_arena, *panels_arena;
    GpuArena   **cache_arenas; /* [layers]                                                              */
    GpuSpan     *panels;       /* [model_matrix_count] of the run's model, for its products; buffer NULL: not packed */
    GpuStream   *stream, *chunks; /* steps; a chunk of prompts                                        */
    GpuSpan      x, x_next, rstd, qkv, attention, gate_up; /* [max_rows, …]                          */
    TypedSpan    norm, activation;                         /* of them, what products read            */
    GpuSpan      logits;  /* [slots, vocab]                                               */
    GpuSpan      scratch; /* for the products, or for the attention                         */
    LoraScratch  lora;
    KvLayer     *cache;       /* [layers]                                                       */
    GpuSpan      rope, slots; /* slots: u32 [SLOT_FIELDS, slot_stride]                          */
    GpuSpan      chunk;       /* u32 [ROW_FIELDS, chunk_stride], then [slots]                   */
    GpuSpan      sampled, sampled_logprob;
    GpuSpan      prompts, request_table, counters, tokens, logprobs, lengths, stopped;
    GpuSpan      host_counters, host_slots;  /* copies for the host, made at the end of a submit       */
    GpuSpan      host_lengths, host_stopped; /* likewise, [requests]; where input.finished is called    */
    uint32_t    *slot_words;                 /* host: [SLOT_FIELDS, slot_stride]                               */
    uint32_t    *chunk_words;                /* host: as `chunk`                                               */
    uint32_t    *waiting;                    /* host: [slots], slots that are in their prompts                 */
    uint8_t     *host;                       /* tokens, logprobs, lengths, stopped                             */
    bool        *told;                       /* host: [max_requests] of this run, to input.finished            */
    GpuSpan     *news;                       /* host: [max_requests] tokens of requests that are to be told    */
    void       **news_to;                    /* host: [max_requests] in `host`                                 */
    uint32_t    *news_of;                    /* host: [max_requests] their requests                            */
};

static inline uint32_t *decoder_slot(const Decoder *d, uint32_t field)
{
    return d->slot_words + (uint64_t)field * d->slot_stride;
}

AttentionShape decoder_attention(const Decoder *decoder);

/* Room for panels, if the device has any use and memory for them; and the packing of a model's matrices. */
Status decoder_panels_new(Decoder *decoder, Error *error);
Status decoder_pack(Decoder *decoder, const Model *model, Error *error);

/* Records a submit's steps of slots [0, width), and the copies of counters and slots for the host. */
void decoder_record_steps(Decoder *decoder, const Model *model, const DecodeInput *input);

/* Records a chunk of `rows` rows: their keys and values go into the cache, nothing is sampled. */
void decoder_record_chunk(Decoder *decoder, const Model *model, uint32_t rows);

/* Reads what running slots have left of their prompts, but for the last token, which a step reads. */
Status decoder_read_prompts(Decoder *decoder, const Model *model, const DecodeInput *input, DecodeOutput *output,
                            bool *stop, Error *error);

Status decoder_put_slots(Decoder *decoder, Error *error); /* slot_words to the device */

#endif
