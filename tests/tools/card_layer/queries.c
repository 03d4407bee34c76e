/* What a device says of itself, and what may be turned on. */
#include <stdio.h>
#include <string.h>

#include "tests/tools/card_layer/card.h"

/* As far as both have it. */
static void at_most(uint32_t *limit, uint32_t most)
{
    *limit = *limit < most ? *limit : most;
}

void card_properties(const Card *card, VkPhysicalDeviceProperties *p)
{
    char                    device[VK_MAX_PHYSICAL_DEVICE_NAME_SIZE];
    VkPhysicalDeviceLimits *l = &p->limits;
    snprintf(device, sizeof device, "%.100s (in fact %.100s)", card->device, p->deviceName);
    memcpy(p->deviceName, device, sizeof device);
    p->deviceType = card->type;
    p->vendorID   = card->vendor;
    p->deviceID   = card->id;
    at_most(&p->apiVersion, card->api);
    for (size_t i = 0; card->name[i] != 0; i++) { /* choices that are kept for the device are not kept for the card */
        p->pipelineCacheUUID[i % VK_UUID_SIZE] ^= (uint8_t)(card->name[i] + 1);
    }
    at_most(&l->maxComputeWorkGroupInvocations, card->invocations);
    at_most(&l->maxComputeWorkGroupSize[0], card->group_x);
    at_most(&l->maxComputeWorkGroupSize[1], card->group_x);
    at_most(&l->maxComputeWorkGroupSize[2], card->group_z);
    at_most(&l->maxComputeWorkGroupCount[0], card->groups_x);
    l->maxComputeSharedMemorySize = card->shared; /* CPU devices have what is asked for */
    at_most(&l->maxStorageBufferRange, card->range);
    at_most(&l->maxTexelBufferElements, card->texels);
    at_most(&l->maxPushConstantsSize, card->push);
    at_most(&l->maxMemoryAllocationCount, card->allocations);
    at_most(&l->maxPerStageDescriptorStorageBuffers, card->stage_buffers);
    at_most(&l->maxDescriptorSetStorageBuffers, card->set_buffers);
    l->minStorageBufferOffsetAlignment = card->range_alignment;
    l->minTexelBufferOffsetAlignment   = card->texel_alignment;
    l->nonCoherentAtomSize             = card->atom;
    l->timestampPeriod                 = card->timestamp_period;
    l->timestampComputeAndGraphics     = card->timestamp_bits > 0;
}

void card_properties2(const Card *card, VkPhysicalDeviceProperties2 *properties)
{
    card_properties(card, &properties->properties);
    for (VkBaseOutStructure *s = properties->pNext; s != NULL; s = s->pNext) {
        switch ((int)s->sType) {
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES: {
            VkPhysicalDeviceVulkan11Properties *v = (void *)s;
            v->subgroupSize                       = card->subgroup > 0 ? card->subgroup : v->subgroupSize;
            v->maxMemoryAllocationSize            = card->allocation;
            v->subgroupSupportedOperations &= VK_SUBGROUP_FEATURE_BASIC_BIT | VK_SUBGROUP_FEATURE_VOTE_BIT |
                                              VK_SUBGROUP_FEATURE_ARITHMETIC_BIT | VK_SUBGROUP_FEATURE_BALLOT_BIT;
            break;
        }
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES: {
            VkPhysicalDeviceSubgroupProperties *v = (void *)s;
            v->subgroupSize                       = card->subgroup > 0 ? card->subgroup : v->subgroupSize;
            break;
        }
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES:
            ((VkPhysicalDeviceMaintenance3Properties *)(void *)s)->maxMemoryAllocationSize = card->allocation;
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_PROPERTIES:
            ((VkPhysicalDeviceMaintenance4Properties *)(void *)s)->maxBufferSize = card->buffer;
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_PROPERTIES: {
            VkPhysicalDeviceVulkan13Properties *v = (void *)s;
            v->maxBufferSize                      = card->buffer;
            at_most(&v->maxComputeWorkgroupSubgroups, card->subgroups > 0 ? card->subgroups : UINT32_MAX);
            break;
        }
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES: {
            VkPhysicalDeviceSubgroupSizeControlProperties *v = (void *)s;
            at_most(&v->maxComputeWorkgroupSubgroups, card->subgroups > 0 ? card->subgroups : UINT32_MAX);
            break;
        }
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES: {
            VkPhysicalDeviceDriverProperties *v = (void *)s;
            v->driverID                         = card->driver_id;
            snprintf(v->driverName, sizeof v->driverName, "%s", card->driver);
            snprintf(v->driverInfo, sizeof v->driverInfo, "card_layer %s", card->name);
            break;
        }
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES: {
            VkPhysicalDeviceVulkan12Properties *v = (void *)s;
            v->driverID                           = card->driver_id;
            break;
        }
        default: break;
        }
    }
}

