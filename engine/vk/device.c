#include "engine/vk/private.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_DEVICES = 32 };

const char *gpu_result_text(VkResult result)
{
    switch (result) {
    case VK_SUCCESS: return "success";
    case VK_ERROR_OUT_OF_HOST_MEMORY: return "out of host memory";
    case VK_ERROR_OUT_OF_DEVICE_MEMORY: return "out of device memory";
    case VK_ERROR_INITIALIZATION_FAILED: return "initialization failed";
    case VK_ERROR_DEVICE_LOST: return "the device was lost (driver reset, unplugged, or a watchdog)";
    case VK_ERROR_LAYER_NOT_PRESENT: return "a layer is missing";
    case VK_ERROR_EXTENSION_NOT_PRESENT: return "an extension is missing";
    case VK_ERROR_FEATURE_NOT_PRESENT: return "a feature is missing";
    case VK_ERROR_INCOMPATIBLE_DRIVER: return "no Vulkan driver was found";
    case VK_ERROR_TOO_MANY_OBJECTS: return "too many objects";
    case VK_ERROR_FRAGMENTATION:
    case VK_ERROR_FRAGMENTED_POOL: return "memory is fragmented";
    default: return "an unexpected Vulkan error";
    }
}

Status gpu_error(Gpu *gpu, VkResult result, const char *what, Error *error)
{
    Status status = STATUS_FAILED;
    if (result == VK_ERROR_DEVICE_LOST) {
        status = STATUS_DEVICE_LOST;
        gpu->lost = true;
    } else if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY) {
        status = STATUS_OUT_OF_MEMORY;
    }
    return error_set(error, status, "%s: %s on device %d (%s): %s (%d)", what, "Vulkan call failed", gpu->info.index,
                     gpu->info.name, gpu_result_text(result), (int)result);
}

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

/* --- instance ---------------------------------------------------------- */

static bool has_layer(const char *name)
{
    uint32_t count = 0;
    vkEnumerateInstanceLayerProperties(&count, NULL);
    VkLayerProperties *layers = calloc(count + 1, sizeof *layers);
    bool               found = false;
    if (layers != NULL && vkEnumerateInstanceLayerProperties(&count, layers) >= 0) {
        for (uint32_t i = 0; i < count; i++) {
            found = found || strcmp(layers[i].layerName, name) == 0;
        }
    }
    free(layers);
    return found;
}

static bool has_instance_extension(const char *layer, const char *name)
{
    uint32_t count = 0;
    vkEnumerateInstanceExtensionProperties(layer, &count, NULL);
    VkExtensionProperties *extensions = calloc(count + 1, sizeof *extensions);
    bool                   found = false;
    if (extensions != NULL && vkEnumerateInstanceExtensionProperties(layer, &count, extensions) >= 0) {
        for (uint32_t i = 0; i < count; i++) {
            found = found || strcmp(extensions[i].extensionName, name) == 0;
        }
    }
    free(extensions);
    return found;
}

static VKAPI_ATTR VkBool32 VKAPI_CALL on_validation(VkDebugUtilsMessageSeverityFlagBitsEXT      severity,
                                                    VkDebugUtilsMessageTypeFlagsEXT             types,
                                                    const VkDebugUtilsMessengerCallbackDataEXT *data, void *user)
{
    (void)severity;
    (void)types;
    Gpu *gpu = user;
    if (atomic_fetch_add(&gpu->validation_count, 1) == 0) {
        snprintf(gpu->validation_first, sizeof gpu->validation_first, "%s", data->pMessage);
    }
    return VK_FALSE;
}

static const char *const VALIDATION_LAYER = "VK_LAYER_KHRONOS_validation";

