#include "tests/tools/interpreter/core/opcodes.h"

#include <stdio.h>

const char *opcode_name(uint32_t code, char buffer[48])
{
    switch (code) {
#define X(name, number)                                                                                                \
    case number: return "Op" #name;
        OPCODES(X)
#undef X
#define X(name, number)                                                                                                \
    case 0x4000 + number: return "GLSL.std.450 " #name;
        GLSL_FUNCTIONS(X)
#undef X
    default:
        snprintf(buffer, 48, code >= GlslFirst ? "GLSL.std.450 function %u" : "opcode %u",
                 code >= GlslFirst ? code - GlslFirst : code);
        return buffer;
    }
}
