/* The layer's place in Vulkan: what it answers itself, and what it hands on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vk_layer.h>

#include "tests/tools/card_layer/below.h"

#define EXPORT __attribute__((visibility("default")))

static const char LAYER[] = "VK_LAYER_RLSP_card";

Below below;

/* --- the physical device --------------------------------------------------------------------- */

static VKAPI_ATTR void VKAPI_CALL get_properties(VkPhysicalDevice physical, VkPhysicalDeviceProperties *properties)
{
    below.properties(physical, properties);
    card_properties(card_chosen(), properties);
}

static VKAPI_ATTR void VKAPI_CALL get_properties2(VkPhysicalDevice physical, VkPhysicalDeviceProperties2 *properties)
{
    below.properties2(physical, properties);
    card_properties2(card_chosen(), properties);
}

static VKAPI_ATTR void VKAPI_CALL get_features(VkPhysicalDevice physical, VkPhysicalDeviceFeatures *features)
{
    below.features(physical, features);
    card_features(card_chosen(), features);
}

static VKAPI_ATTR void VKAPI_CALL get_features2(VkPhysicalDevice physical, VkPhysicalDeviceFeatures2 *features)
{
    below.features2(physical, features);
    card_features2(card_chosen(), features);
}

static VKAPI_ATTR void VKAPI_CALL get_memory(VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties *memory)
{
    (void)physical;
    card_memory(card_chosen(), memory);
}

static VKAPI_ATTR void VKAPI_CALL get_memory2(VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties2 *memory)
{
    const Card *card = card_chosen();
    (void)physical;
    card_memory(card, &memory->memoryProperties);
    for (VkBaseOutStructure *s = memory->pNext; s != NULL; s = s->pNext) {
        if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT) {
            VkPhysicalDeviceMemoryBudgetPropertiesEXT *budget = (void *)s;
            memset(budget->heapBudget, 0, sizeof budget->heapBudget);
            memset(budget->heapUsage, 0, sizeof budget->heapUsage);
            for (uint32_t i = 0; i < card->heap_count; i++) {
                budget->heapBudget[i] = card->heaps[i].bytes / 10 * 9;
                budget->heapUsage[i]  = resources_used(i);
            }
        }
    }
}

/* The driver's first family, whose first queue is what all of the card's are. */
static VkQueueFamilyProperties driver_family(VkPhysicalDevice physical)
{
    VkQueueFamilyProperties family = {0};
    uint32_t                count  = 1;
    below.queues(physical, &count, &family);
    return family;
}

static VKAPI_ATTR void VKAPI_CALL get_queues(VkPhysicalDevice physical, uint32_t *count,
                                             VkQueueFamilyProperties *families)
{
    const Card    *card = card_chosen();
    const uint32_t all  = card_families(card);
    *count              = families == NULL || *count > all ? all : *count;
    for (uint32_t i = 0; families != NULL && i < *count; i++) {
        families[i] = card_family(card, i, driver_family(physical));
    }
}

static VKAPI_ATTR void VKAPI_CALL get_queues2(VkPhysicalDevice physical, uint32_t *count,
                                              VkQueueFamilyProperties2 *families)
{
    const Card    *card = card_chosen();
    const uint32_t all  = card_families(card);
    *count              = families == NULL || *count > all ? all : *count;
    for (uint32_t i = 0; families != NULL && i < *count; i++) {
        families[i].queueFamilyProperties = card_family(card, i, driver_family(physical));
    }
}