/* A Vulkan 1.2 instance; with `gpu` and the layer installed, validation is on. */
static VkResult instance_create(VkInstance *instance, Gpu *gpu, bool validate)
{
    VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                     .pApplicationName = "rlsp",
                                     .apiVersion = VK_API_VERSION_1_2};
    const char       *extensions[4];
    uint32_t          extension_count = 0;
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &application};

    VkValidationFeatureEnableEXT enable = VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT;
    VkValidationFeaturesEXT      features = {.sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
                                             .enabledValidationFeatureCount = 1,
                                             .pEnabledValidationFeatures = &enable};
    VkDebugUtilsMessengerCreateInfoEXT messenger = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity =
            VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
        .pfnUserCallback = on_validation,
        .pUserData = gpu};

    validate = validate && gpu != NULL && has_layer(VALIDATION_LAYER);
    if (validate) {
        info.enabledLayerCount = 1;
        info.ppEnabledLayerNames = &VALIDATION_LAYER;
        extensions[extension_count++] = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
        if (has_instance_extension(VALIDATION_LAYER, VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME)) {
            extensions[extension_count++] = VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME;
            info.pNext = &features;
        }
    }
#ifdef VK_KHR_portability_enumeration
    if (has_instance_extension(NULL, VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME)) { /* MoltenVK */
        extensions[extension_count++] = VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME;
        info.flags |= VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR;
    }
#endif
    info.enabledExtensionCount = extension_count;
    info.ppEnabledExtensionNames = extensions;
    VkResult result = vkCreateInstance(&info, NULL, instance);
    if (result == VK_SUCCESS && validate) {
        PFN_vkCreateDebugUtilsMessengerEXT create =
            (PFN_vkCreateDebugUtilsMessengerEXT)vkGetInstanceProcAddr(*instance, "vkCreateDebugUtilsMessengerEXT");
        if (create != NULL) {
            create(*instance, &messenger, NULL, &gpu->messenger);
        }
    }
    return result;
}

/* --- physical devices --------------------------------------------------- */

typedef struct Candidate {
    VkPhysicalDevice physical;
    GpuInfo          info;
    uint8_t          uuid[VK_UUID_SIZE];
    bool             has_pci;
    uint32_t         pci[4]; /* domain, bus, device, function */
} Candidate;

typedef struct ExtensionList {
    VkExtensionProperties *items;
    uint32_t               count;
} ExtensionList;

static ExtensionList device_extensions(VkPhysicalDevice physical)
{
    ExtensionList list = {0};
    vkEnumerateDeviceExtensionProperties(physical, NULL, &list.count, NULL);
    list.items = calloc(list.count + 1, sizeof *list.items);
    if (list.items == NULL || vkEnumerateDeviceExtensionProperties(physical, NULL, &list.count, list.items) < 0) {
        list.count = 0;
    }
    return list;
}

static bool has_extension(const ExtensionList *list, const char *name)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].extensionName, name) == 0) {
            return true;
        }
    }
    return false;
}

static uint32_t compute_family(VkPhysicalDevice physical, uint32_t *timestamp_bits)
{
    VkQueueFamilyProperties families[32];
    uint32_t                count = 32;
    vkGetPhysicalDeviceQueueFamilyProperties(physical, &count, families);
    for (uint32_t i = 0; i < count; i++) {
        if (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) {
            *timestamp_bits = families[i].timestampValidBits;
            return i;
        }
    }
    return UINT32_MAX;
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

static void memory_of(GpuInfo *info, VkPhysicalDevice physical, bool budget)
{
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budgets = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
    VkPhysicalDeviceMemoryProperties2 memory = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
                                                .pNext = budget ? &budgets : NULL};
    vkGetPhysicalDeviceMemoryProperties2(physical, &memory);
    const VkPhysicalDeviceMemoryProperties *m = &memory.memoryProperties;
    info->tier.unified_memory = true;
    for (uint32_t i = 0; i < m->memoryHeapCount; i++) {
        if ((m->memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) && m->memoryHeaps[i].size > info->memory_bytes) {
            info->memory_bytes = m->memoryHeaps[i].size;
            if (budget && budgets.heapBudget[i] > budgets.heapUsage[i]) {
                info->memory_free_bytes = budgets.heapBudget[i] - budgets.heapUsage[i];
            }
        }
        if (!(m->memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT)) {
            info->tier.unified_memory = false;
        }
    }
    info->tier.unified_memory =
        info->tier.unified_memory || info->type == GPU_INTEGRATED || info->type == GPU_CPU;
    if (info->type == GPU_CPU) { /* older lavapipe says 2 GiB whatever there is, and refuses nothing */
        const long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
        info->memory_bytes = pages > 0 && bytes > 0 ? (uint64_t)pages * (uint64_t)bytes : info->memory_bytes;
    }
}

