/* Formats of frozen weights, and the conversion of f32 to them on the host.
 *
 *     uint32_t *words  = malloc(rows * weight_row_words(format, columns) * 4);
 *     uint32_t *scales = malloc(rows * weight_row_scales(format, columns) * 4);    // none for bf16 and f16
 *     quantize_rows(format, values, rows, columns, words, scales);
 *
 * A row is whole 32-bit words, padded with zeros. What the device reads is the same (shaders/include/weights.glsl):
 *   bf16, f16  two to a word, the first one low; a row is a multiple of four words
 *   int8       blocks of 32 along the row, eight words each: value = scale * q, q in [-127, 127]
 *   int4       blocks of 32, four words each, q in [-8, 7] stored as q + 8: value = scale * q (120 + q * q)
 * A scale is a bf16, of any sign, two to a word. With so few bits every product scale * level is exact in f32, so
 * that host and device make the same values to the bit, and no scale can overflow or vanish as a half would.
 *
 * int4's levels lie closer together near zero, as weights do: close to normal, 32 to a block. Relative RMS error of
 * normal numbers: these levels .074, even ones .080, both with a search for the scale; NF4 as published .087; a
 * scale and a minimum, at 5 bits a weight, .074 (SPEED.md). And they need no table.
 */
#ifndef ENGINE_IO_QUANTIZE_H
#define ENGINE_IO_QUANTIZE_H

#include <stdint.h>

typedef enum WeightFormat {
    WEIGHT_F32,
    WEIGHT_BF16,
    WEIGHT_F16,
    WEIGHT_INT8,
    WEIGHT_INT4,
    WEIGHT_FORMATS
} WeightFormat;

enum { WEIGHT_BLOCK = 32 };

/* "f32", "bf16", "f16", "int8", "int4", and back: WEIGHT_FORMATS if there is none of that name. */
const char  *weight_format_name(WeightFormat format);
WeightFormat weight_format_find(const char *name);

/* Words of a row's values, and of its scales. */
uint32_t weight_row_words(WeightFormat format, uint32_t columns);
uint32_t weight_row_scales(WeightFormat format, uint32_t columns);

/* values [rows, columns] to words [rows, weight_row_words], scales [rows, weight_row_scales]: to the nearest value of
 * the format, and for int4 with the scale, among several, that leaves the least squared error of its block. What is
 * not finite counts as 0 in int8 and int4. */
void quantize_rows(WeightFormat format, const float *values, uint64_t rows, uint32_t columns, uint32_t *words,
                   uint32_t *scales);

#endif
