#include "tests/tools/interpreter/core/matrices.h"

#include "tests/tools/interpreter/core/arithmetic.h"
#include "tests/tools/interpreter/core/decode.h"
#include "tests/tools/interpreter/core/half.h"

#include <string.h>

float matrix_element(Kind kind, bool is_float, uint32_t bits)
{
    if (!is_float)
        return float_of(bits);
    return kind == KIND_F16 ? f16_to_float(bits) : kind == KIND_BF16 ? bf16_to_float(bits) : float_of(bits);
}

uint32_t matrix_bits(Kind kind, bool is_float, float element)
{
    if (!is_float)
        return bits_of(element);
    return kind == KIND_F16 ? float_to_f16(element) : kind == KIND_BF16 ? float_to_bf16(element) : bits_of(element);
}

bool matrix_is_float(const Module *module, const Type *type)
{
    const TypeKind kind = decode_scalar(module, type)->kind;
    return kind == TYPE_FLOAT || kind == TYPE_BFLOAT;
}

float matrix_rounded(const Module *module, const Type *type, float element)
{
    const Kind kind = decode_kind(module, type);
    return matrix_element(kind, matrix_is_float(module, type),
                          matrix_bits(kind, matrix_is_float(module, type), element));
}

uint32_t matrix_component_bytes(const Module *module, const Type *type)
{
    return (uint32_t)decode_scalar(module, type)->bytes;
}

int64_t matrix_party(const Run *run, uint32_t id, uint32_t party, const uint32_t *mask)
{
    const uint32_t first = party * run->party, present = run->now->present;
    uint32_t       active = 0;
    for (uint32_t lane = first; lane < first + run->party; lane++)
        active += mask[lane] != 0;
    if (active == 0)
        return -1;
    const uint32_t all = run->module->whole ? present : run->party;
    if (active == all)
        return first;
    run_fault(run, id, UINT32_MAX, "a matrix's instruction that %u of %u lanes of its scope reach together", active,
              all);
    return -2;
}

bool matrix_uniform(const Run *run, uint32_t id, uint32_t slot, uint32_t words, uint32_t first, const char *what)
{
    for (uint32_t word = 0; word < words; word++) {
        const uint32_t *value = registers_at(run, slot + word);
        for (uint32_t lane = first; lane < first + run->party && lane < run->now->present; lane++)
            if (value[lane] != value[first])
                return run_fault(run, id, lane, "%s is not the same in all lanes of a matrix", what);
    }
    return true;
}

bool matrix_move(Run *run, uint32_t id, uint32_t out, uint32_t in, uint32_t words, const uint32_t *mask)
{
    for (uint32_t party = 0; party < run->lanes / run->party; party++) {
        const int64_t first = matrix_party(run, id, party, mask);
        if (first == -2)
            return false;
        if (first >= 0)
            memmove(matrix_at(run, party, out), matrix_at(run, party, in), words * sizeof(float));
    }
    return true;
}

bool matrix_read(Run *run, const Op *op, const Type *type, const Region *region, uint64_t offset, float *element)
{
    const uint32_t bytes = matrix_component_bytes(run->module, type);
    uint32_t       bits  = 0;
    if (!memory_touch(run, op, region, UINT32_MAX, offset, bytes, TOUCH_READ))
        return false;
    memcpy(&bits, region->data + offset, bytes < 4 ? bytes : 4);
    *element = matrix_element(decode_kind(run->module, type), matrix_is_float(run->module, type), bits);
    return true;
}

bool matrix_write(Run *run, const Op *op, const Type *type, const Region *region, uint64_t offset, float element)
{
    const uint32_t bytes = matrix_component_bytes(run->module, type);
    const uint32_t bits  = matrix_bits(decode_kind(run->module, type), matrix_is_float(run->module, type), element);
    if (!memory_touch(run, op, region, UINT32_MAX, offset, bytes, TOUCH_WRITE))
        return false;
    memcpy(region->data + offset, &bits, bytes < 4 ? bytes : 4);
    return true;
}

/* Rows, or columns, `stride` of what the pointer points to apart. Pointer and stride must be multiples of 16 bytes or
 * of a row where that is less (VUID-RuntimeSpirv-OpCooperativeMatrixLoadKHR-08986). */
