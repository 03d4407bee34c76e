#include "tests/tools/interpreter/shader.h"

#include <stdio.h>

bool shader_create(const uint32_t *words, size_t count, const char *entry, const ShaderConstant *constants,
                   size_t constant_count, Shader **shader, char error[SHADER_ERROR])
{
    (void)entry, (void)constants, (void)constant_count;
    *shader = NULL;
    if (count < 6 || words[0] != 0x07230203)
        snprintf(error, SHADER_ERROR, "not a SPIR-V module");
    else
        snprintf(error, SHADER_ERROR, "opcode %u is not known", (unsigned)(words[5] & 0xffff));
    return false;
}

void shader_destroy(Shader *shader) { (void)shader; }

uint32_t shader_shared_bytes(const Shader *shader)
{
    (void)shader;
    return 0;
}

void shader_workgroup(const Shader *shader, uint32_t size[3])
{
    (void)shader;
    size[0] = size[1] = size[2] = 1;
}

bool shader_run(const ShaderDispatch *dispatch, char error[SHADER_ERROR])
{
    (void)dispatch;
    snprintf(error, SHADER_ERROR, "no shader");
    return false;
}

void shader_forget(ShaderMemory *memory) { (void)memory; }
