/* The matrices that the device multiplies, as cards have them (VK_KHR_cooperative_matrix, VK_NV_cooperative_matrix2 and
 * VK_KHR_shader_bfloat16; only where the Vulkan headers know them). */
#include <string.h>

#include "tests/tools/interpreter/vk_driver.h"

#ifdef VK_KHR_cooperative_matrix

typedef struct Shape {
    const char *card; /* as options name it */
    uint32_t    m, n, k;
} Shape;

static const Shape shapes[] = {{"nvidia", 16, 16, 16}, {"nvidia", 16, 8, 16}, {"nvidia", 16, 8, 8},
                               {"amd", 16, 16, 16},    {"intel", 8, 16, 16},  {"arc", 8, 8, 16},
                               {"other", 8, 8, 8},     {"other", 32, 8, 16}};

enum { MOST = 64 };

static const VkComponentTypeKHR inputs[] = {
    VK_COMPONENT_TYPE_FLOAT16_KHR,
#ifdef VK_KHR_shader_bfloat16
    VK_COMPONENT_TYPE_BFLOAT16_KHR,
#endif
};

static uint32_t input_count(void)
{
    return driver_options()->bf16 ? (uint32_t)(sizeof inputs / sizeof *inputs) : 1;
}

/* Ends a function of Vulkan that lists structures: as many of `have` as there is room for, or how many there are. */
#define RETURN_LIST(list, count, all, have)                                                                            \
    do {                                                                                                               \
        const uint32_t room = (list) != NULL ? *(count) : (have);                                                      \
        *(count)            = room < (have) ? room : (have);                                                           \
        for (uint32_t i = 0; (list) != NULL && i < *(count); i++) {                                                    \
            void *next      = (list)[i].pNext;                                                                         \
            (list)[i]       = (all)[i];                                                                                \
            (list)[i].pNext = next;                                                                                    \
        }                                                                                                              \
        return room < (have) ? VK_INCOMPLETE : VK_SUCCESS;                                                             \
    } while (0)

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR(
    VkPhysicalDevice physical, uint32_t *count, VkCooperativeMatrixPropertiesKHR *list)
{
    VkCooperativeMatrixPropertiesKHR all[MOST];
    uint32_t                         have = 0;
    (void)physical;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes && driver_options()->matrices; i++) {
        for (uint32_t t = 0; t < input_count() && strcmp(shapes[i].card, driver_options()->card) == 0; t++) {
            for (int sums = 0; sums < (t == 0 ? 2 : 1); sums++) { /* f32, and f16 of f16 */
                const VkComponentTypeKHR sum =
                    sums == 0 ? VK_COMPONENT_TYPE_FLOAT32_KHR : VK_COMPONENT_TYPE_FLOAT16_KHR;
                all[have++] =
                    (VkCooperativeMatrixPropertiesKHR){.sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR,
                                                       .MSize = shapes[i].m,
                                                       .NSize = shapes[i].n,
                                                       .KSize = shapes[i].k,
                                                       .AType = inputs[t],
                                                       .BType = inputs[t],
                                                       .CType = sum,
                                                       .ResultType = sum,
                                                       .scope      = VK_SCOPE_SUBGROUP_KHR};
            }
        }
    }
    RETURN_LIST(list, count, all, have);
}

#endif

#ifdef VK_NV_cooperative_matrix2

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV(
    VkPhysicalDevice physical, uint32_t *count, VkCooperativeMatrixFlexibleDimensionsPropertiesNV *list)
{
    static const struct {
        uint32_t   m, n, k, invocations;
        VkScopeKHR scope;
    } rows[] = {{16, 16, 16, 32, VK_SCOPE_SUBGROUP_KHR},
                {32, 16, 16, 64, VK_SCOPE_WORKGROUP_KHR},
                {32, 32, 16, 128, VK_SCOPE_WORKGROUP_KHR},
                {32, 32, 16, 256, VK_SCOPE_WORKGROUP_KHR}};
    VkCooperativeMatrixFlexibleDimensionsPropertiesNV all[MOST];
    uint32_t                                          have = 0;
    (void)physical;
    for (size_t i = 0; i < sizeof rows / sizeof *rows && driver_options()->matrices2; i++) {
        for (uint32_t t = 0; t < input_count(); t++) {
            all[have++] = (VkCooperativeMatrixFlexibleDimensionsPropertiesNV){
                .sType                = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_FLEXIBLE_DIMENSIONS_PROPERTIES_NV,
                .MGranularity         = rows[i].m,
                .NGranularity         = rows[i].n,
                .KGranularity         = rows[i].k,
                .AType                = inputs[t],
                .BType                = inputs[t],
                .CType                = VK_COMPONENT_TYPE_FLOAT32_KHR,
                .ResultType           = VK_COMPONENT_TYPE_FLOAT32_KHR,
                .scope                = rows[i].scope,
                .workgroupInvocations = rows[i].invocations};
        }
    }
    RETURN_LIST(list, count, all, have);
}

#endif

void driver_matrix_structure(VkBaseOutStructure *structure)
{
    const Options *options = driver_options();
    (void)options;
    switch ((int)structure->sType) {
#ifdef VK_KHR_cooperative_matrix
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR:
        ((VkPhysicalDeviceCooperativeMatrixFeaturesKHR *)(void *)structure)->cooperativeMatrix = options->matrices;
        break;
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_PROPERTIES_KHR:
        ((VkPhysicalDeviceCooperativeMatrixPropertiesKHR *)(void *)structure)->cooperativeMatrixSupportedStages =
            VK_SHADER_STAGE_COMPUTE_BIT;
        break;
#endif
#ifdef VK_KHR_shader_bfloat16
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR: {
        VkPhysicalDeviceShaderBfloat16FeaturesKHR *f = (void *)structure;
        f->shaderBFloat16Type                        = options->bf16;
        f->shaderBFloat16CooperativeMatrix           = options->bf16 && options->matrices;
        break;
    }
#endif
#ifdef VK_NV_cooperative_matrix2
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV: {
        VkPhysicalDeviceCooperativeMatrix2FeaturesNV *f  = (void *)structure;
        f->cooperativeMatrixWorkgroupScope               = f->cooperativeMatrixFlexibleDimensions =
            f->cooperativeMatrixTensorAddressing         = f->cooperativeMatrixBlockLoads =
                f->cooperativeMatrixPerElementOperations = options->matrices2;
        break;
    }
    case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_PROPERTIES_NV: {
        VkPhysicalDeviceCooperativeMatrix2PropertiesNV *p  = (void *)structure;
        p->cooperativeMatrixWorkgroupScopeMaxWorkgroupSize = 256;
        p->cooperativeMatrixFlexibleDimensionsMaxDimension = 1024;
        break;
    }
#endif
    default: break;
    }
}

Functions driver_matrices(void)
{
    static const Function rows[] = {
#ifdef VK_KHR_cooperative_matrix
        FUNCTION(vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR),
#endif
#ifdef VK_NV_cooperative_matrix2
        FUNCTION(vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV),
#endif
        {"", NULL}};
    return (Functions){rows, sizeof rows / sizeof *rows};
}
