/* Arithmetic of scalars and vectors. What acts on each component alone is one instruction; the rest is made of such. */
#include "tests/tools/interpreter/core/decode.h"

static Op *compute(Decoder *decoder, uint32_t code, Kind kind, uint32_t words, uint32_t out, uint32_t a, uint32_t b,
                   uint32_t c, uint32_t id)
{
    Op *op = decode_op(decoder, code, words, out, a, b, c);
    if (op) {
        op->kind = (uint8_t)kind;
        op->to   = (uint8_t)kind;
        op->id   = id;
    }
    return op;
}

/* Up to three operands of one shape, component by component. */
static bool each(Decoder *decoder, uint32_t code, const uint32_t *instruction, uint32_t first, uint32_t operands)
{
    uint32_t slots[3] = {0};
    for (uint32_t i = 0; i < operands; i++)
        if ((slots[i] = decode_slot(decoder, instruction[first + i])) == NOWHERE)
            return false;
    const uint32_t out  = decode_result(decoder, instruction[2]);
    const Type    *type = module_value_type(decoder->module, instruction[2]);
    const Type    *from = module_value_type(decoder->module, instruction[first]);
    if (out == NOWHERE)
        return false;
    for (uint32_t i = 0; i < operands; i++) {
        const Type *operand = module_value_type(decoder->module, instruction[first + i]);
        if (decode_components(decoder->module, operand) != decode_components(decoder->module, type))
            return module_fail(decoder->module, "%%%u: operands of other shapes", instruction[2]);
    }
    Op *op = compute(decoder, code, decode_kind(decoder->module, from), type->words, out, slots[0], slots[1], slots[2],
                     instruction[2]);
    if (op)
        op->to = (uint8_t)decode_kind(decoder->module, type);
    if (op && code >= OpShiftRightLogical && code <= OpShiftLeftLogical) /* by how far may have another width */
        op->c = decode_kind(decoder->module, module_value_type(decoder->module, instruction[4]));
    return op != NULL;
}

/* A value's words, one after another, with others. */
static bool select_words(Decoder *decoder, const uint32_t *instruction)
{
    const Module  *module = decoder->module;
    const Type    *type = module_value_type(module, instruction[2]), *truth = module_value_type(module, instruction[3]);
    const uint32_t condition = decode_slot(decoder, instruction[3]), yes = decode_slot(decoder, instruction[4]);
    const uint32_t no = decode_slot(decoder, instruction[5]), out = decode_result(decoder, instruction[2]);
    if (condition == NOWHERE || yes == NOWHERE || no == NOWHERE || out == NOWHERE)
        return false;
    if (!decode_has(decoder, instruction[4], type->words) || !decode_has(decoder, instruction[5], type->words))
        return false;
    if (truth->words == type->words)
        return compute(decoder, OpSelect, KIND_32, type->words, out, condition, yes, no, instruction[2]);
    if (type->words % truth->words != 0)
        return module_fail(module, "%%%u: operands of other shapes", instruction[2]);
    const uint32_t each_words = type->words / truth->words;
    for (uint32_t i = 0; i < type->words; i++)
        if (!compute(decoder, OpSelect, KIND_32, 1, out + i, condition + i / each_words, yes + i, no + i,
                     instruction[2]))
            return false;
    return true;
}

/* sum of a[i] * b[i * step], which begins at out. */
static bool products(Decoder *decoder, Kind kind, uint32_t count, uint32_t out, uint32_t a, uint32_t step, uint32_t b,
                     uint32_t id)
{
    const uint32_t product = decode_scratch(decoder, 1);
    if (product == NOWHERE || !compute(decoder, OpFMul, kind, 1, out, a, b, 0, id))
        return false;
    for (uint32_t i = 1; i < count; i++)
        if (!compute(decoder, OpFMul, kind, 1, product, a + i * step, b + i, 0, id) ||
            !compute(decoder, OpFAdd, kind, 1, out, out, product, 0, id))
            return false;
    return true;
}

/* Whether the operands of a product have the shapes that its result wants. */
static bool is_product(uint32_t code, const Type *type, const Type *left, const Type *right)
{
    const uint32_t rows = type->kind == TYPE_MATRIX ? type->words / type->count : type->words;
    switch (code) {
    case OpVectorTimesScalar:
    case OpMatrixTimesScalar: return left->words == type->words && right->words == 1;
    case OpDot: return left->words == right->words && type->words == 1;
    case OpMatrixTimesVector: return left->words == rows * right->words && left->count == right->words;
    case OpVectorTimesMatrix: return right->words == rows * left->words;
    default:
        return left->words == rows * left->count && right->words == left->count * right->count &&
               type->words == rows * right->count;
    }
}