static bool transfer(Run *run, const Op *op, uint32_t party, uint32_t first, bool store)
{
    const uint32_t *extra  = &run->program->extra.at[op->extra];
    const Access   *access = &run->program->accesses.at[extra[0]];
    const Type     *type   = module_type(run->module, extra[3]);
    const uint32_t  bytes = matrix_component_bytes(run->module, type), lines = extra[1] ? type->columns : type->rows;
    const uint32_t  along = extra[1] ? type->rows : type->columns, line = along * bytes, align = line < 16 ? line : 16;
    Region          region;
    uint64_t        offset;
    if (access->dynamic != NOWHERE &&
        !matrix_uniform(run, op->id, access->dynamic, access->space == SPACE_ADDRESS ? 2 : 1, first, "the pointer"))
        return false;
    if (extra[2] != NOWHERE && !matrix_uniform(run, op->id, extra[2], 1, first, "the stride"))
        return false;
    if (!memory_region(run, op, access, first, &region, &offset))
        return false;
    const uint64_t stride = extra[2] == NOWHERE ? 0 : registers_at(run, extra[2])[first];
    const uint64_t step   = stride * module_type(run->module, access->type)->bytes;
    const uint64_t at     = (region.memory ? region.memory->address : 0) + region.origin + offset;
    if (at % align != 0 || step % align != 0)
        return run_fault(run, op->id, UINT32_MAX, "pointer (0x%llx) or stride (%llu bytes) no multiple of %u",
                         (unsigned long long)at, (unsigned long long)step, align);
    if (store && step == 0)
        return run_fault(run, op->id, UINT32_MAX, "a matrix is stored with a stride of 0");
    float *element = matrix_at(run, party, store ? op->a : op->out);
    for (uint32_t i = 0; i < lines; i++)
        for (uint32_t j = 0; j < along; j++) {
            float         *one   = &element[extra[1] ? (size_t)j * type->columns + i : (size_t)i * type->columns + j];
            const uint64_t where = offset + i * step + (uint64_t)j * bytes;
            if (store ? !matrix_write(run, op, type, &region, where, *one)
                      : !matrix_read(run, op, type, &region, where, one))
                return false;
        }
    return true;
}

static int64_t extended(const Run *run, const Type *type, bool is_signed, float element)
{
    const uint32_t bits = decode_scalar(run->module, type)->bits, raw = bits_of(element);
    if (bits >= 32)
        return is_signed ? (int64_t)(int32_t)raw : (int64_t)raw;
    return is_signed ? (int64_t)((int32_t)(raw << (32 - bits)) >> (32 - bits)) : (int64_t)(raw & ((1u << bits) - 1));
}

static bool multiply_add(Run *run, const Op *op, uint32_t party)
{
    const uint32_t *extra = &run->program->extra.at[op->extra];
    const Type     *of_a = module_type(run->module, extra[0]), *of_b = module_type(run->module, extra[1]);
    const Type     *of_c = module_type(run->module, extra[2]), *type = module_type(run->module, extra[3]);
    const float    *a = matrix_at(run, party, op->a), *b = matrix_at(run, party, op->b),
                *c     = matrix_at(run, party, extra[5]);
    float         *out = matrix_at(run, party, op->out);
    const uint32_t n = type->columns, depth = of_a->columns;
    const bool     floats = matrix_is_float(run->module, type), round = decode_kind(run->module, type) != KIND_32;
    if (of_a->rows != type->rows || of_b->rows != depth || of_b->columns != n || of_c->words != type->words)
        return run_fault(run, op->id, UINT32_MAX, "a product of matrices that do not fit");
    for (uint32_t i = 0; i < type->rows; i++) {
        float *row = &out[(size_t)i * n];
        memmove(row, &c[(size_t)i * n], n * sizeof *row);
        for (uint32_t k = 0; k < depth && floats; k++) {
            const float  x = a[(size_t)i * depth + k];
            const float *y = &b[(size_t)k * n];
            for (uint32_t j = 0; j < n; j++)
                row[j] += x * y[j];
        }
        for (uint32_t j = 0; j < n && !floats; j++) {
            int64_t sum = extended(run, of_c, extra[4] & 4, row[j]);
            for (uint32_t k = 0; k < depth; k++)
                sum += extended(run, of_a, extra[4] & 1, a[(size_t)i * depth + k]) *
                       extended(run, of_b, extra[4] & 2, b[(size_t)k * n + j]);
            row[j] = float_of((uint32_t)sum);
        }
        for (uint32_t j = 0; j < n && floats && round; j++)
            row[j] = matrix_rounded(run->module, type, row[j]);
    }
    return true;
}

