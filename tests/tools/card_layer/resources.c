/* Buffers, memory and clocks of the card. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/card_layer/below.h"

typedef struct Allocation {
    VkDeviceMemory memory;
    uint32_t       type;
    uint64_t       bytes;
} Allocation;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Allocation     *allocations;
static uint32_t        allocation_count, allocation_capacity;

uint64_t resources_used(uint32_t heap)
{
    const Card *card = card_chosen();
    uint64_t    used = 0;
    pthread_mutex_lock(&lock);
    for (uint32_t i = 0; i < allocation_count; i++) {
        used += card->types[allocations[i].type].heap == heap ? allocations[i].bytes : 0;
    }
    pthread_mutex_unlock(&lock);
    return used;
}

/* --- memory ----------------------------------------------------------------------------------- */

/* Any type of the card's but for those that buffers are never in. */
static uint32_t types_of(uint32_t driver_bits)
{
    const Card *card = card_chosen();
    uint32_t    bits = 0;
    for (uint32_t i = 0; i < card->type_count && (driver_bits >> below.memory_type & 1) != 0; i++) {
        const VkMemoryPropertyFlags images = VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT | VK_MEMORY_PROPERTY_PROTECTED_BIT;
        bits |= (card->types[i].flags & images) == 0 ? 1u << i : 0;
    }
    return bits;
}

static VKAPI_ATTR void VKAPI_CALL get_requirements(VkDevice device, VkBuffer buffer, VkMemoryRequirements *needs)
{
    below.requirements(device, buffer, needs);
    needs->memoryTypeBits = types_of(needs->memoryTypeBits);
}

static VKAPI_ATTR void VKAPI_CALL get_requirements2(VkDevice device, const VkBufferMemoryRequirementsInfo2 *info,
                                                    VkMemoryRequirements2 *needs)
{
    below.requirements2(device, info, needs);
    needs->memoryRequirements.memoryTypeBits = types_of(needs->memoryRequirements.memoryTypeBits);
}

static VKAPI_ATTR VkResult VKAPI_CALL create_buffer(VkDevice device, const VkBufferCreateInfo *info,
                                                    const VkAllocationCallbacks *callbacks, VkBuffer *buffer)
{
    return info->size > card_chosen()->buffer ? VK_ERROR_OUT_OF_DEVICE_MEMORY
                                              : below.create_buffer(device, info, callbacks, buffer);
}

static Allocation *find(VkDeviceMemory memory)
{
    uint32_t i = 0;
    while (i < allocation_count && allocations[i].memory != memory) {
        i++;
    }
    return i < allocation_count ? &allocations[i] : NULL;
}

