/* What the files of engine/vk share. Nothing outside this folder includes it. */
#ifndef ENGINE_VK_PRIVATE_H
#define ENGINE_VK_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <vulkan/vulkan.h>

#include "engine/vk/device.h"
#include "engine/vk/embedded_shaders.h"
#include "engine/vk/memory.h"
#include "engine/vk/stream.h"

/* One specialised compute pipeline. Found by (shader, specialization values, subgroup size). */
typedef struct GpuPipeline {
    const EmbeddedShader *shader;
    uint32_t              spec[GPU_MAX_SPECS];
    uint32_t              spec_count;
    uint32_t              subgroup; /* invocations of a subgroup; 0: the driver's choice */
    uint32_t              bind_count;
    VkDescriptorType      bind_type[GPU_MAX_BINDS];
    uint32_t              written; /* a bit for each binding that the shader does not say it only reads */
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout      layout;
    VkPipeline            pipeline;
    struct GpuPipeline   *next; /* in its hash bucket */
} GpuPipeline;

enum { GPU_STAGING_BYTES = 16 << 20 }; /* of the buffer that uploads and downloads go through */
enum { GPU_PIPELINE_BUCKETS = 256, GPU_PROFILE_KERNELS = 128, GPU_PROFILE_SECTIONS = 32 };

struct Gpu {
    VkInstance                       instance;
    VkDebugUtilsMessengerEXT         messenger;
    VkPhysicalDevice                 physical;
    VkDevice                         device;
    VkQueue                          queue, beside; /* beside: the second, or the same where there is no other */
    uint32_t                         queue_family;  /* of both */
    VkQueue                          sparse_queue;  /* binds buffers of several allocations; with tier.sparse_memory */
    VkPhysicalDeviceMemoryProperties memory;
    VkPhysicalDeviceLimits           limits;
    GpuInfo                          info;
    bool                             statistics;            /* of GpuOptions */
    bool                             executable_statistics; /* VK_KHR_pipeline_executable_properties is on */
    bool                             lost;                  /* VK_ERROR_DEVICE_LOST was seen                */
    bool                             dry;                   /* planned for only: no Vulkan object exists    */
    uint32_t                         float_modes; /* of gpu_float_modes, for conversions to f16; 0: integers round */

    VkPipelineCache cache;
    char            cache_path[1024]; /* CACHE_PATH_SIZE; empty: none */
    size_t          cache_loaded;     /* bytes that were read from it */
    GpuPipeline    *pipelines[GPU_PIPELINE_BUCKETS];

    uint64_t     memory_used, memory_peak;   /* bytes in arenas */
    GpuArena    *arenas;                     /* all that there are */
    GpuMemoryRow peak_rows[GPU_MEMORY_ROWS]; /* of the arenas when the peak was reached */
    int          peak_row_count;
    const char  *owner;         /* of arenas to come */
    uint64_t     largest_bytes; /* of a buffer so far, and its arena's name */
    char         largest_name[64];
    void (*working)(void *user); /* gpu_on_work; may be NULL */
    void      *working_user;
    double     submit_seconds; /* a command buffer is to take no longer, by guess */
    double     pace;           /* seconds that a run took over what was guessed, lately */
    bool       pace_learns;
    double     rate_flops, rate_bytes;   /* of gpu_set_rates */
    GpuStream *transfer, *transfer_next; /* for uploads, downloads and zeroing; the second is made when first needed */
    GpuArena  *staging;                  /* made when first needed */

    bool          timing, profile; /* streams have timestamps; for every kernel */
    uint64_t      timestamp_mask;  /* valid bits of a timestamp */
    GpuProfileRow profile_rows[GPU_PROFILE_KERNELS];
    int           profile_count;
    GpuProfileRow section_rows[GPU_PROFILE_SECTIONS];
    int           section_count;
    GpuProfile    profile_sum;                /* gaps and idle are found when it is asked for */
    double        profile_start, profile_end; /* by the clock */
    double        profile_busy;               /* seconds that runs were at work; they may overlap */
    uint64_t      profile_last;               /* the last timestamp seen, in ticks */

    atomic_int validation_count;
    char       validation_first[800];
};

struct GpuBuffer {
    Gpu            *gpu;
    VkBuffer        buffer;
    VkDeviceMemory *memory; /* one after another; several where the device does not give so much at once */
    uint32_t        memory_count;
    uint64_t        bytes;
    uint64_t        address;      /* 0 where addresses are not supported */
    void           *mapped;       /* NULL: not host-visible, or several */
    bool            slow_to_read; /* mapped past the host's caches: a copy to cached memory is much faster */

