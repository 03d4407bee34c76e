/* The SPIR-V that the build put into the program, one entry per shaders/NAME.comp. */
#ifndef ENGINE_VK_EMBEDDED_SHADERS_H
#define ENGINE_VK_EMBEDDED_SHADERS_H

#include <stddef.h>
#include <stdint.h>

typedef struct EmbeddedShader {
    const char     *name;  /* file name without ".comp" */
    const uint32_t *words; /* SPIR-V                    */
    size_t          bytes;
} EmbeddedShader;

extern const EmbeddedShader embedded_shaders[];
extern const size_t         embedded_shader_count;

#endif
