// What the attention kernels on a card's matrix units share (VK_KHR_cooperative_matrix). The including shader defines
// HALF, the type that is multiplied, and HALVES(a, b), two numbers rounded to it in a word; sums, scores and the softmax
// are f32.
//
// A workgroup owns OWN consecutive tokens of one head, of a tile (queries, or keys with their values), each of its
// subgroups M of them, whose rows it keeps as matrices. It passes over the tokens of the other side, OTHER at a time,
// which lie rounded in shared memory, two kinds of rows of them. Scores go through shared memory: which of their numbers
// an invocation holds in a matrix is the device's business.
//
// Where registers are few, ACROSS subgroups have the same M tokens: each a part of the scores' columns and of the sums'
// dimensions, and own rows lie in shared memory, too.
#ifndef ATTENTION_MATRICES_GLSL
#define ATTENTION_MATRICES_GLSL
#include "attention.glsl"
#include "common.glsl"
#include "rounding.glsl"

layout(constant_id = 8) const uint M = 16; // of the device's shapes; multiples of 8
layout(constant_id = 9) const uint N = 16;
layout(constant_id = 10) const uint K = 16;
layout(constant_id = 11) const uint OWN = 64;
layout(constant_id = 13) const uint ACROSS = 1; // 12 is the backward's
// For compilers of cards (SPEED.md). Whether they are told that loops over shared memory stay within it: AMD's and Intel's
// then add what is constant to an address for nothing; NVIDIA's gets two instructions more.
layout(constant_id = 14) const bool BOUNDED = false;
// Whether own matrices are multiplied once ahead of the loop over the other side: else Mesa's compiler for AMD before 26
// takes them apart there, a register for each half of a word, and spills.
layout(constant_id = 15) const bool MULTIPLIED_AHEAD = false;

const uint THREADS = gl_WorkGroupSize.x, OTHER = BLOCK;
const uint WIDE = N * ACROSS, LONG = WIDE > K ? WIDE : K, DIMS = (HEAD_DIM + LONG - 1) / LONG * LONG; // zeros behind HEAD_DIM
const uint SUMS = DIMS / WIDE, SCORES = OTHER / WIDE; // matrices of a subgroup, of one kind
const uint SHARE = THREADS / OWN;    // invocations that share a row of scores
const uint COLUMNS = OTHER / SHARE;  // which each of them has of it: a multiple of 4

// Pitches let the same place of eight rows lie in different banks.
const uint CHUNKS = DIMS / 8, PITCH = CHUNKS + 1;  // of eight halves
const uint SCORE_PITCH = OTHER / 4 + 1;            // of four floats
const uint WEIGHT_PITCH = OTHER / 4 + 2;           // of four halves
const uint KEPT = 2 * OTHER; // of these rows the first own one, if there are any
shared uvec4 rows[(KEPT + (ACROSS > 1 ? SETS * OWN : 0)) * PITCH]; // of the other side, OTHER of one kind and OTHER of another
shared vec4  scores[SETS * OWN * SCORE_PITCH];
shared uvec2 weights[WEIGHT_SETS * OWN * WEIGHT_PITCH];
shared float parts[THREADS];

#include "attention_workgroup.glsl"

#define OWN_MATRIX coopmat<HALF, gl_ScopeSubgroup, M, K, gl_MatrixUseA>
#define OTHER_MATRIX coopmat<HALF, gl_ScopeSubgroup, K, N, gl_MatrixUseB>
#define SUM_MATRIX coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>
OWN_MATRIX own[SETS * (DIMS / K)];
SUM_MATRIX sums[SUM_SETS * SUMS];
uint first_row = gl_SubgroupID / ACROSS * M, across = gl_SubgroupID % ACROSS; // what of it is the subgroup's

// The row of scores that an invocation works on, with others.
uint row = gl_LocalInvocationID.x / SHARE, part = gl_LocalInvocationID.x % SHARE;

// Rows [to, to + count) of shared memory = those of `count` tokens from `first` on; tokens behind `last` are taken for it.
void stage(uint to, const uint count, const uint which, uint first, uint last)
{
    [[unroll]] for (uint e = 0; e < count * CHUNKS; e += THREADS) {
        const uint at = e + gl_LocalInvocationID.x, r = at / CHUNKS, i = at % CHUNKS;
        if (r < count) {
            const uint token = min(first + r, last);
            const vec4 low = quad_of(which, token, 2 * i), high = quad_of(which, token, 2 * i + 1);
            rows[(to + r) * PITCH + i] =
                uvec4(HALVES(low.x, low.y), HALVES(low.z, low.w), HALVES(high.x, high.y), HALVES(high.z, high.w));
        }
    }
}

// The workgroup's own rows. All must have done with what is staged, and a barrier must follow before they are multiplied.
void take_own(const uint set, const uint which)
{
    if (ACROSS > 1) {
        stage(KEPT + set * OWN, OWN, which, own_first, own_last);
        return;
    }
    barrier();
    stage(0, OWN, which, own_first, own_last);
    barrier();
    [[unroll]] for (uint i = 0; i < DIMS / K; i++) {
        coopMatLoad(own[set * (DIMS / K) + i], rows, first_row * PITCH + i * (K / 8), PITCH,
                    gl_CooperativeMatrixLayoutRowMajor);
    }
    if (MULTIPLIED_AHEAD) { // what it gives lies where the first scores will
        SUM_MATRIX s = SUM_MATRIX(0.0);
        [[unroll]] for (uint i = 0; i < DIMS / K; i++) {
            s = coopMatMulAdd(own[set * (DIMS / K) + i], OTHER_MATRIX(0.0), s);
        }
        coopMatStore(s, scores, (set * OWN + first_row) * SCORE_PITCH, SCORE_PITCH, gl_CooperativeMatrixLayoutRowMajor);
    }
}

