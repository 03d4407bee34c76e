/* Rotary position embedding (Su et al. 2021) in the half-split form of the
 * Llama family, in place on the q and k heads of packed qkv.
 *
 *     float *table = malloc(rope_table_bytes(positions, head_dim));
 *     rope_table_fill(table, &config->rope, positions, head_dim);    // and upload it once
 *     rope_forward(stream, qkv, table, position, tokens, heads, kv_heads, head_dim, positions);
 */
#ifndef ENGINE_OPS_ROPE_H
#define ENGINE_OPS_ROPE_H

#include "engine/vk/stream.h"

typedef enum RopeType { ROPE_DEFAULT, ROPE_LLAMA3, ROPE_LINEAR, ROPE_YARN } RopeType;

/* Rotary positions. Longer contexts than a model was trained with, of original_max_position_embeddings tokens, come
 * from slower turns: linear (Chen et al. 2023) slows all of them by `factor`, llama3 and yarn (Peng et al. 2023) the
 * slow ones alone. */
typedef struct RopeConfig {
    double   theta;
    RopeType type;
    double   factor;                            /* linear, llama3, yarn: at least 1            */
    double   low_freq_factor, high_freq_factor; /* llama3                                      */
    uint32_t original_max_position_embeddings;  /* llama3, yarn                                */
    double   beta_fast, beta_slow;              /* yarn: turns in the original context         */
    double   attention_factor;                  /* yarn: what cos and sin are multiplied with  */
    bool     exact_range;                       /* yarn: the betas' range is not rounded to pairs */
} RopeConfig;

/* table[positions, head_dim / 2, 2] = cos, sin of position * frequency, computed
 * in double; of YaRN both are times its attention factor, which a turn and its gradient
 * then have as well. */
void     rope_table_fill(float *table, const RopeConfig *rope, uint32_t positions, uint32_t head_dim);
uint64_t rope_table_bytes(uint32_t positions, uint32_t head_dim);

/* Radians that pair `pair` of a head turns by from one position to the next, below head_dim / 2. */
double rope_frequency(const RopeConfig *rope, uint32_t head_dim, uint32_t pair);

/* qkv[tokens, (heads + 2 kv_heads) * head_dim]: turns the first heads + kv_heads
 * heads of each token by the angles of position[tokens] (int32, below `positions`). */
void rope_forward(GpuStream *stream, GpuSpan qkv, GpuSpan table, GpuSpan position, uint32_t tokens, uint32_t heads,
                  uint32_t kv_heads, uint32_t head_dim, uint32_t positions);

/* The same on dqkv, by the opposite angles. */
void rope_backward(GpuStream *stream, GpuSpan dqkv, GpuSpan table, GpuSpan position, uint32_t tokens, uint32_t heads,
                   uint32_t kv_heads, uint32_t head_dim, uint32_t positions);

#endif
