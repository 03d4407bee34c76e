#include "engine/vk/private.h"

#include "engine/io/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has_bf16_matrices(const GpuInfo *info)
{
    for (uint32_t i = 0; i < info->matrix_count; i++) {
        if (info->matrices[i].type == GPU_MATRIX_BF16) {
            return true;
        }
    }
    return false;
}

/* Whether the device has the matrices that a shader multiplies, if it does; else it must not even be shown it. */
static bool has_matrices(const Gpu *gpu, const EmbeddedShader *shader)
{
    enum { COOPERATIVE_MATRIX = 6022, REDUCTIONS_NV = 5430, BLOCK_LOADS_NV = 5440, BF16 = 5116, BF16_MATRIX = 5118 };
    return (gpu->info.tier.cooperative_matrix || !gpu_shader_needs(shader, COOPERATIVE_MATRIX, COOPERATIVE_MATRIX)) &&
           (gpu->info.tier.cooperative_matrix2 || !gpu_shader_needs(shader, REDUCTIONS_NV, BLOCK_LOADS_NV)) &&
           (has_bf16_matrices(&gpu->info) || !gpu_shader_needs(shader, BF16, BF16_MATRIX));
}

/* --- compiling --------------------------------------------------------------- */

static const EmbeddedShader *shader_find(const char *name)
{
    for (size_t i = 0; i < embedded_shader_count; i++) {
        if (strcmp(embedded_shaders[i].name, name) == 0) {
            return &embedded_shaders[i];
        }
    }
    return NULL;
}

static void pipeline_free(Gpu *gpu, GpuPipeline *pipeline)
{
    vkDestroyPipeline(gpu->device, pipeline->pipeline, NULL);
    vkDestroyPipelineLayout(gpu->device, pipeline->layout, NULL);
    vkDestroyDescriptorSetLayout(gpu->device, pipeline->set_layout, NULL);
    free(pipeline);
}

enum { FLOAT16 = 9, DEVICE_ROUNDS = 100 }; /* a SPIR-V capability; the constant of shaders/include/rounding_f16.glsl */

static VkResult module_create(Gpu *gpu, const EmbeddedShader *shader, uint32_t float_modes, VkShaderModule *module)
{
    size_t    bytes = shader->bytes;
    uint32_t *words = float_modes != 0 ? gpu_shader_with_modes(shader, float_modes, &bytes) : NULL;
    if (float_modes != 0 && words == NULL) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    const VkShaderModuleCreateInfo info   = {.sType    = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                             .codeSize = bytes,
                                             .pCode    = words != NULL ? words : shader->words};
    const VkResult                 result = vkCreateShaderModule(gpu->device, &info, NULL, module);
    free(words);
    return result;
}

