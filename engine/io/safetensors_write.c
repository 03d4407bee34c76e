/* The writer: one file, or shards with an index. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/dtype.h"
#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/io/safetensors.h"

#define CHUNK 65536u /* elements converted at a time */

static uint64_t elements_of(const SafetensorsEntry *entry)
{
    uint64_t elements = 1;
    for (uint32_t i = 0; i < entry->rank; i++) {
        elements *= entry->shape[i];
    }
    return elements;
}

static uint64_t bytes_of(const SafetensorsEntry *entry)
{
    return elements_of(entry) * dtype_bits(entry->dtype) / 8;
}

static Status out_of_memory(const char *path, Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while writing %s", path);
}

/* --- the header */

static bool add_number(cJSON *array, uint64_t value)
{
    return cJSON_AddItemToArray(array, cJSON_CreateNumber((double)value));
}

static bool add_entry(cJSON *header, const SafetensorsEntry *entry, uint64_t begin)
{
    cJSON *item    = cJSON_AddObjectToObject(header, entry->name);
    cJSON *dtype   = cJSON_AddStringToObject(item, "dtype", dtype_name(entry->dtype));
    cJSON *shape   = cJSON_AddArrayToObject(item, "shape");
    cJSON *offsets = cJSON_AddArrayToObject(item, "data_offsets");
    bool   fine    = dtype != NULL && shape != NULL && offsets != NULL;
    for (uint32_t i = 0; i < entry->rank; i++) {
        fine = fine && add_number(shape, entry->shape[i]);
    }
    return fine && add_number(offsets, begin) && add_number(offsets, begin + bytes_of(entry));
}

/* As transformers wants it. */
static bool add_metadata(cJSON *header)
{
    return cJSON_AddStringToObject(cJSON_AddObjectToObject(header, "__metadata__"), "format", "pt") != NULL;
}

/* The JSON of the header, padded with spaces to a multiple of 8 bytes; NULL if out of memory. */
static char *header_text(const SafetensorsEntry *const *entries, size_t count, size_t *length)
{
    cJSON   *header = cJSON_CreateObject();
    bool     fine   = header != NULL && add_metadata(header);
    uint64_t begin  = 0;
    for (size_t i = 0; i < count && fine; i++) {
        fine = add_entry(header, entries[i], begin);
        begin += bytes_of(entries[i]);
    }
    char *text   = fine ? cJSON_PrintUnformatted(header) : NULL;
    char *padded = NULL;
    if (text != NULL) {
        size_t bytes = strlen(text);
        *length      = (bytes + 7) / 8 * 8;
        padded       = malloc(*length + 1);
        if (padded != NULL) {
            memset(padded, ' ', *length);
            memcpy(padded, text, bytes);
        }
    }
    cJSON_free(text);
    cJSON_Delete(header);
    return padded;
}

/* --- the data */

/* Rounds values to the dtype in place (into `half`) and writes them. */
static Status write_values(AtomicFile *file, Dtype dtype, const float *values, uint64_t count, uint16_t *half,
                           Error *error)
{
    if (dtype == DTYPE_F32) {
        return atomic_file_write(file, values, count * 4, error);
    }
    if (dtype == DTYPE_BF16) {
        bf16_from_f32_all(half, values, count);
    } else {
        f16_from_f32_all(half, values, count);
    }
    return atomic_file_write(file, half, count * 2, error);
}

/* The bytes of another file's tensor. */
static Status copy_data(AtomicFile *file, const char *path, const Safetensor *from, Error *error)
{
    const uint64_t most   = 4 * CHUNK;
    char          *bytes  = malloc(most);
    Status         status = bytes == NULL ? out_of_memory(path, error) : STATUS_OK;
    for (uint64_t first = 0; first < from->bytes && status == STATUS_OK; first += most) {
        const uint64_t count = from->bytes - first < most ? from->bytes - first : most;
        status               = safetensor_read(from, bytes, first, count, error);
        status               = status == STATUS_OK ? atomic_file_write(file, bytes, count, error) : status;
    }
    free(bytes);
    return status;
}

