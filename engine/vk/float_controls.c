/* Conversions of f32 to f16 that round as they should. Vulkan leaves to the device how they round and what becomes of
 * denormal numbers, unless a shader asks for one way with an execution mode that the device promises to know. glslc has
 * no word for these modes, so they are put into its SPIR-V. */
#include "engine/vk/private.h"

#include <stdlib.h>
#include <string.h>

enum {
    HEADER_WORDS      = 5,
    OP_ENTRY_POINT    = 15,
    OP_EXECUTION_MODE = 16,
    OP_CAPABILITY     = 17,
    CAPABILITY_WORDS  = 2,
    MODE_WORDS        = 4
};

/* The width is of the type that is rounded to, or from. Devices whose rounding is one for all types (Intel) want it
 * said for each. */
static const struct {
    uint32_t capability, mode, width;
} modes_of_f16[GPU_FLOAT_MODES] = {
    {4467, 4462, 16},                   /* RoundingModeRTE: to the nearest, ties to even */
    {4467, 4462, 32}, {4466, 4461, 16}, /* SignedZeroInfNanPreserve */
    {4466, 4461, 32}, {4464, 4459, 16}, /* DenormPreserve */
};

uint32_t gpu_float_modes(VkPhysicalDevice physical)
{
    VkPhysicalDeviceFloatControlsProperties controls = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FLOAT_CONTROLS_PROPERTIES};
    VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                              .pNext = &controls};
    vkGetPhysicalDeviceProperties2(physical, &properties);
    const bool     denormals_apart = controls.denormBehaviorIndependence != VK_SHADER_FLOAT_CONTROLS_INDEPENDENCE_NONE;
    const VkBool32 has[GPU_FLOAT_MODES] = {controls.shaderRoundingModeRTEFloat16, controls.shaderRoundingModeRTEFloat32,
                                           controls.shaderSignedZeroInfNanPreserveFloat16,
                                           controls.shaderSignedZeroInfNanPreserveFloat32,
                                           controls.shaderDenormPreserveFloat16 && denormals_apart};
    uint32_t       modes                = 0;
    for (uint32_t i = 0; i < GPU_FLOAT_MODES; i++) {
        modes |= has[i] ? 1u << i : 0;
    }
    return modes;
}

/* Capabilities come first in a module, execution modes behind its entry point. */
uint32_t *gpu_shader_with_modes(const EmbeddedShader *shader, uint32_t modes, size_t *bytes)
{
    const uint32_t *w     = shader->words;
    const size_t    count = shader->bytes / 4;
    size_t          at    = HEADER_WORDS;
    while (at < count && (w[at] & 0xffffu) != OP_ENTRY_POINT && w[at] >> 16 != 0) {
        at += w[at] >> 16;
    }
    const size_t behind = at < count ? at + (w[at] >> 16) : 0;
    if (behind < at + 3 || behind > count) {
        return NULL;
    }
    uint32_t *words = malloc(shader->bytes + GPU_FLOAT_MODES * (CAPABILITY_WORDS + MODE_WORDS) * 4);
    if (words == NULL) {
        return NULL;
    }
    memcpy(words, w, HEADER_WORDS * 4);
    size_t to = HEADER_WORDS;
    for (uint32_t i = 0; i < GPU_FLOAT_MODES; i++) {
        if (modes & 1u << i) {
            words[to++] = CAPABILITY_WORDS << 16 | OP_CAPABILITY;
            words[to++] = modes_of_f16[i].capability;
        }
    }
    memcpy(words + to, w + HEADER_WORDS, (behind - HEADER_WORDS) * 4);
    to += behind - HEADER_WORDS;
    for (uint32_t i = 0; i < GPU_FLOAT_MODES; i++) {
        if (modes & 1u << i) {
            words[to++] = MODE_WORDS << 16 | OP_EXECUTION_MODE;
            words[to++] = w[at + 2]; /* the entry point */
            words[to++] = modes_of_f16[i].mode;
            words[to++] = modes_of_f16[i].width;
        }
    }
    memcpy(words + to, w + behind, (count - behind) * 4);
    *bytes = (to + count - behind) * 4;
    return words;
}
