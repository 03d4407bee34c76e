/* The Vulkan instance, validation, and what errors say. */
#include "engine/vk/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    Status      status = STATUS_FAILED;
    const char *advice = "";
    if (result == VK_ERROR_DEVICE_LOST) {
        status    = STATUS_DEVICE_LOST;
        advice    = "; start again: what was saved is whole, and 'rlsp train --resume RUN' goes on from there";
        gpu->lost = true;
    } else if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY) {
        status = STATUS_OUT_OF_MEMORY;
        advice = "; see what a run takes with 'rlsp plan'";
    }
    return error_set(error, status, "%s: %s on device %d (%s): %s (%d)%s", what, "Vulkan call failed", gpu->info.index,
                     gpu->info.name, gpu_result_text(result), (int)result, advice);
}

/* --- instance ---------------------------------------------------------- */

static bool has_layer(const char *name)
{
    uint32_t count = 0;
    vkEnumerateInstanceLayerProperties(&count, NULL);
    VkLayerProperties *layers = calloc(count + 1, sizeof *layers);
    bool               found  = false;
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
    bool                   found      = false;
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

static VkResult instance_create(VkInstance *instance, Gpu *gpu, bool validate)
{
    uint32_t loader = VK_API_VERSION_1_2; /* 1.3 only for a kernel of SPIR-V 1.6 */
    vkEnumerateInstanceVersion(&loader);
    VkApplicationInfo    application = {.sType            = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                        .pApplicationName = "rlsp",
                                        .apiVersion =
                                         loader < VK_API_VERSION_1_3 ? VK_API_VERSION_1_2 : VK_API_VERSION_1_3};
    const char          *extensions[5];
    uint32_t             extension_count = 0;
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &application};

    VkValidationFeatureEnableEXT       enable    = VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT;
    VkValidationFeaturesEXT            features  = {.sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
                                                    .enabledValidationFeatureCount = 1,
                                                    .pEnabledValidationFeatures    = &enable};
    VkDebugUtilsMessengerCreateInfoEXT messenger = {.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
                                                    .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                                                                       VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
                                                    .messageType     = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
                                                    .pfnUserCallback = on_validation,
                                                    .pUserData       = gpu};

#ifdef VK_EXT_layer_settings
    /* What kernels do with what they bind is left out of it without this, in layers from 2025 on. */
    const VkBool32               yes      = VK_TRUE;
    const VkLayerSettingEXT      accesses = {VALIDATION_LAYER, "syncval_shader_accesses_heuristic",
                                             VK_LAYER_SETTING_TYPE_BOOL32_EXT, 1, &yes};
    VkLayerSettingsCreateInfoEXT settings = {
        .sType = VK_STRUCTURE_TYPE_LAYER_SETTINGS_CREATE_INFO_EXT, .settingCount = 1, .pSettings = &accesses};
#endif

    validate = validate && gpu != NULL && has_layer(VALIDATION_LAYER);
    if (validate) {
        info.enabledLayerCount        = 1;
        info.ppEnabledLayerNames      = &VALIDATION_LAYER;
        extensions[extension_count++] = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
        if (has_instance_extension(VALIDATION_LAYER, VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME)) {
            extensions[extension_count++] = VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME;
            info.pNext                    = &features;
        }
#ifdef VK_EXT_layer_settings
        if (has_instance_extension(VALIDATION_LAYER, VK_EXT_LAYER_SETTINGS_EXTENSION_NAME)) {
            extensions[extension_count++] = VK_EXT_LAYER_SETTINGS_EXTENSION_NAME;
            settings.pNext                = info.pNext;
            info.pNext                    = &settings;
        }
#endif
    }
#ifdef VK_KHR_portability_enumeration
    if (has_instance_extension(NULL, VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME)) { /* MoltenVK */
        extensions[extension_count++] = VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME;
        info.flags |= VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR;
    }
#endif
    info.enabledExtensionCount   = extension_count;
    info.ppEnabledExtensionNames = extensions;
    VkResult result              = vkCreateInstance(&info, NULL, instance);
    if (result == VK_SUCCESS && validate) {
        PFN_vkCreateDebugUtilsMessengerEXT create =
            (PFN_vkCreateDebugUtilsMessengerEXT)vkGetInstanceProcAddr(*instance, "vkCreateDebugUtilsMessengerEXT");
        if (create != NULL) {
            create(*instance, &messenger, NULL, &gpu->messenger);
        }
    }
    return result;
}

VkResult gpu_instance_create(VkInstance *instance, Gpu *gpu, bool validate)
{
    gpu_compute_in_place();
    VkResult result = instance_create(instance, gpu, validate);
    if (result == VK_SUCCESS && gpu_widen_registers(*instance)) { /* the driver is loaded anew */
        gpu_instance_destroy(*instance, gpu != NULL ? gpu->messenger : VK_NULL_HANDLE);
        if (gpu != NULL) {
            gpu->messenger = VK_NULL_HANDLE;
        }
        result = instance_create(instance, gpu, validate);
    }
    return result;
}

void gpu_instance_destroy(VkInstance instance, VkDebugUtilsMessengerEXT messenger)
{
    if (messenger != VK_NULL_HANDLE) {
        PFN_vkDestroyDebugUtilsMessengerEXT destroy =
            (PFN_vkDestroyDebugUtilsMessengerEXT)vkGetInstanceProcAddr(instance, "vkDestroyDebugUtilsMessengerEXT");
        if (destroy != NULL) {
            destroy(instance, messenger, NULL);
        }
    }
    if (instance != VK_NULL_HANDLE) {
        vkDestroyInstance(instance, NULL);
    }
}

int gpu_validation_count(const Gpu *gpu)
{
    return atomic_load(&gpu->validation_count);
}

const char *gpu_validation_first(const Gpu *gpu)
{
    return gpu->validation_first;
}
