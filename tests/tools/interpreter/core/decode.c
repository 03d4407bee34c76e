#include "tests/tools/interpreter/core/decode.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1 << 20, MATRIX_WORDS = 1 << 26 };

uint32_t array_grow(const Module *module, void *array, size_t element)
{
    struct {
        void  *at;
        size_t count, room;
    } any;
    memcpy(&any, array, sizeof any);
    if (any.count == any.room) {
        const size_t room = any.room ? 2 * any.room : 64;
        void        *at   = room < UINT32_MAX / 64 ? realloc(any.at, room * element) : NULL;
        if (!at) {
            module_fail(module, "out of memory");
            return NOWHERE;
        }
        any.at   = at;
        any.room = room;
    }
    memset((char *)any.at + any.count * element, 0, element);
    any.count++;
    memcpy(array, &any, sizeof any);
    return (uint32_t)any.count - 1;
}

uint32_t decode_extra(Decoder *decoder, uint32_t value)
{
    const uint32_t at = APPEND(decoder, extra);
    if (at != NOWHERE)
        decoder->program->extra.at[at] = value;
    return at;
}

uint32_t decode_scratch(Decoder *decoder, uint32_t words)
{
    Program *program = decoder->program;
    if (words > SLOTS - program->slots) {
        module_fail(decoder->module, "values of more than %d words", SLOTS);
        return NOWHERE;
    }
    program->slots += words;
    if (words > program->largest)
        program->largest = words;
    return program->slots - words;
}

uint32_t decode_matrices(Decoder *decoder, uint32_t words)
{
    Program *program = decoder->program;
    if (words > MATRIX_WORDS - program->matrix_words) {
        module_fail(decoder->module, "matrices of more than %d elements", MATRIX_WORDS);
        return NOWHERE;
    }
    program->matrix_words += words;
    return program->matrix_words - words;
}

bool decode_has(const Decoder *decoder, uint32_t id, uint32_t words)
{
    const uint32_t has = module_value_type(decoder->module, id)->words;
    return has == words ||
           module_fail(decoder->module, "%%%u: a value of %u words where one of %u belongs", id, has, words);
}

bool decode_alias(Decoder *decoder, uint32_t id, uint32_t slot, uint32_t words)
{
    if (id >= decoder->module->bound)
        return module_fail(decoder->module, "a result of no id");
    if (slot == NOWHERE || !decode_has(decoder, id, words))
        return false;
    decoder->places[id].slot = slot;
    return true;
}

uint32_t decode_any_result(Decoder *decoder, uint32_t id)
{
    const Type *type = module_value_type(decoder->module, id);
    if (id >= decoder->module->bound || type->words == 0) {
        module_fail(decoder->module, "%%%u: a value of no type", id);
        return NOWHERE;
    }
    Place *place = &decoder->places[id];
    if (place->slot == NOWHERE)
        place->slot = type->cooperative ? decode_matrices(decoder, type->words) : decode_scratch(decoder, type->words);
    return place->slot;
}

/* Whether an id's value lies where its user looks for it. */
static bool lies(const Decoder *decoder, uint32_t id, bool as_matrix)
{
    return module_value_type(decoder->module, id)->cooperative == as_matrix ||
           module_fail(decoder->module, "%%%u is %s cooperative matrix", id, as_matrix ? "no" : "a");
}

uint32_t decode_result(Decoder *decoder, uint32_t id)
{
    return lies(decoder, id, false) ? decode_any_result(decoder, id) : NOWHERE;
}

uint32_t decode_matrix_result(Decoder *decoder, uint32_t id)
{
    return lies(decoder, id, true) ? decode_any_result(decoder, id) : NOWHERE;
}

uint32_t decode_slot(Decoder *decoder, uint32_t id)
{
    return lies(decoder, id, false) ? decode_any_slot(decoder, id) : NOWHERE;
}

uint32_t decode_matrix_slot(Decoder *decoder, uint32_t id)
{
    return lies(decoder, id, true) ? decode_any_slot(decoder, id) : NOWHERE;
}

uint32_t decode_any_slot(Decoder *decoder, uint32_t id)
{
    const Id *what = module_id(decoder->module, id);
    if (id < decoder->module->bound && decoder->places[id].slot != NOWHERE)
        return decoder->places[id].slot;
    const bool undefined = what->definition && instruction_code(what->definition) == OpUndef;
    if (!what->constant && !undefined) {
        module_fail(decoder->module, "%%%u is used where it has no value", id);
        return NOWHERE;
    }
    const uint32_t slot = decode_any_result(decoder, id), at = APPEND(decoder, filled);
    const Type    *type = module_value_type(decoder->module, id);
    if (slot == NOWHERE || at == NOWHERE)
        return NOWHERE;
    decoder->program->filled.at[at] = (Filled){
        .slot = slot, .words = type->words, .value = what->constant, .matrix = type->cooperative ? type : NULL};
    return slot;
}

