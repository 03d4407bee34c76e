/* What Linux's nouveau driver answers: NVIDIA's cards from Turing on. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#include "tests/tools/null_gpu/null_gpu.h"

enum {
    GETPARAM      = 0x00,
    CHANNEL_ALLOC = 0x02,
    NVIF          = 0x07,
    GET_ZCULL     = 0x13,
    GEM_NEW       = 0x40,
    GEM_INFO      = 0x44,
};

/* Of GETPARAM */
enum {
    PCI_VENDOR   = 3,
    PCI_DEVICE   = 4,
    MEMORY_BYTES = 8,
    HOST_BYTES   = 9,
    CHIPSET      = 11,
    UNITS        = 13,
    TIME         = 14,
    PUSHES       = 17,
    BAR_BYTES    = 18,
    MEMORY_USED  = 19,
};

static const uint64_t host_bytes = UINT64_C(16) << 30;

typedef struct Param {
    uint64_t param, value;
} Param;

static int get_param(const NullCard *card, Param *asked)
{
    switch (asked->param) {
    case PCI_VENDOR: asked->value = NULL_VENDOR_NVIDIA; return 0;
    case PCI_DEVICE: asked->value = card->pci_device; return 0;
    case MEMORY_BYTES:
    case BAR_BYTES: asked->value = card->memory; return 0;
    case HOST_BYTES: asked->value = host_bytes; return 0;
    case CHIPSET: asked->value = card->version_major; return 0;
    case UNITS: asked->value = (uint64_t)card->cores << 8 | card->units; return 0;
    case TIME: asked->value = 1; return 0;
    case PUSHES: asked->value = 510; return 0;
    case MEMORY_USED: asked->value = 1; return 0;
    default: return EINVAL;
    }
}

/* --- objects: the device, and the engines of a channel ------------------------ */

enum { CLASSES = 1, METHOD = 4, METHOD_INFO = 0, PLATFORM_PCIE = 3, MAX_CLASSES = 16 };

typedef struct Object {
    uint8_t  version, type, pad[4], owner, route;
    uint64_t token, object;
    uint8_t  data[]; /* by type */
} Object;

typedef struct Info {
    uint8_t  version, method, pad[6];
    uint8_t  version2, platform;
    uint16_t chipset;
    uint8_t  revision, family, pad2[2];
    uint64_t bytes, user_bytes;
    char     chip[16], name[64];
} Info;

typedef struct Class {
    int32_t id;
    int16_t oldest, newest;
} Class;

typedef struct Classes {
    uint8_t version, count, pad[6];
    Class   classes[];
} Classes;

/* Of each generation, by the chipset's upper digits: drawing, computing, copying, writing from the command buffer.
 * Drawing in two dimensions is Fermi's for all. */
typedef struct Engines {
    uint16_t chipset;
    int32_t  draw, compute, copy, inlined;
} Engines;

static const Engines generations[] = {
    {0x16, 0xc597, 0xc5c0, 0xc5b5, 0xa140}, /* Turing    */
    {0x17, 0xc797, 0xc7c0, 0xc7b5, 0xa140}, /* Ampere    */
    {0x18, 0xcb97, 0xcbc0, 0xc8b5, 0xa140}, /* Hopper    */
    {0x19, 0xc997, 0xc9c0, 0xc7b5, 0xa140}, /* Ada       */
    {0x1b, 0xce97, 0xcec0, 0xcab5, 0xcd40}, /* Blackwell */
};

enum { DRAW_2D = 0x902d };

static int list_classes(const NullCard *card, Classes *list, size_t bytes)
{
    for (size_t i = 0; i < sizeof generations / sizeof generations[0]; i++) {
        const Engines *e = &generations[i];
        if (e->chipset == card->version_major >> 4) {
            const int32_t ids[] = {e->draw, e->compute, e->copy, e->inlined, DRAW_2D};
            const size_t  count = sizeof ids / sizeof ids[0];
            if (bytes < sizeof *list + count * sizeof(Class)) {
                return EINVAL;
            }
            for (size_t j = 0; j < count; j++) {
                list->classes[j] = (Class){.id = ids[j], .oldest = -1, .newest = -1};
            }
            list->count = (uint8_t)count;
            return 0;
        }
    }
    return ENODEV;
}

static int object_request(const NullCard *card, Object *object, size_t bytes)
{
    if (bytes < sizeof *object) {
        return EINVAL;
    }
    bytes -= sizeof *object;
    if (object->type == CLASSES) {
        return list_classes(card, (Classes *)object->data, bytes);
    }
    Info *info = (Info *)object->data;
    if (object->type == METHOD && bytes >= sizeof *info && info->method == METHOD_INFO) {
        info->platform   = PLATFORM_PCIE;
        info->chipset    = card->version_major;
        info->revision   = (uint8_t)card->revision;
        info->bytes      = card->memory;
        info->user_bytes = card->memory;
        snprintf(info->chip, sizeof info->chip, "%s", card->name);
        snprintf(info->name, sizeof info->name, "%s", card->name);
    }
    return 0; /* made, or gone */
}

/* --- memory, channels ----------------------------------------------------------- */

typedef struct Memory {
    uint32_t handle, domain;
    uint64_t bytes, address, map;
    uint32_t tile_mode, tile_flags;
} Memory;

typedef struct Channel {
    uint32_t framebuffer, engine;
    int32_t  id;
    uint32_t domains, notifier;
    uint32_t subchannels[8][2];
    uint32_t count;
} Channel;

int nouveau_request(const NullCard *card, unsigned number, void *request, size_t bytes)
{
    switch (number) {
    case GETPARAM: return get_param(card, request);
    case CHANNEL_ALLOC: {
        Channel *channel = request;
        channel->id      = (int32_t)null_id_new();
        return 0;
    }
    case NVIF: return object_request(card, request, bytes);
    case GET_ZCULL: return ENODEV;
    case GEM_NEW: {
        Memory *memory = request;
        memory->handle = null_buffer_new(memory->bytes);
        memory->map    = null_buffer_offset(memory->handle);
        return memory->handle == 0 ? ENOMEM : 0;
    }
    case GEM_INFO: {
        Memory *memory = request;
        memory->map    = null_buffer_offset(memory->handle);
        return memory->map == UINT64_MAX ? ENOENT : 0;
    }
    default: return 0; /* submitting, binding, waiting: nothing to do */
    }
}
