/* A Vulkan driver whose device interprets SPIR-V: what no driver of a machine without a card runs (matrices of bf16 and
 * of whole workgroups, subgroups of 16, 32 and 64) runs here, slowly, and what no driver tells is told.
 *
 *     sh tests/tools/interpreted.sh build/release card=nvidia,races=1 PROGRAM ARGUMENT…
 *
 * The loader finds it by VK_DRIVER_FILES (interpreter_icd.json in the build folder). It has what rlsp asks of
 * Vulkan 1.3 and no more: any other function is NULL. RLSP_INTERPRETER chooses what the device is like (vk_options.c).
 *
 *   vk_physical.c  what it says of itself; vk_matrices.c the shapes that it multiplies
 *   vk_memory.c    each allocation is a range of device addresses with a gap behind it, and full of NaN bits
 *   vk_pipeline.c  a pipeline is a Shader (shader.h) with its constants
 *   vk_sets.c, vk_commands.c  what is bound and recorded, kept as it is
 *   vk_queue.c     submissions; they run when somebody waits for them, as late as a card's might
 *   vk_execute.c   runs a command buffer: each dispatch is a shader_run; what no barrier is between runs last first, so
 *                  that a barrier that lacks gives wrong numbers; vk_ran.c counts kernels (tell=1)
 *
 * A fault (an access outside a buffer or outside an address range, a race, shared memory read before it is written, a
 * copy over a buffer's end) is told in one line on stderr, and the program is aborted; with count=1 it goes on, and is
 * aborted when the device is destroyed. A shader that takes more than steps=N steps loses the device, as a card's
 * watchdog does, which rlsp has to end in order. The validation layer, above it, sees to the rest: what it finds wrong
 * is not looked for here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/interpreter/vk_driver.h"

#define EXPORT __attribute__((visibility("default")))

/* --- instance ----------------------------------------------------------------------------------------- */

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkEnumerateInstanceVersion(uint32_t *version)
{
    *version = VK_API_VERSION_1_3;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkEnumerateInstanceExtensionProperties(const char *layer, uint32_t *count,
                                                                                    VkExtensionProperties *list)
{
    (void)layer, (void)list;
    *count = 0;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkCreateInstance(const VkInstanceCreateInfo  *info,
                                                              const VkAllocationCallbacks *callbacks,
                                                              VkInstance                  *instance)
{
    (void)info, (void)callbacks;
    Instance *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    set_loader_magic_value(made);
    set_loader_magic_value(&made->physical);
    *instance = HANDLE(VkInstance, made);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL driver_vkDestroyInstance(VkInstance instance, const VkAllocationCallbacks *callbacks)
{
    (void)callbacks;
    free(OBJECT(Instance, instance));
}

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkEnumeratePhysicalDevices(VkInstance instance, uint32_t *count,
                                                                        VkPhysicalDevice *list)
{
    const uint32_t room = list != NULL ? *count : 1;
    *count              = room < 1 ? 0 : 1;
    if (list != NULL && room > 0) {
        list[0] = HANDLE(VkPhysicalDevice, &OBJECT(Instance, instance)->physical);
    }
    return room < 1 ? VK_INCOMPLETE : VK_SUCCESS;
}

/* --- device -------------------------------------------------------------------------------------------- */

static VKAPI_ATTR VkResult VKAPI_CALL driver_vkCreateDevice(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                                                            const VkAllocationCallbacks *callbacks, VkDevice *device)
{
    (void)physical, (void)info, (void)callbacks; /* what may be turned on is validation's business */
    Device *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    set_loader_magic_value(made);
    pthread_mutex_init(&made->lock, NULL);
    for (int i = 0; i < QUEUES; i++) {
        set_loader_magic_value(&made->queues[i]);
        made->queues[i].device = made;
    }
    made->next_address = (uint64_t)1 << 36; /* no number of 32 bits is an address */
    *device            = HANDLE(VkDevice, made);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL driver_vkDestroyDevice(VkDevice device, const VkAllocationCallbacks *callbacks)
{
    (void)callbacks;
    Device *d = OBJECT(Device, device);
    if (d == NULL) {
        return;
    }
    if (driver_options()->tell) {
        driver_tell(d);
    }
    if (d->faults > 0) {
        fprintf(stderr, DRIVER_NAME ": %ju faults\n", (uintmax_t)d->faults);
        abort();
    }
    pthread_mutex_destroy(&d->lock);
    for (int i = 0; i < QUEUES; i++) {
        free(d->queues[i].waiting);
    }
    free(d->memories);
    free(d);
}

static VKAPI_ATTR void VKAPI_CALL driver_vkGetDeviceQueue(VkDevice device, uint32_t family, uint32_t index,
                                                          VkQueue *queue)
{
    (void)family;
    *queue = HANDLE(VkQueue, &OBJECT(Device, device)->queues[index < QUEUES ? index : 0]);
}

static VKAPI_ATTR void VKAPI_CALL driver_vkGetDeviceQueue2(VkDevice device, const VkDeviceQueueInfo2 *info,
                                                           VkQueue *queue)
{
    driver_vkGetDeviceQueue(device, info->queueFamilyIndex, info->queueIndex, queue);
}

/* --- finding functions ------------------------------------------------------------------------------------ */

EXPORT VKAPI_ATTR VkResult VKAPI_CALL           vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version);
EXPORT VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vk_icdGetInstanceProcAddr(VkInstance instance, const char *name);
EXPORT VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vk_icdGetPhysicalDeviceProcAddr(VkInstance instance, const char *name);

static PFN_vkVoidFunction find(Functions functions, const char *name)
{
    for (size_t i = 0; i < functions.count; i++) {
        if (strcmp(functions.rows[i].name, name) == 0) {
            return functions.rows[i].function;
        }
    }
    return NULL;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL driver_vkGetDeviceProcAddr(VkDevice device, const char *name)
{
    static const Function rows[]  = {FUNCTION(vkGetDeviceProcAddr), FUNCTION(vkDestroyDevice),
                                     FUNCTION(vkGetDeviceQueue), FUNCTION(vkGetDeviceQueue2)};
    const Functions       parts[] = {{rows, sizeof rows / sizeof *rows},
                                     driver_memory(),
                                     driver_pipelines(),
                                     driver_sets(),
                                     driver_commands(),
                                     driver_queues()};
    PFN_vkVoidFunction    found   = NULL;
    (void)device;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && found == NULL; i++) {
        found = find(parts[i], name);
    }
    return found;
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vk_icdGetPhysicalDeviceProcAddr(VkInstance instance, const char *name)
{
    (void)instance;
    const PFN_vkVoidFunction found = find(driver_physical(), name);
    return found != NULL ? found : find(driver_matrices(), name);
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vk_icdGetInstanceProcAddr(VkInstance instance, const char *name)
{
    static const Function rows[] = {
        FUNCTION(vkEnumerateInstanceVersion), FUNCTION(vkEnumerateInstanceExtensionProperties),
        FUNCTION(vkCreateInstance),           FUNCTION(vkDestroyInstance),
        FUNCTION(vkEnumeratePhysicalDevices), FUNCTION(vkCreateDevice)};
    PFN_vkVoidFunction found = find((Functions){rows, sizeof rows / sizeof *rows}, name);
    found                    = found != NULL ? found : vk_icdGetPhysicalDeviceProcAddr(instance, name);
    return found != NULL ? found : driver_vkGetDeviceProcAddr(VK_NULL_HANDLE, name);
}

VKAPI_ATTR VkResult VKAPI_CALL vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version)
{
    enum { OURS = 5 };
    if (*version < OURS) {
        return VK_ERROR_INCOMPATIBLE_DRIVER;
    }
    *version = OURS;
    driver_options();
    return VK_SUCCESS;
}
