/* PaneMachine: device and driver, memory (in use, peak, of how much), tokens per second, time per phase of a step
 * (generate, judge, score, advantages, update) as bars, time gone and time left. From run_start and the time_ fields
 * of the steps. */
#ifndef RLSP_TUI_PANE_MACHINE_H
#define RLSP_TUI_PANE_MACHINE_H

#include "rlsp/run/history.h"
#include "tui/draw/canvas.h"

void pane_machine_draw(const History *history, Area area, Glyphs glyphs); /* any size: the most important lines first */

/* "1h 02m", "3m 20s", "14s", "2d 3h"; at most 8 characters; "" for not-a-number. */
void machine_duration(double seconds, char out[16]);

#endif
