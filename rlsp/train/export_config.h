/* config.json of a model that was trained from another: the base's, with the type of its weights said anew. */
#ifndef RLSP_TRAIN_EXPORT_CONFIG_H
#define RLSP_TRAIN_EXPORT_CONFIG_H

#include "engine/io/safetensors.h"

/* Copies the file `from`, a JSON object, to `to`. What its own keys "dtype" and "torch_dtype" say becomes `dtype` (F32,
 * BF16 or F16); all else stays byte for byte: keys that this program does not know, and how numbers are written. */
Status export_config(const char *from, const char *to, Dtype dtype, Error *error);

#endif
