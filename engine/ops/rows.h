/* Picking rows of a matrix by index, and the gradient of that. */
#ifndef ENGINE_OPS_ROWS_H
#define ENGINE_OPS_ROWS_H

#include "engine/vk/stream.h"

/* y[rows, width] = x[., width][index[rows]]; index is int32. */
void rows_gather(GpuStream *stream, GpuSpan y, GpuSpan x, GpuSpan index, uint32_t rows, uint32_t width);

/* dx[., width][index[r]] += dy[r]; no index may occur twice. */
void rows_scatter_add(GpuStream *stream, GpuSpan dx, GpuSpan dy, GpuSpan index, uint32_t rows, uint32_t width);

#endif
