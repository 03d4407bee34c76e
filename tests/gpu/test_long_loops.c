/* Loops of more than 65,535 turns, after which lavapipe goes on with what it has by then (engine/ops/ops.h): each
 * operation whose loop may come to that, with just enough to do, against float64. */
#include <math.h>

#include "engine/ops/adamw.h"
#include "engine/ops/attention.h"
#include "engine/ops/attention_decode.h"
#include "engine/ops/embedding.h"
#include "engine/ops/gae.h"
#include "engine/ops/group_advantage.h"
#include "engine/ops/logits.h"
#include "engine/ops/whiten.h"
#include "tests/support/gpu_fixture.h"

enum { DIM = 2 }; /* of heads */

static double dot(const double *a, const double *b, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

static GpuSpan row_of(GpuSpan matrix, uint64_t row, uint64_t width)
{
    return gpu_span_slice(matrix, row * width * 4, width * 4);
}

/* The last query of one long sequence sees all its keys, the first key is seen by all queries. Only their tiles are
 * computed. What the backward is given of the forward is made up: its formulas hold for any. */
static void long_sequence(uint32_t dim, uint32_t tokens)
{
    enum { WIDEST = 8 };
    assert_true(dim <= WIDEST);
    const uint32_t       head = 3 * dim, last = tokens - 1;
    const AttentionShape shape = {1, 1, dim};
    const double         scale = 1 / sqrt(dim);
    double              *qkv = fixture_doubles(tokens * head, 1), *d_o = fixture_doubles(tokens * dim, 2);
    double              *o = fixture_doubles(tokens * dim, 3), *lse = fixture_alloc(tokens * sizeof *lse);
    double              *delta = fixture_alloc(tokens * sizeof *delta);
    for (uint32_t t = 0; t < tokens; t++) {
        lse[t]   = (double)logf((float)(1 + t));
        delta[t] = (double)(float)dot(d_o + dim * t, o + dim * t, dim);
    }
    const AttentionTile  plan[] = {{0, 1, 0, tokens}, {last, 1, 0, tokens}};
    const AttentionBatch batch  = {.tiles = fixture_words(plan, sizeof plan / 4), .tile_count = 2, .longest = tokens};
    GpuStream           *stream = fixture_stream();
    const GpuSpan        qkv_at = fixture_upload(qkv, tokens * head), dqkv = fixture_empty(tokens * head);
    const GpuSpan        o_found = fixture_empty(tokens * dim), lse_found = fixture_empty(tokens);
    attention_forward(stream, o_found, lse_found, qkv_at, &batch, shape);
    attention_backward(stream, dqkv, fixture_upload(delta, tokens), fixture_upload(d_o, tokens * dim),
                       fixture_upload(o, tokens * dim), fixture_upload(lse, tokens), qkv_at, &batch, shape);
    fixture_run();

    const double *query = qkv + (size_t)head * last, *key = qkv + dim, *value = qkv + 2 * dim;
    double        total = 0, mean[WIDEST] = {0}, dq[WIDEST] = {0}, dkv[2 * WIDEST] = {0};
    for (uint32_t t = 0; t < tokens; t++) {
        const double *q = qkv + (size_t)head * t, *k = q + dim, *v = q + 2 * dim, *out = d_o + dim * t;
        const double  weight = exp(scale * dot(query, k, dim)); /* of the last query */
        const double  score  = weight / exp(lse[last]) * (dot(d_o + dim * last, v, dim) - delta[last]);
        const double  given = exp(scale * dot(q, key, dim) - lse[t]), back = given * (dot(out, value, dim) - delta[t]);
        total += weight;
        for (uint32_t i = 0; i < dim; i++) {
            mean[i] += weight * v[i];
            dq[i] += scale * score * k[i];
            dkv[i] += scale * back * q[i];
            dkv[dim + i] += given * out[i];
        }
    }
    const double lse_want = log(total);
    for (uint32_t i = 0; i < dim; i++) {
        mean[i] /= total;
    }
    fixture_check("o", row_of(o_found, last, dim), mean, dim, 5e-5);
    fixture_check("lse", row_of(lse_found, last, 1), &lse_want, 1, 3e-6);
    fixture_check("dq", gpu_span_slice(dqkv, (uint64_t)last * head * 4, dim * 4), dq, dim, 1e-5);
    fixture_check("dk, dv", gpu_span_slice(dqkv, dim * 4, 2 * dim * 4), dkv, 2 * dim, 1e-5);
}

static void attention_of_a_long_sequence(void **state)
{
    (void)state;
    long_sequence(DIM, 140001);
}

/* Heads that CPU devices take as tiles, if they know addresses: a turn is eight tokens, and of as many turns as tiles.
 */
static void attention_of_a_long_sequence_in_tiles(void **state)
{
    (void)state;
    long_sequence(8, 170001);
}

/* Tokens times query heads of a key head. */
static void attention_of_many_query_heads(void **state)
{
    (void)state;
    enum { TOKENS = 230, HEADS = 300, WIDTH = (HEADS + 2) * DIM };
    static const AttentionTile plan[] = {{0, 1, 0, TOKENS}};
    const AttentionShape       shape  = {HEADS, 1, DIM};
    const double               scale  = 1 / sqrt(DIM);
    double *qkv = fixture_doubles((size_t)TOKENS * WIDTH, 1), *d_o = fixture_doubles((size_t)TOKENS * HEADS * DIM, 2);
    double *o = fixture_doubles((size_t)TOKENS * HEADS * DIM, 3), *lse = fixture_alloc(TOKENS * HEADS * sizeof *lse);
    double *delta = fixture_alloc(TOKENS * HEADS * sizeof *delta), want[2][DIM] = {{0}};
    const double *key = qkv + (size_t)HEADS * DIM, *value = key + DIM;
    for (uint32_t r = 0; r < TOKENS * HEADS; r++) {
        const double *q = qkv + (size_t)(r / HEADS) * WIDTH + r % HEADS * DIM, *out = d_o + DIM * (size_t)r;
        lse[r]              = (double)logf((float)(1 + r / HEADS));
        delta[r]            = (double)(float)dot(out, o + DIM * (size_t)r, DIM);
        const double weight = exp(scale * dot(q, key, DIM) - lse[r]),
                     score  = weight * (dot(out, value, DIM) - delta[r]);
        for (uint32_t i = 0; i < DIM; i++) {
            want[0][i] += scale * score * q[i];
            want[1][i] += weight * out[i];
        }
    }
    const AttentionBatch batch = {.tiles = fixture_words(plan, sizeof plan / 4), .tile_count = 1};
    const GpuSpan        dqkv  = fixture_empty((size_t)TOKENS * WIDTH);
    attention_backward(fixture_stream(), dqkv, fixture_upload(delta, TOKENS * HEADS),
                       fixture_upload(d_o, (size_t)TOKENS * HEADS * DIM),
                       fixture_upload(o, (size_t)TOKENS * HEADS * DIM), fixture_upload(lse, TOKENS * HEADS),
                       fixture_upload(qkv, (size_t)TOKENS * WIDTH), &batch, shape);
    fixture_run();
    fixture_check("dk, dv", gpu_span_slice(dqkv, (uint64_t)HEADS * DIM * 4, 2 * DIM * 4), want[0], 2 * DIM, 1e-5);
}

static void advantages_of_a_long_response(void **state)
{
    (void)state;
    enum { TOKENS = 140000 };
    const uint32_t start[] = {0, TOKENS - 3, TOKENS};
    double        *reward = fixture_doubles(TOKENS, 1), *value = fixture_doubles(TOKENS, 2), a = 0;
    double        *want = fixture_alloc(TOKENS * sizeof *want), *returns = fixture_alloc(TOKENS * sizeof *want);
    for (uint32_t t = TOKENS; t-- > 0;) {
        const bool last = t + 1 == start[1] || t + 1 == TOKENS;
        a               = reward[t] - value[t] + (last ? 0 : value[t + 1] + 0.5 * a);
        want[t]         = a;
        returns[t]      = a + value[t];
    }
    const GpuSpan advantage = fixture_empty(TOKENS), returned = fixture_empty(TOKENS);
    gae(fixture_stream(), advantage, returned, fixture_upload(reward, TOKENS), fixture_upload(value, TOKENS),
        fixture_words(start, 3), &(GaeOptions){1, 0.5f, 0.5f}, 2);
    fixture_run();
    fixture_check("advantage", advantage, want, TOKENS, 1e-5);
    fixture_check("returns", returned, returns, TOKENS, 1e-5);
}

/* One workgroup for all tokens of a step: as many as 8 lanes turn round twice 65,535 times, and more. */
enum { MANY = 2 * 8 * 65535 + 1000 };

static void whitening_of_many_tokens(void **state)
{
    (void)state;
    double *advantage = fixture_doubles(MANY, 1), moments[2] = {0};
    for (uint32_t t = 0; t < MANY; t++) {
        advantage[t] = (double)(float)(advantage[t] + (double)t / MANY); /* the last count for something */
        moments[0] += advantage[t] / MANY;
    }
    for (uint32_t t = 0; t < MANY; t++) {
        moments[1] += (advantage[t] - moments[0]) * (advantage[t] - moments[0]) / MANY;
    }
    const GpuSpan found = fixture_empty(4), given = fixture_upload(advantage, MANY);
    whiten(fixture_stream(), given, found, given, (GpuSpan){0}, WHITEN_POPULATION, MANY);
    fixture_run();
    fixture_check("moments", gpu_span_slice(found, 0, 8), moments, 2, 1e-5);
}

static void cross_entropy_of_many_rows(void **state)
{
    (void)state;
    double *logprob = fixture_doubles(MANY, 1), *weight = fixture_alloc(MANY * sizeof *weight), want[2] = {0};
    double *dlogprob = fixture_alloc(MANY * sizeof *dlogprob);
    for (uint32_t r = 0; r < MANY; r++) {
        weight[r]   = r % 2 == 0;
        logprob[r]  = -fabs(logprob[r]);
        dlogprob[r] = -weight[r];
        want[0] -= weight[r] * logprob[r];
        want[1] += weight[r];
    }
    const GpuSpan d = fixture_empty(MANY), sums = fixture_zeros(2);
    cross_entropy(fixture_stream(), d, sums, fixture_upload(logprob, MANY), fixture_upload(weight, MANY), MANY);
    fixture_run();
    fixture_check("sums", sums, want, 2, 1e-5);
    fixture_check("dlogprob", d, dlogprob, MANY, 0);
}

/* The sums of squares of so many blocks as 8 billion gradients have. */
static void norm_of_many_gradients(void **state)
{
    (void)state;
    double *sums = fixture_doubles(MANY, 1), want[2] = {0};
    for (uint32_t b = 0; b < MANY; b++) {
        sums[b] = sums[b] * sums[b] + (double)b / MANY;
        want[0] += (double)(float)sums[b];
    }
    want[0]            = sqrt(want[0]) / 4;
    want[1]            = 3 / (want[0] + 1e-6) / 4;
    const GpuSpan norm = fixture_empty(4);
    grad_norm_of_sums(fixture_stream(), norm, fixture_upload(sums, MANY), 3, .25f, MANY);
    fixture_run();
    fixture_check("norm", norm, want, 1, 1e-6);
    fixture_check("coefficient", gpu_span_slice(norm, 4, 4), want + 1, 1, 1e-6);
}

static void gradient_of_a_frequent_token(void **state)
{
    (void)state;
    enum { TOKENS = 70000 };
    const uint32_t id = 1, starts[] = {0, TOKENS};
    double        *dy = fixture_alloc(TOKENS * sizeof *dy), want[3] = {0};
    uint32_t      *order = fixture_alloc(TOKENS * sizeof *order);
    for (uint32_t t = 0; t < TOKENS; t++) {
        order[t] = t;
        dy[t]    = t % 3;
        want[1] += dy[t];
    }
    const GpuSpan table = fixture_zeros(3);
    embedding_backward(fixture_stream(), table, fixture_upload(dy, TOKENS), fixture_words(&id, 1),
                       fixture_words(starts, 2), fixture_words(order, TOKENS), 1, 1, 3);
    fixture_run();
    fixture_check("dtable", table, want, 3, 1e-6);
}

/* Every sequence looks at all others; only those of the first workgroup are computed. */
static void advantages_in_a_large_batch(void **state)
{
    (void)state;
    enum { SEQUENCES = 140000, FOUND = 4, FORM = GROUP_GRPO };
    double   *score = fixture_doubles(SEQUENCES, 1), want[FOUND], mean[2] = {0}, squares[2] = {0};
    uint32_t *group = fixture_alloc(SEQUENCES * sizeof *group);
    for (uint32_t s = 0; s < SEQUENCES; s++) {
        group[s] = s % 2;
        score[s] = (double)(float)(score[s] + (double)s / SEQUENCES); /* the last count for something */
        mean[s % 2] += 2 * score[s] / SEQUENCES;
    }
    for (uint32_t s = 0; s < SEQUENCES; s++) {
        squares[s % 2] += (score[s] - mean[s % 2]) * (score[s] - mean[s % 2]) / (SEQUENCES / 2 - 1);
    }
    for (uint32_t s = 0; s < FOUND; s++) {
        want[s] = (score[s] - mean[s % 2]) / (sqrt(squares[s % 2]) + 1e-4);
    }
    const GpuSpan advantage = fixture_empty(SEQUENCES), given = fixture_upload(score, SEQUENCES);
    const struct {
        uint32_t sequences;
        float    eps;
    } push            = {SEQUENCES, 1e-4f};
    GpuStream *stream = fixture_stream();
    gpu_dispatch(stream, &(GpuDispatch){
                             .kernel     = "group_advantage",
                             .spec       = {ops_group_lanes(stream), FORM},
                             .spec_count = 2,
                             .bind = {gpu_write(advantage), gpu_read(given), gpu_read(fixture_words(group, SEQUENCES))},
                             .push = &push,
                             .push_size = sizeof push,
                             .groups    = {1, 1, 1}});
    fixture_run();
    fixture_check("advantage", advantage, want, FOUND, 1e-4);
}

/* A prompt's keys and values go to the slots of all its samples: two neighbours at a time, three times 25,000 to a lane
 * of eight. */
static void a_prompt_of_many_samples(void **state)
{
    (void)state;
    enum { SAMPLES = 25000, KV_HEADS = 8, HEAD_DIM = 6, LENGTH = 16, WIDTH = 3 * KV_HEADS * HEAD_DIM };
    enum { ROW = KV_HEADS * HEAD_DIM / 2, SLOT = ROW * LENGTH }; /* words */
    const AttentionShape shape   = {KV_HEADS, KV_HEADS, HEAD_DIM};
    uint32_t            *targets = fixture_alloc(SAMPLES * sizeof *targets);
    float               *table   = fixture_alloc(LENGTH * HEAD_DIM * sizeof *table);
    for (uint32_t s = 0; s < SAMPLES; s++) {
        targets[s] = s;
    }
    for (uint32_t i = 0; i < LENGTH * HEAD_DIM / 2; i++) {
        table[2 * i] = 1; /* cosines: nothing is turned */
    }
    static const uint32_t words[] = {1, 0, 0, SAMPLES}; /* length, slot, begin and end of the targets */
    double               *qkv     = fixture_alloc(WIDTH * sizeof *qkv);
    float                 want[2][KV_HEADS * HEAD_DIM];
    for (uint32_t i = 0; i < WIDTH; i++) {
        qkv[i] = i;
    }
    for (uint32_t i = 0; i < KV_HEADS * HEAD_DIM; i++) {
        want[0][i] = (float)(KV_HEADS * HEAD_DIM + i);
        want[1][i] = (float)(2 * KV_HEADS * HEAD_DIM + i);
    }
    assert_int_equal(kv_max_length(1, shape, COMPUTE_BF16), LENGTH);
    const KvLayer cache = {fixture_zeros(SAMPLES * SLOT), fixture_zeros(SAMPLES * SLOT), SAMPLES, LENGTH, COMPUTE_BF16};
    const KvRows  rows  = {.rows    = 1,
                           .lengths = fixture_words(words, 1),
                           .slots   = fixture_words(words + 1, 1),
                           .begins  = fixture_words(words + 2, 1),
                           .ends    = fixture_words(words + 3, 1),
                           .targets = fixture_words(targets, SAMPLES)};
    const GpuSpan packed = fixture_upload(qkv, WIDTH), rope = fixture_words(table, LENGTH * HEAD_DIM);
    kv_append(fixture_stream(), &cache, packed, rope, &rows, shape);
    fixture_run();
    for (uint32_t s = 0; s < SAMPLES; s += SAMPLES - 1) { /* the first and the last */
        const GpuSpan key   = gpu_span_slice(cache.k, (uint64_t)s * SLOT * 4, SLOT * 4),
                      value = gpu_span_slice(cache.v, (uint64_t)s * SLOT * 4, SLOT * 4);
        for (uint32_t h = 0; h < KV_HEADS; h++) { /* a head's positions lie together */
            const uint64_t at = (uint64_t)h * LENGTH * HEAD_DIM / 2 * 4;
            fixture_check_halves("a key", (TypedSpan){gpu_span_slice(key, at, HEAD_DIM * 2), COMPUTE_BF16},
                                 &want[0][h * HEAD_DIM], HEAD_DIM);
            fixture_check_halves("a value", (TypedSpan){gpu_span_slice(value, at, HEAD_DIM * 2), COMPUTE_BF16},
                                 &want[1][h * HEAD_DIM], HEAD_DIM);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(attention_of_a_long_sequence),  fixture_test(attention_of_a_long_sequence_in_tiles),
        fixture_test(attention_of_many_query_heads), fixture_test(advantages_of_a_long_response),
        fixture_test(whitening_of_many_tokens),      fixture_test(cross_entropy_of_many_rows),
        fixture_test(gradient_of_a_frequent_token),  fixture_test(norm_of_many_gradients),
        fixture_test(advantages_in_a_large_batch),   fixture_test(a_prompt_of_many_samples),
    };
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
