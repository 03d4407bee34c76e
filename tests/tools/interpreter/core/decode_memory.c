/* Variables, pointers, loads and stores. A pointer is known when it is decoded but for how far indices take it. */
#include "tests/tools/interpreter/core/decode.h"

static bool is_memory(Space space)
{
    return space >= SPACE_BUFFER;
}

bool decode_variable(Decoder *decoder, const uint32_t *instruction)
{
    Module        *module  = decoder->module;
    Program       *program = decoder->program;
    const uint32_t id = instruction[2], storage = instruction[3];
    const Type    *pointee = module_type(module, module_value_type(module, id)->element);
    Id            *what    = id < module->bound ? &module->ids[id] : NULL;
    if (!what || pointee->kind == TYPE_NONE)
        return module_fail(module, "%%%u: a variable of no type", id);
    Pointer *pointer = &decoder->pointers[id];
    *pointer = (Pointer){.known = true, .variable = id, .dynamic = NOWHERE, .element = NOWHERE, .binding = NOWHERE};
    pointer->type = module_value_type(module, id)->element;
    switch (storage) {
    case ClassPush: pointer->space = SPACE_PUSH; return true;
    case ClassUniformConstant:
    case ClassUniform:
    case ClassStorage:
        if (what->binding < 0 || what->binding >= SHADER_BINDINGS || what->set != 0)
            return module_fail(module, "binding %d of set %u", (int)what->binding, what->set);
        pointer->space   = SPACE_BUFFER;
        pointer->binding = (uint32_t)what->binding;
        return true;
    case ClassWorkgroup:
        pointer->space = SPACE_SHARED;
        pointer->base  = (program->shared + 15) & ~15u;
        if (pointee->bytes > MODULE_WORDS - pointer->base)
            return module_fail(module, "%%%u: too much shared memory", id);
        pointer->bytes  = (uint32_t)pointee->bytes;
        program->shared = pointer->base + pointer->bytes;
        return true;
    case ClassInput:
    case ClassPrivate:
    case ClassFunction: break;
    default: return module_fail(module, "%%%u: a variable of storage class %u", id, storage);
    }
    pointer->space = pointee->cooperative ? SPACE_MATRICES : SPACE_REGISTERS;
    pointer->bytes = pointee->words;
    if (storage == ClassFunction && !decoder->places[id].read)
        return true;
    pointer->base =
        pointee->cooperative ? decode_matrices(decoder, pointee->words) : decode_scratch(decoder, pointee->words);
    if (pointer->base == NOWHERE)
        return false;
    if (storage == ClassInput) {
        const uint32_t at = APPEND(decoder, inputs);
        if (at == NOWHERE)
            return false;
        if (what->built_in < BuiltInNumWorkgroups || what->built_in > BuiltInSubgroupLocalInvocationId)
            return module_fail(module, "built-in %d is not known", (int)what->built_in);
        program->inputs.at[at] = (Input){pointer->base, (uint32_t)what->built_in, pointee->words};
        return true;
    }
    const uint32_t at = APPEND(decoder, filled);
    if (at == NOWHERE)
        return false;
    const Id *first        = instruction_count(instruction) > 4 ? module_id(module, instruction[4]) : NULL;
    program->filled.at[at] = (Filled){.slot   = pointer->base,
                                      .words  = pointee->words,
                                      .value  = first ? first->constant : NULL,
                                      .matrix = pointee->cooperative ? pointee : NULL,
                                      .each   = true};
    return true;
}

Pointer *decode_pointer(Decoder *decoder, uint32_t id)
{
    const Type *type = module_value_type(decoder->module, id);
    if (id < decoder->module->bound && decoder->pointers[id].known)
        return &decoder->pointers[id];
    if (id >= decoder->module->bound || type->kind != TYPE_POINTER || type->storage != ClassPhysical) {
        module_fail(decoder->module, "%%%u: a pointer that is not known", id);
        return NULL;
    }
    const uint32_t slot = decode_slot(decoder, id);
    if (slot == NOWHERE)
        return NULL;
    decoder->pointers[id] = (Pointer){.known   = true,
                                      .space   = SPACE_ADDRESS,
                                      .dynamic = slot,
                                      .type    = type->element,
                                      .element = NOWHERE,
                                      .pointee = type->element};
    return &decoder->pointers[id];
}

