/* From a module to a program: what the files of the decoder share. */
#ifndef TESTS_TOOLS_INTERPRETER_DECODE_H
#define TESTS_TOOLS_INTERPRETER_DECODE_H

#include "tests/tools/interpreter/core/program.h"

typedef struct Pointer {
    bool     known;
    Space    space;
    uint32_t variable, binding, base, bytes;
    uint64_t constant;
    uint32_t dynamic; /* slot, or NOWHERE */
    uint32_t type;    /* id of what it points to */
    uint32_t element; /* slot, or NOWHERE (Access) */
    uint32_t matrix;  /* type that the element is of */
    uint32_t pointee; /* type of the last array's elements */
} Pointer;

typedef struct Place {
    uint32_t slot; /* NOWHERE: no value yet */
    bool     read; /* a variable: something other than stores names it */
} Place;

typedef struct Pending {
    uint32_t edge, from, to; /* labels */
} Pending;

typedef struct Decoder {
    Module   *module;
    Program  *program;
    Place    *places;    /* by id */
    Pointer  *pointers;  /* by id */
    uint32_t *blocks;    /* by label's id: its block */
    uint32_t *functions; /* by id: its number, NOWHERE */
    ARRAY_OF(Pending) pending;
    uint32_t label;    /* of the block that is decoded */
    uint32_t function; /* its number */
} Decoder;

/* All that runs from the entry point on. False: the module's error is filled. */
bool decode_program(Module *module, Program *program);
void program_free(Program *program);

/* Appends a zeroed element and gives its index; NOWHERE: out of memory, error filled. */
uint32_t array_grow(const Module *module, void *array, size_t element);
#define APPEND(decoder, array)                                                                                         \
    array_grow((decoder)->module, &(decoder)->program->array, sizeof *(decoder)->program->array.at)
/* Appends to program.extra; its index. */
uint32_t decode_extra(Decoder *decoder, uint32_t value);

/* Where an id's value lies, in registers, as a cooperative matrix, or either; constants and undefined values get their
 * place here. NOWHERE: none or not there, error filled. */
uint32_t decode_slot(Decoder *decoder, uint32_t id);
uint32_t decode_matrix_slot(Decoder *decoder, uint32_t id);
uint32_t decode_any_slot(Decoder *decoder, uint32_t id);
/* A place for a result, as above, and for words or matrices' elements of the decoder's own. */
uint32_t decode_result(Decoder *decoder, uint32_t id);
uint32_t decode_matrix_result(Decoder *decoder, uint32_t id);
uint32_t decode_any_result(Decoder *decoder, uint32_t id);
uint32_t decode_scratch(Decoder *decoder, uint32_t words);
uint32_t decode_matrices(Decoder *decoder, uint32_t elements);
/* `words` that lie somewhere already are an id's value. */
bool decode_alias(Decoder *decoder, uint32_t id, uint32_t slot, uint32_t words);
/* Whether an id's value has so many words; an error if not. */
bool decode_has(const Decoder *decoder, uint32_t id, uint32_t words);
/* Appends an instruction; NULL: out of memory. Valid until the next. */
Op *decode_op(Decoder *decoder, uint32_t code, uint32_t words, uint32_t out, uint32_t a, uint32_t b, uint32_t c);
/* The same with what lies elsewhere for it, and the id that messages name. */
bool decode_op_of(Decoder *decoder, uint32_t code, uint32_t words, uint32_t out, uint32_t a, uint32_t b, uint32_t c,
                  uint32_t extra, uint32_t id);
Kind decode_kind(const Module *module, const Type *type); /* of a scalar, or of what a vector or matrix is made of */
uint32_t    decode_components(const Module *module, const Type *type); /* of a scalar 1 */
const Type *decode_scalar(const Module *module, const Type *type);
bool        decode_unknown(const Decoder *decoder, const uint32_t *instruction);
/* decode_function.c: a function's number; decoded once the caller's own is. */
uint32_t decode_function(Decoder *decoder, uint32_t id);
/* Labels get their blocks' numbers, then each block is decoded. */
bool decode_body(Decoder *decoder, uint32_t number);

/* One instruction each: *done false if it is not of this file. */
bool decode_arithmetic(Decoder *decoder, const uint32_t *instruction, bool *done);
bool decode_composite(Decoder *decoder, const uint32_t *instruction, bool *done);
bool decode_memory(Decoder *decoder, const uint32_t *instruction, bool *done);
bool decode_group(Decoder *decoder, const uint32_t *instruction, bool *done);
bool decode_matrix(Decoder *decoder, const uint32_t *instruction, bool *done);

bool     decode_variable(Decoder *decoder, const uint32_t *instruction);
Pointer *decode_pointer(Decoder *decoder, uint32_t id); /* NULL: none, error filled */
uint32_t decode_access(Decoder *decoder, uint32_t pointer, uint32_t type, uint32_t align); /* NOWHERE: error filled */

#endif
