/* Private to engine/io/gguf*.c. */
#ifndef ENGINE_IO_GGUF_PARTS_H
#define ENGINE_IO_GGUF_PARTS_H

#include "engine/io/gguf.h"

/* ggml's number of a type. */
uint32_t gguf_type_number(GgufType type);

#endif
