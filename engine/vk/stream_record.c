/* What is recorded into a stream's command buffers: dispatches, copies and fills, the barriers between them, and the
 * times that a profile takes. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "engine/vk/stream_parts.h"

enum { DISPATCHES_PER_SUBMIT = 256 }; /* on a GPU: guesses of small ones are the worst */

static const uint64_t COPY_BYTES = (uint64_t)1
                                   << 30; /* of one command: a copy of a whole model's memory takes seconds */

GpuGroups gpu_groups(uint64_t items, uint32_t per_group)
{
    uint64_t groups = (items + per_group - 1) / per_group;
    if (groups <= 65535) {
        return (GpuGroups){(uint32_t)groups, 1, 1};
    }
    uint64_t rows = (groups + 32767) / 32768;
    return (GpuGroups){32768, (uint32_t)rows, 1};
}

/* --- barriers and times ------------------------------------------------------- */

static void work_barrier(GpuStream *stream)
{
    stream_barrier(stream, STREAM_STAGES, STREAM_WRITES, STREAM_STAGES, STREAM_ACCESS);
    stream->hazard_count = 0;
}

/* What is recorded between these two is timed. With `apart`, kernels before and after it have to wait, or their times
 * would overlap. */
static bool timed_begin(GpuStream *stream, bool apart)
{
    if (stream->queries == VK_NULL_HANDLE) {
        return false;
    }
    if (stream->timed_count == STREAM_TIMED) {
        stream->untimed++;
        return false;
    }
    if (apart) {
        work_barrier(stream);
    }
    vkCmdWriteTimestamp(stream_commands(stream), VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, stream->queries,
                        2 * stream->timed_count);
    return true;
}

static void timed_end(GpuStream *stream, bool apart, GpuTimed timed)
{
    if (apart) {
        work_barrier(stream);
    }
    vkCmdWriteTimestamp(stream_commands(stream), VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, stream->queries,
                        2 * stream->timed_count + 1);
    stream->timed[stream->timed_count++] = timed;
}

/* Of a kernel, with gpu->profile. */
static bool kernel_begin(GpuStream *stream)
{
    return stream->gpu->profile && timed_begin(stream, true);
}

static void kernel_end(GpuStream *stream, const char *kernel, double flops, double bytes)
{
    timed_end(stream, true, (GpuTimed){kernel, stream->section, flops, bytes});
}

/* Of a section, without gpu->profile. */
void stream_section_begin(GpuStream *stream, const char *section)
{
    stream->section       = section;
    stream->section_timed = !stream->gpu->profile && stream->error.status == STATUS_OK && timed_begin(stream, false);
}

void stream_section_end(GpuStream *stream)
{
    if (stream->section_timed) {
        timed_end(stream, false, (GpuTimed){NULL, stream->section, 0, 0});
        stream->section_timed = false;
    }
}

/* --- submissions --------------------------------------------------------------- */

/* Makes room in the current command buffer for work of so many guessed seconds (at pace 1), or goes on to the next.
 * false: it cannot, and the stream's error says why. */
static bool make_room(GpuStream *stream, double seconds)
{
    const Gpu *gpu = stream->gpu;
    if (!gpu_budget_cuts(gpu)) {
        return true;
    }
    const double takes = seconds * gpu->pace;
    if (stream->dispatch_count >= DISPATCHES_PER_SUBMIT ||
        (stream->seconds > 0 && stream->seconds + takes > gpu->submit_seconds)) {
        stream_next_commands(stream);
    }
    stream->seconds += takes;
    stream->guessed += seconds;
    return stream->error.status == STATUS_OK;
}

/* --- commands ------------------------------------------------------------------ */

