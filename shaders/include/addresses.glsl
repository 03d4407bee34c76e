// Buffers by their addresses. On lavapipe a load whose address is the same for all lanes is then one
// scalar load, which LLVM folds into the arithmetic as a broadcast; from a storage buffer each
// float would be checked against the buffer's size first, with branches (SPEED.md).
#ifndef ADDRESSES_GLSL
#define ADDRESSES_GLSL
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Vec4s { vec4 v[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Written { vec4 v[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Floats { float v[]; };
layout(buffer_reference, std430, buffer_reference_align = 8) buffer Pairs { uint64_t v[]; }; // of floats

// An index that is known not to wrap, so that constants added to it become immediates.
uint bounded(uint index) { return index & 0x03ffffffu; }

#endif
