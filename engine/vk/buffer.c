/* Buffers and the memory behind them: one allocation or, where that would be more than the device gives at once,
 * several. */
#define _DEFAULT_SOURCE /* madvise */
#include "engine/vk/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* The types of memory that suit, best first. Where memory is unified, that of another heap will do when one is full:
 * some integrated GPUs call a few hundred MiB their own and the rest the host's. */
static int memory_types(const Gpu *gpu, GpuMemoryKind kind, uint32_t allowed, uint32_t types[VK_MAX_MEMORY_TYPES])
{
    enum {
        LOCAL  = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
        HOST   = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
        CACHED = VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
        AMD    = VK_MEMORY_PROPERTY_DEVICE_COHERENT_BIT_AMD | VK_MEMORY_PROPERTY_DEVICE_UNCACHED_BIT_AMD, /* not on */
        NEVER  = VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT | VK_MEMORY_PROPERTY_PROTECTED_BIT | AMD
    };
    static const VkMemoryPropertyFlags host[]    = {HOST | CACHED, HOST};
    static const VkMemoryPropertyFlags unified[] = {LOCAL | HOST | CACHED, LOCAL | HOST, LOCAL, HOST | CACHED, HOST};
    static const VkMemoryPropertyFlags own[]     = {LOCAL};
    const bool                         shared    = gpu->info.tier.unified_memory;
    const VkMemoryPropertyFlags *const flags     = kind == GPU_MEMORY_HOST ? host : shared ? unified : own;
    const int                          wishes    = kind == GPU_MEMORY_HOST ? 2 : shared ? 5 : 1;
    int                                count     = 0;
    uint32_t                           taken     = 0;
    for (int w = 0; w < wishes; w++) {
        for (uint32_t i = 0; i < gpu->memory.memoryTypeCount; i++) {
            const VkMemoryPropertyFlags has = gpu->memory.memoryTypes[i].propertyFlags;
            if ((allowed & ~taken & (1u << i)) && (has & flags[w]) == flags[w] && (has & NEVER) == 0) {
                types[count++] = i;
                taken |= 1u << i;
                break;
            }
        }
    }
    return count;
}

/* Device-local bytes that are free now, other programs' counted too; 0 where the driver does not tell. */
static uint64_t free_now(const Gpu *gpu)
{
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
    VkPhysicalDeviceMemoryProperties2 memory = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
                                                .pNext = &budget};
    uint64_t                          most   = 0;
    if (gpu->info.tier.memory_budget) {
        vkGetPhysicalDeviceMemoryProperties2(gpu->physical, &memory);
        for (uint32_t i = 0; i < memory.memoryProperties.memoryHeapCount; i++) {
            const uint64_t has = budget.heapBudget[i], used = budget.heapUsage[i], left = has > used ? has - used : 0;
            const bool     local = memory.memoryProperties.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT;
            most                 = local && left > most ? left : most;
        }
    }
    return most;
}

static Status out_of_memory(Gpu *gpu, const char *name, uint64_t bytes, VkResult result, Error *error)
{
    char           once[80] = "", left[48] = "";
    const uint64_t most = gpu->info.max_allocation_bytes, is_free = free_now(gpu);
    if (result == VK_ERROR_DEVICE_LOST) {
        return gpu_error(gpu, result, "allocating memory", error);
    }
    if (bytes > most && !gpu->info.tier.sparse_memory) {
        snprintf(once, sizeof once, ", of which it need not give more than %.1f MiB at once", (double)most / 1048576.0);
    }
    if (is_free > 0) {
        snprintf(left, sizeof left, "; %.1f MiB are free", (double)is_free / 1048576.0);
    }
    return error_set(error, STATUS_OUT_OF_MEMORY,
                     "device %d (%s): cannot allocate %.1f MiB for %s (%s); %.1f MiB are in use of %.1f MiB%s%s: use a "
                     "smaller batch or model, or \"recompute\": \"block\"; 'rlsp plan' says what a run takes",
                     gpu->info.index, gpu->info.name, (double)bytes / 1048576.0, name, gpu_result_text(result),
                     (double)gpu->memory_used / 1048576.0, (double)gpu->info.memory_bytes / 1048576.0, once, left);
}

