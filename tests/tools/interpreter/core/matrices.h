/* Cooperative matrices: elements in rows, floats as f32 that their type can hold, integers as bits.
 *
 * What an instruction of the decoder has in program.extra:
 *   OpCooperativeMatrixLoadKHR, StoreKHR  access, layout, slot of the stride (NOWHERE: 0), type
 *   OpCooperativeMatrixMulAddKHR          types of A, B, C and the result, operands, slot of C
 *   OpCompositeConstruct, Length          type
 *   OpCompositeExtract, OpCompositeInsert type, index
 *   element by element                    type of the result, of the operand
 *   OpCooperativeMatrixTransposeNV        type of the result, of the operand
 *   OpCooperativeMatrixReduceNV           the same, mode, function
 *   OpCooperativeMatrixPerElementOpNV     the same, function, how many more, their slots…
 *   OpCooperativeMatrixLoadTensorNV, StoreTensorNV
 *                                         access, layout's slot, its type, view's slot (NOWHERE: none), its type,
 *                                         function (NOWHERE: none), bytes that it is given, type of the matrix
 */
#ifndef TESTS_TOOLS_INTERPRETER_MATRICES_H
#define TESTS_TOOLS_INTERPRETER_MATRICES_H

#include "tests/tools/interpreter/core/run.h"

static inline float *matrix_at(const Run *run, uint32_t party, uint32_t slot)
{
    return run->now->matrices + (size_t)party * run->program->matrix_words + slot;
}

/* A party's name among those that touch memory. */
static inline uint32_t matrix_name(const Run *run, uint32_t party)
{
    return run->module->whole ? 0xffff : 0x8000 | (run->now->first / run->party + party);
}

/* A component as its bits, and back. */
float    matrix_element(Kind kind, bool is_float, uint32_t bits);
uint32_t matrix_bits(Kind kind, bool is_float, float element);
/* A float as its type can hold it. */
float    matrix_rounded(const Module *module, const Type *type, float element);
bool     matrix_is_float(const Module *module, const Type *type);
uint32_t matrix_component_bytes(const Module *module, const Type *type);

/* An element of memory for a party; the access is the party's own. */
bool matrix_read(Run *run, const Op *op, const Type *type, const Region *region, uint64_t offset, float *element);
bool matrix_write(Run *run, const Op *op, const Type *type, const Region *region, uint64_t offset, float element);

#endif
