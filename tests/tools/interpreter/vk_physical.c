/* What the device says of itself: that of a card, as far as rlsp asks. */
#include <stdio.h>
#include <string.h>

#include "tests/tools/interpreter/vk_driver.h"

#define GIB ((uint64_t)1 << 30)

/* Names that nothing but lists need; a property or feature of another kind stays as the caller left it. */
static const char *const always[] = {VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME, VK_KHR_MAINTENANCE_4_EXTENSION_NAME};

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkEnumerateDeviceExtensionProperties(VkPhysicalDevice physical,
                                                                                  const char *layer, uint32_t *count,
                                                                                  VkExtensionProperties *list)
{
    const char *names[8];
    uint32_t    have = 0;
    (void)physical, (void)layer;
    for (size_t i = 0; i < sizeof always / sizeof *always; i++) {
        names[have++] = always[i];
    }
#ifdef VK_KHR_cooperative_matrix
    if (driver_options()->matrices) {
        names[have++] = VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME;
    }
#endif
#ifdef VK_KHR_shader_bfloat16
    if (driver_options()->bf16) {
        names[have++] = VK_KHR_SHADER_BFLOAT16_EXTENSION_NAME;
    }
#endif
#ifdef VK_NV_cooperative_matrix2
    if (driver_options()->matrices2) {
        names[have++] = VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME;
    }
#endif
    const uint32_t room = list != NULL ? *count : have;
    *count              = room < have ? room : have;
    for (uint32_t i = 0; list != NULL && i < *count; i++) {
        list[i] = (VkExtensionProperties){.specVersion = 1};
        snprintf(list[i].extensionName, sizeof list[i].extensionName, "%s", names[i]);
    }
    return room < have ? VK_INCOMPLETE : VK_SUCCESS;
}

/* --- properties ------------------------------------------------------------------------------------------- */

/* Another for all other options: what is found best for one such device is not kept for another. */
static void uuid_of(uint8_t uuid[VK_UUID_SIZE])
{
    const char *text = driver_options()->text;
    uint64_t    hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; text[i] != '\0'; i++) {
        hash = (hash ^ (uint8_t)text[i]) * 1099511628211u;
    }
    memcpy(uuid, "interpre", 8);
    memcpy(uuid + 8, &hash, 8);
}

static VkPhysicalDeviceLimits limits_of(void)
{
    return (VkPhysicalDeviceLimits){
        .maxTexelBufferElements              = 1 << 27,
        .maxUniformBufferRange               = 65536,
        .maxStorageBufferRange               = UINT32_MAX,
        .maxPushConstantsSize                = DRIVER_PUSH_BYTES,
        .maxMemoryAllocationCount            = 4096,
        .bufferImageGranularity              = 1,
        .maxBoundDescriptorSets              = 1,
        .maxPerStageDescriptorUniformBuffers = SHADER_BINDINGS,
        .maxPerStageDescriptorStorageBuffers = SHADER_BINDINGS,
        .maxPerStageDescriptorSampledImages  = SHADER_BINDINGS,
        .maxPerStageResources                = SHADER_BINDINGS,
        .maxDescriptorSetUniformBuffers      = SHADER_BINDINGS,
        .maxDescriptorSetStorageBuffers      = SHADER_BINDINGS,
        .maxDescriptorSetSampledImages       = SHADER_BINDINGS,
        .maxComputeSharedMemorySize          = DRIVER_SHARED,
        .maxComputeWorkGroupCount            = {INT32_MAX, 65535, 65535},
        .maxComputeWorkGroupInvocations      = DRIVER_INVOCATIONS,
        .maxComputeWorkGroupSize             = {DRIVER_INVOCATIONS, DRIVER_INVOCATIONS, 64},
        .minMemoryMapAlignment               = 4096,
        .minTexelBufferOffsetAlignment       = DRIVER_ALIGNMENT,
        .minUniformBufferOffsetAlignment     = DRIVER_ALIGNMENT,
        .minStorageBufferOffsetAlignment     = DRIVER_ALIGNMENT,
        .timestampComputeAndGraphics         = VK_TRUE,
        .timestampPeriod                     = 1,
        .discreteQueuePriorities             = 2,
        .optimalBufferCopyOffsetAlignment    = 1,
        .optimalBufferCopyRowPitchAlignment  = 1,
        .nonCoherentAtomSize                 = 64,
    };
}

