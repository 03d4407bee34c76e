/* What the driver's files share: its options, and what stands behind Vulkan's handles. */
#ifndef TESTS_TOOLS_INTERPRETER_VK_DRIVER_H
#define TESTS_TOOLS_INTERPRETER_VK_DRIVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

#include <vulkan/vk_icd.h>

#include "tests/tools/interpreter/shader.h"

#define DRIVER_NAME "rlsp interpreter"
#define DRIVER_HEAP ((uint64_t)24 << 30) /* bytes of memory: of a card its own, and as much of the host's */

enum {
    DRIVER_PUSH_BYTES  = 256,
    DRIVER_SHARED      = 64 << 10, /* bytes of a workgroup */
    DRIVER_INVOCATIONS = 1024,     /* of a workgroup       */
    DRIVER_ALIGNMENT   = 64        /* of what is bound     */
};

/* --- options ---------------------------------------------------------------------------------------- */

typedef struct Options {
    const char          *text; /* as given, "" if not */
    const char          *card;
    VkPhysicalDeviceType type;
    uint32_t             vendor;
    uint32_t             subgroup, least_subgroup, most_subgroup; /* lanes: usual, and what a pipeline may ask for */
    bool                 matrices, matrices2; /* VK_KHR_cooperative_matrix, VK_NV_cooperative_matrix2 */
    bool                 bf16;
    bool                 rounding; /* promises how f32 becomes f16 */
    bool                 races;    /* are looked for */
    bool                 late;     /* work runs when it is waited for, not when it is submitted */
    bool                 reverse;  /* what no barrier is between runs last first */
    bool                 count;    /* faults are told and counted, and the program goes on */
    bool                 tell;     /* says at the end which kernels ran, and for how long */
    uint32_t             variant;  /* of ShaderDispatch */
    uint64_t             steps;    /* of ShaderDispatch: a shader that takes more loses the device */
} Options;

/* RLSP_INTERPRETER, read once. What it says wrongly ends the program. */
const Options *driver_options(void);

/* --- objects ------------------------------------------------------------------------------------------ */

/* Instance, device, queue and command buffers begin with a word that is the loader's. */
typedef struct Physical {
    VK_LOADER_DATA loader;
} Physical;

typedef struct Instance {
    VK_LOADER_DATA loader;
    Physical       physical;
} Instance;

typedef struct Memory {
    ShaderMemory shader;
    uint32_t     type;
} Memory;

typedef struct Buffer {
    Memory  *memory; /* NULL until bound */
    uint64_t offset, bytes;
} Buffer;

typedef struct View {
    const Buffer *buffer;
    uint64_t      offset, bytes;
    ShaderFormat  format;
} View;

typedef struct Module {
    uint32_t *words;
    size_t    count;
    char      name[64]; /* of the kernel, or a hash */
} Module;

typedef struct Pipeline {
    Shader  *shader;
    uint32_t subgroup;
    char     name[64];
} Pipeline;

typedef struct SetLayout {
    VkDescriptorType types[SHADER_BINDINGS]; /* VK_DESCRIPTOR_TYPE_MAX_ENUM: none */
} SetLayout;

typedef struct Descriptor {
    VkDescriptorType type;
    const Buffer    *buffer; /* of a view too; NULL: never written */
    uint64_t         offset, bytes;
    ShaderFormat     format;
} Descriptor;

typedef struct Set {
    Descriptor  descriptors[SHADER_BINDINGS];
    struct Set *next; /* of its pool */
} Set;

typedef struct SetPool {
    Set     *sets;
    uint32_t count, most;
} SetPool;

typedef enum CommandKind {
    COMMAND_DISPATCH,
    COMMAND_COPY,
    COMMAND_FILL,
    COMMAND_WRITE,
    COMMAND_BARRIER,
    COMMAND_TIME,
    COMMAND_RESET
} CommandKind;

typedef struct Queries {
    uint32_t count;
    struct {
        uint64_t ticks; /* ns */
        bool     there;
    } at[];
} Queries;

