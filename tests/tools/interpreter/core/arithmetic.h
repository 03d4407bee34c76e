/* Arithmetic of components, each alone. */
#ifndef TESTS_TOOLS_INTERPRETER_ARITHMETIC_H
#define TESTS_TOOLS_INTERPRETER_ARITHMETIC_H

#include "tests/tools/interpreter/core/program.h"

/* out = op of a, b, c: op->words words of `lanes` each, in the order of registers. `out` may be one of the others. */
void arithmetic(const Op *op, uint32_t *out, const uint32_t *a, const uint32_t *b, const uint32_t *c, size_t lanes);

/* integers.c: the same of integers that are not 32 bits wide, and conversions from and to them. */
void arithmetic_integers(const Op *op, uint32_t *out, const uint32_t *a, const uint32_t *b, const uint32_t *c,
                         size_t lanes);

#endif
