/* PaneBehaviour: how often traces search, go back, check, …, and whether those that do are right more often.
 *
 * A row per behaviour: evidence first (search, backtrack, check, repeats), then words alone, dim. Columns, as far as
 * there is room: share of traces (or per 1,000 tokens: `t`), what it was at the start of RL, a sparkline, P(correct |
 * behaviour) and P(correct | none). From the rl_step events: search backtrack backtracks check words_B (per trace),
 * traces_words_B (share), correct_with_X and correct_without_X for X in search, backtrack, check, words_B.
 */
#ifndef RLSP_TUI_PANE_BEHAVIOUR_H
#define RLSP_TUI_PANE_BEHAVIOUR_H

#include "rlsp/run/history.h"
#include "tui/draw/canvas.h"
#include "tui/terminal/terminal.h"

typedef struct PaneBehaviour {
    bool per_tokens; /* rates per 1,000 tokens instead of per trace */
    int  scroll;
} PaneBehaviour;

void pane_behaviour_title(const PaneBehaviour *pane, Glyphs glyphs, char *out, size_t size);
void pane_behaviour_draw(PaneBehaviour *pane, const History *history, Area area, Glyphs glyphs); /* any size */
bool pane_behaviour_key(PaneBehaviour *pane, TerminalKey key);

#endif
