/* Rows of values in the types of a GGUF file. */
#include <math.h>
#include <string.h>

#include "engine/io/dtype.h"
#include "engine/io/gguf.h"
#include "engine/io/gguf_parts.h"

enum { Q8_0_BYTES = 2 + GGUF_BLOCK };

/* `number` is ggml's of the type, `file` llama.cpp's of a file of it. */
static const struct {
    const char *name;
    uint32_t    number, file;
} types[GGUF_TYPES] = {[GGUF_F32]  = {"f32", 0, 0},
                       [GGUF_F16]  = {"f16", 1, 1},
                       [GGUF_BF16] = {"bf16", 30, 32},
                       [GGUF_Q8_0] = {"q8_0", 8, 7}};

const char *gguf_type_name(GgufType type)
{
    return types[type].name;
}

uint32_t gguf_file_type(GgufType type)
{
    return types[type].file;
}

uint32_t gguf_type_number(GgufType type)
{
    return types[type].number;
}

uint64_t gguf_row_bytes(GgufType type, uint64_t columns)
{
    return type == GGUF_F32 ? columns * 4 : type == GGUF_Q8_0 ? columns / GGUF_BLOCK * Q8_0_BYTES : columns * 2;
}

static bool is_finite_half(uint16_t bits)
{
    return (bits & 0x7C00) != 0x7C00;
}

static Status too_large(GgufType type, float value, Error *error)
{
    return error_set(error, STATUS_BAD_INPUT, "the value %g does not fit into %s; write it as bf16 or f32",
                     (double)value, types[type].name);
}

/* A value that is not finite may stay so, but none may become it. */
static Status encode_halves(const float *values, uint64_t columns, unsigned char *out, Error *error)
{
    for (uint64_t i = 0; i < columns; i++) {
        const uint16_t half = f16_from_f32(values[i]);
        if (!is_finite_half(half) && isfinite(values[i])) {
            return too_large(GGUF_F16, values[i], error);
        }
        memcpy(out + 2 * i, &half, 2);
    }
    return STATUS_OK;
}

/* value = scale * q, q in [-127, 127]: the nearest q for the scale before it is rounded to f16, as ggml has it. */
static Status encode_blocks(const float *values, uint64_t columns, unsigned char *out, Error *error)
{
    for (uint64_t block = 0; block < columns / GGUF_BLOCK; block++, values += GGUF_BLOCK, out += Q8_0_BYTES) {
        float largest = 0;
        for (int i = 0; i < GGUF_BLOCK; i++) {
            if (!isfinite(values[i])) {
                return too_large(GGUF_Q8_0, values[i], error);
            }
            largest = fmaxf(largest, fabsf(values[i]));
        }
        const float    scale = largest / 127, inverse = scale > 0 ? 1 / scale : 0;
        const uint16_t half = f16_from_f32(scale);
        if (!is_finite_half(half) || !isfinite(inverse)) {
            return too_large(GGUF_Q8_0, largest, error);
        }
        memcpy(out, &half, 2);
        for (int i = 0; i < GGUF_BLOCK; i++) {
            out[2 + i] = (unsigned char)(int8_t)lrintf(roundf(values[i] * inverse));
        }
    }
    return STATUS_OK;
}

Status gguf_encode_row(GgufType type, const float *values, uint64_t columns, void *out, Error *error)
{
    switch (type) {
    case GGUF_F16: return encode_halves(values, columns, out, error);
    case GGUF_Q8_0: return encode_blocks(values, columns, out, error);
    case GGUF_BF16: bf16_from_f32_all(out, values, columns); return STATUS_OK;
    case GGUF_F32:
    case GGUF_TYPES: break;
    }
    memcpy(out, values, columns * 4);
    return STATUS_OK;
}
