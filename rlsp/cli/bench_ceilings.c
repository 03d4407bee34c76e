/* What the device reaches at best: a large copy, a large product. */
#include "rlsp/cli/bench.h"
#include "rlsp/cli/profile.h"

/* Bytes a second, each copied byte read and written. The buffers are larger than caches are. */
static Status copy_rate(Bench *bench, double *rate, Error *error)
{
    const GpuInfo *info  = gpu_info(bench->gpu);
    const uint64_t bytes = info->type == GPU_CPU ? (uint64_t)64 << 20 : (uint64_t)512 << 20, copies = 8;
    GpuArena      *arena   = gpu_arena_new(bench->gpu, "probe", GPU_MEMORY_DEVICE, 2 * bytes, error);
    GpuStream     *stream  = arena != NULL ? gpu_stream_new(bench->gpu, error) : NULL;
    Status         status  = stream != NULL ? STATUS_OK : error->status;
    double         seconds = 1;
    if (status == STATUS_OK) {
        const GpuSpan from = gpu_arena_take(arena, bytes), to = gpu_arena_take(arena, bytes);
        gpu_stream_begin(stream);
        for (uint64_t i = 0; i < copies; i++) {
            gpu_copy(stream, i % 2 == 0 ? to : from, i % 2 == 0 ? from : to);
        }
        status = bench_stream_time(stream, &seconds, error);
    }
    *rate = 2.0 * (double)bytes * (double)copies / seconds;
    gpu_stream_free(stream);
    gpu_arena_free(arena);
    return status;
}

Status ceilings_measure(Gpu *gpu, Ceilings *ceilings, Error *error)
{
    Bench  bench   = {.gpu = gpu};
    double product = 0, copy = 0;
    Status status = bench_best_product(&bench, &product, error);
    status        = status == STATUS_OK ? copy_rate(&bench, &copy, error) : status;
    *ceilings     = (Ceilings){.copy_bytes = copy, .product_flops = product * 1e9};
    return status;
}
