#include "engine/vk/private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_HAZARDS = 192,       /* more pending accesses than this: one barrier for all */
    DISPATCHES_PER_SUBMIT = 256, /* on a GPU, so that no submission holds it for long */
    MAX_TIMED = 8192         /* dispatches that --profile can time in one recording */
};

/* A range that commands since the last barrier read or wrote. */
typedef struct Hazard {
    VkBuffer  buffer;
    uint64_t  begin, end;
    GpuAccess access;
} Hazard;

struct GpuStream {
    Gpu             *gpu;
    VkCommandPool    command_pool;
    VkCommandBuffer *commands; /* recorded in order; each is one submission */
    uint32_t         command_count, command_capacity;
    VkFence          fence;

    GpuSets sets; /* of this recording */

    Hazard   hazards[MAX_HAZARDS];
    uint32_t hazard_count;
    uint32_t dispatch_count; /* in the current command buffer */

    VkQueryPool  queries; /* with gpu->timing */
    const char  *section; /* that is being recorded */
    bool         section_timed;
    GpuTimed    *timed;
    uint32_t     timed_count, untimed;
    double       flops; /* of kernels that do not know theirs */

    enum { STREAM_IDLE, STREAM_RECORDING, STREAM_READY, STREAM_PENDING } state;
    Error error; /* the first one while recording */
};

GpuGroups gpu_groups(uint64_t items, uint32_t per_group)
{
    uint64_t groups = (items + per_group - 1) / per_group;
    if (groups <= 65535) {
        return (GpuGroups){(uint32_t)groups, 1, 1};
    }
    uint64_t rows = (groups + 32767) / 32768;
    return (GpuGroups){32768, (uint32_t)rows, 1};
}

Gpu *gpu_stream_gpu(GpuStream *stream) { return stream->gpu; }

GpuStream *gpu_transfer_stream(Gpu *gpu) { return gpu->transfer; }

GpuStream *gpu_stream_new(Gpu *gpu, Error *error)
{
    GpuStream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "cannot make a command stream: out of host memory");
        return NULL;
    }
    stream->gpu = stream->sets.gpu = gpu;
    if (gpu->dry) {
        return stream;
    }
    VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                    .queueFamilyIndex = gpu->queue_family};
    VkFenceCreateInfo       fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkQueryPoolCreateInfo   queries = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                       .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                       .queryCount = 2 * MAX_TIMED};
    VkResult result = vkCreateCommandPool(gpu->device, &pool, NULL, &stream->command_pool);
    if (result == VK_SUCCESS) {
        result = vkCreateFence(gpu->device, &fence, NULL, &stream->fence);
    }
    if (result == VK_SUCCESS && gpu->timing) {
        result = vkCreateQueryPool(gpu->device, &queries, NULL, &stream->queries);
        stream->timed = calloc(MAX_TIMED, sizeof *stream->timed);
        if (stream->timed == NULL) {
            result = VK_ERROR_OUT_OF_HOST_MEMORY;
        }
    }
    if (result != VK_SUCCESS) {
        gpu_error(gpu, result, "making a command stream", error);
        gpu_stream_free(stream);
        return NULL;
    }
    return stream;
}

void gpu_stream_free(GpuStream *stream)
{
    if (stream == NULL) {
        return;
    }
    if (stream->gpu->dry) {
        free(stream);
        return;
    }
    VkDevice device = stream->gpu->device;
    if (stream->state == STREAM_PENDING) {
        vkWaitForFences(device, 1, &stream->fence, VK_TRUE, UINT64_MAX);
    }
    gpu_sets_free(&stream->sets);
    if (stream->queries != VK_NULL_HANDLE) {
        vkDestroyQueryPool(device, stream->queries, NULL);
    }
    vkDestroyCommandPool(device, stream->command_pool, NULL);
    vkDestroyFence(device, stream->fence, NULL);
    free(stream->commands);
    free(stream->timed);
    free(stream);
}

/* --- recording -------------------------------------------------------------- */

void gpu_stream_fail(GpuStream *stream, Status status, const char *text)
{
    error_set(&stream->error, status, "%s", text);
}

static VkCommandBuffer current(const GpuStream *stream) { return stream->commands[stream->command_count - 1]; }

static void memory_barrier(VkCommandBuffer commands, VkPipelineStageFlags from, VkAccessFlags from_access,
                           VkPipelineStageFlags to, VkAccessFlags to_access)
{
    VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                               .srcAccessMask = from_access,
                               .dstAccessMask = to_access};
    vkCmdPipelineBarrier(commands, from, to, 0, 1, &barrier, 0, NULL, 0, NULL);
}

static const VkPipelineStageFlags WORK_STAGES = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
static const VkAccessFlags        WORK_WRITES = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
static const VkAccessFlags        WORK_ACCESS = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT |
                                         VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_TRANSFER_READ_BIT;

static void work_barrier(GpuStream *stream)
{
    memory_barrier(current(stream), WORK_STAGES, WORK_WRITES, WORK_STAGES, WORK_ACCESS);
    stream->hazard_count = 0;
}