static Status write_data(AtomicFile *file, const char *path, const SafetensorsEntry *entry, Error *error)
{
    if (entry->data != NULL) {
        return atomic_file_write(file, entry->data, bytes_of(entry), error);
    }
    if (entry->from != NULL) {
        return copy_data(file, path, entry->from, error);
    }
    float    *values = malloc(CHUNK * sizeof *values);
    uint16_t *half   = malloc(CHUNK * sizeof *half);
    Status    status = values == NULL || half == NULL ? out_of_memory(path, error) : STATUS_OK;
    uint64_t  total  = elements_of(entry);
    for (uint64_t first = 0; first < total && status == STATUS_OK; first += CHUNK) {
        uint64_t     count = total - first < CHUNK ? total - first : CHUNK;
        const float *from  = entry->f32 != NULL ? entry->f32 + first : values;
        if (entry->f32 == NULL) {
            status = entry->read_f32(entry->context, first, count, values, error);
        }
        if (status == STATUS_OK) {
            status = write_values(file, entry->dtype, from, count, half, error);
        }
    }
    free(values);
    free(half);
    return status;
}

/* Sources that do not fit the dtype, ranks and sizes that the format cannot hold, a name twice. */
static Status check_entries(const char *path, const SafetensorsEntry *entries, size_t count, Error *error)
{
    for (size_t i = 0; i < count; i++) {
        const SafetensorsEntry *entry = &entries[i];
        bool floats  = entry->dtype == DTYPE_F32 || entry->dtype == DTYPE_BF16 || entry->dtype == DTYPE_F16;
        int  sources = (entry->data != NULL) + (entry->f32 != NULL) + (entry->read_f32 != NULL) + (entry->from != NULL);
        uint64_t size = 1;
        bool     fits = entry->rank <= SAFETENSORS_MAX_RANK;
        for (uint32_t d = 0; d < entry->rank && fits; d++) {
            fits = entry->shape[d] == 0 || size <= ((uint64_t)1 << 49) / entry->shape[d];
            size *= entry->shape[d];
        }
        if (!fits || size * dtype_bits(entry->dtype) % 8 != 0) {
            return error_set(error, STATUS_FAILED, "cannot write %s: tensor '%s' has an impossible shape", path,
                             entry->name);
        }
        const bool other = entry->from != NULL && (entry->from->dtype != entry->dtype || entry->from->elements != size);
        if (other || (sources != 1 && size > 0) || (!floats && (entry->f32 != NULL || entry->read_f32 != NULL))) {
            return error_set(error, STATUS_FAILED, "cannot write %s: tensor '%s' needs one source that fits %s", path,
                             entry->name, dtype_name(entry->dtype));
        }
        if (strcmp(entry->name, "__metadata__") == 0) {
            return error_set(error, STATUS_FAILED, "cannot write %s: a tensor must not be called __metadata__", path);
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(entry->name, entries[j].name) == 0) {
                return error_set(error, STATUS_FAILED, "cannot write %s: two tensors are called '%s'", path,
                                 entry->name);
            }
        }
    }
    return STATUS_OK;
}

/* Wide dtypes first, as the reference writer does: everything is then aligned to
 * its size. Entries of one width stay in the order given. */
static const SafetensorsEntry **by_width(const SafetensorsEntry *entries, size_t count)
{
    const SafetensorsEntry **sorted = malloc((count + 1) * sizeof *sorted);
    size_t                   n      = 0;
    for (uint32_t bits = 64; bits >= 1 && sorted != NULL; bits--) {
        for (size_t i = 0; i < count; i++) {
            if (dtype_bits(entries[i].dtype) == bits) {
                sorted[n++] = &entries[i];
            }
        }
    }
    return sorted;
}

