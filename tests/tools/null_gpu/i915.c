/* What Linux's i915 driver answers: Intel's cards from Skylake to Arrow Lake. */
#include <errno.h>
#include <stddef.h>

#include "tests/tools/null_gpu/null_gpu.h"

enum {
    GETPARAM         = 0x06,
    GEM_CREATE       = 0x1b,
    GEM_GET_APERTURE = 0x23,
    GEM_MMAP_OFFSET  = 0x24,
    CONTEXT_CREATE   = 0x2d,
    REG_READ         = 0x31,
    USERPTR          = 0x33,
    CONTEXT_GETPARAM = 0x34,
    PERF_OPEN        = 0x36,
    PERF_ADD         = 0x37,
    PERF_REMOVE      = 0x38,
    QUERY            = 0x39,
    VM_CREATE        = 0x3a,
    GEM_CREATE_EXT   = 0x3c,
};

/* Of GETPARAM; any other is a feature, and it is there. */
enum {
    CHIPSET_ID          = 4,
    REVISION            = 32,
    MMAP_GTT_VERSION    = 40,
    HUC_STATUS          = 42,
    TIMESTAMP_FREQUENCY = 51,
    PERF_REVISION       = 54,
    PXP_STATUS          = 58,
};

enum { CONTEXT_GTT_SIZE = 3 };

static const uint64_t address_bytes = UINT64_C(1) << 47, host_bytes = UINT64_C(16) << 30;

typedef struct Param {
    int32_t param;
    int    *value;
} Param;

static int get_param(const NullCard *card, const Param *asked)
{
    switch (asked->param) {
    case CHIPSET_ID: *asked->value = card->pci_device; return 0;
    case REVISION: *asked->value = card->revision; return 0;
    case MMAP_GTT_VERSION: *asked->value = 4; return 0;
    case TIMESTAMP_FREQUENCY: *asked->value = 19200000; return 0;
    case PERF_REVISION:
    case HUC_STATUS:
    case PXP_STATUS: return ENODEV;
    default: *asked->value = 1; return 0;
    }
}

/* --- queries ---------------------------------------------------------------- */

enum { TOPOLOGY = 1, ENGINES = 2, MEMORY = 4, GEOMETRY = 6, MAX_CORES = 64, MAX_UNITS = 16 };

typedef struct Topology {
    uint16_t flags, slices, cores, units;
    uint16_t core_offset, core_stride, unit_offset, unit_stride;
    uint8_t  masks[1 + MAX_CORES / 8 + MAX_CORES * MAX_UNITS / 8];
} Topology;

/* One slice that has all cores, and every core all its execution units: so i915 tells it since Ice Lake. */
static uint32_t topology_of(const NullCard *card, Topology *topology)
{
    *topology             = (Topology){.slices      = 1,
                                       .cores       = (uint16_t)card->cores,
                                       .units       = (uint16_t)card->units,
                                       .core_offset = 1,
                                       .core_stride = (uint16_t)((card->cores + 7) / 8),
                                       .unit_stride = (uint16_t)((card->units + 7) / 8)};
    topology->unit_offset = (uint16_t)(topology->core_offset + topology->core_stride);
    topology->masks[0]    = 1;
    for (uint32_t core = 0; core < card->cores; core++) {
        topology->masks[topology->core_offset + core / 8] |= (uint8_t)(1u << core % 8);
        for (uint32_t unit = 0; unit < card->units; unit++) {
            topology->masks[topology->unit_offset + core * topology->unit_stride + unit / 8] |=
                (uint8_t)(1u << unit % 8);
        }
    }
    return (uint32_t)offsetof(Topology, masks) + topology->unit_offset + card->cores * topology->unit_stride;
}

typedef struct Engine {
    uint16_t class_id, instance;
    uint32_t reserved;
    uint64_t flags, capabilities;
    uint16_t logical_instance, reserved2[3];
    uint64_t reserved3[3];
} Engine;

typedef struct Engines {
    uint32_t count, reserved[3];
    Engine   engines[2]; /* class 0 renders and computes, class 1 copies */
} Engines;

typedef struct Region {
    uint16_t class_id, instance;
    uint32_t reserved;
    uint64_t bytes, free_bytes, visible_bytes, free_visible_bytes;
    uint64_t reserved2[6];
} Region;