typedef struct Command {
    CommandKind kind;
    union {
        struct {
            const Pipeline *pipeline;
            const Set      *set;
            uint32_t        base[3], groups[3];
            uint8_t         push[DRIVER_PUSH_BYTES];
        } dispatch;
        struct {
            const Buffer *from, *to;
            uint64_t      from_offset, to_offset, bytes;
        } copy;
        struct {
            const Buffer *to;
            uint64_t      offset, bytes;
            uint32_t      word;
            uint8_t      *data; /* of COMMAND_WRITE, freed with the command */
        } fill;
        struct {
            Queries *queries;
            uint32_t first, count;
        } times;
    };
} Command;

typedef struct Commands {
    VK_LOADER_DATA   loader;
    Command         *list;
    size_t           count, capacity;
    bool             out_of_memory;
    const Pipeline  *pipeline; /* bound while recording */
    const Set       *set;
    uint8_t          push[DRIVER_PUSH_BYTES];
    struct Commands *next; /* of its pool */
} Commands;

typedef struct CommandPool {
    Commands *all;
} CommandPool;

typedef struct Fence {
    bool          signaled;
    uint32_t      asked; /* how often, since it was reset                  */
    struct Queue *queue; /* that it was submitted to since; NULL: to none */
} Fence;

typedef struct Submission {
    const Commands *commands; /* NULL: none */
    Fence          *fence;    /* NULL: none */
} Submission;

typedef struct Queue {
    VK_LOADER_DATA loader;
    struct Device *device;
    Submission    *waiting;
    size_t         count, capacity;
} Queue;

enum { QUEUES = 2 }; /* of the one family */

/* What ran, by kernel. */
typedef struct Ran {
    char     name[64];
    uint64_t dispatches, workgroups;
    double   seconds;
} Ran;

typedef struct Device {
    VK_LOADER_DATA  loader;
    Queue           queues[QUEUES];
    pthread_mutex_t lock; /* over all below, the queues and what runs */
    ShaderMemory  **memories;
    size_t          memory_count, memory_capacity;
    uint64_t        next_address;
    uint64_t        used[2]; /* bytes of the heaps */
    uint64_t        faults;
    bool            lost;     /* a shader did not end: nothing runs any more */
    Ran             ran[128]; /* up to ran_count */
    size_t          ran_count;
} Device;

#define HANDLE(type, object) ((type)(uintptr_t)(object))
#define OBJECT(type, handle) ((type *)(uintptr_t)(handle))

/* --- what the files give to each other ------------------------------------------------------------------ */

/* A row for each function that the driver has. */
typedef struct Function {
    const char        *name;
    PFN_vkVoidFunction function;
} Function;

#define FUNCTION(name)                                                                                                 \
    {                                                                                                                  \
#name, (PFN_vkVoidFunction)driver_##name                                                                       \
    }

typedef struct Functions {
    const Function *rows;
    size_t          count;
} Functions;

Functions driver_physical(void);  /* vk_physical.c: of a physical device */
Functions driver_memory(void);    /* vk_memory.c                         */
Functions driver_pipelines(void); /* vk_pipeline.c                       */
Functions driver_sets(void);      /* vk_sets.c                           */
Functions driver_commands(void);  /* vk_commands.c                       */
Functions driver_queues(void);    /* vk_queue.c                          */
Functions driver_matrices(void);  /* vk_matrices.c: of a physical device */

/* vk_matrices.c: fills what it knows of a chain of properties or features. */
void driver_matrix_structure(VkBaseOutStructure *structure);

/* vk_execute.c: runs what is in them, in order, unless the device is lost or until it is. The device is locked. */
void driver_execute(Device *device, const Commands *commands);

/* vk_ran.c: what ran, and telling it on stderr. */
double driver_seconds(void); /* by the processor's clock for this thread */
void   driver_ran(Device *device, const char *name, uint64_t workgroups, double seconds);
void   driver_tell(Device *device);

/* vk_commands.c: forgets what was recorded. */
void driver_commands_clear(Commands *commands);

/* vk_names.c: which of rlsp's kernels this is; a hash of what is none. */
void driver_kernel_name(const uint32_t *words, size_t count, char *name, size_t size);

#endif
