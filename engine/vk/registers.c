/* How wide the registers are that lavapipe computes in.
 *
 * It takes 256 bits unless LP_NATIVE_VECTOR_WIDTH says otherwise when the driver is loaded, also where the processor
 * has AVX-512, with which training is 1.3 to 1.5 times as fast in 512 (SPEED.md). So that is asked for there, where
 * nobody has said anything and there is no GPU.
 */
#include "engine/vk/private.h"

#include <stdio.h>
#include <stdlib.h>

/* The first Mesa that was found right so. 26.1 keeps compiled functions that read texels in its cache on disk without
 * saying for which width: of two processes with different widths, whoever they are, the second crashes. 22.3 has
 * the same bits on all processors. */
enum { FIRST_MESA = 26, ITS_MINOR = 2 };

static const char *const WIDTH = "LP_NATIVE_VECTOR_WIDTH";

static bool has_avx512(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
    return false;
#endif
}

/* Of a CPU device: is it lavapipe, new enough, in registers of 256 bits? */
static bool may_be_wider(VkPhysicalDevice device)
{
    VkPhysicalDeviceVulkan11Properties subgroups  = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES};
    VkPhysicalDeviceDriverProperties   driver     = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES,
                                                     .pNext = &subgroups};
    VkPhysicalDeviceProperties2        properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                                     .pNext = &driver};
    int                                major, minor; /* in words: driverVersion is 1 up to Mesa 25 */
    vkGetPhysicalDeviceProperties2(device, &properties);
    return driver.driverID == VK_DRIVER_ID_MESA_LLVMPIPE && subgroups.subgroupSize <= 8 &&
           sscanf(driver.driverInfo, "Mesa %d.%d", &major, &minor) == 2 &&
           (major > FIRST_MESA || (major == FIRST_MESA && minor >= ITS_MINOR));
}

bool gpu_widen_registers(VkInstance instance)
{
    VkPhysicalDevice devices[GPU_MAX_DEVICES];
    uint32_t         count = GPU_MAX_DEVICES;
    if (getenv(WIDTH) != NULL || !has_avx512() || vkEnumeratePhysicalDevices(instance, &count, devices) < 0) {
        return false;
    }
    bool found = false;
    for (uint32_t i = 0; i < count; i++) {
        VkPhysicalDeviceProperties plain;
        vkGetPhysicalDeviceProperties(devices[i], &plain);
        if (plain.deviceType != VK_PHYSICAL_DEVICE_TYPE_CPU) {
            return false;
        }
        found = found || (plain.apiVersion >= VK_API_VERSION_1_2 && may_be_wider(devices[i]));
    }
    return found && setenv(WIDTH, "512", 0) == 0;
}
