/* Adapters in files, as PEFT has them: a directory with adapter_config.json and adapter_model.safetensors,
 * tensors named base_model.model.model.layers.N.self_attn.q_proj.lora_A.weight and so on.
 *
 *     Lora *lora = lora_load(gpu, &base->config, "adapter", false, &error);
 *     lora_save(lora, "out", "path or hub name of the base", &error);
 *     lora_merge("base", "adapter", "merged", SAFETENSORS_SHARD_BYTES, &error);  // a Hugging Face directory, without a
 * device
 *
 * What PEFT can do and this program cannot (DoRA, rank_pattern, modules_to_save, …) is refused by name.
 * A value head, which PEFT does not know, lies beside them in value_head.safetensors.
 */
#ifndef ENGINE_MODEL_LORA_IO_H
#define ENGINE_MODEL_LORA_IO_H

#include "engine/io/safetensors.h"
#include "engine/model/lora.h"

/* An opened adapter: every tensor of its config is there, of the right shape, and no other. */
typedef struct LoraFiles {
    LoraConfig      config;
    SafetensorsSet *set;
} LoraFiles;

/* Reads and checks adapter_config.json. Errors name the file, the key, and what is wrong. Targets that a pattern names
 * are 0, and lora_files_open finds them. */
Status lora_config_read(LoraConfig *config, const char *path, Error *error);

/* Writes one; `base` is the path or hub name of the base. */
Status lora_config_write(const LoraConfig *config, const char *path, const char *base, Error *error);

/* Opens an adapter for a base of this shape and checks all of it; nothing is on the device yet. */
Status lora_files_open(LoraFiles *files, const char *directory, const ModelConfig *model, Error *error);
void   lora_files_close(LoraFiles *files);

/* A (b false) or B of a layer's target. The adapter must have it. */
const Safetensor *lora_files_tensor(const LoraFiles *files, uint32_t layer, Projection target, bool b);

/* With `value_head`, that of value_head.safetensors if it is there, else zeros. */
Lora *lora_load(Gpu *gpu, const ModelConfig *model, const char *directory, bool value_head, Error *error);

/* f32. What the directory holds besides stays. */
Status lora_save(const Lora *lora, const char *directory, const char *base, Error *error);

/* --- lora_merge.c */

/* Reads matrices of a base with an adapter's added; what it begins with is its files alone. */
typedef struct LoraMerge {
    const LoraFiles *files;
    uint32_t         layer;  /* of the matrix whose A and B are at hand, */
    Projection       target; /* unless a is NULL                         */
    float           *a, *b, *row;
} LoraMerge;

/* Elements [first, first + count) of the base's matrix, of the shape that its config says, as float32 sums. Matrices
 * are best asked for one after the other. */
Status lora_merge_read(LoraMerge *merge, const Safetensor *base, uint32_t layer, Projection target, uint64_t first,
                       uint64_t count, float *out, Error *error);
void   lora_merge_end(LoraMerge *merge);

/* The weights of the Hugging Face directory `base` with the adapter's added, as float32 sums rounded to
 * the base's own dtype, to model.safetensors (or shards of `shard_bytes`) in `out`; config.json is copied. Tensors that
 * have no adapter are the base's, bit for bit. On the host; one matrix's adapter in memory at a time. */
Status lora_merge(const char *base, const char *adapter, const char *out, uint64_t shard_bytes, Error *error);

#endif