static void free_memory(GpuBuffer *buffer)
{
    for (uint32_t i = 0; i < buffer->memory_count; i++) {
        vkFreeMemory(buffer->gpu->device, buffer->memory[i], NULL);
    }
    free(buffer->memory);
    buffer->memory       = NULL;
    buffer->memory_count = 0;
}

void gpu_buffer_close(GpuBuffer *buffer)
{
    Gpu *gpu = buffer->gpu;
    if (buffer->mapped != NULL) {
        vkUnmapMemory(gpu->device, buffer->memory[0]);
    }
    vkDestroyBuffer(gpu->device, buffer->buffer, NULL);
    free_memory(buffer);
}

/* On a CPU device the buffer is plain memory: in large pages it is filled several times as fast (a page fault each
 * 2 MiB instead of 4 KiB) and read with fewer TLB misses. Only a hint. */
static void ask_for_large_pages(const Gpu *gpu, void *mapped, uint64_t bytes)
{
#ifdef MADV_HUGEPAGE
    const uintptr_t page = 2u << 20, begin = ((uintptr_t)mapped + page - 1) & ~(page - 1),
                    end = ((uintptr_t)mapped + bytes) & ~(page - 1);
    if (gpu->info.type == GPU_CPU && mapped != NULL && begin < end) {
        madvise((void *)begin, end - begin, MADV_HUGEPAGE);
    }
#else
    (void)gpu, (void)mapped, (void)bytes;
#endif
}

/* Memory for the buffer, of at most `piece` bytes an allocation. */
static VkResult allocate(GpuBuffer *buffer, uint64_t bytes, uint64_t piece, uint32_t type)
{
    VkMemoryAllocateFlagsInfo flags = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                       .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
    const uint64_t            count = (bytes + piece - 1) / piece;
    buffer->memory                  = count < UINT32_MAX ? calloc((size_t)count, sizeof *buffer->memory) : NULL;
    VkResult result                 = buffer->memory == NULL ? VK_ERROR_OUT_OF_HOST_MEMORY : VK_SUCCESS;
    for (uint64_t done = 0; done < bytes && result == VK_SUCCESS; done += piece) {
        VkMemoryAllocateInfo info = {.sType           = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                     .pNext           = buffer->gpu->info.tier.buffer_address ? &flags : NULL,
                                     .allocationSize  = bytes - done < piece ? bytes - done : piece,
                                     .memoryTypeIndex = type};
        result = vkAllocateMemory(buffer->gpu->device, &info, NULL, &buffer->memory[buffer->memory_count]);
        buffer->memory_count += result == VK_SUCCESS;
    }
    return result;
}

/* Puts several allocations one behind the other in a sparse buffer. */
static VkResult bind_pieces(GpuBuffer *buffer, uint64_t bytes, uint64_t piece)
{
    Gpu                *gpu   = buffer->gpu;
    VkSparseMemoryBind *binds = calloc(buffer->memory_count, sizeof *binds);
    VkFence             fence = VK_NULL_HANDLE;
    VkFenceCreateInfo   plain = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    if (binds == NULL) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < buffer->memory_count; i++) {
        const uint64_t at = i * piece;
        binds[i]          = (VkSparseMemoryBind){
                     .resourceOffset = at, .size = bytes - at < piece ? bytes - at : piece, .memory = buffer->memory[i]};
    }
    VkSparseBufferMemoryBindInfo of = {.buffer = buffer->buffer, .bindCount = buffer->memory_count, .pBinds = binds};
    VkBindSparseInfo info   = {.sType = VK_STRUCTURE_TYPE_BIND_SPARSE_INFO, .bufferBindCount = 1, .pBufferBinds = &of};
    VkResult         result = vkCreateFence(gpu->device, &plain, NULL, &fence);
    result                  = result == VK_SUCCESS ? vkQueueBindSparse(gpu->sparse_queue, 1, &info, fence) : result;
    result = result == VK_SUCCESS ? vkWaitForFences(gpu->device, 1, &fence, VK_TRUE, UINT64_MAX) : result;
    vkDestroyFence(gpu->device, fence, NULL);
    free(binds);
    return result;
}

