/* Streams: command buffers that are recorded once and run as often as wanted.
 *
 *     GpuStream *stream = gpu_stream_new(gpu, &error);
 *     gpu_stream_begin(stream);
 *     gpu_dispatch(stream, &(GpuDispatch){
 *         .kernel = "add", .spec = {256}, .spec_count = 1,
 *         .bind   = {gpu_read(a), gpu_read(b), gpu_write(c)},
 *         .push   = &push, .push_size = sizeof push,
 *         .groups = gpu_groups(n, 256)});
 *     if (gpu_stream_run(stream, &error) != STATUS_OK) …
 *
 * Recording functions return nothing: the first error sticks to the stream and
 * is returned by gpu_stream_end / gpu_stream_run. Barriers are put in by the
 * stream where a dispatch touches what an earlier one wrote (or writes what it
 * read); the callers never think of them. A long recording, and a long dispatch too, is cut into several
 * submissions so that no single one holds the device for long: by what flops and bytes suggest (budget.c).
 */
#ifndef ENGINE_VK_STREAM_H
#define ENGINE_VK_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "engine/error.h"
#include "engine/vk/device.h"
#include "engine/vk/memory.h"

typedef struct GpuStream GpuStream;

typedef enum GpuAccess { GPU_READ = 1, GPU_WRITE = 2, GPU_READ_WRITE = 3 } GpuAccess;

typedef enum GpuBindKind {
    GPU_BIND_STORAGE, /* layout(std430, binding = i) buffer                      */
    GPU_BIND_TEXEL,   /* layout(binding = i) uniform textureBuffer, RGBA32F       */
    GPU_BIND_ADDRESS  /* no descriptor: the address travels in the push constants,
                         the bind is only for the barriers                       */
} GpuBindKind;

typedef struct GpuBind {
    GpuSpan     span;
    GpuAccess   access;
    GpuBindKind kind;
} GpuBind;

static inline GpuBind gpu_read(GpuSpan span)
{
    return (GpuBind){span, GPU_READ, GPU_BIND_STORAGE};
}
static inline GpuBind gpu_write(GpuSpan span)
{
    return (GpuBind){span, GPU_WRITE, GPU_BIND_STORAGE};
}
static inline GpuBind gpu_read_write(GpuSpan span)
{
    return (GpuBind){span, GPU_READ_WRITE, GPU_BIND_STORAGE};
}
static inline GpuBind gpu_texel(GpuSpan span)
{
    return (GpuBind){span, GPU_READ, GPU_BIND_TEXEL};
}
static inline GpuBind gpu_by_address(GpuSpan span, GpuAccess access)
{
    return (GpuBind){span, access, GPU_BIND_ADDRESS};
}

enum { GPU_MAX_BINDS = 12, GPU_MAX_SPECS = 16, GPU_MAX_PUSH_BYTES = 128 };

typedef struct GpuGroups {
    uint32_t x, y, z;
} GpuGroups;

/* Workgroups for `items` in groups of `per_group`, folded over x and y because
 * a device may allow only 65535 in one direction. The shader's linear group is
 * gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x (linear_group() in
 * shaders/include/common.glsl) and must be checked against the item count. */
GpuGroups gpu_groups(uint64_t items, uint32_t per_group);

typedef struct GpuDispatch {
    const char *kernel;              /* file name in shaders/ without ".comp" */
    uint32_t    spec[GPU_MAX_SPECS]; /* constant_id 0, 1, …                   */
    uint32_t    spec_count;
    uint32_t    subgroup;            /* full subgroups of so many invocations, where tier.subgroup_size_control
                                        holds; 0: as the driver likes */
    GpuBind     bind[GPU_MAX_BINDS]; /* binding 0, 1, …; ends at the first NULL buffer */
    const void *push;                /* copied now                            */
    uint32_t    push_size;           /* bytes, multiple of 4, at most 128     */
    GpuGroups   groups;              /* any of them 0: nothing is recorded    */
    double      flops; /* for --profile and for cutting: see GpuProfileRow; 0: gpu_stream_flops's; less: none */
    double      bytes; /* likewise, where it touches a part of what it binds;
                          0: all that is bound; GPU_UNKNOWN      */
} GpuDispatch;

