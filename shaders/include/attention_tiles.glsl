// What the kernels of attention_tiled*.comp share: attention over packed sequences for GPUs, in f32 through shared memory.
//
// A workgroup owns OWN consecutive tokens of one head, of a tile (queries, or keys with their values), and passes over
// the tokens of the other side, OTHER at a time. Both kinds of product that attention is made of are computed as a
// matrix product would be, an invocation holding PER_LANE rows by four columns:
//   scores      [OWN, OTHER]    = mine [OWN, HEAD_DIM] · theirs [OTHER, HEAD_DIM]^T, CHUNK quads of a row at a time
//   accumulate  [OWN, HEAD_DIM] += weights [OWN, OTHER] · theirs [OTHER, HEAD_DIM],  STEP of the others at a time
// Invocation (y, x) of [OWN / PER_LANE, ACROSS] has the rows y * PER_LANE + r; of the scores the others 4 x to 4 x + 3,
// of the sums the quads x, x + ACROSS, ... of a row.
//
// Whatever is summed is so in an order that depends on the places in the sequence alone: the bits of a token's results
// are the same whatever else is in the batch.
#ifndef ATTENTION_TILES_GLSL
#define ATTENTION_TILES_GLSL
#include "attention.glsl"
#include "common.glsl"

layout(constant_id = 8) const uint ACROSS = 16; // invocations that share a row: 8 or 16
layout(constant_id = 9) const uint CHUNK = 8;   // quads
layout(constant_id = 10) const uint STEP = 16;  // tokens, a multiple of 4 that divides OTHER

const uint THREADS = gl_WorkGroupSize.x;
const uint OWN = THREADS / ACROSS * PER_LANE, OTHER = 4 * ACROSS;
const uint WIDE = (QUADS + ACROSS - 1) / ACROSS; // quads of a row that an invocation sums up

// Shared memory holds chunks of the rows of both sides for the scores, then the weights and some rows of the other
// side. Pitches are odd numbers of quads, so that the same quad of eight rows lies in different banks.
const uint PITCH = CHUNK | 1, WEIGHT_PITCH = ACROSS + 1;
const uint CHUNKS = (OWN + OTHER) * PITCH, STEPS = OWN * WEIGHT_PITCH + STEP * QUADS;
shared vec4  staged[CHUNKS > STEPS ? CHUNKS : STEPS];
shared float parts[OWN * ACROSS]; // of a sum or maximum over a row: one per invocation

#include "attention_workgroup.glsl"

uint y = gl_LocalInvocationID.x / ACROSS, x = gl_LocalInvocationID.x % ACROSS;

// What an invocation sums up, in as many SETS as the including shader says; functions are told which by a literal.
vec4 score[SETS * PER_LANE];     // component j of own row r: with token `block` + 4 x + j
vec4 sums[SETS * PER_LANE * WIDE]; // quads x + w ACROSS of own row r

uint own_row(uint r) { return y * PER_LANE + r; }
uint own_token(uint r) { return own_first + own_row(r); }

void clear_sums()
{
    [[unroll]] for (uint i = 0; i < SETS * PER_LANE * WIDE; i++) {
        sums[i] = vec4(0.0);
    }
}

// score = mine of own tokens times theirs of the tokens from `block` on; those behind `last` are taken for `last`.
void scores(const uint set, const uint mine, const uint theirs, uint block, uint last)
{
    vec4 s[PER_LANE];
    [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
        s[r] = vec4(0.0);
    }
    [[dont_unroll]] for (uint chunk = 0; chunk < QUADS; chunk += CHUNK) {
        barrier(); // all have done with what is staged
        [[unroll]] for (uint e = 0; e < OWN * CHUNK; e += THREADS) {
            const uint at = e + gl_LocalInvocationID.x, row = at / CHUNK, i = at % CHUNK;
            if (OWN * CHUNK % THREADS == 0 || row < OWN) {
                staged[row * PITCH + i] = quad_of(mine, min(own_first + row, own_last), chunk + i);
            }
        }
        // An invocation's four tokens lie ACROSS rows apart, its neighbour's beside them.
        [[unroll]] for (uint e = 0; e < OTHER * CHUNK; e += THREADS) {
            const uint at = e + gl_LocalInvocationID.x, token = at / CHUNK, i = at % CHUNK;
            if (OTHER * CHUNK % THREADS == 0 || token < OTHER) {
                const uint row = OWN + token % 4 * ACROSS + token / 4;
                staged[row * PITCH + i] = quad_of(theirs, min(block + token, last), chunk + i);
            }
        }
        barrier();
        [[dont_unroll]] for (uint i = 0; i < CHUNK; i++) {
            vec4 own[PER_LANE];
            [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
                own[r] = staged[own_row(r) * PITCH + i];
            }
            [[unroll]] for (uint j = 0; j < 4; j++) {
                const vec4 other = staged[(OWN + j * ACROSS + x) * PITCH + i];
                [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
                    float sum = s[r][j];
                    sum = fma(own[r].x, other.x, sum);
                    sum = fma(own[r].y, other.y, sum);
                    sum = fma(own[r].z, other.z, sum);
                    s[r][j] = fma(own[r].w, other.w, sum);
                }
            }
        }
    }
    [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
        score[set * PER_LANE + r] = s[r];
    }
}

// sums += what the scores have become, as weights, times theirs. All must have done with what is staged.
void accumulate(const uint set, const uint theirs, uint block, uint last)
{
    const uint rows = OWN * WEIGHT_PITCH, first = set * PER_LANE * WIDE;
    [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
        staged[own_row(r) * WEIGHT_PITCH + x] = score[set * PER_LANE + r];
    }
    [[dont_unroll]] for (uint step = 0; step < OTHER; step += STEP) {
        barrier();
        [[unroll]] for (uint e = 0; e < STEP * QUADS; e += THREADS) {
            const uint at = e + gl_LocalInvocationID.x, token = at / QUADS;
            if (STEP * QUADS % THREADS == 0 || token < STEP) {
                staged[rows + at] = quad_of(theirs, min(block + step + token, last), at % QUADS);
            }
        }
        barrier();
        [[dont_unroll]] for (uint t = 0; t < STEP; t += 4) {
            vec4 weights[PER_LANE];
            [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
                weights[r] = staged[own_row(r) * WEIGHT_PITCH + (step + t) / 4];
            }
            [[unroll]] for (uint j = 0; j < 4; j++) {
                [[unroll]] for (uint w = 0; w < WIDE; w++) {
                    const uint i = x + w * ACROSS; // behind the row's end: any, what comes of it is not written
                    const vec4 other = staged[rows + (t + j) * QUADS + (QUADS % ACROSS == 0 ? i : min(i, QUADS - 1))];
                    [[unroll]] for (uint r = 0; r < PER_LANE; r++) {
                        sums[first + r * WIDE + w] = fma(vec4(weights[r][j]), other, sums[first + r * WIDE + w]);
                    }
                }
            }
        }
    }
}

// Over the invocations that share own row r, after all of them have set their parts and met a barrier.
float sum_of_parts(uint r)
{
    float sum = 0.0;
    [[unroll]] for (uint i = 0; i < ACROSS; i++) {
        sum += parts[own_row(r) * ACROSS + i];
    }
    return sum;
}

float largest_of_parts(uint r)
{
    float largest = NEVER;
    [[unroll]] for (uint i = 0; i < ACROSS; i++) {
        largest = max(largest, parts[own_row(r) * ACROSS + i]);
    }
    return largest;
}

#endif
