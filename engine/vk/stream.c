#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "engine/vk/stream_parts.h"

static double clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

Gpu *gpu_stream_gpu(GpuStream *stream)
{
    return stream->gpu;
}

GpuStream *gpu_transfer_stream(Gpu *gpu)
{
    return gpu->transfer;
}

GpuStream *gpu_stream_new(Gpu *gpu, Error *error)
{
    GpuStream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "cannot make a command stream: out of host memory");
        return NULL;
    }
    stream->gpu = stream->sets.gpu = gpu;
    stream->queue                  = gpu->queue;
    if (gpu->dry) {
        return stream;
    }
    VkCommandPoolCreateInfo pool    = {.sType            = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                       .queueFamilyIndex = gpu->queue_family};
    VkFenceCreateInfo       fence   = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkQueryPoolCreateInfo   queries = {.sType      = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                       .queryType  = VK_QUERY_TYPE_TIMESTAMP,
                                       .queryCount = 2 * STREAM_TIMED};
    VkResult                result  = vkCreateCommandPool(gpu->device, &pool, NULL, &stream->command_pool);
    if (result == VK_SUCCESS) {
        result = vkCreateFence(gpu->device, &fence, NULL, &stream->fence);
    }
    if (result == VK_SUCCESS && gpu->timing) {
        result        = vkCreateQueryPool(gpu->device, &queries, NULL, &stream->queries);
        stream->timed = calloc(STREAM_TIMED, sizeof *stream->timed);
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

GpuStream *gpu_stream_new_beside(Gpu *gpu, Error *error)
{
    GpuStream *stream = gpu_stream_new(gpu, error);
    if (stream != NULL) {
        stream->queue  = gpu->beside;
        stream->beside = true;
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

/* --- command buffers --------------------------------------------------------- */

void gpu_stream_fail(GpuStream *stream, Status status, const char *text)
{
    error_set(&stream->error, status, "%s", text);
}

void stream_barrier(GpuStream *stream, VkPipelineStageFlags from, VkAccessFlags from_access, VkPipelineStageFlags to,
                    VkAccessFlags to_access)
{
    VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER, .srcAccessMask = from_access, .dstAccessMask = to_access};
    vkCmdPipelineBarrier(stream_commands(stream), from, to, 0, 1, &barrier, 0, NULL, 0, NULL);
}

/* Starts one more command buffer. */
static void command_begin(GpuStream *stream)
{
    if (stream->command_count == stream->command_capacity) {
        uint32_t         capacity = stream->command_capacity + 8;
        VkCommandBuffer *grown    = realloc(stream->commands, capacity * sizeof *grown);
        if (grown == NULL) {
            gpu_stream_fail(stream, STATUS_OUT_OF_MEMORY, "recording commands: out of host memory");
            return;
        }
        stream->commands                 = grown;
        VkCommandBufferAllocateInfo info = {.sType              = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                            .commandPool        = stream->command_pool,
                                            .level              = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                            .commandBufferCount = 8};
        VkResult result = vkAllocateCommandBuffers(stream->gpu->device, &info, grown + stream->command_capacity);
        if (result != VK_SUCCESS) {
            gpu_error(stream->gpu, result, "recording commands", &stream->error);
            return;
        }
        stream->command_capacity = capacity;
    }
    VkCommandBufferBeginInfo begin  = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VkResult                 result = vkBeginCommandBuffer(stream->commands[stream->command_count], &begin);
    if (result != VK_SUCCESS) {
        gpu_error(stream->gpu, result, "recording commands", &stream->error);
        return;
    }
    stream->command_count++;
    stream->dispatch_count = 0;
    stream->seconds        = 0;
    /* Earlier submissions, and what the host wrote, come first. */
    stream_barrier(stream, STREAM_STAGES | VK_PIPELINE_STAGE_HOST_BIT, STREAM_WRITES | VK_ACCESS_HOST_WRITE_BIT,
                   STREAM_STAGES, STREAM_ACCESS);
    stream->hazard_count = 0;
}

static void command_end(GpuStream *stream)
{
    stream_barrier(stream, STREAM_STAGES, STREAM_WRITES, VK_PIPELINE_STAGE_HOST_BIT,
                   VK_ACCESS_HOST_READ_BIT | VK_ACCESS_HOST_WRITE_BIT);
    VkResult result = vkEndCommandBuffer(stream_commands(stream));
    if (result != VK_SUCCESS) {
        gpu_error(stream->gpu, result, "recording commands", &stream->error);
    }
}

void stream_next_commands(GpuStream *stream)
{
    command_end(stream);
    command_begin(stream);
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
    stream->flops = stream->guessed = 0;
    stream->state                   = STREAM_RECORDING;
    command_begin(stream);
    if (stream->queries != VK_NULL_HANDLE && stream->error.status == STATUS_OK) {
        vkCmdResetQueryPool(stream_commands(stream), stream->queries, 0, 2 * STREAM_TIMED);
    }
    stream_section_begin(stream, "other");
}

uint32_t gpu_stream_submissions(const GpuStream *stream)
{
    return stream->command_count;
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
            stream_section_end(stream);
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
    if (stream->gpu->lost) { /* for good: nothing more may be asked of it */
        return gpu_error(stream->gpu, VK_ERROR_DEVICE_LOST, "submitting work", error);
    }
    assert(stream->state == STREAM_READY);
    /* A call for each: what one call is given drivers may put together to one job (Mesa does), and a watchdog's
     * patience is with a job. */
    VkResult result = vkResetFences(stream->gpu->device, 1, &stream->fence);
    for (uint32_t i = 0; i < stream->command_count && result == VK_SUCCESS; i++) {
        const bool         last   = i + 1 == stream->command_count;
        const VkSubmitInfo submit = {
            .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &stream->commands[i]};
        result = vkQueueSubmit(stream->queue, 1, &submit, last ? stream->fence : VK_NULL_HANDLE);
    }
    if (result != VK_SUCCESS) {
        vkQueueWaitIdle(stream->queue); /* earlier ones may be on their way, without a fence */
        return gpu_error(stream->gpu, result, "submitting work", error);
    }
    stream->submitted = clock_now();
    stream->state     = STREAM_PENDING;
    return STATUS_OK;
}

/* Adds the times of the last run to the device's profile. */
static void profile_collect(GpuStream *stream)
{
    Gpu      *gpu   = stream->gpu;
    uint64_t *ticks = malloc(2 * (size_t)stream->timed_count * sizeof *ticks);
    if (ticks == NULL || vkGetQueryPoolResults(gpu->device, stream->queries, 0, 2 * stream->timed_count,
                                               2 * (size_t)stream->timed_count * sizeof *ticks, ticks, sizeof *ticks,
                                               VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT) != VK_SUCCESS) {
        free(ticks);
        return;
    }
    gpu_profile_add(gpu, stream->timed, ticks, stream->timed_count, stream->untimed);
    free(ticks);
}

bool gpu_stream_done(const GpuStream *stream)
{
    return stream->state != STREAM_PENDING ||
           vkGetFenceStatus(stream->gpu->device, stream->fence) != VK_NOT_READY; /* a failure too is the end */
}

Status gpu_stream_wait(GpuStream *stream, Error *error)
{
    if (stream->state != STREAM_PENDING) {
        return STATUS_OK;
    }
    const uint64_t patience = stream->gpu->working != NULL ? 1000000000u : UINT64_MAX; /* ns */
    VkResult       result;
    while ((result = vkWaitForFences(stream->gpu->device, 1, &stream->fence, VK_TRUE, patience)) == VK_TIMEOUT) {
        gpu_tell_working(stream->gpu);
    }
    gpu_tell_working(stream->gpu);
    stream->state = STREAM_READY;
    if (result != VK_SUCCESS) {
        return gpu_error(stream->gpu, result, "waiting for work", error);
    }
    if (!stream->beside) { /* whose end may be seen late */
        gpu_pace_learn(stream->gpu, stream->guessed, clock_now() - stream->submitted);
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
