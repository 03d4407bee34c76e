/* A card that is not there, for Mesa's drivers to compile shaders for.
 *
 *     NULL_GPU=dg2 LD_PRELOAD=libnull_gpu.so VK_DRIVER_FILES=…/intel_icd.x86_64.json vulkaninfo --summary
 *
 * A library to preload: it answers, in place of Linux and of libdrm, what a Mesa driver asks a card's kernel driver
 * when it starts: which card this is and what it has. Memory that is allocated is the host's. What is submitted to the
 * card counts as finished at once and is never run, so that only what the driver's compiler says means anything.
 *
 * The layouts of the requests are the kernel's interface to user space (Linux: include/uapi/drm).
 */
#ifndef TESTS_TOOLS_NULL_GPU_NULL_GPU_H
#define TESTS_TOOLS_NULL_GPU_NULL_GPU_H

#include <stddef.h>
#include <stdint.h>

enum { NULL_VENDOR_AMD = 0x1002, NULL_VENDOR_INTEL = 0x8086, NULL_VENDOR_NVIDIA = 0x10de };

/* The card's file, as drivers open it. */
extern const char null_render_path[];

typedef struct NullCard {
    const char *name;   /* as NULL_GPU names it                                                   */
    const char *kernel; /* which kernel driver the card has: "amdgpu", "i915", "xe" or "nouveau"  */
    uint16_t    pci_device;
    uint16_t    revision;
    uint16_t    version_major, version_minor; /* of the graphics block, for xe and amdgpu; NVIDIA: the chipset, 0 */
    uint32_t    cores;                        /* subslices, dual subslices, Xe cores; NVIDIA: TPCs; AMD: CUs */
    uint32_t    units;                        /* execution units of a core; NVIDIA: GPCs; AMD: shader engines */
    uint64_t    memory;                       /* bytes of the card's own; 0: it shares the host's */
} NullCard;

/* The card that NULL_GPU names; NULL: none is wanted, or none is called that. */
const NullCard *null_card(void);

/* Memory of a buffer that a driver asks for. Returns its handle, 0 where there is none left. Released by
 * null_buffer_free. */
uint32_t null_buffer_new(uint64_t bytes);
void     null_buffer_free(uint32_t handle);

/* Where the buffer lies in the file that stands for the card; UINT64_MAX: no such buffer. */
uint64_t null_buffer_offset(uint32_t handle);

/* The next one of the numbers that name contexts, address spaces and the like. */
uint32_t null_id_new(void);

/* Copies `bytes` of an answer to where the driver wants it: the first call, with *size 0, asks for its size. Returns 0
 * or an errno. */
int null_answer(const void *answer, uint32_t bytes, void *to, uint32_t *size);

/* Answers request `number` of the kernel driver (from 0), in place. Returns 0 or an errno. */
int i915_request(const NullCard *card, unsigned number, void *request);
int xe_request(const NullCard *card, unsigned number, void *request);
int nouveau_request(const NullCard *card, unsigned number, void *request, size_t bytes); /* as large as it is */
int amdgpu_request(const NullCard *card, unsigned number, void *request, size_t bytes);

#endif
