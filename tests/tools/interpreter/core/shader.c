#include "tests/tools/interpreter/core/decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool shader_create(const uint32_t *words, size_t count, const char *entry, const ShaderConstant *constants,
                   size_t constant_count, Shader **shader, char error[SHADER_ERROR])
{
    Shader *made = calloc(1, sizeof *made);
    *shader      = NULL;
    error[0]     = '\0';
    if (!made) {
        snprintf(error, SHADER_ERROR, "out of memory");
        return false;
    }
    made->module.error = error;
    if (!module_parse(&made->module, words, count, entry, constants, constant_count) ||
        !decode_program(&made->module, &made->program)) {
        shader_destroy(made);
        return false;
    }
    made->module.error = NULL;
    *shader            = made;
    return true;
}

void shader_destroy(Shader *shader)
{
    if (!shader)
        return;
    program_free(&shader->program);
    module_free(&shader->module);
    free(shader);
}

uint32_t shader_shared_bytes(const Shader *shader)
{
    return shader->program.shared;
}

void shader_workgroup(const Shader *shader, uint32_t size[3])
{
    memcpy(size, shader->module.workgroup, sizeof shader->module.workgroup);
}