/* Puts in a barrier if an access touches what is pending, then notes it. */
static void hazards_add(GpuStream *stream, const Hazard *accesses, uint32_t count)
{
    bool conflict = stream->hazard_count + count > STREAM_HAZARDS;
    for (uint32_t i = 0; i < count && !conflict; i++) {
        for (uint32_t j = 0; j < stream->hazard_count && !conflict; j++) {
            const Hazard *a = &accesses[i], *b = &stream->hazards[j];
            conflict = a->buffer == b->buffer && a->begin < b->end && b->begin < a->end &&
                       ((a->access | b->access) & GPU_WRITE);
        }
    }
    if (conflict) {
        work_barrier(stream);
    }
    memcpy(stream->hazards + stream->hazard_count, accesses, count * sizeof *accesses);
    stream->hazard_count += count;
}

/* Checks a dispatch against its pipeline and the device's limits. */
static bool dispatch_fits(GpuStream *stream, const GpuDispatch *dispatch, const GpuPipeline *pipeline)
{
    const Gpu *gpu        = stream->gpu;
    uint32_t   descriptor = 0;
    for (uint32_t i = 0; i < GPU_MAX_BINDS && dispatch->bind[i].span.buffer != NULL; i++) {
        const GpuBind *bind = &dispatch->bind[i];
        if (gpu_span_whole(bind->span, 0) < bind->span.size) {
            error_set(&stream->error, STATUS_FAILED, "kernel '%s', binding %u goes over the end of a buffer",
                      dispatch->kernel, i);
            return false;
        }
        if (bind->kind == GPU_BIND_ADDRESS) {
            continue;
        }
        /* A bug of the caller's, which most devices would let pass. CPU devices are few, and kernels for them know
         * theirs. */
        const VkPhysicalDeviceLimits *limits    = &gpu->limits;
        const uint64_t                alignment = gpu->info.type != GPU_CPU      ? GPU_ALIGNMENT
                                                  : bind->kind == GPU_BIND_TEXEL ? limits->minTexelBufferOffsetAlignment
                                                                                 : limits->minStorageBufferOffsetAlignment;
        if (bind->span.offset % alignment != 0) {
            error_set(&stream->error, STATUS_FAILED,
                      "kernel '%s', binding %u starts at byte %ju, where not every device can bind", dispatch->kernel,
                      i, (uintmax_t)bind->span.offset);
            return false;
        }
        if (bind->kind == GPU_BIND_STORAGE && bind->span.size > gpu->limits.maxStorageBufferRange) {
            error_set(&stream->error, STATUS_FAILED,
                      "kernel '%s', binding %u: %.1f MiB in one tensor, but device %d (%s) binds at most %.1f MiB",
                      dispatch->kernel, i, (double)bind->span.size / 1048576.0, gpu->info.index, gpu->info.name,
                      (double)gpu->limits.maxStorageBufferRange / 1048576.0);
            return false;
        }
        /* Barriers go by what the dispatch says: a CPU device, which runs one after the other, would never show it. */
        if (bind->access == GPU_READ && pipeline->written >> descriptor & 1) {
            error_set(&stream->error, STATUS_FAILED, "kernel '%s' may write binding %u, which its dispatch only reads",
                      dispatch->kernel, i);
            return false;
        }
        descriptor++;
    }
    if (descriptor < pipeline->bind_count || dispatch->push_size > GPU_MAX_PUSH_BYTES) {
        error_set(&stream->error, STATUS_FAILED, "kernel '%s' needs %u bindings, was given %u", dispatch->kernel,
                  pipeline->bind_count, descriptor);
        return false;
    }
    const uint32_t *limit = gpu->limits.maxComputeWorkGroupCount;
    if (dispatch->groups.x > limit[0] || dispatch->groups.y > limit[1] || dispatch->groups.z > limit[2]) {
        error_set(&stream->error, STATUS_FAILED, "kernel '%s': %u x %u x %u workgroups are more than the device allows",
                  dispatch->kernel, dispatch->groups.x, dispatch->groups.y, dispatch->groups.z);
        return false;
    }
    return true;
}

void gpu_stream_flops(GpuStream *stream, double flops)
{
    stream->flops = flops;
}

