/* Device memory: arenas (one per lifetime), spans in them, and copies.
 *
 *     GpuArena *params = gpu_arena_new(gpu, "parameters", GPU_MEMORY_DEVICE, bytes, &error);
 *     GpuSpan   w      = gpu_arena_take(params, rows * cols * sizeof(float));
 *     gpu_upload(gpu, w, host, w.size, &error);
 *
 * A span is a piece of one buffer, [offset, offset + size) in bytes; it owns
 * nothing and is passed by value. Every span that an arena gives starts at a
 * multiple of 256 bytes, which satisfies minStorageBufferOffsetAlignment and
 * the texel-buffer alignment of all devices.
 */
#ifndef ENGINE_VK_MEMORY_H
#define ENGINE_VK_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/error.h"
#include "engine/vk/device.h"

typedef struct GpuBuffer GpuBuffer;
typedef struct GpuArena  GpuArena;

typedef struct GpuSpan {
    GpuBuffer *buffer; /* NULL: no span */
    uint64_t   offset; /* bytes */
    uint64_t   size;   /* bytes */
} GpuSpan;

typedef enum GpuMemoryKind {
    GPU_MEMORY_DEVICE, /* tensors; host-visible as well where memory is unified */
    GPU_MEMORY_HOST    /* small parameter and result buffers, always mapped     */
} GpuMemoryKind;

#define GPU_ALIGNMENT 256u

/* One buffer of `bytes`, zeroed. Where they are more than the device gives at once they are several allocations that
 * the device sees as one, if it can (tier.sparse_memory); else it is asked for all of it, which many give nonetheless.
 * What is more than a buffer of the device may have (maxBufferSize) is refused. STATUS_OUT_OF_MEMORY names the arena,
 * what it wanted and what is free. */
GpuArena *gpu_arena_new(Gpu *gpu, const char *name, GpuMemoryKind kind, uint64_t bytes, Error *error);
/* The same with whatever the memory held: for what is written whole at once. */
GpuArena *gpu_arena_new_unset(Gpu *gpu, const char *name, GpuMemoryKind kind, uint64_t bytes, Error *error);
void      gpu_arena_free(GpuArena *arena); /* NULL is allowed; the device must be idle */

/* What an arena is to hold, piece by piece, and where it is cut if the device has no buffers as large (AMD's have 2 or
 * 4 GiB at most): never inside a piece.
 *
 *     GpuLayout layout = gpu_layout(gpu);
 *     gpu_layout_add(&layout, bytes); …                        // in the order in which they are taken
 *     GpuArena *arena = gpu_arena_new_cut(gpu, "parameters", GPU_MEMORY_DEVICE, &layout, &error);
 *
 * It is one range all the same. A span inside a piece lies in one buffer, as kernels need it; one of several pieces may
 * go over a cut, and can be sliced, filled, copied, uploaded and downloaded. */
enum { GPU_LAYOUT_CUTS = 63 };
typedef struct GpuLayout {
    uint64_t most;  /* bytes of a buffer */
    uint64_t bytes; /* of all pieces     */
    uint64_t cuts[GPU_LAYOUT_CUTS];
    uint32_t cut_count;
} GpuLayout;

GpuLayout gpu_layout(const Gpu *gpu); /* NULL: of no device, and never cut */
void      gpu_layout_add(GpuLayout *layout, uint64_t bytes);
/* As gpu_arena_new and gpu_arena_new_unset. A piece that no buffer holds is refused. */
GpuArena *gpu_arena_new_cut(Gpu *gpu, const char *name, GpuMemoryKind kind, const GpuLayout *layout, Error *error);
GpuArena *gpu_arena_new_cut_unset(Gpu *gpu, const char *name, GpuMemoryKind kind, const GpuLayout *layout,
                                  Error *error);

/* Takes `bytes` (> 0), aligned. Taking more than was planned is a bug in the
 * caller: asserts; in release the span has buffer NULL. */
GpuSpan  gpu_arena_take(GpuArena *arena, uint64_t bytes);
uint64_t gpu_align(uint64_t bytes); /* rounded up to GPU_ALIGNMENT */

GpuSpan gpu_span_slice(GpuSpan span, uint64_t offset, uint64_t size); /* a part; must lie inside */

/* Bytes of the span that lie in one buffer from `offset` on: all that follow, unless its arena is cut. */
uint64_t gpu_span_whole(GpuSpan span, uint64_t offset);

/* Pointer to a span of a GPU_MEMORY_HOST arena. */
void *gpu_span_map(GpuSpan span);

/* Blocking copies between host memory and a span, through mapped memory or a
 * staging buffer in pieces; must not race with a submitted stream. */
Status gpu_upload(Gpu *gpu, GpuSpan to, const void *from, uint64_t bytes, Error *error);
Status gpu_download(Gpu *gpu, GpuSpan from, void *to, uint64_t bytes, Error *error);

/* Many small ones in few submits: from[i].size bytes to to[i]. */
Status gpu_download_many(Gpu *gpu, const GpuSpan *from, void *const *to, size_t count, Error *error);

/* Writes bytes [first, first + count) of what is to be uploaded to `to`: a MiB at most, from a multiple of 256 bytes.
 * Called from several threads at once, in no order. `to` may be the device's own memory: it is to be written once, and
 * not read. */
typedef Status (*GpuSource)(void *context, uint64_t first, uint64_t count, void *to, Error *error);

/* Fills a span from a source, straight into mapped memory or through the staging buffer, of which one half is copied
 * to the device while the source fills the other. What does not fit memory twice is uploaded so. The error is that of
 * the first piece that failed. */
Status gpu_upload_from(Gpu *gpu, GpuSpan to, GpuSource source, void *context, Error *error);

/* The same of rows that have two parts, of data.size / rows and scales.size / rows bytes (`scales` of size 0: of one),
 * a row or about a MiB of rows at a time. */
typedef Status (*GpuRowSource)(void *context, uint64_t first, uint64_t rows, void *data, void *scales, Error *error);
Status gpu_upload_rows(Gpu *gpu, GpuSpan data, GpuSpan scales, uint64_t rows, GpuRowSource source, void *context,
                       Error *error);

/* Bytes in all arenas of device memory now, and the largest that this has been; where memory is unified, those of
 * host memory count too. */
uint64_t gpu_memory_used(const Gpu *gpu);
uint64_t gpu_memory_peak(const Gpu *gpu);

/* Bytes of the largest buffer that there has been, and the name of its arena. */
uint64_t gpu_memory_largest(const Gpu *gpu, const char **name);

/* What the peak was made of: arenas of one name together, largest first. Returns the number written, at most
 * `capacity`. Host memory of a device with memory of its own is listed, but not part of the peak. */
enum { GPU_MEMORY_ROWS = 48 };
typedef struct GpuMemoryRow {
    char     name[64];
    uint64_t bytes;
    bool     host; /* GPU_MEMORY_HOST, and not part of the peak */
} GpuMemoryRow;
int gpu_memory_rows(const Gpu *gpu, GpuMemoryRow *rows, int capacity);

/* Whose the arenas are that are made from now on: "critic" makes their names "critic: parameters" and so on. NULL:
 * nobody's. Kept as a pointer. */
void gpu_memory_owner(Gpu *gpu, const char *owner);

#endif
