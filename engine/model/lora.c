#include "engine/model/lora.h"

#include <math.h>
#include <stdlib.h>

#include "engine/random.h"

double lora_scale(const LoraConfig *config)
{
    return config->alpha / (config->rslora ? sqrt(config->rank) : (double)config->rank);
}

/* --- layout ---------------------------------------------------------------------- */

static bool has(const LoraConfig *config, Projection target)
{
    return (config->targets >> target & 1) != 0;
}

static uint64_t align_floats(uint64_t floats)
{
    return gpu_align(floats * 4) / 4;
}

/* The A of targets [first, last) without a gap, then each B at a place that every device can bind. */
static void layout_group(Lora *lora, LoraPlace *places, Projection first, Projection last)
{
    const uint64_t rank = lora->config.rank;
    for (Projection t = first; t < last; t++) {
        if (has(&lora->config, t)) {
            places[t].a = lora->floats;
            lora->floats += rank * projection_shape(&lora->model, t).columns;
        }
    }
    lora->floats = align_floats(lora->floats);
    for (Projection t = first; t < last; t++) {
        if (has(&lora->config, t)) {
            places[t].b  = lora->floats;
            lora->floats = align_floats(lora->floats + rank * projection_shape(&lora->model, t).rows);
        }
    }
}

static void layout(Lora *lora)
{
    for (uint32_t l = 0; l < lora->model.layers; l++) {
        LoraPlace *places = lora->places + (size_t)l * PROJECTIONS;
        for (ModelMatrix m = 0; m < MATRICES; m++) {
            layout_group(lora, places, matrix_projections[m], matrix_projections[m + 1]);
        }
    }
    lora->decay_floats = lora->floats;
    if (lora->value_head) {
        lora->value_weight = lora->floats;
        lora->value_bias   = lora->value_weight + align_floats(lora->model.hidden_size);
        lora->floats       = lora->value_bias + align_floats(1);
    }
}

/* --- life --------------------------------------------------------------------------- */

Lora *lora_new(Gpu *gpu, const ModelConfig *model, const LoraConfig *config, bool value_head, Error *error)
{
    if (config->rank == 0 || config->rank > LORA_MAX_RANK || !isfinite(config->alpha) || config->targets == 0 ||
        config->targets > LORA_ALL) {
        error_set(error, STATUS_BAD_INPUT,
                  "making an adapter: rank %u with alpha %g on target bits %#x; wanted a rank of 1 to %d and at least "
                  "one target",
                  config->rank, config->alpha, config->targets, LORA_MAX_RANK);
        return NULL;
    }
    Lora *lora = calloc(1, sizeof *lora);
    if (lora != NULL) {
        *lora        = (Lora){.gpu = gpu, .model = *model, .config = *config, .value_head = value_head};
        lora->places = calloc((size_t)model->layers * PROJECTIONS, sizeof *lora->places);
    }
    if (lora == NULL || lora->places == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "making an adapter: out of host memory");
        lora_free(lora);
        return NULL;
    }
    layout(lora);
    lora->arena = gpu_arena_new(gpu, "adapter", GPU_MEMORY_DEVICE, lora->floats * 4, error);
    if (lora->arena == NULL) {
        lora_free(lora);
        return NULL;
    }
    lora->parameters = gpu_arena_take(lora->arena, lora->floats * 4);
    return lora;
}

void lora_free(Lora *lora)
{
    if (lora != NULL) {
        gpu_arena_free(lora->arena);
        free(lora->places);
        free(lora);
    }
}

uint64_t lora_parameter_count(const Lora *lora)
{
    uint64_t sum = 0;
    for (Projection t = 0; t < PROJECTIONS; t++) {
        const MatrixShape shape = projection_shape(&lora->model, t);
        sum += has(&lora->config, t) ? (uint64_t)lora->config.rank * ((uint64_t)shape.rows + shape.columns) : 0;
    }
    return sum * lora->model.layers;
}

Status lora_init(Lora *lora, uint64_t seed, Error *error)
{
    if (gpu_is_dry(lora->gpu)) {
        return STATUS_OK;
    }
    const uint32_t rank = lora->config.rank, layers = lora->model.layers;
    uint32_t       widest = 0;
    for (Projection t = 0; t < PROJECTIONS; t++) {
        const uint32_t in = projection_shape(&lora->model, t).columns;
        widest            = in > widest ? in : widest;
    }
    float *a = malloc((size_t)rank * widest * sizeof *a);
    Status status =
        a != NULL ? STATUS_OK : error_set(error, STATUS_OUT_OF_MEMORY, "initialising an adapter: out of host memory");
    for (uint32_t i = 0; i < layers * PROJECTIONS && status == STATUS_OK; i++) {
        const Projection target = i % PROJECTIONS;
        if (!has(&lora->config, target)) {
            continue;
        }
        const uint32_t in     = projection_shape(&lora->model, target).columns;
        const double   bound  = 1.0 / sqrt(in);
        const uint64_t count  = (uint64_t)rank * in;
        Random         random = random_stream(seed, RANDOM_LORA, i, 0);
        for (uint64_t j = 0; j < count; j++) {
            a[j] = (float)(bound * (2.0 * random_uniform(&random) - 1.0));
        }
        status = gpu_upload(lora->gpu, gpu_span_slice(lora->parameters, lora->places[i].a * 4, count * 4), a, count * 4,
                            error);
    }
    free(a);
    return status;
}

Status lora_copy(Lora *to, const Lora *from, Error *error)
{
    GpuStream *stream = gpu_stream_new(to->gpu, error);
    if (stream == NULL) {
        return error->status;
    }
    gpu_stream_begin(stream);
    gpu_copy(stream, gpu_span_slice(to->parameters, 0, from->decay_floats * 4),
             gpu_span_slice(from->parameters, 0, from->decay_floats * 4));
    const Status status = gpu_stream_run(stream, error);
    gpu_stream_free(stream);
    return status;
}
