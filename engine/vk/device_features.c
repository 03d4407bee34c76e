/* Optional features of a device: those that are there when it is listed, and those that are turned on when it is
 * opened. Vulkan headers older than an extension leave it out of the build. */
#include "engine/vk/private.h"

#include <string.h>

/* Puts the structure behind `features`. */
static void chain(VkPhysicalDeviceFeatures2 *features, void *structure)
{
    VkBaseOutStructure *added = structure;
    added->pNext              = features->pNext;
    features->pNext           = added;
}

#ifdef VK_KHR_cooperative_matrix
static bool scalar_of(VkComponentTypeKHR type, GpuMatrixType *scalar)
{
    if (type == VK_COMPONENT_TYPE_FLOAT16_KHR) {
        *scalar = GPU_MATRIX_F16;
        return true;
    }
#ifdef VK_KHR_shader_bfloat16
    if (type == VK_COMPONENT_TYPE_BFLOAT16_KHR) {
        *scalar = GPU_MATRIX_BF16;
        return true;
    }
#endif
    return false;
}

static void add_matrix(GpuInfo *info, GpuMatrix matrix)
{
    if (info->matrix_count < GPU_MATRICES && matrix.m > 0 && matrix.n > 0 && matrix.k > 0) {
        info->matrices[info->matrix_count++] = matrix;
    }
}

/* The shapes whose sums are f32. */
static void list_matrices(GpuInfo *info, VkInstance instance, VkPhysicalDevice physical, bool bf16)
{
    enum { SHAPES = 128 };
    PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR get =
        (PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)vkGetInstanceProcAddr(
            instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    VkCooperativeMatrixPropertiesKHR shapes[SHAPES];
    uint32_t                         count = SHAPES;
    for (uint32_t i = 0; i < count; i++) {
        shapes[i] = (VkCooperativeMatrixPropertiesKHR){.sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR};
    }
    if (get == NULL || get(physical, &count, shapes) < 0) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        GpuMatrix matrix = {.m = shapes[i].MSize, .n = shapes[i].NSize, .k = shapes[i].KSize};
        if (shapes[i].AType == shapes[i].BType && scalar_of(shapes[i].AType, &matrix.type) &&
            shapes[i].CType == VK_COMPONENT_TYPE_FLOAT32_KHR && shapes[i].ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR &&
            shapes[i].scope == VK_SCOPE_SUBGROUP_KHR && (matrix.type != GPU_MATRIX_BF16 || bf16)) {
            add_matrix(info, matrix);
        }
    }
}
#endif

#ifdef VK_NV_cooperative_matrix2
/* What a workgroup multiplies: any multiple of such a shape. */
static void list_flexible(GpuInfo *info, VkInstance instance, VkPhysicalDevice physical, bool bf16)
{
    enum { SHAPES = 128 };
    PFN_vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV get =
        (PFN_vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV)vkGetInstanceProcAddr(
            instance, "vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV");
    VkCooperativeMatrixFlexibleDimensionsPropertiesNV shapes[SHAPES];
    uint32_t                                          count = SHAPES;
    for (uint32_t i = 0; i < count; i++) {
        shapes[i] = (VkCooperativeMatrixFlexibleDimensionsPropertiesNV){
            .sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_FLEXIBLE_DIMENSIONS_PROPERTIES_NV};
    }
    if (get == NULL || get(physical, &count, shapes) < 0) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        GpuMatrix matrix = {.m         = shapes[i].MGranularity,
                            .n         = shapes[i].NGranularity,
                            .k         = shapes[i].KGranularity,
                            .workgroup = shapes[i].workgroupInvocations};
        if (shapes[i].AType == shapes[i].BType && scalar_of(shapes[i].AType, &matrix.type) &&
            shapes[i].CType == VK_COMPONENT_TYPE_FLOAT32_KHR && shapes[i].ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR &&
            shapes[i].scope == VK_SCOPE_WORKGROUP_KHR && (matrix.type != GPU_MATRIX_BF16 || bf16)) {
            add_matrix(info, matrix);
        }
    }
}
#endif

/* Part of Vulkan 1.3, whose drivers need not name the extension. */
static bool has_subgroup_sizes(const GpuInfo *info, const GpuExtensions *extensions)
{
    return info->api_version >= VK_API_VERSION_1_3 ||
           gpu_has_extension(extensions, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME);
}