/* --- features -------------------------------------------------------------------------------- */

typedef struct Feature {
    const char *name;
    VkBool32   *on;
    uint32_t    bit; /* 0: no card has it, as rlsp needs none of it */
} Feature;

/* Every feature of a structure that a card may lack; how many. */
static int features_in(VkBaseOutStructure *s, Feature list[8])
{
    switch ((int)s->sType) {
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2: {
        VkPhysicalDeviceFeatures *f = &((VkPhysicalDeviceFeatures2 *)(void *)s)->features;
        list[0]                     = (Feature){"shaderInt64", &f->shaderInt64, CARD_INT64};
        list[1]                     = (Feature){"sparseBinding", &f->sparseBinding, CARD_SPARSE};
        list[2]                     = (Feature){"shaderFloat64", &f->shaderFloat64, CARD_SPARSE};
        return 3;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES: {
        VkPhysicalDeviceVulkan11Features *f = (void *)s;
        list[0] = (Feature){"storageBuffer16BitAccess", &f->storageBuffer16BitAccess, CARD_STORAGE16};
        return 1;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES: {
        VkPhysicalDevice16BitStorageFeatures *f = (void *)s;
        list[0] = (Feature){"storageBuffer16BitAccess", &f->storageBuffer16BitAccess, CARD_STORAGE16};
        return 1;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES: {
        VkPhysicalDeviceVulkan12Features *f = (void *)s;
        list[0]                             = (Feature){"shaderFloat16", &f->shaderFloat16, CARD_FLOAT16};
        list[1]                             = (Feature){"shaderInt8", &f->shaderInt8, CARD_INT8};
        list[2] = (Feature){"storageBuffer8BitAccess", &f->storageBuffer8BitAccess, CARD_INT8};
        list[3] = (Feature){"bufferDeviceAddress", &f->bufferDeviceAddress, CARD_ADDRESS};
        list[4] = (Feature){"vulkanMemoryModel", &f->vulkanMemoryModel, CARD_MEMORY_MODEL};
        list[5] = (Feature){"vulkanMemoryModelDeviceScope", &f->vulkanMemoryModelDeviceScope, CARD_MEMORY_MODEL};
        list[6] = (Feature){"timelineSemaphore", &f->timelineSemaphore, CARD_TIMELINE};
        return 7;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES: {
        VkPhysicalDeviceSubgroupSizeControlFeatures *f = (void *)s;
        list[0] = (Feature){"subgroupSizeControl", &f->subgroupSizeControl, CARD_SUBGROUP_SIZE};
        list[1] = (Feature){"computeFullSubgroups", &f->computeFullSubgroups, CARD_SUBGROUP_SIZE};
        return 2;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR: {
        VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR *f = (void *)s;
        list[0] = (Feature){"pipelineExecutableInfo", &f->pipelineExecutableInfo, CARD_STATISTICS};
        return 1;
    }
    default: return 0;
    }
}

void card_features2(const Card *card, void *chain)
{
    Feature list[8];
    for (VkBaseOutStructure *s = chain; s != NULL; s = s->pNext) {
        for (int i = features_in(s, list); i-- > 0;) {
            *list[i].on = *list[i].on && (card->features & list[i].bit) != 0;
        }
    }
}

void card_features(const Card *card, VkPhysicalDeviceFeatures *features)
{
    VkPhysicalDeviceFeatures2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .features = *features};
    card_features2(card, &all);
    *features = all.features;
}

bool card_lacks_extension(const Card *card, const char *name)
{
    static const struct {
        const char *part; /* of the name */
        uint32_t    bit;
    } rows[] = {{"VK_EXT_subgroup_size_control", CARD_SUBGROUP_SIZE},
                {"VK_EXT_memory_budget", CARD_BUDGET},
                {"VK_KHR_pipeline_executable_properties", CARD_STATISTICS},
                {"VK_KHR_push_descriptor", CARD_PUSH},
                {"cooperative_matrix", CARD_MATRICES},
                {"VK_KHR_shader_bfloat16", CARD_MATRICES},
                {"buffer_device_address", CARD_ADDRESS},
                {"vulkan_memory_model", CARD_MEMORY_MODEL},
                {"VK_KHR_portability_subset", CARD_PORTABILITY}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strstr(name, rows[i].part) != NULL && (card->features & rows[i].bit) == 0) {
            return true;
        }
    }
    return false;
}

const char *card_excess(const Card *card, const VkDeviceCreateInfo *info)
{
    VkPhysicalDeviceFeatures2 plain = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
    Feature                   list[8];
    bool                      portability = false;
    if (info->pEnabledFeatures != NULL) {
        plain.features = *info->pEnabledFeatures;
    }
    plain.pNext = (void *)(uintptr_t)info->pNext;
    for (VkBaseOutStructure *s = (void *)&plain; s != NULL; s = s->pNext) {
        for (int i = features_in(s, list); i-- > 0;) {
            if (*list[i].on && (card->features & list[i].bit) == 0) {
                return list[i].name;
            }
        }
    }
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
        const char *name = info->ppEnabledExtensionNames[i];
        portability      = portability || strcmp(name, "VK_KHR_portability_subset") == 0;
        if (card_lacks_extension(card, name)) {
            return name;
        }
    }
    return (card->features & CARD_PORTABILITY) != 0 && !portability ? "being without VK_KHR_portability_subset" : NULL;
}

/* --- memory and queues ------------------------------------------------------------------------- */

void card_memory(const Card *card, VkPhysicalDeviceMemoryProperties *memory)
{
    *memory =
        (VkPhysicalDeviceMemoryProperties){.memoryTypeCount = card->type_count, .memoryHeapCount = card->heap_count};
    for (uint32_t i = 0; i < card->type_count; i++) {
        memory->memoryTypes[i] = (VkMemoryType){card->types[i].flags, card->types[i].heap};
    }
    for (uint32_t i = 0; i < card->heap_count; i++) {
        memory->memoryHeaps[i] =
            (VkMemoryHeap){card->heaps[i].bytes, card->heaps[i].local ? VK_MEMORY_HEAP_DEVICE_LOCAL_BIT : 0};
    }
}

uint32_t card_families(const Card *card)
{
    uint32_t count = 0;
    while (count < CARD_FAMILIES && card->queues[count] > 0) {
        count++;
    }
    return count;
}

VkQueueFamilyProperties card_family(const Card *card, uint32_t family, VkQueueFamilyProperties of_driver)
{
    VkQueueFamilyProperties made = of_driver;
    made.queueCount              = card->queues[family];
    at_most(&made.timestampValidBits, card->timestamp_bits);
    if (family > 0) {
        made.queueFlags &= ~(VkQueueFlags)VK_QUEUE_GRAPHICS_BIT;
    }
    if ((card->features & CARD_SPARSE) == 0) {
        made.queueFlags &= ~(VkQueueFlags)VK_QUEUE_SPARSE_BINDING_BIT;
    }
    return made;
}