static VKAPI_ATTR VkResult VKAPI_CALL get_extensions(VkPhysicalDevice physical, const char *layer, uint32_t *count,
                                                     VkExtensionProperties *list)
{
    enum { MOST = 512 };
    const Card           *card = card_chosen();
    VkExtensionProperties all[MOST];
    uint32_t              have = MOST, kept = 0;
    if (layer != NULL && strcmp(layer, LAYER) != 0) {
        return below.extensions(physical, layer, count, list);
    }
    if (layer != NULL || below.extensions(physical, NULL, &have, all) < 0) {
        *count = 0;
        return VK_SUCCESS;
    }
    for (uint32_t i = 0; i < have; i++) {
        if (!card_lacks_extension(card, all[i].extensionName)) {
            all[kept++] = all[i];
        }
    }
    if ((card->features & CARD_PORTABILITY) != 0 && kept < MOST) {
        all[kept] = (VkExtensionProperties){.specVersion = 1};
        snprintf(all[kept++].extensionName, sizeof all->extensionName, "VK_KHR_portability_subset");
    }
    const uint32_t room = list != NULL ? *count : 0;
    *count              = list == NULL || kept < room ? kept : room;
    memcpy(list != NULL ? list : all, all, (list != NULL ? *count : 0) * sizeof *all);
    return list != NULL && room < kept ? VK_INCOMPLETE : VK_SUCCESS;
}

/* --- instance and device ------------------------------------------------------------------------- */

#define OF_INSTANCE(name) (PFN_##name) below.instance_proc(*instance, #name)
#define OF_DEVICE(name)   (PFN_##name) below.device_proc(*device, #name)

