/* Which kernel a module is. glslc's output has no names, but the build has the words of all of them. */
#include <stdio.h>
#include <string.h>

#include "engine/vk/embedded_shaders.h"
#include "tests/tools/interpreter/vk_driver.h"

void driver_kernel_name(const uint32_t *words, size_t count, char *name, size_t size)
{
    enum { ADDED = 64 }; /* rlsp puts capabilities and modes in front of what glslc made */
    for (size_t i = 0; i < embedded_shader_count; i++) {
        const EmbeddedShader *shader = &embedded_shaders[i];
        const size_t          all = shader->bytes / 4, tail = all - all / 4;
        if (count >= all && count - all <= ADDED &&
            memcmp(words + count - tail, shader->words + all - tail, tail * 4) == 0) {
            snprintf(name, size, "%s", shader->name);
            return;
        }
    }
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ words[i]) * 1099511628211u;
    }
    snprintf(name, size, "a shader of hash %016jx", (uintmax_t)hash);
}
