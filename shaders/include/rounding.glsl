// Numbers of 16 bits without any 16-bit feature of the device: to the nearest, ties to even, beyond the largest f16 to
// infinity, NaN to NaN, on every device to the same bits (packHalf2x16 may round towards zero, and flush what is
// denormal). Two of them lie in a word, the first one low.
#ifndef ROUNDING_GLSL
#define ROUNDING_GLSL

const uint COMPUTE_F32 = 0, COMPUTE_BF16 = 1, COMPUTE_F16 = 2; // ComputeType

uint bf16_bits(float x)
{
    const uint bits = floatBitsToUint(x);
    const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
    return (is_nan ? bits | 0x00400000u : bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
}

uint f16_bits(float x)
{
    const uint bits = floatBitsToUint(x), size = bits & 0x7fffffffu;
    const uint normal = min(((size + 0xfffu + ((size >> 13) & 1u)) >> 13) - 0x1c000u, 0x7c00u);
    const uint small = uint(roundEven(uintBitsToFloat(min(size, 0x38800000u)) * 16777216.0)); // below 2^-14: of 2^-24
    const uint rounded = size > 0x7f800000u ? 0x7e00u : size < 0x38800000u ? small : normal;
    return (bits >> 16 & 0x8000u) | rounded;
}

uint bf16_pair(float low, float high) { return bf16_bits(low) | bf16_bits(high) << 16; }

// The same of numbers that are not NaN, in half as many operations.
uint bf16_pair_of_numbers(float low, float high)
{
    const uint l = floatBitsToUint(low), h = floatBitsToUint(high);
    return (l + 0x7fffu + (l >> 16 & 1u)) >> 16 | (h + 0x7fffu + (h >> 16 & 1u) & 0xffff0000u);
}

float bf16_value(uint bits) { return uintBitsToFloat(bits << 16); }

float f16_value(uint bits)
{
    const uint size = bits & 0x7fffu;
    const uint normal = (size << 13) + 0x38000000u, beyond = 0x7f800000u | (size & 0x3ffu) << 13;
    const uint small = floatBitsToUint(float(size) * 5.9604644775390625e-8); // 2^-24
    return uintBitsToFloat((bits & 0x8000u) << 16 | (size < 0x400u ? small : size < 0x7c00u ? normal : beyond));
}

uint compute_bits(uint compute, float x) { return compute == COMPUTE_BF16 ? bf16_bits(x) : f16_bits(x); }
float compute_value(uint compute, uint bits) { return compute == COMPUTE_BF16 ? bf16_value(bits) : f16_value(bits); }

// The element of a word that is `index` of a row of halves.
uint half_of(uint word, uint index) { return (index & 1u) != 0u ? word >> 16 : word & 0xffffu; }

// The nearest number of the compute type.
float compute_rounded(uint compute, float x)
{
    return compute == COMPUTE_F32 ? x : compute_value(compute, compute_bits(compute, x));
}

#endif
