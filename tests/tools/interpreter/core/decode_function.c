/* Functions: their blocks, and the edges between them, on which phis are moves. */
#include "tests/tools/interpreter/core/decode.h"

/* False, with an error if none says yet what is wrong with an instruction. */
static bool is_malformed(const Decoder *decoder, const uint32_t *instruction)
{
    char name[48];
    return decoder->module->error[0] != '\0'
               ? false
               : module_fail(decoder->module, "%s is malformed", opcode_name(instruction_code(instruction), name));
}

static uint32_t add_edge(Decoder *decoder, uint32_t to)
{
    const uint32_t edge = APPEND(decoder, edges), at = array_grow(decoder->module, &decoder->pending, sizeof(Pending));
    if (edge == NOWHERE || at == NOWHERE)
        return NOWHERE;
    decoder->pending.at[at] = (Pending){edge, decoder->label, to};
    return edge;
}

/* The phis of an edge's target become moves. */
static bool add_moves(Decoder *decoder, const Pending *pending)
{
    Program        *program = decoder->program;
    Edge           *edge    = &program->edges.at[pending->edge];
    const uint32_t *label   = module_id(decoder->module, pending->to)->definition;
    if (!label || pending->to >= decoder->module->bound || decoder->blocks[pending->to] == NOWHERE)
        return module_fail(decoder->module, "%%%u is branched to and is no label", pending->to);
    edge->target        = decoder->blocks[pending->to];
    edge->move          = (uint32_t)program->moves.count;
    const uint32_t *end = decoder->module->words + decoder->module->count;
    uint32_t        all = 0;
    for (const uint32_t *at = label + instruction_count(label); at < end; at += instruction_count(at)) {
        if (instruction_code(at) == OpLine || instruction_code(at) == OpNoLine)
            continue;
        if (instruction_code(at) != OpPhi)
            break;
        const Type *type = module_value_type(decoder->module, at[2]);
        uint32_t    in   = NOWHERE;
        for (uint32_t i = 3; i + 1 < instruction_count(at); i += 2)
            if (at[i + 1] == pending->from &&
                ((in = decode_any_slot(decoder, at[i])) == NOWHERE || !decode_has(decoder, at[i], type->words) ||
                 module_value_type(decoder->module, at[i])->cooperative != type->cooperative))
                return false;
        if (in == NOWHERE)
            return module_fail(decoder->module, "%%%u has no value for %%%u", at[2], pending->from);
        const uint32_t out = decode_any_result(decoder, at[2]), move = APPEND(decoder, moves);
        if (out == NOWHERE || move == NOWHERE)
            return false;
        program->moves.at[move] = (Move){out, in, type->words, type->cooperative};
        for (uint32_t i = edge->move; i < move; i++) {
            const Move *earlier = &program->moves.at[i];
            edge->through |= earlier->matrix == type->cooperative && in < earlier->out + earlier->words &&
                             earlier->out < in + type->words;
        }
        all += type->words;
    }
    const uint32_t first = edge->move, last = (uint32_t)program->moves.count;
    for (uint32_t i = first; i < last && edge->through; i++) { /* matrices: to a place of their own, and from there */
        const Move move = program->moves.at[i];
        if (!move.matrix)
            continue;
        const uint32_t kept = decode_matrices(decoder, move.words), back = APPEND(decoder, moves);
        if (kept == NOWHERE || back == NOWHERE)
            return false;
        program->moves.at[back]  = (Move){move.out, kept, move.words, true};
        program->moves.at[i].out = kept;
    }
    edge->moves = (uint32_t)program->moves.count - first;
    if (edge->through && all > program->largest)
        program->largest = all;
    return true;
}

