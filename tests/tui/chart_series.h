/* What the tests of charts have in common: three series, and looking at a canvas. */
#ifndef RLSP_TESTS_TUI_CHART_SERIES_H
#define RLSP_TESTS_TUI_CHART_SERIES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>

#include "tui/draw/chart.h"

enum { POINTS = 41 };

static double xs[POINTS];
static float  rise[POINTS], fall[POINTS], spread[POINTS];

/* Curves of exact arithmetic, so that the screens are the same everywhere. */
static inline int set_up(void **state)
{
    (void)state;
    for (int i = 0; i < POINTS; i++) {
        xs[i]     = i;
        rise[i]   = (float)(i * i) / 1600.0f + (i % 4 == 1 ? 0.125f : 0);
        fall[i]   = 0.75f - (float)i / 64.0f;
        spread[i] = 0.0625f + (float)i / 256.0f;
    }
    return 0;
}

static inline char *text_of(const Canvas *canvas)
{
    char  *text  = NULL;
    size_t bytes = 0;
    FILE  *out   = open_memstream(&text, &bytes);
    assert_non_null(out);
    canvas_write_text(canvas, out);
    fclose(out);
    return text;
}

static inline const Cell *cell_at(const Canvas *canvas, int x, int y)
{
    return &canvas->cells[y * canvas->width + x];
}

#endif
