/* One safetensors file: opening it and checking its header. */
#include "engine/io/safetensors_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_LIMIT 100000000u /* bytes, as the reference implementation has it */

static const struct {
    const char *name;
    uint32_t    bits;
} dtypes[DTYPE_COUNT] = {
    [DTYPE_BOOL]        = {"BOOL", 8},
    [DTYPE_F4]          = {"F4", 4},
    [DTYPE_F6_E2M3]     = {"F6_E2M3", 6},
    [DTYPE_F6_E3M2]     = {"F6_E3M2", 6},
    [DTYPE_U8]          = {"U8", 8},
    [DTYPE_I8]          = {"I8", 8},
    [DTYPE_F8_E5M2]     = {"F8_E5M2", 8},
    [DTYPE_F8_E4M3]     = {"F8_E4M3", 8},
    [DTYPE_F8_E8M0]     = {"F8_E8M0", 8},
    [DTYPE_F8_E4M3FNUZ] = {"F8_E4M3FNUZ", 8},
    [DTYPE_F8_E5M2FNUZ] = {"F8_E5M2FNUZ", 8},
    [DTYPE_I16]         = {"I16", 16},
    [DTYPE_U16]         = {"U16", 16},
    [DTYPE_F16]         = {"F16", 16},
    [DTYPE_BF16]        = {"BF16", 16},
    [DTYPE_I32]         = {"I32", 32},
    [DTYPE_U32]         = {"U32", 32},
    [DTYPE_F32]         = {"F32", 32},
    [DTYPE_C64]         = {"C64", 64},
    [DTYPE_F64]         = {"F64", 64},
    [DTYPE_I64]         = {"I64", 64},
    [DTYPE_U64]         = {"U64", 64},
};

const char *dtype_name(Dtype dtype)
{
    return dtypes[dtype].name;
}

uint32_t dtype_bits(Dtype dtype)
{
    return dtypes[dtype].bits;
}

void tensor_file_close(TensorFile *file)
{
    if (file->descriptor >= 0) {
        close(file->descriptor);
    }
    cJSON_Delete(file->header);
    free(file->path);
    *file = (TensorFile){.descriptor = -1};
}

Status tensor_file_read(int descriptor, const char *path, void *out, uint64_t at, uint64_t count, Error *error)
{
    const uint64_t most = 1u << 30; /* of one call: the system's own limit is near 2^31 */
    for (uint64_t done = 0; done < count;) {
        const uint64_t wanted = count - done < most ? count - done : most;
        const ssize_t  got    = pread(descriptor, (char *)out + done, (size_t)wanted, (off_t)(at + done));
        if (got == 0) {
            return error_set(error, STATUS_BAD_INPUT, "%s ended at byte %ju while it was being read; was it cut short?",
                             path, (uintmax_t)(at + done));
        }
        if (got < 0 && errno != EINTR) {
            return error_set(error, STATUS_FAILED, "cannot read %s: %s", path, strerror(errno));
        }
        done += got > 0 ? (uint64_t)got : 0;
    }
    return STATUS_OK;
}

static Status open_file(TensorFile *file, const char *path, Error *error)
{
    /* Not to wait for the other end of a pipe, which is refused below. */
    file->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->descriptor < 0) {
        return error_set(error, STATUS_BAD_INPUT, "cannot open %s: %s", path, strerror(errno));
    }
    struct stat info;
    if (fstat(file->descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
        return error_set(error, STATUS_BAD_INPUT, "%s is not a regular file", path);
    }
    if (info.st_size < 8) {
        return error_set(error, STATUS_BAD_INPUT, "%s: %jd bytes are too few for a safetensors file (truncated?)", path,
                         (intmax_t)info.st_size);
    }
    file->length = (uint64_t)info.st_size;
    posix_fadvise(file->descriptor, 0, 0,
                  POSIX_FADV_SEQUENTIAL); /* tensors are read once, in their order; a hint only */
    return STATUS_OK;
}

