#include "engine/vk/private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t gpu_align(uint64_t bytes)
{
    return (bytes + GPU_ALIGNMENT - 1) & ~(uint64_t)(GPU_ALIGNMENT - 1);
}

/* --- who has how much ------------------------------------------------------ */

static bool counts(const Gpu *gpu, GpuMemoryKind kind)
{
    return kind == GPU_MEMORY_DEVICE || gpu->info.tier.unified_memory;
}

/* Adds an arena to the row of its name, or to the last row where there are too many names. */
static void add_to_rows(Gpu *gpu, const GpuArena *arena)
{
    int row = 0;
    while (row < gpu->peak_row_count && strcmp(gpu->peak_rows[row].name, arena->name) != 0) {
        row++;
    }
    if (row == GPU_MEMORY_ROWS) {
        row--;
        snprintf(gpu->peak_rows[row].name, sizeof gpu->peak_rows[row].name, "others");
    } else if (row == gpu->peak_row_count) {
        gpu->peak_rows[gpu->peak_row_count++] = (GpuMemoryRow){.host = !counts(gpu, arena->kind)};
        snprintf(gpu->peak_rows[row].name, sizeof gpu->peak_rows[row].name, "%s", arena->name);
    }
    gpu->peak_rows[row].bytes += arena->buffer.bytes;
}

static void note_peak(Gpu *gpu)
{
    gpu->memory_peak    = gpu->memory_used;
    gpu->peak_row_count = 0;
    for (const GpuArena *arena = gpu->arenas; arena != NULL; arena = arena->next) {
        add_to_rows(gpu, arena);
    }
}

static uint64_t largest_part(const GpuBuffer *buffer)
{
    uint64_t largest = buffer->part_count == 0 ? buffer->bytes : 0;
    for (uint32_t i = 0; i < buffer->part_count; i++) {
        largest = buffer->parts[i].bytes > largest ? buffer->parts[i].bytes : largest;
    }
    return largest;
}

static void arena_enter(Gpu *gpu, GpuArena *arena)
{
    arena->next = gpu->arenas;
    if (gpu->arenas != NULL) {
        gpu->arenas->previous = arena;
    }
    gpu->arenas = arena;
    gpu->memory_used += counts(gpu, arena->kind) ? arena->buffer.bytes : 0;
    const uint64_t largest = largest_part(&arena->buffer);
    if (largest > gpu->largest_bytes) {
        gpu->largest_bytes = largest;
        snprintf(gpu->largest_name, sizeof gpu->largest_name, "%s", arena->name);
    }
    if (gpu->memory_used >= gpu->memory_peak) {
        note_peak(gpu);
    }
}

static void arena_leave(Gpu *gpu, GpuArena *arena)
{
    *(arena->previous != NULL ? &arena->previous->next : &gpu->arenas) = arena->next;
    if (arena->next != NULL) {
        arena->next->previous = arena->previous;
    }
    gpu->memory_used -= counts(gpu, arena->kind) ? arena->buffer.bytes : 0;
}

static int largest_first(const void *a, const void *b)
{
    const uint64_t x = ((const GpuMemoryRow *)a)->bytes, y = ((const GpuMemoryRow *)b)->bytes;
    return (x < y) - (x > y);
}

int gpu_memory_rows(const Gpu *gpu, GpuMemoryRow *rows, int capacity)
{
    GpuMemoryRow sorted[GPU_MEMORY_ROWS];
    memcpy(sorted, gpu->peak_rows, sizeof sorted);
    qsort(sorted, (size_t)gpu->peak_row_count, sizeof *sorted, largest_first);
    const int count = gpu->peak_row_count < capacity ? gpu->peak_row_count : capacity;
    memcpy(rows, sorted, (size_t)count * sizeof *rows);
    return count;
}

void gpu_memory_owner(Gpu *gpu, const char *owner)
{
    gpu->owner = owner;
}

/* --- arenas ----------------------------------------------------------------- */