static void candidate_fill(Candidate *c, VkPhysicalDevice physical)
{
    memset(c, 0, sizeof *c);
    c->physical = physical;
    VkPhysicalDeviceProperties plain;
    vkGetPhysicalDeviceProperties(physical, &plain);
    GpuInfo *info = &c->info;
    snprintf(info->name, sizeof info->name, "%s", plain.deviceName);
    info->type = type_of(plain.deviceType);
    info->vendor_id = plain.vendorID;
    info->device_id = plain.deviceID;
    info->driver_version = plain.driverVersion;
    info->api_version = plain.apiVersion;
    info->max_binding_bytes = plain.limits.maxStorageBufferRange;
    info->max_workgroup = plain.limits.maxComputeWorkGroupInvocations;
    info->shared_bytes = plain.limits.maxComputeSharedMemorySize;
    info->max_texels = plain.limits.maxTexelBufferElements;
    if (plain.apiVersion < VK_API_VERSION_1_2) {
        snprintf(info->unusable, sizeof info->unusable, "Vulkan %u.%u only; 1.2 is needed: update its driver",
                 VK_API_VERSION_MAJOR(plain.apiVersion), VK_API_VERSION_MINOR(plain.apiVersion));
        return;
    }

    ExtensionList extensions = device_extensions(physical);
    bool          pci = has_extension(&extensions, VK_EXT_PCI_BUS_INFO_EXTENSION_NAME);
    VkPhysicalDevicePCIBusInfoPropertiesEXT bus = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PCI_BUS_INFO_PROPERTIES_EXT};
    VkPhysicalDeviceDriverProperties driver = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES,
                                               .pNext = pci ? &bus : NULL};
    VkPhysicalDeviceVulkan11Properties v11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES,
                                              .pNext = &driver};
    VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &v11};
    vkGetPhysicalDeviceProperties2(physical, &properties);
    snprintf(info->driver, sizeof info->driver, "%.100s %.140s", driver.driverName, driver.driverInfo);
    info->driver_id = driver.driverID;
    info->subgroup_size = v11.subgroupSize;
    memcpy(c->uuid, v11.deviceUUID, sizeof c->uuid);
    c->has_pci = pci;
    c->pci[0] = bus.pciDomain;
    c->pci[1] = bus.pciBus;
    c->pci[2] = bus.pciDevice;
    c->pci[3] = bus.pciFunction;

    VkPhysicalDeviceVulkan12Features v12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
    VkPhysicalDeviceVulkan11Features f11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
                                            .pNext = &v12};
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &f11};
    vkGetPhysicalDeviceFeatures2(physical, &features);
    uint32_t timestamp_bits = 0;
    uint32_t family = compute_family(physical, &timestamp_bits);
    GpuTier *tier = &info->tier;
    tier->fp16_storage = f11.storageBuffer16BitAccess;
    tier->fp16_arithmetic = v12.shaderFloat16;
    tier->int8_storage = v12.storageBuffer8BitAccess;
    tier->bf16 = has_extension(&extensions, "VK_KHR_shader_bfloat16");
    tier->cooperative_matrix = has_extension(&extensions, "VK_KHR_cooperative_matrix");
    tier->cooperative_matrix2 = has_extension(&extensions, "VK_NV_cooperative_matrix2");
    tier->subgroup_arithmetic = (v11.subgroupSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT) &&
                                (v11.subgroupSupportedOperations & VK_SUBGROUP_FEATURE_ARITHMETIC_BIT);
    tier->subgroup_size_control = has_extension(&extensions, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME) ||
                                  plain.apiVersion >= VK_API_VERSION_1_3;
    tier->buffer_address = v12.bufferDeviceAddress;
    tier->int64 = features.features.shaderInt64;
    tier->timeline_semaphore = v12.timelineSemaphore;
    tier->push_descriptor = has_extension(&extensions, VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME);
    tier->memory_budget = has_extension(&extensions, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    tier->timestamps = timestamp_bits > 0;
    memory_of(info, physical, tier->memory_budget);
    if (family == UINT32_MAX) {
        snprintf(info->unusable, sizeof info->unusable, "it has no compute queue");
    } else if (!tier->subgroup_arithmetic) {
        snprintf(info->unusable, sizeof info->unusable, "its compute shaders lack subgroup arithmetic");
    } else if (info->max_workgroup < 256 || info->shared_bytes < 32768 || info->max_binding_bytes < (128u << 20)) {
        snprintf(info->unusable, sizeof info->unusable,
                 "its limits are below workgroups of 256, 32 KiB shared memory or 128 MiB bindings");
    }
    free(extensions.items);
}

