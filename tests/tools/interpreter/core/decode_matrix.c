/* Cooperative matrices, tensor layouts and views. The latter are words like any other's: block sizes, dimensions,
 * strides, offsets, spans, the value of what lies outside; dimensions, strides, the four of what is clipped to.
 */
#include "tests/tools/interpreter/core/decode.h"

static const uint32_t zero = 0, one = 1, all_bits = UINT32_MAX;

static uint32_t constant(Decoder *decoder, const uint32_t *value)
{
    const uint32_t slot = decode_scratch(decoder, 1), at = APPEND(decoder, filled);
    if (slot == NOWHERE || at == NOWHERE)
        return NOWHERE;
    decoder->program->filled.at[at] = (Filled){.slot = slot, .words = 1, .value = value};
    return slot;
}

static bool move(Decoder *decoder, uint32_t out, uint32_t in, uint32_t words)
{
    return out != NOWHERE && in != NOWHERE && decode_op(decoder, DoMove, words, out, in, 0, 0);
}

/* What a layout's or view's words become, one operand a dimension from `first` on, `step` operands apart. */
static bool set_words(Decoder *decoder, const uint32_t *instruction, uint32_t first, uint32_t step, uint32_t word,
                      uint32_t count)
{
    const uint32_t out = decode_result(decoder, instruction[2]);
    for (uint32_t i = 0; i < count; i++)
        if (!move(decoder, out + word + i, decode_slot(decoder, instruction[first + i * step]), 1))
            return false;
    return true;
}

static bool set_dimension(Decoder *decoder, const uint32_t *instruction, bool view, uint32_t n)
{
    const uint32_t out = decode_result(decoder, instruction[2]), nothing = constant(decoder, &zero);
    const uint32_t single = constant(decoder, &one), scratch = decode_scratch(decoder, 1);
    const uint32_t dimension = out + (view ? 0 : n), stride = dimension + n;
    if (nothing == NOWHERE || single == NOWHERE || scratch == NOWHERE ||
        !set_words(decoder, instruction, 4, 1, view ? 0 : n, n) || !move(decoder, stride + n - 1, single, 1))
        return false;
    for (uint32_t i = n - 1; i-- > 0;) { /* stride[i] = stride[i + 1] * ceil(dimension[i + 1] / block[i + 1]) */
        const uint32_t block = view ? single : out + i + 1;
        if (!decode_op(decoder, OpIAdd, 1, scratch, dimension + i + 1, block, 0) ||
            !decode_op(decoder, OpISub, 1, scratch, scratch, single, 0) ||
            !decode_op(decoder, OpUDiv, 1, scratch, scratch, block, 0) ||
            !decode_op(decoder, OpIMul, 1, stride + i, stride + i + 1, scratch, 0))
            return false;
    }
    for (uint32_t i = 0; i < n && !view; i++)
        if (!move(decoder, out + 3 * n + i, nothing, 1) || !move(decoder, out + 4 * n + i, dimension + i, 1))
            return false;
    return true;
}

static bool create(Decoder *decoder, const uint32_t *instruction, const Type *type)
{
    const bool     view = type->kind == TYPE_VIEW;
    const uint32_t out = decode_result(decoder, instruction[2]), n = type->count;
    const uint32_t nothing = constant(decoder, &zero), single = constant(decoder, &one);
    const uint32_t everything = constant(decoder, &all_bits);
    for (uint32_t i = 0; i < type->words; i++) {
        const bool span = view && (i == 2 * n + 1 || i == 2 * n + 3);
        if (!move(decoder, out + i, span ? everything : !view && i < n ? single : nothing, 1))
            return false;
    }
    return true;
}

static bool slice(Decoder *decoder, const uint32_t *instruction, uint32_t n)
{
    const uint32_t out = decode_result(decoder, instruction[2]);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t by = decode_slot(decoder, instruction[4 + 2 * i]);
        if (by == NOWHERE || !decode_op(decoder, OpIAdd, 1, out + 3 * n + i, out + 3 * n + i, by, 0))
            return false;
    }
    return set_words(decoder, instruction, 5, 2, 4 * n, n);
}

