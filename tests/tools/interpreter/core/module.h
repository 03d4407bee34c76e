/* A SPIR-V module as it is written: what each id is, its type, and its value where that is constant. No instruction of
 * a function is looked at here (decode.h).
 *
 * A value lies in registers as 32-bit words: a scalar of up to 32 bits is one, of 64 bits two (low first), an address
 * two, a logical pointer one (how far it lies from its variable), a composite its members in turn. Halves and bf16 are
 * their bits. A cooperative matrix lies in a place of its own, a word an element: floats as f32 whatever their type.
 */
#ifndef TESTS_TOOLS_INTERPRETER_MODULE_H
#define TESTS_TOOLS_INTERPRETER_MODULE_H

#include "tests/tools/interpreter/core/opcodes.h"
#include "tests/tools/interpreter/shader.h"

enum {
    TENSOR_DIMS   = 5,
    MODULE_HEADER = 5 /* words before the first instruction */,
    MODULE_WORDS  = 1 << 22 /* of one value or of shared memory: more is a module gone wrong */
};

typedef enum TypeKind {
    TYPE_NONE,
    TYPE_VOID,
    TYPE_BOOL,
    TYPE_INT,
    TYPE_FLOAT,
    TYPE_BFLOAT,
    TYPE_VECTOR,
    TYPE_MATRIX, /* of columns */
    TYPE_ARRAY,
    TYPE_RUNTIME_ARRAY,
    TYPE_STRUCT,
    TYPE_POINTER,
    TYPE_FUNCTION,
    TYPE_IMAGE,
    TYPE_COOPERATIVE,
    TYPE_LAYOUT,
    TYPE_VIEW
} TypeKind;

typedef struct Type {
    TypeKind  kind;
    uint32_t  bits;        /* of a scalar */
    bool      is_signed;   /* int */
    uint32_t  element;     /* id: of vectors, matrices, arrays, pointers, images (what is sampled) */
    uint32_t  count;       /* components, columns, elements, members, dimensions of a layout or view */
    uint32_t  storage;     /* pointer */
    uint32_t *members;     /* struct: ids */
    uint32_t *offsets;     /* struct: bytes, as decorated or else packed */
    uint32_t  stride;      /* arrays, vectors: bytes from element to element, as decorated or else packed */
    uint32_t  words;       /* in registers, or elements of its matrices */
    bool      cooperative; /* is or holds cooperative matrices, and nothing else */
    uint64_t  bytes;       /* in memory, without what follows the last member; 0: not to be had there */
    uint32_t  align;
    uint32_t  rows, columns, use, scope; /* cooperative */
    uint32_t  clamp;                     /* layout: how what lies outside is read */
    bool      has_dimensions;            /* view */
    uint32_t  permutation[TENSOR_DIMS];  /* view */
} Type;

typedef struct Id {
    const uint32_t *definition; /* the instruction, from its first word; NULL: none */
    uint32_t        type;       /* of the value */
    Type           *is;         /* the id is a type */
    bool            forward;    /* or will be one: an address */
    uint32_t       *constant;   /* its value's words; of a cooperative matrix the first, for all of it */
    const char     *name;
    int64_t         spec_id, binding, built_in; /* -1: none */
    uint32_t        set, array_stride;
    uint32_t       *member_offsets; /* decorated; as many as the struct has members */
} Id;

typedef struct Module {
    uint32_t *words; /* a copy, zeros after it */
    size_t    count;
    Id       *ids;
    uint32_t  bound;
    uint32_t  entry;        /* function */
    uint32_t  glsl;         /* the import of GLSL.std.450 */
    uint32_t  workgroup[3]; /* size */
    size_t    functions;    /* the word at which the first function begins */
    bool      whole;        /* matrices are a workgroup's, not a subgroup's */
    char     *error;        /* SHADER_ERROR bytes of the caller */
} Module;

/* Types and constants, with the specialisation's values. False: the module's `error` says what is not known. */
bool module_parse(Module *module, const uint32_t *words, size_t count, const char *entry,
                  const ShaderConstant *constants, size_t constant_count);
void module_free(Module *module);

/* Ids that are none, or not of that kind, give an empty one: nothing reads outside on a module gone wrong. */
const Id   *module_id(const Module *module, uint32_t id);
const Type *module_type(const Module *module, uint32_t id);       /* the type that id is */
const Type *module_value_type(const Module *module, uint32_t id); /* of the value that id is */
uint32_t    module_constant(const Module *module, uint32_t id);   /* its first word, 0: it has none */

static inline uint32_t instruction_count(const uint32_t *instruction)
{
    return instruction[0] >> 16;
}
static inline uint32_t instruction_code(const uint32_t *instruction)
{
    return instruction[0] & 0xffff;
}

/* Writes the error and returns false. */
bool module_fail(const Module *module, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* types.c: the type that an instruction declares. constants.c: the value of one. */
bool module_declare_type(Module *module, const uint32_t *instruction);
bool module_declare_constant(Module *module, const uint32_t *instruction, const ShaderConstant *constants,
                             size_t constant_count);

#endif
