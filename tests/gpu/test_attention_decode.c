/* Attention over a cache of keys and values against float64: rows one by one and in chunks, ragged, grouped, with
 * rotation, long enough for several segments, slots that begin alike, a cache in pieces. What a row gets must not
 * depend, to the bit, on how its keys came or on the rows beside it. */
#include <math.h>
#include <string.h>

#include "engine/ops/attention_decode.h"
#include "engine/ops/rope.h"
#include "tests/support/gpu_fixture.h"

enum { SLOTS = 5 };

/* A token of every sequence: where it goes and which it is. */
typedef struct Problem {
    AttentionShape  shape;
    const uint32_t *starts; /* [SLOTS + 1] of the sequences' tokens; sequence s lives in slot slot_of[s] */
    uint32_t        tokens, stride, width, max_length;
    double         *qkv, *o;
    GpuSpan         rope;
    ComputeType     type; /* of the cache */
} Problem;

static const uint32_t slot_of[SLOTS] = {3, 0, 4, 1, 2};

static const RopeConfig rope_config = {.theta = 10000};

/* Half-split rotation of one head. */
static void rotate(double *to, const double *from, uint32_t head_dim, uint32_t position)
{
    const uint32_t half = head_dim / 2;
    for (uint32_t i = 0; i < half; i++) {
        const double angle = position * pow(10000, -2.0 * i / head_dim);
        to[i]              = from[i] * cos(angle) - from[i + half] * sin(angle);
        to[i + half]       = from[i + half] * cos(angle) + from[i] * sin(angle);
    }
}

static void reference(Problem *p)
{
    const AttentionShape s     = p->shape;
    const uint32_t       d     = s.head_dim;
    double              *score = fixture_alloc(p->max_length * sizeof *score), query[256], key[256];
    for (uint32_t q = 0; q < SLOTS; q++) {
        for (uint32_t t = p->starts[q]; t < p->starts[q + 1]; t++) {
            for (uint32_t h = 0; h < s.heads; h++) {
                const uint32_t length = t - p->starts[q] + 1, kv = s.heads + h / (s.heads / s.kv_heads);
                double         largest = -INFINITY, total = 0, *o = p->o + (size_t)t * p->width + h * d;
                rotate(query, p->qkv + (size_t)t * p->stride + h * d, d, length - 1);
                for (uint32_t k = 0; k < length; k++) {
                    rotate(key, p->qkv + (size_t)(p->starts[q] + k) * p->stride + kv * d, d, k);
                    score[k] = 0;
                    for (uint32_t i = 0; i < d; i++) {
                        score[k] += query[i] * key[i] / sqrt(d);
                    }
                    largest = fmax(largest, score[k]);
                }
                for (uint32_t k = 0; k < length; k++) {
                    const double  weight = exp(score[k] - largest);
                    const double *value  = p->qkv + (size_t)(p->starts[q] + k) * p->stride + (kv + s.kv_heads) * d;
                    total += weight;
                    for (uint32_t i = 0; i < d; i++) {
                        o[i] += weight * value[i];
                    }
                }
                for (uint32_t i = 0; i < d; i++) {
                    o[i] /= total;
                }
            }
        }
    }
}

static Problem problem_of(AttentionShape shape, const uint32_t *starts, uint32_t longest, ComputeType type)
{
    Problem p    = {.shape = shape, .starts = starts, .tokens = starts[SLOTS], .type = type};
    p.stride     = (shape.heads + 2 * shape.kv_heads) * shape.head_dim;
    p.width      = shape.heads * shape.head_dim;
    p.max_length = kv_max_length(longest, shape, type);
    p.qkv        = fixture_doubles((size_t)p.tokens * p.stride, 1);
    p.o          = fixture_alloc((size_t)p.tokens * p.width * sizeof *p.o);
    float *table = fixture_alloc(rope_table_bytes(p.max_length, shape.head_dim));
    rope_table_fill(table, &rope_config, p.max_length, shape.head_dim);
    p.rope = fixture_words(table, rope_table_bytes(p.max_length, shape.head_dim) / 4);
    reference(&p);
    return p;
}

static Problem problem(AttentionShape shape, const uint32_t *starts, uint32_t longest)
{
    return problem_of(shape, starts, longest, COMPUTE_F32);
}

