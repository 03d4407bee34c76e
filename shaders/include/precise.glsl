// exp, log and long sums to a few units in the last place on every device. Vulkan allows the
// built-in ones 3 + 2|x| units and an absolute error of 2^-21 near 1: too coarse
// for a log-probability or a probability ratio, of which there is one per token.
// (Per vocabulary entry the built-in exp is used.)
#ifndef PRECISE_GLSL
#define PRECISE_GLSL

// By the bits: isnan() may be assumed away by a compiler.
bool is_finite(float x) { return (floatBitsToUint(x) & 0x7F800000u) != 0x7F800000u; }

// total.x += value with the rounding error kept in total.y (Kahan 1965): an invocation
// may add up tens of thousands of terms of one sign, where a plain f32 sum loses 1e-3.
void compensated_add(inout vec2 total, float value)
{
    precise float term = value - total.y;
    precise float sum = total.x + term;
    precise float lost = (sum - total.x) - term;
    total = vec2(sum, lost);
}

// log(x), x > 0 and normal (NaN and infinity come back as they are). x = m 2^k, m in [sqrt(1/2), sqrt(2));
// log m = 2 atanh(s), s = (m - 1) / (m + 1), |s| < 0.1716, series to s^9.
float precise_log(float x)
{
    uint  bits = floatBitsToUint(x) - 0x3F3504F3u; // 0x3F3504F3: sqrt(1/2)
    float k = float(int(bits) >> 23);
    float m = uintBitsToFloat((bits & 0x007FFFFFu) + 0x3F3504F3u);
    float s = (m - 1.0) / (m + 1.0);
    float q = s * s;
    float tail = q * (0.66666667 + q * (0.4 + q * (0.28571429 + q * 0.22222222)));
    float value = (2.0 * s + s * tail) + k * -1.90465421e-09 + k * 0.693147182464599609375;
    return is_finite(x) ? value : x;
}

// exp(x); 0 below -87, at most e^88.7 (finite); NaN stays NaN.
// x = k log 2 + r, |r| <= log(2)/2, Taylor series to r^7.
float precise_exp(float x)
{
    float clamped = clamp(x, -87.0, 88.7);
    float k = floor(clamped * 1.44269504 + 0.5);
    float r = (clamped - k * 0.693145751953125) - k * 1.42860682e-06; // log 2 in two parts
    float p = 1.98412698e-4;
    p = p * r + 1.38888889e-3;
    p = p * r + 8.33333333e-3;
    p = p * r + 4.16666667e-2;
    p = p * r + 1.66666667e-1;
    p = p * r + 0.5;
    float value = 1.0 + (r + r * r * p);
    int   half_k = int(k) / 2; // 2^k in two factors: k = 128 alone would overflow
    value *= uintBitsToFloat(uint(half_k + 127) << 23) * uintBitsToFloat(uint(int(k) - half_k + 127) << 23);
    bool is_nan = (floatBitsToUint(x) & 0x7FFFFFFFu) > 0x7F800000u;
    return is_nan ? x : (x < -87.0 ? 0.0 : value);
}

#endif