void clear_sums()
{
    [[unroll]] for (uint i = 0; i < SUM_SETS * SUMS; i++) {
        sums[i] = SUM_MATRIX(0.0);
    }
}

// The same, of rows that are kept in shared memory: the subgroup's columns, all at once.
void multiply_kept(const uint set, const uint from)
{
    SUM_MATRIX s[SCORES];
    [[unroll]] for (uint j = 0; j < SCORES; j++) {
        s[j] = SUM_MATRIX(0.0);
    }
    [[dont_unroll]] for (uint i = 0; i < DIMS; i += K) {
        OWN_MATRIX mine;
        coopMatLoad(mine, rows, (KEPT + set * OWN + first_row) * PITCH + i / 8, PITCH, gl_CooperativeMatrixLayoutRowMajor);
        [[unroll]] for (uint j = 0; j < SCORES; j++) {
            OTHER_MATRIX other;
            coopMatLoad(other, rows, (from + (across * SCORES + j) * N) * PITCH + i / 8, PITCH,
                        gl_CooperativeMatrixLayoutColumnMajor);
            s[j] = coopMatMulAdd(mine, other, s[j]);
        }
    }
    [[unroll]] for (uint j = 0; j < SCORES; j++) {
        coopMatStore(s[j], scores, (set * OWN + first_row) * SCORE_PITCH + (across * SCORES + j) * (N / 4), SCORE_PITCH,
                     gl_CooperativeMatrixLayoutRowMajor);
    }
}

uint bounded(uint at, const uint most)
{
    return BOUNDED ? min(at, most) : at;
}

// scores = own rows times those that are staged from `from` on.
void multiply_scores(const uint set, const uint from)
{
    if (ACROSS > 1) {
        multiply_kept(set, from);
        return;
    }
    [[dont_unroll]] for (uint j = 0; j < OTHER; j += N) {
        SUM_MATRIX s = SUM_MATRIX(0.0);
        [[unroll]] for (uint i = 0; i < DIMS / K; i++) {
            OTHER_MATRIX other;
            coopMatLoad(other, rows, (from + bounded(j, OTHER - N)) * PITCH + i * (K / 8), PITCH, gl_CooperativeMatrixLayoutColumnMajor);
            s = coopMatMulAdd(own[set * (DIMS / K) + i], other, s);
        }
        coopMatStore(s, scores, (set * OWN + first_row) * SCORE_PITCH + j / 4, SCORE_PITCH,
                     gl_CooperativeMatrixLayoutRowMajor);
    }
}

// Four weights of the invocation's row, from column 4 i on.
void put_weights(const uint set, uint i, vec4 w)
{
    weights[(set * OWN + row) * WEIGHT_PITCH + i] = uvec2(HALVES(w.x, w.y), HALVES(w.z, w.w));
}

// sums += weights times the rows that are staged from `from` on.
void multiply_weights(const uint sum_set, const uint weight_set, const uint from)
{
    [[dont_unroll]] for (uint k = 0; k < OTHER; k += K) {
        OWN_MATRIX w;
        coopMatLoad(w, weights, (weight_set * OWN + first_row) * WEIGHT_PITCH + k / 4, WEIGHT_PITCH,
                    gl_CooperativeMatrixLayoutRowMajor);
        [[unroll]] for (uint i = 0; i < SUMS; i++) {
            OTHER_MATRIX other;
            coopMatLoad(other, rows, (from + bounded(k, OTHER - K)) * PITCH + (across * SUMS + i) * (N / 8), PITCH,
                        gl_CooperativeMatrixLayoutRowMajor);
            sums[sum_set * SUMS + i] = coopMatMulAdd(w, other, sums[sum_set * SUMS + i]);
        }
    }
}

// Over the invocations that share the row; all of them must call it, and with what was added up before behind a barrier.
float sum_over_row(float value)
{
    parts[gl_LocalInvocationID.x] = value;
    barrier();
    float sum = 0.0;
    for (uint i = 0; i < SHARE; i++) {
        sum += parts[row * SHARE + i];
    }
    return sum;
}

// Sums of the workgroup's tokens into rows of `pairs`, at pair AT(token), times FACTOR(own row).
#define WRITE_SUMS(sum_set, pairs, AT, FACTOR)                                                                         \
    [[unroll]] for (uint first = 0; first < DIMS; first += OTHER) {                                                    \
        barrier();                                                                                                     \
        [[unroll]] for (uint j = 0; j < SUMS; j++) {                                                                   \
            const uint dim = (across * SUMS + j) * N;                                                                  \
            if (dim >= first && dim < first + OTHER) {                                                                 \
                coopMatStore(sums[sum_set * SUMS + j], scores, first_row * SCORE_PITCH + (dim - first) / 4, SCORE_PITCH,\
                             gl_CooperativeMatrixLayoutRowMajor);                                                      \
            }                                                                                                          \
        }                                                                                                              \
        barrier();                                                                                                     \
        for (uint e = gl_LocalInvocationID.x; e < OWN * (OTHER / 4); e += THREADS) {                                   \
            const uint r = e / (OTHER / 4), i = first / 4 + e % (OTHER / 4), token = own_first + r;                    \
            if (token <= own_last) {                                                                                   \
                const vec4 quad = scores[r * SCORE_PITCH + e % (OTHER / 4)] * FACTOR(r);                               \
                WRITE_QUAD(pairs, AT(token), i, quad)                                                                  \
            }                                                                                                          \
        }                                                                                                              \
    }

#endif
