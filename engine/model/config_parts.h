/* Private to engine/model/config*.c: what reading, checking and writing a config share. */
#ifndef ENGINE_MODEL_CONFIG_PARTS_H
#define ENGINE_MODEL_CONFIG_PARTS_H

#include "engine/io/json.h"
#include "engine/model/config.h"

/* Far above any model of these families, and small enough that no size computed
 * from them overflows 64 bits. */
#define MAX_VOCAB        (1u << 22)
#define MAX_HIDDEN       (1u << 17)
#define MAX_INTERMEDIATE (1u << 20)
#define MAX_LAYERS       1024u
#define MAX_HEADS        4096u
#define MAX_HEAD_DIM     1024u
#define MAX_POSITIONS    (1u << 30)
#define MAX_EOS          8u

/* By ModelFamily. */
typedef struct ModelFamilyInfo {
    const char *model_type, *architecture;
    uint32_t    max_positions; /* where config.json does not say */
} ModelFamilyInfo;

/* By RopeType: as transformers spells it. */
extern const char *const rope_type_names[];
enum { ROPE_TYPES = ROPE_YARN + 1 };

/* config.json's rope_theta with rope_parameters or rope_scaling; and whether what they say can be. */
Status rope_config_read(RopeConfig *rope, const JsonObject *root, uint32_t max_positions, Error *error);
Status rope_config_check(const RopeConfig *rope, const char *where, Error *error);

enum { MODEL_FAMILIES = MODEL_QWEN3 + 1 };
extern const ModelFamilyInfo model_families[MODEL_FAMILIES];

#endif
