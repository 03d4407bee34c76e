/* What Linux's xe driver answers: Intel's cards from Lunar Lake and Battlemage on. */
#include <errno.h>
#include <stddef.h>

#include "tests/tools/null_gpu/null_gpu.h"

enum {
    DEVICE_QUERY      = 0x00,
    GEM_CREATE        = 0x01,
    GEM_MMAP_OFFSET   = 0x02,
    VM_CREATE         = 0x03,
    EXEC_QUEUE_CREATE = 0x06,
    EXEC_QUEUE_GET    = 0x08,
    OBSERVATION       = 0x0b,
    VM_QUERY_RANGES   = 0x0d,
    VM_GET_PROPERTY   = 0x0f,
};

static const uint64_t host_bytes = UINT64_C(16) << 30;

/* --- queries ---------------------------------------------------------------- */

enum { ENGINES = 0, REGIONS = 1, CONFIG = 2, GRAPHICS = 3, HARDWARE = 4, TOPOLOGY = 5, FIRMWARE = 7 };

typedef struct Engine {
    uint16_t class_id, instance, gt_id, pad;
    uint64_t reserved[3];
} Engine;

typedef struct Engines {
    uint32_t count, pad;
    Engine   engines[3];
} Engines;

static const Engines engines = {3, 0, {{.class_id = 0}, {.class_id = 1}, {.class_id = 4}}}; /* render, copy, compute */

typedef struct Region {
    uint16_t class_id, instance;
    uint32_t page_bytes;
    uint64_t bytes, used, visible_bytes, visible_used;
    uint64_t reserved[6];
} Region;

typedef struct Regions {
    uint32_t count, pad;
    Region   regions[2]; /* class 0 is the host's, class 1 the card's own */
} Regions;

typedef struct Config {
    uint32_t count, pad;
    uint64_t revision_and_device, flags, alignment, address_bits, priorities;
} Config;

typedef struct Graphics {
    uint32_t count, pad;
    uint16_t type, tile, gt_id, pad2[3];
    uint32_t clock;
    uint64_t near_regions, far_regions;
    uint16_t major, minor, revision, pad3;
    uint64_t reserved[7];
} Graphics;

/* Rows of key, length, value, as the card's firmware has them. */
enum { MAX_SLICES = 1, MAX_CORES = 2, UNITS_PER_CORE = 3, THREADS_PER_UNIT = 15, CORES_PER_SLICE = 4 };

typedef struct Hardware {
    uint32_t rows[4][3];
} Hardware;

/* What a mask is of; UNITS: of 16 lanes, of a core. */
enum { GEOMETRY_CORES = 1, COMPUTE_CORES = 2, CACHE_BANKS = 3, UNITS = 5 };

typedef struct Mask {
    uint16_t gt_id, type;
    uint32_t bytes;
    uint8_t  mask[8];
} Mask;

typedef struct Firmware {
    uint16_t type, pad;
    uint32_t branch, major, minor, patch, pad2;
    uint64_t reserved;
} Firmware;

typedef struct DeviceQuery {
    uint64_t extensions;
    uint32_t query, size;
    uint64_t data;
} DeviceQuery;

static Mask mask_of(uint16_t type, uint32_t count)
{
    Mask mask = {.type = type, .bytes = sizeof mask.mask};
    for (uint32_t i = 0; i < count && i < 8 * sizeof mask.mask; i++) {
        mask.mask[i / 8] |= (uint8_t)(1u << i % 8);
    }
    return mask;
}

