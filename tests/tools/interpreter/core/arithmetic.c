#include "tests/tools/interpreter/core/arithmetic.h"

#include "tests/tools/interpreter/core/half.h"

#include <math.h>

typedef float __attribute__((may_alias)) Real;
typedef int32_t __attribute__((may_alias)) Signed;

/* Loops that the compiler makes vectors of. */
#define EACH(...)                                                                                                      \
    do {                                                                                                               \
        _Pragma("GCC ivdep") for (size_t i = 0; i < n; i++)                                                            \
        {                                                                                                              \
            __VA_ARGS__;                                                                                               \
        }                                                                                                              \
    } while (0)
#define REAL(expression)                                                                                               \
    EACH(const float x = ((const Real *)a)[i], y = ((const Real *)b)[i]; (void)x, (void)y;                             \
         ((Real *)out)[i] = expression)
#define TRUTH(expression)                                                                                              \
    EACH(const float x = ((const Real *)a)[i], y = ((const Real *)b)[i]; (void)x, (void)y;                             \
         out[i] = (uint32_t)(expression))
#define WORD(expression) EACH(const uint32_t x = a[i], y = b[i]; (void)x, (void)y; out[i] = expression)
#define SIGNED(expression)                                                                                             \
    EACH(const int32_t x = ((const Signed *)a)[i], y = ((const Signed *)b)[i]; (void)x, (void)y;                       \
         out[i] = (uint32_t)(expression))
#define REAL3(expression)                                                                                              \
    EACH(const float x = ((const Real *)a)[i], y = ((const Real *)b)[i], z = ((const Real *)c)[i];                     \
         ((Real *)out)[i] = expression)

static inline float round_even(float x)
{
    const float size = fabsf(x);
    return size < 0x1p23f ? copysignf((size + 0x1p23f) - 0x1p23f, x) : x;
}

static inline uint32_t to_unsigned(float x)
{
    return x >= 0x1p32f ? UINT32_MAX : x > 0 ? (uint32_t)x : 0;
}

static inline uint32_t to_signed(float x)
{
    return x >= 0x1p31f ? INT32_MAX : x < -0x1p31f ? (uint32_t)INT32_MIN : x == x ? (uint32_t)(int32_t)x : 0;
}

static inline uint32_t reversed(uint32_t x)
{
    uint32_t y = 0;
    for (int i = 0; i < 32; i++)
        y |= (x >> i & 1) << (31 - i);
    return y;
}

static inline uint32_t field(uint32_t x, uint32_t at, uint32_t bits, bool extend)
{
    if (bits == 0 || at > 31)
        return 0;
    const uint32_t left = bits + at < 32 ? 32 - bits - at : 0;
    return extend ? (uint32_t)((int32_t)(x << left) >> (left + at)) : x << left >> (left + at);
}

static inline uint32_t highest(uint32_t x)
{
    return x ? 31 - (uint32_t)__builtin_clz(x) : UINT32_MAX;
}

static void functions(uint32_t code, uint32_t *out, const uint32_t *a, const uint32_t *b, const uint32_t *c, size_t n)
{
    switch (code) {
    case GlslRound:
    case GlslRoundEven: REAL(round_even(x)); break;
    case GlslTrunc: REAL(truncf(x)); break;
    case GlslFAbs: WORD(x & 0x7fffffff); break;
    case GlslSAbs: SIGNED(x < 0 ? 0u - (uint32_t)x : (uint32_t)x); break;
    case GlslFSign: REAL((float)((x > 0) - (x < 0))); break;
    case GlslSSign: SIGNED((x > 0) - (x < 0)); break;
    case GlslFloor: REAL(floorf(x)); break;
    case GlslCeil: REAL(ceilf(x)); break;
    case GlslFract: REAL(x - floorf(x)); break;
    case GlslSin: REAL(sinf(x)); break;
    case GlslCos: REAL(cosf(x)); break;
    case GlslTan: REAL(tanf(x)); break;
    case GlslTanh: REAL(tanhf(x)); break;
    case GlslPow: REAL(powf(x, y)); break;
    case GlslExp: REAL(expf(x)); break;
    case GlslLog: REAL(logf(x)); break;
    case GlslExp2: REAL(exp2f(x)); break;
    case GlslLog2: REAL(log2f(x)); break;
    case GlslSqrt: REAL(sqrtf(x)); break;
    case GlslInverseSqrt: REAL(1 / sqrtf(x)); break;
    case GlslFMin: REAL(y < x ? y : x); break;
    case GlslNMin: REAL(fminf(x, y)); break;
    case GlslUMin: WORD(y < x ? y : x); break;
    case GlslSMin: SIGNED(y < x ? y : x); break;
    case GlslFMax: REAL(x < y ? y : x); break;
    case GlslNMax: REAL(fmaxf(x, y)); break;
    case GlslUMax: WORD(x < y ? y : x); break;
    case GlslSMax: SIGNED(x < y ? y : x); break;
    case GlslStep: REAL(y < x ? 0.0f : 1.0f); break;
    case GlslFClamp:
    case GlslNClamp: REAL3((x < y ? y : x) > z ? z : (x < y ? y : x)); break;
    case GlslUClamp: EACH(const uint32_t x = a[i] < b[i] ? b[i] : a[i]; out[i] = x > c[i] ? c[i] : x); break;
    case GlslSClamp:
        EACH(const int32_t low = (int32_t)b[i]; const int32_t high = (int32_t)c[i];
             const int32_t x = (int32_t)a[i] < low ? low : (int32_t)a[i]; out[i] = (uint32_t)(x > high ? high : x));
        break;
    case GlslFMix: REAL3(x * (1 - z) + y * z); break;
    case GlslFma: REAL3(fmaf(x, y, z)); break;
    case GlslPackHalf2x16: REAL(float_of(float_to_f16(x) | float_to_f16(y) << 16)); break;
    case GlslUnpackHalf2x16: EACH(((Real *)out)[i] = f16_to_float(a[i] >> 16)); break;
    case GlslFindILsb: WORD(x ? (uint32_t)__builtin_ctz(x) : UINT32_MAX); break;
    case GlslFindSMsb: WORD(highest(x >> 31 ? ~x : x)); break;
    case GlslFindUMsb: WORD(highest(x)); break;
    default: break;
    }
}

