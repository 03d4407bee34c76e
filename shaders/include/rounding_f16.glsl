// Numbers rounded to f16, for shaders that have the type. Where the device promises that its own conversion
// rounds as f16_bits does, the host makes it so and sets DEVICE_ROUNDS (engine/vk/float_controls.c); only NaN may get
// other bits then.
#ifndef ROUNDING_F16_GLSL
#define ROUNDING_F16_GLSL

#include "rounding.glsl"

layout(constant_id = 100) const bool DEVICE_ROUNDS = false;

uint f16_pair(float low, float high)
{
    return DEVICE_ROUNDS ? packFloat2x16(f16vec2(low, high)) : f16_bits(low) | f16_bits(high) << 16;
}

float16_t f16_rounded(float x) { return float16_t(DEVICE_ROUNDS ? x : f16_value(f16_bits(x))); }

#endif
