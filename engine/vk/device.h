/* The Vulkan device: which one, what it can do, and its life.
 *
 *     Gpu *gpu = gpu_open(&(GpuOptions){.select = NULL}, &error);
 *     …buffers (memory.h), dispatches (stream.h)…
 *     gpu_close(gpu);
 *
 * engine/vk is the only folder that includes <vulkan/vulkan.h>; nothing of it
 * shows in these headers.
 */
#ifndef ENGINE_VK_DEVICE_H
#define ENGINE_VK_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/error.h"

typedef struct Gpu Gpu;

typedef enum GpuType { GPU_DISCRETE, GPU_INTEGRATED, GPU_VIRTUAL, GPU_CPU, GPU_OTHER } GpuType;

/* What a device offers beyond the Vulkan 1.2 baseline; each is used where it is
 * there, none is needed. cooperative_matrix2: all of it that gemm_coopmat2 takes. */
typedef struct GpuTier {
    bool fp16_storage, fp16_arithmetic, bf16, int8_storage, cooperative_matrix, cooperative_matrix2;
    bool subgroup_arithmetic, subgroup_shuffle, subgroup_size_control, buffer_address, int64, timeline_semaphore;
    bool push_descriptor, memory_budget, unified_memory, timestamps;
    bool second_queue;  /* two streams may be at work at once (gpu_stream_new_beside) */
    bool sparse_memory; /* a buffer may have several allocations */
    bool fp16_rounding; /* its own conversion of f32 to f16 is the correct one in shaders that ask for it: to the
                           nearest, ties to even, denormal numbers, zeros' signs, infinity and NaN kept */
} GpuTier;

/* How the kernels of matrix units round f32 to f16. Finite numbers and infinity get the same bits either way. */
typedef enum GpuRounding {
    GPU_ROUNDING_PROMISED, /* by the device's conversion with tier.fp16_rounding, else by integer operations */
    GPU_ROUNDING_INTEGERS,
    GPU_ROUNDING_DEVICE, /* also where it promises only a part of that */
} GpuRounding;

/* A multiply-add of matrices, A [m, k] and B [k, n] of 16 bits, sums in f32. */
typedef enum GpuMatrixType { GPU_MATRIX_F16, GPU_MATRIX_BF16 } GpuMatrixType;
typedef struct GpuMatrix {
    GpuMatrixType type;
    uint32_t      m, n, k;
    uint32_t      workgroup; /* 0: by a subgroup, of just this shape; else by a workgroup of so many invocations, of any
                                multiple of this shape */
} GpuMatrix;

/* What of VK_NV_cooperative_matrix2 is there. */
typedef struct GpuMatrix2 {
    bool workgroup_scope, flexible_dimensions, tensor_addressing, block_loads, per_element;
} GpuMatrix2;

enum { GPU_MATRICES = 32, GPU_CHOICES = 16, GPU_UUID_BYTES = 16 };

typedef struct GpuInfo {
    int       index; /* the N of --device N                           */
    char      name[256];
    char      driver[256];   /* driver name and version, as it calls itself   */
    char      unusable[160]; /* why it cannot be used; empty if it can        */
    GpuType   type;
    uint32_t  vendor_id, device_id, driver_id, driver_version, api_version;
    uint64_t  memory_bytes;         /* device-local heap; the machine's memory for a CPU device */
    uint64_t  memory_free_bytes;    /* budget left, if the driver tells; else 0      */
    uint64_t  max_binding_bytes;    /* maxStorageBufferRange                         */
    uint64_t  max_allocation_bytes; /* maxMemoryAllocationSize                    */
    uint64_t  max_buffer_bytes;     /* maxBufferSize; UINT64_MAX: the driver does not say */
    bool      reads_staged; /* unified, but read slowly by the host: downloads go through faster memory of the host's */
    uint32_t  subgroup_size, max_workgroup, shared_bytes, max_texels;
    uint32_t  min_subgroup, max_subgroup; /* that a kernel can ask for, where tier.subgroup_size_control holds */
    uint32_t  max_subgroups;              /* of a workgroup then: maxComputeWorkgroupSubgroups; 0: no kernel can ask */
    uint32_t  queues;                     /* of the family that computes; two are used at most */
    GpuTier   tier;
    GpuMatrix matrices[GPU_MATRICES]; /* in the driver's order; only where the build knows the extensions */
    uint32_t  matrix_count;
    GpuMatrix2 matrix2;
    bool       duplicate;                  /* the same card through a second driver         */
    uint8_t    cache_uuid[GPU_UUID_BYTES]; /* pipelineCacheUUID: another with every compiler of kernels             */
    uint8_t    choices[GPU_CHOICES]; /* what engine/ops has found best on this device (matmul_choice.h); 0: nothing */
} GpuInfo;