#ifdef VK_KHR_cooperative_matrix
/* lavapipe (26.2) ends by a bad access in what it makes of matrices for more than 8 lanes (registers.c). */
static bool breaks_matrices(const GpuInfo *info)
{
    return info->driver_id == VK_DRIVER_ID_MESA_LLVMPIPE && info->subgroup_size > 8;
}
#endif

void gpu_features_list(GpuInfo *info, VkInstance instance, VkPhysicalDevice physical, const GpuExtensions *extensions)
{
    VkPhysicalDeviceVulkan12Features            v12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
    VkPhysicalDeviceSubgroupSizeControlFeatures subgroups = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES};
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
    chain(&features, &v12);
    if (has_subgroup_sizes(info, extensions)) {
        chain(&features, &subgroups);
    }
#ifdef VK_KHR_cooperative_matrix
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR};
    if (gpu_has_extension(extensions, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME)) {
        chain(&features, &matrix);
    }
#endif
#ifdef VK_KHR_shader_bfloat16
    VkPhysicalDeviceShaderBfloat16FeaturesKHR bf16 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR};
    if (gpu_has_extension(extensions, VK_KHR_SHADER_BFLOAT16_EXTENSION_NAME)) {
        chain(&features, &bf16);
    }
#endif
#ifdef VK_NV_cooperative_matrix2
    VkPhysicalDeviceCooperativeMatrix2FeaturesNV matrix2 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV};
    if (gpu_has_extension(extensions, VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME)) {
        chain(&features, &matrix2);
    }
#endif
    vkGetPhysicalDeviceFeatures2(physical, &features);

    VkPhysicalDeviceSubgroupSizeControlProperties sizes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES};
    VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &sizes};
    GpuTier                    *tier       = &info->tier;
    tier->subgroup_size_control            = subgroups.subgroupSizeControl && subgroups.computeFullSubgroups;
    info->min_subgroup = info->max_subgroup = info->subgroup_size;
    if (tier->subgroup_size_control) {
        vkGetPhysicalDeviceProperties2(physical, &properties);
        /* Where there is one size, none can be asked for and none need be. */
        tier->subgroup_size_control = sizes.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT ||
                                      sizes.minSubgroupSize == sizes.maxSubgroupSize;
    }
    if (tier->subgroup_size_control) {
        info->min_subgroup  = sizes.minSubgroupSize;
        info->max_subgroup  = sizes.maxSubgroupSize;
        info->max_subgroups = sizes.maxComputeWorkgroupSubgroups;
    }
    bool has_bf16 = false;
    (void)has_bf16, (void)instance;
#ifdef VK_KHR_shader_bfloat16
    tier->bf16 = bf16.shaderBFloat16Type;
    has_bf16   = bf16.shaderBFloat16Type && bf16.shaderBFloat16CooperativeMatrix;
#endif
#ifdef VK_KHR_cooperative_matrix
    tier->cooperative_matrix = matrix.cooperativeMatrix && v12.vulkanMemoryModel && v12.vulkanMemoryModelDeviceScope &&
                               v12.shaderFloat16 && !breaks_matrices(info);
    if (tier->cooperative_matrix) {
        list_matrices(info, instance, physical, has_bf16);
    }
#endif
#ifdef VK_NV_cooperative_matrix2
    if (tier->cooperative_matrix && info->api_version >= VK_API_VERSION_1_3) { /* its kernel is SPIR-V 1.6 */
        info->matrix2             = (GpuMatrix2){.workgroup_scope     = matrix2.cooperativeMatrixWorkgroupScope,
                                                 .flexible_dimensions = matrix2.cooperativeMatrixFlexibleDimensions,
                                                 .tensor_addressing   = matrix2.cooperativeMatrixTensorAddressing,
                                                 .block_loads         = matrix2.cooperativeMatrixBlockLoads,
                                                 .per_element         = matrix2.cooperativeMatrixPerElementOperations};
        tier->cooperative_matrix2 = info->matrix2.workgroup_scope && info->matrix2.flexible_dimensions &&
                                    info->matrix2.tensor_addressing && info->matrix2.block_loads &&
                                    info->matrix2.per_element && tier->fp16_storage && tier->buffer_address;
        if (tier->cooperative_matrix2) {
            list_flexible(info, instance, physical, has_bf16);
        }
    }
