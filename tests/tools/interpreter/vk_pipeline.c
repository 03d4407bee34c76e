/* Shader modules, the layouts of what they bind, and pipelines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/interpreter/vk_driver.h"

/* --- modules -------------------------------------------------------------------------------------------------- */

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkCreateShaderModule(VkDevice device, const VkShaderModuleCreateInfo *info,
                                                                  const VkAllocationCallbacks *callbacks,
                                                                  VkShaderModule              *module)
{
    Module *made = calloc(1, sizeof *made);
    (void)device, (void)callbacks;
    if (made == NULL || (made->words = malloc(info->codeSize)) == NULL) {
        free(made);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    memcpy(made->words, info->pCode, info->codeSize);
    made->count = info->codeSize / 4;
    driver_kernel_name(made->words, made->count, made->name, sizeof made->name);
    *module = HANDLE(VkShaderModule, made);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL driver_vkDestroyShaderModule(VkDevice device, VkShaderModule module,
                                                               const VkAllocationCallbacks *callbacks)
{
    Module *m = OBJECT(Module, module);
    (void)device, (void)callbacks;
    if (m != NULL) {
        free(m->words);
        free(m);
    }
}

/* --- layouts: nothing of them is needed but what validation sees to ---------------------------------------------- */

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkCreatePipelineLayout(VkDevice                          device,
                                                                    const VkPipelineLayoutCreateInfo *info,
                                                                    const VkAllocationCallbacks      *callbacks,
                                                                    VkPipelineLayout                 *layout)
{
    void *made = malloc(1);
    (void)device, (void)info, (void)callbacks;
    *layout = HANDLE(VkPipelineLayout, made);
    return made != NULL ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;
}

static VKAPI_ATTR void VKAPI_CALL driver_vkDestroyPipelineLayout(VkDevice device, VkPipelineLayout layout,
                                                                 const VkAllocationCallbacks *callbacks)
{
    (void)device, (void)callbacks;
    free(OBJECT(void, layout));
}

/* --- pipelines ---------------------------------------------------------------------------------------------- */

static uint32_t subgroup_of(const VkPipelineShaderStageCreateInfo *stage)
{
    for (const VkBaseInStructure *s = stage->pNext; s != NULL; s = s->pNext) {
        if (s->sType == VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO) {
            return ((const VkPipelineShaderStageRequiredSubgroupSizeCreateInfo *)(const void *)s)->requiredSubgroupSize;
        }
    }
    return driver_options()->subgroup;
}

static VkResult create(const VkComputePipelineCreateInfo *info, VkPipeline *pipeline)
{
    const VkPipelineShaderStageCreateInfo *stage               = &info->stage;
    const VkSpecializationInfo            *given               = stage->pSpecializationInfo;
    const Module                          *module              = OBJECT(Module, stage->module);
    const uint32_t                         count               = given != NULL ? given->mapEntryCount : 0;
    ShaderConstant                        *constants           = calloc(count + 1, sizeof *constants);
    Pipeline                              *made                = calloc(1, sizeof *made);
    char                                   error[SHADER_ERROR] = "";
    *pipeline                                                  = VK_NULL_HANDLE;
    if (constants == NULL || made == NULL) {
        free(constants);
        free(made);
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        constants[i] = (ShaderConstant){.id    = given->pMapEntries[i].constantID,
                                        .bytes = (uint32_t)given->pMapEntries[i].size,
                                        .value = (const uint8_t *)given->pData + given->pMapEntries[i].offset};
    }
    const bool known =
        shader_create(module->words, module->count, stage->pName, constants, count, &made->shader, error);
    free(constants);
    if (!known) {
        fprintf(stderr, DRIVER_NAME ": %s: %s\n", module->name, error);
        free(made);
        return VK_ERROR_UNKNOWN;
    }
    made->subgroup = subgroup_of(stage);
    memcpy(made->name, module->name, sizeof made->name);
    *pipeline = HANDLE(VkPipeline, made);
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkCreateComputePipelines(VkDevice device, VkPipelineCache cache,
                                                                      uint32_t                           count,
                                                                      const VkComputePipelineCreateInfo *infos,
                                                                      const VkAllocationCallbacks       *callbacks,
                                                                      VkPipeline                        *pipelines)
{
    VkResult result = VK_SUCCESS;
    (void)device, (void)cache, (void)callbacks;
    for (uint32_t i = 0; i < count; i++) {
        const VkResult made = create(&infos[i], &pipelines[i]);
        result              = made != VK_SUCCESS ? made : result;
    }
    return result;
}

static VKAPI_ATTR void VKAPI_CALL driver_vkDestroyPipeline(VkDevice device, VkPipeline pipeline,
                                                           const VkAllocationCallbacks *callbacks)
{
    Pipeline *p = OBJECT(Pipeline, pipeline);
    (void)device, (void)callbacks;
    if (p != NULL) {
        shader_destroy(p->shader);
        free(p);
    }
}

/* --- caches, which hold nothing ----------------------------------------------------------------------------- */

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkCreatePipelineCache(VkDevice                         device,
                                                                   const VkPipelineCacheCreateInfo *info,
                                                                   const VkAllocationCallbacks     *callbacks,
                                                                   VkPipelineCache                 *cache)
{
    void *made = malloc(1);
    (void)device, (void)info, (void)callbacks;
    *cache = HANDLE(VkPipelineCache, made);
    return made != NULL ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;
}

static VKAPI_ATTR void VKAPI_CALL driver_vkDestroyPipelineCache(VkDevice device, VkPipelineCache cache,
                                                                const VkAllocationCallbacks *callbacks)
{
    (void)device, (void)callbacks;
    free(OBJECT(void, cache));
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkGetPipelineCacheData(VkDevice device, VkPipelineCache cache,
                                                                    size_t *size, void *data)
{
    (void)device, (void)cache, (void)data;
    *size = 0;
    return VK_SUCCESS;
}

Functions driver_pipelines(void)
{
    static const Function rows[] = {
        FUNCTION(vkCreateShaderModule),    FUNCTION(vkDestroyShaderModule),    FUNCTION(vkCreatePipelineLayout),
        FUNCTION(vkDestroyPipelineLayout), FUNCTION(vkCreateComputePipelines), FUNCTION(vkDestroyPipeline),
        FUNCTION(vkCreatePipelineCache),   FUNCTION(vkDestroyPipelineCache),   FUNCTION(vkGetPipelineCacheData)};
    return (Functions){rows, sizeof rows / sizeof *rows};
}
