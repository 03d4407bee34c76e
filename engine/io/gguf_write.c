/* The container: header, metadata, the table of tensors, their data. Numbers are little-endian, as is every machine
 * that this program runs on (safetensors are read by the same rule). */
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/io/gguf.h"
#include "engine/io/gguf_parts.h"

enum { VERSION = 3, ALIGNMENT = 32, PIECE_BYTES = 1 << 20 };

/* The kinds of values of a key. */
enum { KIND_U32 = 4, KIND_I32 = 5, KIND_F32 = 6, KIND_BOOL = 7, KIND_TEXT = 8, KIND_LIST = 9 };

typedef struct Bytes {
    char  *data;
    size_t used, size;
} Bytes;

struct GgufWriter {
    Bytes       keys; /* all metadata, as the file has them */
    uint64_t    key_count;
    GgufTensor *tensors;
    size_t      tensor_count, tensor_room;
    bool        out_of_memory;
};

GgufWriter *gguf_new(void)
{
    return calloc(1, sizeof(GgufWriter));
}

void gguf_free(GgufWriter *gguf)
{
    if (gguf != NULL) {
        free(gguf->keys.data);
        free(gguf->tensors);
        free(gguf);
    }
}

/* --- metadata */

/* false: out of memory. */
static bool append(Bytes *bytes, const void *data, size_t count)
{
    if (count > bytes->size - bytes->used) {
        const size_t size   = (bytes->used + count) * 2;
        char        *larger = realloc(bytes->data, size);
        if (larger == NULL) {
            return false;
        }
        bytes->data = larger;
        bytes->size = size;
    }
    if (count > 0) {
        memcpy(bytes->data + bytes->used, data, count);
    }
    bytes->used += count;
    return true;
}

static void put(GgufWriter *gguf, const void *data, size_t count)
{
    gguf->out_of_memory = gguf->out_of_memory || !append(&gguf->keys, data, count);
}

static void put_u32(GgufWriter *gguf, uint32_t value)
{
    put(gguf, &value, sizeof value);
}

static void put_text(GgufWriter *gguf, const char *text, size_t bytes)
{
    const uint64_t length = bytes;
    put(gguf, &length, sizeof length);
    put(gguf, text, bytes);
}

static void put_key(GgufWriter *gguf, const char *key, uint32_t kind)
{
    put_text(gguf, key, strlen(key));
    put_u32(gguf, kind);
    gguf->key_count++;
}

void gguf_add_u32(GgufWriter *gguf, const char *key, uint32_t value)
{
    put_key(gguf, key, KIND_U32);
    put_u32(gguf, value);
}

void gguf_add_f32(GgufWriter *gguf, const char *key, float value)
{
    put_key(gguf, key, KIND_F32);
    put(gguf, &value, sizeof value);
}

void gguf_add_bool(GgufWriter *gguf, const char *key, bool value)
{
    const char byte = value ? 1 : 0;
    put_key(gguf, key, KIND_BOOL);
    put(gguf, &byte, 1);
}

void gguf_add_bytes(GgufWriter *gguf, const char *key, const char *text, size_t bytes)
{
    put_key(gguf, key, KIND_TEXT);
    put_text(gguf, text, bytes);
}

void gguf_add_text(GgufWriter *gguf, const char *key, const char *text)
{
    gguf_add_bytes(gguf, key, text, strlen(text));
}

static void begin_list(GgufWriter *gguf, const char *key, uint32_t kind, uint64_t count)
{
    put_key(gguf, key, KIND_LIST);
    put_u32(gguf, kind);
    put(gguf, &count, sizeof count);
}

void gguf_add_i32s(GgufWriter *gguf, const char *key, const int32_t *values, uint64_t count)
{
    begin_list(gguf, key, KIND_I32, count);
    put(gguf, values, count * sizeof *values);
}

void gguf_add_list(GgufWriter *gguf, const char *key, uint64_t count)
{
    begin_list(gguf, key, KIND_TEXT, count);
}

void gguf_list_text(GgufWriter *gguf, const char *text, size_t bytes)
{
    put_text(gguf, text, bytes);
}

/* --- tensors */

void gguf_add_tensor(GgufWriter *gguf, const GgufTensor *tensor)
{
    if (gguf->tensor_count == gguf->tensor_room) {
        const size_t room   = gguf->tensor_room * 2 + 64;
        GgufTensor  *larger = realloc(gguf->tensors, room * sizeof *larger);
        if (larger == NULL) {
            gguf->out_of_memory = true;
            return;
        }
        gguf->tensors     = larger;
        gguf->tensor_room = room;
    }
    gguf->tensors[gguf->tensor_count++] = *tensor;
}

GgufType gguf_main_type(const GgufWriter *gguf)
{
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        if (gguf->tensors[i].rows > 0) {
            return gguf->tensors[i].type;
        }
    }
    return GGUF_F32;
}

static uint64_t rows_of(const GgufTensor *tensor)
{
    return tensor->rows > 0 ? tensor->rows : 1;
}

