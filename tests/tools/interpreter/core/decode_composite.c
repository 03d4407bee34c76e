/* Composites: moves of words, or the same words by another id. */
#include "tests/tools/interpreter/core/decode.h"

/* The word of a composite at which what the indices name begins, and its type. */
static bool part(Decoder *decoder, const uint32_t *instruction, uint32_t first, const Type **type, uint32_t *word)
{
    for (uint32_t i = first; i < instruction_count(instruction); i++) {
        const uint32_t index = instruction[i];
        const Type    *of    = *type;
        if (index >= of->count)
            return module_fail(decoder->module, "%%%u: a part that its composite lacks", instruction[2]);
        if (of->kind == TYPE_STRUCT) {
            for (uint32_t k = 0; k < index; k++)
                *word += module_type(decoder->module, of->members[k])->words;
            *type = module_type(decoder->module, of->members[index]);
        } else {
            *type = module_type(decoder->module, of->element);
            *word += index * (*type)->words;
        }
    }
    return true;
}

static bool move(Decoder *decoder, const Type *type, uint32_t out, uint32_t in)
{
    return type->cooperative ? decode_op(decoder, DoMatrix, type->words, out, in, 0, OpCopyObject) != NULL
                             : decode_op(decoder, DoMove, type->words, out, in, 0, 0) != NULL;
}

/* What lies at a slot, of the kind of operand 3, is the result. */
static bool alias(Decoder *decoder, const uint32_t *instruction, uint32_t slot, uint32_t words)
{
    if (module_value_type(decoder->module, instruction[2])->cooperative !=
        module_value_type(decoder->module, instruction[3])->cooperative)
        return module_fail(decoder->module, "%%%u: a matrix among other values", instruction[2]);
    return decode_alias(decoder, instruction[2], slot, words);
}

static bool construct(Decoder *decoder, const uint32_t *instruction)
{
    const uint32_t out  = decode_any_result(decoder, instruction[2]);
    const Type    *type = module_value_type(decoder->module, instruction[2]);
    uint32_t       word = 0;
    if (out == NOWHERE)
        return false;
    for (uint32_t i = 3; i < instruction_count(instruction); i++) {
        const Type    *of = module_value_type(decoder->module, instruction[i]);
        const uint32_t in = decode_any_slot(decoder, instruction[i]);
        if (in == NOWHERE)
            return false;
        if (of->words > type->words - word || of->cooperative != type->cooperative)
            return module_fail(decoder->module, "%%%u: more parts than it holds", instruction[2]);
        if (!move(decoder, of, out + word, in))
            return false;
        word += of->words;
    }
    return true;
}

static bool insert(Decoder *decoder, const uint32_t *instruction)
{
    const uint32_t object    = decode_any_slot(decoder, instruction[3]);
    const uint32_t composite = decode_any_slot(decoder, instruction[4]),
                   out       = decode_any_result(decoder, instruction[2]);
    const Type *type = module_value_type(decoder->module, instruction[2]), *at = type;
    uint32_t    word = 0;
    if (object == NOWHERE || composite == NOWHERE || out == NOWHERE || !part(decoder, instruction, 5, &at, &word) ||
        !decode_has(decoder, instruction[3], at->words) || !decode_has(decoder, instruction[4], type->words))
        return false;
    if (module_value_type(decoder->module, instruction[3])->cooperative != type->cooperative ||
        module_value_type(decoder->module, instruction[4])->cooperative != type->cooperative)
        return module_fail(decoder->module, "%%%u: a matrix among other values", instruction[2]);
    return move(decoder, type, out, composite) && move(decoder, at, out + word, object);
}

