#include "engine/ops/attention_decode.h"

#include <math.h>

#include "engine/ops/ops.h"
#include "engine/ops/pieces.h"
#include "engine/ops/units.h"

enum {
    SEGMENT   = 512,    /* keys of a workgroup; the result depends on it, so it is the same everywhere */
    KEY_BLOCK = 16,     /* keys that lie together for attention_decode_lanes.comp                    */
    SUMS      = 8,      /* registers that attention_decode_lanes.comp sums values in                 */
    INTEL     = 0x8086, /* vendor */
};

/* Of the parts of segments at one time. */
static const uint64_t WORKSPACE_BYTES = (uint64_t)32 << 20;

/* Whether the device and the cache are such as attention_decode_lanes.comp is for: as gemm_lanes.comp, lavapipe of Mesa
 * 26 on; f32. */
static bool use_lanes(GpuStream *stream, const KvLayer *cache, AttentionShape shape)
{
    const GpuInfo *info  = gpu_info(gpu_stream_gpu(stream));
    const uint32_t lanes = info->subgroup_size;
    return cache->type == COMPUTE_F32 && texels_outdone_by_addresses(info) &&
           (lanes == 4 || lanes == 8 || lanes == 16) && shape.head_dim % lanes == 0;
}

/* Query heads that a workgroup takes: of one key head, so that its keys are loaded once, and few enough for registers.
 */
static uint32_t heads_together(AttentionShape shape)
{
    const uint32_t group = shape.heads / shape.kv_heads, most = shape.head_dim <= 32 ? 4 : shape.head_dim <= 64 ? 2 : 1;
    uint32_t       together = group < most ? group : most;
    while (group % together != 0) {
        together--;
    }
    return together;
}

/* Key heads that a workgroup of attention_decode_lanes.comp takes, and whose blocks lie side by side in the cache: a
 * row's keys are then one run of memory, which processors fetch ahead. */
static uint32_t key_heads_together(GpuStream *stream, AttentionShape shape)
{
    const uint32_t group = shape.heads / shape.kv_heads, lanes = gpu_info(gpu_stream_gpu(stream))->subgroup_size;
    uint32_t       most = SUMS / (group * (shape.head_dim / lanes));
    if (heads_together(shape) != group || most == 0) {
        return 1;
    }
    while (shape.kv_heads % most != 0) {
        most--;
    }
    return most;
}

/* Bytes of the keys of a token. */
static uint64_t kv_row(AttentionShape shape, ComputeType type)
{
    return (uint64_t)shape.kv_heads * shape.head_dim * (type == COMPUTE_F32 ? 4 : 2);
}

static uint32_t ceil_div(uint32_t a, uint32_t b)
{
    return (a + b - 1) / b;
}

/* --- the cache ------------------------------------------------------------------------ */

uint32_t kv_max_length(uint32_t wanted, AttentionShape shape, ComputeType type)
{
    uint32_t length = ceil_div(wanted, KEY_BLOCK) * KEY_BLOCK;
    while (length * kv_row(shape, type) % GPU_ALIGNMENT != 0) { /* a slot starts where every device can bind */
        length += KEY_BLOCK;
    }
    return length;
}

/* Slots that one binding holds; indices are 32 bits. */
static uint32_t slots_per_piece(GpuStream *stream, uint32_t max_length, AttentionShape shape, ComputeType type)
{
    const uint64_t most  = gpu_info(gpu_stream_gpu(stream))->max_binding_bytes,
                   limit = most < UINT32_MAX ? most : UINT32_MAX;
    return (uint32_t)(limit / (max_length * kv_row(shape, type)));
}

uint64_t kv_bytes(GpuStream *stream, uint32_t slots, uint32_t max_length, AttentionShape shape, ComputeType type)
{
    return slots_per_piece(stream, max_length, shape, type) > 0 ? slots * max_length * kv_row(shape, type) : 0;
}

/* The slots of a cache that are bound together. */
typedef struct Piece {
    uint32_t first, count;
    GpuSpan  k, v;
} Piece;