static bool tensor(Decoder *decoder, const uint32_t *instruction)
{
    const uint32_t code = instruction_code(instruction);
    const Type    *type = module_value_type(decoder->module, instruction[2]);
    const uint32_t n    = type->count;
    if (type->kind != TYPE_LAYOUT && type->kind != TYPE_VIEW)
        return module_fail(decoder->module, "%%%u is no tensor layout or view", instruction[2]);
    if (code == OpCreateTensorLayoutNV || code == OpCreateTensorViewNV)
        return create(decoder, instruction, type);
    const uint32_t in = decode_slot(decoder, instruction[3]), out = decode_result(decoder, instruction[2]);
    if (in == NOWHERE || out == NOWHERE || !decode_has(decoder, instruction[3], type->words) ||
        !move(decoder, out, in, type->words))
        return false;
    switch (code) {
    case OpTensorLayoutSetDimensionNV: return set_dimension(decoder, instruction, false, n);
    case OpTensorLayoutSetStrideNV: return set_words(decoder, instruction, 4, 1, 2 * n, n);
    case OpTensorLayoutSliceNV: return slice(decoder, instruction, n);
    case OpTensorLayoutSetClampValueNV: return set_words(decoder, instruction, 4, 1, 5 * n, 1);
    case OpTensorLayoutSetBlockSizeNV: return set_words(decoder, instruction, 4, 1, 0, n);
    case OpTensorViewSetDimensionNV: return set_dimension(decoder, instruction, true, n);
    case OpTensorViewSetStrideNV: return set_words(decoder, instruction, 4, 1, n, n);
    default: return set_words(decoder, instruction, 4, 1, 2 * n, 4); /* OpTensorViewSetClipNV */
    }
}

/* Its numbers go to program.extra (matrices.h). */
static bool emit(Decoder *decoder, uint32_t code, uint32_t id, uint32_t out, uint32_t a, uint32_t b,
                 const uint32_t *extra, uint32_t count)
{
    const uint32_t at = (uint32_t)decoder->program->extra.count;
    if (out == NOWHERE || a == NOWHERE || b == NOWHERE)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (decode_extra(decoder, extra[i]) == NOWHERE)
            return false;
    return decode_op_of(decoder, DoMatrix, 0, out, a, b, code, at, id);
}

static bool load_store(Decoder *decoder, const uint32_t *instruction, bool store)
{
    const uint32_t count = instruction_count(instruction), id = instruction[store ? 1 : 2];
    const uint32_t pointer = instruction[store ? 1 : 3], layout = instruction[store ? 3 : 4], at = store ? 4 : 5;
    const uint32_t type   = store ? module_id(decoder->module, instruction[2])->type : instruction[1];
    const Pointer *to     = decode_pointer(decoder, pointer);
    const uint32_t access = to ? decode_access(decoder, pointer, to->type, 1) : NOWHERE;
    const uint32_t stride = count > at ? decode_slot(decoder, instruction[at]) : NOWHERE;
    if (access == NOWHERE || (count > at && stride == NOWHERE))
        return false;
    if (!module_id(decoder->module, layout)->constant || module_constant(decoder->module, layout) > 1)
        return module_fail(decoder->module, "%%%u: a matrix in memory whose layout is not known", id);
    const uint32_t extra[] = {access, module_constant(decoder->module, layout), stride, type};
    return emit(decoder, instruction_code(instruction), id, store ? 0 : decode_matrix_result(decoder, id),
                store ? decode_matrix_slot(decoder, instruction[2]) : 0, 0, extra, 4);
}

