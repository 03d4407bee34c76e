#include "rlsp/train/learner.h"

#include <stdlib.h>

#include "engine/io/safetensors.h"
#include "engine/ops/elementwise.h"

enum { PIECE_FLOATS = 1 << 20, LOSS_SCALE_MOST = 1 << 24 };

Learner *learner_new(Model *model, GpuMemoryKind moments, Error *error)
{
    if (model->weights != WEIGHT_F32 && model->lora == NULL) {
        error_set(
            error, STATUS_BAD_INPUT,
            "training in full needs f32 weights, and these are frozen as %s; load them as f32, or train an adapter",
            weight_format_name(model->weights));
        return NULL;
    }
    Learner *learner = calloc(1, sizeof *learner);
    if (learner == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "preparing to train: out of host memory");
        return NULL;
    }
    learner->model        = model;
    learner->floats       = model_trained_floats(model);
    const bool scaled     = model->config.compute == COMPUTE_F16;
    learner->scale        = (LossScale){scaled ? LOSS_SCALE_FIRST : 1, scaled ? LOSS_SCALE_INTERVAL : 0, 0};
    const uint64_t  bytes = learner->floats * 4, partial = grad_norm_bytes(learner->floats);
    const GpuLayout range     = model_trained_layout(model);
    GpuLayout       gradients = range;
    gpu_layout_add(&gradients, partial);
    gpu_layout_add(&gradients, sizeof(GradNorm));
    learner->arena = gpu_arena_new_cut(model->gpu, "gradients", GPU_MEMORY_DEVICE, &gradients, error);
    for (int i = 0; i < 2 && (i == 0 ? learner->arena : learner->moments[0]) != NULL; i++) {
        learner->moments[i] = gpu_arena_new_cut(model->gpu, "optimizer state", moments, &range, error);
    }
    if (learner->moments[1] == NULL) {
        learner_free(learner);
        return NULL;
    }
    learner->gradients     = gpu_arena_take(learner->arena, bytes);
    learner->first_moment  = gpu_arena_take(learner->moments[0], bytes);
    learner->second_moment = gpu_arena_take(learner->moments[1], bytes);
    learner->partial       = gpu_arena_take(learner->arena, partial);
    learner->norm          = gpu_arena_take(learner->arena, sizeof(GradNorm));
    return learner;
}

void learner_free(Learner *learner)
{
    if (learner != NULL) {
        gpu_arena_free(learner->moments[1]);
        gpu_arena_free(learner->moments[0]);
        gpu_arena_free(learner->arena);
        free(learner);
    }
}

void learner_zero_gradients(GpuStream *stream, Learner *learner)
{
    gpu_fill(stream, learner->gradients, 0);
}

void learner_step(GpuStream *stream, Learner *learner, const AdamwOptions *options, double max_norm)
{
    const Model *model = learner->model;
    learner->steps++;
    gpu_stream_section(stream, "optimizer");
    grad_norm(stream, learner->norm, learner->gradients, learner->partial, (float)max_norm,
              (float)(1.0 / learner->scale.value), learner->floats);
    adamw(stream, model_trained(model), learner->first_moment, learner->second_moment, learner->gradients,
          learner->norm, options, learner->steps, model_trained_decay(model), learner->floats);
    gpu_stream_section(stream, "other");
    if (model->lora == NULL) {
        model_round(stream, model);
    }
}

void learner_scale_loss(GpuStream *stream, const Learner *learner, GpuSpan gradient, uint32_t count)
{
    if (learner->scale.value != 1.0) {
        elementwise_scale(stream, gpu_span_slice(gradient, 0, (uint64_t)count * 4), (float)learner->scale.value, count);
    }
}

/* After a step that was lost or not. */
static void move_scale(LossScale *scale, bool lost)
{
    if (scale->growth_interval == 0) {
        return;
    }
    scale->clean_steps = lost ? 0 : scale->clean_steps + 1;
    if (lost && scale->value > 1.0) {
        scale->value *= 0.5;
    } else if (scale->clean_steps >= scale->growth_interval && scale->value < LOSS_SCALE_MOST) {
        scale->value *= 2.0;
        scale->clean_steps = 0;
    }
}

Status learner_finish(Learner *learner, GradNorm *norm, Error *error)
{
    const Status status = gpu_download(learner->model->gpu, learner->norm, norm, sizeof *norm, error);
    if (status == STATUS_OK) {
        const bool lost = norm->not_finite != 0;
        learner->steps -= lost && learner->steps > 0 ? 1 : 0;
        move_scale(&learner->scale, lost);
    }
    return status;
}

Status learner_reset(Learner *learner, Error *error)
{
    GpuStream *stream = gpu_stream_new(learner->model->gpu, error);
    if (stream == NULL) {
        return STATUS_FAILED;
    }
    gpu_stream_begin(stream);
    gpu_fill(stream, learner->first_moment, 0);
    gpu_fill(stream, learner->second_moment, 0);
    Status status = gpu_stream_run(stream, error);
    gpu_stream_free(stream);
    learner->steps = 0;
    return status;
}

/* --- files ----------------------------------------------------------------------- */