void gpu_stream_section(GpuStream *stream, const char *section)
{
    if (!stream->gpu->dry && stream->error.status == STATUS_OK) {
        stream_section_end(stream);
        stream_section_begin(stream, section);
    }
}

/* What a dispatch needs to be recorded, in one part or several. */
typedef struct Recorded {
    const GpuDispatch *dispatch;
    const GpuPipeline *pipeline;
    VkDescriptorSet    set;
    const Hazard      *accesses;
    uint32_t           count; /* of accesses */
    double             flops, bytes;
} Recorded;

/* `share` of the dispatch: the workgroups from `base` on. The parts of a dispatch need no barriers between them. */
static void record_part(GpuStream *stream, const Recorded *r, GpuGroups base, GpuGroups groups, double share,
                        bool first)
{
    const GpuDispatch *dispatch = r->dispatch;
    const double bytes = r->bytes >= 0 ? r->bytes : gpu_bound_bytes(dispatch); /* unknown: it reads no more than all */
    const uint32_t before = stream->command_count;
    if (stream->error.status != STATUS_OK ||
        !make_room(stream, share * gpu_guess_seconds(stream->gpu, r->flops, bytes))) {
        return;
    }
    if (first || stream->command_count != before) {
        hazards_add(stream, r->accesses, r->count);
    }
    VkCommandBuffer commands = stream_commands(stream);
    const bool      timed    = kernel_begin(stream);
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, r->pipeline->pipeline);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, r->pipeline->layout, 0, 1, &r->set, 0, NULL);
    if (dispatch->push_size > 0) {
        vkCmdPushConstants(commands, r->pipeline->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, dispatch->push_size,
                           dispatch->push);
    }
    if (share < 1) {
        vkCmdDispatchBase(commands, base.x, base.y, base.z, groups.x, groups.y, groups.z);
    } else {
        vkCmdDispatch(commands, groups.x, groups.y, groups.z);
    }
    if (timed) {
        kernel_end(stream, r->pipeline->shader->name, share * r->flops, r->bytes >= 0 ? share * r->bytes : r->bytes);
    }
    stream->dispatch_count++;
}

static uint32_t begin_of(uint32_t count, uint32_t parts, uint32_t part)
{
    return (uint32_t)((uint64_t)count * part / parts);
}

static void record_parts(GpuStream *stream, const Recorded *r)
{
    const Gpu      *gpu = stream->gpu;
    const GpuGroups all = r->dispatch->groups;
    GpuGroups       cut = {1, 1, 1};
    if (gpu_budget_cuts(gpu)) {
        const double bytes  = r->bytes >= 0 ? r->bytes : gpu_bound_bytes(r->dispatch);
        const double pieces = gpu->pace * gpu_guess_seconds(gpu, r->flops, bytes) / gpu->submit_seconds;
        cut                 = gpu_budget_cut(all, pieces < 1 ? 1 : pieces < 4096 ? (uint32_t)ceil(pieces) : 4096);
    }
    const double whole = (double)all.x * all.y * all.z;
    for (uint32_t z = 0; z < cut.z; z++) {
        for (uint32_t y = 0; y < cut.y; y++) {
            for (uint32_t x = 0; x < cut.x; x++) {
                const GpuGroups base = {begin_of(all.x, cut.x, x), begin_of(all.y, cut.y, y),
                                        begin_of(all.z, cut.z, z)};
                const GpuGroups some = {begin_of(all.x, cut.x, x + 1) - base.x, begin_of(all.y, cut.y, y + 1) - base.y,
                                        begin_of(all.z, cut.z, z + 1) - base.z};
                record_part(stream, r, base, some, (double)some.x * some.y * some.z / whole, x + y + z == 0);
            }
        }
    }
}