static VkResult pipeline_compile(Gpu *gpu, GpuPipeline *pipeline)
{
    VkDescriptorSetLayoutBinding bindings[GPU_MAX_BINDS];
    for (uint32_t i = 0; i < pipeline->bind_count; i++) {
        bindings[i] = (VkDescriptorSetLayoutBinding){.binding         = i,
                                                     .descriptorType  = pipeline->bind_type[i],
                                                     .descriptorCount = 1,
                                                     .stageFlags      = VK_SHADER_STAGE_COMPUTE_BIT};
    }
    VkDescriptorSetLayoutCreateInfo set_info = {.sType        = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                                .bindingCount = pipeline->bind_count,
                                                .pBindings    = bindings};
    VkResult result = vkCreateDescriptorSetLayout(gpu->device, &set_info, NULL, &pipeline->set_layout);
    if (result != VK_SUCCESS) {
        return result;
    }
    VkPushConstantRange        push        = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = GPU_MAX_PUSH_BYTES};
    VkPipelineLayoutCreateInfo layout_info = {.sType                  = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                              .setLayoutCount         = 1,
                                              .pSetLayouts            = &pipeline->set_layout,
                                              .pushConstantRangeCount = 1,
                                              .pPushConstantRanges    = &push};
    result                                 = vkCreatePipelineLayout(gpu->device, &layout_info, NULL, &pipeline->layout);
    if (result != VK_SUCCESS) {
        return result;
    }
    const bool     rounds = gpu->float_modes != 0 && gpu_shader_needs(pipeline->shader, FLOAT16, FLOAT16);
    VkShaderModule module = VK_NULL_HANDLE;
    result                = module_create(gpu, pipeline->shader, rounds ? gpu->float_modes : 0, &module);
    if (result != VK_SUCCESS) {
        return result;
    }
    VkSpecializationMapEntry entries[GPU_MAX_SPECS + 1];
    uint32_t                 values[GPU_MAX_SPECS + 1];
    for (uint32_t i = 0; i < pipeline->spec_count; i++) {
        entries[i] = (VkSpecializationMapEntry){.constantID = i, .offset = i * 4, .size = 4};
        values[i]  = pipeline->spec[i];
    }
    entries[pipeline->spec_count] =
        (VkSpecializationMapEntry){.constantID = DEVICE_ROUNDS, .offset = pipeline->spec_count * 4, .size = 4};
    values[pipeline->spec_count]                                       = rounds;
    VkSpecializationInfo specialization                                = {.mapEntryCount = pipeline->spec_count + 1,
                                                                          .pMapEntries   = entries,
                                                                          .dataSize      = (pipeline->spec_count + 1) * 4,
                                                                          .pData         = values};
    const VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup = {
        .sType                = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
        .requiredSubgroupSize = pipeline->subgroup};
    const bool                  sized = pipeline->subgroup != 0;
    const bool                  asks  = sized && gpu->info.min_subgroup != gpu->info.max_subgroup;
    VkComputePipelineCreateInfo info  = {
         .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
         .flags =
             (gpu->executable_statistics ? (VkPipelineCreateFlags)VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR : 0) |
             (gpu_budget_cuts(gpu) ? (VkPipelineCreateFlags)VK_PIPELINE_CREATE_DISPATCH_BASE_BIT : 0),
         .stage  = {.sType               = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                    .pNext               = asks ? &subgroup : NULL,
                    .flags               = sized ? VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT : 0,
                    .stage               = VK_SHADER_STAGE_COMPUTE_BIT,
                    .module              = module,
                    .pName               = "main",
                    .pSpecializationInfo = &specialization},
         .layout = pipeline->layout};
    result = vkCreateComputePipelines(gpu->device, gpu->cache, 1, &info, NULL, &pipeline->pipeline);
    vkDestroyShaderModule(gpu->device, module, NULL);
    return result;
}

static uint32_t pipeline_hash(const EmbeddedShader *shader, const uint32_t *spec, uint32_t spec_count)
{
    uint32_t hash = (uint32_t)(shader - embedded_shaders) * 2654435761u;
    for (uint32_t i = 0; i < spec_count; i++) {
        hash = (hash ^ spec[i]) * 16777619u;
    }
    return (hash ^ (hash >> 15)) % GPU_PIPELINE_BUCKETS;
}

bool gpu_has_kernel(const char *kernel)
{
    return shader_find(kernel) != NULL;
}

uint64_t gpu_kernels_hash(const char *prefix)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a, a word at a time */
    for (size_t i = 0; i < embedded_shader_count; i++) {
        const EmbeddedShader *shader = &embedded_shaders[i];
        for (size_t j = 0; j < shader->bytes / 4 && strncmp(shader->name, prefix, strlen(prefix)) == 0; j++) {
            hash = (hash ^ shader->words[j]) * 1099511628211u;
        }
    }
    return hash;
}

/* Whether a workgroup may be of full subgroups of the size that is asked for: its size is the first of the
 * specialization constants (shaders/include/common.glsl). */
static bool takes_subgroups(const Gpu *gpu, const char *kernel, uint32_t threads, uint32_t subgroup, Error *error)
{
    const GpuInfo *info = &gpu->info;
    if (!info->tier.subgroup_size_control || subgroup < info->min_subgroup || subgroup > info->max_subgroup) {
        error_set(error, STATUS_FAILED,
                  "kernel '%s' asks for subgroups of %u invocations; device %d (%s) has %u to %u%s", kernel, subgroup,
                  info->index, info->name, info->min_subgroup, info->max_subgroup,
                  info->tier.subgroup_size_control ? "" : " and lets no kernel ask");
        return false;
    }
    if (threads % subgroup != 0 || threads / subgroup > info->max_subgroups) {
        error_set(error, STATUS_FAILED,
                  "kernel '%s' asks for workgroups of %u invocations in subgroups of %u; device %d (%s) has at most %u "
                  "subgroups to a workgroup (maxComputeWorkgroupSubgroups)",
                  kernel, threads, subgroup, info->index, info->name, info->max_subgroups);
        return false;
    }
    return true;
}

