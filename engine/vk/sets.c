/* The descriptor sets of a stream. Dispatches of a recording that bind the same take the same set: the steps of a
 * decoder bind the same a thousand times each, and a driver may have a limit to how many sets there are (lavapipe maps
 * a page of memory for each, of which a process has 65,530). */
#include <stdlib.h>
#include <string.h>

#include "engine/vk/private.h"

enum { SETS_PER_POOL = 512, TEXELS_PER_POOL = 1024 };

typedef struct Bound {
    VkBuffer buffer;
    uint64_t offset, size;
} Bound;

struct GpuSet {
    uint64_t              hash;
    VkDescriptorSetLayout layout;
    uint32_t              count;
    Bound                 bound[GPU_MAX_BINDS]; /* behind `count` undefined */
    VkDescriptorSet       set;
};

void gpu_sets_reset(GpuSets *sets)
{
    for (uint32_t i = 0; i < sets->view_count; i++) {
        vkDestroyBufferView(sets->gpu->device, sets->views[i], NULL);
    }
    for (uint32_t i = 0; i < sets->pool_count; i++) {
        vkResetDescriptorPool(sets->gpu->device, sets->pools[i], 0);
    }
    if (sets->slots != NULL) {
        memset(sets->slots, 0, sets->slot_count * sizeof *sets->slots);
    }
    sets->view_count = sets->set_count = sets->pool_current = 0;
}

void gpu_sets_free(GpuSets *sets)
{
    gpu_sets_reset(sets);
    for (uint32_t i = 0; i < sets->pool_count; i++) {
        vkDestroyDescriptorPool(sets->gpu->device, sets->pools[i], NULL);
    }
    free(sets->pools);
    free(sets->views);
    free(sets->sets);
    free(sets->slots);
}

static bool out_of_memory(Error *error)
{
    error_set(error, STATUS_OUT_OF_MEMORY, "recording commands: out of host memory");
    return false;
}

/* --- looking them up ----------------------------------------------------------------------- */

static uint64_t hash_of(VkDescriptorSetLayout layout, const Bound *bound, uint32_t count)
{
    uint64_t hash = (uint64_t)layout;
    for (uint32_t i = 0; i < count; i++) { /* SplitMix64's finaliser over each word */
        const uint64_t words[3] = {(uint64_t)bound[i].buffer, bound[i].offset, bound[i].size};
        for (int w = 0; w < 3; w++) {
            hash = (hash ^ words[w]) * 0x9E3779B97F4A7C15u;
            hash = (hash ^ hash >> 29) * 0xBF58476D1CE4E5B9u;
        }
    }
    return hash ^ hash >> 32;
}

static bool is_same(const GpuSet *set, uint64_t hash, VkDescriptorSetLayout layout, const Bound *bound, uint32_t count)
{
    if (set->hash != hash || set->layout != layout || set->count != count) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (set->bound[i].buffer != bound[i].buffer || set->bound[i].offset != bound[i].offset ||
            set->bound[i].size != bound[i].size) {
            return false;
        }
    }
    return true;
}

/* Where the number of a set is, plus 1, or would be. At least one slot in two is empty. */
static uint32_t *slot_of(GpuSets *sets, uint64_t hash, VkDescriptorSetLayout layout, const Bound *bound, uint32_t count)
{
    uint32_t at = (uint32_t)hash & (sets->slot_count - 1);
    while (sets->slots[at] != 0 && !is_same(&sets->sets[sets->slots[at] - 1], hash, layout, bound, count)) {
        at = (at + 1) & (sets->slot_count - 1);
    }
    return &sets->slots[at];
}

/* Room for one set more. */
static bool grow(GpuSets *sets, Error *error)
{
    if (sets->set_count < sets->set_capacity) {
        return true;
    }
    const uint32_t capacity = sets->set_capacity > 0 ? 2 * sets->set_capacity : 256;
    GpuSet        *grown    = realloc(sets->sets, capacity * sizeof *grown);
    if (grown == NULL) {
        return out_of_memory(error);
    }
    sets->sets      = grown;
    uint32_t *slots = calloc(2 * (size_t)capacity, sizeof *slots);
    if (slots == NULL) {
        return out_of_memory(error);
    }
    free(sets->slots);
    sets->slots        = slots;
    sets->set_capacity = capacity;
    sets->slot_count   = 2 * capacity;
    for (uint32_t i = 0; i < sets->set_count; i++) {
        const GpuSet *set                                              = &sets->sets[i];
        *slot_of(sets, set->hash, set->layout, set->bound, set->count) = i + 1;
    }
    return true;
}

/* --- making one ------------------------------------------------------------------------------ */

static bool add_pool(GpuSets *sets, Error *error)
{
    VkDescriptorPool *grown = realloc(sets->pools, (sets->pool_count + 1) * sizeof *grown);
    if (grown == NULL) {
        return out_of_memory(error);
    }
    sets->pools                      = grown;
    VkDescriptorPoolSize       of[2] = {{VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, SETS_PER_POOL * 6},
                                        {VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, TEXELS_PER_POOL}};
    VkDescriptorPoolCreateInfo info  = {.sType         = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                        .maxSets       = SETS_PER_POOL,
                                        .poolSizeCount = 2,
                                        .pPoolSizes    = of};
    const VkResult result            = vkCreateDescriptorPool(sets->gpu->device, &info, NULL, &grown[sets->pool_count]);
    if (result != VK_SUCCESS) {
        gpu_error(sets->gpu, result, "recording commands", error);
        return false;
    }
    sets->pool_count++;
    return true;
}