static Piece piece_at(GpuStream *stream, const KvLayer *cache, uint32_t first, AttentionShape shape)
{
    const uint32_t most = slots_per_piece(stream, cache->max_length, shape, cache->type), left = cache->slots - first;
    const uint64_t slot = cache->max_length * kv_row(shape, cache->type);
    Piece          p    = {.first = first, .count = most < left ? most : left};
    if (p.count == 0) {
        gpu_stream_fail(stream, STATUS_FAILED,
                        "attention: the keys of one sequence are more than the device binds at once");
        return p;
    }
    p.k = gpu_span_slice(cache->k, first * slot, p.count * slot);
    p.v = gpu_span_slice(cache->v, first * slot, p.count * slot);
    return p;
}

void kv_append(GpuStream *stream, const KvLayer *cache, GpuSpan qkv, GpuSpan rope, const KvRows *rows,
               AttentionShape shape)
{
    if (!attention_shape_ok(stream, shape)) {
        return;
    }
    const bool     shared = rows->targets.buffer != NULL, lanes = use_lanes(stream, cache, shape);
    const Units    units  = units_for(stream, shape.head_dim / 2, qkv);
    const bool     texels = units.texels && texels_fit(stream, rope);
    const uint64_t stores = (uint64_t)shape.kv_heads * (shape.head_dim / 2) * (shared ? cache->slots + 1 : 1);
    for (uint32_t first = 0; first < cache->slots;) {
        const Piece piece = piece_at(stream, cache, first, shape);
        if (piece.count == 0) {
            return;
        }
        const uint32_t push[4] = {rows->rows, cache->max_length, piece.first, piece.count};
        gpu_dispatch(
            stream,
            &(GpuDispatch){
                .kernel     = "kv_append",
                .spec       = {ops_group_long_row(stream, stores, 1), units.size, texels, shape.heads, shape.kv_heads,
                               shape.head_dim / 2 / units.size, lanes ? KEY_BLOCK : 1, shared, (uint32_t)cache->type,
                         lanes ? key_heads_together(stream, shape) : 1},
                .spec_count = 10,
                .bind       = {gpu_read_write(qkv), gpu_write(piece.k), gpu_write(piece.v), gpu_read(rows->lengths),
                               gpu_read(rows->slots), gpu_read(rope), gpu_read(shared ? rows->begins : rows->slots),
                               gpu_read(shared ? rows->ends : rows->slots), gpu_read(shared ? rows->targets : rows->slots),
                               texels_bind(qkv, texels), texels_bind(rope, texels)},
                .push       = push,
                .push_size  = sizeof push,
                .groups     = gpu_groups(rows->rows, 1),
                .bytes      = GPU_UNKNOWN}); /* lengths lie on the device */
        first += piece.count;
    }
}

/* --- attention --------------------------------------------------------------------------- */

/* Rows [first, first + count) in `segments` segments each; o: the result, or the parts of these rows. */
typedef struct Rows {
    uint32_t first, count, segments;
    bool     parts;
    GpuSpan  o;
} Rows;

static float score_scale(AttentionShape shape)
{
    return (float)(1.0 / sqrt(shape.head_dim));
}

/* Whether a workgroup of attention_decode_lanes.comp has all of a key head, and so can store it before it attends. */
static bool appends_itself(GpuStream *stream, const KvLayer *cache, AttentionShape shape)
{
    return use_lanes(stream, cache, shape) && cache->max_length <= SEGMENT &&
           heads_together(shape) == shape.heads / shape.kv_heads &&
           shape.head_dim % (2 * gpu_info(gpu_stream_gpu(stream))->subgroup_size) == 0;
}

