/* Votes: self-consistency (Wang et al. 2022, arXiv 2203.11171) with votes that are merged by equivalence.
 *
 *     int32_t class_of[n];                                             // of each sample; -1: it has no answer
 *     vote_classes(answers, n, same, user, class_of, &classes, &error);
 *     int64_t winner = vote_winner(class_of, n);                       // maj@n: is samples[winner] right?
 *     double  maj8 = maj_at_k(&(VoteCount){…}, 8);                     // maj@8 from n > 8 samples
 *
 * Classes are the transitive closure of "the same", so that they do not depend on the order of the samples. They are
 * numbered in the order in which they are first seen. An answer that is not there has no vote.
 */
#ifndef RLSP_EVAL_VOTE_H
#define RLSP_EVAL_VOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/error.h"

enum {
    VOTE_SAMPLES_MAX  = 1024, /* of one problem; binomials of more do not fit a double                       */
    VOTE_COMPARED_MAX = 256,  /* different texts that are compared with one another; later ones are the same
                                 as another only if their texts are                                          */
    VOTE_SUBSAMPLES = 10000   /* where counting all subsets takes too long                                   */
};

/* Whether two different texts mean the same. Need not be symmetric: it is asked both ways. */
typedef bool (*VoteSame)(void *user, const char *a, const char *b);

/* answers [n], NULL: none. class_of [n]. Fails only for want of memory. */
Status vote_classes(const char *const *answers, uint32_t n, VoteSame same, void *user, int32_t *class_of,
                    uint32_t *classes, Error *error);

/* The first sample of the class with most votes, of equally frequent ones the first seen; -1: no votes. */
int64_t vote_winner(const int32_t *class_of, uint32_t n);

/* How n samples of a problem voted. */
typedef struct VoteCount {
    const uint32_t *votes;   /* [classes]                                 */
    const bool     *correct; /* [classes] whether that answer is right    */
    uint32_t        classes, unanswered;
    uint64_t        seed;    /* for subsampling                           */
    uint32_t        problem; /* names the random stream of it             */
} VoteCount;

/* The chance that the majority of k of the n samples is right: over all subsets of k samples in all orders, of equally
 * frequent classes the one seen first winning (so that each of t of them wins in 1 of t orders). Exact, by counting;
 * where that takes too long (*exact = false) the mean of VOTE_SUBSAMPLES subsets that are drawn from
 * random_stream(seed, RANDOM_VOTE, problem, k). 1 <= k <= n <= VOTE_SAMPLES_MAX. NaN: out of memory. */
double maj_at_k(const VoteCount *count, uint32_t k, bool *exact);

#endif