/* One index: how much further, and the type there. */
static bool step(Decoder *decoder, Pointer *pointer, uint32_t index, uint32_t stride, uint32_t *terms, uint32_t *first)
{
    const Id   *id   = module_id(decoder->module, index);
    const Type *type = module_type(decoder->module, id->type);
    if (type->kind != TYPE_INT)
        return module_fail(decoder->module, "%%%u: an index that is no integer", index);
    if (id->constant) {
        int64_t by = type->is_signed ? (int64_t)(int32_t)id->constant[0] : (int64_t)id->constant[0];
        if (type->words == 2)
            by = (int64_t)(id->constant[0] | (uint64_t)id->constant[1] << 32);
        pointer->constant += (uint64_t)by * stride;
        return true;
    }
    const uint32_t slot = decode_slot(decoder, index);
    const uint32_t at   = decode_extra(decoder, slot);
    if (slot == NOWHERE || at == NOWHERE || decode_extra(decoder, stride) == NOWHERE ||
        decode_extra(decoder, (type->is_signed ? 1u : 0u) | (type->words == 2 ? 2u : 0u)) == NOWHERE)
        return false;
    if ((*terms)++ == 0)
        *first = at;
    return true;
}

static bool walk(Decoder *decoder, Pointer *pointer, uint32_t index, uint32_t *terms, uint32_t *first)
{
    Module     *module = decoder->module;
    const Type *type   = module_type(module, pointer->type);
    switch (type->kind) {
    case TYPE_STRUCT: {
        const uint32_t member = module_constant(module, index);
        if (member >= type->count)
            return module_fail(module, "%%%u: a member that its structure lacks", index);
        for (uint32_t i = 0; i < member && !is_memory(pointer->space); i++)
            pointer->constant += module_type(module, type->members[i])->words;
        if (is_memory(pointer->space))
            pointer->constant += type->offsets[member];
        pointer->type = type->members[member];
        return true;
    }
    case TYPE_MATRIX:
        if (is_memory(pointer->space))
            return module_fail(module, "a matrix in memory is not known");
        break;
    case TYPE_COOPERATIVE:
        pointer->matrix  = pointer->type;
        pointer->element = decode_slot(decoder, index);
        pointer->type    = type->element;
        return pointer->element != NOWHERE;
    case TYPE_VECTOR:
    case TYPE_ARRAY:
    case TYPE_RUNTIME_ARRAY: break;
    default: return module_fail(module, "%%%u: an index into what has no elements", index);
    }
    const Type *element = module_type(module, type->element);
    if (is_memory(pointer->space) && (element->bytes == 0 || type->stride == 0))
        return module_fail(module, "%%%u: an index into what is not in memory", index);
    if (!step(decoder, pointer, index, is_memory(pointer->space) ? type->stride : element->words, terms, first))
        return false;
    pointer->pointee = type->element;
    pointer->type    = type->element;
    return true;
}

static bool chain(Decoder *decoder, const uint32_t *instruction)
{
    const uint32_t code = instruction_code(instruction), id = instruction[2];
    const Pointer *base = decode_pointer(decoder, instruction[3]);
    if (!base || id >= decoder->module->bound)
        return false;
    Pointer  pointer = *base;
    uint32_t terms = 0, first = NOWHERE, index = 4;
    if (code == OpPtrAccessChain) {
        const uint32_t stride =
            module_id(decoder->module, module_id(decoder->module, instruction[3])->type)->array_stride;
        if (stride == 0 || !step(decoder, &pointer, instruction[4], stride, &terms, &first))
            return stride ? false : module_fail(decoder->module, "%%%u: a pointer of no stride", id);
        index++;
    }
    for (; index < instruction_count(instruction); index++)
        if (!walk(decoder, &pointer, instruction[index], &terms, &first))
            return false;
    const bool address = pointer.space == SPACE_ADDRESS;
    if (terms || address) {
        const uint32_t words = address ? 2 : 1, out = decode_scratch(decoder, words);
        const uint32_t extra = decode_extra(decoder, first);
        if (out == NOWHERE || extra == NOWHERE || decode_extra(decoder, terms) == NOWHERE ||
            decode_extra(decoder, (uint32_t)pointer.constant) == NOWHERE ||
            decode_extra(decoder, (uint32_t)(pointer.constant >> 32)) == NOWHERE)
            return false;
        if (!decode_op_of(decoder, address ? DoAddress : DoOffset, words, out, pointer.dynamic, 0, 0, extra, id))
            return false;
        pointer.constant = 0;
        pointer.dynamic  = out;
        if (address && !decode_alias(decoder, id, out, 2))
            return false;
    }
    decoder->pointers[id] = pointer;
    return true;
}