/* `rope`: where not empty, the rows are appended too. */
static void record_lanes(GpuStream *stream, const Rows *r, const KvLayer *cache, GpuSpan qkv, GpuSpan rope,
                         const KvRows *rows, AttentionShape shape)
{
    const uint32_t together = heads_together(shape), key_heads = key_heads_together(stream, shape);
    const bool     append = rope.size > 0;
    const struct {
        uint64_t o, qkv, k, v, lengths, slots;
        uint32_t first_row, rows, max_length, segments;
        float    scale;
        uint32_t padding;
        uint64_t rope;
    } push                 = {gpu_span_address(r->o),
                              gpu_span_address(qkv),
                              gpu_span_address(cache->k),
                              gpu_span_address(cache->v),
                              gpu_span_address(rows->lengths),
                              gpu_span_address(rows->slots),
                              r->first,
                              r->count,
                              cache->max_length,
                              r->segments,
                              score_scale(shape),
                              0,
              append ? gpu_span_address(rope) : 0};
    const GpuAccess access = append ? GPU_READ_WRITE : GPU_READ;
    gpu_dispatch(
        stream,
        &(GpuDispatch){
            .kernel = "attention_decode_lanes",
            .spec   = {gpu_info(gpu_stream_gpu(stream))->subgroup_size, shape.heads, shape.kv_heads, shape.head_dim, 1,
                       together, 1, false, SEGMENT, r->parts, append, key_heads},
            .spec_count = 12,
            .bind = {gpu_by_address(r->o, GPU_WRITE), gpu_by_address(qkv, access), gpu_by_address(cache->k, access),
                     gpu_by_address(cache->v, access), gpu_by_address(rows->lengths, GPU_READ),
                     gpu_by_address(rows->slots, GPU_READ), gpu_by_address(append ? rope : rows->slots, GPU_READ)},
            .push = &push,
            .push_size = sizeof push,
            .groups    = gpu_groups((uint64_t)r->count * (shape.heads / (together * key_heads)) * r->segments, 1),
            .bytes     = GPU_UNKNOWN});
}

/* The same on a GPU, for which the invocations share the sums: few enough for their registers and for 32 KiB of shared
 * scores, and about equally many in each workgroup of a key head. */
static uint32_t heads_grouped(const GpuInfo *info, AttentionShape shape, ComputeType cached)
{
    const uint32_t most  = info->vendor_id == INTEL && cached != COMPUTE_F32 ? 4 : 8; /* Intel: more spill */
    const uint32_t group = shape.heads / shape.kv_heads;
    return ceil_div(group, ceil_div(group, most));
}

enum { GROUPED_THREADS = 128 };

/* Asked for of attention_decode_grouped.comp; 0: any. Intel's compiler may take the widest subgroup, and spill. */
static uint32_t grouped_subgroup(const GpuInfo *info)
{
    const bool can = info->tier.subgroup_size_control && GROUPED_THREADS / info->min_subgroup <= info->max_subgroups;
    return info->vendor_id == INTEL && can ? info->min_subgroup : 0;
}

/* attention_decode_grouped.comp, or attention_decode.comp on a CPU device: they bind the same but for texels. */
static void record_piece(GpuStream *stream, const Rows *r, const KvLayer *cache, const Piece *piece, GpuSpan qkv,
                         const KvRows *rows, AttentionShape shape)
{
    const GpuInfo *info    = gpu_info(gpu_stream_gpu(stream));
    const bool     grouped = info->type != GPU_CPU;
    const bool     texels  = cache->type == COMPUTE_F32 && texels_for_rows(stream) && shape.head_dim % 4 == 0 &&
                        texels_fit(stream, piece->k) && texels_fit(stream, qkv);
    const uint32_t together = heads_grouped(info, shape, cache->type),
                   bundles  = grouped ? shape.kv_heads * ceil_div(shape.heads / shape.kv_heads, together) : shape.heads;
    const struct {
        uint32_t first_row, rows, max_length, first_slot, slot_count, segments;
        float    scale;
    } push = {r->first, r->count, cache->max_length, piece->first, piece->count, r->segments, score_scale(shape)};
    GpuDispatch d = {.kernel     = grouped ? "attention_decode_grouped" : "attention_decode",
                     .spec       = {grouped ? GROUPED_THREADS : ops_group_lanes(stream), shape.heads, shape.kv_heads,
                              shape.head_dim, 1, 1, 1, texels, SEGMENT, r->parts, (uint32_t)cache->type},
                     .spec_count = 11,
                     .bind       = {gpu_write(r->o), gpu_read(qkv), gpu_read(piece->k), gpu_read(piece->v),
                                    gpu_read(rows->lengths), gpu_read(rows->slots)},
                     .push       = &push,
                     .push_size  = sizeof push,
                     .groups     = gpu_groups((uint64_t)r->count * bundles * r->segments, 1),
                     .bytes      = GPU_UNKNOWN};
    if (grouped) {
        d.spec[d.spec_count++] = together;
        d.subgroup             = grouped_subgroup(info);
    } else {
        d.bind[6] = texels_bind(qkv, texels);
        d.bind[7] = texels_bind(piece->k, texels);
        d.bind[8] = texels_bind(piece->v, texels);
    }
    gpu_dispatch(stream, &d);
}

