/* PaneLog: the last lines of the run's log and of what the trainer printed, newest at the bottom; warnings and errors
 * in their colours. Scrolls with j k up down PgUp PgDn Home End; at the end it follows. */
#ifndef RLSP_TUI_PANE_LOG_H
#define RLSP_TUI_PANE_LOG_H

#include "rlsp/run/history.h"
#include "tui/draw/canvas.h"
#include "tui/terminal/terminal.h"

typedef struct PaneLog {
    int up;   /* lines above the newest that the bottom row is; 0: follows */
    int page; /* rows of the last drawing */
    int seen; /* lines there were then    */
} PaneLog;

void pane_log_draw(PaneLog *pane, const History *history, Area area, Glyphs glyphs); /* any size */
/* A line without its time, and without its level if that is "info". */
const char *pane_log_text(const char *line);
bool        pane_log_key(PaneLog *pane, TerminalKey key);

#endif