    struct GpuBuffer *parts; /* of an arena that is cut: the buffers that it is, and none of the above but gpu, bytes */
    uint32_t          part_count;
    uint64_t          start; /* of a part, in the arena */
};

struct GpuArena {
    GpuBuffer     buffer;
    GpuMemoryKind kind;
    uint64_t      used;
    char          name[64];
    GpuArena     *next, *previous; /* of the device's, in no order */
};

/* buffer.c: a buffer with its memory, mapped where the host is to see it. Errors say `name`. */
Status gpu_buffer_open(GpuBuffer *buffer, Gpu *gpu, const char *name, GpuMemoryKind kind, uint64_t bytes, Error *error);
void   gpu_buffer_close(GpuBuffer *buffer);

/* instance.c: an instance of Vulkan 1.2, 1.3 where the loader knows it; with `gpu`, `validate` and the layer installed,
 * validation is on. */
VkResult gpu_instance_create(VkInstance *instance, Gpu *gpu, bool validate);
void     gpu_instance_destroy(VkInstance instance, VkDebugUtilsMessengerEXT messenger); /* either may be null */

/* registers.c: asks CPU drivers for wider registers where they gain, by the environment. True: it was changed, and the
 * instance is to be made anew, since drivers read it when they are loaded. */
bool gpu_widen_registers(VkInstance instance);

/* threads.c: lavapipe, where the environment tells it to use one thread, is to compute without handing work over to it.
 * To be called before an instance is made. */
void gpu_compute_in_place(void);

/* device_info.c: a physical device, and what is known of it before it is opened. */
typedef struct GpuCandidate {
    VkPhysicalDevice physical;
    GpuInfo          info;
    uint8_t          uuid[VK_UUID_SIZE];
    bool             has_pci;
    uint32_t         pci[4]; /* domain, bus, device, function */
} GpuCandidate;

typedef struct GpuExtensions {
    VkExtensionProperties *items; /* from malloc */
    uint32_t               count;
} GpuExtensions;

enum { GPU_MAX_DEVICES = 32, GPU_STORAGE_BUFFERS = 10 /* that a kernel has at most: decode_advance */ };

GpuExtensions gpu_extensions(VkPhysicalDevice physical);
bool          gpu_has_extension(const GpuExtensions *list, const char *name);
/* The first family that computes and has several queues, or else the first that computes; index UINT32_MAX: none. */
typedef struct GpuFamily {
    uint32_t index, queues, timestamp_bits;
} GpuFamily;
GpuFamily gpu_compute_family(VkPhysicalDevice physical);
uint32_t  gpu_sparse_family(VkPhysicalDevice physical); /* the compute family if it can, else another; or UINT32_MAX */
void      gpu_candidate_fill(GpuCandidate *c, VkInstance instance, VkPhysicalDevice physical);

/* device_list.c: all devices of the instance, best first, duplicates last and marked; their number. */
int gpu_candidates(VkInstance instance, GpuCandidate *list, int capacity);

/* device_features.c: what a device is opened with; `features` heads the chain. */
typedef struct GpuEnabled {
    const char                                             *names[12]; /* of extensions */
    uint32_t                                                name_count;
    VkPhysicalDeviceFeatures2                               features;
    VkPhysicalDeviceVulkan12Features                        v12;
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR statistics;
    VkPhysicalDeviceSubgroupSizeControlFeatures             subgroups;
#ifdef VK_KHR_cooperative_matrix
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix;
#endif
#ifdef VK_KHR_shader_bfloat16
    VkPhysicalDeviceShaderBfloat16FeaturesKHR bf16;
#endif
#ifdef VK_NV_cooperative_matrix2
    VkPhysicalDeviceCooperativeMatrix2FeaturesNV matrix2;
    VkPhysicalDevice16BitStorageFeatures         halves;
    VkPhysicalDeviceMaintenance4Features sizes; /* LocalSizeId, as SPIR-V 1.6 says it; every 1.3 device has it */
#endif
} GpuEnabled;

void gpu_features_list(GpuInfo *info, VkInstance instance, VkPhysicalDevice physical, const GpuExtensions *extensions);
void gpu_features_enable(Gpu *gpu, const GpuExtensions *extensions, GpuEnabled *on); /* *on must outlive the opening */

