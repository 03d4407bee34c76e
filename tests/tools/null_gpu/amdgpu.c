/* What Linux's amdgpu driver answers: AMD's cards from Polaris on. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "tests/tools/null_gpu/null_gpu.h"

enum {
    GEM_CREATE  = 0x00,
    GEM_MMAP    = 0x01,
    CTX         = 0x02,
    BO_LIST     = 0x03,
    CS          = 0x04,
    INFO        = 0x05,
    WAIT_CS     = 0x09,
    GEM_OP      = 0x10,
    WAIT_FENCES = 0x12,
};

static const uint64_t host_bytes = UINT64_C(16) << 30;

/* --- the chips ---------------------------------------------------------------- */

/* What a driver is told of a chip beside what NullCard holds. */
typedef struct Chip {
    uint16_t pci_device;
    uint8_t  family, revision; /* as amdgpu counts them                                              */
    uint32_t addresses;        /* GB_ADDR_CONFIG: how memory is spread over channels                 */
    uint32_t vgprs;            /* of a SIMD, in registers of a wave of 32 (Vega: of 64)              */
    uint32_t channels, memory_type, memory_bits;
    uint32_t l2_kib;
    bool     shares; /* the host's memory */
} Chip;

enum { GDDR5 = 5, HBM = 6, GDDR6 = 9, LPDDR5 = 12 };

static const Chip chips[] = {
    {0x67df, 130, 0x51, 0x22011003, 256, 8, GDDR5, 256, 2048, false},   /* Polaris 10       */
    {0x687f, 141, 0x01, 0x2a114042, 256, 16, HBM, 2048, 4096, false},   /* Vega 10          */
    {0x731f, 143, 0x01, 0x00100044, 1024, 16, GDDR6, 256, 4096, false}, /* Navi 10          */
    {0x73bf, 143, 0x28, 0x00000545, 1024, 16, GDDR6, 256, 4096, false}, /* Navi 21          */
    {0x744c, 145, 0x01, 0x00000545, 1536, 24, GDDR6, 384, 6144, false}, /* Navi 31          */
    {0x7480, 145, 0x10, 0x00000343, 1024, 8, GDDR6, 128, 2048, false},  /* Navi 33          */
    {0x150e, 150, 0x11, 0x00000242, 1024, 4, LPDDR5, 128, 2048, true},  /* Strix Point      */
    {0x7550, 152, 0x51, 0x08200545, 1536, 32, GDDR6, 256, 8192, false}, /* Navi 48, gfx1201 */
};

static const Chip *chip_of(const NullCard *card)
{
    for (size_t i = 0; i < sizeof chips / sizeof chips[0]; i++) {
        if (chips[i].pci_device == card->pci_device) {
            return &chips[i];
        }
    }
    return NULL;
}

/* --- information -------------------------------------------------------------- */

enum {
    ACCEL_WORKING = 0x00,
    HW_IP         = 0x02,
    HW_IP_COUNT   = 0x03,
    TIMESTAMP     = 0x05,
    FIRMWARE      = 0x0e,
    VRAM_USAGE    = 0x10,
    GTT_USAGE     = 0x11,
    READ_REGISTER = 0x15,
    DEVICE        = 0x16,
    VISIBLE_USAGE = 0x17,
    MEMORY        = 0x19,
};

typedef struct Info {
    uint64_t to;
    uint32_t bytes, query;
    uint32_t what, count; /* by query: the engine; the register and how many */
} Info;

enum { GRAPHICS = 0, COMPUTE = 1, COPY = 2, GB_ADDR_CONFIG = 0x263e };

typedef struct Engine {
    uint32_t major, minor;
    uint64_t capabilities;
    uint32_t start_alignment, size_alignment, rings, version;
} Engine;

typedef struct Heap {
    uint64_t bytes, usable, used, largest;
} Heap;

typedef struct Memory {
    Heap own, visible, host;
} Memory;

enum { ARRAYS_PER_ENGINE = 2 };

typedef struct Device {
    uint32_t device_id, chip_revision, external_revision, pci_revision, family, engines, arrays, counter_khz;
    uint64_t max_engine_khz, max_memory_khz;
    uint32_t units, units_always_on, unit_masks[4][4];
    uint32_t backend_mask, backends, contexts, pcie_generation;
    uint64_t flags, first_address, last_address;
    uint32_t address_alignment, fragment_bytes, page_bytes, constant_ram, memory_type, memory_bits, vce, double_lds;
    uint64_t geometry_buffers[4];
    uint32_t geometry_bytes[4];
    uint32_t wave, vgprs, units_per_array, channels, vgt_depth, primitive_depth, vgt_waves, pcie_lanes;
    uint32_t always_on_masks[4][4];
    uint64_t first_high_address, last_high_address;
    uint32_t tile_steering, pad;
    uint64_t channels_off, min_engine_khz, min_memory_khz;
    uint32_t l0_kib, scalar_caches, scalar_kib, instruction_kib, l1_kib, l2_kib;
    uint64_t l3_bytes;
    uint32_t high_backend_mask, shadow[4], user_queues, pad2;
} Device;

enum { SHARES_MEMORY = 1 };

