/* What a physical device is and can do. */
#include "engine/vk/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *gpu_type_name(GpuType type)
{
    switch (type) {
    case GPU_DISCRETE: return "discrete";
    case GPU_INTEGRATED: return "integrated";
    case GPU_VIRTUAL: return "virtual";
    case GPU_CPU: return "CPU";
    case GPU_OTHER: break;
    }
    return "other";
}

GpuExtensions gpu_extensions(VkPhysicalDevice physical)
{
    GpuExtensions list = {0};
    vkEnumerateDeviceExtensionProperties(physical, NULL, &list.count, NULL);
    list.items = calloc(list.count + 1, sizeof *list.items);
    if (list.items == NULL || vkEnumerateDeviceExtensionProperties(physical, NULL, &list.count, list.items) < 0) {
        list.count = 0;
    }
    return list;
}

bool gpu_has_extension(const GpuExtensions *list, const char *name)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].extensionName, name) == 0) {
            return true;
        }
    }
    return false;
}

GpuFamily gpu_compute_family(VkPhysicalDevice physical)
{
    VkQueueFamilyProperties families[32];
    uint32_t                count = 32;
    GpuFamily               found = {.index = UINT32_MAX};
    vkGetPhysicalDeviceQueueFamilyProperties(physical, &count, families);
    for (uint32_t i = count; i-- > 0;) {
        const VkQueueFamilyProperties *family = &families[i];
        if ((family->queueFlags & VK_QUEUE_COMPUTE_BIT) && (family->queueCount > 1 || found.queues <= 1)) {
            found = (GpuFamily){i, family->queueCount, family->timestampValidBits};
        }
    }
    return found;
}

uint32_t gpu_sparse_family(VkPhysicalDevice physical)
{
    VkQueueFamilyProperties families[32];
    uint32_t                count = 32, found = UINT32_MAX;
    const uint32_t          compute = gpu_compute_family(physical).index;
    vkGetPhysicalDeviceQueueFamilyProperties(physical, &count, families);
    for (uint32_t i = count; i-- > 0;) {
        if ((families[i].queueFlags & VK_QUEUE_SPARSE_BINDING_BIT) && found != compute) {
            found = i;
        }
    }
    return found;
}

static GpuType type_of(VkPhysicalDeviceType type)
{
    switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: return GPU_DISCRETE;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: return GPU_INTEGRATED;
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU: return GPU_VIRTUAL;
    case VK_PHYSICAL_DEVICE_TYPE_CPU: return GPU_CPU;
    default: return GPU_OTHER;
    }
}

/* maxBufferSize is of Vulkan 1.3 and VK_KHR_maintenance4. */
static uint64_t max_buffer(VkPhysicalDevice physical, const VkPhysicalDeviceProperties *plain,
                           const GpuExtensions *extensions)
{
    VkPhysicalDeviceMaintenance4Properties limits     = {.sType =
                                                             VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_PROPERTIES};
    VkPhysicalDeviceProperties2            properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                                         .pNext = &limits};
    if (plain->apiVersion >= VK_API_VERSION_1_3 || gpu_has_extension(extensions, VK_KHR_MAINTENANCE_4_EXTENSION_NAME)) {
        vkGetPhysicalDeviceProperties2(physical, &properties);
    }
    return limits.maxBufferSize > 0 ? limits.maxBufferSize : UINT64_MAX;
}

