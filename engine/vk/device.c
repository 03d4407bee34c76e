/* The life of a device. */
#include "engine/vk/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static VkResult device_create(Gpu *gpu)
{
    const GpuFamily family        = gpu_compute_family(gpu->physical);
    const uint32_t  used          = gpu->info.tier.second_queue ? 2 : 1;
    const float     priorities[2] = {1.0f, 0.5f}; /* what runs beside the rest is to fill its holes */
    gpu->queue_family             = family.index;
    gpu->timestamp_mask   = family.timestamp_bits < 64 ? ((uint64_t)1 << family.timestamp_bits) - 1 : UINT64_MAX;
    const uint32_t sparse = gpu->info.tier.sparse_memory ? gpu_sparse_family(gpu->physical) : gpu->queue_family;
    VkDeviceQueueCreateInfo queues[2] = {{.sType            = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                          .queueFamilyIndex = gpu->queue_family,
                                          .queueCount       = used,
                                          .pQueuePriorities = priorities}};
    queues[1]                         = queues[0];
    queues[1].queueFamilyIndex        = sparse;
    queues[1].queueCount              = 1;
    GpuExtensions extensions          = gpu_extensions(gpu->physical);
    GpuEnabled    on;
    gpu_features_enable(gpu, &extensions, &on);
    VkDeviceCreateInfo info   = {.sType                   = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                 .pNext                   = &on.features,
                                 .queueCreateInfoCount    = sparse != gpu->queue_family ? 2 : 1,
                                 .pQueueCreateInfos       = queues,
                                 .enabledExtensionCount   = on.name_count,
                                 .ppEnabledExtensionNames = on.names};
    VkResult           result = vkCreateDevice(gpu->physical, &info, NULL, &gpu->device);
    free(extensions.items);
    if (result == VK_SUCCESS) {
        vkGetDeviceQueue(gpu->device, gpu->queue_family, 0, &gpu->queue);
        vkGetDeviceQueue(gpu->device, gpu->queue_family, used - 1, &gpu->beside);
        vkGetDeviceQueue(gpu->device, sparse, 0, &gpu->sparse_queue);
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
    VkResult result = gpu_instance_create(&gpu->instance, gpu, validate);
    if (result != VK_SUCCESS) {
        error_set(error, STATUS_FAILED,
                  "cannot start Vulkan: %s; install a Vulkan driver (Debian: mesa-vulkan-drivers)",
                  gpu_result_text(result));
        free(gpu);
        return NULL;
    }
    GpuCandidate list[GPU_MAX_DEVICES];
    int          n = gpu_candidates(gpu->instance, list, GPU_MAX_DEVICES);
    GpuInfo      infos[GPU_MAX_DEVICES];
    for (int i = 0; i < n; i++) {
        infos[i] = list[i].info;
    }
    int chosen = gpu_choose(infos, n, options->select, error);
    if (chosen < 0) {
        gpu_close(gpu);
        return NULL;
    }
    gpu->physical = list[chosen].physical;
    gpu->info     = list[chosen].info;
    VkPhysicalDeviceProperties properties;
    vkGetPhysicalDeviceProperties(gpu->physical, &properties);
    gpu->limits = properties.limits;
    if (options->max_binding_bytes > 0 && options->max_binding_bytes < gpu->info.max_binding_bytes) {
        gpu->info.max_binding_bytes       = options->max_binding_bytes;
        gpu->limits.maxStorageBufferRange = (uint32_t)options->max_binding_bytes;
    }
    if (options->max_allocation_bytes > 0 && options->max_allocation_bytes < gpu->info.max_allocation_bytes) {
        gpu->info.max_allocation_bytes = options->max_allocation_bytes;
    }
    if (options->max_buffer_bytes > 0 && options->max_buffer_bytes < gpu->info.max_buffer_bytes) {
        gpu->info.max_buffer_bytes = options->max_buffer_bytes;
    }
    if (options->as_gpu) {
        gpu->info.type      = GPU_DISCRETE;
        gpu->info.driver_id = 0;
        snprintf(gpu->info.driver, sizeof gpu->info.driver, "taken for a GPU");
    }
    if (options->rounding == GPU_ROUNDING_DEVICE ||
        (options->rounding == GPU_ROUNDING_PROMISED && gpu->info.tier.fp16_rounding)) {
        gpu->float_modes = gpu_float_modes(gpu->physical);
    }
    gpu_budget_open(gpu, options->submit_seconds);
    gpu->statistics               = options->statistics;
    gpu->info.tier.unified_memory = gpu->info.tier.unified_memory && !options->separate_memory;
    vkGetPhysicalDeviceMemoryProperties(gpu->physical, &gpu->memory);
    result = device_create(gpu);
    if (result != VK_SUCCESS) {
        gpu_error(gpu, result, "opening the device", error);
        gpu_close(gpu);
        return NULL;
    }
    gpu->profile = options->profile && gpu->info.tier.timestamps;
    gpu->timing  = gpu->profile || (options->sections && gpu->info.tier.timestamps);
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
    gpu_instance_destroy(gpu->instance, gpu->messenger);
    free(gpu);
}

void gpu_lose(Gpu *gpu)
{
    gpu->lost = true;
}

const GpuInfo *gpu_info(const Gpu *gpu)
{
    return &gpu->info;
}

void gpu_on_work(Gpu *gpu, void (*working)(void *user), void *user)
{
    gpu->working      = working;
    gpu->working_user = user;
}

void gpu_tell_working(const Gpu *gpu)
{
    if (gpu->working != NULL) {
        gpu->working(gpu->working_user);
    }
}

void gpu_set_choice(Gpu *gpu, uint32_t which, uint8_t choice)
{
    gpu->info.choices[which] = choice;
}
