/* What is recorded into a stream's command buffers: dispatches, copies and fills, the barriers between them, and the
 * times that a profile takes. */
#include <assert.h>
#include <string.h>

#include "engine/vk/stream_parts.h"

enum { DISPATCHES_PER_SUBMIT = 256 }; /* on a GPU, so that no submission holds it for long */

GpuGroups gpu_groups(uint64_t items, uint32_t per_group)
{
    uint64_t groups = (items + per_group - 1) / per_group;
    if (groups <= 65535) {
        return (GpuGroups){(uint32_t)groups, 1, 1};
    }
    uint64_t rows = (groups + 32767) / 32768;
    return (GpuGroups){32768, (uint32_t)rows, 1};
}

/* --- barriers and times ------------------------------------------------------- */

static void work_barrier(GpuStream *stream)
{
    stream_barrier(stream, STREAM_STAGES, STREAM_WRITES, STREAM_STAGES, STREAM_ACCESS);
    stream->hazard_count = 0;
}

/* What is recorded between these two is timed. With `apart`, kernels before and after it have to wait, or their times
 * would overlap. */
static bool timed_begin(GpuStream *stream, bool apart)
{
    if (stream->queries == VK_NULL_HANDLE) {
        return false;
    }
    if (stream->timed_count == STREAM_TIMED) {
        stream->untimed++;
        return false;
    }
    if (apart) {
        work_barrier(stream);
    }
    vkCmdWriteTimestamp(stream_commands(stream), VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, stream->queries,
                        2 * stream->timed_count);
    return true;
}

static void timed_end(GpuStream *stream, bool apart, GpuTimed timed)
{
    if (apart) {
        work_barrier(stream);
    }
    vkCmdWriteTimestamp(stream_commands(stream), VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, stream->queries,
                        2 * stream->timed_count + 1);
    stream->timed[stream->timed_count++] = timed;
}

/* Of a kernel, with gpu->profile. */
static bool kernel_begin(GpuStream *stream)
{
    return stream->gpu->profile && timed_begin(stream, true);
}

static void kernel_end(GpuStream *stream, const char *kernel, double flops, double bytes)
{
    timed_end(stream, true, (GpuTimed){kernel, stream->section, flops, bytes});
}

/* Of a section, without gpu->profile. */
void stream_section_begin(GpuStream *stream, const char *section)
{
    stream->section       = section;
    stream->section_timed = !stream->gpu->profile && stream->error.status == STATUS_OK && timed_begin(stream, false);
}

void stream_section_end(GpuStream *stream)
{
    if (stream->section_timed) {
        timed_end(stream, false, (GpuTimed){NULL, stream->section, 0, 0});
        stream->section_timed = false;
    }
}

/* --- commands ------------------------------------------------------------------ */

/* Puts in a barrier if an access touches what is pending, then notes it. */
static void hazards_add(GpuStream *stream, const Hazard *accesses, uint32_t count)
{
    bool conflict = stream->hazard_count + count > STREAM_HAZARDS;
    for (uint32_t i = 0; i < count && !conflict; i++) {
        for (uint32_t j = 0; j < stream->hazard_count && !conflict; j++) {
            const Hazard *a = &accesses[i], *b = &stream->hazards[j];
            conflict = a->buffer == b->buffer && a->begin < b->end && b->begin < a->end &&
                       ((a->access | b->access) & GPU_WRITE);
        }
    }
    if (conflict) {
        work_barrier(stream);
    }
    memcpy(stream->hazards + stream->hazard_count, accesses, count * sizeof *accesses);
    stream->hazard_count += count;
}

/* Checks a dispatch against its pipeline and the device's limits. */
static bool dispatch_fits(GpuStream *stream, const GpuDispatch *dispatch, const GpuPipeline *pipeline)
{
    const Gpu *gpu        = stream->gpu;
    uint32_t   descriptor = 0;
    for (uint32_t i = 0; i < GPU_MAX_BINDS && dispatch->bind[i].span.buffer != NULL; i++) {
        const GpuBind *bind = &dispatch->bind[i];
        if (bind->kind == GPU_BIND_ADDRESS) {
            continue;
        }
        if (bind->kind == GPU_BIND_STORAGE && bind->span.size > gpu->limits.maxStorageBufferRange) {
            error_set(&stream->error, STATUS_FAILED,
                      "kernel '%s', binding %u: %.1f MiB in one tensor, but device %d (%s) binds at most %.1f MiB",
                      dispatch->kernel, i, (double)bind->span.size / 1048576.0, gpu->info.index, gpu->info.name,
                      (double)gpu->limits.maxStorageBufferRange / 1048576.0);
            return false;
        }
        descriptor++;
    }
    if (descriptor < pipeline->bind_count || dispatch->push_size > GPU_MAX_PUSH_BYTES) {
        error_set(&stream->error, STATUS_FAILED, "kernel '%s' needs %u bindings, was given %u", dispatch->kernel,
                  pipeline->bind_count, descriptor);
        return false;
    }
    const uint32_t *limit = gpu->limits.maxComputeWorkGroupCount;
    if (dispatch->groups.x > limit[0] || dispatch->groups.y > limit[1] || dispatch->groups.z > limit[2]) {
        error_set(&stream->error, STATUS_FAILED, "kernel '%s': %u x %u x %u workgroups are more than the device allows",
                  dispatch->kernel, dispatch->groups.x, dispatch->groups.y, dispatch->groups.z);
        return false;
    }
    return true;
}

