/* Chains: the legal expressions of a countdown problem, for drawing targets and
 * writing demonstrations.
 *
 * A chain starts with two of the numbers, a > b, and c = a op b; then each other
 * number d joins with the larger operand first (c op d, or d op c; c first where
 * they are equal). op is + - *, and every result lies in 1..max_target. For three
 * numbers that is every way to use them all: 18.3 chains a problem on average.
 *
 *     ChainList list;
 *     chains_find(&list, problem.numbers, 3, 99);
 *     chain_write_box(&list.chains[0], text, sizeof text);      // (20*3)-7
 *     chain_write_attempt(&list.chains[0], text, sizeof text);  // Try (20*3)-7=60-7=53.
 */
#ifndef RLSP_TASK_CHAIN_H
#define RLSP_TASK_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CHAIN_NUMBERS_MAX = 4, CHAINS_MAX = 324, CHAIN_TEXT_BYTES = 96 };

typedef struct Chain {
    uint32_t steps; /* numbers - 1 */
    int32_t  start; /* a                                             */
    struct {
        char    op;
        bool    reversed; /* number op result                        */
        int32_t number;   /* b, then each d                          */
        int32_t value;    /* after this step                         */
    } step[CHAIN_NUMBERS_MAX - 1];
} Chain;

typedef struct ChainList {
    uint32_t count;
    Chain    chains[CHAINS_MAX];
} ChainList;

/* Numbers: 2..CHAIN_NUMBERS_MAX, distinct. The order of the list is fixed. */
void chains_find(ChainList *list, const int64_t *numbers, uint32_t count, uint32_t max_target);

int32_t chain_value(const Chain *chain);

/* Each writes into CHAIN_TEXT_BYTES and returns the length. */
size_t chain_write_box(const Chain *chain, char out[CHAIN_TEXT_BYTES]);     /* (20*3)-7             */
size_t chain_write_attempt(const Chain *chain, char out[CHAIN_TEXT_BYTES]); /* Try (20*3)-7=60-7=53. */
size_t chain_write_check(const Chain *chain, char out[CHAIN_TEXT_BYTES]);   /* 20*3=60,60-7=53.     */

#endif
