/* Cooperative matrices through tensor layouts and views (SPV_NV_cooperative_matrix2, SPV_NV_tensor_addressing), and
 * functions of their elements. The addressing follows the functions of the same names in the specification.
 */
#include "tests/tools/interpreter/core/decode.h"
#include "tests/tools/interpreter/core/matrices.h"

#include <string.h>

enum { ALIGN = 16 /* of the pointer, bytes */ };
enum { CLAMP_UNDEFINED, CLAMP_CONSTANT, CLAMP_EDGE, CLAMP_REPEAT, CLAMP_MIRROR };

typedef struct Layout {
    uint32_t dims, clamp, value;
    uint32_t block[TENSOR_DIMS], dimension[TENSOR_DIMS], stride[TENSOR_DIMS], offset[TENSOR_DIMS], span[TENSOR_DIMS];
} Layout;

typedef struct View {
    const Type *type; /* NULL: there is none */
    uint32_t    dimension[TENSOR_DIMS], stride[TENSOR_DIMS];
    uint32_t    row, rows, column, columns; /* what is clipped to */
} View;

typedef struct Coordinates {
    uint32_t block[TENSOR_DIMS], within[TENSOR_DIMS];
} Coordinates;

typedef enum Where { INSIDE, CONSTANT, CLIPPED, UNDEFINED } Where;

static bool read_layout(Run *run, const Op *op, uint32_t slot, const Type *type, uint32_t first, Layout *layout)
{
    uint32_t words[5 * TENSOR_DIMS + 1], n = type->count;
    if (!matrix_uniform(run, op->id, slot, type->words, first, "the tensor layout"))
        return false;
    for (uint32_t i = 0; i < type->words; i++)
        words[i] = registers_at(run, slot + i)[first];
    *layout = (Layout){.dims = n, .clamp = type->clamp, .value = words[5 * n]};
    for (uint32_t i = 0; i < n; i++) {
        layout->block[i]     = words[i];
        layout->dimension[i] = words[n + i];
        layout->stride[i]    = words[2 * n + i];
        layout->offset[i]    = words[3 * n + i];
        layout->span[i]      = words[4 * n + i];
        if (layout->block[i] == 0 || layout->span[i] == 0)
            return run_fault(run, op->id, UINT32_MAX, "a tensor layout whose block or span of dimension %u is 0", i);
    }
    for (uint32_t i = 0; i + 1 < n; i++) { /* what OpTensorLayoutSetStrideNV asks for */
        const uint64_t least = (uint64_t)layout->stride[i + 1] *
                               (((uint64_t)layout->dimension[i + 1] + layout->block[i + 1] - 1) / layout->block[i + 1]);
        if (layout->stride[i] < least)
            return run_fault(run, op->id, UINT32_MAX, "a tensor layout whose stride %u is %u, of rows of %llu", i,
                             layout->stride[i], (unsigned long long)least);
    }
    return true;
}

static bool read_view(Run *run, const Op *op, uint32_t slot, const Type *type, uint32_t first, View *view)
{
    uint32_t words[2 * TENSOR_DIMS + 4], n = type->count;
    *view = (View){0};
    if (slot == NOWHERE)
        return true;
    if (!matrix_uniform(run, op->id, slot, type->words, first, "the tensor view"))
        return false;
    for (uint32_t i = 0; i < type->words; i++)
        words[i] = registers_at(run, slot + i)[first];
    view->type = type;
    memcpy(view->dimension, words, n * sizeof *words);
    memcpy(view->stride, &words[n], n * sizeof *words);
    view->row     = words[2 * n];
    view->rows    = words[2 * n + 1];
    view->column  = words[2 * n + 2];
    view->columns = words[2 * n + 3];
    return true;
}

/* matrixCoordToLinear, linearToViewCoord, viewCoordToLinear. False: clipped. */
static bool through_view(const Layout *t, const View *v, uint32_t row, uint32_t column, uint32_t columns,
                         uint32_t *linear)
{
    if (!v->type) {
        *linear = row * columns + column;
        return true;
    }
    if (row < v->row || row - v->row >= v->rows || column < v->column || column - v->column >= v->columns)
        return false;
    row -= v->row;
    column -= v->column;
    uint32_t index = row * (columns < v->columns ? columns : v->columns) + column;

    const uint32_t  n                       = v->type->count;
    const uint32_t *dimensions              = v->type->has_dimensions ? v->dimension : t->span;
    uint32_t        coordinate[TENSOR_DIMS] = {0}, stride[TENSOR_DIMS];
    for (uint32_t dim = n; dim-- > 0;) {
        const uint32_t i = v->type->permutation[dim];
        coordinate[i]    = dimensions[i] ? index % dimensions[i] : 0;
        index            = dimensions[i] ? index / dimensions[i] : 0;
    }
    stride[n - 1] = 1;
    for (uint32_t dim = n - 1; dim-- > 0;)
        stride[dim] = stride[dim + 1] * t->span[dim + 1];
    *linear = 0;
    for (uint32_t dim = 0; dim < n; dim++)
        *linear += coordinate[dim] * (v->type->has_dimensions ? v->stride[dim] : stride[dim]);
    return true;
}