static bool end_block(Decoder *decoder, const uint32_t *instruction, Block *block)
{
    const uint32_t code = instruction_code(instruction), count = instruction_count(instruction);
    block->id   = decoder->label;
    block->slot = NOWHERE;
    block->edge = (uint32_t)decoder->program->edges.count;
    switch (code) {
    case OpBranch:
        block->ending = END_BRANCH;
        block->edges  = 1;
        return add_edge(decoder, instruction[1]) != NOWHERE;
    case OpBranchConditional:
        block->ending = END_CONDITION;
        block->edges  = 2;
        block->slot   = decode_slot(decoder, instruction[1]);
        return block->slot != NOWHERE && add_edge(decoder, instruction[2]) != NOWHERE &&
               add_edge(decoder, instruction[3]) != NOWHERE;
    case OpSwitch:
        block->ending = END_SWITCH;
        block->slot   = decode_slot(decoder, instruction[1]);
        block->value  = (uint32_t)decoder->program->extra.count;
        block->edges  = 1;
        if (module_value_type(decoder->module, instruction[1])->bits != 32)
            return module_fail(decoder->module, "OpSwitch of what is not 32 bits wide");
        if (block->slot == NOWHERE || add_edge(decoder, instruction[2]) == NOWHERE)
            return false;
        for (uint32_t i = 3; i + 1 < count; i += 2, block->edges++)
            if (decode_extra(decoder, instruction[i]) == NOWHERE || add_edge(decoder, instruction[i + 1]) == NOWHERE)
                return false;
        return true;
    case OpReturnValue:
        block->ending = END_RETURN;
        block->slot   = decode_slot(decoder, instruction[1]);
        return block->slot != NOWHERE &&
               decode_has(decoder, instruction[1], decoder->program->functions.at[decoder->function].result_words);
    case OpReturn: block->ending = END_RETURN; return true;
    default: block->ending = END_UNREACHABLE; return true;
    }
}

static bool ends_block(uint32_t code)
{
    return code >= OpBranch && code <= OpUnreachable;
}

/* A barrier at which the workgroup meets ends a block of its own. */
static bool is_meeting(const Decoder *decoder, const uint32_t *instruction)
{
    return instruction_code(instruction) == OpControlBarrier &&
           module_constant(decoder->module, instruction[1]) <= ScopeWorkgroup;
}

static bool decode_instruction(Decoder *decoder, const uint32_t *instruction)
{
    bool done = false;
    switch (instruction_code(instruction)) {
    case OpNop:
    case OpLine:
    case OpNoLine:
    case OpLoopMerge:
    case OpSelectionMerge:
    case OpUndef: return true;
    case OpPhi: return decode_any_result(decoder, instruction[2]) != NOWHERE;
    case OpVariable: return decode_variable(decoder, instruction);
    default: break;
    }
    if (!decode_matrix(decoder, instruction, &done) || (!done && !decode_arithmetic(decoder, instruction, &done)) ||
        (!done && !decode_composite(decoder, instruction, &done)) ||
        (!done && !decode_memory(decoder, instruction, &done)) || (!done && !decode_group(decoder, instruction, &done)))
        return false;
    return done || decode_unknown(decoder, instruction);
}

