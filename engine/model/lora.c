#include "engine/model/lora.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/random.h"

static const struct {
    const char *name, *module;
} targets[LORA_TARGETS] = {[LORA_Q] = {"q_proj", "self_attn.q_proj"},    [LORA_K] = {"k_proj", "self_attn.k_proj"},
                           [LORA_V] = {"v_proj", "self_attn.v_proj"},    [LORA_O] = {"o_proj", "self_attn.o_proj"},
                           [LORA_GATE] = {"gate_proj", "mlp.gate_proj"}, [LORA_UP] = {"up_proj", "mlp.up_proj"},
                           [LORA_DOWN] = {"down_proj", "mlp.down_proj"}};

const char *lora_target_name(LoraTarget target)
{
    return targets[target].name;
}

const char *lora_target_module(LoraTarget target)
{
    return targets[target].module;
}

LoraTarget lora_target_find(const char *name)
{
    for (LoraTarget t = 0; t < LORA_TARGETS; t++) {
        if (strcmp(targets[t].name, name) == 0) {
            return t;
        }
    }
    return LORA_TARGETS;
}

void lora_target_shape(const ModelConfig *c, LoraTarget target, uint32_t *out, uint32_t *in)
{
    const uint32_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    *in = target == LORA_O ? q : target == LORA_DOWN ? c->intermediate_size : c->hidden_size;
    switch (target) {
    case LORA_Q: *out = q; break;
    case LORA_K:
    case LORA_V: *out = kv; break;
    case LORA_GATE:
    case LORA_UP: *out = c->intermediate_size; break;
    case LORA_O:
    case LORA_DOWN:
    case LORA_TARGETS: *out = c->hidden_size; break;
    }
}

double lora_scale(const LoraConfig *config)
{
    return config->alpha / (config->rslora ? sqrt(config->rank) : (double)config->rank);
}

/* --- layout ---------------------------------------------------------------------- */

static bool has(const LoraConfig *config, LoraTarget target)
{
    return (config->targets >> target & 1) != 0;
}

static uint64_t align_floats(uint64_t floats)
{
    return gpu_align(floats * 4) / 4;
}

/* The A of targets [first, last) without a gap, then each B at a place that every device can bind. */
static void layout_group(Lora *lora, LoraPlace *places, LoraTarget first, LoraTarget last)
{
    const uint64_t rank = lora->config.rank;
    uint32_t       out, in;
    for (LoraTarget t = first; t < last; t++) {
        if (has(&lora->config, t)) {
            lora_target_shape(&lora->model, t, &out, &in);
            places[t].a = lora->floats;
            lora->floats += rank * in;
        }
    }
    lora->floats = align_floats(lora->floats);
    for (LoraTarget t = first; t < last; t++) {
        if (has(&lora->config, t)) {
            lora_target_shape(&lora->model, t, &out, &in);
            places[t].b  = lora->floats;
            lora->floats = align_floats(lora->floats + rank * out);
        }
    }
}

static void layout(Lora *lora)
{
    for (uint32_t l = 0; l < lora->model.layers; l++) {
        LoraPlace *places = lora->places + (size_t)l * LORA_TARGETS;
        layout_group(lora, places, LORA_Q, LORA_O);
        layout_group(lora, places, LORA_O, LORA_GATE);
        layout_group(lora, places, LORA_GATE, LORA_DOWN);
        layout_group(lora, places, LORA_DOWN, LORA_TARGETS);
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
        lora->places = calloc((size_t)model->layers * LORA_TARGETS, sizeof *lora->places);
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
    for (LoraTarget t = 0; t < LORA_TARGETS; t++) {
        uint32_t out, in;
        lora_target_shape(&lora->model, t, &out, &in);
        sum += has(&lora->config, t) ? (uint64_t)lora->config.rank * ((uint64_t)out + in) : 0;
    }
    return sum * lora->model.layers;
}

Status lora_init(Lora *lora, uint64_t seed, Error *error)
{
    if (gpu_is_dry(lora->gpu)) {
        return STATUS_OK;
    }
    const uint32_t rank = lora->config.rank, layers = lora->model.layers;
    uint32_t       widest = 0, out, in;
    for (LoraTarget t = 0; t < LORA_TARGETS; t++) {
        lora_target_shape(&lora->model, t, &out, &in);
        widest = in > widest ? in : widest;
    }
    float *a = malloc((size_t)rank * widest * sizeof *a);
    Status status =
        a != NULL ? STATUS_OK : error_set(error, STATUS_OUT_OF_MEMORY, "initialising an adapter: out of host memory");
    for (uint32_t i = 0; i < layers * LORA_TARGETS && status == STATUS_OK; i++) {
        const LoraTarget target = i % LORA_TARGETS;
        if (!has(&lora->config, target)) {
            continue;
        }
        lora_target_shape(&lora->model, target, &out, &in);
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
