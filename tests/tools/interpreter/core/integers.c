#include "tests/tools/interpreter/core/arithmetic.h"

#include "tests/tools/interpreter/core/half.h"

/* A component of a lane as 64 bits, extended as its kind says; floats as their f32's bits. */
static uint64_t read_component(uint8_t kind, const uint32_t *from, size_t component, size_t lane, size_t lanes)
{
    if (kind == KIND_64)
        return from[2 * component * lanes + lane] | (uint64_t)from[(2 * component + 1) * lanes + lane] << 32;
    const uint32_t word = from[component * lanes + lane];
    switch (kind) {
    case KIND_U16: return word & 0xffff;
    case KIND_S16: return (uint64_t)(int64_t)(int16_t)word;
    case KIND_U8: return word & 0xff;
    case KIND_S8: return (uint64_t)(int64_t)(int8_t)word;
    case KIND_F16: return bits_of(f16_to_float(word));
    case KIND_BF16: return bits_of(bf16_to_float(word));
    default: return word;
    }
}

static void write_component(uint8_t kind, uint32_t *to, size_t component, size_t lane, size_t lanes, uint64_t value)
{
    if (kind == KIND_64) {
        to[2 * component * lanes + lane]       = (uint32_t)value;
        to[(2 * component + 1) * lanes + lane] = (uint32_t)(value >> 32);
        return;
    }
    uint32_t word = (uint32_t)value;
    switch (kind) {
    case KIND_U16: word &= 0xffff; break;
    case KIND_S16: word = (uint32_t)(int32_t)(int16_t)word; break;
    case KIND_U8: word &= 0xff; break;
    case KIND_S8: word = (uint32_t)(int32_t)(int8_t)word; break;
    case KIND_F16: word = float_to_f16(float_of(word)); break;
    case KIND_BF16: word = float_to_bf16(float_of(word)); break;
    default: break;
    }
    to[component * lanes + lane] = word;
}

static uint32_t width(uint8_t kind)
{
    return kind == KIND_64 ? 64 : kind == KIND_32 ? 32 : kind == KIND_U8 || kind == KIND_S8 ? 8 : 16;
}

static uint64_t extend(uint64_t x, uint32_t bits)
{
    return bits == 64 ? x : (uint64_t)((int64_t)(x << (64 - bits)) >> (64 - bits));
}

static uint64_t from_float(float x, bool is_signed)
{
    if (!(x == x))
        return 0;
    if (is_signed)
        return x >= 0x1p63f ? INT64_MAX : x <= -0x1p63f ? (uint64_t)INT64_MIN : (uint64_t)(int64_t)x;
    return x >= 0x1p64f ? UINT64_MAX : x > 0 ? (uint64_t)x : 0;
}

static uint64_t compute(const Op *op, uint64_t a, uint64_t b, uint64_t c)
{
    const uint32_t bits = width(op->kind), shift = (uint32_t)b & (bits - 1);
    const uint64_t mask = bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1, ua = a & mask, ub = b & mask;
    const int64_t  sa = (int64_t)extend(a, bits), sb = (int64_t)extend(b, bits);
    switch (op->code) {
    case OpConvertFToU: return from_float(float_of((uint32_t)a), false);
    case OpConvertFToS: return from_float(float_of((uint32_t)a), true);
    case OpConvertSToF: return bits_of((float)sa);
    case OpConvertUToF: return bits_of((float)ua);
    case OpUConvert: return ua;
    case OpSConvert: return (uint64_t)sa;
    case OpFConvert: return a;
    case OpSNegate: return 0 - a;
    case OpIAdd: return a + b;
    case OpISub: return a - b;
    case OpIMul: return a * b;
    case OpUDiv: return ub ? ua / ub : mask;
    case OpUMod: return ub ? ua % ub : mask;
    case OpSDiv: return sb && sb != -1 ? (uint64_t)(sa / sb) : 0 - a;
    case OpSRem: return sb && sb != -1 ? (uint64_t)(sa % sb) : 0;
    case OpSMod: return sb && sb != -1 ? (uint64_t)(sa % sb + (sa % sb != 0 && (sa % sb < 0) != (sb < 0) ? sb : 0)) : 0;
    case OpIEqual: return ua == ub;
    case OpINotEqual: return ua != ub;
    case OpUGreaterThan: return ua > ub;
    case OpSGreaterThan: return sa > sb;
    case OpUGreaterThanEqual: return ua >= ub;
    case OpSGreaterThanEqual: return sa >= sb;
    case OpULessThan: return ua < ub;
    case OpSLessThan: return sa < sb;
    case OpULessThanEqual: return ua <= ub;
    case OpSLessThanEqual: return sa <= sb;
    case OpShiftRightLogical: return ua >> shift;
    case OpShiftRightArithmetic: return (uint64_t)(sa >> shift);
    case OpShiftLeftLogical: return a << shift;
    case OpBitwiseOr: return a | b;
    case OpBitwiseXor: return a ^ b;
    case OpBitwiseAnd: return a & b;
    case OpNot: return ~a;
    case OpBitCount: return (uint64_t)__builtin_popcountll(ua);
    case GlslUMin: return ua < ub ? ua : ub;
    case GlslSMin: return (uint64_t)(sa < sb ? sa : sb);
    case GlslUMax: return ua > ub ? ua : ub;
    case GlslSMax: return (uint64_t)(sa > sb ? sa : sb);
    case GlslUClamp: return ua < ub ? ub : ua > (c & mask) ? c : ua;
    default: return 0;
    }
}

void arithmetic_integers(const Op *op, uint32_t *out, const uint32_t *a, const uint32_t *b, const uint32_t *c,
                         size_t lanes)
{
    const bool    truth      = op->code >= OpIEqual && op->code <= OpSLessThanEqual;
    const bool    shift      = op->code >= OpShiftRightLogical && op->code <= OpShiftLeftLogical;
    const bool    converts   = op->code >= OpConvertFToU && op->code <= OpFConvert;
    const uint8_t to         = truth ? KIND_32 : op->to;
    const size_t  components = to == KIND_64 ? op->words / 2 : op->words;
    for (size_t component = 0; component < components; component++)
        for (size_t lane = 0; lane < lanes; lane++) {
            const uint64_t x = read_component(op->kind, a, component, lane, lanes);
            uint64_t       y = 0, z = 0;
            if (!converts) {
                y = read_component(shift ? (uint8_t)op->c : op->kind, b, component, lane, lanes);
                z = read_component(op->kind, c, component, lane, lanes);
            }
            write_component(to, out, component, lane, lanes, compute(op, x, y, z));
        }
}