Op *decode_op(Decoder *decoder, uint32_t code, uint32_t words, uint32_t out, uint32_t a, uint32_t b, uint32_t c)
{
    const uint32_t at = APPEND(decoder, ops);
    if (at == NOWHERE)
        return NULL;
    Op *op    = &decoder->program->ops.at[at];
    op->code  = (uint16_t)code;
    op->words = words;
    op->out   = out;
    op->a     = a;
    op->b     = b;
    op->c     = c;
    return op;
}

const Type *decode_scalar(const Module *module, const Type *type)
{
    for (int deep = 0; deep < 3; deep++)
        if (type->kind == TYPE_VECTOR || type->kind == TYPE_MATRIX || type->kind == TYPE_COOPERATIVE)
            type = module_type(module, type->element);
    return type;
}

uint32_t decode_components(const Module *module, const Type *type)
{
    const Type *scalar = decode_scalar(module, type);
    return scalar->words && !type->cooperative ? type->words / scalar->words : 1;
}

Kind decode_kind(const Module *module, const Type *type)
{
    const Type *scalar = decode_scalar(module, type);
    if (scalar->kind == TYPE_BFLOAT)
        return KIND_BF16;
    if (scalar->kind == TYPE_FLOAT)
        return scalar->bits == 16 ? KIND_F16 : KIND_32;
    if (scalar->bits == 64)
        return KIND_64;
    if (scalar->bits == 16)
        return scalar->is_signed ? KIND_S16 : KIND_U16;
    if (scalar->bits == 8)
        return scalar->is_signed ? KIND_S8 : KIND_U8;
    return KIND_32;
}

bool decode_unknown(const Decoder *decoder, const uint32_t *instruction)
{
    char name[48];
    return module_fail(decoder->module, "%s is not known", opcode_name(instruction_code(instruction), name));
}

/* False, with an error if none says yet what is wrong with an instruction. */
static bool is_malformed(const Decoder *decoder, const uint32_t *instruction)
{
    char name[48];
    return decoder->module->error[0] != '\0'
               ? false
               : module_fail(decoder->module, "%s is malformed", opcode_name(instruction_code(instruction), name));
}

/* --- blocks and edges */

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

/* Labels get their blocks' numbers, then each block is decoded. */
static bool decode_body(Decoder *decoder, uint32_t number)
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

/* Variables that are only ever written are left out: what the compiler has kept of them is nobody's business. */
static void mark_read(Decoder *decoder)
{
    const Module *module = decoder->module;
    for (size_t at = module->functions; at < module->count; at += instruction_count(&module->words[at])) {
        const uint32_t *instruction = &module->words[at];
        const uint32_t  code = instruction_code(instruction), count = instruction_count(instruction);
        for (uint32_t i = code == OpStore || code == OpVariable ? 3 : 1; i < count; i++)
            if (instruction[i] < module->bound)
                decoder->places[instruction[i]].read = true;
        if (code == OpStore && instruction[2] < module->bound)
            decoder->places[instruction[2]].read = true;
    }
}

static bool decode_all(Decoder *decoder)
{
    Module *module = decoder->module;
    mark_read(decoder);
    for (size_t at = 0; at < module->functions;) {
        if (at == 0) {
            at = 5; /* the header */
            continue;
        }
        const uint32_t *instruction = &module->words[at];
        if (instruction_code(instruction) == OpVariable && !decode_variable(decoder, instruction))
            return false;
        at += instruction_count(instruction);
    }
    if (decode_function(decoder, module->entry) == NOWHERE)
        return false;
    for (uint32_t i = 0; i < decoder->program->functions.count; i++) /* which grows as they call others */
        if (!decode_body(decoder, i))
            return false;
    return true;
}

bool decode_program(Module *module, Program *program)
{
    const size_t count   = (size_t)module->bound + 1;
    Decoder      decoder = {.module    = module,
                            .program   = program,
                            .places    = calloc(count, sizeof *decoder.places),
                            .pointers  = calloc(count, sizeof *decoder.pointers),
                            .blocks    = malloc(count * sizeof *decoder.blocks),
                            .functions = malloc(count * sizeof *decoder.functions)};
    bool         done    = decoder.places && decoder.pointers && decoder.blocks && decoder.functions;
    if (!done)
        module_fail(module, "out of memory");
    for (size_t i = 0; done && i < count; i++)
        decoder.places[i].slot = decoder.blocks[i] = decoder.functions[i] = NOWHERE;
    done = done && decode_all(&decoder);
    free(decoder.places);
    free(decoder.pointers);
    free(decoder.blocks);
    free(decoder.functions);
    free(decoder.pending.at);
    return done;
}

void program_free(Program *program)
{
    free(program->ops.at);
    free(program->blocks.at);
    free(program->edges.at);
    free(program->moves.at);
    free(program->accesses.at);
    free(program->leaves.at);
    free(program->functions.at);
    free(program->filled.at);
    free(program->inputs.at);
    free(program->extra.at);
    *program = (Program){0};
}