static bool flatten(Decoder *decoder, const Type *type, uint32_t offset, uint32_t word)
{
    const Module *module = decoder->module;
    switch (type->kind) {
    case TYPE_BOOL:
    case TYPE_INT:
    case TYPE_FLOAT:
    case TYPE_BFLOAT:
    case TYPE_POINTER: {
        const uint32_t leaf = APPEND(decoder, leaves);
        if (leaf == NOWHERE || type->bytes == 0)
            return leaf == NOWHERE ? false : module_fail(module, "a pointer to a variable in memory");
        decoder->program->leaves.at[leaf] = (Leaf){offset, word, (uint32_t)type->bytes * 8};
        return true;
    }
    case TYPE_VECTOR:
    case TYPE_ARRAY: {
        const Type *element = module_type(module, type->element);
        for (uint32_t i = 0; i < type->count; i++)
            if (!flatten(decoder, element, offset + i * type->stride, word + i * element->words))
                return false;
        return true;
    }
    case TYPE_STRUCT:
        for (uint32_t i = 0; i < type->count; i++) {
            const Type *member = module_type(module, type->members[i]);
            if (!flatten(decoder, member, offset + type->offsets[i], word))
                return false;
            word += member->words;
        }
        return true;
    default: return module_fail(module, "a load or store of what is not in memory");
    }
}

uint32_t decode_access(Decoder *decoder, uint32_t id, uint32_t type, uint32_t align)
{
    const Pointer *pointer = decode_pointer(decoder, id);
    const uint32_t at      = pointer ? APPEND(decoder, accesses) : NOWHERE;
    if (at == NOWHERE)
        return NOWHERE;
    Access access = {.space    = pointer->space,
                     .binding  = pointer->binding,
                     .variable = pointer->variable,
                     .base     = pointer->base,
                     .bytes    = pointer->bytes,
                     .constant = pointer->constant,
                     .dynamic  = pointer->dynamic,
                     .element  = pointer->element,
                     .type     = pointer->element != NOWHERE ? pointer->matrix : type,
                     .words    = module_type(decoder->module, type)->words,
                     .align    = align,
                     .leaf     = (uint32_t)decoder->program->leaves.count};
    if (is_memory(access.space) && !flatten(decoder, module_type(decoder->module, type), 0, 0))
        return NOWHERE;
    access.leaves                     = (uint32_t)decoder->program->leaves.count - access.leaf;
    decoder->program->accesses.at[at] = access;
    return at;
}

/* The alignment among memory operands from a word on; 1: none is promised. */
static uint32_t promised(const uint32_t *instruction, uint32_t at)
{
    return instruction_count(instruction) > at + 1 && (instruction[at] & 2) ? instruction[at + 1] : 1;
}

/* Whether a variable can hold the value of an id where a pointer points: a matrix among matrices, and within it as far
 * as that is known. */
static bool is_held(const Decoder *decoder, const Pointer *pointer, uint32_t value)
{
    const Type *type   = module_value_type(decoder->module, value);
    const bool  matrix = pointer->space == SPACE_MATRICES && pointer->element == NOWHERE;
    if (type->cooperative != matrix || (pointer->element != NOWHERE && type->words != 1))
        return module_fail(decoder->module, "%%%u: a value that its variable cannot hold", value);
    if (is_memory(pointer->space) || pointer->dynamic != NOWHERE || pointer->element != NOWHERE)
        return true;
    return (pointer->constant <= pointer->bytes && type->words <= pointer->bytes - pointer->constant) ||
           module_fail(decoder->module, "%%%u: an element that its variable lacks", value);
}

static bool load(Decoder *decoder, const uint32_t *instruction)
{
    const Pointer *pointer = decode_pointer(decoder, instruction[3]);
    const Type    *type    = module_value_type(decoder->module, instruction[2]);
    if (!pointer || instruction[2] >= decoder->module->bound)
        return false;
    if (type->kind == TYPE_IMAGE) { /* the same binding by another id */
        decoder->pointers[instruction[2]] = *pointer;
        return true;
    }
    const uint32_t out = decode_any_result(decoder, instruction[2]);
    if (out == NOWHERE || !is_held(decoder, pointer, instruction[2]))
        return false;
    if (pointer->space == SPACE_REGISTERS && pointer->dynamic == NOWHERE) {
        return decode_op(decoder, DoMove, type->words, out, pointer->base + (uint32_t)pointer->constant, 0, 0);
    }
    const uint32_t access = decode_access(decoder, instruction[3], instruction[1], promised(instruction, 4));
    return access != NOWHERE && decode_op_of(decoder, DoLoad, type->words, out, 0, 0, 0, access, instruction[2]);
}