static bool linear(Decoder *decoder, const uint32_t *instruction)
{
    const Module  *module = decoder->module;
    const Type    *type   = module_value_type(module, instruction[2]);
    const Type    *left = module_value_type(module, instruction[3]), *right = module_value_type(module, instruction[4]);
    const Kind     kind = decode_kind(module, type);
    const uint32_t a = decode_slot(decoder, instruction[3]), b = decode_slot(decoder, instruction[4]);
    const uint32_t out = decode_result(decoder, instruction[2]), id = instruction[2];
    if (a == NOWHERE || b == NOWHERE || out == NOWHERE)
        return false;
    if (!is_product(instruction_code(instruction), type, left, right))
        return module_fail(module, "%%%u: operands of other shapes", id);
    switch (instruction_code(instruction)) {
    case OpVectorTimesScalar:
    case OpMatrixTimesScalar:
        for (uint32_t i = 0; i < type->words; i++)
            if (!compute(decoder, OpFMul, kind, 1, out + i, a + i, b, 0, id))
                return false;
        return true;
    case OpDot: return products(decoder, kind, left->words, out, a, 1, b, id);
    case OpMatrixTimesVector:
        for (uint32_t i = 0; i < type->words; i++)
            if (!products(decoder, kind, left->count, out + i, a + i, type->words, b, id))
                return false;
        return true;
    case OpVectorTimesMatrix:
        for (uint32_t i = 0; i < type->words; i++)
            if (!products(decoder, kind, left->words, out + i, a, 1, b + i * left->words, id))
                return false;
        return true;
    case OpMatrixTimesMatrix:
        for (uint32_t column = 0; column < right->count; column++)
            for (uint32_t row = 0; row < type->words / type->count; row++)
                if (!products(decoder, kind, left->count, out + column * (type->words / type->count) + row, a + row,
                              type->words / type->count, b + column * left->count, id))
                    return false;
        return true;
    default: return false;
    }
}

/* Any and all: a vector's truths folded into one. */
static bool fold_truths(Decoder *decoder, const uint32_t *instruction, uint32_t code)
{
    const uint32_t a = decode_slot(decoder, instruction[3]), out = decode_result(decoder, instruction[2]);
    if (a == NOWHERE || out == NOWHERE || !decode_op(decoder, DoMove, 1, out, a, 0, 0))
        return false;
    for (uint32_t i = 1; i < module_value_type(decoder->module, instruction[3])->words; i++)
        if (!compute(decoder, code, KIND_32, 1, out, out, a + i, 0, instruction[2]))
            return false;
    return true;
}

/* Results of two members: the low part, then the high one, the carry or the borrow. */
static bool extended(Decoder *decoder, const uint32_t *instruction)
{
    const uint32_t code = instruction_code(instruction), id = instruction[2];
    const uint32_t a = decode_slot(decoder, instruction[3]), b = decode_slot(decoder, instruction[4]);
    const uint32_t out   = decode_result(decoder, id);
    const uint32_t words = module_value_type(decoder->module, instruction[3])->words;
    if (a == NOWHERE || b == NOWHERE || out == NOWHERE)
        return false;
    if (decode_kind(decoder->module, module_value_type(decoder->module, instruction[3])) != KIND_32)
        return module_fail(decoder->module, "%%%u: extended arithmetic of other than 32 bits", id);
    if (!decode_has(decoder, id, 2 * words) || !decode_has(decoder, instruction[4], words))
        return false;
    switch (code) {
    case OpIAddCarry:
        return compute(decoder, OpIAdd, KIND_32, words, out, a, b, 0, id) &&
               compute(decoder, OpULessThan, KIND_32, words, out + words, out, a, 0, id);
    case OpISubBorrow:
        return compute(decoder, OpISub, KIND_32, words, out, a, b, 0, id) &&
               compute(decoder, OpULessThan, KIND_32, words, out + words, a, b, 0, id);
    default:
        return compute(decoder, OpIMul, KIND_32, words, out, a, b, 0, id) &&
               compute(decoder, DoMultiplyHigh, KIND_32, words, out + words, a, b, code == OpSMulExtended, id);
    }
}

