/* Descriptor sets. */
#include <stdlib.h>
#include <string.h>

#include "tests/tools/interpreter/vk_driver.h"

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkCreateDescriptorSetLayout(VkDevice                               device,
                                                                         const VkDescriptorSetLayoutCreateInfo *info,
                                                                         const VkAllocationCallbacks *callbacks,
                                                                         VkDescriptorSetLayout       *layout)
{
    SetLayout *made = calloc(1, sizeof *made);
    (void)device, (void)callbacks;
    if (made == NULL) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (int i = 0; i < SHADER_BINDINGS; i++) {
        made->types[i] = VK_DESCRIPTOR_TYPE_MAX_ENUM;
    }
    for (uint32_t i = 0; i < info->bindingCount; i++) {
        if (info->pBindings[i].binding >= SHADER_BINDINGS || info->pBindings[i].descriptorCount != 1) {
            free(made);
            return VK_ERROR_FEATURE_NOT_PRESENT;
        }
        made->types[info->pBindings[i].binding] = info->pBindings[i].descriptorType;
    }
    *layout = HANDLE(VkDescriptorSetLayout, made);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL driver_vkDestroyDescriptorSetLayout(VkDevice device, VkDescriptorSetLayout layout,
                                                                      const VkAllocationCallbacks *callbacks)
{
    (void)device, (void)callbacks;
    free(OBJECT(SetLayout, layout));
}

/* --- pools ------------------------------------------------------------------------------------------------------ */

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkCreateDescriptorPool(VkDevice                          device,
                                                                    const VkDescriptorPoolCreateInfo *info,
                                                                    const VkAllocationCallbacks      *callbacks,
                                                                    VkDescriptorPool                 *pool)
{
    SetPool *made = calloc(1, sizeof *made);
    (void)device, (void)callbacks;
    if (made == NULL) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    made->most = info->maxSets;
    *pool      = HANDLE(VkDescriptorPool, made);
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkResetDescriptorPool(VkDevice device, VkDescriptorPool pool,
                                                                   VkDescriptorPoolResetFlags flags)
{
    SetPool *p = OBJECT(SetPool, pool);
    (void)device, (void)flags;
    for (Set *set = p->sets, *next; set != NULL; set = next) {
        next = set->next;
        free(set);
    }
    p->sets  = NULL;
    p->count = 0;
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL driver_vkDestroyDescriptorPool(VkDevice device, VkDescriptorPool pool,
                                                                 const VkAllocationCallbacks *callbacks)
{
    (void)callbacks;
    if (pool != VK_NULL_HANDLE) {
        driver_vkResetDescriptorPool(device, pool, 0);
        free(OBJECT(SetPool, pool));
    }
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkAllocateDescriptorSets(VkDevice                           device,
                                                                      const VkDescriptorSetAllocateInfo *info,
                                                                      VkDescriptorSet                   *sets)
{
    SetPool *pool = OBJECT(SetPool, info->descriptorPool);
    (void)device;
    for (uint32_t i = 0; i < info->descriptorSetCount; i++) {
        sets[i] = VK_NULL_HANDLE;
    }
    if (pool->count + info->descriptorSetCount > pool->most) {
        return VK_ERROR_OUT_OF_POOL_MEMORY;
    }
    for (uint32_t i = 0; i < info->descriptorSetCount; i++) {
        const SetLayout *layout = OBJECT(SetLayout, info->pSetLayouts[i]);
        Set             *set    = calloc(1, sizeof *set);
        if (set == NULL) { /* what is made goes with the pool */
            return VK_ERROR_OUT_OF_HOST_MEMORY;
        }
        for (int b = 0; b < SHADER_BINDINGS; b++) {
            set->descriptors[b].type = layout->types[b];
        }
        set->next  = pool->sets;
        pool->sets = set;
        pool->count++;
        sets[i] = HANDLE(VkDescriptorSet, set);
    }
    return VK_SUCCESS;
}

/* --- what is in them --------------------------------------------------------------------------------------------- */

/* The i'th that a write has: of bindings that follow each other, each being one descriptor. */
static void write_one(const VkWriteDescriptorSet *write, uint32_t i)
{
    Descriptor *descriptor = &OBJECT(Set, write->dstSet)->descriptors[write->dstBinding + i];
    if (write->descriptorType == VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER) {
        const View *view   = OBJECT(View, write->pTexelBufferView[i]);
        descriptor->buffer = view->buffer;
        descriptor->offset = view->offset;
        descriptor->bytes  = view->bytes;
        descriptor->format = view->format;
    } else {
        const VkDescriptorBufferInfo *info = &write->pBufferInfo[i];
        descriptor->buffer                 = OBJECT(Buffer, info->buffer);
        descriptor->offset                 = info->offset;
        descriptor->bytes = info->range == VK_WHOLE_SIZE ? descriptor->buffer->bytes - info->offset : info->range;
    }
    descriptor->type = write->descriptorType;
}

static VKAPI_ATTR void VKAPI_CALL driver_vkUpdateDescriptorSets(VkDevice device, uint32_t count,
                                                                const VkWriteDescriptorSet *writes, uint32_t copy_count,
                                                                const VkCopyDescriptorSet *copies)
{
    (void)device;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < writes[i].descriptorCount && writes[i].dstBinding + k < SHADER_BINDINGS; k++) {
            write_one(&writes[i], k);
        }
    }
    (void)copy_count, (void)copies; /* rlsp copies none */
}

Functions driver_sets(void)
{
    static const Function rows[] = {FUNCTION(vkCreateDescriptorSetLayout), FUNCTION(vkDestroyDescriptorSetLayout),
                                    FUNCTION(vkCreateDescriptorPool),      FUNCTION(vkResetDescriptorPool),
                                    FUNCTION(vkDestroyDescriptorPool),     FUNCTION(vkAllocateDescriptorSets),
                                    FUNCTION(vkUpdateDescriptorSets)};
    return (Functions){rows, sizeof rows / sizeof *rows};
}
