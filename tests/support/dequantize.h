/* What the words of a frozen weight mean (engine/io/quantize.h), for tests to hold the kernels against. */
#ifndef TESTS_SUPPORT_DEQUANTIZE_H
#define TESTS_SUPPORT_DEQUANTIZE_H

#include "engine/io/quantize.h"

/* words [rows, weight_row_words], scales [rows, weight_row_scales] to values [rows, columns], exactly. */
void dequantize_rows(WeightFormat format, const uint32_t *words, const uint32_t *scales, uint64_t rows,
                     uint32_t columns, float *values);

#endif