void gpu_stream_flops(GpuStream *stream, double flops)
{
    stream->flops = flops;
}

void gpu_stream_section(GpuStream *stream, const char *section)
{
    if (!stream->gpu->dry && stream->error.status == STATUS_OK) {
        stream_section_end(stream);
        stream_section_begin(stream, section);
    }
}

void gpu_dispatch(GpuStream *stream, const GpuDispatch *dispatch)
{
    if (stream->gpu->dry || stream->error.status != STATUS_OK || dispatch->groups.x == 0 || dispatch->groups.y == 0 ||
        dispatch->groups.z == 0) {
        return;
    }
    GpuPipeline *pipeline = gpu_pipeline(stream->gpu, dispatch->kernel, dispatch->spec, dispatch->spec_count,
                                         dispatch->subgroup, &stream->error);
    if (pipeline == NULL || !dispatch_fits(stream, dispatch, pipeline)) {
        return;
    }
    if (stream->dispatch_count >= DISPATCHES_PER_SUBMIT && stream->gpu->info.type != GPU_CPU) {
        stream_next_commands(stream);
        if (stream->error.status != STATUS_OK) {
            return;
        }
    }
    VkDescriptorSet set = gpu_sets_find(&stream->sets, pipeline, dispatch, &stream->error);
    if (set == VK_NULL_HANDLE) {
        return;
    }
    Hazard   accesses[GPU_MAX_BINDS];
    uint32_t count = 0;
    for (; count < GPU_MAX_BINDS && dispatch->bind[count].span.buffer != NULL; count++) {
        const GpuBind *bind = &dispatch->bind[count];
        accesses[count] =
            (Hazard){bind->span.buffer->buffer, bind->span.offset, bind->span.offset + bind->span.size, bind->access};
    }
    hazards_add(stream, accesses, count);

    VkCommandBuffer commands = stream_commands(stream);
    const bool      timed    = kernel_begin(stream);
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->pipeline);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->layout, 0, 1, &set, 0, NULL);
    if (dispatch->push_size > 0) {
        vkCmdPushConstants(commands, pipeline->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, dispatch->push_size,
                           dispatch->push);
    }
    vkCmdDispatch(commands, dispatch->groups.x, dispatch->groups.y, dispatch->groups.z);
    if (timed) {
        kernel_end(stream, pipeline->shader->name, dispatch->flops > 0 ? dispatch->flops : stream->flops,
                   dispatch->bytes != 0 ? dispatch->bytes : gpu_bound_bytes(dispatch));
    }
    stream->dispatch_count++;
}

void gpu_copy(GpuStream *stream, GpuSpan to, GpuSpan from)
{
    if (stream->gpu->dry || stream->error.status != STATUS_OK) {
        return;
    }
    assert(to.size >= from.size);
    const Hazard accesses[2] = {{to.buffer->buffer, to.offset, to.offset + from.size, GPU_WRITE},
                                {from.buffer->buffer, from.offset, from.offset + from.size, GPU_READ}};
    hazards_add(stream, accesses, 2);
    VkBufferCopy region = {.srcOffset = from.offset, .dstOffset = to.offset, .size = from.size};
    const bool   timed  = kernel_begin(stream);
    vkCmdCopyBuffer(stream_commands(stream), from.buffer->buffer, to.buffer->buffer, 1, &region);
    if (timed) {
        kernel_end(stream, "copy", 0, 2 * (double)from.size);
    }
}

void gpu_fill(GpuStream *stream, GpuSpan span, uint32_t value)
{
    if (stream->gpu->dry || stream->error.status != STATUS_OK) {
        return;
    }
    const Hazard access = {span.buffer->buffer, span.offset, span.offset + span.size, GPU_WRITE};
    hazards_add(stream, &access, 1);
    const bool timed = kernel_begin(stream);
    vkCmdFillBuffer(stream_commands(stream), span.buffer->buffer, span.offset, span.size, value);
    if (timed) {
        kernel_end(stream, "fill", 0, (double)span.size);
    }
}