static uint64_t aligned(uint64_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static Status check_tensors(const GgufWriter *gguf, const char *path, Error *error)
{
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        const GgufTensor *tensor = &gguf->tensors[i];
        if (tensor->type == GGUF_Q8_0 && tensor->columns % GGUF_BLOCK != 0) {
            return error_set(
                error, STATUS_BAD_INPUT,
                "cannot write %s: q8_0 wants rows of a multiple of %d values, %s has rows of %llu; take f16 or "
                "bf16",
                path, GGUF_BLOCK, tensor->name, (unsigned long long)tensor->columns);
        }
    }
    return STATUS_OK;
}

/* Everything before the data, padded so that they begin at a multiple of the alignment. */
static bool make_header(const GgufWriter *gguf, Bytes *header)
{
    const uint32_t version = VERSION;
    const uint64_t count   = gguf->tensor_count;
    bool           whole   = append(header, "GGUF", 4) && append(header, &version, 4) && append(header, &count, 8) &&
                 append(header, &gguf->key_count, 8) && append(header, gguf->keys.data, gguf->keys.used);
    uint64_t offset = 0;
    for (size_t i = 0; i < gguf->tensor_count && whole; i++) {
        const GgufTensor *tensor   = &gguf->tensors[i];
        const uint64_t    length   = strlen(tensor->name);
        const uint64_t    shape[2] = {tensor->columns, tensor->rows}; /* the fastest first */
        const uint32_t    rank = tensor->rows > 0 ? 2 : 1, type = gguf_type_number(tensor->type);
        whole = append(header, &length, 8) && append(header, tensor->name, length) && append(header, &rank, 4) &&
                append(header, shape, rank * sizeof *shape) && append(header, &type, 4) && append(header, &offset, 8);
        offset += aligned(rows_of(tensor) * gguf_row_bytes(tensor->type, tensor->columns));
    }
    static const char zeros[ALIGNMENT];
    return whole && append(header, zeros, aligned(header->used) - header->used);
}

static Status out_of_memory(const char *path, Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while writing %s", path);
}

static Status write_rows(AtomicFile *file, const GgufTensor *tensor, uint64_t rows, const float *values,
                         unsigned char *bytes, Error *error)
{
    const uint64_t row    = gguf_row_bytes(tensor->type, tensor->columns);
    Status         status = STATUS_OK;
    for (uint64_t i = 0; i < rows && status == STATUS_OK; i++) {
        Error why = {0};
        status    = gguf_encode_row(tensor->type, values + i * tensor->columns, tensor->columns, bytes + i * row, &why);
        if (status != STATUS_OK) {
            error_set(error, status, "%s: %s", tensor->name, why.text);
        }
    }
    return status == STATUS_OK ? atomic_file_write(file, bytes, rows * row, error) : status;
}

static Status write_tensor(AtomicFile *file, const GgufTensor *tensor, const char *path, Error *error)
{
    static const char zeros[ALIGNMENT];
    const uint64_t    most  = PIECE_BYTES / 4 / (tensor->columns > 0 ? tensor->columns : 1);
    const uint64_t    piece = most > 0 ? most : 1, all = rows_of(tensor);
    const uint64_t    written = all * gguf_row_bytes(tensor->type, tensor->columns);
    float            *values  = malloc(piece * tensor->columns * sizeof *values + 1);
    unsigned char    *bytes   = malloc(piece * tensor->columns * sizeof *values + 1);
    Status            status  = values != NULL && bytes != NULL ? STATUS_OK : out_of_memory(path, error);
    for (uint64_t first = 0; first < all && status == STATUS_OK; first += piece) {
        const uint64_t rows = all - first < piece ? all - first : piece;
        status              = tensor->read(tensor->context, first, rows, values, error);
        status              = status == STATUS_OK ? write_rows(file, tensor, rows, values, bytes, error) : status;
    }
    free(values);
    free(bytes);
    return status == STATUS_OK ? atomic_file_write(file, zeros, aligned(written) - written, error) : status;
}

Status gguf_write(const GgufWriter *gguf, const char *path, Error *error)
{
    Bytes  header = {0};
    Status status = check_tensors(gguf, path, error);
    if (status == STATUS_OK && (gguf->out_of_memory || !make_header(gguf, &header))) {
        status = out_of_memory(path, error);
    }
    AtomicFile *file = status == STATUS_OK ? atomic_file_open(path, error) : NULL;
    status           = status == STATUS_OK && file == NULL ? STATUS_FAILED : status;
    status           = status == STATUS_OK ? atomic_file_write(file, header.data, header.used, error) : status;
    for (size_t i = 0; i < gguf->tensor_count && status == STATUS_OK; i++) {
        status = write_tensor(file, &gguf->tensors[i], path, error);
    }
    free(header.data);
    if (status == STATUS_OK) {
        return atomic_file_commit(file, error);
    }
    atomic_file_abort(file);
    return status;
}