/* Memory that is not one range to the device is asked for in what it promises to give at once. */
GpuLayout gpu_layout(const Gpu *gpu)
{
    if (gpu == NULL) {
        return (GpuLayout){.most = UINT64_MAX};
    }
    const GpuInfo *info   = &gpu->info;
    const bool     joined = info->tier.sparse_memory || info->type == GPU_CPU;
    const uint64_t most   = joined || info->max_buffer_bytes < info->max_allocation_bytes ? info->max_buffer_bytes
                                                                                          : info->max_allocation_bytes;
    return (GpuLayout){.most = most & ~(uint64_t)(GPU_ALIGNMENT - 1)};
}

void gpu_layout_add(GpuLayout *layout, uint64_t bytes)
{
    const uint64_t size = gpu_align(bytes), start = layout->cut_count > 0 ? layout->cuts[layout->cut_count - 1] : 0;
    if (layout->bytes > start && layout->bytes - start + size > layout->most && layout->cut_count < GPU_LAYOUT_CUTS) {
        layout->cuts[layout->cut_count++] = layout->bytes;
    }
    layout->bytes += size;
}

static void close_buffers(GpuBuffer *buffer)
{
    for (uint32_t i = 0; i < buffer->part_count; i++) {
        if (buffer->parts[i].gpu != NULL) { /* it was opened */
            gpu_buffer_close(&buffer->parts[i]);
        }
    }
    if (buffer->part_count == 0) {
        gpu_buffer_close(buffer);
    }
}

static Status open_buffers(GpuArena *arena, Gpu *gpu, const GpuLayout *layout, Error *error)
{
    GpuBuffer *whole = &arena->buffer;
    *whole           = (GpuBuffer){.gpu = gpu, .bytes = layout->bytes};
    if (layout->cut_count == 0) {
        return gpu->dry ? STATUS_OK : gpu_buffer_open(whole, gpu, arena->name, arena->kind, layout->bytes, error);
    }
    whole->part_count = layout->cut_count + 1;
    whole->parts      = calloc(whole->part_count, sizeof *whole->parts);
    Status status     = whole->parts != NULL
                            ? STATUS_OK
                            : error_set(error, STATUS_OUT_OF_MEMORY, "arena '%s': out of host memory", arena->name);
    for (uint32_t i = 0; i < whole->part_count && status == STATUS_OK; i++) {
        GpuBuffer     *part  = &whole->parts[i];
        const uint64_t start = i > 0 ? layout->cuts[i - 1] : 0;
        const uint64_t bytes = (i < layout->cut_count ? layout->cuts[i] : layout->bytes) - start;
        status      = gpu->dry ? STATUS_OK : gpu_buffer_open(part, gpu, arena->name, arena->kind, bytes, error);
        part->gpu   = status == STATUS_OK ? gpu : NULL;
        part->bytes = bytes;
        part->start = start;
    }
    if (status != STATUS_OK && whole->parts != NULL) {
        close_buffers(whole);
    }
    return status;
}

GpuArena *gpu_arena_new_cut_unset(Gpu *gpu, const char *name, GpuMemoryKind kind, const GpuLayout *layout, Error *error)
{
    GpuArena *arena = calloc(1, sizeof *arena);
    if (arena == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "arena '%s': out of host memory", name);
        return NULL;
    }
    arena->kind = kind;
    snprintf(arena->name, sizeof arena->name, "%s%s%s", gpu->owner != NULL ? gpu->owner : "",
             gpu->owner != NULL ? ": " : "", name);
    if (open_buffers(arena, gpu, layout, error) != STATUS_OK) {
        free(arena->buffer.parts);
        free(arena);
        return NULL;
    }
    arena_enter(gpu, arena);
    return arena;
}

GpuArena *gpu_arena_new_unset(Gpu *gpu, const char *name, GpuMemoryKind kind, uint64_t bytes, Error *error)
{
    return gpu_arena_new_cut_unset(gpu, name, kind, &(GpuLayout){.bytes = gpu_align(bytes > 0 ? bytes : 1)}, error);
}

