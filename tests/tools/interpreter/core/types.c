#include "tests/tools/interpreter/core/module.h"

#include <stdlib.h>
#include <string.h>

static uint64_t round_up(uint64_t x, uint32_t to)
{
    return to > 1 ? (x + to - 1) / to * to : x;
}

static bool scalar(Type *type, TypeKind kind, uint32_t bits)
{
    type->kind  = kind;
    type->bits  = bits;
    type->words = bits == 64 ? 2 : 1;
    type->bytes = kind == TYPE_BOOL ? 4 : bits / 8;
    type->align = (uint32_t)type->bytes;
    return true;
}

/* `count` of an element, one after another. */
static bool sequence(Module *module, Type *type, TypeKind kind, uint32_t element, uint32_t count, uint32_t stride)
{
    const Type *of    = module_type(module, element);
    type->kind        = kind;
    type->element     = element;
    type->count       = count;
    type->cooperative = of->cooperative;
    type->align       = of->align;
    type->stride      = stride ? stride : (uint32_t)round_up(of->bytes, of->align);
    if (of->words == 0 || (uint64_t)of->words * count > MODULE_WORDS)
        return module_fail(module, "an array of %u of what is not known or too large", count);
    type->words = of->words * count;
    type->bytes = count ? (uint64_t)type->stride * (count - 1) + of->bytes : 0;
    return true;
}

static bool structure(Module *module, Type *type, const uint32_t *instruction)
{
    const uint32_t  count   = instruction_count(instruction) - 2;
    const uint32_t *offsets = module->ids[instruction[1]].member_offsets;
    type->kind              = TYPE_STRUCT;
    type->count             = count;
    type->align             = 1;
    type->members           = calloc((size_t)count + 1, sizeof *type->members);
    type->offsets           = calloc((size_t)count + 1, sizeof *type->offsets);
    if (!type->members || !type->offsets)
        return module_fail(module, "out of memory");
    uint64_t end = 0, words = 0;
    for (uint32_t i = 0; i < count; i++) {
        const Type *member  = module_type(module, instruction[2 + i]);
        const bool  pointer = member->kind == TYPE_NONE; /* one declared later */
        type->members[i]    = instruction[2 + i];
        if (member == type || (pointer && !module_id(module, instruction[2 + i])->forward))
            return module_fail(module, "%%%u: a structure that holds what is no type", instruction[1]);
        if (member->cooperative)
            return module_fail(module, "a structure that holds a cooperative matrix");
        type->offsets[i] = offsets && offsets[i] != UINT32_MAX ? offsets[i] : (uint32_t)round_up(end, member->align);
        end              = type->offsets[i] + (pointer ? 8 : member->bytes);
        words += pointer ? 2 : member->words;
        if (member->align > type->align)
            type->align = member->align;
        type->bytes = end > type->bytes ? end : type->bytes;
    }
    if (words > MODULE_WORDS)
        return module_fail(module, "a structure that is too large");
    type->words = (uint32_t)words;
    return true;
}

static bool cooperative(Module *module, Type *type, const uint32_t *instruction)
{
    const Type *of    = module_type(module, instruction[2]);
    type->kind        = TYPE_COOPERATIVE;
    type->element     = instruction[2];
    type->scope       = module_constant(module, instruction[3]);
    type->rows        = module_constant(module, instruction[4]);
    type->columns     = module_constant(module, instruction[5]);
    type->use         = module_constant(module, instruction[6]);
    type->cooperative = true;
    if (of->kind == TYPE_NONE || type->rows == 0 || type->columns == 0 ||
        (uint64_t)type->rows * type->columns > MODULE_WORDS)
        return module_fail(module, "a cooperative matrix of %u x %u", type->rows, type->columns);
    if (type->scope != ScopeSubgroup && type->scope != ScopeWorkgroup)
        return module_fail(module, "a cooperative matrix of scope %u", type->scope);
    type->words = type->rows * type->columns;
    module->whole |= type->scope == ScopeWorkgroup;
    return true;
}

