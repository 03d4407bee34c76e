/* Merging an adapter into the weights that it belongs to: file to file, on the host. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/model/lora_io.h"

/* A matrix of the base that the writer asks for with the adapter's added. */
typedef struct MergeTensor {
    LoraMerge        *merge;
    const Safetensor *base;
    uint32_t          layer;
    Projection        target;
} MergeTensor;

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "merging an adapter: out of host memory");
}

/* "model.layers.3.mlp.up_proj.weight": a matrix that may have an adapter. */
static bool find_target(const char *name, uint32_t layers, uint32_t *layer, Projection *target)
{
    unsigned at;
    int      used = 0;
    if (sscanf(name, "model.layers.%6u.%n", &at, &used) != 1 || used == 0 || at >= layers) {
        return false;
    }
    for (Projection t = 0; t < PROJECTIONS; t++) {
        const char  *module = projection_module(t);
        const size_t length = strlen(module);
        if (strncmp(name + used, module, length) == 0 && strcmp(name + used + length, ".weight") == 0) {
            *layer  = at;
            *target = t;
            return true;
        }
    }
    return false;
}

static bool is_loaded(const LoraMerge *merge, uint32_t layer, Projection target)
{
    return merge->a != NULL && merge->layer == layer && merge->target == target;
}

static Status load(LoraMerge *merge, uint32_t layer, Projection target, Error *error)
{
    const Safetensor *a = lora_files_tensor(merge->files, layer, target, false);
    const Safetensor *b = lora_files_tensor(merge->files, layer, target, true);
    lora_merge_end(merge);
    merge->a   = malloc(a->elements * sizeof *merge->a);
    merge->b   = malloc(b->elements * sizeof *merge->b);
    merge->row = malloc(a->shape[1] * sizeof *merge->row);
    if (merge->a == NULL || merge->b == NULL || merge->row == NULL) {
        lora_merge_end(merge);
        return out_of_memory(error);
    }
    Status status = safetensor_to_f32(a, merge->a, 0, a->elements, error);
    status        = status == STATUS_OK ? safetensor_to_f32(b, merge->b, 0, b->elements, error) : status;
    merge->layer  = layer;
    merge->target = target;
    if (status != STATUS_OK) {
        lora_merge_end(merge);
    }
    return status;
}

/* out [count] of row `row` from column `column` on: += scale sum_r B[row, r] A[r, .]. */
static void add_row(const LoraMerge *merge, uint64_t row, uint64_t column, uint64_t width, uint64_t count, float *out)
{
    const uint32_t rank  = merge->files->config.rank;
    const float    scale = (float)lora_scale(&merge->files->config);
    memset(merge->row, 0, count * sizeof *merge->row);
    for (uint32_t r = 0; r < rank; r++) {
        const float  b = merge->b[row * rank + r];
        const float *a = merge->a + r * width + column;
        for (uint64_t j = 0; j < count; j++) {
            merge->row[j] += b * a[j];
        }
    }
    for (uint64_t j = 0; j < count; j++) {
        out[j] += scale * merge->row[j];
    }
}

Status lora_merge_read(LoraMerge *merge, const Safetensor *base, uint32_t layer, Projection target, uint64_t first,
                       uint64_t count, float *out, Error *error)
{
    const uint64_t width  = base->shape[1];
    Status         status = is_loaded(merge, layer, target) ? STATUS_OK : load(merge, layer, target, error);
    status                = status == STATUS_OK ? safetensor_to_f32(base, out, first, count, error) : status;
    for (uint64_t done = 0; done < count && status == STATUS_OK;) {
        const uint64_t column = (first + done) % width, rest = width - column;
        const uint64_t part = rest < count - done ? rest : count - done;
        add_row(merge, (first + done) / width, column, width, part, out + done);
        done += part;
    }
    return status;
}

void lora_merge_end(LoraMerge *merge)
{
    free(merge->a);
    free(merge->b);
    free(merge->row);
    merge->a = merge->b = merge->row = NULL;
}

static Status read_merged(void *context, uint64_t first, uint64_t count, float *out, Error *error)
{
    const MergeTensor *tensor = context;
    return lora_merge_read(tensor->merge, tensor->base, tensor->layer, tensor->target, first, count, out, error);
}

/* The matrices of the adapter must be those of the base, which the adapter's own check has only compared with
 * config.json. */
static Status plan_entries(const SafetensorsSet *base, const ModelConfig *config, LoraMerge *merge,
                           SafetensorsEntry *entries, MergeTensor *tensors, Error *error)
{
    uint32_t merged = 0, wanted = 0;
    for (size_t i = 0; i < safetensors_count(base); i++) {
        const Safetensor *from  = safetensors_at(base, i);
        SafetensorsEntry *entry = &entries[i];
        *entry                  = (SafetensorsEntry){.name = from->name, .dtype = from->dtype, .rank = from->rank};
        memcpy(entry->shape, from->shape, sizeof entry->shape);
        MergeTensor *tensor = &tensors[i];
        *tensor             = (MergeTensor){.merge = merge, .base = from};
        if (!find_target(from->name, config->layers, &tensor->layer, &tensor->target) ||
            (merge->files->config.targets >> tensor->target & 1) == 0) {
            entry->from = from;
            continue;
        }
        const MatrixShape shape    = projection_shape(config, tensor->target);
        const uint64_t    sizes[2] = {shape.rows, shape.columns};
        if (safetensors_expect(base, from->name, 2, sizes, error) == NULL) {
            return error->status;
        }
        entry->read_f32 = read_merged;
        entry->context  = tensor;
        merged++;
    }
    for (Projection t = 0; t < PROJECTIONS; t++) {
        wanted += merge->files->config.targets >> t & 1 ? config->layers : 0;
    }
    return merged == wanted
               ? STATUS_OK
               : error_set(error, STATUS_BAD_INPUT,
                           "merging an adapter: the base model's weights have %u of the %u matrices that it changes",
                           merged, wanted);
}

static Status write_merged(const char *base, const ModelConfig *config, const LoraFiles *files, const char *out,
                           uint64_t shard_bytes, Error *error)
{
    SafetensorsSet *set = safetensors_open(base, error);
    if (set == NULL) {
        return error->status;
    }
    LoraMerge         merge   = {.files = files};
    const size_t      count   = safetensors_count(set);
    SafetensorsEntry *entries = calloc(count + 1, sizeof *entries);
    MergeTensor      *tensors = calloc(count + 1, sizeof *tensors);
    Status status = entries != NULL && tensors != NULL ? plan_entries(set, config, &merge, entries, tensors, error)
                                                       : out_of_memory(error);
    status        = status == STATUS_OK ? safetensors_write_model(out, entries, count, shard_bytes, error) : status;
    lora_merge_end(&merge);
    free(entries);
    free(tensors);
    safetensors_close(set);
    return status;
}

Status lora_merge(const char *base, const char *adapter, const char *out, uint64_t shard_bytes, Error *error)
{
    ModelConfig config;
    LoraFiles   files = {0};
    char       *from = path_join(base, "config.json"), *to = path_join(out, "config.json");
    Status      status = from != NULL && to != NULL ? model_config_read(&config, from, error) : out_of_memory(error);
    status             = status == STATUS_OK ? lora_files_open(&files, adapter, &config, error) : status;
    status             = status == STATUS_OK ? file_make_directories(out, error) : status;
    status             = status == STATUS_OK ? file_copy(from, to, error) : status;
    status             = status == STATUS_OK ? write_merged(base, &config, &files, out, shard_bytes, error) : status;
    lora_files_close(&files);
    free(from);
    free(to);
    return status;
}
