/* Sums over rows, in two stages and always in the same order: gradients of
 * biases, of norm weights and of the value head.
 *
 * `workspace` is scratch of at least columns_workspace_bytes(rows, width); it may
 * be shared by all operations of one stream.
 */
#ifndef ENGINE_OPS_COLUMNS_H
#define ENGINE_OPS_COLUMNS_H

#include "engine/vk/stream.h"

uint64_t columns_workspace_bytes(uint32_t rows, uint32_t width);

/* db[width] += sum over rows of dy[rows, width]. */
void columns_sum(GpuStream *stream, GpuSpan db, GpuSpan dy, uint32_t rows, uint32_t width, GpuSpan workspace);

/* dw[width] += sum over rows of s[rows] y[rows, width]. */
void columns_weighted_sum(GpuStream *stream, GpuSpan dw, GpuSpan y, GpuSpan s, uint32_t rows, uint32_t width,
                          GpuSpan workspace);

/* Rows that lie in the tokens of a wider tensor: row r starts at element
 * (r / per_token) * token_stride + offset + (r % per_token) * width. */
typedef struct ColumnsLayout {
    uint32_t rows, width, per_token, token_stride, offset;
} ColumnsLayout;

/* dw[width] += sum over rows of y[r, .] x[r, .] s[r]; y and x laid out alike. */
void columns_product_sum(GpuStream *stream, GpuSpan dw, GpuSpan y, GpuSpan x, GpuSpan s, ColumnsLayout layout,
                         GpuSpan workspace);

#endif
