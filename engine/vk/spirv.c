/* What a shader binds and needs, read from its SPIR-V. */
#include "engine/vk/private.h"

enum {
    OP_CAPABILITY            = 17,
    OP_TYPE_STRUCT           = 30,
    OP_TYPE_POINTER          = 32,
    OP_VARIABLE              = 59,
    OP_DECORATE              = 71,
    OP_MEMBER_DECORATE       = 72,
    DECORATION_NON_WRITABLE  = 24,
    DECORATION_BINDING       = 33,
    STORAGE_UNIFORM_CONSTANT = 0
};

/* The first instruction from word *at on with this opcode and, at word `place` of it, this id; *at moves behind it.
 * NULL: none. */
static const uint32_t *find(const EmbeddedShader *shader, size_t *at, uint32_t opcode, uint32_t place, uint32_t id)
{
    const uint32_t *w = shader->words;
    while (*at < shader->bytes / 4) {
        const uint32_t *instruction = w + *at;
        *at += instruction[0] >> 16;
        if ((instruction[0] & 0xffffu) == opcode && instruction[place] == id) {
            return instruction;
        }
    }
    return NULL;
}

static const uint32_t *find_first(const EmbeddedShader *shader, uint32_t opcode, uint32_t place, uint32_t id)
{
    size_t at = 5;
    return find(shader, &at, opcode, place, id);
}

/* Whether the shader says `readonly` of a buffer: of the variable, or of every member of its block. */
static bool is_read_only(const EmbeddedShader *shader, const uint32_t *variable)
{
    const uint32_t *pointer = find_first(shader, OP_TYPE_POINTER, 1, variable[1]);
    const uint32_t *block   = pointer != NULL ? find_first(shader, OP_TYPE_STRUCT, 1, pointer[3]) : NULL;
    uint32_t        members = 0;
    size_t          at      = 5;
    for (const uint32_t *i; (i = find(shader, &at, OP_DECORATE, 1, variable[2])) != NULL;) {
        if (i[2] == DECORATION_NON_WRITABLE) {
            return true;
        }
    }
    at = 5;
    for (const uint32_t *i; block != NULL && (i = find(shader, &at, OP_MEMBER_DECORATE, 1, block[1])) != NULL;) {
        members += i[3] == DECORATION_NON_WRITABLE;
    }
    return block != NULL && members == (block[0] >> 16) - 2;
}

bool gpu_shader_bindings(const EmbeddedShader *shader, GpuPipeline *pipeline)
{
    for (size_t at = 5; at < shader->bytes / 4; at += shader->words[at] >> 16) {
        if (shader->words[at] >> 16 == 0 || shader->words[at] >> 16 > shader->bytes / 4 - at) {
            return false;
        }
    }
    for (uint32_t b = 0; b < GPU_MAX_BINDS; b++) {
        pipeline->bind_type[b] = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER; /* also of one that the compiler removed */
    }
    size_t at = 5;
    for (const uint32_t *i; (i = find(shader, &at, OP_DECORATE, 2, DECORATION_BINDING)) != NULL;) {
        const uint32_t  binding  = i[3];
        const uint32_t *variable = find_first(shader, OP_VARIABLE, 2, i[1]);
        if (binding >= GPU_MAX_BINDS || variable == NULL) {
            return false;
        }
        if (variable[3] == STORAGE_UNIFORM_CONSTANT) {
            pipeline->bind_type[binding] = VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER;
        } else if (!is_read_only(shader, variable)) {
            pipeline->written |= 1u << binding;
        }
        if (binding + 1 > pipeline->bind_count) {
            pipeline->bind_count = binding + 1;
        }
    }
    return true;
}

bool gpu_shader_needs(const EmbeddedShader *shader, uint32_t first, uint32_t last)
{
    for (size_t i = 5; i + 1 < shader->bytes / 4 && (shader->words[i] & 0xffffu) == OP_CAPABILITY; i += 2) {
        if (shader->words[i + 1] >= first && shader->words[i + 1] <= last) {
            return true;
        }
    }
    return false;
}