/* false: out of memory. */
static bool note(Allocation made)
{
    if (allocation_count == allocation_capacity) {
        const uint32_t capacity = 2 * allocation_capacity + 64;
        Allocation    *grown    = realloc(allocations, capacity * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        allocations         = grown;
        allocation_capacity = capacity;
    }
    allocations[allocation_count++] = made;
    return true;
}

/* What a card's memory held before is anybody's guess; bits that are NaN as f32, f16 and bf16, and large as integers,
 * make whoever reads it wrong. */
static void spoil(VkDevice device, VkDeviceMemory memory, uint64_t bytes)
{
    void *mapped = NULL;
    if (below.map(device, memory, 0, VK_WHOLE_SIZE, 0, &mapped) == VK_SUCCESS) {
        memset(mapped, 0xff, (size_t)bytes);
        below.unmap(device, memory);
    }
}

static VKAPI_ATTR VkResult VKAPI_CALL allocate(VkDevice device, const VkMemoryAllocateInfo *info,
                                               const VkAllocationCallbacks *callbacks, VkDeviceMemory *memory)
{
    const Card          *card = card_chosen();
    VkMemoryAllocateInfo ours = *info;
    VkResult             result;
    if (card->as_driver) {
        result = below.allocate(device, info, callbacks, memory);
        if (result == VK_SUCCESS) {
            spoil(device, *memory, info->allocationSize);
        }
        return result;
    }
    ours.memoryTypeIndex = below.memory_type;
    pthread_mutex_lock(&lock);
    const uint32_t count = allocation_count;
    pthread_mutex_unlock(&lock);
    if (info->memoryTypeIndex >= card->type_count || info->allocationSize > card->allocation ||
        info->allocationSize > card->heaps[card->types[info->memoryTypeIndex].heap].bytes) {
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    if (count >= card->allocations) {
        return VK_ERROR_TOO_MANY_OBJECTS;
    }
    result = below.allocate(device, &ours, callbacks, memory);
    if (result == VK_SUCCESS) {
        pthread_mutex_lock(&lock);
        const bool noted = note((Allocation){*memory, info->memoryTypeIndex, info->allocationSize});
        pthread_mutex_unlock(&lock);
        spoil(device, *memory, info->allocationSize);
        if (!noted) {
            below.free(device, *memory, callbacks);
            return VK_ERROR_OUT_OF_HOST_MEMORY;
        }
    }
    return result;
}

static VKAPI_ATTR void VKAPI_CALL free_memory(VkDevice device, VkDeviceMemory memory,
                                              const VkAllocationCallbacks *callbacks)
{
    pthread_mutex_lock(&lock);
    Allocation *found = find(memory);
    if (found != NULL) {
        *found = allocations[--allocation_count];
    }
    pthread_mutex_unlock(&lock);
    below.free(device, memory, callbacks);
}

static VKAPI_ATTR VkResult VKAPI_CALL map(VkDevice device, VkDeviceMemory memory, VkDeviceSize offset,
                                          VkDeviceSize size, VkMemoryMapFlags flags, void **mapped)
{
    pthread_mutex_lock(&lock);
    const Allocation *found = find(memory);
    const bool        seen =
        found != NULL && (card_chosen()->types[found->type].flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) != 0;
    pthread_mutex_unlock(&lock);
    return seen ? below.map(device, memory, offset, size, flags, mapped) : VK_ERROR_MEMORY_MAP_FAILED;
}

/* --- timestamps -------------------------------------------------------------------------------- */

/* The first that is asked for is a millisecond before the card's clock wraps. */
static uint64_t card_ticks(uint64_t ticks)
{
    static uint64_t first;
    const Card     *card = card_chosen();
    const uint64_t  mask = card->timestamp_bits < 64 ? ((uint64_t)1 << card->timestamp_bits) - 1 : UINT64_MAX;
    first                = first == 0 ? ticks : first;
    const double since   = (double)(int64_t)(ticks - first) * (double)below.tick; /* nanoseconds */
    return ((uint64_t)(int64_t)((since - 1e6) / (double)card->timestamp_period)) & mask;
}

static VKAPI_ATTR VkResult VKAPI_CALL get_results(VkDevice device, VkQueryPool pool, uint32_t first, uint32_t count,
                                                  size_t size, void *data, VkDeviceSize stride,
                                                  VkQueryResultFlags flags)
{
    const VkResult result = below.results(device, pool, first, count, size, data, stride, flags);
    for (uint32_t i = 0; result == VK_SUCCESS && i < count && (flags & VK_QUERY_RESULT_64_BIT) != 0; i++) {
        uint64_t ticks;
        memcpy(&ticks, (char *)data + i * stride, sizeof ticks);
        ticks = card_ticks(ticks);
        memcpy((char *)data + i * stride, &ticks, sizeof ticks);
    }
    return result;
}

PFN_vkVoidFunction resources_find(const char *name)
{
    const Card *card = card_chosen();
    static const struct {
        const char        *name;
        PFN_vkVoidFunction function;
    } rows[] = {{"vkGetBufferMemoryRequirements", (PFN_vkVoidFunction)get_requirements},
                {"vkGetBufferMemoryRequirements2", (PFN_vkVoidFunction)get_requirements2},
                {"vkGetBufferMemoryRequirements2KHR", (PFN_vkVoidFunction)get_requirements2},
                {"vkCreateBuffer", (PFN_vkVoidFunction)create_buffer},
                {"vkAllocateMemory", (PFN_vkVoidFunction)allocate},
                {"vkFreeMemory", (PFN_vkVoidFunction)free_memory},
                {"vkMapMemory", (PFN_vkVoidFunction)map},
                {"vkGetQueryPoolResults", (PFN_vkVoidFunction)get_results}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].name, name) == 0 && card != NULL &&
            (!card->as_driver || rows[i].function == (PFN_vkVoidFunction)allocate)) {
            return rows[i].function;
        }
    }
    return NULL;
}
