#include "engine/io/quantize.h"

#include <string.h>

#include "engine/io/dtype.h"
#include "engine/io/quantize_blocks.h"

static const char *const names[WEIGHT_FORMATS] = {"f32", "bf16", "f16", "int8", "int4"};

const char *weight_format_name(WeightFormat format)
{
    return names[format];
}

WeightFormat weight_format_find(const char *name)
{
    WeightFormat format = 0;
    while (format < WEIGHT_FORMATS && strcmp(names[format], name) != 0) {
        format++;
    }
    return format;
}

static uint32_t blocks_of(uint32_t columns)
{
    return (columns + WEIGHT_BLOCK - 1) / WEIGHT_BLOCK;
}

uint32_t weight_row_words(WeightFormat format, uint32_t columns)
{
    switch (format) {
    case WEIGHT_BF16:
    case WEIGHT_F16: return (columns + 7) / 8 * 4;
    case WEIGHT_INT8: return blocks_of(columns) * 8;
    case WEIGHT_INT4: return blocks_of(columns) * 4;
    case WEIGHT_F32:
    case WEIGHT_FORMATS: break;
    }
    return columns;
}

uint32_t weight_row_scales(WeightFormat format, uint32_t columns)
{
    return format == WEIGHT_INT8 || format == WEIGHT_INT4 ? (blocks_of(columns) + 1) / 2 : 0;
}

static void pack_halves(WeightFormat format, const float *x, uint32_t columns, uint32_t *words)
{
    enum { PIECE = 1024 };
    uint16_t piece[PIECE]; /* the first of a word low: hosts are little endian, as the files are */
    memset(words, 0, (size_t)weight_row_words(format, columns) * 4);
    for (uint32_t done = 0; done < columns; done += PIECE) {
        const uint32_t count = columns - done < PIECE ? columns - done : PIECE;
        if (format == WEIGHT_BF16) {
            bf16_from_f32_all(piece, x + done, count);
        } else {
            f16_from_f32_all(piece, x + done, count);
        }
        memcpy(words + done / 2, piece, count * sizeof *piece);
    }
}

void quantize_rows(WeightFormat format, const float *values, uint64_t rows, uint32_t columns, uint32_t *words,
                   uint32_t *scales)
{
    const uint64_t pitch = weight_row_words(format, columns), scale_pitch = weight_row_scales(format, columns);
    for (uint64_t row = 0; row < rows; row++) {
        const float *x  = values + row * columns;
        uint32_t    *to = words + row * pitch;
        switch (format) {
        case WEIGHT_BF16:
        case WEIGHT_F16: pack_halves(format, x, columns, to); break;
        case WEIGHT_INT8: quantize_int8_row(x, columns, to, scales + row * scale_pitch); break;
        case WEIGHT_INT4: quantize_int4_row(x, columns, to, scales + row * scale_pitch); break;
        case WEIGHT_F32:
        case WEIGHT_FORMATS: memcpy(to, x, (size_t)columns * 4); break;
        }
    }
}
