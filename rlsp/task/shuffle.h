/* A random order of any number of things, without an array.
 *
 *     for (uint64_t n = 0;; n++) {                          // epoch after epoch
 *         uint64_t i = shuffle_index(seed, stream, n / count, count, n % count);
 *
 * Place `index` of epoch `epoch` is worked out by itself: a resumed run needs nothing but its position.
 */
#ifndef RLSP_TASK_SHUFFLE_H
#define RLSP_TASK_SHUFFLE_H

#include <stdint.h>

/* Which of 0 … count - 1 comes at place `index` < count: a permutation for every (seed, stream, epoch, count), the
 * same on every machine. `stream` tells several orders of one seed apart. */
uint64_t shuffle_index(uint64_t seed, uint32_t stream, uint64_t epoch, uint64_t count, uint64_t index);

#endif
