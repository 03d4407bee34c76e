/* Safetensors: tensors by name in files, and the writer.
 *
 *     SafetensorsSet *set = safetensors_open("model_dir", &error);     // or one file
 *     const Safetensor *w = safetensors_find(set, "model.norm.weight");
 *     safetensor_to_f32(w, out, 0, w->elements, &error);
 *     safetensors_close(set);
 *
 *     SafetensorsEntry entries[] = {
 *         {.name = "w", .dtype = DTYPE_BF16, .rank = 2, .shape = {4, 3}, .f32 = values},
 *         {.name = "step", .dtype = DTYPE_I64, .data = &step}};
 *     safetensors_write("out.safetensors", entries, 2, NULL, &error);
 *
 * A directory is opened by its model.safetensors or, failing that, by the shards
 * that model.safetensors.index.json lists. The reader checks everything before it
 * hands out a tensor: header length, JSON, dtypes, shapes, overflow, and that the
 * tensors cover the data exactly, without hole or overlap. Data stay in the file
 * until they are read: nothing of them is kept in memory, and a file that is cut
 * while it is open gives an error (a mapping would end the program). Files are
 * written whole or not at all (file.h).
 */
#ifndef ENGINE_IO_SAFETENSORS_H
#define ENGINE_IO_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "engine/error.h"

#define SAFETENSORS_MAX_RANK 8

typedef enum Dtype {
    DTYPE_BOOL,
    DTYPE_F4,
    DTYPE_F6_E2M3,
    DTYPE_F6_E3M2,
    DTYPE_U8,
    DTYPE_I8,
    DTYPE_F8_E5M2,
    DTYPE_F8_E4M3,
    DTYPE_F8_E8M0,
    DTYPE_F8_E4M3FNUZ,
    DTYPE_F8_E5M2FNUZ,
    DTYPE_I16,
    DTYPE_U16,
    DTYPE_F16,
    DTYPE_BF16,
    DTYPE_I32,
    DTYPE_U32,
    DTYPE_F32,
    DTYPE_C64,
    DTYPE_F64,
    DTYPE_I64,
    DTYPE_U64,
    DTYPE_COUNT
} Dtype;

const char *dtype_name(Dtype dtype); /* as the format spells it: "BF16" */
uint32_t    dtype_bits(Dtype dtype);

typedef struct Safetensor {
    const char *name; /* UTF-8 */
    const char *file; /* the path of the file it lies in, for errors */
    Dtype       dtype;
    uint32_t    rank; /* 0: a scalar, one element */
    uint64_t    shape[SAFETENSORS_MAX_RANK];
    uint64_t    elements;
    uint64_t    bytes;
    int         descriptor; /* of the open file; the set's */
    uint64_t    at;         /* where its bytes begin in the file; little endian, of any alignment */
} Safetensor;

typedef struct SafetensorsSet SafetensorsSet;

/* Opens a file, or a directory as above. NULL with *error set (STATUS_BAD_INPUT
 * for anything wrong with the files). Of a sharded set only the tensors that the
 * index lists are there. */
SafetensorsSet *safetensors_open(const char *path, Error *error);
void            safetensors_close(SafetensorsSet *set); /* NULL is allowed; ends all its tensors */

size_t            safetensors_count(const SafetensorsSet *set);
const Safetensor *safetensors_at(const SafetensorsSet *set, size_t index);       /* sorted by name */
const Safetensor *safetensors_find(const SafetensorsSet *set, const char *name); /* NULL: not there */

/* The tensor `name`, whose dtype must be one of F32, BF16, F16 and whose shape must
 * be as given; NULL with an error that says what was found and wanted. */
const Safetensor *safetensors_expect(const SafetensorsSet *set, const char *name, uint32_t rank, const uint64_t *shape,
                                     Error *error);

/* Bytes [first, first + count) of the tensor as they lie in the file. STATUS_BAD_INPUT for a range
 * outside the tensor, and where the file has become shorter since it was opened. */
Status safetensor_read(const Safetensor *tensor, void *out, uint64_t first, uint64_t count, Error *error);

/* Writes elements [first, first + count) of an F32, BF16 or F16 tensor to `out`,
 * exactly. Any other dtype, or a range outside the tensor, is STATUS_BAD_INPUT. */
Status safetensor_to_f32(const Safetensor *tensor, float *out, uint64_t first, uint64_t count, Error *error);

/* The same for I64, I32 and U8 tensors. */
Status safetensor_to_i64(const Safetensor *tensor, int64_t *out, uint64_t first, uint64_t count, Error *error);

/* One tensor to write. Exactly one source is set: `data` (in the dtype itself), `from` (another file's
 * tensor of this dtype and size, copied a piece at a time) or,
 * for F32, BF16 and F16, `f32` (values to be rounded to the dtype) or `read_f32`,
 * which writes values [first, first + count) to `out` when they are needed, so
 * that weights can come from the device a piece at a time, in order. */
typedef struct SafetensorsEntry {
    const char              *name;
    Dtype                    dtype;
    uint32_t                 rank;
    uint64_t                 shape[SAFETENSORS_MAX_RANK];
    const void              *data;
    const float             *f32;
    const struct Safetensor *from;
    Status (*read_f32)(void *context, uint64_t first, uint64_t count, float *out, Error *error);
    void *context;
} SafetensorsEntry;

/* Writes one file. Its metadata are "format": "pt", as transformers wants it. */
Status safetensors_write(const char *path, const SafetensorsEntry *entries, size_t count, Error *error);

/* Of a file, where nothing else is asked for: the hub's own. */
#define SAFETENSORS_SHARD_BYTES ((uint64_t)5 << 30)

/* Writes model.safetensors into `directory` or, if the data are larger than
 * `shard_bytes`, model-00001-of-0000N.safetensors … and the index; removes the
 * other kind if an earlier write left it there. */
Status safetensors_write_model(const char *directory, const SafetensorsEntry *entries, size_t count,
                               uint64_t shard_bytes, Error *error);

#endif
