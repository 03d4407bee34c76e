/* TraceAnsi: whole traces as text with colours, for a pager or a terminal that scrolls.
 *
 *     trace_ansi_write(stdout, &card, COLOURS_256);
 *     trace_ansi_legend(stdout, COLOURS_256);
 *
 * The same looks as in the viewer. Lines are left as they are, two columns in; an arrow before a line says that it
 * holds repeated text. Only SGR sequences ("\033[…m") are written: what a terminal would obey in a trace is shown
 * (text.h).
 */
#ifndef RLSP_TUI_TRACE_ANSI_H
#define RLSP_TUI_TRACE_ANSI_H

#include "tui/draw/theme.h"
#include "tui/trace/trace_card.h"

/* A verdict line, the parts of the reward, the behaviours, prompt and response. */
void trace_ansi_write(FILE *out, const TraceCard *card, Colours colours);
void trace_ansi_legend(FILE *out, Colours colours);

/* Text of unknown origin on one line, at most `columns` of it, cut with "…" if it is longer, without line ends and
 * spaces at its end; returns the columns written. */
int trace_text_line(FILE *out, const char *text, int columns);

#endif
