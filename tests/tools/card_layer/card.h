/* A Vulkan layer that makes a CPU device (or tests/tools/interpreter) look like a card: it has that card's limits,
 * features and memory, and no more.
 *
 *     sh tests/tools/as_card.sh build/release CARD PROGRAM ARGUMENT…
 *
 * It lies between the validation layer, which then holds the program to those limits, and the driver. What a driver may
 * do and CPU devices never do it does too: memory that is not asked for as visible cannot be mapped, memory holds NaN
 * bits when it is allocated, clocks tick as slowly and wrap as soon as the card's, features and extensions that the
 * card lacks cannot be turned on.
 *
 * RLSP_CARD=NAME[,LIMIT=NUMBER]…: a row of cards.c, with limits of one's own.
 */
#ifndef TESTS_TOOLS_CARD_LAYER_CARD_H
#define TESTS_TOOLS_CARD_LAYER_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

enum { CARD_TYPES = 8, CARD_HEAPS = 3, CARD_FAMILIES = 4 };

/* Features as bits; what a card lacks the layer hides, of what it has the driver may still have less. */
enum {
    CARD_INT64         = 1 << 0,
    CARD_SPARSE        = 1 << 1,
    CARD_STORAGE16     = 1 << 2,
    CARD_FLOAT16       = 1 << 3,
    CARD_INT8          = 1 << 4,
    CARD_ADDRESS       = 1 << 5,
    CARD_MEMORY_MODEL  = 1 << 6,
    CARD_TIMELINE      = 1 << 7,
    CARD_SUBGROUP_SIZE = 1 << 8, /* subgroup size control: the driver's sizes, as those of the card it cannot make */
    CARD_BUDGET        = 1 << 9,
    CARD_STATISTICS    = 1 << 10,
    CARD_PUSH          = 1 << 11, /* VK_KHR_push_descriptor */
    CARD_MATRICES      = 1 << 12,
    CARD_PORTABILITY   = 1 << 13 /* VK_KHR_portability_subset, which must be turned on */
};

typedef struct Card {
    const char          *name, *device, *driver;
    bool                 as_driver; /* nothing is other than the driver says: only memory is as a card's */
    VkPhysicalDeviceType type;
    VkDriverId           driver_id;
    uint32_t             vendor, id, api;
    uint32_t             features;
    /* Limits by Vulkan's names; subgroup 0: the driver's. */
    uint32_t invocations, group_x, group_z, shared, groups_x;
    uint32_t range, range_alignment, texels, texel_alignment, push;
    uint32_t stage_buffers, set_buffers, subgroup, allocations, atom, timestamp_bits;
    uint32_t subgroups; /* maxComputeWorkgroupSubgroups; 0: the driver's */
    /* Of each family that computes, the first with graphics; 0: no further one. All are one queue of the driver's. */
    uint32_t queues[CARD_FAMILIES];
    float    timestamp_period; /* nanoseconds */
    uint64_t allocation, buffer;
    struct {
        VkMemoryPropertyFlags flags;
        uint32_t              heap;
    } types[CARD_TYPES]; /* up to `type_count` */
    uint32_t type_count;
    struct {
        uint64_t bytes;
        bool     local;
    } heaps[CARD_HEAPS];
    uint32_t heap_count;
} Card;

/* cards.c: all of them. */
extern const Card   cards[];
extern const size_t card_count;

/* chosen.c: the card that RLSP_CARD means; NULL: none, or it says nothing of the kind (then the program is ended). */
const Card *card_chosen(void);

/* queries.c: what the physical device says, made the card's. */
void     card_properties(const Card *card, VkPhysicalDeviceProperties *properties);
void     card_properties2(const Card *card, VkPhysicalDeviceProperties2 *properties);
void     card_features(const Card *card, VkPhysicalDeviceFeatures *features);
void     card_features2(const Card *card, void *chain); /* VkPhysicalDeviceFeatures2 or what follows it */
void     card_memory(const Card *card, VkPhysicalDeviceMemoryProperties *memory);
uint32_t card_families(const Card *card);
VkQueueFamilyProperties card_family(const Card *card, uint32_t family, VkQueueFamilyProperties of_driver);
/* Whether the card lacks an extension that the driver has. */
bool card_lacks_extension(const Card *card, const char *name);
/* Whether what is to be turned on is more than the card has; the name of the first such thing, or NULL. */
const char *card_excess(const Card *card, const VkDeviceCreateInfo *info);

#endif