static int candidate_order(const void *a, const void *b)
{
    const Candidate *x = a, *y = b;
    if ((x->info.unusable[0] != 0) != (y->info.unusable[0] != 0)) {
        return x->info.unusable[0] != 0 ? 1 : -1;
    }
    if (x->info.type != y->info.type) {
        return x->info.type < y->info.type ? -1 : 1;
    }
    if (x->info.memory_bytes != y->info.memory_bytes) {
        return x->info.memory_bytes > y->info.memory_bytes ? -1 : 1;
    }
    return x->info.index - y->info.index; /* the loader's order */
}

/* Lists all devices of the instance, best first, duplicates last and marked. */
static int candidates(VkInstance instance, Candidate *list, int capacity)
{
    VkPhysicalDevice devices[MAX_DEVICES];
    uint32_t         count = MAX_DEVICES;
    if (vkEnumeratePhysicalDevices(instance, &count, devices) < 0) {
        return 0;
    }
    int n = 0;
    for (uint32_t i = 0; i < count && n < capacity; i++, n++) {
        candidate_fill(&list[n], devices[i]);
        list[n].info.index = n;
    }
    qsort(list, (size_t)n, sizeof *list, candidate_order);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < i && !list[i].info.duplicate; j++) {
            static const uint8_t zero[VK_UUID_SIZE];
            bool same_uuid = memcmp(list[i].uuid, zero, sizeof zero) != 0 &&
                             memcmp(list[i].uuid, list[j].uuid, sizeof list[i].uuid) == 0;
            bool same_pci = list[i].has_pci && list[j].has_pci && memcmp(list[i].pci, list[j].pci, sizeof list[i].pci) == 0;
            list[i].info.duplicate = list[i].info.type != GPU_CPU && (same_uuid || same_pci);
        }
    }
    for (int i = 0; i < n; i++) {
        list[i].info.index = i;
    }
    return n;
}

int gpu_list(GpuInfo *infos, int capacity, Error *error)
{
    VkInstance instance = VK_NULL_HANDLE;
    VkResult   result = instance_create(&instance, NULL, false);
    if (result != VK_SUCCESS) {
        error_set(error, STATUS_FAILED, "cannot start Vulkan: %s; install a Vulkan driver (Debian: mesa-vulkan-drivers)",
                  gpu_result_text(result));
        return 0;
    }
    Candidate list[MAX_DEVICES];
    int       n = candidates(instance, list, MAX_DEVICES);
    vkDestroyInstance(instance, NULL);
    if (n > capacity) {
        n = capacity;
    }
    for (int i = 0; i < n; i++) {
        infos[i] = list[i].info;
    }
    return n;
}

