// Shared by all kernels. The workgroup size is always specialization constant 0;
// the host chooses it per device (one subgroup on CPU devices, 64 to 256 on GPUs).
#ifndef COMMON_GLSL
#define COMMON_GLSL

layout(local_size_x_id = 0) in;

// The linear workgroup of a dispatch that gpu_groups() folded over x and y.
uint linear_group() { return gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x; }

// The linear invocation of such a dispatch.
uint linear_id() { return linear_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x; }

#endif