static uint64_t read_u64(const unsigned char *bytes)
{
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static Status read_header(TensorFile *file, Error *error)
{
    unsigned char prefix[8];
    Status        status = tensor_file_read(file->descriptor, file->path, prefix, 0, sizeof prefix, error);
    if (status != STATUS_OK) {
        return status;
    }
    const uint64_t length = read_u64(prefix);
    if (length > HEADER_LIMIT || length > file->length - 8) {
        return error_set(error, STATUS_BAD_INPUT,
                         "%s: its header should have %ju bytes, but the file ends after %ju (truncated, or not a "
                         "safetensors file)",
                         file->path, (uintmax_t)length, (uintmax_t)(file->length - 8));
    }
    file->data_at = 8 + length;
    char *text    = malloc((size_t)length + 1);
    if (text == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while opening %s", file->path);
    }
    status    = tensor_file_read(file->descriptor, file->path, text, 8, length, error);
    Error own = {0};
    if (status == STATUS_OK) {
        status = json_parse(text, (size_t)length, "header", &file->header, &own);
        if (status == STATUS_OK && (!cJSON_IsObject(file->header) || text[0] != '{')) {
            status = error_set(&own, STATUS_BAD_INPUT, "header: wanted a JSON object at its first byte");
        }
        if (status != STATUS_OK) {
            error_set(error, status, "%s: %s", file->path, own.text);
        }
    }
    free(text);
    return status;
}

static Status check_metadata(const JsonObject *header, const cJSON *metadata, Error *error)
{
    if (!cJSON_IsObject(metadata)) {
        return json_fail(header, "__metadata__", error, "wanted an object of strings");
    }
    for (const cJSON *item = metadata->child; item != NULL; item = item->next) {
        if (!cJSON_IsString(item)) {
            return json_fail(header, "__metadata__", error, "'%s' is not a string", item->string);
        }
    }
    return STATUS_OK;
}

/* A whole number of an entry's list. */
static Status read_whole(const cJSON *item, const JsonObject *entry, const char *key, int64_t *value, Error *error)
{
    if (json_integer(item, "", "", 0, INT64_MAX, value, NULL) == STATUS_OK) {
        return STATUS_OK;
    }
    return json_fail(entry, key, error, "wanted whole numbers from 0 to 2^53 in it");
}

static Status read_shape(const JsonObject *entry, Safetensor *tensor, Error *error)
{
    const cJSON *shape;
    Status       status = json_get_array(entry, "shape", JSON_REQUIRED, &shape, error);
    if (status != STATUS_OK) {
        return status;
    }
    tensor->elements = 1;
    for (const cJSON *item = shape->child; item != NULL; item = item->next) {
        int64_t size;
        if (tensor->rank == SAFETENSORS_MAX_RANK) {
            return json_fail(entry, "shape", error, "more than %d dimensions", SAFETENSORS_MAX_RANK);
        }
        status = read_whole(item, entry, "shape", &size, error);
        if (status != STATUS_OK) {
            return status;
        }
        if (size != 0 && tensor->elements > UINT64_MAX / (uint64_t)size) {
            return json_fail(entry, "shape", error, "the number of elements overflows");
        }
        tensor->elements *= (uint64_t)size;
        tensor->shape[tensor->rank++] = (uint64_t)size;
    }
    if (tensor->elements > UINT64_MAX / dtype_bits(tensor->dtype) ||
        tensor->elements * dtype_bits(tensor->dtype) % 8 != 0) {
        return json_fail(entry, "shape", error, "its size in bytes overflows or is not whole");
    }
    tensor->bytes = tensor->elements * dtype_bits(tensor->dtype) / 8;
    return STATUS_OK;
}

/* Reads one entry of the header. */
static Status read_entry(const TensorFile *file, const JsonObject *header, const cJSON *item, Safetensor *tensor,
                         Error *error)
{
    const char *names[DTYPE_COUNT];
    for (int i = 0; i < DTYPE_COUNT; i++) {
        names[i] = dtypes[i].name;
    }
    *tensor = (Safetensor){.name = item->string, .file = file->path, .descriptor = file->descriptor};
    JsonObject   entry;
    const cJSON *offsets = NULL;
    uint32_t     dtype   = 0;
    Status       status  = json_get_object(header, item->string, JSON_REQUIRED, &entry, error);
    if (status == STATUS_OK) {
        status        = json_get_choice(&entry, "dtype", JSON_REQUIRED, names, DTYPE_COUNT, &dtype, error);
        tensor->dtype = (Dtype)dtype;
    }
    if (status == STATUS_OK) {
        status = read_shape(&entry, tensor, error);
    }
    if (status == STATUS_OK) {
        status = json_get_array(&entry, "data_offsets", JSON_REQUIRED, &offsets, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (cJSON_GetArraySize(offsets) != 2) {
        return json_fail(&entry, "data_offsets", error, "found %d values, wanted 2", cJSON_GetArraySize(offsets));
    }
    int64_t  from, to;
    uint64_t available = file->length - file->data_at;
    if ((status = read_whole(offsets->child, &entry, "data_offsets", &from, error)) != STATUS_OK ||
        (status = read_whole(offsets->child->next, &entry, "data_offsets", &to, error)) != STATUS_OK) {
        return status;
    }
    if (to < from || (uint64_t)to > available) {
        return json_fail(&entry, "data_offsets", error, "[%jd, %jd] does not lie in the file's %ju bytes of data",
                         (intmax_t)from, (intmax_t)to, (uintmax_t)available);
    }
    if ((uint64_t)(to - from) != tensor->bytes) {
        return json_fail(&entry, "data_offsets", error, "%jd bytes, but shape and dtype need %ju",
                         (intmax_t)(to - from), (uintmax_t)tensor->bytes);
    }
    tensor->at = file->data_at + (uint64_t)from;
    return STATUS_OK;
}

/* By place, an empty tensor before the one that begins where it lies. */
static int compare_places(const void *a, const void *b)
{
    const Safetensor *x = a, *y = b;
    if (x->at != y->at) {
        return x->at < y->at ? -1 : 1;
    }
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

/* The tensors, in order of place, must follow each other from the first byte of the data to the last. */
static Status check_cover(const TensorFile *file, Safetensor *tensors, size_t count, Error *error)
{
    qsort(tensors, count, sizeof *tensors, compare_places);
    uint64_t next = file->data_at;
    for (size_t i = 0; i < count; i++) {
        if (tensors[i].at != next) {
            return error_set(error, STATUS_BAD_INPUT, "%s: tensor '%s': a hole or an overlap lies before its data",
                             file->path, tensors[i].name);
        }
        next += tensors[i].bytes;
    }
    if (next != file->length) {
        return error_set(error, STATUS_BAD_INPUT, "%s: %ju bytes follow the last tensor", file->path,
                         (uintmax_t)(file->length - next));
    }
    return STATUS_OK;
}

Status tensor_file_open(TensorFile *file, const char *path, Error *error)
{
    *file = (TensorFile){.path = malloc(strlen(path) + 1), .descriptor = -1};
    if (file->path == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while opening %s", path);
    }
    strcpy(file->path, path);
    Status status = open_file(file, path, error);
    return status == STATUS_OK ? read_header(file, error) : status;
}

size_t tensor_file_entries(const TensorFile *file)
{
    return (size_t)cJSON_GetArraySize(file->header);
}

Status tensor_file_tensors(const TensorFile *file, Safetensor *tensors, size_t *count, Error *error)
{
    JsonObject header = {.json = file->header, .file = file->path};
    *count            = 0;
    for (const cJSON *item = file->header->child; item != NULL; item = item->next) {
        Status status = strcmp(item->string, "__metadata__") == 0
                            ? check_metadata(&header, item, error)
                            : read_entry(file, &header, item, &tensors[(*count)++], error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return check_cover(file, tensors, *count, error);
}