static KvLayer cache_new(const Problem *p)
{
    const uint64_t words  = kv_bytes(fixture_stream(), SLOTS, p->max_length, p->shape, p->type) / 4;
    const uint64_t halves = (uint64_t)SLOTS * p->max_length * p->shape.kv_heads * p->shape.head_dim;
    assert_int_equal(words, p->type == COMPUTE_F32 ? halves : halves / 2);
    fixture_run();
    return (KvLayer){fixture_empty(words), fixture_empty(words), SLOTS, p->max_length, p->type}; /* NaN: never read */
}

/* A sequence's tokens [first, end), or an idle row where they are none. */
typedef struct Span {
    uint32_t sequence, first, end;
} Span;

/* Runs the rows of the spans as one batch into got [tokens, width]; `step`: they are appended and attend in one call.
 */
static void run_batch(const Problem *p, const KvLayer *cache, const Span *spans, uint32_t count, bool step, float *got)
{
    uint32_t rows = 0, *lengths = fixture_alloc((p->tokens + count) * 4),
             *slots  = fixture_alloc((p->tokens + count) * 4);
    uint32_t *tokens = fixture_alloc((p->tokens + count) * 4);
    double   *qkv    = fixture_alloc((size_t)(p->tokens + count) * p->stride * sizeof *qkv);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t t = spans[i].first; t < spans[i].end || t == spans[i].first; t++, rows++) {
            tokens[rows]  = p->starts[spans[i].sequence] + t;
            lengths[rows] = spans[i].end > spans[i].first ? t + 1 : 0;
            slots[rows]   = slot_of[spans[i].sequence];
            memcpy(qkv + (size_t)rows * p->stride, p->qkv + (size_t)(tokens[rows] % p->tokens) * p->stride,
                   p->stride * sizeof *qkv);
        }
    }
    const KvRows   kv = {.rows = rows, .lengths = fixture_words(lengths, rows), .slots = fixture_words(slots, rows)};
    const GpuSpan  o = fixture_empty((size_t)rows * p->width), packed = fixture_upload(qkv, (size_t)rows * p->stride);
    const uint64_t bytes     = attention_decode_workspace(rows, p->max_length, p->shape);
    const GpuSpan  workspace = fixture_empty(bytes / 4 + 1);
    GpuStream     *stream    = fixture_stream();
    if (step) {
        attention_step(stream, o, cache, packed, p->rope, &kv, workspace, p->shape);
    } else {
        kv_append(stream, cache, packed, p->rope, &kv, p->shape);
        attention_decode(stream, o, cache, packed, &kv, workspace, p->shape);
    }
    fixture_run();
    const float *result = fixture_download(o, (size_t)rows * p->width);
    for (uint32_t r = 0; r < rows; r++) {
        for (uint32_t i = 0; i < p->width && lengths[r] == 0; i++) {
            assert_true(result[(size_t)r * p->width + i] == 0);
        }
        if (lengths[r] > 0) {
            memcpy(got + (size_t)tokens[r] * p->width, result + (size_t)r * p->width, p->width * sizeof *got);
        }
    }
}

static void run_rows(const Problem *p, const KvLayer *cache, const Span *spans, uint32_t count, float *got)
{
    run_batch(p, cache, spans, count, false, got);
}

static void expect_right(const Problem *p, const float *got, const char *what)
{
    /* Keys and values of 8 and 11 bits are off by 2^-8 and 2^-11 of themselves at most, by a third of it in the mean:
     * so are results that are means of values, and scores that are sums of products. */
    static const double most[]  = {[COMPUTE_F32] = 4e-6, [COMPUTE_BF16] = 0x1p-8, [COMPUTE_F16] = 0x1p-11};
    static const double least[] = {[COMPUTE_F32] = 0, [COMPUTE_BF16] = 0x1p-12, [COMPUTE_F16] = 0x1p-15};
    const double        error   = fixture_error(got, p->o, (size_t)p->tokens * p->width);
    if (!(error <= most[p->type] && error >= least[p->type])) {
        fail_msg("%s, %s: relative error %g", what, compute_type_name(p->type), error);
    }
}

