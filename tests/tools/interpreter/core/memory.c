#include "tests/tools/interpreter/core/run.h"

#include "tests/tools/interpreter/core/half.h"

#include <stdio.h>
#include <string.h>

const char *memory_name_shared(const Run *run, const Region *region, char text[64])
{
    const char *name = module_id(run->module, region->variable)->name;
    snprintf(text, 64, "shared memory %%%u%s%.32s", region->variable, name ? " " : "", name ? name : "");
    return text;
}

/* "buffer of binding 3, word 17", "shared memory %12 (tile), word 4", "memory at 0x10000, word 9". */
static void name_place(const Run *run, const Region *region, uint64_t offset, char text[128])
{
    char name[64];
    switch (region->space) {
    case SPACE_SHARED:
        snprintf(text, 128, "%s, byte %llu of %llu", memory_name_shared(run, region, name), (unsigned long long)offset,
                 (unsigned long long)region->bytes);
        return;
    case SPACE_PUSH:
        snprintf(text, 128, "push constants, byte %llu of %llu", (unsigned long long)offset,
                 (unsigned long long)region->bytes);
        return;
    case SPACE_ADDRESS:
        snprintf(text, 128, "memory at 0x%llx, byte %llu of %llu",
                 (unsigned long long)(region->memory ? region->memory->address : 0), (unsigned long long)offset,
                 (unsigned long long)region->bytes);
        return;
    default:
        snprintf(text, 128, "buffer of binding %u, byte %llu of %llu", region->binding, (unsigned long long)offset,
                 (unsigned long long)region->bytes);
        return;
    }
}

bool memory_inside(Run *run, const Op *op, const Region *region, uint32_t lane, uint64_t offset, uint32_t bytes)
{
    char place[128];
    if (bytes <= region->bytes && offset <= region->bytes - bytes) {
        const uint64_t at = region->memory && region->memory->address
                                ? region->memory->address + region->origin + offset
                                : region->origin + offset;
        if ((at & (bytes - 1)) == 0 || (bytes & (bytes - 1)) != 0)
            return true;
        name_place(run, region, offset, place);
        return run_fault(run, op->id, lane, "%u bytes misaligned: %s", bytes, place);
    }
    name_place(run, region, offset, place);
    return run_fault(run, op->id, lane, "outside: %s", place);
}

bool memory_touch(Run *run, const Op *op, const Region *region, uint32_t lane, uint64_t offset, uint32_t bytes,
                  Touching how)
{
    if (!memory_inside(run, op, region, lane, offset, bytes))
        return false;
    if (!run->dispatch->races || region->space == SPACE_PUSH || races_touch(run, op, region, lane, offset, bytes, how))
        return true;
    return false;
}

static bool find_address(Run *run, const Op *op, const Access *access, uint32_t lane, Region *region, uint64_t *offset)
{
    const uint32_t *low = registers_at(run, access->dynamic);
    const uint64_t  at  = (low[lane] | (uint64_t)low[run->lanes + lane] << 32) + access->constant;
    if (access->align > 1 && at % access->align != 0)
        return run_fault(run, op->id, lane, "address 0x%llx is no multiple of %u", (unsigned long long)at,
                         access->align);
    for (size_t i = 0; i < run->dispatch->memory_count; i++) {
        ShaderMemory *memory = run->dispatch->memories[i];
        if (memory->address && at >= memory->address && at - memory->address < memory->bytes) {
            *region = (Region){.data = memory->data, .bytes = memory->bytes, .memory = memory, .space = SPACE_ADDRESS};
            *offset = at - memory->address;
            return true;
        }
    }
    return run_fault(run, op->id, lane, "address 0x%llx lies in no memory", (unsigned long long)at);
}

/* What a binding's buffer or texels are; false: nothing of the sort is bound there. */
static bool bound_region(const Run *run, uint32_t binding, bool texels, Region *region)
{
    const ShaderBinding *bound = binding < SHADER_BINDINGS ? &run->dispatch->bindings[binding] : NULL;
    if (!bound || bound->type == SHADER_NONE || (bound->type == SHADER_TEXELS) != texels || !bound->memory ||
        bound->offset > bound->memory->bytes)
        return false;
    const uint64_t left = bound->memory->bytes - bound->offset;
    *region             = (Region){.data    = bound->memory->data + bound->offset,
                                   .bytes   = bound->bytes < left ? bound->bytes : left,
                                   .origin  = bound->offset,
                                   .memory  = bound->memory,
                                   .space   = SPACE_BUFFER,
                                   .binding = binding};
    return true;
}