GpuPipeline *gpu_pipeline(Gpu *gpu, const char *kernel, const uint32_t *spec, uint32_t spec_count, uint32_t subgroup,
                          Error *error)
{
    const EmbeddedShader *shader = shader_find(kernel);
    if (shader == NULL) {
        error_set(error, STATUS_FAILED, "kernel '%s' is not in this build", kernel);
        return NULL;
    }
    if (!has_matrices(gpu, shader)) {
        error_set(error, STATUS_FAILED, "kernel '%s' needs cooperative matrices that device %d (%s) has not", kernel,
                  gpu->info.index, gpu->info.name);
        return NULL;
    }
    uint32_t bucket = pipeline_hash(shader, spec, spec_count);
    for (GpuPipeline *p = gpu->pipelines[bucket]; p != NULL; p = p->next) {
        if (p->shader == shader && p->subgroup == subgroup && p->spec_count == spec_count &&
            memcmp(p->spec, spec, spec_count * 4) == 0) {
            return p;
        }
    }
    if (subgroup != 0 && !takes_subgroups(gpu, kernel, spec_count > 0 ? spec[0] : 1, subgroup, error)) {
        return NULL;
    }
    GpuPipeline *pipeline = calloc(1, sizeof *pipeline);
    if (pipeline == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "compiling kernel '%s': out of host memory", kernel);
        return NULL;
    }
    pipeline->shader     = shader;
    pipeline->subgroup   = subgroup;
    pipeline->spec_count = spec_count;
    memcpy(pipeline->spec, spec, spec_count * 4);
    VkResult result = VK_ERROR_UNKNOWN;
    if (gpu_shader_bindings(shader, pipeline)) {
        result = pipeline_compile(gpu, pipeline);
    }
    if (result != VK_SUCCESS) {
        char what[128];
        snprintf(what, sizeof what, "compiling kernel '%s'", kernel);
        gpu_error(gpu, result, what, error);
        pipeline_free(gpu, pipeline);
        return NULL;
    }
    pipeline->next         = gpu->pipelines[bucket];
    gpu->pipelines[bucket] = pipeline;
    gpu_tell_working(gpu);
    return pipeline;
}

/* --- the cache on disk ---------------------------------------------------------- */

static void find_cache(Gpu *gpu, const uint8_t uuid[VK_UUID_SIZE])
{
    char name[2 * VK_UUID_SIZE + 20] = "pipelines-";
    for (unsigned i = 0, at = sizeof "pipelines-" - 1; i < VK_UUID_SIZE; i++, at += 2) {
        snprintf(name + at, 3, "%02x", uuid[i]);
    }
    strcat(name, ".bin");
    cache_path(name, gpu->cache_path);
}

/* The cache file's bytes if its header is this driver's, else NULL: drivers
 * should check it themselves, and not all do. */
static void *cache_read(const Gpu *gpu, const VkPhysicalDeviceProperties *properties, size_t *bytes)
{
    FILE *file = fopen(gpu->cache_path, "rb");
    if (file == NULL) {
        return NULL;
    }
    enum { HEADER = 16 + VK_UUID_SIZE, LARGEST = 256 << 20 };
    void *data = NULL;
    long  size = 0;
    if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= HEADER && size <= LARGEST) {
        rewind(file);
        data = malloc((size_t)size);
        uint32_t header[4];
        if (data != NULL && fread(data, 1, (size_t)size, file) == (size_t)size) {
            memcpy(header, data, sizeof header);
            bool ours = header[0] >= HEADER && header[1] == VK_PIPELINE_CACHE_HEADER_VERSION_ONE &&
                        header[2] == properties->vendorID && header[3] == properties->deviceID &&
                        memcmp((char *)data + 16, properties->pipelineCacheUUID, VK_UUID_SIZE) == 0;
            if (!ours) {
                free(data);
                data = NULL;
            }
        } else {
            free(data);
            data = NULL;
        }
    }
    fclose(file);
    *bytes = data != NULL ? (size_t)size : 0;
    return data;
}

