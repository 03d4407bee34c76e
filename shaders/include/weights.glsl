// Frozen weights in the formats of engine/io/quantize.h: a matrix [rows, columns] of uint words and bf16 scales.
// The including shader defines WEIGHT_FORMAT_ID, the id of the specialization constant, and WEIGHT_BINDING, the
// first of two bindings; the scales' may be another one, WEIGHT_SCALES_BINDING. Everything is done four neighbours of a
// row at a time, a quad. With WEIGHT_VECTORS the words are read four at a time, of f32 too; with WEIGHT_TEXELS words and
// scales are texels, eight neighbours are read at a time, and rows of words and both bindings are whole texels.
#ifndef WEIGHTS_GLSL
#define WEIGHTS_GLSL

layout(constant_id = WEIGHT_FORMAT_ID) const uint WEIGHT_FORMAT = 4;
const uint F32 = 0, BF16 = 1, F16 = 2, INT8 = 3, INT4 = 4; // WeightFormat

#ifndef WEIGHT_SCALES_BINDING
#define WEIGHT_SCALES_BINDING WEIGHT_BINDING + 1
#endif
#ifdef WEIGHT_TEXELS
layout(binding = WEIGHT_BINDING) uniform textureBuffer weight_texels; // RGBA32F, of which the bits count
layout(binding = WEIGHT_SCALES_BINDING) uniform textureBuffer scale_texels;
uint scale_word(uint at) { return floatBitsToUint(texelFetch(scale_texels, int(at >> 2)))[at & 3u]; }
#else
#ifdef WEIGHT_VECTORS
layout(std430, binding = WEIGHT_BINDING) readonly buffer WeightVectors { uvec4 weight_vectors[]; };
#else
layout(std430, binding = WEIGHT_BINDING) readonly buffer WeightWords { uint weight_words[]; };
#endif
layout(std430, binding = WEIGHT_SCALES_BINDING) readonly buffer WeightScales { uint weight_scales[]; };
uint scale_word(uint at) { return weight_scales[at]; }
#endif

// The scale of a quad's block, `at` the word where the row's scales start.
float weight_scale(uint at, uint quad)
{
    if (WEIGHT_FORMAT < INT8) {
        return 1.0;
    }
    const uint two = scale_word(at + (quad >> 4));
    return uintBitsToFloat((quad & 8u) != 0 ? two & 0xffff0000u : two << 16);
}

// Of one word, the part that holds quad `quad` of a row (for bf16 and f16 the word holds half a quad, in .xy).
vec4 weight_unpack(uint word, uint quad, float scale)
{
    if (WEIGHT_FORMAT == BF16) {
        return vec4(uintBitsToFloat(word << 16), uintBitsToFloat(word & 0xffff0000u), 0.0, 0.0);
    }
    if (WEIGHT_FORMAT == F16) {
        return vec4(unpackHalf2x16(word), 0.0, 0.0);
    }
    if (WEIGHT_FORMAT == INT8) {
        const int bytes = int(word);
        return scale * vec4(float(bytes << 24 >> 24), float(bytes << 16 >> 24), float(bytes << 8 >> 24), float(bytes >> 24));
    }
    const uint four = (quad & 1u) != 0 ? word >> 16 : word;
    const vec4 q = vec4(float(four & 15u), float(four >> 4 & 15u), float(four >> 8 & 15u), float(four >> 12 & 15u)) - 8.0;
    return scale * (q * (120.0 + q * q));
}

#ifdef WEIGHT_TEXELS
// Columns 8 eighth to 8 eighth + 7 of the row whose texels start at `at` and scales at `scale_at`; not of f32.
void weight_eight(uint at, uint scale_at, uint eighth, out vec4 low, out vec4 high)
{
    const uint part = eighth & (WEIGHT_FORMAT == INT4 ? 3u : WEIGHT_FORMAT == INT8 ? 1u : 0u); // of the texel
    const uint texel = eighth >> (WEIGHT_FORMAT == INT4 ? 2 : WEIGHT_FORMAT == INT8 ? 1 : 0);
    const uvec4 words = floatBitsToUint(texelFetch(weight_texels, int(at + texel)));
    const float scale = weight_scale(scale_at, 2 * eighth);
    if (WEIGHT_FORMAT == INT4) {
        const uint word = words[part];
        low = weight_unpack(word, 0, scale);
        high = weight_unpack(word, 1, scale);
    } else if (WEIGHT_FORMAT == INT8) {
        low = weight_unpack(part != 0 ? words.z : words.x, 0, scale);
        high = weight_unpack(part != 0 ? words.w : words.y, 1, scale);
    } else {
        low = vec4(weight_unpack(words.x, 0, 1.0).xy, weight_unpack(words.y, 0, 1.0).xy);
        high = vec4(weight_unpack(words.z, 1, 1.0).xy, weight_unpack(words.w, 1, 1.0).xy);
    }
}
#elif defined(WEIGHT_VECTORS)
// Quad `quad` of the 1 (f32), 2 (bf16, f16), 4 (int8) or 8 (int4) that four words hold.
vec4 weight_vector_quad(uvec4 words, uint quad, float scale)
{
    if (WEIGHT_FORMAT == F32) {
        return uintBitsToFloat(words);
    }
    if (WEIGHT_FORMAT == INT8) {
        return weight_unpack(words[quad & 3u], quad, scale);
    }
    if (WEIGHT_FORMAT == INT4) {
        return weight_unpack(words[quad >> 1 & 3u], quad, scale);
    }
    return vec4(weight_unpack(words[2 * quad & 3u], quad, 1.0).xy, weight_unpack(words[2 * quad + 1 & 3u], quad, 1.0).xy);
}
#else
// Columns 4 quad to 4 quad + 3 of the row whose words start at `at` and scales at `scale_at`.
vec4 weight_quad(uint at, uint scale_at, uint quad)
{
    const float scale = weight_scale(scale_at, quad);
    if (WEIGHT_FORMAT == INT8) {
        return weight_unpack(weight_words[at + quad], quad, scale);
    }
    if (WEIGHT_FORMAT == INT4) {
        return weight_unpack(weight_words[at + (quad >> 1)], quad, scale);
    }
    return vec4(weight_unpack(weight_words[at + 2 * quad], quad, 1.0).xy,
                weight_unpack(weight_words[at + 2 * quad + 1], quad, 1.0).xy);
}
#endif

#endif