static int64_t modulo(int64_t a, int64_t b)
{
    return b > 0 ? ((a % b) + b) % b : 0;
}

/* linearToSpanCoord, spanCoordToTensorCoord, tensorCoordToLinear. */
static Where through_layout(const Layout *t, uint32_t index, bool store, uint64_t *element, Coordinates *at)
{
    uint32_t span[TENSOR_DIMS];
    for (uint32_t dim = t->dims; dim-- > 0;) {
        span[dim] = index % t->span[dim];
        index /= t->span[dim];
    }
    *element = 0;
    for (uint32_t dim = 0; dim < t->dims; dim++) {
        const int64_t size = t->dimension[dim];
        int64_t       c    = (int32_t)(span[dim] + t->offset[dim]);
        if (c < 0 || c >= size) {
            switch (store && t->clamp != CLAMP_UNDEFINED ? (uint32_t)CLAMP_CONSTANT : t->clamp) {
            case CLAMP_UNDEFINED: return UNDEFINED;
            case CLAMP_EDGE: c = c < 0 ? 0 : size - 1; break;
            case CLAMP_REPEAT: c = modulo(c, size); break;
            case CLAMP_MIRROR:
                c = modulo(c, 2 * size - 2);
                c = c >= size ? 2 * size - 2 - c : c;
                break;
            default: return CONSTANT;
            }
            if (size == 0)
                return UNDEFINED;
        }
        at->within[dim] = (uint32_t)(c % t->block[dim]);
        at->block[dim]  = (uint32_t)(c / t->block[dim]);
        *element += (uint64_t)at->block[dim] * t->stride[dim];
    }
    return INSIDE;
}

typedef struct Batch { /* elements that wait for a function, one to a lane */
    uint32_t count;
    uint32_t element[1024];
} Batch;

/* Calls the function for what waits: results go where `out` says. */
static bool flush(Run *run, const Op *op, uint32_t number, const Type *type, float *out, Batch *batch)
{
    const Function *function = &run->program->functions.at[number];
    uint32_t        mask[1024];
    if (batch->count == 0)
        return true;
    if (run->lanes > 1024 || function->result_words != 1)
        return run_fault(run, op->id, UINT32_MAX, "a function of elements that does not return one");
    for (uint32_t lane = 0; lane < run->lanes; lane++)
        mask[lane] = lane < batch->count ? UINT32_MAX : 0;
    if (!execute_call(run, number, mask))
        return false;
    const uint32_t *result = registers_at(run, function->result);
    for (uint32_t i = 0; i < batch->count; i++)
        out[batch->element[i]] =
            matrix_element(decode_kind(run->module, type), matrix_is_float(run->module, type), result[i]);
    batch->count = 0;
    return true;
}

static uint32_t *parameter(const Run *run, uint32_t number, uint32_t which)
{
    const Function *function = &run->program->functions.at[number];
    return registers_at(run, run->program->extra.at[function->parameter + 2 * which]);
}

static bool parameters_fit(Run *run, const Op *op, uint32_t number, uint32_t count, const uint32_t *words)
{
    const Function *function = &run->program->functions.at[number];
    bool            fit      = function->parameters == count;
    for (uint32_t i = 0; fit && i < count; i++)
        fit = run->program->extra.at[function->parameter + 2 * i + 1] == words[i];
    return fit || run_fault(run, op->id, UINT32_MAX, "a function whose parameters are not those that it is given");
}