/* CPU devices alone, and the interpreter: a card's memory and clock are not to be made another's. */
static VKAPI_ATTR VkResult VKAPI_CALL get_devices(VkInstance instance, uint32_t *count, VkPhysicalDevice *list)
{
    enum { MOST = 32 };
    VkPhysicalDevice all[MOST];
    uint32_t         have = MOST, kept = 0;
    const VkResult   result = below.devices(instance, &have, all);
    for (uint32_t i = 0; result >= 0 && i < have; i++) {
        VkPhysicalDeviceProperties properties;
        below.properties(all[i], &properties);
        if (properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU ||
            strncmp(properties.deviceName, "rlsp interpreter", strlen("rlsp interpreter")) == 0) {
            all[kept++] = all[i];
        }
    }
    const uint32_t room = list != NULL ? *count : kept;
    *count              = kept < room ? kept : room;
    for (uint32_t i = 0; list != NULL && i < *count; i++) {
        list[i] = all[i];
    }
    return result < 0 ? result : room < kept ? VK_INCOMPLETE : VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo  *info,
                                                      const VkAllocationCallbacks *callbacks, VkInstance *instance)
{
    VkLayerInstanceCreateInfo *link = (void *)(uintptr_t)info->pNext;
    while (link != NULL &&
           !(link->sType == VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO && link->function == VK_LAYER_LINK_INFO)) {
        link = (void *)(uintptr_t)link->pNext;
    }
    if (link == NULL || card_chosen() == NULL) {
        fprintf(stderr, "card_layer: no card is named by RLSP_CARD\n");
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    below.instance_proc = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    link->u.pLayerInfo  = link->u.pLayerInfo->pNext;
    const VkResult created =
        ((PFN_vkCreateInstance)below.instance_proc(VK_NULL_HANDLE, "vkCreateInstance"))(info, callbacks, instance);
    if (created == VK_SUCCESS) {
        below.destroy_instance = OF_INSTANCE(vkDestroyInstance);
        below.devices          = OF_INSTANCE(vkEnumeratePhysicalDevices);
        below.properties       = OF_INSTANCE(vkGetPhysicalDeviceProperties);
        below.properties2      = OF_INSTANCE(vkGetPhysicalDeviceProperties2);
        below.features         = OF_INSTANCE(vkGetPhysicalDeviceFeatures);
        below.features2        = OF_INSTANCE(vkGetPhysicalDeviceFeatures2);
        below.memory           = OF_INSTANCE(vkGetPhysicalDeviceMemoryProperties);
        below.queues           = OF_INSTANCE(vkGetPhysicalDeviceQueueFamilyProperties);
        below.extensions       = OF_INSTANCE(vkEnumerateDeviceExtensionProperties);
    }
    return created;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                                                    const VkAllocationCallbacks *callbacks, VkDevice *device)
{
    VkLayerDeviceCreateInfo *link   = (void *)(uintptr_t)info->pNext;
    const char              *excess = card_chosen()->as_driver ? NULL : card_excess(card_chosen(), info);
    if (excess != NULL) {
        fprintf(stderr, "card_layer: card %s cannot turn on %s\n", card_chosen()->name, excess);
        return VK_ERROR_FEATURE_NOT_PRESENT;
    }
    while (link != NULL &&
           !(link->sType == VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO && link->function == VK_LAYER_LINK_INFO)) {
        link = (void *)(uintptr_t)link->pNext;
    }
    if (link == NULL) {
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    PFN_vkGetInstanceProcAddr next = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    below.device_proc              = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
    link->u.pLayerInfo             = link->u.pLayerInfo->pNext;

    const char             *names[64];
    const float             priority  = 1.0f;
    VkDeviceQueueCreateInfo one_queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO, .queueCount = 1, .pQueuePriorities = &priority};
    VkDeviceCreateInfo ours      = *info;
    ours.enabledExtensionCount   = 0;
    ours.ppEnabledExtensionNames = names;
    for (uint32_t i = 0; i < info->enabledExtensionCount && i < 64; i++) {
        if (strcmp(info->ppEnabledExtensionNames[i], "VK_KHR_portability_subset") != 0) {
            names[ours.enabledExtensionCount++] = info->ppEnabledExtensionNames[i];
        }
    }
    if (!card_chosen()->as_driver) {
        ours.queueCreateInfoCount = 1;
        ours.pQueueCreateInfos    = &one_queue;
    }
    VkPhysicalDeviceMemoryProperties memory;
    VkPhysicalDeviceProperties       properties;
    below.memory(physical, &memory);
    below.properties(physical, &properties);
    below.tick        = properties.limits.timestampPeriod;
    below.memory_type = 0;
    while (below.memory_type + 1 < memory.memoryTypeCount &&
           (memory.memoryTypes[below.memory_type].propertyFlags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) == 0) {
        below.memory_type++;
    }
    const VkResult created =
        ((PFN_vkCreateDevice)next(VK_NULL_HANDLE, "vkCreateDevice"))(physical, &ours, callbacks, device);
    if (created == VK_SUCCESS) {
        below.destroy_device = OF_DEVICE(vkDestroyDevice);
        below.requirements   = OF_DEVICE(vkGetBufferMemoryRequirements);
        below.requirements2  = OF_DEVICE(vkGetBufferMemoryRequirements2);
        below.create_buffer  = OF_DEVICE(vkCreateBuffer);
        below.allocate       = OF_DEVICE(vkAllocateMemory);
        below.free           = OF_DEVICE(vkFreeMemory);
        below.map            = OF_DEVICE(vkMapMemory);
        below.unmap          = OF_DEVICE(vkUnmapMemory);
        below.results        = OF_DEVICE(vkGetQueryPoolResults);
        below.device_queue   = OF_DEVICE(vkGetDeviceQueue);
        below.command_pool   = OF_DEVICE(vkCreateCommandPool);
    }
    return created;
}

static VKAPI_ATTR void VKAPI_CALL get_queue(VkDevice device, uint32_t family, uint32_t index, VkQueue *queue)
{
    const bool as_driver = card_chosen()->as_driver;
    below.device_queue(device, as_driver ? family : 0, as_driver ? index : 0, queue);
}

static VKAPI_ATTR VkResult VKAPI_CALL create_pool(VkDevice device, const VkCommandPoolCreateInfo *info,
                                                  const VkAllocationCallbacks *callbacks, VkCommandPool *pool)
{
    VkCommandPoolCreateInfo ours = *info;
    ours.queueFamilyIndex        = card_chosen()->as_driver ? info->queueFamilyIndex : 0;
    return below.command_pool(device, &ours, callbacks, pool);
}

static VKAPI_ATTR void VKAPI_CALL destroy_instance(VkInstance instance, const VkAllocationCallbacks *callbacks)
{
    below.destroy_instance(instance, callbacks);
}

static VKAPI_ATTR void VKAPI_CALL destroy_device(VkDevice device, const VkAllocationCallbacks *callbacks)
{
    below.destroy_device(device, callbacks);
}

EXPORT VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL card_instance_proc(VkInstance instance, const char *name);
EXPORT VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL card_device_proc(VkDevice device, const char *name);
EXPORT VKAPI_ATTR VkResult VKAPI_CALL vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *negotiation);

