/* The model's matrices in panels, packed once per run, where the device's products read panels: CPU devices. Each step
 * would else pack every matrix anew, which for one sequence is half of it. They take as much memory as the matrices in
 * f32, and so they are left out where that is much of what the device has left; results are the same to the bit. */
#include <stdlib.h>

#include "engine/model/decode_parts.h"

/* Of the device's free memory, what panels may take at most: one part in so many. The rest of a run comes later. */
enum { PANELS_SHARE = 4 };

/* Of one matrix; 0: not in panels. An untied embedding is in no product; products in 16 bits read no panels. */
static uint64_t panel_bytes(const Decoder *d, uint32_t index)
{
    const ModelConfig *c     = &d->config;
    const MatrixShape  shape = model_matrix_shape(c, index);
    if (c->compute != COMPUTE_F32 || index == (c->tie_embeddings ? MATRIX_HEAD : MATRIX_EMBEDDING)) {
        return 0;
    }
    return matmul_panel_bytes(gpu_transfer_stream(d->gpu), MATMUL_NT, shape.rows, shape.columns);
}

Status decoder_panels_new(Decoder *d, Error *error)
{
    const uint32_t count = model_matrix_count(&d->config);
    uint64_t       bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        bytes += panel_bytes(d, i);
    }
    const uint64_t all = gpu_info(d->gpu)->memory_bytes, used = gpu_memory_used(d->gpu);
    d->panels = calloc(count, sizeof *d->panels);
    if (d->panels == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "making a decoder: out of host memory");
    }
    if (bytes == 0 || used >= all || bytes > (all - used) / PANELS_SHARE) {
        return STATUS_OK;
    }
    Error tried     = {0};
    d->panels_arena = gpu_arena_new_unset(d->gpu, "decoding (packed weights)", GPU_MEMORY_DEVICE, bytes, &tried);
    for (uint32_t i = 0; i < count && d->panels_arena != NULL; i++) {
        const uint64_t size = panel_bytes(d, i);
        d->panels[i]        = size > 0 ? gpu_arena_take(d->panels_arena, size) : (GpuSpan){0};
    }
    return d->panels_arena != NULL || tried.status == STATUS_OUT_OF_MEMORY
               ? STATUS_OK
               : error_set(error, tried.status, "%s", tried.text);
}

Status decoder_pack(Decoder *d, const Model *model, Error *error)
{
    if (d->panels_arena == NULL) {
        return STATUS_OK;
    }
    gpu_stream_begin(d->chunks);
    for (uint32_t i = 0; i < model_matrix_count(&d->config); i++) {
        if (d->panels[i].buffer != NULL) {
            weight_pack(d->chunks, d->panels[i], &model->matrices[i]);
        }
    }
    return gpu_stream_run(d->chunks, error);
}