void gpu_pipelines_open(Gpu *gpu)
{
    VkPhysicalDeviceProperties properties;
    vkGetPhysicalDeviceProperties(gpu->physical, &properties);
    find_cache(gpu, properties.pipelineCacheUUID);
    void                     *data = gpu->cache_path[0] != 0 ? cache_read(gpu, &properties, &gpu->cache_loaded) : NULL;
    VkPipelineCacheCreateInfo info = {.sType           = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
                                      .initialDataSize = gpu->cache_loaded,
                                      .pInitialData    = data};
    if (vkCreatePipelineCache(gpu->device, &info, NULL, &gpu->cache) != VK_SUCCESS) {
        info.initialDataSize = 0;
        info.pInitialData    = NULL;
        if (vkCreatePipelineCache(gpu->device, &info, NULL, &gpu->cache) != VK_SUCCESS) {
            gpu->cache = VK_NULL_HANDLE; /* works without */
        }
    }
    free(data);
}

/* Written beside its name and renamed, so that two programs cannot mix. */
static void cache_write(Gpu *gpu)
{
    size_t bytes = 0;
    if (gpu->cache == VK_NULL_HANDLE || gpu->cache_path[0] == 0 || gpu->lost ||
        vkGetPipelineCacheData(gpu->device, gpu->cache, &bytes, NULL) != VK_SUCCESS || bytes == gpu->cache_loaded ||
        bytes <= 16 + VK_UUID_SIZE) {
        return;
    }
    void *data = malloc(bytes);
    char  temporary[1100];
    snprintf(temporary, sizeof temporary, "%s.%ld", gpu->cache_path, (long)getpid());
    if (data != NULL && vkGetPipelineCacheData(gpu->device, gpu->cache, &bytes, data) == VK_SUCCESS) {
        FILE *file = fopen(temporary, "wb");
        if (file != NULL) {
            bool written = fwrite(data, 1, bytes, file) == bytes;
            written      = fclose(file) == 0 && written;
            if (!written || rename(temporary, gpu->cache_path) != 0) {
                remove(temporary);
            }
        }
    }
    free(data);
}

void gpu_pipelines_close(Gpu *gpu)
{
    cache_write(gpu);
    for (int i = 0; i < GPU_PIPELINE_BUCKETS; i++) {
        for (GpuPipeline *p = gpu->pipelines[i], *next; p != NULL; p = next) {
            next = p->next;
            pipeline_free(gpu, p);
        }
        gpu->pipelines[i] = NULL;
    }
    if (gpu->cache != VK_NULL_HANDLE) {
        vkDestroyPipelineCache(gpu->device, gpu->cache, NULL);
    }
}

/* --- every pipeline, for devices that only compile -------------------------------- */

bool gpu_compile(Gpu *gpu, const char *kernel, const uint32_t *spec, uint32_t spec_count, uint32_t subgroup,
                 GpuCompileReport report, void *user)
{
    Error        error            = {0};
    char         statistics[2048] = "";
    GpuPipeline *pipeline         = gpu_pipeline(gpu, kernel, spec, spec_count, subgroup, &error);
    if (pipeline != NULL) {
        gpu_pipeline_text(gpu, pipeline->pipeline, statistics, sizeof statistics);
    }
    report(user, kernel, statistics, pipeline == NULL ? error.text : NULL);
    return pipeline != NULL;
}

int gpu_compile_all(Gpu *gpu, GpuCompileReport report, void *user)
{
    const uint32_t spec[]   = {64};
    int            failures = 0;
    for (size_t i = 0; i < embedded_shader_count; i++) {
        if (has_matrices(gpu, &embedded_shaders[i])) {
            failures += !gpu_compile(gpu, embedded_shaders[i].name, spec, 1, 0, report, user);
        }
    }
    return failures;
}
