/* A Feistel network with Philox as its round function (Luby and Rackoff 1988), on the smallest even number of bits that
 * holds `count`; what falls outside is enciphered again until it is inside ("cycle walking", Black and Rogaway 2002).
 * The domain is at most four times `count`, so that takes four turns on average at the worst. */
#include "rlsp/task/shuffle.h"

#include <assert.h>

#include "engine/random.h"

enum { ROUNDS = 8 };

uint64_t shuffle_index(uint64_t seed, uint32_t stream, uint64_t epoch, uint64_t count, uint64_t index)
{
    assert(index < count);
    uint32_t half = 1; /* bits */
    while (half < 32 && ((count - 1) >> (2 * half)) != 0) {
        half++;
    }
    const uint32_t mask   = (uint32_t)(((uint64_t)1 << half) - 1);
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    do {
        uint32_t left = (uint32_t)(index >> half) & mask, right = (uint32_t)index & mask;
        for (uint32_t round = 0; round < ROUNDS; round++) {
            /* The block's number and the purpose stand where random_stream puts them: no stream of the run meets this
             * one. */
            const uint32_t counter[4] = {right, stream, (uint32_t)epoch,
                                         RANDOM_SHUFFLE + ((round + 1) << 8) + ((uint32_t)(epoch >> 32) << 16)};
            uint32_t       out[4];
            philox4x32(out, counter, key);
            const uint32_t mixed = left ^ (out[0] & mask);
            left                 = right;
            right                = mixed;
        }
        index = (uint64_t)left << half | right;
    } while (index >= count);
    return index;
}