static VkDescriptorSet allocate(GpuSets *sets, VkDescriptorSetLayout layout, Error *error)
{
    for (bool fresh = false; sets->pool_current < sets->pool_count || (fresh = add_pool(sets, error));) {
        VkDescriptorSetAllocateInfo info = {.sType              = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                            .descriptorPool     = sets->pools[sets->pool_current],
                                            .descriptorSetCount = 1,
                                            .pSetLayouts        = &layout};
        VkDescriptorSet             set;
        const VkResult              result = vkAllocateDescriptorSets(sets->gpu->device, &info, &set);
        if (result == VK_SUCCESS) {
            return set;
        }
        if (fresh) { /* not for want of room */
            gpu_error(sets->gpu, result, "recording commands", error);
            return VK_NULL_HANDLE;
        }
        sets->pool_current++; /* full: the next pool */
    }
    return VK_NULL_HANDLE;
}

static VkBufferView view_new(GpuSets *sets, Bound bound, Error *error)
{
    if (sets->view_count == sets->view_capacity) {
        const uint32_t capacity = sets->view_capacity * 2 + 64;
        VkBufferView  *grown    = realloc(sets->views, capacity * sizeof *grown);
        if (grown == NULL) {
            out_of_memory(error);
            return VK_NULL_HANDLE;
        }
        sets->views         = grown;
        sets->view_capacity = capacity;
    }
    VkBufferViewCreateInfo info   = {.sType  = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
                                     .buffer = bound.buffer,
                                     .format = VK_FORMAT_R32G32B32A32_SFLOAT,
                                     .offset = bound.offset,
                                     .range  = bound.size & ~(uint64_t)15};
    VkBufferView           view   = VK_NULL_HANDLE;
    const VkResult         result = vkCreateBufferView(sets->gpu->device, &info, NULL, &view);
    if (result != VK_SUCCESS) {
        gpu_error(sets->gpu, result, "making a texel view", error);
        return VK_NULL_HANDLE;
    }
    return sets->views[sets->view_count++] = view;
}

static VkDescriptorSet set_new(GpuSets *sets, const GpuPipeline *pipeline, const Bound *bound, Error *error)
{
    VkWriteDescriptorSet   writes[GPU_MAX_BINDS];
    VkDescriptorBufferInfo buffers[GPU_MAX_BINDS];
    VkBufferView           views[GPU_MAX_BINDS];
    VkDescriptorSet        set = allocate(sets, pipeline->set_layout, error);
    for (uint32_t i = 0; i < pipeline->bind_count && set != VK_NULL_HANDLE; i++) {
        writes[i] = (VkWriteDescriptorSet){.sType           = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                           .dstSet          = set,
                                           .dstBinding      = i,
                                           .descriptorCount = 1,
                                           .descriptorType  = pipeline->bind_type[i]};
        if (pipeline->bind_type[i] == VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER) {
            views[i] = view_new(sets, bound[i], error);
            if (views[i] == VK_NULL_HANDLE) {
                return VK_NULL_HANDLE;
            }
            writes[i].pTexelBufferView = &views[i];
        } else {
            buffers[i]            = (VkDescriptorBufferInfo){bound[i].buffer, bound[i].offset, bound[i].size};
            writes[i].pBufferInfo = &buffers[i];
        }
    }
    if (set != VK_NULL_HANDLE) {
        vkUpdateDescriptorSets(sets->gpu->device, pipeline->bind_count, writes, 0, NULL);
    }
    return set;
}

VkDescriptorSet gpu_sets_find(GpuSets *sets, const GpuPipeline *pipeline, const GpuDispatch *dispatch, Error *error)
{
    Bound    bound[GPU_MAX_BINDS];
    uint32_t count = 0;
    for (uint32_t i = 0; count < pipeline->bind_count; i++) {
        const GpuBind *bind = &dispatch->bind[i];
        if (bind->kind != GPU_BIND_ADDRESS) {
            bound[count++] = (Bound){bind->span.buffer->buffer, bind->span.offset, bind->span.size};
        }
    }
    if (!grow(sets, error)) {
        return VK_NULL_HANDLE;
    }
    const uint64_t hash = hash_of(pipeline->set_layout, bound, count);
    uint32_t      *slot = slot_of(sets, hash, pipeline->set_layout, bound, count);
    if (*slot == 0) {
        GpuSet made = {
            .hash = hash, .layout = pipeline->set_layout, .count = count, .set = set_new(sets, pipeline, bound, error)};
        if (made.set == VK_NULL_HANDLE) {
            return VK_NULL_HANDLE;
        }
        memcpy(made.bound, bound, count * sizeof *bound);
        sets->sets[sets->set_count++] = made;
        *slot                         = sets->set_count;
    }
    return sets->sets[*slot - 1].set;
}