#define ROW(name, function)                                                                                            \
    {                                                                                                                  \
#name, (PFN_vkVoidFunction)function                                                                            \
    }

typedef struct Row {
    const char        *name;
    PFN_vkVoidFunction function;
} Row;

static const Row of_device[] = {ROW(vkGetDeviceProcAddr, card_device_proc), ROW(vkDestroyDevice, destroy_device),
                                ROW(vkGetDeviceQueue, get_queue), ROW(vkCreateCommandPool, create_pool)};

static const Row of_instance[] = {
    ROW(vkGetPhysicalDeviceProperties, get_properties),
    ROW(vkGetPhysicalDeviceProperties2, get_properties2),
    ROW(vkGetPhysicalDeviceProperties2KHR, get_properties2),
    ROW(vkGetPhysicalDeviceFeatures, get_features),
    ROW(vkGetPhysicalDeviceFeatures2, get_features2),
    ROW(vkGetPhysicalDeviceFeatures2KHR, get_features2),
    ROW(vkGetPhysicalDeviceMemoryProperties, get_memory),
    ROW(vkGetPhysicalDeviceMemoryProperties2, get_memory2),
    ROW(vkGetPhysicalDeviceMemoryProperties2KHR, get_memory2),
    ROW(vkGetPhysicalDeviceQueueFamilyProperties, get_queues),
    ROW(vkGetPhysicalDeviceQueueFamilyProperties2, get_queues2),
    ROW(vkGetPhysicalDeviceQueueFamilyProperties2KHR, get_queues2),
    ROW(vkEnumerateDeviceExtensionProperties, get_extensions),
};

/* What is needed whatever the card. */
static const Row of_all[] = {ROW(vkGetInstanceProcAddr, card_instance_proc), ROW(vkCreateInstance, create_instance),
                             ROW(vkDestroyInstance, destroy_instance), ROW(vkCreateDevice, create_device),
                             ROW(vkEnumeratePhysicalDevices, get_devices)};

static PFN_vkVoidFunction find_row(const Row *rows, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return rows[i].function;
        }
    }
    return NULL;
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL card_device_proc(VkDevice device, const char *name)
{
    PFN_vkVoidFunction ours = find_row(of_device, sizeof of_device / sizeof *of_device, name);
    ours                    = ours != NULL ? ours : resources_find(name);
    return ours != NULL ? ours : below.device_proc(device, name);
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL card_instance_proc(VkInstance instance, const char *name)
{
    const Card        *card = card_chosen();
    PFN_vkVoidFunction ours = find_row(of_all, sizeof of_all / sizeof *of_all, name);
    if (ours == NULL && card != NULL && !card->as_driver) {
        ours = find_row(of_instance, sizeof of_instance / sizeof *of_instance, name);
    }
    ours = ours != NULL ? ours : find_row(of_device, sizeof of_device / sizeof *of_device, name);
    ours = ours != NULL ? ours : resources_find(name);
    return ours != NULL ? ours : instance != VK_NULL_HANDLE ? below.instance_proc(instance, name) : NULL;
}

VKAPI_ATTR VkResult VKAPI_CALL vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *negotiation)
{
    if (negotiation->loaderLayerInterfaceVersion < 2) {
        return VK_ERROR_INITIALIZATION_FAILED;
    }
    negotiation->loaderLayerInterfaceVersion  = 2;
    negotiation->pfnGetInstanceProcAddr       = card_instance_proc;
    negotiation->pfnGetDeviceProcAddr         = card_device_proc;
    negotiation->pfnGetPhysicalDeviceProcAddr = NULL;
    return VK_SUCCESS;
}
