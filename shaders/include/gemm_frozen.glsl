// The B of gemm_coopmat.glsl as a frozen weight of n rows (NT) or k rows (NN), in a format other than the one that is
// multiplied. A step's words are carried as they are stored, and dequantized and rounded on their way into shared
// memory. The host sets B_HALVES: a chunk of eight is no more than a vector of words. Rows are whole blocks, so that chunks
// are whole vectors wherever they end.
#ifndef GEMM_FROZEN_GLSL
#define GEMM_FROZEN_GLSL

#define WEIGHT_FORMAT_ID 12
#define WEIGHT_BINDING 2 // as B
#define WEIGHT_SCALES_BINDING 5
#include "weights.glsl"
layout(std430, binding = 2) readonly buffer BPairs { uvec2 b2[]; };

float b_scales[B_CARRIED];
uint b_scale_rows[B_CARRIED]; // where the scales of each chunk's row start, as b_places

const uint CHUNK_WORDS = WEIGHT_FORMAT == INT4 ? 1 : WEIGHT_FORMAT == INT8 ? 2 : 4;

// Row and column of the i-th chunk, or at the weight's edge; `inside` is how many of both there are.
uvec2 frozen_at(uint i, uvec2 from, uvec2 inside)
{
    return min(element_at(false, i, from), uvec2(inside.x - 1, (inside.y - 1) / CHUNK * CHUNK));
}

uint frozen_place(uvec2 at)
{
    return at.x * ldb + at.y / CHUNK * CHUNK_WORDS;
}

uint frozen_scale_words() // of a row, two blocks of 32 each
{
    return ((LAYOUT == NT ? k : n) + 63) / 64;
}

void find_places_frozen(uvec2 from, uvec2 inside)
{
    [[unroll]] for (uint i = 0; i < B_CARRIED; i++) {
        const uvec2 at = frozen_at(i, from, inside);
        b_places[i] = frozen_place(at);
        b_scale_rows[i] = at.x * frozen_scale_words();
    }
}

// As fetch(): chunks of a step that starts at row and column `from`.
void fetch_frozen(bool whole, uvec2 from, uvec2 inside)
{
    const uvec2 step = LAYOUT == NT ? uvec2(0, from.y) : uvec2(from.x, 0); // that of the tile is among the places already
    [[unroll]] for (uint i = 0; i < B_CARRIED; i++) {
        const uvec2 at = frozen_at(i, from, inside);
        uint place = frozen_place(step) + b_places[i], scales = step.x * frozen_scale_words() + b_scale_rows[i];
        if (!TURNED || !whole) {
            place = frozen_place(at);
            scales = at.x * frozen_scale_words();
        }
        b_scales[i] = weight_scale(scales, at.y / 4);
        if (WEIGHT_FORMAT == INT4) {
            b_carried[i].x = b[place];
        } else if (WEIGHT_FORMAT == INT8) {
            b_carried[i].xy = b2[place / 2];
        } else {
            b_carried[i] = b4[place / 4];
        }
    }
}

void clear_frozen(uint i, bool there)
{
    b_scales[i] = there ? b_scales[i] : 0.0;
    if (WEIGHT_FORMAT < INT8) {
        b_carried[i] = there ? b_carried[i] : uvec4(0);
    }
}

void floats_of_frozen(uint i, out vec4 low, out vec4 high)
{
    const uvec4 words = b_carried[i];
    if (WEIGHT_FORMAT == INT4) {
        low = weight_unpack(words.x, 0, b_scales[i]);
        high = weight_unpack(words.x, 1, b_scales[i]);
    } else if (WEIGHT_FORMAT == INT8) {
        low = weight_unpack(words.x, 0, b_scales[i]);
        high = weight_unpack(words.y, 1, b_scales[i]);
    } else {
        low = vec4(weight_unpack(words.x, 0, 1.0).xy, weight_unpack(words.y, 0, 1.0).xy);
        high = vec4(weight_unpack(words.z, 1, 1.0).xy, weight_unpack(words.w, 1, 1.0).xy);
    }
}

#endif