/* Each element alone; a scalar operand is the same for all. */
static bool elementwise(Run *run, const Op *op, uint32_t party, uint32_t first, uint32_t code)
{
    const uint32_t *extra = &run->program->extra.at[op->extra];
    const Type     *type = module_type(run->module, extra[0]), *from = module_type(run->module, extra[1]);
    const float    *a = matrix_at(run, party, op->a), *b = matrix_at(run, party, op->b);
    float          *out    = matrix_at(run, party, op->out);
    const bool      floats = matrix_is_float(run->module, type), was = matrix_is_float(run->module, from);
    if (type->words != from->words)
        return run_fault(run, op->id, UINT32_MAX, "matrices of different sizes");
    if (code == OpMatrixTimesScalar) {
        const float by = matrix_element(decode_kind(run->module, type), floats, registers_at(run, op->b)[first]);
        for (uint32_t i = 0; i < type->words; i++)
            out[i] = matrix_rounded(run->module, type, a[i] * by);
        return matrix_uniform(run, op->id, op->b, 1, first, "the scalar");
    }
    const Op step = {.code  = (uint16_t)code,
                     .kind  = was ? KIND_32 : (uint8_t)decode_kind(run->module, from),
                     .to    = floats ? KIND_32 : (uint8_t)decode_kind(run->module, type),
                     .words = type->words};
    if (code == OpCopyObject || code == OpCooperativeMatrixConvertNV || code == OpFConvert || code == OpBitcast)
        memmove(out, a, type->words * sizeof *out);
    else
        arithmetic(&step, (uint32_t *)(void *)out, (const uint32_t *)(const void *)a, (const uint32_t *)(const void *)b,
                   (const uint32_t *)(const void *)b, 1);
    if (floats && decode_kind(run->module, type) != KIND_32)
        for (uint32_t i = 0; i < type->words; i++)
            out[i] = matrix_rounded(run->module, type, out[i]);
    return true;
}

/* The element that a lane knows by an index: the device's choice, which a shader must not rely on. */
static uint32_t dealt(const Run *run, const Type *type, uint32_t lane, uint32_t index)
{
    const uint32_t within = lane % run->party, each = (type->words + run->party - 1) / run->party;
    switch (run->dispatch->variant % 3) {
    case 0: return index * run->party + within;
    case 1: return within * each + index;
    default: return index * run->party + (run->party - 1 - within);
    }
}

static bool scalar_element(Run *run, const Op *op, const Type *type, uint32_t lane, uint32_t index, float *matrix,
                           uint32_t *value, bool store)
{
    const uint32_t each = (type->words + run->party - 1) / run->party, at = dealt(run, type, lane, index);
    const Kind     kind   = decode_kind(run->module, type);
    const bool     floats = matrix_is_float(run->module, type);
    if (index >= each)
        return run_fault(run, op->id, lane, "element %u of a matrix of which a lane has %u", index, each);
    if (at >= type->words)
        return true;
    if (store)
        matrix[at] = matrix_element(kind, floats, *value);
    else
        *value = matrix_bits(kind, floats, matrix[at]);
    return true;
}

bool matrix_access(Run *run, const Op *op, bool store)
{
    const Access  *access = &run->program->accesses.at[op->extra];
    const Type    *type   = module_type(run->module, access->type);
    const uint32_t words  = access->element == NOWHERE ? access->words : type->words;
    for (uint32_t party = 0; party < run->lanes / run->party; party++) {
        const bool    alone = access->element != NOWHERE; /* which lanes may do without the others */
        const int64_t first = alone ? (int64_t)party * run->party : matrix_party(run, op->id, party, run->frame->mask);
        if (first == -2)
            return false;
        for (uint32_t lane = (uint32_t)first; first >= 0 && lane < first + run->party; lane++) {
            if (!is_active(run, lane))
                continue;
            const uint64_t by =
                access->constant + (access->dynamic == NOWHERE ? 0 : registers_at(run, access->dynamic)[lane]);
            if (by > access->bytes || words > access->bytes - by)
                return run_fault(run, op->id, lane, "outside: variable %%%u, element %llu of %u", access->variable,
                                 (unsigned long long)by, access->bytes);
            float *variable = matrix_at(run, party, access->base + (uint32_t)by);
            if (alone) {
                if (!scalar_element(run, op, type, lane, registers_at(run, access->element)[lane], variable,
                                    &registers_at(run, store ? op->a : op->out)[lane], store))
                    return false;
                continue;
            }
            if (access->dynamic != NOWHERE &&
                !matrix_uniform(run, op->id, access->dynamic, 1, lane, "the index of a matrix"))
                return false;
            float *value = matrix_at(run, party, store ? op->a : op->out);
            memmove(store ? variable : value, store ? value : variable, words * sizeof *value);
            break;
        }
    }
    return true;
}