static bool load_store(Run *run, const Op *op, uint32_t party, uint32_t first)
{
    const bool      store  = op->c == OpCooperativeMatrixStoreTensorNV;
    const uint32_t *extra  = &run->program->extra.at[op->extra];
    const Access   *access = &run->program->accesses.at[extra[0]];
    const Type     *type = module_type(run->module, extra[7]), *of_layout = module_type(run->module, extra[2]);
    const uint32_t  decode = extra[5], size = decode == NOWHERE ? matrix_component_bytes(run->module, type) : extra[6];
    const float    *object = matrix_at(run, party, op->a);
    float          *out    = store ? NULL : matrix_at(run, party, op->out);
    Layout          layout;
    View            view;
    Region          region;
    uint64_t        offset;
    Batch           batch = {0};
    if (!read_layout(run, op, extra[1], of_layout, first, &layout) ||
        !read_view(run, op, extra[3], module_type(run->module, extra[4]), first, &view))
        return false;
    if (access->dynamic != NOWHERE &&
        !matrix_uniform(run, op->id, access->dynamic, access->space == SPACE_ADDRESS ? 2 : 1, first, "the pointer"))
        return false;
    if (!memory_region(run, op, access, first, &region, &offset))
        return false;
    const uint64_t base = (region.memory ? region.memory->address : 0) + region.origin;
    if ((base + offset) % ALIGN != 0)
        return run_fault(run, op->id, UINT32_MAX, "the pointer (0x%llx) is no multiple of %d bytes",
                         (unsigned long long)(base + offset), ALIGN);
    for (uint32_t i = 0; i < layout.dims; i++)
        if (store && layout.block[i] != 1)
            return run_fault(run, op->id, UINT32_MAX, "a store in blocks");
    if (decode != NOWHERE) {
        const uint32_t words[3] = {2, layout.dims, layout.dims};
        if (!region.memory || region.memory->address == 0)
            return run_fault(run, op->id, UINT32_MAX, "a decode function of memory that has no address");
        if (!parameters_fit(run, op, decode, 3, words))
            return false;
    }
    for (uint32_t row = 0; row < type->rows; row++)
        for (uint32_t column = 0; column < type->columns; column++) {
            const uint32_t i = row * type->columns + column;
            uint32_t       linear;
            uint64_t       element;
            Coordinates    at;
            const Where    where = through_view(&layout, &view, row, column, type->columns, &linear)
                                       ? through_layout(&layout, linear, store, &element, &at)
                                       : CLIPPED;
            if (where == UNDEFINED)
                return run_fault(run, op->id, UINT32_MAX,
                                 "element (%u, %u) lies outside a tensor of undefined clamping", row, column);
            if (store) {
                if (where == INSIDE && !matrix_write(run, op, type, &region, offset + element * size, object[i]))
                    return false;
                continue;
            }
            if (where == CLIPPED)
                out[i] = object[i];
            else if (where == CONSTANT)
                out[i] =
                    matrix_element(decode_kind(run->module, type), matrix_is_float(run->module, type), layout.value);
            else if (decode == NOWHERE) {
                if (!matrix_read(run, op, type, &region, offset + element * size, &out[i]))
                    return false;
            } else {
                const uint64_t address = base + offset + element * size;
                const uint32_t lane    = batch.count++;
                if (!memory_inside(run, op, &region, UINT32_MAX, offset + element * size, size))
                    return false;
                parameter(run, decode, 0)[lane]              = (uint32_t)address;
                parameter(run, decode, 0)[run->lanes + lane] = (uint32_t)(address >> 32);
                for (uint32_t dim = 0; dim < layout.dims; dim++) {
                    parameter(run, decode, 1)[(size_t)dim * run->lanes + lane] = at.block[dim];
                    parameter(run, decode, 2)[(size_t)dim * run->lanes + lane] = at.within[dim];
                }
                batch.element[lane] = i;
                if (batch.count == run->lanes && !flush(run, op, decode, type, out, &batch))
                    return false;
            }
        }
    return decode == NOWHERE || flush(run, op, decode, type, out, &batch);
}

