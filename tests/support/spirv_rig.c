#include "tests/support/spirv_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ADDRESS = 0x10000 /* of the first buffer, and of the next from it */ };

uint32_t *rig_module(const char *name, size_t *count)
{
    char path[512];
    snprintf(path, sizeof path, INTERPRETER_SHADERS "/%s.spv", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    uint32_t *words = malloc(1 << 20);
    *count          = fread(words, 4, (1 << 20) / 4, file);
    fclose(file);
    return words;
}

bool rig_open(Rig *rig, const char *name, uint32_t subgroup, const ShaderConstant *constants, size_t count)
{
    size_t    read;
    uint32_t *words = rig_module(name, &read);
    *rig            = (Rig){0};
    if (words == NULL) {
        return false;
    }
    if (!shader_create(words, read, "main", constants, count, &rig->shader, rig->error)) {
        fail_msg("%s: %s", name, rig->error);
    }
    free(words);
    rig->dispatch = (ShaderDispatch){.shader       = rig->shader,
                                     .groups       = {1, 1, 1},
                                     .subgroup     = subgroup,
                                     .memories     = (ShaderMemory *const *)rig->all,
                                     .memory_count = RIG_BUFFERS,
                                     .races        = true};
    return true;
}

void *rig_bind(Rig *rig, int at, size_t bytes)
{
    rig->memory[at] = (ShaderMemory){.data = calloc(1, bytes), .bytes = bytes, .address = ADDRESS * (uint64_t)(at + 1)};
    rig->all[at]    = &rig->memory[at];
    rig->dispatch.bindings[at] = (ShaderBinding){SHADER_STORAGE_BUFFER, &rig->memory[at], 0, bytes, SHADER_R32_FLOAT};
    return rig->memory[at].data;
}

void rig_runs(Rig *rig)
{
    rig->dispatch.memories = rig->all;
    if (shader_run(&rig->dispatch, rig->error) != SHADER_DONE) {
        fail_msg("%s", rig->error);
    }
}

void rig_stops(Rig *rig, const char *because)
{
    rig->dispatch.memories = rig->all;
    assert_int_not_equal(shader_run(&rig->dispatch, rig->error), SHADER_DONE);
    if (strstr(rig->error, because) == NULL) {
        fail_msg("expected '%s': %s", because, rig->error);
    }
}

void rig_close(Rig *rig)
{
    for (int i = 0; i < RIG_BUFFERS; i++) {
        shader_forget(&rig->memory[i]);
        free(rig->memory[i].data);
    }
    shader_destroy(rig->shader);
}

uint32_t rig_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}