static VKAPI_ATTR void VKAPI_CALL driver_vkGetPhysicalDeviceProperties(VkPhysicalDevice            physical,
                                                                       VkPhysicalDeviceProperties *properties)
{
    const Options *options = driver_options();
    (void)physical;
    *properties = (VkPhysicalDeviceProperties){.apiVersion    = VK_API_VERSION_1_3,
                                               .driverVersion = 1,
                                               .vendorID      = options->vendor,
                                               .deviceID      = 1,
                                               .deviceType    = options->type,
                                               .limits        = limits_of()};
    snprintf(properties->deviceName, sizeof properties->deviceName, DRIVER_NAME " (%s, subgroups of %u)", options->card,
             options->subgroup);
    uuid_of(properties->pipelineCacheUUID);
}

static void fill_subgroup_sizes(VkPhysicalDeviceSubgroupSizeControlProperties *p)
{
    const Options *options          = driver_options();
    p->minSubgroupSize              = options->least_subgroup;
    p->maxSubgroupSize              = options->most_subgroup;
    p->maxComputeWorkgroupSubgroups = DRIVER_INVOCATIONS / options->least_subgroup;
    p->requiredSubgroupSizeStages   = VK_SHADER_STAGE_COMPUTE_BIT;
}

enum {
    SUBGROUP_OPERATIONS = VK_SUBGROUP_FEATURE_BASIC_BIT | VK_SUBGROUP_FEATURE_VOTE_BIT |
                          VK_SUBGROUP_FEATURE_ARITHMETIC_BIT | VK_SUBGROUP_FEATURE_BALLOT_BIT |
                          VK_SUBGROUP_FEATURE_SHUFFLE_BIT | VK_SUBGROUP_FEATURE_SHUFFLE_RELATIVE_BIT
};

/* Of two structures that have them by the same names. */
#define FILL_FLOAT_CONTROLS(p)                                                                                         \
    (p)->denormBehaviorIndependence = (p)->roundingModeIndependence = VK_SHADER_FLOAT_CONTROLS_INDEPENDENCE_ALL;       \
    (p)->shaderSignedZeroInfNanPreserveFloat16                      = (p)->shaderSignedZeroInfNanPreserveFloat32 =     \
        (p)->shaderDenormPreserveFloat16 = (p)->shaderDenormPreserveFloat32 = (p)->shaderRoundingModeRTEFloat16 =      \
            (p)->shaderRoundingModeRTEFloat32                               = driver_options()->rounding

/* Zeros would be held to be the alignment by validation that knows them. */
#define FILL_TEXEL_ALIGNMENTS(p)                                                                                       \
    (p)->storageTexelBufferOffsetAlignmentBytes = (p)->uniformTexelBufferOffsetAlignmentBytes = DRIVER_ALIGNMENT

/* The same number as for what is not updated after it is bound, as validation compares with these. */
#define FILL_AFTER_BIND(p)                                                                                             \
    (p)->maxPerStageDescriptorUpdateAfterBindUniformBuffers =                                                          \
        (p)->maxPerStageDescriptorUpdateAfterBindStorageBuffers =                                                      \
            (p)->maxPerStageDescriptorUpdateAfterBindSampledImages = (p)->maxPerStageUpdateAfterBindResources =        \
                (p)->maxDescriptorSetUpdateAfterBindUniformBuffers =                                                   \
                    (p)->maxDescriptorSetUpdateAfterBindStorageBuffers =                                               \
                        (p)->maxDescriptorSetUpdateAfterBindSampledImages = SHADER_BINDINGS

