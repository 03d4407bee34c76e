/* Memory, buffers, and views of buffers as texels. */
#include <stdlib.h>
#include <string.h>

#include "tests/tools/interpreter/vk_driver.h"

enum { PAGE = 4096 };

static const uint64_t GAP = (uint64_t)1 << 24; /* between the addresses of two allocations */

static uint32_t heap_of(uint32_t type)
{
    return driver_options()->type == VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU && type > 0 ? 1 : 0;
}

static bool is_visible(uint32_t type)
{
    return driver_options()->type != VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU || type > 0;
}

/* --- memory -------------------------------------------------------------------------------------------------- */

/* Puts it into the device's list, with addresses of its own. False: out of memory. */
static bool enter(Device *device, Memory *memory)
{
    if (device->memory_count == device->memory_capacity) {
        const size_t   capacity = 2 * device->memory_capacity + 64;
        ShaderMemory **grown    = realloc(device->memories, capacity * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        device->memories        = grown;
        device->memory_capacity = capacity;
    }
    memory->shader.address = device->next_address;
    device->next_address += (memory->shader.bytes + GAP + PAGE - 1) / PAGE * PAGE;
    device->memories[device->memory_count++] = &memory->shader;
    device->used[heap_of(memory->type)] += memory->shader.bytes;
    return true;
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkAllocateMemory(VkDevice device, const VkMemoryAllocateInfo *info,
                                                              const VkAllocationCallbacks *callbacks,
                                                              VkDeviceMemory              *memory)
{
    Device        *d     = OBJECT(Device, device);
    const uint64_t bytes = info->allocationSize;
    (void)callbacks;
    if (bytes > DRIVER_HEAP) {
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    Memory        *made = calloc(1, sizeof *made);
    uint8_t *const data = aligned_alloc(PAGE, (bytes + PAGE - 1) / PAGE * PAGE);
    if (made == NULL || data == NULL) {
        free(made);
        free(data);
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    /* What a card's memory held before is anybody's guess: bits that are NaN as f32, f16 and bf16, and large as
     * integers, make whoever reads it wrong. */
    memset(data, 0xff, bytes);
    *made = (Memory){.shader = {.data = data, .bytes = bytes}, .type = info->memoryTypeIndex};
    pthread_mutex_lock(&d->lock);
    const bool entered = d->used[heap_of(made->type)] + bytes <= DRIVER_HEAP && enter(d, made);
    pthread_mutex_unlock(&d->lock);
    if (!entered) {
        free(data);
        free(made);
        return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    }
    *memory = HANDLE(VkDeviceMemory, made);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL driver_vkFreeMemory(VkDevice device, VkDeviceMemory memory,
                                                      const VkAllocationCallbacks *callbacks)
{
    Device *d = OBJECT(Device, device);
    Memory *m = OBJECT(Memory, memory);
    (void)callbacks;
    if (m == NULL) {
        return;
    }
    pthread_mutex_lock(&d->lock);
    size_t i = 0;
    while (i < d->memory_count && d->memories[i] != &m->shader) {
        i++;
    }
    if (i < d->memory_count) {
        d->memories[i] = d->memories[--d->memory_count];
    }
    d->used[heap_of(m->type)] -= m->shader.bytes;
    shader_forget(&m->shader);
    pthread_mutex_unlock(&d->lock);
    free(m->shader.data);
    free(m);
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkMapMemory(VkDevice device, VkDeviceMemory memory, VkDeviceSize offset,
                                                         VkDeviceSize size, VkMemoryMapFlags flags, void **data)
{
    const Memory *m = OBJECT(Memory, memory);
    (void)device, (void)size, (void)flags;
    if (!is_visible(m->type)) {
        return VK_ERROR_MEMORY_MAP_FAILED;
    }
    *data = m->shader.data + offset;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL driver_vkUnmapMemory(VkDevice device, VkDeviceMemory memory)
{
    (void)device, (void)memory;
}

/* All that the host sees is coherent. */
static VKAPI_ATTR VkResult VKAPI_CALL driver_vkFlushMappedMemoryRanges(VkDevice device, uint32_t count,
                                                                       const VkMappedMemoryRange *ranges)
{
    (void)device, (void)count, (void)ranges;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkInvalidateMappedMemoryRanges(VkDevice device, uint32_t count,
                                                                            const VkMappedMemoryRange *ranges)
{
    (void)device, (void)count, (void)ranges;
    return VK_SUCCESS;
}

/* --- buffers --------------------------------------------------------------------------------------------------- */

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkCreateBuffer(VkDevice device, const VkBufferCreateInfo *info,
                                                            const VkAllocationCallbacks *callbacks, VkBuffer *buffer)
{
    Buffer *made = calloc(1, sizeof *made);
    (void)device, (void)callbacks;
    if (made == NULL) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    made->bytes = info->size;
    *buffer     = HANDLE(VkBuffer, made);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL driver_vkDestroyBuffer(VkDevice device, VkBuffer buffer,
                                                         const VkAllocationCallbacks *callbacks)
{
    (void)device, (void)callbacks;
    free(OBJECT(Buffer, buffer));
}

static VKAPI_ATTR void VKAPI_CALL driver_vkGetBufferMemoryRequirements(VkDevice device, VkBuffer buffer,
                                                                       VkMemoryRequirements *needs)
{
    const bool own = driver_options()->type == VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
    (void)device;
    *needs = (VkMemoryRequirements){
        .size = OBJECT(Buffer, buffer)->bytes, .alignment = DRIVER_ALIGNMENT, .memoryTypeBits = own ? 7 : 3};
}

static VKAPI_ATTR void VKAPI_CALL driver_vkGetBufferMemoryRequirements2(VkDevice                               device,
                                                                        const VkBufferMemoryRequirementsInfo2 *info,
                                                                        VkMemoryRequirements2                 *needs)
{
    driver_vkGetBufferMemoryRequirements(device, info->buffer, &needs->memoryRequirements);
    for (VkBaseOutStructure *s = needs->pNext; s != NULL; s = s->pNext) {
        if (s->sType == VK_STRUCTURE_TYPE_MEMORY_DEDICATED_REQUIREMENTS) {
            VkMemoryDedicatedRequirements *dedicated = (void *)s;
            dedicated->prefersDedicatedAllocation = dedicated->requiresDedicatedAllocation = VK_FALSE;
        }
    }
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkBindBufferMemory(VkDevice device, VkBuffer buffer, VkDeviceMemory memory,
                                                                VkDeviceSize offset)
{
    Buffer *b = OBJECT(Buffer, buffer);
    (void)device;
    b->memory = OBJECT(Memory, memory);
    b->offset = offset;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkBindBufferMemory2(VkDevice device, uint32_t count,
                                                                 const VkBindBufferMemoryInfo *infos)
{
    for (uint32_t i = 0; i < count; i++) {
        driver_vkBindBufferMemory(device, infos[i].buffer, infos[i].memory, infos[i].memoryOffset);
    }
    return VK_SUCCESS;
}

static VKAPI_ATTR VkDeviceAddress VKAPI_CALL driver_vkGetBufferDeviceAddress(VkDevice                         device,
                                                                             const VkBufferDeviceAddressInfo *info)
{
    const Buffer *b = OBJECT(Buffer, info->buffer);
    (void)device;
    return b->memory != NULL ? b->memory->shader.address + b->offset : 0;
}

/* --- views ------------------------------------------------------------------------------------------------------ */

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkCreateBufferView(VkDevice device, const VkBufferViewCreateInfo *info,
                                                                const VkAllocationCallbacks *callbacks,
                                                                VkBufferView                *view)
{
    const Buffer *buffer = OBJECT(Buffer, info->buffer);
    View         *made   = calloc(1, sizeof *made);
    (void)device, (void)callbacks;
    if (made == NULL) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    *made = (View){.buffer = buffer,
                   .offset = info->offset,
                   .bytes  = info->range == VK_WHOLE_SIZE ? buffer->bytes - info->offset : info->range,
                   .format = info->format == VK_FORMAT_R32_SFLOAT            ? SHADER_R32_FLOAT
                             : info->format == VK_FORMAT_R16G16B16A16_SFLOAT ? SHADER_RGBA16_FLOAT
                             : info->format == VK_FORMAT_R32G32B32A32_UINT   ? SHADER_RGBA32_UINT
                                                                             : SHADER_RGBA32_FLOAT};
    *view = HANDLE(VkBufferView, made);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL driver_vkDestroyBufferView(VkDevice device, VkBufferView view,
                                                             const VkAllocationCallbacks *callbacks)
{
    (void)device, (void)callbacks;
    free(OBJECT(View, view));
}

Functions driver_memory(void)
{
    static const Function rows[] = {FUNCTION(vkAllocateMemory),
                                    FUNCTION(vkFreeMemory),
                                    FUNCTION(vkMapMemory),
                                    FUNCTION(vkUnmapMemory),
                                    FUNCTION(vkFlushMappedMemoryRanges),
                                    FUNCTION(vkInvalidateMappedMemoryRanges),
                                    FUNCTION(vkCreateBuffer),
                                    FUNCTION(vkDestroyBuffer),
                                    FUNCTION(vkGetBufferMemoryRequirements),
                                    FUNCTION(vkGetBufferMemoryRequirements2),
                                    FUNCTION(vkBindBufferMemory),
                                    FUNCTION(vkBindBufferMemory2),
                                    FUNCTION(vkGetBufferDeviceAddress),
                                    FUNCTION(vkCreateBufferView),
                                    FUNCTION(vkDestroyBufferView)};
    return (Functions){rows, sizeof rows / sizeof *rows};
}