Status gpu_buffer_open(GpuBuffer *buffer, Gpu *gpu, const char *name, GpuMemoryKind kind, uint64_t bytes, Error *error)
{
    *buffer = (GpuBuffer){.gpu = gpu};
    /* A staging buffer every device can make, whatever a test says of it. What is too large some drivers make all the
     * same, and its end reads as zeros. */
    const bool staging = kind == GPU_MEMORY_HOST && bytes <= GPU_STAGING_BYTES;
    if (bytes > gpu->info.max_buffer_bytes && !staging) {
        return error_set(
            error, STATUS_OUT_OF_MEMORY,
            "device %d (%s): %s needs a buffer of %.1f MiB, and this device's have at most %.1f MiB: use a "
            "smaller batch or model, an adapter on a frozen base, or another device",
            gpu->info.index, gpu->info.name, name, (double)bytes / 1048576.0,
            (double)gpu->info.max_buffer_bytes / 1048576.0);
    }
    const bool         several   = bytes > gpu->info.max_allocation_bytes && gpu->info.tier.sparse_memory;
    const bool         addressed = gpu->info.tier.buffer_address;
    VkBufferCreateInfo info      = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                    .flags = several ? VK_BUFFER_CREATE_SPARSE_BINDING_BIT : 0,
                                    .size  = bytes,
                                    .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                                             VK_BUFFER_USAGE_TRANSFER_DST_BIT | VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT};
    if (addressed) {
        info.usage |= VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT;
    }
    VkResult result = vkCreateBuffer(gpu->device, &info, NULL, &buffer->buffer);
    if (result != VK_SUCCESS) {
        return out_of_memory(gpu, name, bytes, result, error);
    }
    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(gpu->device, buffer->buffer, &needs);
    uint32_t       types[VK_MAX_MEMORY_TYPES], type = 0;
    const int      count = memory_types(gpu, kind, needs.memoryTypeBits, types);
    const uint64_t whole = gpu->info.max_allocation_bytes / needs.alignment * needs.alignment;
    const uint64_t piece = !several ? needs.size : whole > 0 ? whole : needs.alignment;
    result               = VK_ERROR_OUT_OF_DEVICE_MEMORY;
    for (int i = 0; i < count && (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY);
         i++) {
        free_memory(buffer);
        type   = types[i];
        result = allocate(buffer, needs.size, piece, type);
    }
    if (result == VK_SUCCESS) {
        result = several ? bind_pieces(buffer, needs.size, piece)
                         : vkBindBufferMemory(gpu->device, buffer->buffer, buffer->memory[0], 0);
    }
    const VkMemoryPropertyFlags host  = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
                                flags = gpu->memory.memoryTypes[type].propertyFlags;
    buffer->slow_to_read =
        kind == GPU_MEMORY_DEVICE && gpu->info.reads_staged && (flags & VK_MEMORY_PROPERTY_HOST_CACHED_BIT) == 0;
    if (result == VK_SUCCESS && !several && (flags & host) == host &&
        (kind == GPU_MEMORY_HOST || gpu->info.tier.unified_memory)) {
        result = vkMapMemory(gpu->device, buffer->memory[0], 0, VK_WHOLE_SIZE, 0, &buffer->mapped);
    }
    if (result != VK_SUCCESS) {
        gpu_buffer_close(buffer);
        return out_of_memory(gpu, name, bytes, result, error);
    }
    if (addressed) {
        VkBufferDeviceAddressInfo address = {.sType  = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
                                             .buffer = buffer->buffer};
        buffer->address                   = vkGetBufferDeviceAddress(gpu->device, &address);
    }
    ask_for_large_pages(gpu, buffer->mapped, bytes);
    buffer->bytes = bytes;
    return STATUS_OK;
}