static bool shuffle(Decoder *decoder, const uint32_t *instruction)
{
    const Type    *type  = module_value_type(decoder->module, instruction[2]);
    const Type    *left  = module_value_type(decoder->module, instruction[3]);
    const Type    *right = module_value_type(decoder->module, instruction[4]);
    const uint32_t a = decode_slot(decoder, instruction[3]), b = decode_slot(decoder, instruction[4]);
    const uint32_t out = decode_result(decoder, instruction[2]), words = type->count ? type->words / type->count : 0;
    if (a == NOWHERE || b == NOWHERE || out == NOWHERE || !decode_has(decoder, instruction[3], words * left->count) ||
        !decode_has(decoder, instruction[4], words * right->count))
        return false;
    for (uint32_t i = 0; i < type->count && 5 + i < instruction_count(instruction); i++) {
        const uint32_t from = instruction[5 + i];
        if (from == UINT32_MAX) /* nobody's */
            continue;
        if (from >= left->count + right->count)
            return module_fail(decoder->module, "%%%u: a component that its vectors lack", instruction[2]);
        const uint32_t in = from < left->count ? a + from * words : b + (from - left->count) * words;
        if (!decode_op(decoder, DoMove, words, out + i * words, in, 0, 0))
            return false;
    }
    return true;
}

static bool transpose(Decoder *decoder, const uint32_t *instruction)
{
    const Type    *type = module_value_type(decoder->module, instruction[2]);
    const uint32_t in = decode_slot(decoder, instruction[3]), out = decode_result(decoder, instruction[2]);
    if (in == NOWHERE || out == NOWHERE || type->kind != TYPE_MATRIX || type->count == 0)
        return in == NOWHERE || out == NOWHERE ? false
                                               : module_fail(decoder->module, "%%%u is no matrix", instruction[2]);
    const uint32_t rows = type->words / type->count;
    if (!decode_has(decoder, instruction[3], type->words))
        return false;
    for (uint32_t column = 0; column < type->count; column++)
        for (uint32_t row = 0; row < rows; row++)
            if (!decode_op(decoder, DoMove, 1, out + column * rows + row, in + row * type->count + column, 0, 0))
                return false;
    return true;
}

static bool dynamic(Decoder *decoder, const uint32_t *instruction)
{
    const bool     inserts = instruction_code(instruction) == OpVectorInsertDynamic;
    const Type    *vector  = module_value_type(decoder->module, instruction[3]);
    const uint32_t a       = decode_slot(decoder, instruction[3]),
                   object  = inserts ? decode_slot(decoder, instruction[4]) : 0;
    const uint32_t b = decode_slot(decoder, instruction[inserts ? 5 : 4]), out = decode_result(decoder, instruction[2]);
    if (a == NOWHERE || object == NOWHERE || b == NOWHERE || out == NOWHERE || vector->count == 0)
        return false;
    const uint32_t words = vector->words / vector->count;
    if (!decode_has(decoder, instruction[2], inserts ? vector->words : words) ||
        (inserts && !decode_has(decoder, instruction[4], words)))
        return false;
    if (inserts && !decode_op(decoder, DoMove, vector->words, out, a, 0, 0))
        return false;
    return decode_op_of(decoder, inserts ? DoInsertDynamic : DoExtractDynamic, words, out, inserts ? object : a, b,
                        vector->count, 0, instruction[2]);
}

bool decode_composite(Decoder *decoder, const uint32_t *instruction, bool *done)
{
    const uint32_t code = instruction_code(instruction);
    *done               = true;
    switch (code) {
    case OpCompositeConstruct: return construct(decoder, instruction);
    case OpCompositeExtract: {
        const Type    *type = module_value_type(decoder->module, instruction[3]);
        const uint32_t from = decode_any_slot(decoder, instruction[3]);
        uint32_t       word = 0;
        return from != NOWHERE && part(decoder, instruction, 4, &type, &word) &&
               alias(decoder, instruction, from + word, type->words);
    }
    case OpCompositeInsert: return insert(decoder, instruction);
    case OpVectorShuffle: return shuffle(decoder, instruction);
    case OpTranspose: return transpose(decoder, instruction);
    case OpVectorExtractDynamic:
    case OpVectorInsertDynamic: return dynamic(decoder, instruction);
    case OpCopyObject:
    case OpCopyLogical:
        if (instruction[3] < decoder->module->bound && decoder->pointers[instruction[3]].known &&
            instruction[2] < decoder->module->bound)
            decoder->pointers[instruction[2]] = decoder->pointers[instruction[3]];
        else
            return alias(decoder, instruction, decode_any_slot(decoder, instruction[3]),
                         module_value_type(decoder->module, instruction[3])->words);
        return true;
    default: *done = false; return true;
    }
}
