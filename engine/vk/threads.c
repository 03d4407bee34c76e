/* In which thread lavapipe computes.
 *
 * Told to use one thread, it hands every dispatch to a thread of its own and waits for it: two switches between
 * threads, 6 to 12 us of processor time, which is half of what decoding one sequence of a small model takes (SPEED.md).
 * Told to use none, as it decides to on a machine of one processor, it computes where it would have waited. It is one
 * thread that computes in either.
 */
#include "engine/vk/private.h"

#include <stdlib.h>
#include <string.h>

static const char *const THREADS = "LP_NUM_THREADS";

void gpu_compute_in_place(void)
{
    const char *threads = getenv(THREADS);
    if (threads != NULL && strcmp(threads, "1") == 0) {
        setenv(THREADS, "0", 1);
    }
}