static bool load_store_tensor(Decoder *decoder, const uint32_t *instruction, bool store)
{
    const Module  *module = decoder->module;
    const uint32_t count = instruction_count(instruction), id = instruction[store ? 1 : 2];
    const uint32_t pointer = instruction[store ? 1 : 3], object = instruction[store ? 2 : 4];
    const uint32_t layout = instruction[store ? 3 : 5];
    uint32_t       at     = store ? 4 : 6;
    /* Memory operands: each of these bits has a word after the mask. */
    const uint32_t operands = instruction[at++], with_word = 2 | 8 | 16;
    at += (uint32_t)__builtin_popcount(operands & with_word);
    const uint32_t addressing = at < count ? instruction[at] : 0;
    uint32_t       view = NOWHERE, function = NOWHERE, bytes = 0;
    at++;
    if (addressing & 1)
        view = instruction[at++];
    if (addressing & 2)
        function = instruction[at++];
    if (at > count && addressing)
        return module_fail(module, "%%%u: operands that are cut off", id);
    if (addressing & ~3u)
        return module_fail(module, "%%%u: tensor addressing operands 0x%x are not known", id, addressing);
    const uint32_t type        = store ? module_id(module, instruction[2])->type : instruction[1];
    const Pointer *to          = decode_pointer(decoder, pointer);
    const uint32_t access      = to ? decode_access(decoder, pointer, to->type, 1) : NOWHERE;
    const uint32_t layout_slot = decode_slot(decoder, layout), layout_type = module_id(module, layout)->type;
    const uint32_t view_slot = view == NOWHERE ? NOWHERE : decode_slot(decoder, view);
    if (access == NOWHERE || layout_slot == NOWHERE || (view != NOWHERE && view_slot == NOWHERE))
        return false;
    if (module_type(module, layout_type)->kind != TYPE_LAYOUT ||
        (view != NOWHERE && module_value_type(module, view)->kind != TYPE_VIEW))
        return module_fail(module, "%%%u: a layout or view that is none", id);
    if (function != NOWHERE) {
        const uint32_t *definition = module_id(module, function)->definition;
        const uint32_t *first      = definition ? definition + instruction_count(definition) : NULL;
        if (store || !first || instruction_code(first) != OpFunctionParameter)
            return module_fail(module, "%%%u: a decode function that is none", id);
        bytes    = (uint32_t)module_type(module, module_value_type(module, first[2])->element)->bytes;
        function = decode_function(decoder, function);
        if (function == NOWHERE)
            return false;
    }
    const uint32_t extra[] = {
        access,   layout_slot, layout_type, view_slot, view == NOWHERE ? 0 : module_id(module, view)->type,
        function, bytes,       type};
    return decode_has(decoder, object, module_type(module, type)->words) &&
           emit(decoder, instruction_code(instruction), id, store ? 0 : decode_matrix_result(decoder, id),
                decode_matrix_slot(decoder, object), 0, extra, 8);
}

static bool multiply_add(Decoder *decoder, const uint32_t *instruction)
{
    const Module  *module  = decoder->module;
    const uint32_t c       = decode_matrix_slot(decoder, instruction[5]);
    const uint32_t extra[] = {module_id(module, instruction[3])->type,
                              module_id(module, instruction[4])->type,
                              module_id(module, instruction[5])->type,
                              instruction[1],
                              instruction_count(instruction) > 6 ? instruction[6] : 0,
                              c};
    if (c == NOWHERE)
        return false;
    if (extra[4] & 0x10)
        return module_fail(module, "%%%u: products that saturate are not known", instruction[2]);
    return emit(decoder, OpCooperativeMatrixMulAddKHR, instruction[2], decode_matrix_result(decoder, instruction[2]),
                decode_matrix_slot(decoder, instruction[3]), decode_matrix_slot(decoder, instruction[4]), extra, 6);
}

static bool per_element(Decoder *decoder, const uint32_t *instruction)
{
    const uint32_t count = instruction_count(instruction), code = instruction_code(instruction);
    const bool     reduces     = code == OpCooperativeMatrixReduceNV;
    const uint32_t function    = decode_function(decoder, instruction[reduces ? 5 : 4]);
    const uint32_t in          = decode_matrix_slot(decoder, instruction[3]),
                   out         = decode_matrix_result(decoder, instruction[2]);
    uint32_t extra[4 + 2 * 16] = {instruction[1], module_id(decoder->module, instruction[3])->type};
    uint32_t used = 4; /* of each operand whether it is a matrix, whose elements the function gets, and where it is */
    if (function == NOWHERE)
        return false;
    extra[2] = reduces ? instruction[4] : function;
    extra[3] = reduces ? function : count - 5;
    if (!reduces && count > 5 + 16)
        return module_fail(decoder->module, "%%%u: more than 16 operands", instruction[2]);
    for (uint32_t i = 5; i < count && !reduces; i++) {
        const bool matrix = module_value_type(decoder->module, instruction[i])->kind == TYPE_COOPERATIVE;
        if (matrix && module_id(decoder->module, instruction[i])->type != extra[1])
            return module_fail(decoder->module, "%%%u: operand %u is a matrix of another type", instruction[2], i - 5);
        extra[used++] = matrix;
        extra[used++] = matrix ? decode_matrix_slot(decoder, instruction[i]) : decode_slot(decoder, instruction[i]);
        if (extra[used - 1] == NOWHERE)
            return false;
    }
    return emit(decoder, code, instruction[2], out, in, 0, extra, used);
}