static void record_pieces(GpuStream *stream, const Rows *r, const KvLayer *cache, GpuSpan qkv, const KvRows *rows,
                          AttentionShape shape)
{
    for (uint32_t first = 0; first < cache->slots;) {
        const Piece piece = piece_at(stream, cache, first, shape);
        if (piece.count == 0) {
            return;
        }
        record_piece(stream, r, cache, &piece, qkv, rows, shape);
        first += piece.count;
    }
}

static uint64_t parts_bytes(uint32_t segments, AttentionShape shape)
{
    return (uint64_t)shape.heads * segments * (shape.head_dim + 2) * 4; /* of a row */
}

static void record_merge(GpuStream *stream, const Rows *r, GpuSpan o, uint32_t max_length, const KvRows *rows,
                         AttentionShape shape)
{
    const uint32_t push[7] = {r->first, r->count, shape.heads, shape.head_dim, r->segments, SEGMENT, max_length};
    gpu_dispatch(stream, &(GpuDispatch){.kernel     = "attention_merge",
                                        .spec       = {ops_group_lanes(stream)},
                                        .spec_count = 1,
                                        .bind       = {gpu_write(o), gpu_read(r->o), gpu_read(rows->lengths)},
                                        .push       = push,
                                        .push_size  = sizeof push,
                                        .groups     = gpu_groups((uint64_t)r->count * shape.heads, 1)});
}

void attention_decode(GpuStream *stream, GpuSpan o, const KvLayer *cache, GpuSpan qkv, const KvRows *rows,
                      GpuSpan workspace, AttentionShape shape)
{
    if (!attention_shape_ok(stream, shape)) {
        return;
    }
    const bool     lanes    = use_lanes(stream, cache, shape);
    const uint32_t segments = ceil_div(cache->max_length, SEGMENT);
    const uint64_t row = parts_bytes(segments, shape), fit = segments > 1 ? workspace.size / row : rows->rows;
    const uint32_t step = fit < rows->rows ? (uint32_t)fit : rows->rows;
    if (step == 0 && rows->rows > 0) {
        gpu_stream_fail(stream, STATUS_FAILED, "attention_decode: its workspace is too small");
        return;
    }
    for (uint32_t first = 0; first < rows->rows; first += step) {
        const uint32_t left = rows->rows - first;
        Rows r = {.first = first, .count = left < step ? left : step, .segments = segments, .parts = segments > 1};
        r.o    = segments > 1 ? gpu_span_slice(workspace, 0, r.count * row) : o;
        if (lanes) {
            record_lanes(stream, &r, cache, qkv, (GpuSpan){0}, rows, shape);
        } else {
            record_pieces(stream, &r, cache, qkv, rows, shape);
        }
        if (segments > 1) {
            record_merge(stream, &r, o, cache->max_length, rows, shape);
        }
    }
}

void attention_step(GpuStream *stream, GpuSpan o, const KvLayer *cache, GpuSpan qkv, GpuSpan rope, const KvRows *rows,
                    GpuSpan workspace, AttentionShape shape)
{
    if (attention_shape_ok(stream, shape) && rows->targets.buffer == NULL && appends_itself(stream, cache, shape)) {
        const Rows all = {.count = rows->rows, .segments = 1, .o = o};
        record_lanes(stream, &all, cache, qkv, rope, rows, shape);
        return;
    }
    kv_append(stream, cache, qkv, rope, rows, shape);
    attention_decode(stream, o, cache, qkv, rows, workspace, shape);
}

uint64_t attention_decode_workspace(uint32_t rows, uint32_t max_length, AttentionShape shape)
{
    const uint32_t segments = ceil_div(max_length, SEGMENT);
    const uint64_t row = parts_bytes(segments, shape), all = rows * row;
    return segments <= 1 ? 0 : all < WORKSPACE_BYTES ? all : row > WORKSPACE_BYTES ? row : WORKSPACE_BYTES;
}