/* Token by token, all sequences side by side, those at their end idle. */
static void run_one_by_one(const Problem *p, const KvLayer *cache, bool step, float *got)
{
    for (uint32_t t = 0; t < p->max_length; t++) {
        Span     spans[SLOTS];
        uint32_t running = 0;
        for (uint32_t s = 0; s < SLOTS; s++) {
            const bool runs = t < p->starts[s + 1] - p->starts[s];
            spans[s]        = (Span){s, runs ? t : 0, runs ? t + 1 : 0};
            running += runs;
        }
        if (running == 0) {
            break;
        }
        run_batch(p, cache, spans, SLOTS, step, got);
    }
}

/* Chunks that end inside sequences, the last tokens one by one. */
static void run_in_chunks(const Problem *p, const KvLayer *cache, uint32_t chunk, float *got)
{
    for (uint32_t s = 0; s < SLOTS; s++) {
        const uint32_t length = p->starts[s + 1] - p->starts[s], other = (s + 1) % SLOTS;
        for (uint32_t t = 0; t < length; t += chunk) {
            const uint32_t end      = t + chunk < length ? t + chunk : length;
            const Span     spans[2] = {{s, t, end}, {other, 0, 0}};
            run_rows(p, cache, spans, 2, got);
        }
    }
}

static const uint32_t ragged[SLOTS + 1] = {0, 1, 30, 70, 77, 95};

static void check_shape_of(AttentionShape shape, ComputeType type)
{
    Problem      p      = problem_of(shape, ragged, 40, type);
    const size_t floats = (size_t)p.tokens * p.width;
    float       *one = fixture_alloc(floats * sizeof *one), *many = fixture_alloc(floats * sizeof *many);
    KvLayer      cache = cache_new(&p);
    run_one_by_one(&p, &cache, false, one);
    expect_right(&p, one, "one by one");
    cache = cache_new(&p);
    run_one_by_one(&p, &cache, true, many);
    assert_memory_equal(one, many, floats * sizeof *one);
    memset(many, 0, floats * sizeof *many);
    cache = cache_new(&p);
    run_in_chunks(&p, &cache, 13, many);
    expect_right(&p, many, "in chunks");
    assert_memory_equal(one, many, floats * sizeof *one);
    gpu_fixture_reset(NULL);
}

static void check_shape(AttentionShape shape)
{
    check_shape_of(shape, COMPUTE_F32);
}

static void caches_of_16_bits(void **state)
{
    (void)state;
    for (ComputeType type = COMPUTE_BF16; type <= COMPUTE_F16; type++) {
        check_shape_of((AttentionShape){4, 2, 24}, type);
        check_shape_of((AttentionShape){3, 3, 10}, type);
        check_shape_of((AttentionShape){4, 1, 64}, type);
        check_shape_of((AttentionShape){4, 2, 128}, type);
    }
}

static void shapes(void **state)
{
    (void)state;
    check_shape((AttentionShape){4, 2, 24});
    check_shape((AttentionShape){4, 1, 64});
    check_shape((AttentionShape){3, 3, 10});
    check_shape((AttentionShape){4, 4, 32});
    check_shape((AttentionShape){8, 4, 32});
    check_shape((AttentionShape){6, 2, 16});
    check_shape((AttentionShape){11, 1, 20}); /* more of a key head than a workgroup takes */
}

static void widest_heads(void **state)
{
    (void)state;
    check_shape((AttentionShape){4, 2, 128});
    check_shape((AttentionShape){1, 1, 256});
}

/* Several segments, and a max_length of which most is unused: the same bits as with a short one. */
static void long_sequences(void **state)
{
    (void)state;
    static const uint32_t starts[SLOTS + 1] = {0, 3, 515, 1028, 1029, 1030 + 1100};
    const AttentionShape  shape             = {4, 2, 16};
    Problem               p                 = problem(shape, starts, 1200);
    const size_t          floats            = (size_t)p.tokens * p.width;
    float                *got = fixture_alloc(floats * sizeof *got), *again = fixture_alloc(floats * sizeof *again);
    KvLayer               cache = cache_new(&p);
    assert_true(attention_decode_workspace(1, p.max_length, shape) > 0);
    run_in_chunks(&p, &cache, 400, got);
    expect_right(&p, got, "long");
    p.max_length = kv_max_length(512, shape, COMPUTE_F32); /* no segments; the first 512 tokens of every sequence */
    assert_int_equal(attention_decode_workspace(1, p.max_length, shape), 0);
    cache = cache_new(&p);
    for (uint32_t s = 0; s < SLOTS; s++) {
        const uint32_t length = starts[s + 1] - starts[s] < 512 ? starts[s + 1] - starts[s] : 512;
        const Span     span   = {s, 0, length};
        run_rows(&p, &cache, &span, 1, again);
        assert_memory_equal(again + (size_t)starts[s] * p.width, got + (size_t)starts[s] * p.width,
                            length * p.width * sizeof *got);
    }
}

