/* What a driver says about what it made of a pipeline (VK_KHR_pipeline_executable_properties). */
#include "engine/vk/private.h"

#include <stdio.h>

/* What the driver says about executable `index` of a pipeline. */
static void statistics_text(Gpu *gpu, VkPipeline pipeline, uint32_t index, char *text, size_t size)
{
    PFN_vkGetPipelineExecutableStatisticsKHR get = (PFN_vkGetPipelineExecutableStatisticsKHR)vkGetDeviceProcAddr(
        gpu->device, "vkGetPipelineExecutableStatisticsKHR");
    VkPipelineExecutableInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR, .pipeline = pipeline, .executableIndex = index};
    VkPipelineExecutableStatisticKHR rows[64];
    uint32_t                         count = 64;
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = (VkPipelineExecutableStatisticKHR){.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR};
    }
    if (get == NULL || get(gpu->device, &info, &count, rows) < 0) {
        return;
    }
    size_t length = 0;
    for (uint32_t i = 0; i < count && length < size; i++) {
        unsigned long long value = rows[i].format == VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_FLOAT64_KHR
                                       ? (unsigned long long)rows[i].value.f64
                                       : (unsigned long long)rows[i].value.u64;
        length += (size_t)snprintf(text + length, size - length, "; %s=%llu", rows[i].name, value);
    }
}

void gpu_pipeline_text(Gpu *gpu, VkPipeline pipeline, char *text, size_t size)
{
    PFN_vkGetPipelineExecutablePropertiesKHR get = (PFN_vkGetPipelineExecutablePropertiesKHR)vkGetDeviceProcAddr(
        gpu->device, "vkGetPipelineExecutablePropertiesKHR");
    VkPipelineInfoKHR                 info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR, .pipeline = pipeline};
    VkPipelineExecutablePropertiesKHR executables[8];
    uint32_t                          count = 8, widest = 0;
    for (uint32_t i = 0; i < count; i++) {
        executables[i] =
            (VkPipelineExecutablePropertiesKHR){.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_PROPERTIES_KHR};
    }
    text[0] = 0;
    if (!gpu->executable_statistics || get == NULL || get(gpu->device, &info, &count, executables) < 0 || count == 0) {
        return;
    }
    for (uint32_t i = 1; i < count; i++) {
        widest = executables[i].subgroupSize > executables[widest].subgroupSize ? i : widest;
    }
    const size_t length =
        (size_t)snprintf(text, size, "Subgroup size=%u; Executables=%u", executables[widest].subgroupSize, count);
    statistics_text(gpu, pipeline, widest, text + length, size - length);
}
