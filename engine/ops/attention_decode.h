/* Attention over a cache of keys and values: rows of a decode step, or of a chunk of prompts.
 *
 *     const KvLayer cache = {k, v, slots, max_length};
 *     const KvRows  rows  = {.rows = n, .lengths = lengths, .slots = slot_of_row};
 *     kv_append(stream, &cache, qkv, rope, &rows, shape);                        // rotates, and stores keys and values
 *     attention_decode(stream, o, &cache, qkv, &rows, workspace, shape);
 *
 * A row is one token of one sequence, whose keys and values live in a slot of the cache. Several rows may be of one
 * slot: all of them are appended before any attends, each over the keys up to its own. What a row gets depends on
 * its own query and its slot's keys, to the bit: not on the rows beside it, on max_length, or on whether its keys
 * came one by one or in chunks.
 *
 * Long sequences are attended over in segments that go to several workgroups, the workspace being where they meet.
 */
#ifndef ENGINE_OPS_ATTENTION_DECODE_H
#define ENGINE_OPS_ATTENTION_DECODE_H

#include "engine/ops/attention.h"
#include "engine/ops/compute.h"

/* The cache of one layer, kv_bytes of each. Their order inside is the device's own (shaders/kv_append.comp). */
typedef struct KvLayer {
    GpuSpan     k, v; /* [slots, max_length, kv_heads * head_dim] of `type` */
    uint32_t    slots, max_length;
    ComputeType type; /* of 16 bits: keys (rotated) and values are rounded as they are stored; all else is f32 */
} KvLayer;

typedef struct KvRows {
    uint32_t rows;
    GpuSpan  lengths; /* u32 [rows]: tokens of the sequence up to and with this one; 0: an idle row, its o is zero  */
    GpuSpan  slots;   /* u32 [rows]: where the sequence lies in the cache                                        */
    /* Sequences that begin alike: row r is stored in the slots targets[begins[r]] to targets[ends[r] - 1], slots[r]
     * being one of them; u32. Buffers NULL: in slots[r] alone. */
    GpuSpan begins, ends, targets;
} KvRows;

/* The smallest max_length >= `wanted` that this device takes, and what follows for the slots: how many bytes the
 * keys (or the values) of `slots` slots are. 0 bytes: not even one slot can be bound. */
uint32_t kv_max_length(uint32_t wanted, AttentionShape shape, ComputeType type);
uint64_t kv_bytes(GpuStream *stream, uint32_t slots, uint32_t max_length, AttentionShape shape, ComputeType type);

/* qkv [rows, (heads + 2 kv_heads) * head_dim]: rotates the query heads in place and stores the rotated key heads and
 * the value heads at position lengths[r] - 1. `rope` is a table of at least that many positions (rope.h). */
void kv_append(GpuStream *stream, const KvLayer *cache, GpuSpan qkv, GpuSpan rope, const KvRows *rows,
               AttentionShape shape);

/* o [rows, heads * head_dim] from the rotated queries in qkv, over the first lengths[r] tokens of slots[r]. */
void attention_decode(GpuStream *stream, GpuSpan o, const KvLayer *cache, GpuSpan qkv, const KvRows *rows,
                      GpuSpan workspace, AttentionShape shape);

/* Both, of rows of which each has a slot of its own, as in a step of decoding. */
void attention_step(GpuStream *stream, GpuSpan o, const KvLayer *cache, GpuSpan qkv, GpuSpan rope, const KvRows *rows,
                    GpuSpan workspace, AttentionShape shape);

/* Bytes of workspace that attention_decode of so many rows wants; 0: none. */
uint64_t attention_decode_workspace(uint32_t rows, uint32_t max_length, AttentionShape shape);

#endif