/* One prompt stored in several slots at once; the slots then go on alone. */
static void check_equal_beginnings(ComputeType type)
{
    const AttentionShape shape = {4, 2, 32};
    enum { PROMPT = 21 };
    Problem      p      = problem_of(shape, ragged, 40, type);
    const size_t floats = (size_t)p.tokens * p.width;
    float       *want = fixture_alloc(floats * sizeof *want), *got = fixture_alloc(floats * sizeof *got);
    KvLayer      cache  = cache_new(&p);
    const Span   prompt = {2, 0, PROMPT}, rest = {2, PROMPT, 40};
    run_rows(&p, &cache, &prompt, 1, want);
    run_rows(&p, &cache, &rest, 1, want);

    uint32_t       length[PROMPT], slot[PROMPT], begin[PROMPT], end[PROMPT];
    const uint32_t targets[4] = {1, 3, 4, 0}; /* slot_of[2] == 4; the last belongs to no row */
    cache                     = cache_new(&p);
    for (uint32_t i = 0; i < PROMPT; i++) {
        length[i] = i + 1;
        slot[i]   = 3;
        begin[i]  = 0;
        end[i]    = 3;
    }
    const KvRows  kv     = {.rows    = PROMPT,
                            .lengths = fixture_words(length, PROMPT),
                            .slots   = fixture_words(slot, PROMPT),
                            .begins  = fixture_words(begin, PROMPT),
                            .ends    = fixture_words(end, PROMPT),
                            .targets = fixture_words(targets, 4)};
    const GpuSpan qkv    = fixture_upload(p.qkv + (size_t)ragged[2] * p.stride, (size_t)PROMPT * p.stride);
    const GpuSpan o      = fixture_empty((size_t)PROMPT * p.width);
    GpuStream    *stream = fixture_stream();
    kv_append(stream, &cache, qkv, p.rope, &kv, shape);
    attention_decode(stream, o, &cache, qkv, &kv, (GpuSpan){0}, shape);
    fixture_run();
    fixture_check_same("the prompt", o, want + (size_t)ragged[2] * p.width, (size_t)PROMPT * p.width);
    run_rows(&p, &cache, &rest, 1, got);
    const size_t at = (size_t)(ragged[2] + PROMPT) * p.width;
    assert_memory_equal(got + at, want + at, (size_t)(40 - PROMPT) * p.width * sizeof *got);
}

static void equal_beginnings(void **state)
{
    (void)state;
    check_equal_beginnings(COMPUTE_F32);
    gpu_fixture_reset(NULL);
    check_equal_beginnings(COMPUTE_BF16);
}

/* A device that binds the keys of two slots at once. */
static void check_pieces(ComputeType type)
{
    uint64_t *limit = (uint64_t *)(uintptr_t)&gpu_info(fixture_gpu())->max_binding_bytes; /* pretended for this test */
    const uint64_t       was    = *limit;
    const AttentionShape shape  = {4, 2, 24};
    Problem              p      = problem_of(shape, ragged, 40, type);
    const size_t         floats = (size_t)p.tokens * p.width;
    float               *got    = fixture_alloc(floats * sizeof *got);
    *limit                      = 2 * (uint64_t)p.max_length * 48 * (type == COMPUTE_F32 ? 4 : 2) + 100;
    KvLayer cache               = cache_new(&p);
    run_in_chunks(&p, &cache, 13, got);
    *limit = 100;
    assert_int_equal(kv_bytes(fixture_stream(), 1, p.max_length, shape, type), 0);
    fixture_run();
    *limit = was;
    expect_right(&p, got, "pieces");
}

static void a_cache_in_pieces(void **state)
{
    (void)state;
    check_pieces(COMPUTE_F32);
    gpu_fixture_reset(NULL);
    check_pieces(COMPUTE_F16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(shapes),           fixture_test(caches_of_16_bits),
                                       fixture_test(widest_heads),     fixture_test(long_sequences),
                                       fixture_test(equal_beginnings), fixture_test(a_cache_in_pieces)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
