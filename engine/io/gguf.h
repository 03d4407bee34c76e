/* GGUF files (version 3), which llama.cpp and other programs of its family read: the container, and nothing of what its
 * keys mean.
 *
 *     GgufWriter *gguf = gguf_new();
 *     gguf_add_text(gguf, "general.architecture", "llama");
 *     gguf_add_u32(gguf, "llama.block_count", 2);
 *     gguf_add_tensor(gguf, &(GgufTensor){.name = "output_norm.weight", .type = GGUF_F32, .columns = 64, .read = read,
 * …}); status = gguf_write(gguf, "model.gguf", &error); gguf_free(gguf);
 *
 * Metadata are collected in memory. Tensors are asked for when their turn comes, some rows at a time, so that no more
 * of a model than that is in memory. Files are written whole or not at all (file.h). Adding something cannot fail:
 * gguf_write says if memory was out.
 */
#ifndef ENGINE_IO_GGUF_H
#define ENGINE_IO_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/error.h"

/* How values are stored; q8_0: blocks of 32 along a row, each an f16 scale and 32 signed bytes. */
typedef enum GgufType { GGUF_F32, GGUF_F16, GGUF_BF16, GGUF_Q8_0, GGUF_TYPES } GgufType;

enum { GGUF_BLOCK = 32, GGUF_NAME_MAX = 63 };

/* "f32" …; the number that the key general.file_type has for a file of mostly this type. */
const char *gguf_type_name(GgufType type);
uint32_t    gguf_file_type(GgufType type);

/* Bytes of a row of `columns` values; those of q8_0 are a multiple of GGUF_BLOCK. */
uint64_t gguf_row_bytes(GgufType type, uint64_t columns);

/* One row's bytes from its values. STATUS_BAD_INPUT: values that the type cannot hold, which would become infinite. */
Status gguf_encode_row(GgufType type, const float *values, uint64_t columns, void *out, Error *error);

/* Writes rows [first, first + count) as f32 [count, columns] to `out`; rows are asked for in order, each once. */
typedef Status GgufRead(void *context, uint64_t first, uint64_t count, float *out, Error *error);

/* [rows, columns]; rows 0: a vector of `columns` values, which is one row. */
typedef struct GgufTensor {
    char      name[GGUF_NAME_MAX + 1];
    GgufType  type;
    uint64_t  rows, columns;
    GgufRead *read;
    void     *context; /* stays the caller's, and lives until gguf_write is done */
} GgufTensor;

typedef struct GgufWriter GgufWriter;

GgufWriter *gguf_new(void); /* NULL if out of memory */
void        gguf_free(GgufWriter *gguf);

/* --- metadata. A key must be given once. */

void gguf_add_u32(GgufWriter *gguf, const char *key, uint32_t value);
void gguf_add_f32(GgufWriter *gguf, const char *key, float value);
void gguf_add_bool(GgufWriter *gguf, const char *key, bool value);
void gguf_add_text(GgufWriter *gguf, const char *key, const char *text); /* UTF-8 */
void gguf_add_bytes(GgufWriter *gguf, const char *key, const char *text, size_t bytes);
void gguf_add_i32s(GgufWriter *gguf, const char *key, const int32_t *values, uint64_t count);

/* A list of `count` texts, each of which has to follow by gguf_list_text. */
void gguf_add_list(GgufWriter *gguf, const char *key, uint64_t count);
void gguf_list_text(GgufWriter *gguf, const char *text, size_t bytes);

/* --- tensors, in the order of the file */

void gguf_add_tensor(GgufWriter *gguf, const GgufTensor *tensor);

/* The type of the first tensor that has rows; GGUF_F32 without one. */
GgufType gguf_main_type(const GgufWriter *gguf);

Status gguf_write(const GgufWriter *gguf, const char *path, Error *error);

#endif
