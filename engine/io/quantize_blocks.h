/* Private to engine/io/quantize*.c: rows of the formats that have blocks with scales. */
#ifndef ENGINE_IO_QUANTIZE_BLOCKS_H
#define ENGINE_IO_QUANTIZE_BLOCKS_H

#include <stdint.h>

/* x [columns] to words [weight_row_words], scales [weight_row_scales], as in quantize.h. */
void quantize_int8_row(const float *x, uint32_t columns, uint32_t *words, uint32_t *scales);
void quantize_int4_row(const float *x, uint32_t columns, uint32_t *words, uint32_t *scales);

#endif