typedef struct Regions {
    uint32_t count, reserved[3];
    Region   regions[2]; /* class 0 is the host's, class 1 the card's own */
} Regions;

typedef struct QueryItem {
    uint64_t id;
    int32_t  length;
    uint32_t flags;
    uint64_t data;
} QueryItem;

typedef struct Query {
    uint32_t count, flags;
    uint64_t items;
} Query;

static void answer_item(const NullCard *card, QueryItem *item)
{
    Topology      topology;
    const Engines engines = {.count = 2, .engines = {{.class_id = 0}, {.class_id = 1}}};
    const Regions regions = {.count   = card->memory > 0 ? 2 : 1,
                             .regions = {{.class_id = 0, .bytes = host_bytes, .free_bytes = host_bytes},
                                         {.class_id           = 1,
                                          .bytes              = card->memory,
                                          .free_bytes         = card->memory,
                                          .visible_bytes      = card->memory,
                                          .free_visible_bytes = card->memory}}};
    const void   *answer  = NULL;
    uint32_t      bytes   = 0;
    switch (item->id) {
    case TOPOLOGY:
    case GEOMETRY:
        answer = &topology;
        bytes  = topology_of(card, &topology);
        break;
    case ENGINES:
        answer = &engines;
        bytes  = sizeof engines;
        break;
    case MEMORY:
        answer = &regions;
        bytes  = (uint32_t)(offsetof(Regions, regions) + regions.count * sizeof(Region));
        break;
    default: break;
    }
    uint32_t  size    = item->length < 0 ? 0 : (uint32_t)item->length;
    const int failure = answer == NULL ? EINVAL : null_answer(answer, bytes, (void *)(uintptr_t)item->data, &size);
    item->length      = failure != 0 ? -failure : (int32_t)size;
}

/* --- memory, contexts --------------------------------------------------------- */

typedef struct Create {
    uint64_t bytes;
    uint32_t handle, flags;
} Create;

typedef struct Map {
    uint32_t handle, pad;
    uint64_t offset;
} Map;

typedef struct Aperture {
    uint64_t bytes, available;
} Aperture;

typedef struct UserPointer {
    uint64_t pointer, bytes;
    uint32_t flags, handle;
} UserPointer;

typedef struct ContextParam {
    uint32_t context, size;
    uint64_t param, value;
} ContextParam;

typedef struct AddressSpace {
    uint64_t extensions;
    uint32_t flags, id;
} AddressSpace;

static int new_buffer(uint64_t bytes, uint32_t *handle)
{
    *handle = null_buffer_new(bytes);
    return *handle == 0 ? ENOMEM : 0;
}

int i915_request(const NullCard *card, unsigned number, void *request)
{
    switch (number) {
    case GETPARAM: return get_param(card, request);
    case GEM_CREATE:
    case GEM_CREATE_EXT: {
        Create *create = request;
        return new_buffer(create->bytes, &create->handle);
    }
    case GEM_GET_APERTURE:
        *(Aperture *)request = (Aperture){.bytes = address_bytes, .available = address_bytes};
        return 0;
    case GEM_MMAP_OFFSET: {
        Map *map    = request;
        map->offset = null_buffer_offset(map->handle);
        return map->offset == UINT64_MAX ? ENOENT : 0;
    }
    case CONTEXT_CREATE: *(uint32_t *)request = null_id_new(); return 0;
    case REG_READ:
    case PERF_OPEN:
    case PERF_ADD:
    case PERF_REMOVE: return ENODEV;
    case USERPTR: {
        UserPointer *user = request;
        return user->bytes == 0 ? EINVAL : new_buffer(user->bytes, &user->handle);
    }
    case CONTEXT_GETPARAM: {
        ContextParam *asked = request;
        asked->value        = asked->param == CONTEXT_GTT_SIZE ? address_bytes : 0;
        return 0;
    }
    case QUERY: {
        const Query *query = request;
        QueryItem   *items = (QueryItem *)(uintptr_t)query->items;
        for (uint32_t i = 0; i < query->count; i++) {
            answer_item(card, &items[i]);
        }
        return 0;
    }
    case VM_CREATE: {
        AddressSpace *space = request;
        space->id           = null_id_new();
        return 0;
    }
    default: return 0; /* submitting, waiting, moving: nothing to do */
    }
}
