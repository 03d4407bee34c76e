#include "engine/random.h"

#include <math.h>

void philox4x32(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        uint32_t n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c0          = n0;
        c1          = (uint32_t)p1;
        c2          = n2;
        c3          = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

Random random_stream(uint64_t seed, RandomPurpose purpose, uint32_t step, uint32_t row)
{
    Random random = {
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32)}, .counter = {0, row, step, (uint32_t)purpose}, .used = 4};
    return random;
}

uint32_t random_u32(Random *random)
{
    if (random->used == 4) {
        philox4x32(random->block, random->counter, random->key);
        random->counter[0]++;
        random->used = 0;
    }
    return random->block[random->used++];
}

uint32_t random_below(Random *random, uint32_t bound)
{
    /* Lemire's method: reject the few values that would make low results likelier. */
    uint32_t threshold = (uint32_t)(0u - bound) % bound;
    for (;;) {
        uint64_t product = (uint64_t)random_u32(random) * bound;
        if ((uint32_t)product >= threshold) {
            return (uint32_t)(product >> 32);
        }
    }
}

double random_uniform(Random *random)
{
    return (double)(random_u32(random) >> 8) * 0x1p-24;
}

double random_normal(Random *random)
{
    double u1 = ((double)random_u32(random) + 0.5) * 0x1p-32;
    double u2 = ((double)random_u32(random) + 0.5) * 0x1p-32;
    return sqrt(-2.0 * log(u1)) * cos(6.283185307179586476925 * u2);
}
