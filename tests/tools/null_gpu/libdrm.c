/* The card's place among others: in place of libdrm's list of cards, and of the C library's look at their files. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tests/tools/null_gpu/null_gpu.h"

enum { NODES = 3, NODE_PRIMARY = 0, NODE_RENDER = 2, BUS_PCI = 0, DRM_MAJOR = 226, RENDER_MINOR = 128 };

static const char primary_path[]     = "/dev/dri/card0";
const char        null_render_path[] = "/dev/dri/renderD128";

typedef struct PciBus {
    uint16_t domain;
    uint8_t  bus, device, function;
} PciBus;

typedef struct PciDevice {
    uint16_t vendor, device, subvendor, subdevice;
    uint8_t  revision;
} PciDevice;

/* libdrm's drmDevice, and what it points to in the same block, so that libdrm's own drmFreeDevice frees it. */
typedef struct DrmDevice {
    char     **nodes;
    int        available_nodes, bus_type;
    PciBus    *bus;
    PciDevice *device;
    char      *node_list[NODES];
    char       primary[sizeof primary_path], render[sizeof null_render_path];
    PciBus     pci_bus;
    PciDevice  pci_device;
} DrmDevice;

static uint16_t vendor_of(const NullCard *card)
{
    if (strcmp(card->kernel, "amdgpu") == 0) {
        return NULL_VENDOR_AMD;
    }
    return strcmp(card->kernel, "nouveau") == 0 ? NULL_VENDOR_NVIDIA : NULL_VENDOR_INTEL;
}

static DrmDevice *describe(const NullCard *card)
{
    DrmDevice *device = calloc(1, sizeof *device);
    if (device == NULL) {
        return NULL;
    }
    memcpy(device->primary, primary_path, sizeof primary_path);
    memcpy(device->render, null_render_path, sizeof null_render_path);
    device->node_list[NODE_PRIMARY] = device->primary;
    device->node_list[NODE_RENDER]  = device->render;
    device->nodes                   = device->node_list;
    device->available_nodes         = 1 << NODE_PRIMARY | 1 << NODE_RENDER;
    device->bus_type                = BUS_PCI;
    device->bus                     = &device->pci_bus;
    device->device                  = &device->pci_device;
    device->pci_bus                 = (PciBus){.bus = 3};
    const uint16_t vendor           = vendor_of(card);
    device->pci_device              = (PciDevice){
                     .vendor = vendor, .device = card->pci_device, .subvendor = vendor, .revision = (uint8_t)card->revision};
    return device;
}

int drmGetDevices2(uint32_t flags, DrmDevice *devices[], int max)
{
    (void)flags;
    const NullCard *card = null_card();
    if (card == NULL) {
        return 0;
    }
    if (devices != NULL && max > 0) {
        devices[0] = describe(card);
        return devices[0] == NULL ? -ENOMEM : 1;
    }
    return 1;
}

int drmGetDevice2(int fd, uint32_t flags, DrmDevice **device)
{
    (void)fd, (void)flags;
    const NullCard *card = null_card();
    if (card == NULL) {
        return -ENODEV;
    }
    *device = describe(card);
    return *device == NULL ? -ENOMEM : 0;
}

int drmGetDeviceFromDevId(dev_t id, uint32_t flags, DrmDevice **device)
{
    (void)id;
    return drmGetDevice2(-1, flags, device);
}

/* Mesa's NVIDIA driver finds its card again by the file's device number; its AMD driver asks for both. */
static int stat_any(const char *path, struct stat *status)
{
    const bool renders = strcmp(path, null_render_path) == 0;
    if (null_card() != NULL && (renders || strcmp(path, primary_path) == 0)) {
        *status = (struct stat){.st_mode = S_IFCHR, .st_rdev = makedev(DRM_MAJOR, renders ? RENDER_MINOR : 0)};
        return 0;
    }
    return fstatat(AT_FDCWD, path, status, 0);
}

int stat(const char *restrict path, struct stat *restrict status)
{
    return stat_any(path, status);
}

int stat64(const char *restrict path, struct stat64 *restrict status)
{
    struct stat here;
    _Static_assert(sizeof here == sizeof *status, "one layout, as on every system of 64 bits");
    const int failed = stat_any(path, &here);
    memcpy(status, &here, failed ? 0 : sizeof here);
    return failed;
}