/* What is recorded between these two is timed. With `apart`, kernels before and after it have to wait, or their times
 * would overlap. */
static bool timed_begin(GpuStream *stream, bool apart)
{
    if (stream->queries == VK_NULL_HANDLE) {
        return false;
    }
    if (stream->timed_count == MAX_TIMED) {
        stream->untimed++;
        return false;
    }
    if (apart) {
        work_barrier(stream);
    }
    vkCmdWriteTimestamp(current(stream), VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, stream->queries, 2 * stream->timed_count);
    return true;
}

static void timed_end(GpuStream *stream, bool apart, GpuTimed timed)
{
    if (apart) {
        work_barrier(stream);
    }
    vkCmdWriteTimestamp(current(stream), VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, stream->queries, 2 * stream->timed_count + 1);
    stream->timed[stream->timed_count++] = timed;
}

/* Of a kernel, with gpu->profile. */
static bool kernel_begin(GpuStream *stream) { return stream->gpu->profile && timed_begin(stream, true); }

static void kernel_end(GpuStream *stream, const char *kernel, double flops, double bytes)
{
    timed_end(stream, true, (GpuTimed){kernel, stream->section, flops, bytes});
}

/* Of a section, without gpu->profile. */
static void section_begin(GpuStream *stream, const char *section)
{
    stream->section       = section;
    stream->section_timed = !stream->gpu->profile && stream->error.status == STATUS_OK && timed_begin(stream, false);
}

static void section_end(GpuStream *stream)
{
    if (stream->section_timed) {
        timed_end(stream, false, (GpuTimed){NULL, stream->section, 0, 0});
        stream->section_timed = false;
    }
}

/* Starts one more command buffer. */
static void command_begin(GpuStream *stream)
{
    if (stream->command_count == stream->command_capacity) {
        uint32_t         capacity = stream->command_capacity + 8;
        VkCommandBuffer *grown = realloc(stream->commands, capacity * sizeof *grown);
        if (grown == NULL) {
            gpu_stream_fail(stream, STATUS_OUT_OF_MEMORY, "recording commands: out of host memory");
            return;
        }
        stream->commands = grown;
        VkCommandBufferAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                            .commandPool = stream->command_pool,
                                            .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                            .commandBufferCount = 8};
        VkResult result = vkAllocateCommandBuffers(stream->gpu->device, &info, grown + stream->command_capacity);
        if (result != VK_SUCCESS) {
            gpu_error(stream->gpu, result, "recording commands", &stream->error);
            return;
        }
        stream->command_capacity = capacity;
    }
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VkResult result = vkBeginCommandBuffer(stream->commands[stream->command_count], &begin);
    if (result != VK_SUCCESS) {
        gpu_error(stream->gpu, result, "recording commands", &stream->error);
        return;
    }
    stream->command_count++;
    stream->dispatch_count = 0;
    /* Earlier submissions, and what the host wrote, come first. */
    memory_barrier(current(stream), WORK_STAGES | VK_PIPELINE_STAGE_HOST_BIT, WORK_WRITES | VK_ACCESS_HOST_WRITE_BIT,
                   WORK_STAGES, WORK_ACCESS);
    stream->hazard_count = 0;
}

static void command_end(GpuStream *stream)
{
    memory_barrier(current(stream), WORK_STAGES, WORK_WRITES, VK_PIPELINE_STAGE_HOST_BIT,
                   VK_ACCESS_HOST_READ_BIT | VK_ACCESS_HOST_WRITE_BIT);
    VkResult result = vkEndCommandBuffer(current(stream));
    if (result != VK_SUCCESS) {
        gpu_error(stream->gpu, result, "recording commands", &stream->error);
    }
}

void gpu_stream_begin(GpuStream *stream)
{
    assert(stream->state != STREAM_PENDING && stream->state != STREAM_RECORDING);
    stream->error = (Error){0};
    if (stream->gpu->dry) {
        return;
    }
    vkResetCommandPool(stream->gpu->device, stream->command_pool, 0);
    gpu_sets_reset(&stream->sets);
    stream->command_count = 0;
    stream->timed_count = stream->untimed = 0;
    stream->flops = 0;
    stream->state = STREAM_RECORDING;
    command_begin(stream);
    if (stream->queries != VK_NULL_HANDLE && stream->error.status == STATUS_OK) {
        vkCmdResetQueryPool(current(stream), stream->queries, 0, 2 * MAX_TIMED);
    }
    section_begin(stream, "other");
}