#define GPU_UNKNOWN (-1.0)

GpuStream *gpu_stream_new(Gpu *gpu, Error *error);
/* One whose runs may be at work at the same time as other streams', where tier.second_queue holds; else they take
 * turns. Nothing but waiting (gpu_stream_wait) orders its run against others': meanwhile neither side may touch what
 * the other writes. All streams belong to one thread. */
GpuStream *gpu_stream_new_beside(Gpu *gpu, Error *error);
void       gpu_stream_free(GpuStream *stream); /* NULL is allowed; waits for what was submitted */

void gpu_stream_begin(GpuStream *stream); /* drops what was recorded before */
void gpu_dispatch(GpuStream *stream, const GpuDispatch *dispatch);
void gpu_copy(GpuStream *stream, GpuSpan to, GpuSpan from);     /* from.size bytes           */
void gpu_fill(GpuStream *stream, GpuSpan span, uint32_t value); /* span.size a multiple of 4 */

/* For --profile and for cutting: flops of each of the next dispatches that does not know its own (attention: lengths
 * lie on the device), until it is called with 0. */
void gpu_stream_flops(GpuStream *stream, double flops);

/* What is recorded from here on belongs to this section (gpu_profile_section), until the next call or the end of the
 * recording. The name is kept as a pointer. */
void gpu_stream_section(GpuStream *stream, const char *section);

void gpu_stream_fail(GpuStream *stream, Status status, const char *text); /* makes an op's own error stick */

Status gpu_stream_end(GpuStream *stream, Error *error);    /* recording is complete          */
Status gpu_stream_submit(GpuStream *stream, Error *error); /* starts it; ends it first if needed */
Status gpu_stream_wait(GpuStream *stream, Error *error);   /* until the last submit is done  */
Status gpu_stream_run(GpuStream *stream, Error *error);    /* end + submit + wait            */
bool   gpu_stream_done(const GpuStream *stream);           /* whether waiting would return at once */

/* Into how many submissions the recording was cut; 0 on a device that is only planned for. */
uint32_t gpu_stream_submissions(const GpuStream *stream);

Gpu *gpu_stream_gpu(GpuStream *stream);

/* The stream that uploads and downloads go through; for asking ops about this device. */
GpuStream *gpu_transfer_stream(Gpu *gpu);

/* The device address of a span, where tier.buffer_address holds; else 0. */
uint64_t gpu_span_address(GpuSpan span);

/* Whether this build has a kernel: those of optional GLSL extensions are left out where glslc lacks them. */
bool gpu_has_kernel(const char *kernel);

/* A number that changes with the code of the kernels whose names begin with `prefix`. */
uint64_t gpu_kernels_hash(const char *prefix);

/* Compiles one kernel with the specialization constants 0 to spec_count - 1, for devices that cannot run (null
 * devices); whether it could. `subgroup`: the size of a subgroup that it must have, 0: the driver's choice.
 * `statistics`: what the driver says about it, "name=value; name=value…", on a device that was opened for that.
 * `failure`: why it could not be compiled, or NULL. */
typedef void (*GpuCompileReport)(void *user, const char *kernel, const char *statistics, const char *failure);
bool gpu_compile(Gpu *gpu, const char *kernel, const uint32_t *spec, uint32_t spec_count, uint32_t subgroup,
                 GpuCompileReport report, void *user);

/* Every embedded shader that the device could run, once, with its default specialization; returns the number of
 * failures and reports each. */
int gpu_compile_all(Gpu *gpu, GpuCompileReport report, void *user);

#endif