void gpu_dispatch(GpuStream *stream, const GpuDispatch *dispatch)
{
    if (stream->gpu->dry || stream->error.status != STATUS_OK || dispatch->groups.x == 0 || dispatch->groups.y == 0 ||
        dispatch->groups.z == 0) {
        return;
    }
    GpuPipeline *pipeline = gpu_pipeline(stream->gpu, dispatch->kernel, dispatch->spec, dispatch->spec_count,
                                         dispatch->subgroup, &stream->error);
    if (pipeline == NULL || !dispatch_fits(stream, dispatch, pipeline)) {
        return;
    }
    VkDescriptorSet set = gpu_sets_find(&stream->sets, pipeline, dispatch, &stream->error);
    if (set == VK_NULL_HANDLE) {
        return;
    }
    Hazard   accesses[GPU_MAX_BINDS];
    uint32_t count = 0;
    for (; count < GPU_MAX_BINDS && dispatch->bind[count].span.buffer != NULL; count++) {
        const GpuBind *bind = &dispatch->bind[count];
        accesses[count] =
            (Hazard){bind->span.buffer->buffer, bind->span.offset, bind->span.offset + bind->span.size, bind->access};
    }
    Recorded recorded = {.dispatch = dispatch,
                         .pipeline = pipeline,
                         .set      = set,
                         .accesses = accesses,
                         .count    = count,
                         .flops    = dispatch->flops > 0   ? dispatch->flops
                                     : dispatch->flops < 0 ? 0
                                                           : stream->flops,
                         .bytes    = dispatch->bytes != 0 ? dispatch->bytes : gpu_bound_bytes(dispatch)};
    record_parts(stream, &recorded);
}

/* Bytes of the next command of a copy or a fill: of one buffer, and not too many. */
static uint64_t next_bytes(GpuSpan span, uint64_t done)
{
    const uint64_t whole = gpu_span_whole(span, done);
    return whole < COPY_BYTES ? whole : COPY_BYTES;
}

void gpu_copy(GpuStream *stream, GpuSpan to, GpuSpan from)
{
    if (stream->gpu->dry || stream->error.status != STATUS_OK) {
        return;
    }
    assert(to.size >= from.size);
    for (uint64_t done = 0, size; done < from.size; done += size) {
        const uint64_t here = next_bytes(to, done), there = next_bytes(from, done);
        size = here < there ? here : there;
        if (!make_room(stream, gpu_guess_seconds(stream->gpu, 0, 2 * (double)size))) {
            return;
        }
        const GpuSpan target = gpu_span_slice(to, done, size), source = gpu_span_slice(from, done, size);
        const Hazard  accesses[2] = {{target.buffer->buffer, target.offset, target.offset + size, GPU_WRITE},
                                     {source.buffer->buffer, source.offset, source.offset + size, GPU_READ}};
        hazards_add(stream, accesses, 2);
        VkBufferCopy region = {.srcOffset = source.offset, .dstOffset = target.offset, .size = size};
        const bool   timed  = kernel_begin(stream);
        vkCmdCopyBuffer(stream_commands(stream), source.buffer->buffer, target.buffer->buffer, 1, &region);
        if (timed) {
            kernel_end(stream, "copy", 0, 2 * (double)size);
        }
    }
}

void gpu_fill(GpuStream *stream, GpuSpan span, uint32_t value)
{
    if (stream->gpu->dry || stream->error.status != STATUS_OK) {
        return;
    }
    for (uint64_t done = 0, size; done < span.size; done += size) {
        size = next_bytes(span, done);
        if (!make_room(stream, gpu_guess_seconds(stream->gpu, 0, (double)size))) {
            return;
        }
        const GpuSpan target = gpu_span_slice(span, done, size);
        const Hazard  access = {target.buffer->buffer, target.offset, target.offset + size, GPU_WRITE};
        hazards_add(stream, &access, 1);
        const bool timed = kernel_begin(stream);
        vkCmdFillBuffer(stream_commands(stream), target.buffer->buffer, target.offset, size, value);
        if (timed) {
            kernel_end(stream, "fill", 0, (double)size);
        }
    }
}
