#define _DEFAULT_SOURCE /* madvise */
#include "engine/vk/private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

uint64_t gpu_align(uint64_t bytes) { return (bytes + GPU_ALIGNMENT - 1) & ~(uint64_t)(GPU_ALIGNMENT - 1); }

/* Index of the first memory type in `allowed` with all `flags`, or UINT32_MAX. */
static uint32_t memory_type(const Gpu *gpu, uint32_t allowed, VkMemoryPropertyFlags flags)
{
    for (uint32_t i = 0; i < gpu->memory.memoryTypeCount; i++) {
        if ((allowed & (1u << i)) && (gpu->memory.memoryTypes[i].propertyFlags & flags) == flags) {
            return i;
        }
    }
    return UINT32_MAX;
}

static uint32_t choose_memory_type(const Gpu *gpu, GpuMemoryKind kind, uint32_t allowed)
{
    const VkMemoryPropertyFlags local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
    const VkMemoryPropertyFlags host = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    uint32_t                    type;
    if (kind == GPU_MEMORY_HOST) {
        type = memory_type(gpu, allowed, host | VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
        return type != UINT32_MAX ? type : memory_type(gpu, allowed, host);
    }
    if (gpu->info.tier.unified_memory) {
        type = memory_type(gpu, allowed, local | host | VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
        if (type == UINT32_MAX) {
            type = memory_type(gpu, allowed, local | host);
        }
        if (type != UINT32_MAX) {
            return type;
        }
    }
    type = memory_type(gpu, allowed, local);
    return type != UINT32_MAX ? type : memory_type(gpu, allowed, 0);
}

static Status out_of_memory(Gpu *gpu, const char *name, uint64_t bytes, VkResult result, Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY,
                     "device %d (%s): cannot allocate %.1f MiB for %s (%s); %.1f MiB are in use of %.1f MiB: use a "
                     "smaller batch or model, or \"recompute\": \"block\"",
                     gpu->info.index, gpu->info.name, (double)bytes / 1048576.0, name, gpu_result_text(result),
                     (double)gpu->memory_used / 1048576.0, (double)gpu->info.memory_bytes / 1048576.0);
}

static void buffer_close(GpuBuffer *buffer)
{
    Gpu *gpu = buffer->gpu;
    if (buffer->mapped != NULL) {
        vkUnmapMemory(gpu->device, buffer->memory);
    }
    vkDestroyBuffer(gpu->device, buffer->buffer, NULL);
    vkFreeMemory(gpu->device, buffer->memory, NULL);
}

/* On a CPU device the buffer is plain memory: in large pages it is filled several times as fast (a page fault each
 * 2 MiB instead of 4 KiB) and read with fewer TLB misses. Only a hint. */
static void ask_for_large_pages(const Gpu *gpu, void *mapped, uint64_t bytes)
{
#ifdef MADV_HUGEPAGE
    const uintptr_t page = 2u << 20, begin = ((uintptr_t)mapped + page - 1) & ~(page - 1), end = ((uintptr_t)mapped + bytes) & ~(page - 1);
    if (gpu->info.type == GPU_CPU && mapped != NULL && begin < end) {
        madvise((void *)begin, end - begin, MADV_HUGEPAGE);
    }
#else
    (void)gpu, (void)mapped, (void)bytes;
#endif
}

static Status buffer_open(GpuBuffer *buffer, Gpu *gpu, const char *name, GpuMemoryKind kind, uint64_t bytes, Error *error)
{
    *buffer = (GpuBuffer){.gpu = gpu};
    VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                               .size = bytes,
                               .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                                        VK_BUFFER_USAGE_TRANSFER_DST_BIT | VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT};
    bool addressed = gpu->info.tier.buffer_address;
    if (addressed) {
        info.usage |= VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT;
    }
    VkResult result = vkCreateBuffer(gpu->device, &info, NULL, &buffer->buffer);
    if (result != VK_SUCCESS) {
        return out_of_memory(gpu, name, bytes, result, error);
    }
    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(gpu->device, buffer->buffer, &needs);
    VkMemoryAllocateFlagsInfo flags = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                       .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
    VkMemoryAllocateInfo      allocate = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                          .pNext = addressed ? &flags : NULL,
                                          .allocationSize = needs.size,
                                          .memoryTypeIndex = choose_memory_type(gpu, kind, needs.memoryTypeBits)};
    if (allocate.memoryTypeIndex == UINT32_MAX) {
        result = VK_ERROR_OUT_OF_DEVICE_MEMORY;
    } else {
        result = vkAllocateMemory(gpu->device, &allocate, NULL, &buffer->memory);
    }
    if (result == VK_SUCCESS) {
        result = vkBindBufferMemory(gpu->device, buffer->buffer, buffer->memory, 0);
    }
    VkMemoryPropertyFlags host = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    if (result == VK_SUCCESS &&
        (gpu->memory.memoryTypes[allocate.memoryTypeIndex].propertyFlags & host) == host &&
        (kind == GPU_MEMORY_HOST || gpu->info.tier.unified_memory)) {
        result = vkMapMemory(gpu->device, buffer->memory, 0, VK_WHOLE_SIZE, 0, &buffer->mapped);
    }
    if (result != VK_SUCCESS) {
        vkDestroyBuffer(gpu->device, buffer->buffer, NULL);
        vkFreeMemory(gpu->device, buffer->memory, NULL);
        return out_of_memory(gpu, name, bytes, result, error);
    }
    if (addressed) {
        VkBufferDeviceAddressInfo address = {.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
                                             .buffer = buffer->buffer};
        buffer->address = vkGetBufferDeviceAddress(gpu->device, &address);
    }
    ask_for_large_pages(gpu, buffer->mapped, bytes);
    buffer->bytes = bytes;
    return STATUS_OK;
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

static void arena_enter(Gpu *gpu, GpuArena *arena)
{
    arena->next = gpu->arenas;
    if (gpu->arenas != NULL) {
        gpu->arenas->previous = arena;
    }
    gpu->arenas = arena;
    gpu->memory_used += counts(gpu, arena->kind) ? arena->buffer.bytes : 0;
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
    } else if (buffer_open(&arena->buffer, gpu, arena->name, kind, bytes, error) != STATUS_OK) {
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
            buffer_close(&arena->buffer);
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