typedef struct GpuOptions {
    const char *select;   /* NULL or "": best; digits: index; else part of a name, any case */
    bool        validate; /* Khronos validation layer, if installed; its messages are counted */
    bool        profile;  /* time every kernel                                              */
    bool        sections; /* time the parts that gpu_stream_section names; kernels run as they would without */
    bool statistics; /* gpu_compile tells what the driver says of kernels, which may then compile without its caches */
    /* For tests, which have no small or discrete device at hand: */
    uint64_t max_binding_bytes;    /* binds at most so much at once, a multiple of 256; 0: what the device can */
    uint64_t max_allocation_bytes; /* allocates at most so much at once, 16 MiB or more; 0: what the device can */
    uint64_t max_buffer_bytes;     /* makes no larger buffer; 0: what the device can                            */
    double   submit_seconds;  /* cuts work into submissions that are guessed to take so long; 0: as the device needs */
    bool     as_gpu;          /* kernels, workgroups and submissions of a GPU, also on a CPU device */
    bool     separate_memory; /* copies through a staging buffer also where memory is unified             */
    GpuRounding rounding;
} GpuOptions;

/* Lists devices, best first within each type order discrete, integrated,
 * virtual, CPU; indices are positions in this list. Returns the number written,
 * at most `capacity`; 0 with *error set if Vulkan cannot be loaded. */
int gpu_list(GpuInfo *infos, int capacity, Error *error);

/* The one of gpu_list's devices that `select` means (as in GpuOptions); -1 with *error set. */
int gpu_choose(const GpuInfo *infos, int count, const char *select, Error *error);

/* Opens a device. Fails with STATUS_FAILED (no device, none usable, a missing
 * feature) or STATUS_BAD_INPUT (`select` matches nothing, or a bad index). */
Gpu *gpu_open(const GpuOptions *options, Error *error);
void gpu_close(Gpu *gpu); /* NULL is allowed; frees pipelines, writes the pipeline cache */

/* A device that is only planned for, without Vulkan: arenas are counted and hold nothing, streams record and run
 * nothing, uploads are dropped, downloads give zeros. Whatever takes memory takes it here by the same code, and
 * gpu_memory_peak says how much that was. Nothing is refused for being too large. */
Gpu *gpu_open_dry(const GpuInfo *info, Error *error);
bool gpu_is_dry(const Gpu *gpu);

/* A discrete GPU with so much memory and the limits and features that such ones commonly have, for planning. Its matrix
 * units multiply f16 and bf16, as those of NVIDIA from Ampere on and AMD from RDNA3 on do: products in 16 bits then
 * take work space that cards without units do not need. It promises no rounding to f16 of its own, which would need
 * less. */
GpuInfo gpu_info_typical(uint64_t memory_bytes);

/* For tests: from here on every submission and copy fails as it does on a device that the driver lost. */
void gpu_lose(Gpu *gpu);

/* Calls `working` from whichever thread gives the device work: about once a second while it waits, after each wait, and
 * after each kernel that was compiled. For telling a user that there is work; it must use no stream. NULL: nobody. */
void gpu_on_work(Gpu *gpu, void (*working)(void *user), void *user);

const GpuInfo *gpu_info(const Gpu *gpu);
/* What the device was measured to do in a second: multiply-adds of f32 (as two) and bytes moved, by which work is cut
 * into submissions from now on, in place of a guess by the size of its memory; 0: not known. Kernels may reach a
 * twentieth of it. */
void gpu_set_rates(Gpu *gpu, double flops, double bytes);
/* Sets one of info's choices. What was recorded or planned before may not fit it: for a device that was just opened. */
void        gpu_set_choice(Gpu *gpu, uint32_t which, uint8_t choice);
const char *gpu_type_name(GpuType type);

/* Validation messages (warnings and errors) seen since the device was opened;
 * the text of the first is kept. */
int         gpu_validation_count(const Gpu *gpu);
const char *gpu_validation_first(const Gpu *gpu);

/* --profile: what streams did from the last reset to the end of the last run that was waited for. Kernels, copies
 * ("copy") and fills ("fill") then run one at a time between two timestamps, so a run takes longer than without. On a
 * CPU device the timestamps are the clock's on the driver's thread: what else the machine does counts in them. */
typedef struct GpuProfileRow {
    const char *kernel;
    uint64_t    calls;
    double      seconds;
    double      flops; /* of the products and attention, a multiply-add as two; 0: not counted */
    double      bytes; /* read and written if each thing bound went over the bus once; 0: not known */
} GpuProfileRow;

/* wall = kernels + gaps + idle */
typedef struct GpuProfile {
    double   wall_seconds;   /* by the clock                                               */
    double   kernel_seconds; /* sum of the rows                                            */
    double   gap_seconds;    /* inside runs, between kernels: barriers, timestamps         */
    double   idle_seconds;   /* the device had no run at work: the host's, and submitting  */
    uint64_t runs, kernels;  /* submitted streams; timed kernels                           */
    uint64_t untimed;        /* kernels past what one recording can time; they count as gaps */
} GpuProfile;

/* A row per kernel (without `profile`: none), longest first. Returns the number written, at most `capacity`. */
int        gpu_profile_rows(const Gpu *gpu, GpuProfileRow *rows, int capacity);
GpuProfile gpu_profile(const Gpu *gpu);

/* Seconds in the section of that name (gpu_stream_section), with `profile` or `sections`. */
double gpu_profile_section(const Gpu *gpu, const char *section);
void   gpu_profile_reset(Gpu *gpu);
/* Kernel by kernel or not, in what is recorded from now on, on a device that was opened with `profile` or `sections`.
 */
void gpu_profile_kernels(Gpu *gpu, bool on);

#endif
