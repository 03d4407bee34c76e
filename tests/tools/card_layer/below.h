/* What the layer's files share: the functions of the next layer, or of the driver, and what is to be had through them.
 */
#ifndef TESTS_TOOLS_CARD_LAYER_BELOW_H
#define TESTS_TOOLS_CARD_LAYER_BELOW_H

#include "tests/tools/card_layer/card.h"

/* One instance and one device after another, as rlsp has them; a program with several would need maps here. */
typedef struct Below {
    PFN_vkGetInstanceProcAddr                    instance_proc;
    PFN_vkGetDeviceProcAddr                      device_proc;
    PFN_vkDestroyInstance                        destroy_instance;
    PFN_vkEnumeratePhysicalDevices               devices;
    PFN_vkGetPhysicalDeviceProperties            properties;
    PFN_vkGetPhysicalDeviceProperties2           properties2;
    PFN_vkGetPhysicalDeviceFeatures              features;
    PFN_vkGetPhysicalDeviceFeatures2             features2;
    PFN_vkGetPhysicalDeviceMemoryProperties      memory;
    PFN_vkGetPhysicalDeviceQueueFamilyProperties queues;
    PFN_vkEnumerateDeviceExtensionProperties     extensions;
    PFN_vkDestroyDevice                          destroy_device;
    PFN_vkGetBufferMemoryRequirements            requirements;
    PFN_vkGetBufferMemoryRequirements2           requirements2;
    PFN_vkCreateBuffer                           create_buffer;
    PFN_vkAllocateMemory                         allocate;
    PFN_vkFreeMemory                             free;
    PFN_vkMapMemory                              map;
    PFN_vkUnmapMemory                            unmap;
    PFN_vkGetQueryPoolResults                    results;
    PFN_vkGetDeviceQueue                         device_queue;
    PFN_vkCreateCommandPool                      command_pool;
    uint32_t                                     memory_type; /* of the driver: mapped, whatever it is said to be */
    float                                        tick;        /* of the driver's clock, nanoseconds               */
} Below;

extern Below below;

/* resources.c: functions of a device, by Vulkan's names; NULL: it has none of that name. */
PFN_vkVoidFunction resources_find(const char *name);
/* Bytes of a heap of the card that are allocated. */
uint64_t resources_used(uint32_t heap);

#endif
