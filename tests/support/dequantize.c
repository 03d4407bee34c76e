#include "tests/support/dequantize.h"

#include <string.h>

#include "engine/io/dtype.h"

static float value_of(WeightFormat format, const uint32_t *words, const uint32_t *scales, uint32_t column)
{
    if (format == WEIGHT_BF16 || format == WEIGHT_F16) {
        const uint16_t bits = (uint16_t)(words[column / 2] >> 16 * (column % 2));
        return format == WEIGHT_BF16 ? f32_from_bf16(bits) : f32_from_f16(bits);
    }
    const uint32_t block = column / WEIGHT_BLOCK;
    const float    scale = f32_from_bf16((uint16_t)(scales[block / 2] >> 16 * (block % 2)));
    if (format == WEIGHT_INT8) {
        return scale * (float)(int8_t)(words[column / 4] >> 8 * (column % 4));
    }
    const int q = (int)(words[column / 8] >> 4 * (column % 8) & 15) - 8;
    return scale * (float)(q * (120 + q * q));
}

void dequantize_rows(WeightFormat format, const uint32_t *words, const uint32_t *scales, uint64_t rows,
                     uint32_t columns, float *values)
{
    const uint64_t pitch = weight_row_words(format, columns), scale_pitch = weight_row_scales(format, columns);
    for (uint64_t row = 0; row < rows; row++) {
        if (format == WEIGHT_F32) {
            memcpy(values + row * columns, words + row * pitch, (size_t)columns * 4);
            continue;
        }
        for (uint32_t column = 0; column < columns; column++) {
            values[row * columns + column] = value_of(format, words + row * pitch, scales + row * scale_pitch, column);
        }
    }
}
