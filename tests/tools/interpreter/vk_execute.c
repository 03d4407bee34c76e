/* Runs what was recorded. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/tools/interpreter/vk_driver.h"

/* Says what went wrong; with count=1 it goes on. */
__attribute__((format(printf, 2, 3))) static void fault(Device *device, const char *format, ...)
{
    enum { TOLD = 100 };
    va_list arguments;
    va_start(arguments, format);
    if (device->faults++ < TOLD) {
        fprintf(stderr, DRIVER_NAME ": ");
        vfprintf(stderr, format, arguments);
        fprintf(stderr, "\n");
    }
    va_end(arguments);
    if (!driver_options()->count) {
        abort();
    }
}

/* The bytes [offset, offset + bytes) of a buffer; NULL: a fault, and told. */
static uint8_t *range(Device *device, const char *what, const Buffer *buffer, uint64_t offset, uint64_t bytes)
{
    if (buffer->memory == NULL || offset > buffer->bytes || bytes > buffer->bytes - offset ||
        buffer->offset + buffer->bytes > buffer->memory->shader.bytes) {
        fault(device, "%s: bytes [%ju, %ju) of a buffer of %ju", what, (uintmax_t)offset, (uintmax_t)(offset + bytes),
              (uintmax_t)buffer->bytes);
        return NULL;
    }
    return buffer->memory->shader.data + buffer->offset + offset;
}

static ShaderBinding binding_of(Device *device, const char *name, const Descriptor *descriptor)
{
    if (descriptor->buffer == NULL ||
        range(device, name, descriptor->buffer, descriptor->offset, descriptor->bytes) == NULL) {
        return (ShaderBinding){0};
    }
    return (ShaderBinding){.type   = descriptor->type == VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER ? SHADER_TEXELS
                                     : descriptor->type == VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER     ? SHADER_UNIFORM_BUFFER
                                                                                             : SHADER_STORAGE_BUFFER,
                           .memory = &descriptor->buffer->memory->shader,
                           .offset = descriptor->buffer->offset + descriptor->offset,
                           .bytes  = descriptor->bytes,
                           .format = descriptor->format};
}

static void run_dispatch(Device *device, const Command *command)
{
    const Pipeline *pipeline            = command->dispatch.pipeline;
    char            error[SHADER_ERROR] = "";
    if (pipeline == NULL) {
        fault(device, "a dispatch without a pipeline");
        return;
    }
    ShaderDispatch dispatch = {.shader       = pipeline->shader,
                               .subgroup     = pipeline->subgroup,
                               .push         = command->dispatch.push,
                               .push_bytes   = sizeof command->dispatch.push,
                               .memories     = device->memories,
                               .memory_count = device->memory_count,
                               .races        = driver_options()->races,
                               .steps        = driver_options()->steps,
                               .variant      = driver_options()->variant};
    memcpy(dispatch.base, command->dispatch.base, sizeof dispatch.base);
    memcpy(dispatch.groups, command->dispatch.groups, sizeof dispatch.groups);
    for (int i = 0; i < SHADER_BINDINGS && command->dispatch.set != NULL; i++) {
        dispatch.bindings[i] = binding_of(device, pipeline->name, &command->dispatch.set->descriptors[i]);
    }
    if (shader_shared_bytes(pipeline->shader) > DRIVER_SHARED) {
        fault(device, "%s: %u bytes of shared memory", pipeline->name, shader_shared_bytes(pipeline->shader));
        return;
    }
    const double       begin = driver_seconds();
    const ShaderResult ran   = shader_run(&dispatch, error);
    driver_ran(device, pipeline->name, (uint64_t)dispatch.groups[0] * dispatch.groups[1] * dispatch.groups[2],
               driver_seconds() - begin);
    if (ran == SHADER_FAULT) {
        fault(device, "%s: %s", pipeline->name, error);
    } else if (ran == SHADER_ENDLESS) { /* what a card's watchdog does */
        fprintf(stderr, DRIVER_NAME ": %s: %s, the device is lost\n", pipeline->name, error);
        device->lost = true;
    }
}

static void run_copy(Device *device, const Command *command)
{
    uint8_t *from = range(device, "copy from", command->copy.from, command->copy.from_offset, command->copy.bytes);
    uint8_t *to   = range(device, "copy to", command->copy.to, command->copy.to_offset, command->copy.bytes);
    if (from == NULL || to == NULL) {
        return;
    }
    if (from < to + command->copy.bytes && to < from + command->copy.bytes) {
        fault(device, "copy of %ju bytes onto itself", (uintmax_t)command->copy.bytes);
        return;
    }
    memcpy(to, from, command->copy.bytes);
}

static void run_fill(Device *device, const Command *command)
{
    uint8_t *to = range(device, "fill", command->fill.to, command->fill.offset, command->fill.bytes);
    if (to != NULL && command->kind == COMMAND_WRITE) {
        memcpy(to, command->fill.data, command->fill.bytes);
        return;
    }
    for (uint64_t i = 0; to != NULL && i + 4 <= command->fill.bytes; i += 4) {
        memcpy(to + i, &command->fill.word, 4);
    }
}

static void run_times(const Command *command)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    for (uint32_t i = 0; i < command->times.count; i++) {
        const uint32_t at                    = command->times.first + i;
        command->times.queries->at[at].there = command->kind == COMMAND_TIME;
        command->times.queries->at[at].ticks = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    }
}

static void run(Device *device, const Command *command)
{
    switch (command->kind) {
    case COMMAND_DISPATCH: run_dispatch(device, command); break;
    case COMMAND_COPY: run_copy(device, command); break;
    case COMMAND_FILL:
    case COMMAND_WRITE: run_fill(device, command); break;
    case COMMAND_TIME:
    case COMMAND_RESET: run_times(command); break;
    case COMMAND_BARRIER: break;
    }
}

/* Whether what comes before is done before what comes after. */
static bool orders(const Command *command)
{
    return command->kind == COMMAND_BARRIER || command->kind == COMMAND_TIME || command->kind == COMMAND_RESET;
}

void driver_execute(Device *device, const Commands *commands)
{
    for (size_t i = 0, end; i < commands->count; i = end) {
        end = i + 1;
        while (!orders(&commands->list[i]) && end < commands->count && !orders(&commands->list[end])) {
            end++;
        }
        for (size_t j = 0; j < end - i && !device->lost; j++) {
            run(device, &commands->list[driver_options()->reverse ? end - 1 - j : i + j]);
        }
    }
}
