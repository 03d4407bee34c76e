#include "engine/model/weights.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE_FLOATS = 1 << 17 }; /* converted at once, unless a row is longer: within a second-level cache */

const char *const weights_names[] = {"f32", "bf16", "f16", "int8", "int4", "auto", NULL};

/* The matrices of a model all end so, and their norms and biases do not. */
static bool is_matrix(const char *name)
{
    static const char *const ends[] = {"_proj.weight", "embed_tokens.weight", "lm_head.weight"};
    const size_t             length = strlen(name);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const size_t end = strlen(ends[i]);
        if (length >= end && strcmp(name + length - end, ends[i]) == 0) {
            return true;
        }
    }
    return false;
}

WeightFormat weights_as_stored(const SafetensorsSet *set)
{
    WeightFormat all = WEIGHT_FORMATS;
    for (size_t i = 0; i < safetensors_count(set); i++) {
        const Safetensor *tensor = safetensors_at(set, i);
        if (!is_matrix(tensor->name)) {
            continue;
        }
        const WeightFormat format = tensor->dtype == DTYPE_BF16  ? WEIGHT_BF16
                                    : tensor->dtype == DTYPE_F16 ? WEIGHT_F16
                                                                 : WEIGHT_F32;
        all                       = all == WEIGHT_FORMATS || all == format ? format : WEIGHT_F32;
    }
    return all != WEIGHT_FORMATS ? all : WEIGHT_F32;
}

WeightFormat weights_format_of(WeightFormat weights, uint32_t index)
{
    return weights == WEIGHT_INT4 && index < MATRIX_LAYERS ? WEIGHT_INT8 : weights;
}

/* --- places ------------------------------------------------------------------------------ */

static GpuLayout layout_of(GpuLayout layout, const Weight *matrices, uint32_t first, uint32_t last)
{
    for (uint32_t i = first; i < last; i++) {
        const Weight *w = &matrices[i];
        gpu_layout_add(&layout, weight_data_bytes(w->format, w->rows, w->columns));
        gpu_layout_add(&layout, weight_scale_bytes(w->format, w->rows, w->columns));
    }
    return layout;
}

uint64_t weights_bytes(const Weight *matrices, uint32_t first, uint32_t last)
{
    return layout_of((GpuLayout){.most = UINT64_MAX}, matrices, first, last).bytes;
}

GpuArena *weights_allocate(Gpu *gpu, const char *name, Weight *matrices, uint32_t first, uint32_t last, Error *error)
{
    const GpuLayout layout = layout_of(gpu_layout(gpu), matrices, first, last);
    GpuArena       *arena  = gpu_arena_new_cut(gpu, name, GPU_MEMORY_DEVICE, &layout, error);
    for (uint32_t i = first; i < last && arena != NULL; i++) {
        Weight *w = &matrices[i];
        if (w->rows > 0) { /* a tied head has none */
            const uint64_t scales = weight_scale_bytes(w->format, w->rows, w->columns);
            w->data               = gpu_arena_take(arena, weight_data_bytes(w->format, w->rows, w->columns));
            w->scales             = scales > 0 ? gpu_arena_take(arena, scales) : (GpuSpan){0};
        }
    }
    return arena;
}

/* --- values ------------------------------------------------------------------------------- */

/* The spans of some rows; *scales has size 0 where there are none. */
static void row_spans(const Weight *w, uint64_t first, uint64_t rows, GpuSpan *data, GpuSpan *scales)
{
    const uint64_t pitch       = weight_data_bytes(w->format, 1, w->columns),
                   scale_pitch = weight_scale_bytes(w->format, 1, w->columns);
    *data                      = gpu_span_slice(w->data, first * pitch, rows * pitch);
    *scales = scale_pitch > 0 ? gpu_span_slice(w->scales, first * scale_pitch, rows * scale_pitch) : (GpuSpan){0};
}

/* A file's tensor that has the weight's own type, and rows without padding. */
static bool is_same(const Weight *w, const Safetensor *source)
{
    const Dtype dtype = w->format == WEIGHT_BF16 ? DTYPE_BF16 : DTYPE_F16;
    return (w->format == WEIGHT_BF16 || w->format == WEIGHT_F16) && source->dtype == dtype && w->columns % 8 == 0;
}

/* GpuSource of a file's bytes. */
static Status read_bytes(void *context, uint64_t first, uint64_t count, void *to, Error *error)
{
    return safetensor_read(context, to, first, count, error);
}

/* Rows of a weight that come from a file's tensor. */
typedef struct Stored {
    const Weight     *weight;
    const Safetensor *source;
} Stored;

/* GpuRowSource of them. */
static Status round_stored(void *context, uint64_t first, uint64_t rows, void *data, void *scales, Error *error)
{
    const Stored  *from        = context;
    const Weight  *w           = from->weight;
    const uint64_t pitch       = weight_row_words(w->format, w->columns),
                   scale_pitch = weight_row_scales(w->format, w->columns);
    const uint64_t at_once     = w->columns < PIECE_FLOATS ? PIECE_FLOATS / w->columns : 1;
    float         *values      = malloc((at_once < rows ? at_once : rows) * w->columns * sizeof *values);
    if (values == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "loading weights: out of host memory");
    }
    Status status = STATUS_OK;
    for (uint64_t row = 0; row < rows && status == STATUS_OK; row += at_once) {
        const uint64_t count = rows - row < at_once ? rows - row : at_once;
        status = safetensor_to_f32(from->source, values, (first + row) * w->columns, count * w->columns, error);
        if (status == STATUS_OK) {
            quantize_rows(w->format, values, count, w->columns, (uint32_t *)data + row * pitch,
                          scale_pitch > 0 ? (uint32_t *)scales + row * scale_pitch : NULL);
        }
    }
    free(values);
    return status;
}

Status weight_load(Gpu *gpu, const Weight *w, uint64_t first_row, const Safetensor *source, Error *error)
{
    Stored  from = {w, source};
    GpuSpan data, scales;
    row_spans(w, first_row, source->shape[0], &data, &scales);
    return is_same(w, source) ? gpu_upload_from(gpu, data, read_bytes, (void *)(uintptr_t)source, error)
                              : gpu_upload_rows(gpu, data, scales, source->shape[0], round_stored, &from, error);
}
