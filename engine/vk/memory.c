#include "engine/vk/private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t gpu_align(uint64_t bytes) { return (bytes + GPU_ALIGNMENT - 1) & ~(uint64_t)(GPU_ALIGNMENT - 1); }

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

static void arena_enter(Gpu *gpu, GpuArena *arena)
{
    arena->next = gpu->arenas;
    if (gpu->arenas != NULL) {
        gpu->arenas->previous = arena;
    }
    gpu->arenas = arena;
    gpu->memory_used += counts(gpu, arena->kind) ? arena->buffer.bytes : 0;
    if (arena->buffer.bytes > gpu->largest_bytes) {
        gpu->largest_bytes = arena->buffer.bytes;
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

GpuArena *gpu_arena_new_unset(Gpu *gpu, const char *name, GpuMemoryKind kind, uint64_t bytes, Error *error)
{
    GpuArena *arena = calloc(1, sizeof *arena);
    if (arena == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "arena '%s': out of host memory", name);
        return NULL;
    }
    bytes = gpu_align(bytes > 0 ? bytes : 1);
    arena->kind = kind;
    snprintf(arena->name, sizeof arena->name, "%s%s%s", gpu->owner != NULL ? gpu->owner : "", gpu->owner != NULL ? ": " : "", name);
    if (gpu->dry) {
        arena->buffer = (GpuBuffer){.gpu = gpu, .bytes = bytes};
    } else if (gpu_buffer_open(&arena->buffer, gpu, arena->name, kind, bytes, error) != STATUS_OK) {
        free(arena);
        return NULL;
    }
    arena_enter(gpu, arena);
    return arena;
}

GpuArena *gpu_arena_new(Gpu *gpu, const char *name, GpuMemoryKind kind, uint64_t bytes, Error *error)
{
    GpuArena *arena = gpu_arena_new_unset(gpu, name, kind, bytes, error);
    if (arena == NULL || gpu->dry) {
        return arena;
    }
    bytes = arena->buffer.bytes;
    if (arena->buffer.mapped != NULL) {
        memset(arena->buffer.mapped, 0, bytes);
        return arena;
    }
    gpu_stream_begin(gpu->transfer);
    gpu_fill(gpu->transfer, (GpuSpan){&arena->buffer, 0, bytes}, 0);
    if (gpu_stream_run(gpu->transfer, error) != STATUS_OK) {
        gpu_arena_free(arena);
        return NULL;
    }
    return arena;
}

void gpu_arena_free(GpuArena *arena)
{
    if (arena != NULL) {
        Gpu *gpu = arena->buffer.gpu;
        arena_leave(gpu, arena);
        if (!gpu->dry) {
            gpu_buffer_close(&arena->buffer);
        }
        free(arena);
    }
}

GpuSpan gpu_arena_take(GpuArena *arena, uint64_t bytes)
{
    uint64_t size = gpu_align(bytes);
    assert(bytes > 0 && size <= arena->buffer.bytes - arena->used);
    if (bytes == 0 || size > arena->buffer.bytes - arena->used) {
        return (GpuSpan){0};
    }
    GpuSpan span = {&arena->buffer, arena->used, bytes};
    arena->used += size;
    return span;
}

void gpu_arena_reset(GpuArena *arena) { arena->used = 0; }

GpuSpan gpu_span_slice(GpuSpan span, uint64_t offset, uint64_t size)
{
    assert(offset <= span.size && size <= span.size - offset);
    return (GpuSpan){span.buffer, span.offset + offset, size};
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

uint64_t gpu_memory_used(const Gpu *gpu) { return gpu->memory_used; }

uint64_t gpu_memory_peak(const Gpu *gpu) { return gpu->memory_peak; }

uint64_t gpu_memory_largest(const Gpu *gpu, const char **name)
{
    *name = gpu->largest_name;
    return gpu->largest_bytes;
}
