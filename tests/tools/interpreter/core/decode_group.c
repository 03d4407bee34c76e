/* What lanes do together: barriers within a subgroup, subgroup arithmetic, calls. */
#include "tests/tools/interpreter/core/decode.h"

static bool group(Decoder *decoder, const uint32_t *instruction)
{
    const uint32_t code = instruction_code(instruction), count = instruction_count(instruction);
    const uint32_t out       = decode_result(decoder, instruction[2]);
    const Type    *type      = module_value_type(decoder->module, instruction[2]);
    uint32_t       operation = 0, value = 4, cluster = NOWHERE, b = 0;
    if (out == NOWHERE)
        return false;
    if (module_constant(decoder->module, instruction[3]) != ScopeSubgroup)
        return module_fail(decoder->module, "%%%u: a group that is not a subgroup", instruction[2]);
    if (code >= OpGroupNonUniformIAdd && code <= OpGroupNonUniformBitwiseXor) {
        operation = instruction[4];
        value     = 5;
        if (operation == 3)
            cluster = count > 6 ? module_constant(decoder->module, instruction[6]) : 1;
        if (operation > 3)
            return module_fail(decoder->module, "%%%u: group operation %u is not known", instruction[2], operation);
    } else if (code == OpGroupNonUniformBroadcast ||
               (code >= OpGroupNonUniformShuffle && code <= OpGroupNonUniformShuffleDown)) {
        b = decode_slot(decoder, instruction[5]);
    } else if (code != OpGroupNonUniformElect && code != OpGroupNonUniformAll && code != OpGroupNonUniformAny &&
               code != OpGroupNonUniformBroadcastFirst && code != OpGroupNonUniformBallot) {
        return decode_unknown(decoder, instruction);
    }
    const uint32_t a     = code == OpGroupNonUniformElect ? 0 : decode_slot(decoder, instruction[value]);
    const uint32_t extra = decode_extra(decoder, operation);
    const bool     vote  = code <= OpGroupNonUniformAny || code == OpGroupNonUniformBallot;
    if (a == NOWHERE || b == NOWHERE || extra == NOWHERE || decode_extra(decoder, cluster) == NOWHERE ||
        !decode_has(decoder, instruction[vote ? 2 : value],
                    !vote                             ? type->words
                    : code == OpGroupNonUniformBallot ? 4
                                                      : 1))
        return false;
    Op *op = decode_op(decoder, DoSubgroup, type->words, out, a, b, code);
    if (!op)
        return false;
    op->kind  = (uint8_t)decode_kind(decoder->module, type);
    op->extra = extra;
    op->id    = instruction[2];
    return true;
}

static bool call(Decoder *decoder, const uint32_t *instruction)
{
    const uint32_t number = decode_function(decoder, instruction[3]);
    if (number == NOWHERE)
        return false;
    const Function function = decoder->program->functions.at[number];
    const uint32_t out      = function.result_words ? decode_result(decoder, instruction[2]) : 0;
    if (out == NOWHERE || instruction_count(instruction) < 4 + function.parameters ||
        (function.result_words && !decode_has(decoder, instruction[2], function.result_words)))
        return false;
    for (uint32_t i = 0; i < function.parameters; i++) {
        const uint32_t *to   = &decoder->program->extra.at[function.parameter + 2 * i];
        const uint32_t  slot = to[0], words = to[1], in = decode_slot(decoder, instruction[4 + i]);
        if (in == NOWHERE || !decode_has(decoder, instruction[4 + i], words) ||
            !decode_op(decoder, DoMove, words, slot, in, 0, 0))
            return false;
    }
    if (!decode_op_of(decoder, DoCall, 0, 0, 0, 0, number, 0, instruction[2]))
        return false;
    return function.result_words == 0 || decode_op(decoder, DoMove, function.result_words, out, function.result, 0, 0);
}

bool decode_group(Decoder *decoder, const uint32_t *instruction, bool *done)
{
    const uint32_t code = instruction_code(instruction);
    *done               = true;
    switch (code) {
    case OpControlBarrier:
        if (module_constant(decoder->module, instruction[1]) != ScopeSubgroup)
            return module_fail(decoder->module, "a barrier of scope %u",
                               module_constant(decoder->module, instruction[1]));
        return decode_op(decoder, DoSubgroupBarrier, 0, 0, 0, 0, module_constant(decoder->module, instruction[3]));
    case OpMemoryBarrier:
        return decode_op(decoder, DoMemoryBarrier, 0, 0, 0, 0, module_constant(decoder->module, instruction[2]));
    case OpFunctionCall: return call(decoder, instruction);
    default:
        if (code >= OpGroupNonUniformElect && code <= OpGroupNonUniformQuadSwap)
            return group(decoder, instruction);
        *done = false;
        return true;
    }
}