static bool tensor(Module *module, Type *type, const uint32_t *instruction)
{
    const bool     view = instruction_code(instruction) == OpTypeTensorViewNV;
    const uint32_t dims = module_constant(module, instruction[2]), second = module_constant(module, instruction[3]);
    type->kind           = view ? TYPE_VIEW : TYPE_LAYOUT;
    type->count          = dims;
    type->has_dimensions = view && second != 0;
    type->clamp          = view ? 0 : second;
    type->words          = view ? 2 * dims + 4 : 5 * dims + 1;
    if (dims == 0 || dims > TENSOR_DIMS || (view && instruction_count(instruction) < 4 + dims))
        return module_fail(module, "a tensor of %u dimensions", dims);
    bool seen[TENSOR_DIMS] = {false};
    for (uint32_t i = 0; view && i < dims; i++) {
        type->permutation[i] = module_constant(module, instruction[4 + i]);
        if (type->permutation[i] >= dims || seen[type->permutation[i]])
            return module_fail(module, "a tensor view whose dimensions are no permutation");
        seen[type->permutation[i]] = true;
    }
    if (!view && type->clamp > 4)
        return module_fail(module, "a tensor layout of clamp mode %u", type->clamp);
    return true;
}

bool module_declare_type(Module *module, const uint32_t *instruction)
{
    const uint32_t count = instruction_count(instruction), code = instruction_code(instruction);
    char           name[48];
    if (count < 2 || instruction[1] >= module->bound || module->ids[instruction[1]].is)
        return module_fail(module, "a type that is declared twice or has no id");
    Id *id = &module->ids[instruction[1]];
    if (id->forward && (code != OpTypePointer || instruction[2] != ClassPhysical))
        return module_fail(module, "%%%u was to be an address", instruction[1]);
    Type *type = calloc(1, sizeof *type);
    if (!type)
        return module_fail(module, "out of memory");
    id->is = type;
    switch (code) {
    case OpTypeVoid: type->kind = TYPE_VOID; return true;
    case OpTypeBool: return scalar(type, TYPE_BOOL, 32);
    case OpTypeInt:
        if (instruction[2] != 8 && instruction[2] != 16 && instruction[2] != 32 && instruction[2] != 64)
            return module_fail(module, "integers of %u bits", instruction[2]);
        type->is_signed = instruction[3] != 0;
        return scalar(type, TYPE_INT, instruction[2]);
    case OpTypeFloat:
        if (count > 3 && (instruction[2] != 16 || instruction[3] != 0))
            return module_fail(module, "floats of %u bits of encoding %u", instruction[2], instruction[3]);
        if (instruction[2] != 16 && instruction[2] != 32)
            return module_fail(module, "floats of %u bits", instruction[2]);
        return scalar(type, count > 3 ? TYPE_BFLOAT : TYPE_FLOAT, instruction[2]);
    case OpTypeVector: return sequence(module, type, TYPE_VECTOR, instruction[2], instruction[3], 0);
    case OpTypeMatrix: return sequence(module, type, TYPE_MATRIX, instruction[2], instruction[3], 0);
    case OpTypeArray:
        return sequence(module, type, TYPE_ARRAY, instruction[2], module_constant(module, instruction[3]),
                        id->array_stride);
    case OpTypeRuntimeArray: return sequence(module, type, TYPE_RUNTIME_ARRAY, instruction[2], 0, id->array_stride);
    case OpTypeStruct: return structure(module, type, instruction);
    case OpTypePointer:
        type->kind    = TYPE_POINTER;
        type->storage = instruction[2];
        type->element = instruction[3];
        type->words   = type->storage == ClassPhysical ? 2 : 1;
        type->bits    = type->words * 32;
        type->bytes   = type->storage == ClassPhysical ? 8 : 0;
        type->align   = 8;
        return true;
    case OpTypeFunction: type->kind = TYPE_FUNCTION; return true;
    case OpTypeImage:
        type->kind    = TYPE_IMAGE;
        type->element = instruction[2];
        if (count < 9 || instruction[3] != 5 || instruction[7] != 1)
            return module_fail(module, "an image that is not a buffer of texels");
        return true;
    case OpTypeCooperativeMatrixKHR: return cooperative(module, type, instruction);
    case OpTypeTensorLayoutNV:
    case OpTypeTensorViewNV: return tensor(module, type, instruction);
    default: return module_fail(module, "%s is not known", opcode_name(code, name));
    }
}
