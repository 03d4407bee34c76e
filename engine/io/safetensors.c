/* Sets of files and access to their tensors. safetensors_file.c reads one
 * file, safetensors_write.c is the writer. */
#include "engine/io/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/dtype.h"
#include "engine/io/file.h"
#include "engine/io/safetensors_file.h"

/* `tensors` is sorted by name; names lie in the files' headers. */
struct SafetensorsSet {
    TensorFile *files;
    size_t      file_count;
    Safetensor *tensors;
    size_t      count;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const Safetensor *)a)->name, ((const Safetensor *)b)->name);
}

/* Opens one file and appends its tensors to the set. */
static Status add_file(SafetensorsSet *set, const char *path, Error *error)
{
    TensorFile *files = realloc(set->files, (set->file_count + 1) * sizeof *files);
    if (files == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while opening %s", path);
    }
    set->files         = files;
    TensorFile *file   = &files[set->file_count++];
    Status      status = tensor_file_open(file, path, error);
    if (status != STATUS_OK) {
        return status;
    }
    Safetensor *tensors = realloc(set->tensors, (set->count + tensor_file_entries(file) + 1) * sizeof *tensors);
    if (tensors == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while opening %s", path);
    }
    set->tensors = tensors;
    size_t added;
    status = tensor_file_tensors(file, tensors + set->count, &added, error);
    set->count += added;
    return status;
}

/* --- shards */

/* A shard's name must be that of a file in the directory itself. */
static bool plain_name(const char *name)
{
    return name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL && strchr(name, '\\') == NULL;
}