GpuArena *gpu_arena_new_cut(Gpu *gpu, const char *name, GpuMemoryKind kind, const GpuLayout *layout, Error *error)
{
    GpuArena *arena = gpu_arena_new_cut_unset(gpu, name, kind, layout, error);
    if (arena == NULL || gpu->dry) {
        return arena;
    }
    if (arena->buffer.mapped != NULL) {
        memset(arena->buffer.mapped, 0, arena->buffer.bytes);
        return arena;
    }
    gpu_stream_begin(gpu->transfer);
    gpu_fill(gpu->transfer, (GpuSpan){&arena->buffer, 0, arena->buffer.bytes}, 0);
    if (gpu_stream_run(gpu->transfer, error) != STATUS_OK) {
        gpu_arena_free(arena);
        return NULL;
    }
    return arena;
}

GpuArena *gpu_arena_new(Gpu *gpu, const char *name, GpuMemoryKind kind, uint64_t bytes, Error *error)
{
    return gpu_arena_new_cut(gpu, name, kind, &(GpuLayout){.bytes = gpu_align(bytes > 0 ? bytes : 1)}, error);
}

void gpu_arena_free(GpuArena *arena)
{
    if (arena != NULL) {
        Gpu *gpu = arena->buffer.gpu;
        arena_leave(gpu, arena);
        if (!gpu->dry) {
            close_buffers(&arena->buffer);
        }
        free(arena->buffer.parts);
        free(arena);
    }
}

/* The part of a buffer in which byte `offset` lies; the buffer itself if it is not cut. */
static GpuBuffer *part_at(GpuBuffer *buffer, uint64_t offset)
{
    uint32_t i = 0;
    while (i + 1 < buffer->part_count && buffer->parts[i + 1].start <= offset) {
        i++;
    }
    return buffer->part_count > 0 ? &buffer->parts[i] : buffer;
}

/* The same span in the one buffer where it lies, if it is in one. */
static GpuSpan in_one_buffer(GpuSpan span)
{
    if (span.buffer == NULL || span.buffer->part_count == 0) {
        return span;
    }
    GpuBuffer     *part = part_at(span.buffer, span.offset);
    const uint64_t at   = span.offset - part->start;
    return at + span.size <= part->bytes ? (GpuSpan){part, at, span.size} : span;
}

GpuSpan gpu_arena_take(GpuArena *arena, uint64_t bytes)
{
    uint64_t size = gpu_align(bytes);
    assert(bytes > 0 && size <= arena->buffer.bytes - arena->used);
    if (bytes == 0 || size > arena->buffer.bytes - arena->used) {
        return (GpuSpan){0};
    }
    const GpuSpan span = {&arena->buffer, arena->used, bytes};
    arena->used += size;
    return in_one_buffer(span);
}

GpuSpan gpu_span_slice(GpuSpan span, uint64_t offset, uint64_t size)
{
    assert(offset <= span.size && size <= span.size - offset);
    return in_one_buffer((GpuSpan){span.buffer, span.offset + offset, size});
}

uint64_t gpu_span_whole(GpuSpan span, uint64_t offset)
{
    const uint64_t left = span.size - offset;
    if (span.buffer == NULL || span.buffer->part_count == 0) {
        return left;
    }
    const GpuBuffer *part  = part_at(span.buffer, span.offset + offset);
    const uint64_t   there = part->start + part->bytes - (span.offset + offset);
    return there < left ? there : left;
}

void *gpu_span_map(GpuSpan span)
{
    assert(span.buffer != NULL && span.buffer->mapped != NULL);
    return (char *)span.buffer->mapped + span.offset;
}

uint64_t gpu_span_address(GpuSpan span)
{
    return span.buffer->address != 0 ? span.buffer->address + span.offset : 0;
}

uint64_t gpu_memory_used(const Gpu *gpu)
{
    return gpu->memory_used;
}

uint64_t gpu_memory_peak(const Gpu *gpu)
{
    return gpu->memory_peak;
}

uint64_t gpu_memory_largest(const Gpu *gpu, const char **name)
{
    *name = gpu->largest_name;
    return gpu->largest_bytes;
}
