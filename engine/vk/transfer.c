/* Copies between host memory and the device. */
#include <assert.h>
#include <string.h>

#include "engine/vk/private.h"

enum { STAGING_BYTES = 16 << 20, HALF_BYTES = STAGING_BYTES / 2 };

/* The staging buffer, made when a device without unified memory first needs it. */
static GpuArena *staging_of(Gpu *gpu, Error *error)
{
    if (gpu->staging == NULL) {
        const char *owner = gpu->owner;
        gpu->owner        = NULL; /* whoever comes first, it is everybody's */
        gpu->staging      = gpu_arena_new(gpu, "staging", GPU_MEMORY_HOST, STAGING_BYTES, error);
        gpu->owner        = owner;
    }
    return gpu->staging;
}

/* Takes what a real one would have taken. */
static Status dry_upload(Gpu *gpu, Error *error)
{
    return gpu->info.tier.unified_memory || staging_of(gpu, error) != NULL ? STATUS_OK : error->status;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Piece by piece into mapped memory. */
static Status fill_mapped(GpuSpan to, GpuSource source, void *context, Error *error)
{
    char  *at     = gpu_span_map(to);
    Status status = STATUS_OK;
    for (uint64_t done = 0; done < to.size && status == STATUS_OK; done += HALF_BYTES) {
        status = source(context, done, smaller(to.size - done, HALF_BYTES), at + done, error);
    }
    return status;
}

/* While the device copies one half of the staging buffer, the source fills the other. */
static Status fill_staged(Gpu *gpu, GpuSpan to, GpuSource source, void *context, Error *error)
{
    GpuArena *staging = staging_of(gpu, error);
    if (staging != NULL && gpu->transfer_next == NULL) {
        gpu->transfer_next = gpu_stream_new(gpu, error);
    }
    if (staging == NULL || gpu->transfer_next == NULL) {
        return error->status;
    }
    GpuStream *const streams[2] = {gpu->transfer, gpu->transfer_next};
    Status           status     = STATUS_OK;
    int              half       = 0;
    for (uint64_t done = 0; done < to.size && status == STATUS_OK; done += HALF_BYTES, half ^= 1) {
        const uint64_t piece = smaller(to.size - done, HALF_BYTES), offset = (uint64_t)half * HALF_BYTES;
        status = gpu_stream_wait(streams[half], error); /* what this half held is on the device */
        status =
            status == STATUS_OK ? source(context, done, piece, (char *)staging->buffer.mapped + offset, error) : status;
        if (status == STATUS_OK) {
            gpu_stream_begin(streams[half]);
            gpu_copy(streams[half], gpu_span_slice(to, done, piece), (GpuSpan){&staging->buffer, offset, piece});
            status = gpu_stream_submit(streams[half], error);
        }
    }
    for (int i = 0; i < 2; i++) { /* also after a failure: both are used again */
        Error        waiting = {0};
        const Status waited  = gpu_stream_wait(streams[i], &waiting);
        if (status == STATUS_OK && waited != STATUS_OK) {
            status = error_set(error, waited, "%s", waiting.text);
        }
    }
    return status;
}

Status gpu_upload_from(Gpu *gpu, GpuSpan to, GpuSource source, void *context, Error *error)
{
    if (gpu->dry) {
        return dry_upload(gpu, error);
    }
    return to.buffer->mapped != NULL ? fill_mapped(to, source, context, error)
                                     : fill_staged(gpu, to, source, context, error);
}

static Status copy_from(void *context, uint64_t first, uint64_t count, void *to, Error *error)
{
    (void)error;
    memcpy(to, (const char *)context + first, count);
    return STATUS_OK;
}

Status gpu_upload(Gpu *gpu, GpuSpan to, const void *from, uint64_t bytes, Error *error)
{
    assert(bytes <= to.size);
    if (gpu->dry) {
        return dry_upload(gpu, error);
    }
    if (to.buffer->mapped != NULL) {
        memcpy(gpu_span_map(to), from, bytes);
        return STATUS_OK;
    }
    return fill_staged(gpu, gpu_span_slice(to, 0, bytes), copy_from, (void *)(uintptr_t)from, error);
}

Status gpu_download(Gpu *gpu, GpuSpan from, void *to, uint64_t bytes, Error *error)
{
    assert(bytes <= from.size);
    if (gpu->dry) {
        memset(to, 0, bytes);
        return STATUS_OK;
    }
    if (from.buffer->mapped != NULL) {
        memcpy(to, gpu_span_map(from), bytes);
        return STATUS_OK;
    }
    GpuArena *staging = staging_of(gpu, error);
    if (staging == NULL) {
        return error->status;
    }
    for (uint64_t done = 0; done < bytes; done += STAGING_BYTES) {
        const uint64_t piece = smaller(bytes - done, STAGING_BYTES);
        gpu_stream_begin(gpu->transfer);
        gpu_copy(gpu->transfer, (GpuSpan){&staging->buffer, 0, piece}, gpu_span_slice(from, done, piece));
        const Status status = gpu_stream_run(gpu->transfer, error);
        if (status != STATUS_OK) {
            return status;
        }
        memcpy((char *)to + done, staging->buffer.mapped, piece);
    }
    return STATUS_OK;
}