uint32_t decode_function(Decoder *decoder, uint32_t id)
{
    const uint32_t *definition = module_id(decoder->module, id)->definition;
    if (!definition || instruction_code(definition) != OpFunction) {
        module_fail(decoder->module, "%%%u is called and is no function", id);
        return NOWHERE;
    }
    if (decoder->functions[id] != NOWHERE)
        return decoder->functions[id];
    const uint32_t at = APPEND(decoder, functions);
    if (at == NOWHERE)
        return NOWHERE;
    Function *function     = &decoder->program->functions.at[at];
    function->id           = id;
    function->result       = NOWHERE;
    decoder->functions[id] = at;
    const uint32_t *end = decoder->module->words + decoder->module->count, *next = definition;
    function->parameter = (uint32_t)decoder->program->extra.count;
    for (next += instruction_count(next); next < end; next += instruction_count(next)) {
        if (instruction_code(next) == OpLabel || instruction_code(next) == OpFunctionEnd)
            break;
        if (instruction_code(next) != OpFunctionParameter)
            continue;
        const Type    *type = module_value_type(decoder->module, next[2]);
        const uint32_t slot = decode_result(decoder, next[2]);
        if (slot == NOWHERE)
            return NOWHERE;
        if (type->cooperative || (type->kind == TYPE_POINTER && type->storage != ClassPhysical)) {
            module_fail(decoder->module, "%%%u: a parameter that is a variable or a matrix is not known", next[2]);
            return NOWHERE;
        }
        if (decode_extra(decoder, slot) == NOWHERE || decode_extra(decoder, type->words) == NOWHERE)
            return NOWHERE;
        decoder->program->functions.at[at].parameters++;
    }
    const Type *result = module_type(decoder->module, definition[1]);
    if (result->cooperative) {
        module_fail(decoder->module, "%%%u: a function that returns a matrix is not known", id);
        return NOWHERE;
    }
    function               = &decoder->program->functions.at[at];
    function->result_words = result->words;
    function->result       = result->words ? decode_scratch(decoder, result->words) : NOWHERE;
    return result->words && function->result == NOWHERE ? NOWHERE : at;
}

bool decode_body(Decoder *decoder, uint32_t number)
{
    Module *module                      = decoder->module;
    decoder->function                   = number;
    Program        *program             = decoder->program;
    const uint32_t *end                 = module->words + module->count,
                   *begin               = module_id(module, program->functions.at[number].id)->definition;
    uint32_t block                      = (uint32_t)program->blocks.count;
    program->functions.at[number].block = block;
    for (const uint32_t *at = begin; at < end && instruction_code(at) != OpFunctionEnd; at += instruction_count(at)) {
        if (instruction_code(at) == OpLabel && at[1] < module->bound)
            decoder->blocks[at[1]] = block++;
        else if (is_meeting(decoder, at))
            block++;
    }
    uint32_t current = NOWHERE;
    for (const uint32_t *at = begin; at < end && instruction_code(at) != OpFunctionEnd; at += instruction_count(at)) {
        const uint32_t code = instruction_code(at);
        if (code == OpFunction || code == OpFunctionParameter || code == OpLine || code == OpNoLine)
            continue;
        if (code == OpLabel) {
            if ((current = APPEND(decoder, blocks)) == NOWHERE)
                return false;
            program->blocks.at[current].op = (uint32_t)program->ops.count;
            decoder->label                 = at[1];
            continue;
        }
        if (current == NOWHERE)
            return module_fail(module, "an instruction outside blocks");
        if (!is_meeting(decoder, at) && !ends_block(code)) {
            if (!decode_instruction(decoder, at))
                return is_malformed(decoder, at);
            continue;
        }
        Block ended = program->blocks.at[current];
        ended.ops   = (uint32_t)program->ops.count - ended.op;
        if (ends_block(code)) {
            if (!end_block(decoder, at, &ended))
                return is_malformed(decoder, at);
            program->blocks.at[current] = ended;
            current                     = NOWHERE;
            continue;
        }
        ended.ending                = END_BARRIER;
        ended.id                    = decoder->label;
        ended.slot                  = NOWHERE;
        ended.value                 = module_constant(module, at[3]);
        program->blocks.at[current] = ended;
        if ((current = APPEND(decoder, blocks)) == NOWHERE)
            return false;
        program->blocks.at[current].op = (uint32_t)program->ops.count;
    }
    program->functions.at[number].blocks = (uint32_t)program->blocks.count - program->functions.at[number].block;
    if (current != NOWHERE || program->functions.at[number].blocks == 0 || block != program->blocks.count)
        return module_fail(module, "%%%u: a function whose blocks do not end", program->functions.at[number].id);
    for (size_t i = 0; i < decoder->pending.count; i++)
        if (!add_moves(decoder, &decoder->pending.at[i]))
            return false;
    decoder->pending.count = 0;
    return true;
}