static Device describe(const NullCard *card, const Chip *chip)
{
    const uint32_t arrays = card->version_major >= 10 ? ARRAYS_PER_ENGINE : 1;
    const uint32_t each   = card->cores / (card->units * arrays);
    Device         device = {
                .device_id          = card->pci_device,
                .chip_revision      = 1,
                .external_revision  = chip->revision,
                .pci_revision       = card->revision,
                .family             = chip->family,
                .engines            = card->units,
                .arrays             = arrays,
                .counter_khz        = 100000,
                .max_engine_khz     = 2000000,
                .max_memory_khz     = 1000000,
                .units              = card->cores,
                .backend_mask       = (uint32_t)((UINT64_C(1) << 4 * card->units) - 1),
                .backends           = 4 * card->units,
                .contexts           = 8,
                .pcie_generation    = 4,
                .flags              = chip->shares ? SHARES_MEMORY : 0,
                .first_address      = 0x200000,
                .last_address       = UINT64_C(1) << 47,
                .address_alignment  = 4096,
                .fragment_bytes     = 2 << 20,
                .page_bytes         = 4096,
                .memory_type        = chip->memory_type,
                .memory_bits        = chip->memory_bits,
                .wave               = card->version_major >= 10 ? 32 : 64,
                .vgprs              = chip->vgprs,
                .units_per_array    = each,
                .channels           = chip->channels,
                .vgt_depth          = 32,
                .primitive_depth    = 1792,
                .vgt_waves          = 32,
                .pcie_lanes         = 16,
                .first_high_address = UINT64_C(0xffff800000000000),
                .last_high_address  = UINT64_C(0xffffffffffe00000),
                .l0_kib             = 32,
                .scalar_caches      = 1,
                .scalar_kib         = 16,
                .instruction_kib    = 32,
                .l1_kib             = 256,
                .l2_kib             = chip->l2_kib,
    };
    for (uint32_t engine = 0; engine < card->units; engine++) {
        for (uint32_t array = 0; array < arrays; array++) {
            device.unit_masks[engine % 4][engine / 4 * 2 + array] = (1u << each) - 1;
        }
    }
    return device;
}

/* As the kernel does: as much of the answer as the driver, which may be older, has room for. */
static int give(const Info *info, const void *answer, size_t bytes)
{
    memcpy((void *)(uintptr_t)info->to, answer, info->bytes < bytes ? info->bytes : bytes);
    return 0;
}

static int get_info(const NullCard *card, const Chip *chip, const Info *info)
{
    switch (info->query) {
    case ACCEL_WORKING: return give(info, &(uint32_t){1}, sizeof(uint32_t));
    case HW_IP: {
        Engine engine = {card->version_major,
                         card->version_minor,
                         0,
                         256,
                         256,
                         info->what == GRAPHICS ? 1 : 3,
                         (uint32_t)card->version_major << 16 | (uint32_t)card->version_minor << 8};
        if (info->what > COPY) {
            engine = (Engine){0};
        }
        return give(info, &engine, sizeof engine);
    }
    case HW_IP_COUNT: return give(info, &(uint32_t){info->what <= COPY}, sizeof(uint32_t));
    case FIRMWARE: return give(info, &(uint32_t[2]){3000, 50}, 2 * sizeof(uint32_t));
    case READ_REGISTER: {
        const uint32_t value = info->what == GB_ADDR_CONFIG ? chip->addresses : 0;
        return give(info, &value, sizeof value);
    }
    case DEVICE: {
        const Device device = describe(card, chip);
        return give(info, &device, sizeof device);
    }
    case MEMORY: {
        const Heap   own    = {card->memory, card->memory, 0, card->memory};
        const Memory memory = {own, own, {host_bytes, host_bytes, 0, host_bytes}};
        return give(info, &memory, sizeof memory);
    }
    case TIMESTAMP:
    case VRAM_USAGE:
    case GTT_USAGE:
    case VISIBLE_USAGE: return give(info, &(uint64_t){0}, sizeof(uint64_t));
    default: return EINVAL;
    }
}

/* --- memory, contexts --------------------------------------------------------- */

int amdgpu_request(const NullCard *card, unsigned number, void *request, size_t bytes)
{
    const Chip *chip = chip_of(card);
    if (chip == NULL) {
        return ENODEV;
    }
    uint32_t *words = request; /* answers take the place of what was asked */
    uint64_t *longs = request;
    switch (number) {
    case GEM_CREATE: {
        const uint32_t handle = null_buffer_new(longs[0]);
        longs[0]              = handle;
        return handle == 0 ? ENOMEM : 0;
    }
    case GEM_MMAP: longs[0] = null_buffer_offset(words[0]); return longs[0] == UINT64_MAX ? ENOENT : 0;
    case CTX:
    case BO_LIST:
    case CS:
        memset(request, 0, bytes); /* a state that is asked for: nothing was lost */
        words[0] = null_id_new();
        return 0;
    case INFO: return get_info(card, chip, request);
    case WAIT_CS: longs[0] = 0; return 0; /* finished */
    case WAIT_FENCES: words[0] = 1, words[1] = 0; return 0;
    case GEM_OP: return ENOENT;
    default: return 0; /* mapping, submitting, waiting: nothing to do */
    }
}