/* --- choosing and opening ------------------------------------------------ */

static bool contains_ignoring_case(const char *text, const char *part)
{
    size_t n = strlen(part);
    for (; *text != 0; text++) {
        size_t i = 0;
        while (i < n && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i])) {
            i++;
        }
        if (i == n) {
            return true;
        }
    }
    return n == 0;
}

int gpu_choose(const GpuInfo *list, int n, const char *select, Error *error)
{
    if (n == 0) {
        error_set(error, STATUS_FAILED, "no Vulkan device was found; install a driver (Debian: mesa-vulkan-drivers, which has a CPU device too)");
        return -1;
    }
    if (select == NULL || select[0] == 0 || strcmp(select, "auto") == 0) {
        for (int i = 0; i < n; i++) {
            if (list[i].unusable[0] == 0 && !list[i].duplicate) {
                return i;
            }
        }
        error_set(error, STATUS_FAILED, "no Vulkan device can be used; the first, %s: %s", list[0].name,
                  list[0].unusable);
        return -1;
    }
    int found = -1;
    if (select[strspn(select, "0123456789")] == 0 && strlen(select) < 4) {
        int index = atoi(select);
        found = index < n ? index : -1;
    } else {
        for (int i = 0; i < n && found < 0; i++) {
            if (contains_ignoring_case(list[i].name, select) || contains_ignoring_case(list[i].driver, select)) {
                found = i;
            }
        }
    }
    if (found < 0) {
        error_set(error, STATUS_BAD_INPUT, "device '%s' does not exist; there are %d, see 'rlsp devices'", select, n);
    } else if (list[found].unusable[0] != 0) {
        error_set(error, STATUS_FAILED, "device %d (%s) cannot be used: %s", found, list[found].name, list[found].unusable);
        found = -1;
    }
    return found;
}

static VkResult device_create(Gpu *gpu)
{
    uint32_t timestamp_bits = 0;
    gpu->queue_family = compute_family(gpu->physical, &timestamp_bits);
    gpu->timestamp_mask = timestamp_bits < 64 ? ((uint64_t)1 << timestamp_bits) - 1 : UINT64_MAX;
    float                   priority = 1.0f;
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueFamilyIndex = gpu->queue_family,
                                     .queueCount = 1,
                                     .pQueuePriorities = &priority};
    ExtensionList extensions = device_extensions(gpu->physical);
    const char   *names[4];
    uint32_t      name_count = 0;
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR statistics = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR};
    VkPhysicalDeviceFeatures2 supported = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
    if (has_extension(&extensions, VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME)) {
        supported.pNext = &statistics;
        vkGetPhysicalDeviceFeatures2(gpu->physical, &supported);
        if (statistics.pipelineExecutableInfo) {
            names[name_count++] = VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME;
            gpu->executable_statistics = true;
        }
    }
    if (has_extension(&extensions, "VK_KHR_portability_subset")) {
        names[name_count++] = "VK_KHR_portability_subset";
    }
    if (gpu->info.tier.memory_budget) {
        names[name_count++] = VK_EXT_MEMORY_BUDGET_EXTENSION_NAME;
    }
    VkPhysicalDeviceVulkan12Features v12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
                                            .pNext = gpu->executable_statistics ? &statistics : NULL,
                                            .bufferDeviceAddress = gpu->info.tier.buffer_address};
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &v12, .features = {.shaderInt64 = gpu->info.tier.int64}};
    VkDeviceCreateInfo        info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                      .pNext = &features,
                                      .queueCreateInfoCount = 1,
                                      .pQueueCreateInfos = &queue,
                                      .enabledExtensionCount = name_count,
                                      .ppEnabledExtensionNames = names};
    VkResult                  result = vkCreateDevice(gpu->physical, &info, NULL, &gpu->device);
    free(extensions.items);
    if (result == VK_SUCCESS) {
        vkGetDeviceQueue(gpu->device, gpu->queue_family, 0, &gpu->queue);
    }
    return result;
}