static bool per_element(Run *run, const Op *op, uint32_t party, uint32_t first)
{
    const uint32_t *extra  = &run->program->extra.at[op->extra];
    const Type     *type   = module_type(run->module, extra[0]);
    const uint32_t  number = extra[2], more = extra[3];
    const Function *function = &run->program->functions.at[number];
    const float    *in       = matrix_at(run, party, op->a);
    float          *out      = matrix_at(run, party, op->out);
    const Kind      kind     = decode_kind(run->module, type);
    const bool      floats   = matrix_is_float(run->module, type);
    Batch           batch    = {0};
    if (function->parameters != 3 + more)
        return run_fault(run, op->id, UINT32_MAX, "a function whose parameters are not those that it is given");
    for (uint32_t i = 0; i < more; i++) {
        const bool     matrix = extra[4 + 2 * i];
        const uint32_t slot = extra[5 + 2 * i], words = run->program->extra.at[function->parameter + 2 * (3 + i) + 1];
        if (matrix && words != 1)
            return run_fault(run, op->id, UINT32_MAX, "a function that takes more than an element of a matrix");
        for (uint32_t word = 0; !matrix && word < words; word++) { /* the same for all elements */
            const uint32_t value = registers_at(run, slot + word)[first];
            for (uint32_t lane = 0; lane < run->lanes; lane++)
                parameter(run, number, 3 + i)[(size_t)word * run->lanes + lane] = value;
        }
        if (!matrix && !matrix_uniform(run, op->id, slot, words, first, "an operand"))
            return false;
    }
    for (uint32_t i = 0; i < type->words; i++) {
        const uint32_t lane             = batch.count++;
        parameter(run, number, 0)[lane] = i / type->columns;
        parameter(run, number, 1)[lane] = i % type->columns;
        parameter(run, number, 2)[lane] = matrix_bits(kind, floats, in[i]);
        for (uint32_t j = 0; j < more; j++)
            if (extra[4 + 2 * j])
                parameter(run, number, 3 + j)[lane] =
                    matrix_bits(kind, floats, matrix_at(run, party, extra[5 + 2 * j])[i]);
        batch.element[lane] = i;
        if (batch.count == run->lanes && !flush(run, op, number, type, out, &batch))
            return false;
    }
    return flush(run, op, number, type, out, &batch);
}

/* f(a, b) of one pair. */
static bool combine(Run *run, const Op *op, uint32_t number, const Type *type, float *a, float b)
{
    Batch      batch             = {.count = 1};
    const Kind kind              = decode_kind(run->module, type);
    const bool floats            = matrix_is_float(run->module, type);
    parameter(run, number, 0)[0] = matrix_bits(kind, floats, *a);
    parameter(run, number, 1)[0] = matrix_bits(kind, floats, b);
    return flush(run, op, number, type, a, &batch);
}

static bool reduce(Run *run, const Op *op, uint32_t party)
{
    enum { ROW = 1, COLUMN = 2, SQUARE = 4 };
    const uint32_t *extra = &run->program->extra.at[op->extra], mode = extra[2], words[2] = {1, 1};
    const Type     *type = module_type(run->module, extra[0]), *from = module_type(run->module, extra[1]);
    const float    *in  = matrix_at(run, party, op->a);
    float          *out = matrix_at(run, party, op->out);
    if (!parameters_fit(run, op, extra[3], 2, words))
        return false;
    if ((mode == SQUARE && (2 * type->rows != from->rows || 2 * type->columns != from->columns)) ||
        (mode == ROW && type->rows != from->rows) || (mode == COLUMN && type->columns != from->columns))
        return run_fault(run, op->id, UINT32_MAX, "a reduction to a matrix that does not fit");
    for (uint32_t row = 0; row < type->rows; row++)
        for (uint32_t column = 0; column < type->columns; column++) {
            float   *sum        = &out[(size_t)row * type->columns + column];
            uint32_t rows[2]    = {mode & COLUMN ? 0 : row, mode & COLUMN ? from->rows : row + 1};
            uint32_t columns[2] = {mode & ROW ? 0 : column, mode & ROW ? from->columns : column + 1};
            if (mode == SQUARE)
                rows[0] = 2 * row, rows[1] = 2 * row + 2, columns[0] = 2 * column, columns[1] = 2 * column + 2;
            if (mode != SQUARE && column > 0 && (mode & ROW)) { /* as the first of its row */
                *sum = out[(size_t)row * type->columns];
                continue;
            }
            *sum = in[(size_t)rows[0] * from->columns + columns[0]];
            for (uint32_t i = rows[0]; i < rows[1]; i++)
                for (uint32_t j = columns[0]; j < columns[1]; j++)
                    if ((i != rows[0] || j != columns[0]) &&
                        !combine(run, op, extra[3], type, sum, in[(size_t)i * from->columns + j]))
                        return false;
        }
    return true;
}

bool tensor_operation(Run *run, const Op *op, uint32_t party, uint32_t first)
{
    switch (op->c) {
    case OpCooperativeMatrixReduceNV: return reduce(run, op, party);
    case OpCooperativeMatrixPerElementOpNV: return per_element(run, op, party, first);
    default: return load_store(run, op, party, first);
    }
}