static void memory_of(GpuInfo *info, VkPhysicalDevice physical, bool budget)
{
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budgets = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
    VkPhysicalDeviceMemoryProperties2 memory = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
                                                .pNext = budget ? &budgets : NULL};
    vkGetPhysicalDeviceMemoryProperties2(physical, &memory);
    const VkPhysicalDeviceMemoryProperties *m = &memory.memoryProperties;
    info->tier.unified_memory                 = true;
    for (uint32_t i = 0; i < m->memoryHeapCount; i++) {
        if ((m->memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) &&
            m->memoryHeaps[i].size > info->memory_bytes) {
            info->memory_bytes = m->memoryHeaps[i].size;
            if (budget && budgets.heapBudget[i] > budgets.heapUsage[i]) {
                info->memory_free_bytes = budgets.heapBudget[i] - budgets.heapUsage[i];
            }
        }
        if (!(m->memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT)) {
            info->tier.unified_memory = false;
        }
    }
    info->tier.unified_memory = info->tier.unified_memory || info->type == GPU_INTEGRATED || info->type == GPU_CPU;
    const VkMemoryPropertyFlags fast = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT |
                                       VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
                                local = fast | VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
    bool there = false, of_device = false;
    for (uint32_t i = 0; i < m->memoryTypeCount; i++) {
        there     = there || (m->memoryTypes[i].propertyFlags & fast) == fast;
        of_device = of_device || (m->memoryTypes[i].propertyFlags & local) == local;
    }
    info->reads_staged = info->tier.unified_memory && there && !of_device;
    if (info->type == GPU_CPU) { /* older lavapipe says 2 GiB whatever there is, and refuses nothing */
        const long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
        info->memory_bytes = pages > 0 && bytes > 0 ? (uint64_t)pages * (uint64_t)bytes : info->memory_bytes;
    }
}