static void compare_reals(uint32_t code, uint32_t *out, const uint32_t *a, const uint32_t *b, size_t n)
{
    switch (code) {
    case OpIsNan: TRUTH(x != x); break;
    case OpIsInf: TRUTH(fabsf(x) == INFINITY); break;
    case OpFOrdEqual: TRUTH(x == y); break;
    case OpFUnordEqual: TRUTH(!(x < y) & !(x > y)); break;
    case OpFOrdNotEqual: TRUTH((x < y) | (x > y)); break;
    case OpFUnordNotEqual: TRUTH(x != y); break;
    case OpFOrdLessThan: TRUTH(x < y); break;
    case OpFUnordLessThan: TRUTH(!(x >= y)); break;
    case OpFOrdGreaterThan: TRUTH(x > y); break;
    case OpFUnordGreaterThan: TRUTH(!(x <= y)); break;
    case OpFOrdLessThanEqual: TRUTH(x <= y); break;
    case OpFUnordLessThanEqual: TRUTH(!(x > y)); break;
    case OpFOrdGreaterThanEqual: TRUTH(x >= y); break;
    case OpFUnordGreaterThanEqual: TRUTH(!(x < y)); break;
    default: break;
    }
}

static void words(const Op *op, uint32_t *out, const uint32_t *a, const uint32_t *b, const uint32_t *c, size_t n)
{
    switch (op->code) {
    case OpConvertFToU: EACH(out[i] = to_unsigned(((const Real *)a)[i])); break;
    case OpConvertFToS: EACH(out[i] = to_signed(((const Real *)a)[i])); break;
    case OpConvertSToF: EACH(((Real *)out)[i] = (float)((const Signed *)a)[i]); break;
    case OpConvertUToF: EACH(((Real *)out)[i] = (float)a[i]); break;
    case OpFConvert:
    case OpUConvert:
    case OpSConvert: EACH(out[i] = a[i]); break;
    case OpQuantizeToF16: EACH(((Real *)out)[i] = f16_to_float(float_to_f16(((const Real *)a)[i]))); break;
    case OpSNegate: WORD(0 - x); break;
    case OpFNegate: WORD(x ^ 0x80000000u); break;
    case OpIAdd: WORD(x + y); break;
    case OpFAdd: REAL(x + y); break;
    case OpISub: WORD(x - y); break;
    case OpFSub: REAL(x - y); break;
    case OpIMul: WORD(x * y); break;
    case OpFMul: REAL(x * y); break;
    case OpUDiv: WORD(y ? x / y : UINT32_MAX); break;
    case OpSDiv: SIGNED(y && y != -1 ? (uint32_t)(x / y) : 0u - (uint32_t)x); break;
    case OpFDiv: REAL(x / y); break;
    case OpUMod: WORD(y ? x % y : UINT32_MAX); break;
    case OpSRem: SIGNED(y && y != -1 ? x % y : 0); break;
    case OpSMod: SIGNED(y && y != -1 ? (x % y != 0 && (x % y < 0) != (y < 0) ? x % y + y : x % y) : 0); break;
    case OpFRem: REAL(fmodf(x, y)); break;
    case OpFMod: REAL(x - y * floorf(x / y)); break;
    case DoMultiplyHigh:
        if (op->c)
            SIGNED((uint32_t)((uint64_t)((int64_t)x * y) >> 32));
        else
            WORD((uint32_t)((uint64_t)x * y >> 32));
        break;
    case OpLogicalEqual: WORD((uint32_t)(x == y)); break;
    case OpLogicalNotEqual: WORD((uint32_t)(x != y)); break;
    case OpLogicalOr: WORD(x | y); break;
    case OpLogicalAnd: WORD(x & y); break;
    case OpLogicalNot: WORD(x ^ 1); break;
    case OpSelect: EACH(const uint32_t yes = b[i]; const uint32_t no = c[i]; out[i] = a[i] ? yes : no); break;
    case OpIEqual: WORD((uint32_t)(x == y)); break;
    case OpINotEqual: WORD((uint32_t)(x != y)); break;
    case OpUGreaterThan: WORD((uint32_t)(x > y)); break;
    case OpSGreaterThan: SIGNED(x > y); break;
    case OpUGreaterThanEqual: WORD((uint32_t)(x >= y)); break;
    case OpSGreaterThanEqual: SIGNED(x >= y); break;
    case OpULessThan: WORD((uint32_t)(x < y)); break;
    case OpSLessThan: SIGNED(x < y); break;
    case OpULessThanEqual: WORD((uint32_t)(x <= y)); break;
    case OpSLessThanEqual: SIGNED(x <= y); break;
    case OpShiftRightLogical: WORD(x >> (y & 31)); break;
    case OpShiftRightArithmetic: SIGNED(x >> (y & 31)); break;
    case OpShiftLeftLogical: WORD(x << (y & 31)); break;
    case OpBitwiseOr: WORD(x | y); break;
    case OpBitwiseXor: WORD(x ^ y); break;
    case OpBitwiseAnd: WORD(x & y); break;
    case OpNot: WORD(~x); break;
    case OpBitFieldSExtract: EACH(out[i] = field(a[i], b[i], c[i], true)); break;
    case OpBitFieldUExtract: EACH(out[i] = field(a[i], b[i], c[i], false)); break;
    case OpBitReverse: WORD(reversed(x)); break;
    case OpBitCount: WORD((uint32_t)__builtin_popcount(x)); break;
    case OpBitcast: WORD((x & 0xffff) | y << 16); break;
    default:
        if (op->code >= GlslFirst)
            functions(op->code, out, a, b, c, n);
        else
            compare_reals(op->code, out, a, b, n);
        break;
    }
}