Gpu *gpu_open(const GpuOptions *options, Error *error)
{
    Gpu *gpu = calloc(1, sizeof *gpu);
    if (gpu == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "cannot open a device: out of host memory");
        return NULL;
    }
    bool validate = options->validate;
#ifndef NDEBUG
    validate = true;
#endif
    VkResult result = instance_create(&gpu->instance, gpu, validate);
    if (result != VK_SUCCESS) {
        error_set(error, STATUS_FAILED, "cannot start Vulkan: %s; install a Vulkan driver (Debian: mesa-vulkan-drivers)",
                  gpu_result_text(result));
        free(gpu);
        return NULL;
    }
    Candidate list[MAX_DEVICES];
    int       n = candidates(gpu->instance, list, MAX_DEVICES);
    GpuInfo   infos[MAX_DEVICES];
    for (int i = 0; i < n; i++) {
        infos[i] = list[i].info;
    }
    int chosen = gpu_choose(infos, n, options->select, error);
    if (chosen < 0) {
        gpu_close(gpu);
        return NULL;
    }
    gpu->physical = list[chosen].physical;
    gpu->info = list[chosen].info;
    VkPhysicalDeviceProperties properties;
    vkGetPhysicalDeviceProperties(gpu->physical, &properties);
    gpu->limits = properties.limits;
    if (options->max_binding_bytes > 0 && options->max_binding_bytes < gpu->info.max_binding_bytes) {
        gpu->info.max_binding_bytes = options->max_binding_bytes;
        gpu->limits.maxStorageBufferRange = (uint32_t)options->max_binding_bytes;
    }
    gpu->info.tier.unified_memory = gpu->info.tier.unified_memory && !options->separate_memory;
    vkGetPhysicalDeviceMemoryProperties(gpu->physical, &gpu->memory);
    result = device_create(gpu);
    if (result != VK_SUCCESS) {
        gpu_error(gpu, result, "opening the device", error);
        gpu_close(gpu);
        return NULL;
    }
    gpu->profile = options->profile && gpu->info.tier.timestamps;
    gpu_profile_reset(gpu);
    gpu_pipelines_open(gpu);
    if (gpu->memory.memoryHeapCount == 0) {
        return gpu; /* a null device: it compiles, but has nothing to move and no fences */
    }
    gpu->transfer = gpu_stream_new(gpu, error);
    if (gpu->transfer == NULL) {
        gpu_close(gpu);
        return NULL;
    }
    return gpu;
}

void gpu_close(Gpu *gpu)
{
    if (gpu == NULL) {
        return;
    }
    if (gpu->dry) {
        gpu_arena_free(gpu->staging);
        gpu_stream_free(gpu->transfer);
    }
    if (gpu->device != VK_NULL_HANDLE) {
        vkDeviceWaitIdle(gpu->device);
        gpu_arena_free(gpu->staging);
        gpu_stream_free(gpu->transfer);
        gpu_stream_free(gpu->transfer_next);
        gpu_pipelines_close(gpu);
        vkDestroyDevice(gpu->device, NULL);
    }
    if (gpu->messenger != VK_NULL_HANDLE) {
        PFN_vkDestroyDebugUtilsMessengerEXT destroy =
            (PFN_vkDestroyDebugUtilsMessengerEXT)vkGetInstanceProcAddr(gpu->instance, "vkDestroyDebugUtilsMessengerEXT");
        if (destroy != NULL) {
            destroy(gpu->instance, gpu->messenger, NULL);
        }
    }
    if (gpu->instance != VK_NULL_HANDLE) {
        vkDestroyInstance(gpu->instance, NULL);
    }
    free(gpu);
}

const GpuInfo *gpu_info(const Gpu *gpu) { return &gpu->info; }

int gpu_validation_count(const Gpu *gpu) { return atomic_load(&gpu->validation_count); }

const char *gpu_validation_first(const Gpu *gpu) { return gpu->validation_first; }
