/* PaneLengths: the distribution of trace lengths, now over that of the first step, of rl_step's length_bin_0 …
 * length_bin_15 (shares; bin i is from i to i + 1 sixteenths of length_bins_high tokens). "Now" is the mean of the
 * newest steps. */
#ifndef RLSP_TUI_PANE_LENGTHS_H
#define RLSP_TUI_PANE_LENGTHS_H

#include "rlsp/run/history.h"
#include "tui/draw/canvas.h"

void pane_lengths_draw(const History *history, Area area, Glyphs glyphs); /* any size */

#endif