/* Floats of 16 bits are computed as f32 and rounded; of one operation's result that is the same as rounding once. */
static void halves(const Op *op, uint32_t *out, const uint32_t *a, const uint32_t *b, const uint32_t *c, size_t n)
{
    enum { CHUNK = 128 };
    float           x[3][CHUNK];
    uint32_t        y[CHUNK];
    const bool      brain_in = op->kind == KIND_BF16, brain_out = op->to == KIND_BF16;
    const uint32_t *in[3] = {a, b, c};
    const bool      bits  = op->kind != KIND_F16 && op->kind != KIND_BF16; /* operands are words already */
    for (size_t begin = 0; begin < n; begin += CHUNK) {
        const size_t count = n - begin < CHUNK ? n - begin : CHUNK;
        for (int k = 0; k < 3 && !bits; k++)
            for (size_t i = 0; i < count; i++)
                x[k][i] = brain_in ? bf16_to_float(in[k][begin + i]) : f16_to_float(in[k][begin + i]);
        if (bits)
            words(op, y, a + begin, b + begin, c + begin, count);
        else
            words(op, y, (const uint32_t *)(const void *)x[0], (const uint32_t *)(const void *)x[1],
                  (const uint32_t *)(const void *)x[2], count);
        if (op->to == KIND_F16 || op->to == KIND_BF16)
            for (size_t i = 0; i < count; i++)
                y[i] = brain_out ? float_to_bf16(float_of(y[i])) : float_to_f16(float_of(y[i]));
        memcpy(out + begin, y, count * sizeof *y);
    }
}

static bool is_half(uint8_t kind)
{
    return kind == KIND_F16 || kind == KIND_BF16;
}

void arithmetic(const Op *op, uint32_t *out, const uint32_t *a, const uint32_t *b, const uint32_t *c, size_t lanes)
{
    const size_t n = op->words * lanes;
    if (op->code == OpBitFieldUExtract && op->kind == KIND_U16) /* a half out of a word (OpBitcast) */
        for (size_t i = 0; i < n; i++)
            out[i] = a[i] >> op->c & 0xffff;
    else if (op->kind == KIND_32 && (op->to == KIND_32 || op->to == op->kind))
        words(op, out, a, b, c, n);
    else if (op->code == OpSelect)
        words(op, out, a, b, c, n);
    else if ((is_half(op->kind) && (is_half(op->to) || op->to == KIND_32)) || (is_half(op->to) && op->kind == KIND_32))
        halves(op, out, a, b, c, n);
    else
        arithmetic_integers(op, out, a, b, c, lanes);
}