/* Arithmetic and conversions, whose result is a matrix. */
static bool elementwise(Decoder *decoder, const uint32_t *instruction, bool *done)
{
    const uint32_t code = instruction_code(instruction), b = instruction_count(instruction) > 4 ? instruction[4] : 0;
    const bool     converts = (code >= OpConvertFToU && code <= OpFConvert) || code == OpBitcast;
    const bool     unary = converts || code == OpFNegate || code == OpSNegate || code == OpCooperativeMatrixConvertNV;
    if (!unary && !(code >= OpIAdd && code <= OpFMod) && code != OpMatrixTimesScalar) {
        *done = false;
        return true;
    }
    const uint32_t extra[] = {instruction[1], module_id(decoder->module, instruction[3])->type};
    const uint32_t other   = unary                         ? 0
                             : code == OpMatrixTimesScalar ? decode_slot(decoder, b)
                                                           : decode_matrix_slot(decoder, b);
    return (unary || code == OpMatrixTimesScalar ||
            decode_has(decoder, b, module_type(decoder->module, extra[0])->words)) &&
           emit(decoder, code, instruction[2], decode_matrix_result(decoder, instruction[2]),
                decode_matrix_slot(decoder, instruction[3]), other, extra, 2);
}

static bool composite(Decoder *decoder, const uint32_t *instruction)
{
    const Module  *module  = decoder->module;
    const uint32_t code    = instruction_code(instruction);
    const bool     inserts = code == OpCompositeInsert;
    const uint32_t from    = instruction[inserts ? 4 : 3];
    const uint32_t extra[] = {code == OpCompositeConstruct ? instruction[1] : module_id(module, from)->type,
                              inserts ? instruction[5] : instruction[4]};
    const uint32_t id = instruction[2];
    switch (code) {
    case OpCompositeConstruct:
        return emit(decoder, code, id, decode_matrix_result(decoder, id), decode_slot(decoder, from), 0, extra, 2);
    case OpCompositeInsert:
        return decode_has(decoder, id, module_type(module, extra[0])->words) &&
               emit(decoder, code, id, decode_matrix_result(decoder, id), decode_matrix_slot(decoder, from),
                    decode_slot(decoder, instruction[3]), extra, 2);
    default: return emit(decoder, code, id, decode_result(decoder, id), decode_matrix_slot(decoder, from), 0, extra, 2);
    }
}

bool decode_matrix(Decoder *decoder, const uint32_t *instruction, bool *done)
{
    const uint32_t code = instruction_code(instruction), count = instruction_count(instruction);
    *done = true;
    switch (code) {
    case OpCooperativeMatrixLoadKHR: return load_store(decoder, instruction, false);
    case OpCooperativeMatrixStoreKHR: return load_store(decoder, instruction, true);
    case OpCooperativeMatrixLoadTensorNV: return load_store_tensor(decoder, instruction, false);
    case OpCooperativeMatrixStoreTensorNV: return load_store_tensor(decoder, instruction, true);
    case OpCooperativeMatrixMulAddKHR: return multiply_add(decoder, instruction);
    case OpCooperativeMatrixReduceNV:
    case OpCooperativeMatrixPerElementOpNV: return per_element(decoder, instruction);
    case OpCooperativeMatrixLengthKHR: {
        const uint32_t extra[] = {instruction[3]};
        return emit(decoder, code, instruction[2], decode_result(decoder, instruction[2]), 0, 0, extra, 1);
    }
    case OpCooperativeMatrixTransposeNV: {
        const uint32_t extra[] = {instruction[1], module_id(decoder->module, instruction[3])->type};
        return decode_has(decoder, instruction[3], module_value_type(decoder->module, instruction[2])->words) &&
               emit(decoder, code, instruction[2], decode_matrix_result(decoder, instruction[2]),
                    decode_matrix_slot(decoder, instruction[3]), 0, extra, 2);
    }
    case OpCreateTensorLayoutNV:
    case OpTensorLayoutSetBlockSizeNV:
    case OpTensorLayoutSetDimensionNV:
    case OpTensorLayoutSetStrideNV:
    case OpTensorLayoutSliceNV:
    case OpTensorLayoutSetClampValueNV:
    case OpCreateTensorViewNV:
    case OpTensorViewSetDimensionNV:
    case OpTensorViewSetStrideNV:
    case OpTensorViewSetClipNV: return tensor(decoder, instruction);
    case OpCompositeExtract:
        if (module_value_type(decoder->module, instruction[3])->kind == TYPE_COOPERATIVE)
            return composite(decoder, instruction);
        break;
    case OpStore:
    case OpLoad: break; /* decode_memory.c */
    default:
        if (count < 4 || module_value_type(decoder->module, instruction[2])->kind != TYPE_COOPERATIVE)
            break;
        if (code == OpCompositeConstruct || code == OpCompositeInsert)
            return composite(decoder, instruction);
        return elementwise(decoder, instruction, done);
    }
    *done = false;
    return true;
}