static int device_query(const NullCard *card, DeviceQuery *query)
{
    void *to = (void *)(uintptr_t)query->data;
    switch (query->query) {
    case ENGINES: return null_answer(&engines, sizeof engines, to, &query->size);
    case REGIONS: {
        const Regions regions = {.count   = card->memory > 0 ? 2 : 1,
                                 .regions = {{.class_id = 0, .page_bytes = 4096, .bytes = host_bytes},
                                             {.class_id      = 1,
                                              .instance      = 1,
                                              .page_bytes    = 65536,
                                              .bytes         = card->memory,
                                              .visible_bytes = card->memory}}};
        const size_t  bytes   = offsetof(Regions, regions) + regions.count * sizeof(Region);
        return null_answer(&regions, (uint32_t)bytes, to, &query->size);
    }
    case CONFIG: {
        const Config config = {.count               = 5,
                               .revision_and_device = (uint64_t)card->revision << 16 | card->pci_device,
                               .flags               = card->memory > 0 ? 1 : 0,
                               .alignment           = 65536,
                               .address_bits        = 48,
                               .priorities          = 2};
        return null_answer(&config, sizeof config, to, &query->size);
    }
    case GRAPHICS: {
        const Graphics graphics = {.count        = 1,
                                   .clock        = 19200000,
                                   .near_regions = 1,
                                   .major        = card->version_major,
                                   .minor        = card->version_minor,
                                   .revision     = card->revision};
        return null_answer(&graphics, sizeof graphics, to, &query->size);
    }
    case HARDWARE: {
        const Hardware hardware = {{{MAX_SLICES, 1, (card->cores + CORES_PER_SLICE - 1) / CORES_PER_SLICE},
                                    {MAX_CORES, 1, card->cores},
                                    {UNITS_PER_CORE, 1, card->units},
                                    {THREADS_PER_UNIT, 1, 8}}};
        return null_answer(&hardware, sizeof hardware, to, &query->size);
    }
    case TOPOLOGY: {
        const Mask masks[] = {mask_of(GEOMETRY_CORES, card->cores), mask_of(COMPUTE_CORES, card->cores),
                              mask_of(CACHE_BANKS, 8), mask_of(UNITS, card->units)};
        return null_answer(masks, sizeof masks, to, &query->size);
    }
    case FIRMWARE: {
        const Firmware firmware = {.major = 1, .minor = 30};
        return null_answer(&firmware, sizeof firmware, to, &query->size);
    }
    default: return ENODEV;
    }
}

/* --- memory, contexts --------------------------------------------------------- */

typedef struct Create {
    uint64_t extensions, bytes;
    uint32_t placement, flags, space, handle;
} Create;

typedef struct Map {
    uint64_t extensions;
    uint32_t handle, flags;
    uint64_t offset;
} Map;

typedef struct AddressSpace {
    uint64_t extensions;
    uint32_t flags, id;
} AddressSpace;

typedef struct ExecQueue {
    uint64_t extensions;
    uint16_t width, placements;
    uint32_t space, flags, id;
} ExecQueue;

typedef struct Property {
    uint64_t extensions;
    uint32_t id, property;
    uint64_t value;
} Property;

int xe_request(const NullCard *card, unsigned number, void *request)
{
    switch (number) {
    case DEVICE_QUERY: return device_query(card, request);
    case GEM_CREATE: {
        Create *create = request;
        create->handle = null_buffer_new(create->bytes);
        return create->handle == 0 ? ENOMEM : 0;
    }
    case GEM_MMAP_OFFSET: {
        Map *map    = request;
        map->offset = null_buffer_offset(map->handle);
        return map->offset == UINT64_MAX ? ENOENT : 0;
    }
    case VM_CREATE: {
        AddressSpace *space = request;
        space->id           = null_id_new();
        return 0;
    }
    case EXEC_QUEUE_CREATE: {
        ExecQueue *queue = request;
        queue->id        = null_id_new();
        return 0;
    }
    case EXEC_QUEUE_GET: {
        Property *asked = request;
        asked->value    = 0; /* whether the queue was taken away */
        return 0;
    }
    case OBSERVATION:
    case VM_QUERY_RANGES: return ENODEV;
    case VM_GET_PROPERTY: return ENOENT;
    default: return 0; /* submitting, binding, waiting: nothing to do */
    }
}
