// Rows taken four floats at a time. A unit is a quad where everything is a
// multiple of four floats (UNIT 4), else a single float in x with zeros behind
// (UNIT 1): the arithmetic on vec4 is the same. Widths, strides and indices are
// counted in units. TEXELS: read through texel buffers (engine/ops/texels.h).
//
// A buffer is declared as floats and as quads at one binding, and as texels at
// another.
#ifndef UNITS_GLSL
#define UNITS_GLSL

layout(constant_id = 1) const uint UNIT = 4;
layout(constant_id = 2) const bool TEXELS = false;

#define LOAD(texels, quads, floats, at)                                                                                \
    (TEXELS ? texelFetch(texels, int(at)) : UNIT == 4 ? quads[at] : vec4(floats[at], 0.0, 0.0, 0.0))

#define STORE(quads, floats, at, value)                                                                                \
    if (UNIT == 4) {                                                                                                   \
        quads[at] = value;                                                                                             \
    } else {                                                                                                           \
        floats[at] = (value).x;                                                                                        \
    }

// The same into halves of a type (rounding.glsl), if that is not f32; then UNIT is 4.
#define STORE_AS(type, pairs, quads, floats, at, value)                                                                \
    if (type != COMPUTE_F32) {                                                                                         \
        pairs[at] = uvec2(compute_bits(type, (value).x) | compute_bits(type, (value).y) << 16,                         \
                          compute_bits(type, (value).z) | compute_bits(type, (value).w) << 16);                        \
    } else                                                                                                             \
        STORE(quads, floats, at, value)

#endif