Status safetensors_write(const char *path, const SafetensorsEntry *entries, size_t count, Error *error)
{
    Status status = check_entries(path, entries, count, error);
    if (status != STATUS_OK) {
        return status;
    }
    size_t                   length = 0;
    const SafetensorsEntry **sorted = by_width(entries, count);
    char                    *header = sorted == NULL ? NULL : header_text(sorted, count, &length);
    if (header == NULL) {
        free(sorted);
        return out_of_memory(path, error);
    }
    AtomicFile *file = atomic_file_open(path, error);
    status           = file == NULL ? STATUS_FAILED : STATUS_OK;
    if (file != NULL) {
        unsigned char prefix[8];
        for (int i = 0; i < 8; i++) {
            prefix[i] = (unsigned char)((uint64_t)length >> (8 * i));
        }
        status = atomic_file_write(file, prefix, sizeof prefix, error);
        if (status == STATUS_OK) {
            status = atomic_file_write(file, header, length, error);
        }
        for (size_t i = 0; i < count && status == STATUS_OK; i++) {
            status = write_data(file, path, sorted[i], error);
        }
        if (status == STATUS_OK) {
            status = atomic_file_commit(file, error);
        } else {
            atomic_file_abort(file);
        }
    }
    free(sorted);
    free(header);
    return status;
}

/* --- shards */

static Status remove_in(const char *directory, const char *name, Error *error)
{
    char  *path   = path_join(directory, name);
    Status status = path == NULL ? out_of_memory(directory, error) : file_remove(path, error);
    free(path);
    return status;
}

/* How many of the entries from `first` on go into one shard: at least one. */
static size_t shard_length(const SafetensorsEntry *entries, size_t count, size_t first, uint64_t shard_bytes)
{
    uint64_t bytes = bytes_of(&entries[first]);
    size_t   end   = first + 1;
    while (end < count && bytes + bytes_of(&entries[end]) <= shard_bytes) {
        bytes += bytes_of(&entries[end++]);
    }
    return end - first;
}

static Status write_shards(const char *directory, const SafetensorsEntry *entries, size_t count, uint64_t shard_bytes,
                           uint64_t total, cJSON *index, Error *error)
{
    size_t shards = 0;
    for (size_t i = 0; i < count; i += shard_length(entries, count, i, shard_bytes)) {
        shards++;
    }
    cJSON *about = cJSON_AddObjectToObject(index, "metadata");
    cJSON *map   = cJSON_AddObjectToObject(index, "weight_map");
    if (map == NULL || cJSON_AddNumberToObject(about, "total_size", (double)total) == NULL) {
        return out_of_memory(directory, error);
    }
    Status status = STATUS_OK;
    size_t first  = 0;
    for (size_t shard = 1; shard <= shards && status == STATUS_OK; shard++) {
        size_t length = shard_length(entries, count, first, shard_bytes);
        char   name[80];
        snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", shard, shards);
        char *path = path_join(directory, name);
        status =
            path == NULL ? out_of_memory(directory, error) : safetensors_write(path, entries + first, length, error);
        free(path);
        for (size_t i = first; i < first + length && status == STATUS_OK; i++) {
            if (cJSON_AddStringToObject(map, entries[i].name, name) == NULL) {
                status = out_of_memory(directory, error);
            }
        }
        first += length;
    }
    char *path = path_join(directory, "model.safetensors.index.json");
    if (status == STATUS_OK) {
        status = path == NULL ? out_of_memory(directory, error) : json_write_file(path, index, error);
    }
    free(path);
    return status;
}

Status safetensors_write_model(const char *directory, const SafetensorsEntry *entries, size_t count,
                               uint64_t shard_bytes, Error *error)
{
    Status   status = check_entries(directory, entries, count, error);
    uint64_t total  = 0;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        total += bytes_of(&entries[i]);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (total <= shard_bytes) {
        char *path = path_join(directory, "model.safetensors");
        status     = path == NULL ? out_of_memory(directory, error) : safetensors_write(path, entries, count, error);
        free(path);
        return status == STATUS_OK ? remove_in(directory, "model.safetensors.index.json", error) : status;
    }
    cJSON *index = cJSON_CreateObject();
    status       = index == NULL ? out_of_memory(directory, error)
                                 : write_shards(directory, entries, count, shard_bytes, total, index, error);
    cJSON_Delete(index);
    /* Readers prefer the single file: an old one would hide the new shards. */
    return status == STATUS_OK ? remove_in(directory, "model.safetensors", error) : status;
}
