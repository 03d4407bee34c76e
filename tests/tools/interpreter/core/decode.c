/* Where values lie, and what is decoded in which order. */
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

bool decode_op_of(Decoder *decoder, uint32_t code, uint32_t words, uint32_t out, uint32_t a, uint32_t b, uint32_t c,
                  uint32_t extra, uint32_t id)
{
    Op *op = decode_op(decoder, code, words, out, a, b, c);
    if (!op)
        return false;
    op->extra = extra;
    op->id    = id;
    return true;
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
    for (size_t at = MODULE_HEADER; at < module->functions; at += instruction_count(&module->words[at]))
        if (instruction_code(&module->words[at]) == OpVariable && !decode_variable(decoder, &module->words[at]))
            return false;
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