static bool store(Decoder *decoder, const uint32_t *instruction)
{
    const Pointer *pointer = decode_pointer(decoder, instruction[1]);
    const uint32_t type    = module_id(decoder->module, instruction[2])->type;
    const Type    *stored  = module_type(decoder->module, type);
    if (!pointer)
        return false;
    const uint32_t *variable = module_id(decoder->module, pointer->variable)->definition;
    if (variable && variable[3] == ClassFunction && pointer->variable == instruction[1] &&
        !decoder->places[pointer->variable].read)
        return true;
    const uint32_t in = decode_any_slot(decoder, instruction[2]);
    if (in == NOWHERE || !is_held(decoder, pointer, instruction[2]))
        return false;
    if (pointer->space == SPACE_REGISTERS && pointer->dynamic == NOWHERE) {
        return decode_op(decoder, DoMove, stored->words, pointer->base + (uint32_t)pointer->constant, in, 0, 0);
    }
    const uint32_t access = decode_access(decoder, instruction[1], type, promised(instruction, 3));
    return access != NOWHERE && decode_op_of(decoder, DoStore, 0, 0, in, 0, 0, access, instruction[1]);
}

static bool atomic(Decoder *decoder, const uint32_t *instruction)
{
    const uint32_t code = instruction_code(instruction);
    const bool     set = code == OpAtomicStore, compare = code == OpAtomicCompareExchange;
    const uint32_t pointer = instruction[set ? 1 : 3];
    const bool     alone   = code == OpAtomicLoad || code == OpAtomicIIncrement || code == OpAtomicIDecrement;
    const uint32_t value   = set ? instruction[4] : compare ? instruction[7] : instruction[6];
    const Pointer *to      = decode_pointer(decoder, pointer);
    if (!to)
        return false;
    const uint32_t type = to->type;
    if (module_type(decoder->module, type)->bits != 32 || !is_memory(to->space))
        return module_fail(decoder->module, "%%%u: an atomic of what is not 32 bits in memory", pointer);
    const uint32_t access = decode_access(decoder, pointer, type, 1);
    const uint32_t out    = set ? 0 : decode_result(decoder, instruction[2]);
    const uint32_t a = alone ? 0 : decode_slot(decoder, value), b = compare ? decode_slot(decoder, instruction[8]) : 0;
    if (access == NOWHERE || out == NOWHERE || a == NOWHERE || b == NOWHERE ||
        (!set && !decode_has(decoder, instruction[2], 1)))
        return false;
    return decode_op_of(decoder, DoAtomic, set ? 0 : 1, out, a, b, code, access, set ? pointer : instruction[2]);
}

static bool fetch(Decoder *decoder, const uint32_t *instruction)
{
    const Pointer *image = decode_pointer(decoder, instruction[3]);
    const uint32_t out = decode_result(decoder, instruction[2]), at = decode_slot(decoder, instruction[4]);
    if (!image || out == NOWHERE || at == NOWHERE)
        return false;
    const Type *type = module_value_type(decoder->module, instruction[2]);
    if (type->words != 4)
        return module_fail(decoder->module, "%%%u: a texel of other than four components", instruction[2]);
    return decode_op_of(decoder, DoFetch, 4, out, at, image->binding,
                        decode_scalar(decoder->module, type)->kind == TYPE_INT, 0, instruction[2]);
}

static bool array_length(Decoder *decoder, const uint32_t *instruction)
{
    const Pointer *pointer = decode_pointer(decoder, instruction[3]);
    const uint32_t out     = decode_result(decoder, instruction[2]);
    if (!pointer || out == NOWHERE)
        return false;
    const Type *type = module_type(decoder->module, pointer->type);
    if (type->kind != TYPE_STRUCT || instruction[4] >= type->count || pointer->space != SPACE_BUFFER)
        return module_fail(decoder->module, "%%%u: the length of what is no array", instruction[2]);
    const Type *array = module_type(decoder->module, type->members[instruction[4]]);
    return decode_op(decoder, DoArrayLength, 1, out, pointer->binding, type->offsets[instruction[4]],
                     array->stride ? array->stride : 1);
}

bool decode_memory(Decoder *decoder, const uint32_t *instruction, bool *done)
{
    const uint32_t code = instruction_code(instruction);
    *done               = true;
    switch (code) {
    case OpAccessChain:
    case OpInBoundsAccessChain:
    case OpPtrAccessChain: return chain(decoder, instruction);
    case OpLoad: return load(decoder, instruction);
    case OpStore: return store(decoder, instruction);
    case OpImageFetch: return fetch(decoder, instruction);
    case OpArrayLength: return array_length(decoder, instruction);
    case OpConvertUToPtr:
    case OpConvertPtrToU:
        return decode_has(decoder, instruction[3], 2) &&
               decode_alias(decoder, instruction[2], decode_slot(decoder, instruction[3]), 2);
    default:
        if (code >= OpAtomicLoad && code <= OpAtomicXor)
            return atomic(decoder, instruction);
        *done = false;
        return true;
    }
}