static Status add_shards(SafetensorsSet *set, const char *directory, const JsonObject *map, Error *error)
{
    for (const cJSON *item = map->json->child; item != NULL; item = item->next) {
        if (!cJSON_IsString(item)) {
            return json_fail(map, item->string, error, "wanted the name of a shard");
        }
        if (!plain_name(item->valuestring)) {
            return json_fail(map, item->string, error, "shard \"%.80s\": wanted the name of a file in this directory",
                             item->valuestring);
        }
        char *path = path_join(directory, item->valuestring);
        if (path == NULL) {
            return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while opening %s", directory);
        }
        bool open = false;
        for (size_t i = 0; i < set->file_count && !open; i++) {
            open = strcmp(set->files[i].path, path) == 0;
        }
        Status status = open ? STATUS_OK : add_file(set, path, error);
        free(path);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

/* Keeps of all shards' tensors those that the index lists, each from the shard it names. */
static Status keep_listed(SafetensorsSet *set, const JsonObject *map, Error *error)
{
    size_t      listed = (size_t)cJSON_GetArraySize(map->json);
    Safetensor *kept   = malloc((listed + 1) * sizeof *kept);
    if (kept == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while reading %s", map->file);
    }
    qsort(set->tensors, set->count, sizeof *set->tensors, compare_names);
    size_t n      = 0;
    Status status = STATUS_OK;
    for (const cJSON *item = map->json->child; item != NULL && status == STATUS_OK; item = item->next) {
        const Safetensor *found = safetensors_find(set, item->string);
        /* The same name in two shards sorts side by side: look at all of them. */
        while (found != NULL && found > set->tensors && strcmp(found[-1].name, item->string) == 0) {
            found--;
        }
        const Safetensor *end = set->tensors + set->count;
        while (found != NULL && strcmp(strrchr(found->file, '/') + 1, item->valuestring) != 0) {
            found = found + 1 < end && strcmp(found[1].name, item->string) == 0 ? found + 1 : NULL;
        }
        if (found == NULL) {
            status = json_fail(map, item->string, error, "shard %s has no such tensor", item->valuestring);
        } else {
            kept[n++] = *found;
        }
    }
    free(set->tensors);
    set->tensors = kept;
    set->count   = n;
    return status;
}

static Status open_index(SafetensorsSet *set, const char *directory, const char *path, Error *error)
{
    cJSON     *root;
    JsonObject index, map;
    Status     status = json_read_file(path, JSON_FILE_LIMIT, &root, error);
    if (status == STATUS_OK) {
        status = json_root(&index, root, path, error);
    }
    if (status == STATUS_OK) {
        status = json_get_object(&index, "weight_map", JSON_REQUIRED, &map, error);
    }
    if (status == STATUS_OK) {
        status = add_shards(set, directory, &map, error);
    }
    if (status == STATUS_OK) {
        status = keep_listed(set, &map, error);
    }
    cJSON_Delete(root);
    return status;
}

/* Neither is there. */
static Status no_weights(const char *directory, Error *error)
{
    char *pickle       = path_join(directory, "pytorch_model.bin"),
         *shards       = path_join(directory, "pytorch_model.bin.index.json");
    const bool pickled = (pickle != NULL && file_exists(pickle)) || (shards != NULL && file_exists(shards));
    free(pickle);
    free(shards);
    return pickled ? error_set(error, STATUS_BAD_INPUT,
                               "%s holds its weights as pytorch_model.bin, which is not read; save the model anew with "
                               "transformers' save_pretrained, as safetensors",
                               directory)
                   : error_set(error, STATUS_BAD_INPUT,
                               "%s holds neither model.safetensors nor model.safetensors.index.json; wanted a Hugging "
                               "Face model directory",
                               directory);
}

static Status open_directory(SafetensorsSet *set, const char *directory, Error *error)
{
    char  *single = path_join(directory, "model.safetensors");
    char  *index  = path_join(directory, "model.safetensors.index.json");
    Status status;
    if (single == NULL || index == NULL) {
        status = error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while opening %s", directory);
    } else if (file_exists(single)) {
        status = add_file(set, single, error);
    } else if (file_exists(index)) {
        status = open_index(set, directory, index, error);
    } else {
        status = no_weights(directory, error);
    }
    free(single);
    free(index);
    return status;
}

SafetensorsSet *safetensors_open(const char *path, Error *error)
{
    SafetensorsSet *set = calloc(1, sizeof *set);
    if (set == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while opening %s", path);
        return NULL;
    }
    Status status = file_is_directory(path) ? open_directory(set, path, error) : add_file(set, path, error);
    if (status != STATUS_OK) {
        safetensors_close(set);
        return NULL;
    }
    if (set->count > 0) {
        qsort(set->tensors, set->count, sizeof *set->tensors, compare_names);
    }
    return set;
}

void safetensors_close(SafetensorsSet *set)
{
    if (set == NULL) {
        return;
    }
    for (size_t i = 0; i < set->file_count; i++) {
        tensor_file_close(&set->files[i]);
    }
    free(set->files);
    free(set->tensors);
    free(set);
}

/* --- access */

size_t safetensors_count(const SafetensorsSet *set)
{
    return set->count;
}

const Safetensor *safetensors_at(const SafetensorsSet *set, size_t index)
{
    return &set->tensors[index];
}

const Safetensor *safetensors_find(const SafetensorsSet *set, const char *name)
{
    Safetensor key = {.name = name};
    return set->count == 0 ? NULL : bsearch(&key, set->tensors, set->count, sizeof key, compare_names);
}

static const char *shape_text(uint32_t rank, const uint64_t *shape, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "[");
    for (uint32_t i = 0; i < rank && used < size; i++) {
        used += (size_t)snprintf(out + used, size - used, "%s%ju", i == 0 ? "" : ", ", (uintmax_t)shape[i]);
    }
    if (used < size) {
        snprintf(out + used, size - used, "]");
    }
    return out;
}

const Safetensor *safetensors_expect(const SafetensorsSet *set, const char *name, uint32_t rank, const uint64_t *shape,
                                     Error *error)
{
    const Safetensor *tensor = safetensors_find(set, name);
    if (tensor == NULL) {
        error_set(error, STATUS_BAD_INPUT, "%s: tensor '%s' is missing",
                  set->file_count > 0 ? set->files[0].path : "safetensors", name);
        return NULL;
    }
    if (tensor->dtype != DTYPE_F32 && tensor->dtype != DTYPE_BF16 && tensor->dtype != DTYPE_F16) {
        error_set(error, STATUS_BAD_INPUT, "%s: tensor '%s' has dtype %s, wanted F32, BF16 or F16", tensor->file, name,
                  dtype_name(tensor->dtype));
        return NULL;
    }
    if (tensor->rank != rank || memcmp(tensor->shape, shape, rank * sizeof *shape) != 0) {
        char found[200], wanted[200];
        error_set(error, STATUS_BAD_INPUT, "%s: tensor '%s' has shape %s, but config.json asks for %s", tensor->file,
                  name, shape_text(tensor->rank, tensor->shape, found, sizeof found),
                  shape_text(rank, shape, wanted, sizeof wanted));
        return NULL;
    }
    return tensor;
}

static Status check_range(const Safetensor *tensor, uint64_t first, uint64_t count, Error *error)
{
    if (first > tensor->elements || count > tensor->elements - first) {
        return error_set(error, STATUS_BAD_INPUT, "%s: tensor '%s' has %ju elements, wanted %ju from %ju on",
                         tensor->file, tensor->name, (uintmax_t)tensor->elements, (uintmax_t)count, (uintmax_t)first);
    }
    return STATUS_OK;
}

static Status wrong_dtype(const Safetensor *tensor, const char *wanted, Error *error)
{
    return error_set(error, STATUS_BAD_INPUT, "%s: tensor '%s' has dtype %s, wanted %s", tensor->file, tensor->name,
                     dtype_name(tensor->dtype), wanted);
}

Status safetensor_read(const Safetensor *tensor, void *out, uint64_t first, uint64_t count, Error *error)
{
    if (first > tensor->bytes || count > tensor->bytes - first) {
        return error_set(error, STATUS_BAD_INPUT, "%s: tensor '%s' has %ju bytes, wanted %ju from %ju on", tensor->file,
                         tensor->name, (uintmax_t)tensor->bytes, (uintmax_t)count, (uintmax_t)first);
    }
    return tensor_file_read(tensor->descriptor, tensor->file, out, tensor->at + first, count, error);
}

enum { PIECE = 16384 }; /* elements read at a time where they are converted: within a first- or second-level cache */

Status safetensor_to_f32(const Safetensor *tensor, float *out, uint64_t first, uint64_t count, Error *error)
{
    Status status = check_range(tensor, first, count, error);
    if (status != STATUS_OK || count == 0) {
        return status;
    }
    if (tensor->dtype == DTYPE_F32) {
        return safetensor_read(tensor, out, first * 4, count * 4, error);
    }
    if (tensor->dtype != DTYPE_BF16 && tensor->dtype != DTYPE_F16) {
        return wrong_dtype(tensor, "F32, BF16 or F16", error);
    }
    uint16_t piece[PIECE];
    for (uint64_t done = 0; done < count && status == STATUS_OK; done += PIECE) {
        const uint64_t part = count - done < PIECE ? count - done : PIECE;
        status              = safetensor_read(tensor, piece, (first + done) * 2, part * 2, error);
        if (status == STATUS_OK && tensor->dtype == DTYPE_BF16) {
            f32_from_bf16_all(out + done, piece, part);
        } else if (status == STATUS_OK) {
            f32_from_f16_all(out + done, piece, part);
        }
    }
    return status;
}

Status safetensor_to_i64(const Safetensor *tensor, int64_t *out, uint64_t first, uint64_t count, Error *error)
{
    Status status = check_range(tensor, first, count, error);
    if (status != STATUS_OK || count == 0) {
        return status;
    }
    const bool wide = tensor->dtype == DTYPE_I64, narrow = tensor->dtype == DTYPE_I32;
    if (!wide && !narrow && tensor->dtype != DTYPE_BOOL && tensor->dtype != DTYPE_U8) {
        return wrong_dtype(tensor, "I64, I32 or U8", error);
    }
    const uint64_t size = wide ? 8 : narrow ? 4 : 1;
    unsigned char  piece[4096];
    for (uint64_t done = 0; done < count && status == STATUS_OK; done += sizeof piece / size) {
        const uint64_t part = count - done < sizeof piece / size ? count - done : sizeof piece / size;
        status              = safetensor_read(tensor, piece, (first + done) * size, part * size, error);
        for (uint64_t i = 0; i < part && status == STATUS_OK; i++) {
            int32_t value = piece[i];
            if (wide) {
                memcpy(&out[done + i], piece + i * 8, 8);
                continue;
            }
            if (narrow) {
                memcpy(&value, piece + i * 4, 4);
            }
            out[done + i] = value;
        }
    }
    return status;
}