/* float_controls.c: execution modes under which a conversion to f16 rounds to the nearest and keeps what is denormal,
 * signs of zeros, infinity and NaN, a bit each: those that the device has, and may have without others. */
enum { GPU_FLOAT_MODES = 5, GPU_ALL_FLOAT_MODES = (1 << GPU_FLOAT_MODES) - 1 };
uint32_t gpu_float_modes(VkPhysicalDevice physical);
/* A shader's words with these modes, from malloc; NULL: out of memory, or the shader is not as glslc makes it. */
uint32_t *gpu_shader_with_modes(const EmbeddedShader *shader, uint32_t modes, size_t *bytes);

/* The text of a VkResult, for errors. */
const char *gpu_result_text(VkResult result);

/* Turns a failed VkResult into an Error: device loss and out-of-memory get their
 * own status. `what` says what was being done. */
Status gpu_error(Gpu *gpu, VkResult result, const char *what, Error *error);

/* budget.c: the guesses by which a recording is cut. `seconds`: of GpuOptions. Of a device that is not cut for, nothing
 * below is asked. */
void      gpu_budget_open(Gpu *gpu, double seconds);
bool      gpu_budget_cuts(const Gpu *gpu);
double    gpu_guess_seconds(const Gpu *gpu, double flops, double bytes); /* at pace 1 */
void      gpu_tell_working(const Gpu *gpu);                              /* whom gpu_on_work names */
void      gpu_pace_learn(Gpu *gpu, double guessed, double seconds);      /* a run's: at pace 1, and by the clock */
GpuGroups gpu_budget_cut(GpuGroups groups, uint32_t pieces);             /* into how many parts, along each axis */

/* profile.c: what a timed kernel is said to do, between timestamps 2 i and 2 i + 1 of its run; kernel NULL: all of a
 * section. */
typedef struct GpuTimed {
    const char *kernel, *section;
    double      flops, bytes;
} GpuTimed;
void gpu_profile_add(Gpu *gpu, const GpuTimed *timed, const uint64_t *ticks, uint32_t count, uint64_t untimed);

/* Bytes of all that a dispatch binds, each range once for reading and once for writing. */
double gpu_bound_bytes(const GpuDispatch *dispatch);

/* sets.c: the descriptor sets of a recording, each with what it binds, and the views that they need. */
typedef struct GpuSet GpuSet;
typedef struct GpuSets {
    Gpu              *gpu;
    VkDescriptorPool *pools;
    uint32_t          pool_count, pool_current;
    VkBufferView     *views;
    uint32_t          view_count, view_capacity;
    GpuSet           *sets;
    uint32_t          set_count, set_capacity;
    uint32_t         *slots; /* by hash; a power of two of them */
    uint32_t          slot_count;
} GpuSets;

/* The set for a dispatch, which has at least the bindings that its pipeline asks for; VK_NULL_HANDLE with *error set.
 */
VkDescriptorSet gpu_sets_find(GpuSets *sets, const GpuPipeline *pipeline, const GpuDispatch *dispatch, Error *error);
void            gpu_sets_reset(GpuSets *sets); /* forgets all; none may be in use */
void            gpu_sets_free(GpuSets *sets);

/* spirv.c: fills bind_type, bind_count and written: storage buffers, and texel buffers for images. false: not as glslc
 * makes it, or too many. */
bool gpu_shader_bindings(const EmbeddedShader *shader, GpuPipeline *pipeline);
/* Whether a shader says that it needs one of the SPIR-V capabilities from `first` to `last`. */
bool gpu_shader_needs(const EmbeddedShader *shader, uint32_t first, uint32_t last);

/* Finds or compiles a pipeline. NULL with *error set on failure. */
GpuPipeline *gpu_pipeline(Gpu *gpu, const char *kernel, const uint32_t *spec, uint32_t spec_count, uint32_t subgroup,
                          Error *error);
void         gpu_pipelines_open(Gpu *gpu);  /* loads the on-disk cache */
void         gpu_pipelines_close(Gpu *gpu); /* writes it, frees everything */

/* "name=value; name=value…": what the driver says about the pipeline, or about its executable with the widest subgroups
 * where it made several, as large dispatches run that. Empty where it says nothing. */
void gpu_pipeline_text(Gpu *gpu, VkPipeline pipeline, char *text, size_t size);

#endif
