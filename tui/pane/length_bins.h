/* LengthBins: how the lengths of a step's traces are spread, from rl_step's length_bin_0 … length_bin_15. */
#ifndef RLSP_TUI_LENGTH_BINS_H
#define RLSP_TUI_LENGTH_BINS_H

#include "rlsp/run/history.h"

enum { LENGTH_BINS = 16 };

typedef struct LengthBins {
    float  share[LENGTH_BINS]; /* of the traces; bin i is from i to i + 1 sixteenths of high */
    double high;               /* tokens; 0: not known                                        */
} LengthBins;

/* The first step that has lengths, and the mean of the newest ones, both in bins of the newest step's size; false: none
 * has. */
bool length_bins_read(const History *history, LengthBins *start, LengthBins *now);

#endif