typedef struct MomentSource {
    Gpu    *gpu;
    GpuSpan span;
} MomentSource;

static Status read_moment(void *context, uint64_t first, uint64_t count, float *out, Error *error)
{
    const MomentSource *source = context;
    return gpu_download(source->gpu, gpu_span_slice(source->span, first * 4, count * 4), out, count * 4, error);
}

Status learner_save(const Learner *learner, const char *path, Error *error)
{
    MomentSource sources[2] = {{learner->model->gpu, learner->first_moment},
                               {learner->model->gpu, learner->second_moment}};
    int64_t steps = (int64_t)learner->steps, scale = (int64_t)learner->scale.value, clean = learner->scale.clean_steps;
    SafetensorsEntry entries[5] = {{.name     = "exp_avg",
                                    .dtype    = DTYPE_F32,
                                    .rank     = 1,
                                    .shape    = {learner->floats},
                                    .read_f32 = read_moment,
                                    .context  = &sources[0]},
                                   {.name     = "exp_avg_sq",
                                    .dtype    = DTYPE_F32,
                                    .rank     = 1,
                                    .shape    = {learner->floats},
                                    .read_f32 = read_moment,
                                    .context  = &sources[1]},
                                   {.name = "step", .dtype = DTYPE_I64, .rank = 0, .data = &steps},
                                   {.name = "loss_scale", .dtype = DTYPE_I64, .rank = 0, .data = &scale},
                                   {.name = "loss_scale_steps", .dtype = DTYPE_I64, .rank = 0, .data = &clean}};
    return safetensors_write(path, entries, learner->scale.growth_interval > 0 ? 5 : 3, error);
}

static Status load_moment(Learner *learner, const SafetensorsSet *set, const char *name, GpuSpan span, float *piece,
                          Error *error)
{
    const uint64_t    shape[1] = {learner->floats};
    const Safetensor *tensor   = safetensors_expect(set, name, 1, shape, error);
    if (tensor == NULL) {
        return STATUS_BAD_INPUT;
    }
    for (uint64_t done = 0; done < shape[0];) {
        uint64_t count  = shape[0] - done < PIECE_FLOATS ? shape[0] - done : PIECE_FLOATS;
        Status   status = safetensor_to_f32(tensor, piece, done, count, error);
        if (status == STATUS_OK) {
            status =
                gpu_upload(learner->model->gpu, gpu_span_slice(span, done * 4, count * 4), piece, count * 4, error);
        }
        if (status != STATUS_OK) {
            return status;
        }
        done += count;
    }
    return STATUS_OK;
}

/* A file of a run that was not in f16 has none: then it begins anew. */
static Status load_scale(Learner *learner, const SafetensorsSet *set, const char *path, Error *error)
{
    const Safetensor *scale = safetensors_find(set, "loss_scale"), *clean = safetensors_find(set, "loss_scale_steps");
    int64_t           value = 1, steps = 0;
    if (scale == NULL || clean == NULL) {
        return STATUS_OK;
    }
    Status status = safetensor_to_i64(scale, &value, 0, 1, error);
    status        = status == STATUS_OK ? safetensor_to_i64(clean, &steps, 0, 1, error) : status;
    if (status == STATUS_OK &&
        (value < 1 || value > LOSS_SCALE_MOST || (value & (value - 1)) != 0 || steps < 0 || steps > UINT32_MAX)) {
        return error_set(error, STATUS_BAD_INPUT,
                         "%s: loss_scale %lld after %lld steps; a power of two up to %d is possible", path,
                         (long long)value, (long long)steps, LOSS_SCALE_MOST);
    }
    learner->scale.value       = status == STATUS_OK ? (double)value : learner->scale.value;
    learner->scale.clean_steps = status == STATUS_OK ? (uint32_t)steps : learner->scale.clean_steps;
    return status;
}

Status learner_load(Learner *learner, const char *path, Error *error)
{
    SafetensorsSet *set = safetensors_open(path, error);
    if (set == NULL) {
        return STATUS_BAD_INPUT;
    }
    float  *piece  = malloc(PIECE_FLOATS * sizeof *piece);
    Status  status = piece != NULL ? STATUS_OK : error_set(error, STATUS_OUT_OF_MEMORY, "%s: out of host memory", path);
    int64_t steps  = 0;
    if (status == STATUS_OK) {
        status = load_moment(learner, set, "exp_avg", learner->first_moment, piece, error);
    }
    if (status == STATUS_OK) {
        status = load_moment(learner, set, "exp_avg_sq", learner->second_moment, piece, error);
    }
    if (status == STATUS_OK) {
        const Safetensor *step = safetensors_find(set, "step");
        status                 = step != NULL ? safetensor_to_i64(step, &steps, 0, 1, error)
                                              : error_set(error, STATUS_BAD_INPUT, "%s: tensor 'step' is missing", path);
    }
    learner->steps = (uint64_t)steps;
    status = status == STATUS_OK && learner->scale.growth_interval > 0 ? load_scale(learner, set, path, error) : status;
    free(piece);
    safetensors_close(set);
    return status;
}
