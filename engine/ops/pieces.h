/* Tensors larger than one binding (maxStorageBufferRange, 128 MiB on the
 * smallest devices) are worked on in pieces.
 *
 *     uint32_t step = ops_rows_per_binding(stream, width);
 *     for (uint32_t row = 0; row < rows; row += step) …
 */
#ifndef ENGINE_OPS_PIECES_H
#define ENGINE_OPS_PIECES_H

#include "engine/vk/stream.h"

/* Rows of `width` 4-byte elements that fit one binding, so many that every piece
 * starts at a multiple of 256 bytes (64 rows, or fewer of an even width). 0 if not even those fit. */
static inline uint32_t ops_rows_per_binding(GpuStream *stream, uint64_t width)
{
    uint64_t limit = gpu_info(gpu_stream_gpu(stream))->max_binding_bytes, unit = 64;
    if (limit > (uint64_t)UINT32_MAX) {
        limit = UINT32_MAX; /* indices in the kernels are 32 bits */
    }
    while (unit > 1 && unit / 2 * width % 64 == 0) {
        unit /= 2;
    }
    uint64_t rows = limit / (4 * width) / unit * unit;
    return rows > (1u << 30) ? 1u << 30 : (uint32_t)rows;
}

/* The same for a loop over the pieces of `rows` rows: `rows` where they fit. Where nothing
 * fits, fails the stream with a text that names the operation, and returns `rows`. */
static inline uint32_t ops_piece_rows(GpuStream *stream, const char *operation, uint64_t width, uint32_t rows)
{
    const uint32_t fit = ops_rows_per_binding(stream, width);
    if (rows * width * 4 <= gpu_info(gpu_stream_gpu(stream))->max_binding_bytes) {
        return rows;
    }
    if (fit == 0) {
        gpu_stream_fail(stream, STATUS_FAILED, operation);
        return rows;
    }
    return fit;
}

/* Elements of a flat range that fit one binding, as above. */
static inline uint32_t ops_elements_per_binding(GpuStream *stream)
{
    return ops_rows_per_binding(stream, 1);
}

/* Rows [first, first + rows) of a matrix with `width` 4-byte elements a row. */
static inline GpuSpan ops_row_slice(GpuSpan matrix, uint64_t first, uint64_t rows, uint64_t width)
{
    return gpu_span_slice(matrix, first * width * 4, rows * width * 4);
}

#endif