static bool extended_function(Decoder *decoder, const uint32_t *instruction)
{
    const uint32_t code = GlslFirst + instruction[4];
    char           name[48];
    if (instruction[3] != decoder->module->glsl)
        return module_fail(decoder->module, "%%%u: a set of functions that is not known", instruction[2]);
    switch (code) {
    case GlslPackHalf2x16:
    case GlslUnpackHalf2x16: {
        const uint32_t a = decode_slot(decoder, instruction[5]), out = decode_result(decoder, instruction[2]);
        if (a == NOWHERE || out == NOWHERE || !decode_has(decoder, instruction[code == GlslPackHalf2x16 ? 5 : 2], 2))
            return false;
        if (code == GlslPackHalf2x16)
            return compute(decoder, code, KIND_32, 1, out, a, a + 1, 0, instruction[2]);
        Op *low = compute(decoder, OpFConvert, KIND_F16, 1, out, a, 0, 0, instruction[2]);
        if (low)
            low->to = KIND_32;
        return low && compute(decoder, code, KIND_32, 1, out + 1, a, 0, 0, instruction[2]);
    }
    case GlslRound:
    case GlslRoundEven:
    case GlslTrunc:
    case GlslFAbs:
    case GlslSAbs:
    case GlslFSign:
    case GlslSSign:
    case GlslFloor:
    case GlslCeil:
    case GlslFract:
    case GlslSin:
    case GlslCos:
    case GlslTan:
    case GlslTanh:
    case GlslExp:
    case GlslLog:
    case GlslExp2:
    case GlslLog2:
    case GlslSqrt:
    case GlslInverseSqrt:
    case GlslFindILsb:
    case GlslFindSMsb:
    case GlslFindUMsb: return each(decoder, code, instruction, 5, 1);
    case GlslPow:
    case GlslFMin:
    case GlslUMin:
    case GlslSMin:
    case GlslFMax:
    case GlslUMax:
    case GlslSMax:
    case GlslStep:
    case GlslNMin:
    case GlslNMax: return each(decoder, code, instruction, 5, 2);
    case GlslFClamp:
    case GlslUClamp:
    case GlslSClamp:
    case GlslNClamp:
    case GlslFMix:
    case GlslFma: return each(decoder, code, instruction, 5, 3);
    default: return module_fail(decoder->module, "%s is not known", opcode_name(code, name));
    }
}

/* Bits as they are: the same words by another id, or halves put two into a word and taken out. */
static bool bitcast(Decoder *decoder, const uint32_t *instruction)
{
    const Type    *to   = module_value_type(decoder->module, instruction[2]);
    const Type    *from = module_value_type(decoder->module, instruction[3]);
    const uint32_t a    = decode_slot(decoder, instruction[3]);
    if (a == NOWHERE || to->words == 0)
        return false;
    if (to->words == from->words)
        return decode_alias(decoder, instruction[2], a, from->words);
    const bool packs = to->words < from->words;
    if ((packs ? from : to)->words != 2 * (packs ? to : from)->words ||
        decode_scalar(decoder->module, packs ? from : to)->bits != 16)
        return module_fail(decoder->module, "%%%u: OpBitcast of these types is not known", instruction[2]);
    const uint32_t out = decode_result(decoder, instruction[2]);
    if (out == NOWHERE)
        return false;
    for (uint32_t i = 0; i < (packs ? to : from)->words; i++) {
        const bool made =
            packs
                ? compute(decoder, OpBitcast, KIND_32, 1, out + i, a + 2 * i, a + 2 * i + 1, 0, instruction[2]) != NULL
                : compute(decoder, OpBitFieldUExtract, KIND_U16, 1, out + 2 * i, a + i, 0, 0, instruction[2]) &&
                      compute(decoder, OpBitFieldUExtract, KIND_U16, 1, out + 2 * i + 1, a + i, 0, 16, instruction[2]);
        if (!made)
            return false;
    }
    return true;
}

bool decode_arithmetic(Decoder *decoder, const uint32_t *instruction, bool *done)
{
    const uint32_t code = instruction_code(instruction);
    *done               = true;
    switch (code) {
    case OpExtInst: return extended_function(decoder, instruction);
    case OpVectorTimesScalar:
    case OpMatrixTimesScalar:
    case OpVectorTimesMatrix:
    case OpMatrixTimesVector:
    case OpMatrixTimesMatrix:
    case OpDot: return linear(decoder, instruction);
    case OpIAddCarry:
    case OpISubBorrow:
    case OpUMulExtended:
    case OpSMulExtended: return extended(decoder, instruction);
    case OpAny: return fold_truths(decoder, instruction, OpLogicalOr);
    case OpAll: return fold_truths(decoder, instruction, OpLogicalAnd);
    case OpSelect: return select_words(decoder, instruction);
    case OpBitcast: return bitcast(decoder, instruction);
    case OpConvertFToU:
    case OpConvertFToS:
    case OpConvertSToF:
    case OpConvertUToF:
    case OpUConvert:
    case OpSConvert:
    case OpFConvert:
    case OpSNegate:
    case OpFNegate:
    case OpIsNan:
    case OpIsInf:
    case OpLogicalNot:
    case OpNot:
    case OpBitReverse:
    case OpBitCount:
    case OpQuantizeToF16: return each(decoder, code, instruction, 3, 1);
    case OpBitFieldSExtract:
    case OpBitFieldUExtract: return each(decoder, code, instruction, 3, 3);
    default: break;
    }
    if ((code >= OpIAdd && code <= OpFMod) || (code >= OpLogicalEqual && code <= OpLogicalAnd) ||
        (code >= OpIEqual && code <= OpFUnordGreaterThanEqual) || (code >= OpShiftRightLogical && code <= OpBitwiseAnd))
        return each(decoder, code, instruction, 3, 2);
    *done = false;
    return true;
}
