#include "tests/tools/interpreter/core/module.h"

#include <stdlib.h>
#include <string.h>

/* The value of a specialisation: what the caller gave for its SpecId, else what the module says. */
static bool given(const Id *id, uint32_t bytes, const ShaderConstant *constants, size_t count, uint32_t *value)
{
    for (size_t i = 0; i < count; i++)
        if (id->spec_id >= 0 && constants[i].id == (uint32_t)id->spec_id) {
            memcpy(value, constants[i].value, constants[i].bytes < bytes ? constants[i].bytes : bytes);
            return true;
        }
    return false;
}

static uint64_t value_of(const Module *module, uint32_t id)
{
    const uint32_t *words = module_id(module, id)->constant;
    const Type     *type  = module_value_type(module, id);
    if (!words)
        return 0;
    uint64_t value = words[0];
    if (type->words > 1)
        value |= (uint64_t)words[1] << 32;
    else if (type->kind == TYPE_INT && type->is_signed && type->bits <= 32) /* SPIR-V keeps narrow ones extended */
        value = (uint64_t)(int64_t)(int32_t)words[0];
    return value;
}

/* What OpSpecConstantOp does to integers and truths. */
static bool fold(const Module *module, uint32_t code, const uint32_t *ids, uint64_t *result)
{
    const uint64_t a = value_of(module, ids[0]), b = value_of(module, ids[1]), c = value_of(module, ids[2]);
    const uint32_t bits = module_value_type(module, ids[0])->bits;
    const uint64_t mask = bits >= 64 ? UINT64_MAX : ((uint64_t)1 << (bits ? bits : 32)) - 1;
    const uint64_t ua = a & mask, ub = b & mask;
    const int64_t  sa = (int64_t)a, sb = (int64_t)b;
    switch (code) {
    case OpSConvert: *result = a; return true;
    case OpUConvert: *result = ua; return true;
    case OpBitcast: *result = a; return true;
    case OpSNegate: *result = -a; return true;
    case OpNot: *result = ~a; return true;
    case OpIAdd: *result = a + b; return true;
    case OpISub: *result = a - b; return true;
    case OpIMul: *result = a * b; return true;
    case OpUDiv: *result = ub ? ua / ub : 0; return true;
    case OpUMod: *result = ub ? ua % ub : 0; return true;
    case OpSDiv: *result = sb && sb != -1 ? (uint64_t)(sa / sb) : -a; return true;
    case OpSRem: *result = sb && sb != -1 ? (uint64_t)(sa % sb) : 0; return true;
    case OpSMod: *result = sb && sb != -1 ? (uint64_t)((sa % sb + sb) % sb) : 0; return true;
    case OpShiftRightLogical: *result = ub < 64 ? ua >> ub : 0; return true;
    case OpShiftRightArithmetic: *result = (uint64_t)((int64_t)(int32_t)a >> (ub < 31 ? ub : 31)); return true;
    case OpShiftLeftLogical: *result = ub < 64 ? a << ub : 0; return true;
    case OpBitwiseOr: *result = a | b; return true;
    case OpBitwiseXor: *result = a ^ b; return true;
    case OpBitwiseAnd: *result = a & b; return true;
    case OpLogicalOr: *result = a || b; return true;
    case OpLogicalAnd: *result = a && b; return true;
    case OpLogicalNot: *result = !a; return true;
    case OpLogicalEqual: *result = !a == !b; return true;
    case OpLogicalNotEqual: *result = !a != !b; return true;
    case OpSelect: *result = a ? b : c; return true;
    case OpIEqual: *result = ua == ub; return true;
    case OpINotEqual: *result = ua != ub; return true;
    case OpUGreaterThan: *result = ua > ub; return true;
    case OpUGreaterThanEqual: *result = ua >= ub; return true;
    case OpULessThan: *result = ua < ub; return true;
    case OpULessThanEqual: *result = ua <= ub; return true;
    case OpSGreaterThan: *result = sa > sb; return true;
    case OpSGreaterThanEqual: *result = sa >= sb; return true;
    case OpSLessThan: *result = sa < sb; return true;
    case OpSLessThanEqual: *result = sa <= sb; return true;
    default: return false;
    }
}

