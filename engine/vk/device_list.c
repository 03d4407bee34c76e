/* The devices that there are, and which one is meant. */
#include "engine/vk/private.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static int candidate_order(const void *a, const void *b)
{
    const GpuCandidate *x = a, *y = b;
    if ((x->info.unusable[0] != 0) != (y->info.unusable[0] != 0)) {
        return x->info.unusable[0] != 0 ? 1 : -1;
    }
    if (x->info.type != y->info.type) {
        return x->info.type < y->info.type ? -1 : 1;
    }
    if (x->info.memory_bytes != y->info.memory_bytes) {
        return x->info.memory_bytes > y->info.memory_bytes ? -1 : 1;
    }
    return x->info.index - y->info.index; /* the loader's order */
}

int gpu_candidates(VkInstance instance, GpuCandidate *list, int capacity)
{
    VkPhysicalDevice devices[GPU_MAX_DEVICES];
    uint32_t         count = GPU_MAX_DEVICES;
    if (vkEnumeratePhysicalDevices(instance, &count, devices) < 0) {
        return 0;
    }
    int n = 0;
    for (uint32_t i = 0; i < count && n < capacity; i++, n++) {
        gpu_candidate_fill(&list[n], instance, devices[i]);
        list[n].info.index = n;
    }
    qsort(list, (size_t)n, sizeof *list, candidate_order);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < i && !list[i].info.duplicate; j++) {
            static const uint8_t zero[VK_UUID_SIZE];
            bool                 same_uuid = memcmp(list[i].uuid, zero, sizeof zero) != 0 &&
                             memcmp(list[i].uuid, list[j].uuid, sizeof list[i].uuid) == 0;
            bool same_pci =
                list[i].has_pci && list[j].has_pci && memcmp(list[i].pci, list[j].pci, sizeof list[i].pci) == 0;
            list[i].info.duplicate = list[i].info.type != GPU_CPU && (same_uuid || same_pci);
        }
    }
    for (int i = 0; i < n; i++) {
        list[i].info.index = i;
    }
    return n;
}

int gpu_list(GpuInfo *infos, int capacity, Error *error)
{
    VkInstance instance = VK_NULL_HANDLE;
    VkResult   result   = gpu_instance_create(&instance, NULL, false);
    if (result != VK_SUCCESS) {
        error_set(error, STATUS_FAILED,
                  "cannot start Vulkan: %s; install a Vulkan driver (Debian: mesa-vulkan-drivers)",
                  gpu_result_text(result));
        return 0;
    }
    GpuCandidate list[GPU_MAX_DEVICES];
    int          n = gpu_candidates(instance, list, GPU_MAX_DEVICES);
    gpu_instance_destroy(instance, VK_NULL_HANDLE);
    if (n > capacity) {
        n = capacity;
    }
    for (int i = 0; i < n; i++) {
        infos[i] = list[i].info;
    }
    return n;
}

static bool contains_ignoring_case(const char *text, const char *part)
{
    size_t n = strlen(part);
    for (; *text != 0; text++) {
        size_t i = 0;
        while (i < n && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i])) {
            i++;
        }
        if (i == n) {
            return true;
        }
    }
    return n == 0;
}

int gpu_choose(const GpuInfo *list, int n, const char *select, Error *error)
{
    if (n == 0) {
        error_set(
            error, STATUS_FAILED,
            "no Vulkan device was found; install a driver (Debian: mesa-vulkan-drivers, which has a CPU device too)");
        return -1;
    }
    if (select == NULL || select[0] == 0 || strcmp(select, "auto") == 0) {
        for (int i = 0; i < n; i++) {
            if (list[i].unusable[0] == 0 && !list[i].duplicate) {
                return i;
            }
        }
        error_set(error, STATUS_FAILED, "no Vulkan device can be used; the first, %s: %s", list[0].name,
                  list[0].unusable);
        return -1;
    }
    int found = -1;
    if (select[strspn(select, "0123456789")] == 0 && strlen(select) < 4) {
        int index = atoi(select);
        found     = index < n ? index : -1;
    } else {
        for (int i = 0; i < n && found < 0; i++) {
            if (contains_ignoring_case(list[i].name, select) || contains_ignoring_case(list[i].driver, select)) {
                found = i;
            }
        }
    }
    if (found < 0) {
        if (n == 1) {
            error_set(error, STATUS_BAD_INPUT, "there is no device '%s'; the only one is 0, %s", select, list[0].name);
        } else {
            error_set(error, STATUS_BAD_INPUT, "there is no device '%s'; 'rlsp devices' lists 0 to %d", select, n - 1);
        }
    } else if (list[found].unusable[0] != 0) {
        error_set(error, STATUS_FAILED, "device %d (%s) cannot be used: %s", found, list[found].name,
                  list[found].unusable);
        found = -1;
    }
    return found;
}
