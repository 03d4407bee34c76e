/* Causal grouped-query attention over packed sequences, forward and backward
 * (Dao et al. 2022, "FlashAttention": nothing of size [tokens, tokens] exists).
 *
 * Which tokens belong together is a list of tiles, made on the host per batch:
 *
 *     uint32_t lanes = attention_lanes(stream);
 *     uint32_t count = attention_plan(NULL, starts, sequences, lanes);      // how many
 *     attention_plan(host, starts, sequences, lanes);                       // upload these
 *     AttentionBatch batch = {.tiles = span, .tile_count = count, .compute = COMPUTE_F32};
 *     attention_forward(stream, o, lse, qkv, &batch, shape);
 *     …
 *     attention_backward(stream, dqkv, delta, d_o, o, lse, qkv, &batch, shape);
 *
 * Shapes: qkv and dqkv [tokens, (heads + 2 kv_heads) * head_dim], a token's query
 * heads, key heads, value heads; o and d_o [tokens, heads * head_dim]; lse and
 * delta [tokens, heads]. Scores are scaled by 1 / sqrt(head_dim). All spans must
 * start at a multiple of 16 bytes.
 */
#ifndef ENGINE_OPS_ATTENTION_H
#define ENGINE_OPS_ATTENTION_H

#include "engine/ops/compute.h"
#include "engine/vk/stream.h"

struct AttentionVariant;

typedef struct AttentionShape {
    uint32_t heads, kv_heads; /* kv_heads divides heads    */
    uint32_t head_dim;        /* even, at most 256         */
} AttentionShape;

/* Whether attention can have this shape, of sequences or of a cache; else the stream has failed with STATUS_BAD_INPUT.
 */
bool attention_shape_ok(GpuStream *stream, AttentionShape shape);

/* Consecutive tokens [first, first + count) of the sequence [begin, end); count <= lanes. */
typedef struct AttentionTile {
    uint32_t first, count, begin, end; /* token numbers in the packed batch */
} AttentionTile;

typedef struct AttentionBatch {
    GpuSpan     tiles; /* AttentionTile [tile_count] */
    uint32_t    tile_count;
    uint32_t    longest; /* tokens of the longest sequence; 0: not known, as many as qkv may hold */
    uint32_t    tokens;  /* of all sequences; 0: as many as qkv may hold */
    ComputeType compute; /* what the products may multiply: a 16-bit type where the device has matrix units for it,
                            else f32; sums and the softmax are f32 in any case */
    const struct AttentionVariant *variant; /* for tests and benches (attention_variants.h); NULL: the device's own */
} AttentionBatch;

/* Tokens per tile on this stream's device, whichever kernel it takes. */
uint32_t attention_lanes(GpuStream *stream);

/* Cuts sequence s = tokens [starts[s], starts[s + 1]) into tiles,
 * in order; writes them unless `tiles` is NULL; returns their number. Sequences may
 * be empty. */
uint32_t attention_plan(AttentionTile *tiles, const uint32_t *starts, uint32_t sequences, uint32_t lanes);

/* o, lse from qkv. */
void attention_forward(GpuStream *stream, GpuSpan o, GpuSpan lse, GpuSpan qkv, const AttentionBatch *batch,
                       AttentionShape shape);

/* dqkv (set, not added to) from d_o and the forward's o, lse and qkv; delta is scratch
 * that ends as rowsum(d_o * o). */
void attention_backward(GpuStream *stream, GpuSpan dqkv, GpuSpan delta, GpuSpan d_o, GpuSpan o, GpuSpan lse,
                        GpuSpan qkv, const AttentionBatch *batch, AttentionShape shape);

#endif