bool memory_region(Run *run, const Op *op, const Access *access, uint32_t lane, Region *region, uint64_t *offset)
{
    if (access->space == SPACE_ADDRESS)
        return find_address(run, op, access, lane, region, offset);
    *offset = access->constant + (access->dynamic == NOWHERE ? 0 : registers_at(run, access->dynamic)[lane]);
    if (access->space == SPACE_SHARED) {
        *region = (Region){.data     = run->shared + access->base,
                           .bytes    = access->bytes,
                           .origin   = access->base,
                           .space    = SPACE_SHARED,
                           .variable = access->variable};
        return true;
    }
    if (access->space == SPACE_PUSH) {
        *region = (Region){.data  = (uint8_t *)(uintptr_t)run->dispatch->push,
                           .bytes = run->dispatch->push ? run->dispatch->push_bytes : 0,
                           .space = SPACE_PUSH};
        return true;
    }
    if (!bound_region(run, access->binding, false, region))
        return run_fault(run, op->id, lane, "no buffer is bound at %u", access->binding);
    return true;
}

/* A variable in registers whose place is known only now. */
static bool in_registers(Run *run, const Op *op, const Access *access, bool store)
{
    const uint32_t *by = registers_at(run, access->dynamic), lanes = run->lanes;
    uint32_t       *variable = registers_at(run, access->base), *value = registers_at(run, store ? op->a : op->out);
    const uint64_t  same = access->constant + by[0];
    if (run->frame->full && execute_same(by, lanes) && same + access->words <= access->bytes) { /* the usual case */
        uint32_t *there = &variable[same * lanes];
        memmove(store ? there : value, store ? value : there, (size_t)access->words * lanes * sizeof *value);
        return true;
    }
    for (uint32_t lane = 0; lane < lanes; lane++) {
        if (!is_active(run, lane))
            continue;
        const uint64_t at = access->constant + by[lane];
        if (at > access->bytes || access->words > access->bytes - at)
            return run_fault(run, op->id, lane, "outside: variable %%%u, word %llu of %u", access->variable,
                             (unsigned long long)at, access->bytes);
        for (uint32_t word = 0; word < access->words; word++) {
            uint32_t *there = &variable[(at + word) * lanes + lane], *here = &value[(size_t)word * lanes + lane];
            if (store)
                *there = *here;
            else
                *here = *there;
        }
    }
    return true;
}

static void read_leaf(const uint8_t *from, uint32_t bits, uint32_t *to, uint32_t lanes)
{
    uint16_t half;
    switch (bits) {
    case 8: *to = *from; break;
    case 16: memcpy(&half, from, 2), *to = half; break;
    case 64: memcpy(&to[lanes], from + 4, 4); /* fall through */
    default: memcpy(to, from, 4); break;
    }
}

static void write_leaf(uint8_t *to, uint32_t bits, const uint32_t *from, uint32_t lanes)
{
    const uint16_t half = (uint16_t)*from;
    switch (bits) {
    case 8: *to = (uint8_t)*from; break;
    case 16: memcpy(to, &half, 2); break;
    case 64: memcpy(to + 4, &from[lanes], 4); /* fall through */
    default: memcpy(to, from, 4); break;
    }
}

/* All lanes' accesses, one leaf at a time. */
static bool each_leaf(Run *run, const Op *op, const Access *access, bool store)
{
    const Leaf *leaves = &run->program->leaves.at[access->leaf];
    uint32_t   *value  = registers_at(run, store ? op->a : op->out);
    Region      region;
    uint64_t    offset = 0;
    for (uint32_t lane = 0, found = 0; lane < run->lanes; lane++) {
        if (!is_active(run, lane))
            continue;
        if (!found || access->space == SPACE_ADDRESS) {
            if (!memory_region(run, op, access, lane, &region, &offset))
                return false;
            found = 1;
        } else {
            offset = access->constant + (access->dynamic == NOWHERE ? 0 : registers_at(run, access->dynamic)[lane]);
        }
        for (uint32_t i = 0; i < access->leaves; i++) {
            const uint64_t at = offset + leaves[i].offset;
            uint32_t      *to = &value[(size_t)leaves[i].word * run->lanes + lane];
            if (!memory_touch(run, op, &region, lane, at, leaves[i].bits / 8, store ? TOUCH_WRITE : TOUCH_READ))
                return false;
            if (store)
                write_leaf(region.data + at, leaves[i].bits, to, run->lanes);
            else
                read_leaf(region.data + at, leaves[i].bits, to, run->lanes);
        }
    }
    return true;
}

bool memory_load(Run *run, const Op *op)
{
    const Access *access = &run->program->accesses.at[op->extra];
    switch (access->space) {
    case SPACE_REGISTERS: return in_registers(run, op, access, false);
    case SPACE_MATRICES: return matrix_access(run, op, false);
    default: break;
    }
    if (access->space == SPACE_PUSH && access->dynamic == NOWHERE) { /* the same for all */
        const Leaf *leaves = &run->program->leaves.at[access->leaf];
        Region      region;
        uint64_t    offset;
        if (!memory_region(run, op, access, 0, &region, &offset))
            return false;
        for (uint32_t i = 0; i < access->leaves; i++) {
            const uint64_t at      = offset + leaves[i].offset;
            uint32_t       word[2] = {0}, *to = registers_at(run, op->out + leaves[i].word);
            if (!memory_inside(run, op, &region, UINT32_MAX, at, leaves[i].bits / 8))
                return false;
            read_leaf(region.data + at, leaves[i].bits, word, 1);
            for (uint32_t lane = 0; lane < run->lanes; lane++)
                if (is_active(run, lane)) {
                    to[lane] = word[0];
                    if (leaves[i].bits == 64)
                        to[run->lanes + lane] = word[1];
                }
        }
        return true;
    }
    return each_leaf(run, op, access, false);
}

