/* Counter-based randomness: Philox 4x32-10 (Salmon et al. 2011, "Parallel random
 * numbers: as easy as 1, 2, 3"). A stream is named by (seed, purpose, step, row)
 * and gives the same numbers on every machine, in C here and in
 * shaders/include/philox.glsl on the device, whatever order the streams are
 * read in; nothing has to be saved to resume but the four numbers.
 *
 *     Random random = random_stream(seed, RANDOM_TASK, step, row);
 *     uint32_t die  = random_below(&random, 6);
 */
#ifndef ENGINE_RANDOM_H
#define ENGINE_RANDOM_H

#include <stdint.h>

typedef enum RandomPurpose {
    RANDOM_INIT      = 1, /* parameter initialisation: step = tensor index, row = 0 */
    RANDOM_SAMPLE    = 2, /* token sampling: step = sequence id, row = position      */
    RANDOM_TASK      = 3, /* problems                                                */
    RANDOM_DEMO      = 4, /* demonstrations                                          */
    RANDOM_SHUFFLE   = 5, /* data order, minibatch order                             */
    RANDOM_EVAL      = 6, /* held-out problems                                       */
    RANDOM_TEST      = 7,
    RANDOM_ASKED     = 8,  /* seeds of responses that a user asks for: step, which of the step's */
    RANDOM_LORA      = 9,  /* adapter initialisation: step = matrix index, row = 0    */
    RANDOM_BOOTSTRAP = 10, /* resamples of problems: step = which, row = 0          */
    RANDOM_VOTE      = 11, /* subsets of samples: step = problem, row = their size  */
    RANDOM_SIGNS     = 12, /* signs of a permutation test: step = which, row = 0    */
    RANDOM_RETRY     = 13, /* pauses between tries of a request: step = request, row = try */
    RANDOM_DROPOUT   = 14  /* masks of adapters: step = of the run, row = micro-batch and matrix */
} RandomPurpose;

typedef struct Random {
    uint32_t key[2];     /* seed low, seed high                             */
    uint32_t counter[4]; /* block number, row, step, purpose                */
    uint32_t block[4];   /* the current block's four words                  */
    uint32_t used;       /* words of `block` already given; 4: none left    */
} Random;

/* One block of Philox 4x32-10: out = f(counter, key). */
void philox4x32(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

Random   random_stream(uint64_t seed, RandomPurpose purpose, uint32_t step, uint32_t row);
uint32_t random_u32(Random *random);
uint32_t random_below(Random *random, uint32_t bound); /* uniform in [0, bound), unbiased; bound > 0 */
double   random_uniform(Random *random);               /* [0, 1), 24 bits: (u32 >> 8) * 2^-24, as on the device */
double   random_normal(Random *random);                /* N(0, 1), Box-Muller in double */

#endif