/* Says in info->unusable which of the limits that the kernels count on the device has not, if any. */
static void check_limits(GpuInfo *info, const VkPhysicalDeviceLimits *limits)
{
    const struct {
        uint32_t    has, needed;
        const char *text; /* with both numbers */
    } rows[] = {
        {limits->maxComputeWorkGroupInvocations, 256,
         "its workgroups have at most %u invocations (maxComputeWorkGroupInvocations); %u are needed"},
        {limits->maxComputeWorkGroupSize[0], 256,
         "its workgroups have at most %u invocations in a row (maxComputeWorkGroupSize[0]); %u are needed"},
        {limits->maxComputeSharedMemorySize, 32768,
         "its workgroups share at most %u bytes of memory (maxComputeSharedMemorySize); %u are needed"},
        {limits->maxStorageBufferRange, 128u << 20,
         "it binds at most %u bytes at once (maxStorageBufferRange); %u are needed"},
        {limits->maxPerStageDescriptorStorageBuffers, GPU_STORAGE_BUFFERS,
         "its kernels see at most %u buffers at once (maxPerStageDescriptorStorageBuffers); %u are needed"},
        {limits->maxDescriptorSetStorageBuffers, GPU_STORAGE_BUFFERS,
         "its kernels see at most %u buffers at once (maxDescriptorSetStorageBuffers); %u are needed"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows && info->unusable[0] == '\0'; i++) {
        if (rows[i].has < rows[i].needed) {
            snprintf(info->unusable, sizeof info->unusable, rows[i].text, rows[i].has, rows[i].needed);
        }
    }
}

void gpu_candidate_fill(GpuCandidate *c, VkInstance instance, VkPhysicalDevice physical)
{
    memset(c, 0, sizeof *c);
    c->physical = physical;
    VkPhysicalDeviceProperties plain;
    vkGetPhysicalDeviceProperties(physical, &plain);
    GpuInfo *info = &c->info;
    snprintf(info->name, sizeof info->name, "%s", plain.deviceName);
    info->type              = type_of(plain.deviceType);
    info->vendor_id         = plain.vendorID;
    info->device_id         = plain.deviceID;
    info->driver_version    = plain.driverVersion;
    info->api_version       = plain.apiVersion;
    info->max_binding_bytes = plain.limits.maxStorageBufferRange;
    info->max_workgroup     = plain.limits.maxComputeWorkGroupInvocations < plain.limits.maxComputeWorkGroupSize[0]
                                  ? plain.limits.maxComputeWorkGroupInvocations
                                  : plain.limits.maxComputeWorkGroupSize[0];
    info->shared_bytes      = plain.limits.maxComputeSharedMemorySize;
    info->max_texels        = plain.limits.maxTexelBufferElements;
    memcpy(info->cache_uuid, plain.pipelineCacheUUID, sizeof info->cache_uuid);
    if (plain.apiVersion < VK_API_VERSION_1_2) {
        snprintf(info->unusable, sizeof info->unusable, "Vulkan %u.%u only; 1.2 is needed: update its driver",
                 VK_API_VERSION_MAJOR(plain.apiVersion), VK_API_VERSION_MINOR(plain.apiVersion));
        return;
    }

    GpuExtensions                           extensions = gpu_extensions(physical);
    bool                                    pci    = gpu_has_extension(&extensions, VK_EXT_PCI_BUS_INFO_EXTENSION_NAME);
    VkPhysicalDevicePCIBusInfoPropertiesEXT bus    = {.sType =
                                                          VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PCI_BUS_INFO_PROPERTIES_EXT};
    VkPhysicalDeviceDriverProperties        driver = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES,
                                                      .pNext = pci ? &bus : NULL};
    VkPhysicalDeviceVulkan11Properties      v11    = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES,
                                                      .pNext = &driver};
    VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &v11};
    vkGetPhysicalDeviceProperties2(physical, &properties);
    snprintf(info->driver, sizeof info->driver, "%.100s %.140s", driver.driverName, driver.driverInfo);
    info->driver_id            = driver.driverID;
    info->max_allocation_bytes = v11.maxMemoryAllocationSize;
    info->max_buffer_bytes     = max_buffer(physical, &plain, &extensions);
    info->subgroup_size        = v11.subgroupSize;
    memcpy(c->uuid, v11.deviceUUID, sizeof c->uuid);
    c->has_pci = pci;
    c->pci[0]  = bus.pciDomain;
    c->pci[1]  = bus.pciBus;
    c->pci[2]  = bus.pciDevice;
    c->pci[3]  = bus.pciFunction;

    VkPhysicalDeviceVulkan12Features v12      = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
    VkPhysicalDeviceVulkan11Features f11      = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
                                                 .pNext = &v12};
    VkPhysicalDeviceFeatures2        features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &f11};
    vkGetPhysicalDeviceFeatures2(physical, &features);
    const GpuFamily family    = gpu_compute_family(physical);
    GpuTier        *tier      = &info->tier;
    tier->fp16_storage        = f11.storageBuffer16BitAccess;
    tier->fp16_arithmetic     = v12.shaderFloat16;
    tier->fp16_rounding       = v12.shaderFloat16 && gpu_float_modes(physical) == GPU_ALL_FLOAT_MODES;
    tier->int8_storage        = v12.storageBuffer8BitAccess;
    tier->subgroup_arithmetic = (v11.subgroupSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT) &&
                                (v11.subgroupSupportedOperations & VK_SUBGROUP_FEATURE_ARITHMETIC_BIT);
    tier->subgroup_shuffle = (v11.subgroupSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT) &&
                             (v11.subgroupSupportedOperations & VK_SUBGROUP_FEATURE_SHUFFLE_BIT);
    tier->buffer_address     = v12.bufferDeviceAddress;
    tier->int64              = features.features.shaderInt64;
    tier->timeline_semaphore = v12.timelineSemaphore;
    tier->push_descriptor    = gpu_has_extension(&extensions, VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME);
    tier->memory_budget      = gpu_has_extension(&extensions, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    tier->timestamps         = family.timestamp_bits > 0;
    tier->second_queue       = family.queues > 1;
    info->queues             = family.queues;
    tier->sparse_memory      = features.features.sparseBinding && gpu_sparse_family(physical) != UINT32_MAX;
    gpu_features_list(info, instance, physical, &extensions);
    memory_of(info, physical, tier->memory_budget);
    if (family.index == UINT32_MAX) {
        snprintf(info->unusable, sizeof info->unusable, "it has no compute queue");
    } else if (!tier->subgroup_arithmetic) {
        snprintf(info->unusable, sizeof info->unusable, "its compute shaders lack subgroup arithmetic");
    } else {
        check_limits(info, &plain.limits);
    }
    free(extensions.items);
}
