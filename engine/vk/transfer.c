/* Copies between host memory and the device. */
#include <assert.h>
#include <string.h>

#include "engine/parallel.h"
#include "engine/vk/private.h"

enum { STAGING_BYTES = GPU_STAGING_BYTES, HALF_BYTES = STAGING_BYTES / 2, PIECE_BYTES = 1 << 20 };

/* The staging buffer, made when a device without unified memory, or whose memory the host reads slowly, first needs it.
 */
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

/* What mapped memory of a lost device holds may be anything, and must not come into a checkpoint. */
static Status check_alive(Gpu *gpu, const char *what, Error *error)
{
    return gpu->lost ? gpu_error(gpu, VK_ERROR_DEVICE_LOST, what, error) : STATUS_OK;
}

/* Takes what a real one would have taken. */
static Status dry_upload(Gpu *gpu, Error *error)
{
    const bool none = gpu->info.tier.unified_memory && !gpu->info.reads_staged;
    return none || staging_of(gpu, error) != NULL ? STATUS_OK : error->status;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* --- filling from a source, on several threads ------------------------------------------- */

/* Rows [first, first + rows) of what is uploaded, to be written from these addresses on. */
typedef struct Filling {
    GpuRowSource    source;
    void           *context;
    uint64_t        first, rows, at_once; /* rows of a piece */
    char           *data, *scales;
    uint64_t        data_pitch, scale_pitch;
    pthread_mutex_t lock;
    uint64_t        failed; /* the first piece that failed; later ones need not be tried */
    Error          *error;  /* its */
} Filling;

static void fill_piece(void *user, size_t index)
{
    Filling       *f      = user;
    const uint64_t before = index * f->at_once, rows = smaller(f->rows - before, f->at_once);
    Error          error = {0};
    pthread_mutex_lock(&f->lock);
    const bool wanted = index < f->failed;
    pthread_mutex_unlock(&f->lock);
    char *scales = f->scales != NULL ? f->scales + before * f->scale_pitch : NULL;
    if (!wanted ||
        f->source(f->context, f->first + before, rows, f->data + before * f->data_pitch, scales, &error) == STATUS_OK) {
        return;
    }
    pthread_mutex_lock(&f->lock);
    if (index < f->failed) {
        f->failed = index;
        *f->error = error;
    }
    pthread_mutex_unlock(&f->lock);
}

static Status fill(Filling *f, Error *error)
{
    Error failure = {0};
    f->failed     = UINT64_MAX;
    f->error      = &failure;
    pthread_mutex_init(&f->lock, NULL);
    parallel_for((f->rows + f->at_once - 1) / f->at_once, 1, parallel_threads(), fill_piece, f);
    pthread_mutex_destroy(&f->lock);
    return failure.status == STATUS_OK ? STATUS_OK : error_set(error, failure.status, "%s", failure.text);
}

/* While the device copies one half of the staging buffer, the source fills the other. */
static Status fill_staged(Gpu *gpu, GpuSpan data, GpuSpan scales, Filling *f, Error *error)
{
    GpuArena *staging = staging_of(gpu, error);
    if (staging != NULL && gpu->transfer_next == NULL) {
        gpu->transfer_next = gpu_stream_new(gpu, error);
    }
    if (staging == NULL || gpu->transfer_next == NULL) {
        return error->status;
    }
    GpuStream *const streams[2] = {gpu->transfer, gpu->transfer_next};
    const uint64_t   total = f->rows, pitch = f->data_pitch + f->scale_pitch;
    const uint64_t   most   = (HALF_BYTES - GPU_ALIGNMENT) / pitch; /* rows of a half */
    Status           status = STATUS_OK;
    int              half   = 0;
    if (most == 0) {
        return error_set(error, STATUS_FAILED, "a row of %ju bytes is too long to be copied to the device",
                         (uintmax_t)pitch);
    }
    for (f->first = 0; f->first < total && status == STATUS_OK; f->first += f->rows, half ^= 1) {
        f->rows               = smaller(total - f->first, most);
        const uint64_t offset = (uint64_t)half * HALF_BYTES, bytes = f->rows * f->data_pitch;
        const GpuSpan  from    = {&staging->buffer, offset, bytes};
        const GpuSpan  besides = {&staging->buffer, offset + gpu_align(bytes), f->rows * f->scale_pitch};
        f->data                = (char *)staging->buffer.mapped + from.offset;
        f->scales              = (char *)staging->buffer.mapped + besides.offset;
        status                 = gpu_stream_wait(streams[half], error); /* what this half held is on the device */
        status                 = status == STATUS_OK ? fill(f, error) : status;
        if (status == STATUS_OK) {
            gpu_stream_begin(streams[half]);
            gpu_copy(streams[half], gpu_span_slice(data, f->first * f->data_pitch, from.size), from);
            if (besides.size > 0) {
                gpu_copy(streams[half], gpu_span_slice(scales, f->first * f->scale_pitch, besides.size), besides);
            }
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

Status gpu_upload_rows(Gpu *gpu, GpuSpan data, GpuSpan scales, uint64_t rows, GpuRowSource source, void *context,
                       Error *error)
{
    assert(rows > 0 && data.size % rows == 0 && scales.size % rows == 0);
    if (gpu->dry) {
        return dry_upload(gpu, error);
    }
    if (check_alive(gpu, "copying to the device", error) != STATUS_OK) {
        return STATUS_DEVICE_LOST;
    }
    Filling f = {.source      = source,
                 .context     = context,
                 .rows        = rows,
                 .data_pitch  = data.size / rows,
                 .scale_pitch = scales.size / rows};
    f.at_once = f.data_pitch < PIECE_BYTES ? PIECE_BYTES / f.data_pitch : 1;
    if (data.buffer->mapped == NULL) {
        return fill_staged(gpu, data, scales, &f, error);
    }
    f.data   = gpu_span_map(data);
    f.scales = scales.size > 0 ? gpu_span_map(scales) : NULL;
    return fill(&f, error);
}

typedef struct Bytes {
    GpuSource source;
    void     *context;
} Bytes;

/* GpuRowSource of rows that are a byte each. */
static Status fill_bytes(void *context, uint64_t first, uint64_t rows, void *data, void *scales, Error *error)
{
    const Bytes *bytes = context;
    (void)scales;
    return bytes->source(bytes->context, first, rows, data, error);
}

Status gpu_upload_from(Gpu *gpu, GpuSpan to, GpuSource source, void *context, Error *error)
{
    Bytes bytes = {source, context};
    return gpu_upload_rows(gpu, to, (GpuSpan){0}, to.size, fill_bytes, &bytes, error);
}

/* --- plain copies --------------------------------------------------------------------------- */

static Status copy_from(void *context, uint64_t first, uint64_t count, void *to, Error *error)
{
    (void)error;
    memcpy(to, (const char *)context + first, count);
    return STATUS_OK;
}

Status gpu_upload(Gpu *gpu, GpuSpan to, const void *from, uint64_t bytes, Error *error)
{
    Status status = STATUS_OK;
    assert(bytes <= to.size);
    if (gpu->dry) {
        return dry_upload(gpu, error);
    }
    if (check_alive(gpu, "copying to the device", error) != STATUS_OK) {
        return STATUS_DEVICE_LOST;
    }
    for (uint64_t done = 0, piece; done < bytes && status == STATUS_OK; done += piece) {
        piece               = smaller(bytes - done, gpu_span_whole(to, done));
        const GpuSpan there = gpu_span_slice(to, done, piece);
        const char   *here  = (const char *)from + done;
        if (there.buffer->mapped != NULL) {
            memcpy(gpu_span_map(there), here, piece);
        } else {
            status = gpu_upload_from(gpu, there, copy_from, (void *)(uintptr_t)here, error);
        }
    }
    return status;
}

/* From a span in one buffer. */
static Status download(Gpu *gpu, GpuSpan from, void *to, Error *error)
{
    const uint64_t bytes = from.size;
    if (from.buffer->mapped != NULL && !from.buffer->slow_to_read) {
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

Status gpu_download(Gpu *gpu, GpuSpan from, void *to, uint64_t bytes, Error *error)
{
    Status status = STATUS_OK;
    assert(bytes <= from.size);
    if (gpu->dry) {
        memset(to, 0, bytes);
        return STATUS_OK;
    }
    if (check_alive(gpu, "copying from the device", error) != STATUS_OK) {
        return STATUS_DEVICE_LOST;
    }
    for (uint64_t done = 0, piece; done < bytes && status == STATUS_OK; done += piece) {
        piece  = smaller(bytes - done, gpu_span_whole(from, done));
        status = download(gpu, gpu_span_slice(from, done, piece), (char *)to + done, error);
    }
    return status;
}

/* Pieces [first, …) that fit the staging buffer together, in one submit; the first if none does. Returns how many. */
static size_t download_some(Gpu *gpu, GpuArena *staging, const GpuSpan *from, void *const *to, size_t count,
                            Error *error)
{
    uint64_t end  = 0;
    size_t   some = 0;
    while (some < count && end + gpu_align(from[some].size) <= STAGING_BYTES) {
        end += gpu_align(from[some++].size);
    }
    if (some == 0) {
        return gpu_download(gpu, from[0], to[0], from[0].size, error) == STATUS_OK ? 1 : 0;
    }
    gpu_stream_begin(gpu->transfer);
    uint64_t at = 0;
    for (size_t i = 0; i < some; i++, at += gpu_align(from[i - 1].size)) {
        gpu_copy(gpu->transfer, (GpuSpan){&staging->buffer, at, from[i].size}, from[i]);
    }
    if (gpu_stream_run(gpu->transfer, error) != STATUS_OK) {
        return 0;
    }
    at = 0;
    for (size_t i = 0; i < some; i++, at += gpu_align(from[i - 1].size)) {
        memcpy(to[i], (const char *)staging->buffer.mapped + at, from[i].size);
    }
    return some;
}

Status gpu_download_many(Gpu *gpu, const GpuSpan *from, void *const *to, size_t count, Error *error)
{
    for (size_t i = 0; i < count;) {
        if (gpu->dry || from[i].buffer->mapped != NULL) {
            const Status status = gpu_download(gpu, from[i], to[i], from[i].size, error);
            if (status != STATUS_OK) {
                return status;
            }
            i++;
            continue;
        }
        GpuArena    *staging = staging_of(gpu, error);
        const size_t some    = staging != NULL ? download_some(gpu, staging, from + i, to + i, count - i, error) : 0;
        if (some == 0) {
            return error->status;
        }
        i += some;
    }
    return STATUS_OK;
}
