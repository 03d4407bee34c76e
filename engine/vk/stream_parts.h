/* Private to engine/vk/stream*.c: stream.c (command buffers: their life and runs) and stream_record.c (what is recorded
 * into them: dispatches, copies, barriers, times). */
#ifndef ENGINE_VK_STREAM_PARTS_H
#define ENGINE_VK_STREAM_PARTS_H

#include "engine/vk/private.h"

enum {
    STREAM_HAZARDS = 192, /* more pending accesses than this: one barrier for all    */
    STREAM_TIMED   = 8192 /* dispatches that --profile can time in one recording     */
};

/* A range that commands since the last barrier read or wrote. */
typedef struct Hazard {
    VkBuffer  buffer;
    uint64_t  begin, end;
    GpuAccess access;
} Hazard;

struct GpuStream {
    Gpu             *gpu;
    VkQueue          queue;
    bool             beside; /* made by gpu_stream_new_beside */
    VkCommandPool    command_pool;
    VkCommandBuffer *commands; /* recorded in order; each is one submission */
    uint32_t         command_count, command_capacity;
    VkFence          fence;

    GpuSets sets; /* of this recording */

    Hazard   hazards[STREAM_HAZARDS];
    uint32_t hazard_count;
    uint32_t dispatch_count; /* in the current command buffer */
    double   seconds;        /* that it takes, by guess at the device's pace */
    double   guessed;        /* that all of them take, at pace 1 */
    double   submitted;      /* when, by the clock */

    VkQueryPool queries; /* with gpu->timing */
    const char *section; /* that is being recorded */
    bool        section_timed;
    GpuTimed   *timed;
    uint32_t    timed_count, untimed;
    double      flops; /* of kernels that do not know theirs */

    enum { STREAM_IDLE, STREAM_RECORDING, STREAM_READY, STREAM_PENDING } state;
    Error error; /* the first one while recording */
};

/* What kernels and copies do, and where. */
#define STREAM_STAGES (VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT)
#define STREAM_WRITES (VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT)
#define STREAM_ACCESS (STREAM_WRITES | VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_TRANSFER_READ_BIT)

/* The command buffer that is being recorded. */
static inline VkCommandBuffer stream_commands(const GpuStream *stream)
{
    return stream->commands[stream->command_count - 1];
}

void stream_barrier(GpuStream *stream, VkPipelineStageFlags from, VkAccessFlags from_access, VkPipelineStageFlags to,
                    VkAccessFlags to_access);

/* Ends the command buffer and starts one more; the stream's error says if it cannot. */
void stream_next_commands(GpuStream *stream);

/* A section of the recording (gpu_stream_section) from here on, and its end. */
void stream_section_begin(GpuStream *stream, const char *section);
void stream_section_end(GpuStream *stream);

#endif
