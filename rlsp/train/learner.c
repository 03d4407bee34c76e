#include "rlsp/train/learner.h"

#include <stdlib.h>

#include "engine/io/safetensors.h"

enum { PIECE_FLOATS = 1 << 20 };

Learner *learner_new(Model *model, GpuMemoryKind moments, Error *error)
{
    if (model->weights != WEIGHT_F32 && model->lora == NULL) {
        error_set(error, STATUS_BAD_INPUT, "training in full needs f32 weights, and these are frozen as %s; load them as f32, or train an adapter",
                  weight_format_name(model->weights));
        return NULL;
    }
    Learner *learner = calloc(1, sizeof *learner);
    if (learner == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "preparing to train: out of host memory");
        return NULL;
    }
    learner->model = model;
    learner->floats = model_trained_floats(model);
    const uint64_t bytes = learner->floats * 4, partial = grad_norm_bytes(learner->floats);
    learner->arena = gpu_arena_new(model->gpu, "gradients", GPU_MEMORY_DEVICE, gpu_align(bytes) + gpu_align(partial) + GPU_ALIGNMENT, error);
    learner->moments = learner->arena != NULL ? gpu_arena_new(model->gpu, "optimizer state", moments, 2 * gpu_align(bytes), error) : NULL;
    if (learner->moments == NULL) {
        learner_free(learner);
        return NULL;
    }
    learner->gradients = gpu_arena_take(learner->arena, bytes);
    learner->first_moment = gpu_arena_take(learner->moments, bytes);
    learner->second_moment = gpu_arena_take(learner->moments, bytes);
    learner->partial = gpu_arena_take(learner->arena, partial);
    learner->norm = gpu_arena_take(learner->arena, sizeof(GradNorm));
    return learner;
}

void learner_free(Learner *learner)
{
    if (learner != NULL) {
        gpu_arena_free(learner->moments);
        gpu_arena_free(learner->arena);
        free(learner);
    }
}

void learner_zero_gradients(GpuStream *stream, Learner *learner) { gpu_fill(stream, learner->gradients, 0); }

void learner_step(GpuStream *stream, Learner *learner, const AdamwOptions *options, double max_norm)
{
    const Model *model = learner->model;
    learner->steps++;
    gpu_stream_section(stream, "optimizer");
    grad_norm(stream, learner->norm, learner->gradients, learner->partial, (float)max_norm, learner->floats);
    adamw(stream, model_trained(model), learner->first_moment, learner->second_moment, learner->gradients, learner->norm, options,
          learner->steps, model_trained_decay(model), learner->floats);
    gpu_stream_section(stream, "other");
}

Status learner_norm(const Learner *learner, GradNorm *norm, Error *error)
{
    return gpu_download(learner->model->gpu, learner->norm, norm, sizeof *norm, error);
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
    MomentSource     sources[2] = {{learner->model->gpu, learner->first_moment}, {learner->model->gpu, learner->second_moment}};
    int64_t          steps = (int64_t)learner->steps;
    SafetensorsEntry entries[3] = {{.name = "exp_avg", .dtype = DTYPE_F32, .rank = 1, .shape = {learner->floats}, .read_f32 = read_moment, .context = &sources[0]},
                                   {.name = "exp_avg_sq", .dtype = DTYPE_F32, .rank = 1, .shape = {learner->floats}, .read_f32 = read_moment, .context = &sources[1]},
                                   {.name = "step", .dtype = DTYPE_I64, .rank = 0, .data = &steps}};
    return safetensors_write(path, entries, 3, NULL, error);
}

static Status load_moment(Learner *learner, const SafetensorsSet *set, const char *name, GpuSpan span, float *piece, Error *error)
{
    const uint64_t    shape[1] = {learner->floats};
    const Safetensor *tensor = safetensors_expect(set, name, 1, shape, error);
    if (tensor == NULL) {
        return STATUS_BAD_INPUT;
    }
    for (uint64_t done = 0; done < shape[0];) {
        uint64_t count = shape[0] - done < PIECE_FLOATS ? shape[0] - done : PIECE_FLOATS;
        Status   status = safetensor_to_f32(tensor, piece, done, count, error);
        if (status == STATUS_OK) {
            status = gpu_upload(learner->model->gpu, gpu_span_slice(span, done * 4, count * 4), piece, count * 4, error);
        }
        if (status != STATUS_OK) {
            return status;
        }
        done += count;
    }
    return STATUS_OK;
}

Status learner_load(Learner *learner, const char *path, Error *error)
{
    SafetensorsSet *set = safetensors_open(path, error);
    if (set == NULL) {
        return STATUS_BAD_INPUT;
    }
    float  *piece = malloc(PIECE_FLOATS * sizeof *piece);
    Status  status = piece != NULL ? STATUS_OK : error_set(error, STATUS_OUT_OF_MEMORY, "%s: out of host memory", path);
    int64_t steps = 0;
    if (status == STATUS_OK) {
        status = load_moment(learner, set, "exp_avg", learner->first_moment, piece, error);
    }
    if (status == STATUS_OK) {
        status = load_moment(learner, set, "exp_avg_sq", learner->second_moment, piece, error);
    }
    if (status == STATUS_OK) {
        const Safetensor *step = safetensors_find(set, "step");
        status = step != NULL ? safetensor_to_i64(step, &steps, 0, 1, error)
                              : error_set(error, STATUS_BAD_INPUT, "%s: tensor 'step' is missing", path);
    }
    learner->steps = (uint64_t)steps;
    free(piece);
    safetensors_close(set);
    return status;
}
