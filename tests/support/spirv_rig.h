/* A shader of tests/tools/interpreter/shaders under the interpreter, with buffers of its own. */
#ifndef TESTS_SUPPORT_SPIRV_RIG_H
#define TESTS_SUPPORT_SPIRV_RIG_H

#include "tests/tools/interpreter/shader.h"

enum { RIG_BUFFERS = 3 };

typedef struct Rig {
    Shader        *shader;
    ShaderMemory   memory[RIG_BUFFERS];
    ShaderMemory  *all[RIG_BUFFERS];
    ShaderDispatch dispatch;
    char           error[SHADER_ERROR];
} Rig;

/* The words of a shader as the build made it, which the caller frees; NULL: this glslc did not know its extensions. */
uint32_t *rig_module(const char *name, size_t *count);
/* Opens it; false: as above. A test fails where it is refused. */
bool rig_open(Rig *rig, const char *name, uint32_t subgroup, const ShaderConstant *constants, size_t count);
void rig_close(Rig *rig);
/* A storage buffer of zeros at a binding and at an address, which rig_close frees. */
void *rig_bind(Rig *rig, int at, size_t bytes);
/* The dispatch runs to its end. */
void rig_runs(Rig *rig);
/* It stops, and the message says so. */
void     rig_stops(Rig *rig, const char *because);
uint32_t rig_random(uint64_t *state);

#endif
