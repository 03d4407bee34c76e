/* An export as one GGUF file, for llama.cpp. */
#ifndef RLSP_TRAIN_EXPORT_GGUF_H
#define RLSP_TRAIN_EXPORT_GGUF_H

#include "engine/io/gguf.h"
#include "rlsp/train/export_source.h"

/* Writes the source's model, its adapter alone, or with `merge` the base with the adapter's weights added, to `path`.
 * *type is that of the matrices, GGUF_TYPES for what the files have, and says what most of them are afterwards. */
Status export_gguf(const ExportSource *source, bool merge, const char *path, GgufType *type, Error *error);

#endif
