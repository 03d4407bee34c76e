/* 16-bit copies of matrices that are trained in f32. */
#include "engine/ops/ops.h"
#include "engine/ops/weight.h"

void weight_round(GpuStream *stream, const Weight *copy, GpuSpan values)
{
    const ComputeType compute = copy->format == WEIGHT_BF16 ? COMPUTE_BF16 : COMPUTE_F16;
    const uint64_t    limit = gpu_info(gpu_stream_gpu(stream))->max_binding_bytes, pitch = (uint64_t)copy->columns * 4;
    const uint32_t    words = weight_row_words(copy->format, copy->columns), group = ops_group_elements(stream);
    /* Pieces of 64 rows start where every device can bind. */
    const uint32_t step = copy->rows * pitch <= limit ? copy->rows : (uint32_t)(limit / pitch & ~(uint64_t)63);
    if (step == 0 && copy->rows > 0) {
        gpu_stream_fail(stream, STATUS_FAILED, "rounding weights: 64 rows are more than the device binds at once");
        return;
    }
    for (uint32_t first = 0; first < copy->rows; first += step) {
        const uint32_t rows      = copy->rows - first < step ? copy->rows - first : step,
                       push[3]   = {rows, copy->columns, words};
        const uint64_t row_bytes = (uint64_t)words * 4;
        gpu_dispatch(stream,
                     &(GpuDispatch){.kernel     = "weight_round",
                                    .spec       = {group, compute},
                                    .spec_count = 2,
                                    .bind = {gpu_write(gpu_span_slice(copy->data, first * row_bytes, rows * row_bytes)),
                                             gpu_read(gpu_span_slice(values, first * pitch, rows * pitch))},
                                    .push = push,
                                    .push_size = sizeof push,
                                    .groups    = gpu_groups((uint64_t)rows * words, group)});
    }
}