bool memory_store(Run *run, const Op *op)
{
    const Access *access = &run->program->accesses.at[op->extra];
    switch (access->space) {
    case SPACE_REGISTERS: return in_registers(run, op, access, true);
    case SPACE_MATRICES: return matrix_access(run, op, true);
    case SPACE_PUSH: return run_fault(run, op->id, UINT32_MAX, "push constants are written");
    default: return each_leaf(run, op, access, true);
    }
}

static uint32_t changed(uint32_t code, uint32_t old, uint32_t a, uint32_t compared)
{
    switch (code) {
    case OpAtomicStore:
    case OpAtomicExchange: return a;
    case OpAtomicCompareExchange: return old == compared ? a : old;
    case OpAtomicIIncrement: return old + 1;
    case OpAtomicIDecrement: return old - 1;
    case OpAtomicIAdd: return old + a;
    case OpAtomicISub: return old - a;
    case OpAtomicSMin: return (int32_t)a < (int32_t)old ? a : old;
    case OpAtomicUMin: return a < old ? a : old;
    case OpAtomicSMax: return (int32_t)a > (int32_t)old ? a : old;
    case OpAtomicUMax: return a > old ? a : old;
    case OpAtomicAnd: return old & a;
    case OpAtomicOr: return old | a;
    case OpAtomicXor: return old ^ a;
    default: return old;
    }
}

bool memory_atomic(Run *run, const Op *op)
{
    const Access *access = &run->program->accesses.at[op->extra];
    for (uint32_t lane = 0; lane < run->lanes; lane++) {
        Region   region;
        uint64_t offset = 0;
        if (!is_active(run, lane))
            continue;
        if (!memory_region(run, op, access, lane, &region, &offset) ||
            !memory_touch(run, op, &region, lane, offset, 4, TOUCH_ATOMIC))
            return false;
        uint32_t old;
        memcpy(&old, region.data + offset, 4);
        const uint32_t now = changed(op->c, old, registers_at(run, op->a)[lane], registers_at(run, op->b)[lane]);
        if (op->c != OpAtomicLoad)
            memcpy(region.data + offset, &now, 4);
        if (op->words)
            registers_at(run, op->out)[lane] = old;
    }
    return true;
}

/* A texel's components as the words of four floats or integers; what the format lacks is 0, 0, 1. */
static void unpack(ShaderFormat format, const uint8_t *from, bool integers, uint32_t to[4])
{
    uint16_t half[4];
    to[0] = to[1] = to[2] = 0;
    to[3]                 = integers ? 1 : bits_of(1.0f);
    switch (format) {
    case SHADER_R32_FLOAT: memcpy(to, from, 4); break;
    case SHADER_RGBA32_FLOAT:
    case SHADER_RGBA32_UINT: memcpy(to, from, 16); break;
    case SHADER_RGBA16_FLOAT:
        memcpy(half, from, 8);
        for (int i = 0; i < 4; i++)
            to[i] = bits_of(f16_to_float(half[i]));
        break;
    }
}

bool memory_fetch(Run *run, const Op *op)
{
    Region region;
    if (!bound_region(run, op->b, true, &region))
        return run_fault(run, op->id, UINT32_MAX, "no texels are bound at %u", op->b);
    const ShaderFormat format = run->dispatch->bindings[op->b].format;
    const uint32_t     size   = format == SHADER_R32_FLOAT ? 4 : format == SHADER_RGBA16_FLOAT ? 8 : 16;
    const uint32_t    *index  = registers_at(run, op->a);
    uint32_t          *out    = registers_at(run, op->out);
    for (uint32_t lane = 0; lane < run->lanes; lane++) {
        uint32_t       texel[4] = {0};
        const uint64_t at       = (uint64_t)index[lane] * size;
        if (!is_active(run, lane))
            continue;
        if (at + size <= region.bytes) {
            for (uint32_t i = 0; i < size && run->dispatch->races; i += 4)
                if (!memory_touch(run, op, &region, lane, at + i, 4, TOUCH_READ))
                    return false;
            unpack(format, region.data + at, op->c != 0, texel);
        }
        for (uint32_t i = 0; i < 4; i++)
            out[(size_t)i * run->lanes + lane] = texel[i];
    }
    return true;
}
