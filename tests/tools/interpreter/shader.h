/* Compute shaders run as they are written: SPIR-V interpreted, one subgroup's lanes in step.
 *
 * For what no driver of this machine runs (cooperative matrices of bf16, of a whole workgroup, subgroups of 16, 32, 64)
 * and for what no driver says: two invocations that touch the same word without a barrier between them, an access
 * outside a buffer, shared memory read before it is written. Slow, exact, in one thread, the same every time.
 */
#ifndef TESTS_TOOLS_INTERPRETER_SHADER_H
#define TESTS_TOOLS_INTERPRETER_SHADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHADER_BINDINGS = 16, SHADER_ERROR = 512 };

typedef struct Shader Shader; /* a module with its specialisation, decoded; does not change while it runs */

typedef struct ShaderConstant {
    uint32_t    id; /* SpecId */
    uint32_t    bytes;
    const void *value;
} ShaderConstant;

/* Device memory: what bindings and addresses point into. `touched` belongs to the interpreter (who touched which word
 * last); NULL until it needs it, freed by shader_forget. */
typedef struct ShaderMemory {
    uint8_t *data;
    uint64_t bytes;
    uint64_t address; /* device address of data[0], 0: none */
    void    *touched;
} ShaderMemory;

typedef enum ShaderBindingType {
    SHADER_NONE,
    SHADER_STORAGE_BUFFER,
    SHADER_UNIFORM_BUFFER,
    SHADER_TEXELS
} ShaderBindingType;
typedef enum ShaderFormat {
    SHADER_R32_FLOAT,
    SHADER_RGBA32_FLOAT,
    SHADER_RGBA16_FLOAT,
    SHADER_RGBA32_UINT
} ShaderFormat; /* add what the engine uses */

typedef struct ShaderBinding {
    ShaderBindingType type;
    ShaderMemory     *memory;
    uint64_t          offset, bytes; /* in memory->data; an access outside is a fault, of texels reads zeros */
    ShaderFormat      format;        /* texels */
} ShaderBinding;

typedef struct ShaderDispatch {
    const Shader        *shader;
    uint32_t             base[3], groups[3];
    uint32_t             subgroup;                  /* lanes: a power of two, 4 to 128 */
    ShaderBinding        bindings[SHADER_BINDINGS]; /* of set 0 */
    const uint8_t       *push;
    uint32_t             push_bytes;
    ShaderMemory *const *memories; /* all that addresses may point into */
    size_t               memory_count;
    bool                 races; /* look for them, and for reads of shared memory that nobody wrote (slower) */
    uint64_t steps;   /* that a subgroup may take through a workgroup: instructions, and blocks; 0: any number */
    uint32_t variant; /* what devices differ in: the order of workgroups and subgroups, which lane holds which
                         element of a matrix; each number another choice, 0 the plain one */
} ShaderDispatch;

/* words: a whole SPIR-V module, kept by the caller only during the call. False: `error` says which instruction, by
 * name, or which constant is not known. */
bool     shader_create(const uint32_t *words, size_t count, const char *entry, const ShaderConstant *constants,
                       size_t constant_count, Shader **shader, char error[SHADER_ERROR]);
void     shader_destroy(Shader *shader);
uint32_t shader_shared_bytes(const Shader *shader);
void     shader_workgroup(const Shader *shader, uint32_t size[3]);

typedef enum ShaderResult {
    SHADER_DONE,
    SHADER_FAULT,  /* `error` says in one line what (race, access outside, unwritten shared memory, barrier that not all
                      reach), where (result id or line, workgroup, invocations) and of which buffer and word */
    SHADER_ENDLESS /* more steps than it may take: `error` says where it was */
} ShaderResult;

/* Runs all workgroups, or those up to the first that fails. */
ShaderResult shader_run(const ShaderDispatch *dispatch, char error[SHADER_ERROR]);
void         shader_forget(ShaderMemory *memory); /* before memory is freed */

#endif