static void fill_properties(VkBaseOutStructure *s)
{
    const Options *options = driver_options();
    switch ((int)s->sType) {
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES: {
        VkPhysicalDeviceVulkan11Properties *p = (void *)s;
        uuid_of(p->deviceUUID);
        memcpy(p->driverUUID, "rlsp interpreter", VK_UUID_SIZE);
        p->subgroupSize                = options->subgroup;
        p->subgroupSupportedStages     = VK_SHADER_STAGE_COMPUTE_BIT;
        p->subgroupSupportedOperations = SUBGROUP_OPERATIONS;
        p->maxPerSetDescriptors        = 1024;
        p->maxMemoryAllocationSize     = 4 * GIB;
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES: {
        VkPhysicalDeviceSubgroupProperties *p = (void *)s;
        p->subgroupSize                       = options->subgroup;
        p->supportedStages                    = VK_SHADER_STAGE_COMPUTE_BIT;
        p->supportedOperations                = SUBGROUP_OPERATIONS;
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES: {
        VkPhysicalDeviceMaintenance3Properties *p = (void *)s;
        p->maxPerSetDescriptors                   = 1024;
        p->maxMemoryAllocationSize                = 4 * GIB;
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_PROPERTIES:
        ((VkPhysicalDeviceMaintenance4Properties *)(void *)s)->maxBufferSize = 8 * GIB;
        break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES: {
        VkPhysicalDeviceDriverProperties *p = (void *)s;
        snprintf(p->driverName, sizeof p->driverName, DRIVER_NAME);
        snprintf(p->driverInfo, sizeof p->driverInfo, "%s", options->text);
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES: fill_subgroup_sizes((void *)s); break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_PROPERTIES: {
        VkPhysicalDeviceVulkan13Properties           *p     = (void *)s;
        VkPhysicalDeviceSubgroupSizeControlProperties sizes = {0};
        fill_subgroup_sizes(&sizes);
        p->minSubgroupSize              = sizes.minSubgroupSize;
        p->maxSubgroupSize              = sizes.maxSubgroupSize;
        p->maxComputeWorkgroupSubgroups = sizes.maxComputeWorkgroupSubgroups;
        p->requiredSubgroupSizeStages   = sizes.requiredSubgroupSizeStages;
        p->maxBufferSize                = 8 * GIB;
        FILL_TEXEL_ALIGNMENTS(p);
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TEXEL_BUFFER_ALIGNMENT_PROPERTIES: {
        VkPhysicalDeviceTexelBufferAlignmentProperties *p = (void *)s;
        FILL_TEXEL_ALIGNMENTS(p);
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FLOAT_CONTROLS_PROPERTIES: {
        VkPhysicalDeviceFloatControlsProperties *p = (void *)s;
        FILL_FLOAT_CONTROLS(p);
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES: {
        VkPhysicalDeviceVulkan12Properties *p = (void *)s;
        snprintf(p->driverName, sizeof p->driverName, DRIVER_NAME);
        snprintf(p->driverInfo, sizeof p->driverInfo, "%s", options->text);
        FILL_FLOAT_CONTROLS(p);
        FILL_AFTER_BIND(p);
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DESCRIPTOR_INDEXING_PROPERTIES: {
        VkPhysicalDeviceDescriptorIndexingProperties *p = (void *)s;
        FILL_AFTER_BIND(p);
        break;
    }
    default: driver_matrix_structure(s);
    }
}

static VKAPI_ATTR void VKAPI_CALL driver_vkGetPhysicalDeviceProperties2(VkPhysicalDevice             physical,
                                                                        VkPhysicalDeviceProperties2 *properties)
{
    driver_vkGetPhysicalDeviceProperties(physical, &properties->properties);
    for (VkBaseOutStructure *s = properties->pNext; s != NULL; s = s->pNext) {
        fill_properties(s);
    }
}

/* --- features -------------------------------------------------------------------------------------------------- */

static VKAPI_ATTR void VKAPI_CALL driver_vkGetPhysicalDeviceFeatures(VkPhysicalDevice          physical,
                                                                     VkPhysicalDeviceFeatures *features)
{
    (void)physical;
    *features = (VkPhysicalDeviceFeatures){.shaderInt64 = VK_TRUE, .shaderInt16 = VK_TRUE};
}

static void fill_features(VkBaseOutStructure *s)
{
    switch ((int)s->sType) {
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES:
        ((VkPhysicalDeviceVulkan11Features *)(void *)s)->storageBuffer16BitAccess = VK_TRUE;
        break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES:
        ((VkPhysicalDevice16BitStorageFeatures *)(void *)s)->storageBuffer16BitAccess = VK_TRUE;
        break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES: {
        VkPhysicalDeviceVulkan12Features *f = (void *)s;
        f->storageBuffer8BitAccess = f->shaderFloat16 = f->shaderInt8 = f->bufferDeviceAddress = VK_TRUE;
        f->vulkanMemoryModel = f->vulkanMemoryModelDeviceScope = VK_TRUE;
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES: {
        VkPhysicalDeviceSubgroupSizeControlFeatures *f = (void *)s;
        f->subgroupSizeControl = f->computeFullSubgroups = VK_TRUE;
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_FEATURES:
        ((VkPhysicalDeviceMaintenance4Features *)(void *)s)->maintenance4 = VK_TRUE;
        break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES: {
        VkPhysicalDeviceVulkan13Features *f = (void *)s;
        f->subgroupSizeControl = f->computeFullSubgroups = f->maintenance4 = VK_TRUE;
        break;
    }
    default: driver_matrix_structure(s);
    }
}

static VKAPI_ATTR void VKAPI_CALL driver_vkGetPhysicalDeviceFeatures2(VkPhysicalDevice           physical,
                                                                      VkPhysicalDeviceFeatures2 *features)
{
    driver_vkGetPhysicalDeviceFeatures(physical, &features->features);
    for (VkBaseOutStructure *s = features->pNext; s != NULL; s = s->pNext) {
        fill_features(s);
    }
}

/* --- memory, queues, formats -------------------------------------------------------------------------------------- */

static VKAPI_ATTR void VKAPI_CALL driver_vkGetPhysicalDeviceMemoryProperties(VkPhysicalDevice                  physical,
                                                                             VkPhysicalDeviceMemoryProperties *memory)
{
    enum {
        LOCAL = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
        HOST  = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT
    };
    (void)physical;
    if (driver_options()->type == VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU) {
        *memory = (VkPhysicalDeviceMemoryProperties){
            .memoryTypeCount = 3,
            .memoryTypes     = {{LOCAL, 0}, {HOST, 1}, {HOST | VK_MEMORY_PROPERTY_HOST_CACHED_BIT, 1}},
            .memoryHeapCount = 2,
            .memoryHeaps     = {{DRIVER_HEAP, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT}, {DRIVER_HEAP, 0}}};
    } else {
        *memory = (VkPhysicalDeviceMemoryProperties){
            .memoryTypeCount = 2,
            .memoryTypes     = {{LOCAL | HOST, 0}, {LOCAL | HOST | VK_MEMORY_PROPERTY_HOST_CACHED_BIT, 0}},
            .memoryHeapCount = 1,
            .memoryHeaps     = {{DRIVER_HEAP, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT}}};
    }
}

static VKAPI_ATTR void VKAPI_CALL driver_vkGetPhysicalDeviceMemoryProperties2(VkPhysicalDevice physical,
                                                                              VkPhysicalDeviceMemoryProperties2 *memory)
{
    driver_vkGetPhysicalDeviceMemoryProperties(physical, &memory->memoryProperties);
}

static VKAPI_ATTR void VKAPI_CALL driver_vkGetPhysicalDeviceQueueFamilyProperties(VkPhysicalDevice         physical,
                                                                                  uint32_t                *count,
                                                                                  VkQueueFamilyProperties *families)
{
    (void)physical;
    if (families != NULL && *count > 0) {
        families[0] = (VkQueueFamilyProperties){.queueFlags         = VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT,
                                                .queueCount         = QUEUES,
                                                .timestampValidBits = 64,
                                                .minImageTransferGranularity = {1, 1, 1}};
    }
    *count = families == NULL || *count > 0 ? 1 : 0;
}

static VKAPI_ATTR void VKAPI_CALL driver_vkGetPhysicalDeviceQueueFamilyProperties2(VkPhysicalDevice          physical,
                                                                                   uint32_t                 *count,
                                                                                   VkQueueFamilyProperties2 *families)
{
    driver_vkGetPhysicalDeviceQueueFamilyProperties(physical, count,
                                                    families != NULL ? &families->queueFamilyProperties : NULL);
}

static VKAPI_ATTR void VKAPI_CALL driver_vkGetPhysicalDeviceFormatProperties(VkPhysicalDevice physical, VkFormat format,
                                                                             VkFormatProperties *properties)
{
    (void)physical;
    *properties = (VkFormatProperties){
        .bufferFeatures = format == VK_FORMAT_R32G32B32A32_SFLOAT || format == VK_FORMAT_R32_SFLOAT ||
                                  format == VK_FORMAT_R16G16B16A16_SFLOAT || format == VK_FORMAT_R32G32B32A32_UINT
                              ? VK_FORMAT_FEATURE_UNIFORM_TEXEL_BUFFER_BIT
                              : 0};
}

static VKAPI_ATTR void VKAPI_CALL driver_vkGetPhysicalDeviceFormatProperties2(VkPhysicalDevice     physical,
                                                                              VkFormat             format,
                                                                              VkFormatProperties2 *properties)
{
    driver_vkGetPhysicalDeviceFormatProperties(physical, format, &properties->formatProperties);
    for (VkBaseOutStructure *s = properties->pNext; s != NULL; s = s->pNext) {
        if (s->sType == VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_3) {
            ((VkFormatProperties3 *)(void *)s)->bufferFeatures = properties->formatProperties.bufferFeatures;
        }
    }
}

/* There are no images. The loader wants to be told. */
static VKAPI_ATTR VkResult VKAPI_CALL driver_vkGetPhysicalDeviceImageFormatProperties(
    VkPhysicalDevice physical, VkFormat format, VkImageType type, VkImageTiling tiling, VkImageUsageFlags usage,
    VkImageCreateFlags flags, VkImageFormatProperties *properties)
{
    (void)physical, (void)format, (void)type, (void)tiling, (void)usage, (void)flags, (void)properties;
    return VK_ERROR_FORMAT_NOT_SUPPORTED;
}

static VKAPI_ATTR void VKAPI_CALL driver_vkGetPhysicalDeviceSparseImageFormatProperties(
    VkPhysicalDevice physical, VkFormat format, VkImageType type, VkSampleCountFlagBits samples,
    VkImageUsageFlags usage, VkImageTiling tiling, uint32_t *count, VkSparseImageFormatProperties *properties)
{
    (void)physical, (void)format, (void)type, (void)samples, (void)usage, (void)tiling, (void)properties;
    *count = 0;
}

Functions driver_physical(void)
{
    static const Function rows[] = {FUNCTION(vkEnumerateDeviceExtensionProperties),
                                    FUNCTION(vkGetPhysicalDeviceProperties),
                                    FUNCTION(vkGetPhysicalDeviceProperties2),
                                    FUNCTION(vkGetPhysicalDeviceFeatures),
                                    FUNCTION(vkGetPhysicalDeviceFeatures2),
                                    FUNCTION(vkGetPhysicalDeviceMemoryProperties),
                                    FUNCTION(vkGetPhysicalDeviceMemoryProperties2),
                                    FUNCTION(vkGetPhysicalDeviceQueueFamilyProperties),
                                    FUNCTION(vkGetPhysicalDeviceQueueFamilyProperties2),
                                    FUNCTION(vkGetPhysicalDeviceFormatProperties),
                                    FUNCTION(vkGetPhysicalDeviceFormatProperties2),
                                    FUNCTION(vkGetPhysicalDeviceImageFormatProperties),
                                    FUNCTION(vkGetPhysicalDeviceSparseImageFormatProperties)};
    return (Functions){rows, sizeof rows / sizeof *rows};
}