/* Scalars only, but for what takes one out of a composite. */
static bool fold_operation(Module *module, const uint32_t *instruction, const Type *type, uint32_t *value)
{
    const uint32_t code = instruction[3], count = instruction_count(instruction);
    char           name[48];
    uint32_t       ids[3] = {0};
    if (code == OpCompositeExtract) {
        const Id   *from = module_id(module, instruction[4]);
        const Type *of   = module_type(module, from->type);
        uint32_t    word = 0;
        for (uint32_t i = 5; i < count; i++) {
            const uint32_t member = of->kind == TYPE_STRUCT ? 0 : of->element;
            if (of->kind == TYPE_STRUCT || instruction[i] >= of->count)
                return module_fail(module, "%%%u: a constant of what its composite lacks", instruction[2]);
            of = module_type(module, member);
            word += instruction[i] * of->words;
        }
        if (!from->constant || of->words != type->words)
            return module_fail(module, "%%%u: a constant of what its composite lacks", instruction[2]);
        memcpy(value, &from->constant[word], type->words * sizeof *value);
        return true;
    }
    for (uint32_t i = 4; i < count && i < 7; i++)
        ids[i - 4] = instruction[i];
    uint64_t result = 0;
    if (type->words > 2 || type->kind == TYPE_FLOAT || !fold(module, code, ids, &result))
        return module_fail(module, "OpSpecConstantOp %s is not known", opcode_name(code, name));
    value[0] = (uint32_t)result;
    if (type->bits < 32 && !type->is_signed)
        value[0] &= (1u << type->bits) - 1;
    if (type->words > 1)
        value[1] = (uint32_t)(result >> 32);
    return true;
}

bool module_declare_constant(Module *module, const uint32_t *instruction, const ShaderConstant *constants,
                             size_t constant_count)
{
    const uint32_t code = instruction_code(instruction), count = instruction_count(instruction);
    const Type    *type = module_type(module, instruction[1]);
    char           name[48];
    if (count < 3 || instruction[2] >= module->bound || type->kind == TYPE_NONE || module->ids[instruction[2]].constant)
        return module_fail(module, "%s of no type", opcode_name(code, name));
    Id *id       = &module->ids[instruction[2]];
    id->constant = calloc((size_t)type->words + 1, sizeof *id->constant);
    if (!id->constant)
        return module_fail(module, "out of memory");
    uint32_t *value = id->constant;
    switch (code) {
    case OpConstantTrue: value[0] = 1; return true;
    case OpConstantFalse:
    case OpConstantNull: return true;
    case OpSpecConstantTrue:
    case OpSpecConstantFalse:
        if (!given(id, 4, constants, constant_count, value))
            value[0] = code == OpSpecConstantTrue;
        value[0] = value[0] != 0;
        return true;
    case OpConstant:
    case OpSpecConstant:
        if (type->words > 2 || count < 3 + type->words)
            return module_fail(module, "%%%u: a constant that is cut off", instruction[2]);
        if (code == OpConstant || !given(id, type->words * 4, constants, constant_count, value))
            memcpy(value, &instruction[3], type->words * sizeof *value);
        return true;
    case OpConstantComposite:
    case OpSpecConstantComposite: {
        if (type->cooperative) {
            value[0] = module_constant(module, instruction[3]);
            return true;
        }
        uint32_t at = 0;
        for (uint32_t i = 3; i < count; i++) {
            const Id   *part = module_id(module, instruction[i]);
            const Type *of   = module_type(module, part->type);
            if (of->words > type->words - at)
                return module_fail(module, "%%%u: more constants than it holds", instruction[2]);
            if (part->constant)
                memcpy(&value[at], part->constant, of->words * sizeof *value);
            else if (part->definition && instruction_code(part->definition) != OpUndef)
                return module_fail(module, "%%%u is no constant", instruction[i]);
            at += of->words;
        }
        return true;
    }
    case OpSpecConstantOp: return fold_operation(module, instruction, type, value);
    default: return module_fail(module, "%s is not known", opcode_name(code, name));
    }
}