/* Puts in a barrier if an access touches what is pending, then notes it. */
static void hazards_add(GpuStream *stream, const Hazard *accesses, uint32_t count)
{
    bool conflict = stream->hazard_count + count > MAX_HAZARDS;
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
    const Gpu *gpu = stream->gpu;
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

void gpu_stream_flops(GpuStream *stream, double flops) { stream->flops = flops; }

void gpu_stream_section(GpuStream *stream, const char *section)
{
    if (!stream->gpu->dry && stream->error.status == STATUS_OK) {
        section_end(stream);
        section_begin(stream, section);
    }
}

void gpu_dispatch(GpuStream *stream, const GpuDispatch *dispatch)
{
    if (stream->gpu->dry || stream->error.status != STATUS_OK || dispatch->groups.x == 0 || dispatch->groups.y == 0 || dispatch->groups.z == 0) {
        return;
    }
    GpuPipeline *pipeline = gpu_pipeline(stream->gpu, dispatch->kernel, dispatch->spec, dispatch->spec_count,
                                         dispatch->subgroup, &stream->error);
    if (pipeline == NULL || !dispatch_fits(stream, dispatch, pipeline)) {
        return;
    }
    if (stream->dispatch_count >= DISPATCHES_PER_SUBMIT && stream->gpu->info.type != GPU_CPU) {
        command_end(stream);
        command_begin(stream);
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
        accesses[count]     = (Hazard){bind->span.buffer->buffer, bind->span.offset, bind->span.offset + bind->span.size, bind->access};
    }
    hazards_add(stream, accesses, count);

    VkCommandBuffer commands = current(stream);
    const bool      timed = kernel_begin(stream);
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->pipeline);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->layout, 0, 1, &set, 0, NULL);
    if (dispatch->push_size > 0) {
        vkCmdPushConstants(commands, pipeline->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, dispatch->push_size, dispatch->push);
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
    const bool   timed = kernel_begin(stream);
    vkCmdCopyBuffer(current(stream), from.buffer->buffer, to.buffer->buffer, 1, &region);
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
    vkCmdFillBuffer(current(stream), span.buffer->buffer, span.offset, span.size, value);
    if (timed) {
        kernel_end(stream, "fill", 0, (double)span.size);
    }
}

/* --- running ------------------------------------------------------------------ */

static Status give_error(const GpuStream *stream, Error *error)
{
    return error_set(error, stream->error.status, "%s", stream->error.text);
}

Status gpu_stream_end(GpuStream *stream, Error *error)
{
    if (stream->state == STREAM_RECORDING) {
        if (stream->command_count > 0) {
            section_end(stream);
            command_end(stream);
        }
        stream->state = stream->error.status == STATUS_OK ? STREAM_READY : STREAM_IDLE;
    }
    return stream->error.status == STATUS_OK ? STATUS_OK : give_error(stream, error);
}

Status gpu_stream_submit(GpuStream *stream, Error *error)
{
    Status status = gpu_stream_end(stream, error);
    if (status != STATUS_OK || stream->gpu->dry) {
        return status;
    }
    assert(stream->state == STREAM_READY);
    VkSubmitInfo *submits = calloc(stream->command_count, sizeof *submits);
    if (submits == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "submitting commands: out of host memory");
    }
    for (uint32_t i = 0; i < stream->command_count; i++) {
        submits[i] = (VkSubmitInfo){.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                                    .commandBufferCount = 1,
                                    .pCommandBuffers = &stream->commands[i]};
    }
    VkResult result = vkResetFences(stream->gpu->device, 1, &stream->fence);
    if (result == VK_SUCCESS) {
        result = vkQueueSubmit(stream->gpu->queue, stream->command_count, submits, stream->fence);
    }
    free(submits);
    if (result != VK_SUCCESS) {
        return gpu_error(stream->gpu, result, "submitting work", error);
    }
    stream->state = STREAM_PENDING;
    return STATUS_OK;
}

/* Adds the times of the last run to the device's profile. */
static void profile_collect(GpuStream *stream)
{
    Gpu      *gpu = stream->gpu;
    uint64_t *ticks = malloc(2 * (size_t)stream->timed_count * sizeof *ticks);
    if (ticks == NULL ||
        vkGetQueryPoolResults(gpu->device, stream->queries, 0, 2 * stream->timed_count,
                              2 * (size_t)stream->timed_count * sizeof *ticks, ticks, sizeof *ticks,
                              VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT) != VK_SUCCESS) {
        free(ticks);
        return;
    }
    gpu_profile_add(gpu, stream->timed, ticks, stream->timed_count, stream->untimed);
    free(ticks);
}

Status gpu_stream_wait(GpuStream *stream, Error *error)
{
    if (stream->state != STREAM_PENDING) {
        return STATUS_OK;
    }
    VkResult result = vkWaitForFences(stream->gpu->device, 1, &stream->fence, VK_TRUE, UINT64_MAX);
    stream->state = STREAM_READY;
    if (result != VK_SUCCESS) {
        return gpu_error(stream->gpu, result, "waiting for work", error);
    }
    if (stream->timed_count > 0) {
        profile_collect(stream);
    }
    return STATUS_OK;
}

Status gpu_stream_run(GpuStream *stream, Error *error)
{
    Status status = gpu_stream_submit(stream, error);
    return status == STATUS_OK ? gpu_stream_wait(stream, error) : status;
}