static bool construct(Run *run, const Op *op, uint32_t party, uint32_t first)
{
    const Type *type = module_type(run->module, run->program->extra.at[op->extra]);
    const float x    = matrix_element(decode_kind(run->module, type), matrix_is_float(run->module, type),
                                      registers_at(run, op->a)[first]);
    float      *out  = matrix_at(run, party, op->out);
    for (uint32_t i = 0; i < type->words; i++)
        out[i] = x;
    return matrix_uniform(run, op->id, op->a, 1, first, "what a matrix is filled with");
}

static void transpose(Run *run, const Op *op, uint32_t party)
{
    const uint32_t *extra = &run->program->extra.at[op->extra];
    const Type     *type  = module_type(run->module, extra[0]);
    const float    *in    = matrix_at(run, party, op->a);
    float          *out   = matrix_at(run, party, op->out);
    for (uint32_t i = 0; i < type->rows; i++)
        for (uint32_t j = 0; j < type->columns; j++)
            out[(size_t)i * type->columns + j] = matrix_rounded(run->module, type, in[(size_t)j * type->rows + i]);
}

/* What lanes do each for itself: how many elements they have, one of them out of a value, a value with one changed. */
static bool by_lane(Run *run, const Op *op)
{
    const uint32_t *extra = &run->program->extra.at[op->extra];
    const Type     *type  = module_type(run->module, extra[0]);
    if (op->c == OpCompositeInsert && !matrix_move(run, op->id, op->out, op->a, type->words, run->frame->mask))
        return false;
    for (uint32_t lane = 0; lane < run->lanes; lane++) {
        if (!is_active(run, lane))
            continue;
        if (op->c == OpCooperativeMatrixLengthKHR)
            registers_at(run, op->out)[lane] = (type->words + run->party - 1) / run->party;
        else if (!scalar_element(run, op, type, lane, extra[1],
                                 matrix_at(run, lane / run->party, op->c == OpCompositeInsert ? op->out : op->a),
                                 &registers_at(run, op->c == OpCompositeInsert ? op->b : op->out)[lane],
                                 op->c == OpCompositeInsert))
            return false;
    }
    return true;
}

static bool of_party(Run *run, const Op *op, uint32_t party, uint32_t first)
{
    switch (op->c) {
    case OpCooperativeMatrixLoadKHR: return transfer(run, op, party, first, false);
    case OpCooperativeMatrixStoreKHR: return transfer(run, op, party, first, true);
    case OpCompositeConstruct: return construct(run, op, party, first);
    case OpCooperativeMatrixTransposeNV: transpose(run, op, party); return true;
    case OpCooperativeMatrixReduceNV:
    case OpCooperativeMatrixPerElementOpNV:
    case OpCooperativeMatrixLoadTensorNV:
    case OpCooperativeMatrixStoreTensorNV: return tensor_operation(run, op, party, first);
    case OpCooperativeMatrixMulAddKHR: return multiply_add(run, op, party);
    default: return elementwise(run, op, party, first, op->c);
    }
}

bool matrix_operation(Run *run, const Op *op)
{
    if (op->c == OpCooperativeMatrixLengthKHR || op->c == OpCompositeExtract || op->c == OpCompositeInsert)
        return by_lane(run, op);
    if (op->c == OpCopyObject)
        return matrix_move(run, op->id, op->out, op->a, op->words, run->frame->mask);
    for (uint32_t party = 0; party < run->lanes / run->party; party++) {
        const int64_t first = matrix_party(run, op->id, party, run->frame->mask);
        if (first == -2)
            return false;
        if (first < 0)
            continue;
        run->collective = matrix_name(run, party);
        const bool done = of_party(run, op, party, (uint32_t)first);
        run->collective = -1;
        if (!done)
            return false;
    }
    return true;
}