#endif
}

void gpu_features_enable(Gpu *gpu, const GpuExtensions *extensions, GpuEnabled *on)
{
    const GpuTier *tier = &gpu->info.tier;
    *on                 = (GpuEnabled){
                        .features   = {.sType                  = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                       .features.shaderInt64   = tier->int64,
                                       .features.sparseBinding = tier->sparse_memory},
                        .v12        = {.sType                        = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
                                       .bufferDeviceAddress          = tier->buffer_address,
                                       .shaderFloat16                = tier->cooperative_matrix,
                                       .vulkanMemoryModel            = tier->cooperative_matrix,
                                       .vulkanMemoryModelDeviceScope = tier->cooperative_matrix}, /* of atomics, once the model is on */
                        .statistics = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR},
                        .subgroups  = {.sType                = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
                                       .subgroupSizeControl  = VK_TRUE,
                                       .computeFullSubgroups = VK_TRUE}};
    if (gpu->statistics && gpu_has_extension(extensions, VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME)) {
        VkPhysicalDeviceFeatures2 supported = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
        chain(&supported, &on->statistics);
        vkGetPhysicalDeviceFeatures2(gpu->physical, &supported);
        on->statistics.pNext = NULL;
        if (on->statistics.pipelineExecutableInfo) {
            on->names[on->name_count++] = VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME;
            chain(&on->features, &on->statistics);
            gpu->executable_statistics = true;
        }
    }
    if (gpu_has_extension(extensions, "VK_KHR_portability_subset")) {
        on->names[on->name_count++] = "VK_KHR_portability_subset";
    }
    if (tier->memory_budget) {
        on->names[on->name_count++] = VK_EXT_MEMORY_BUDGET_EXTENSION_NAME;
    }
    if (tier->subgroup_size_control) {
        if (gpu_has_extension(extensions, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME)) {
            on->names[on->name_count++] = VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME;
        }
        chain(&on->features, &on->subgroups);
    }
    chain(&on->features, &on->v12);
#ifdef VK_KHR_cooperative_matrix
    if (tier->cooperative_matrix) {
        on->matrix = (VkPhysicalDeviceCooperativeMatrixFeaturesKHR){
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR, .cooperativeMatrix = VK_TRUE};
        on->names[on->name_count++] = VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME;
        chain(&on->features, &on->matrix);
    }
#endif
#ifdef VK_KHR_shader_bfloat16
    bool bf16 = false;
    for (uint32_t i = 0; i < gpu->info.matrix_count; i++) {
        bf16 = bf16 || gpu->info.matrices[i].type == GPU_MATRIX_BF16;
    }
    if (bf16) {
        on->bf16 = (VkPhysicalDeviceShaderBfloat16FeaturesKHR){
            .sType                           = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR,
            .shaderBFloat16Type              = VK_TRUE,
            .shaderBFloat16CooperativeMatrix = VK_TRUE};
        on->names[on->name_count++] = VK_KHR_SHADER_BFLOAT16_EXTENSION_NAME;
        chain(&on->features, &on->bf16);
    }
#endif
#ifdef VK_NV_cooperative_matrix2
    if (tier->cooperative_matrix2) {
        on->matrix2 = (VkPhysicalDeviceCooperativeMatrix2FeaturesNV){
            .sType                                 = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV,
            .cooperativeMatrixWorkgroupScope       = VK_TRUE,
            .cooperativeMatrixFlexibleDimensions   = VK_TRUE,
            .cooperativeMatrixTensorAddressing     = VK_TRUE,
            .cooperativeMatrixBlockLoads           = VK_TRUE,
            .cooperativeMatrixPerElementOperations = VK_TRUE};
        on->halves = (VkPhysicalDevice16BitStorageFeatures){
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES, .storageBuffer16BitAccess = VK_TRUE};
        chain(&on->features, &on->halves);
        on->sizes = (VkPhysicalDeviceMaintenance4Features){
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_FEATURES, .maintenance4 = VK_TRUE};
        chain(&on->features, &on->sizes);
        on->names[on->name_count++] = VK_NV_COOPERATIVE_MATRIX_2_EXTENSION_NAME;
        chain(&on->features, &on->matrix2);
    }
#endif
}
