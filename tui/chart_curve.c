#include "tui/chart_parts.h"

#include <math.h>

/* --- smoothing */

/* Exponential mean, divided by the weight it has so far, so that it does not begin at zero. */
typedef struct Mean {
    double decay, sum, weight;
} Mean;

static double mean_next(Mean *mean, double value)
{
    if (!isfinite(value)) {
        return NAN;
    }
    mean->sum    = mean->decay * mean->sum + (1 - mean->decay) * value;
    mean->weight = mean->decay * mean->weight + (1 - mean->decay);
    return mean->sum / mean->weight;
}

static double decay_of(double smoothing)
{
    return smoothing > 0 ? fmin(smoothing, 0.99) : 0;
}

void chart_smooth(const float *y, size_t count, double smoothing, float *out)
{
    Mean mean = {.decay = decay_of(smoothing)};
    for (size_t i = 0; i < count; i++) {
        out[i] = (float)mean_next(&mean, (double)y[i]);
    }
}

/* --- points to buckets */

typedef struct Builder {
    const CurveWindow *window;
    Bucket            *buckets;
    double             factor; /* columns per x */
    bool               started, gap;
    double             x, low, high; /* the point before */
} Builder;

static Builder builder_of(const CurveWindow *window, Bucket *buckets)
{
    for (int i = 0; i < window->columns; i++) {
        buckets[i].filled = false;
    }
    return (Builder){
        .window = window, .buckets = buckets, .factor = (window->columns - 1) / (window->x_max - window->x_min)};
}

static void put(Builder *builder, double x, double low, double high, bool joined)
{
    const double place  = (x - builder->window->x_min) * builder->factor + 0.5;
    const int    last   = builder->window->columns - 1;
    const int    column = !(place > 0) ? 0 : place >= last ? last : (int)place;
    Bucket      *bucket = &builder->buckets[column];
    if (!bucket->filled) {
        *bucket = (Bucket){low, high, low, low, true, joined};
        return;
    }
    bucket->low  = low < bucket->low ? low : bucket->low;
    bucket->high = high > bucket->high ? high : bucket->high;
    bucket->last = low;
}

static void put_crossing(Builder *builder, double edge, double x, double low, double high, bool joined)
{
    const double part = (edge - builder->x) / (x - builder->x);
    put(builder, edge, builder->low + part * (low - builder->low), builder->high + part * (high - builder->high),
        joined);
}

/* The next point, x rising; not-a-number, an infinity, or what a logarithm cannot take, is a gap. */
static void add(Builder *builder, double x, double low, double high)
{
    const CurveWindow *window = builder->window;
    if (!(fabs(x) < 1e300) || !isfinite(low) || !isfinite(high) || (window->log && !(high > 0))) {
        builder->gap = true;
        return;
    }
    const bool joined = builder->started && !builder->gap;
    if (x >= window->x_min) {
        if (joined && builder->x < window->x_min && x > window->x_min) {
            put_crossing(builder, window->x_min, x, low, high, false);
        }
        if (x <= window->x_max) {
            put(builder, x, low, high, joined);
        } else if (joined && builder->x < window->x_max) {
            put_crossing(builder, window->x_max, x, low, high, true);
        }
    }
    builder->started = true;
    builder->gap     = false;
    builder->x       = x;
    builder->low     = low;
    builder->high    = high;
}

/* The first point at or after x. */
static size_t find_x(const ChartSeries *series, double x)
{
    size_t low = 0, high = series->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (series->x[middle] < x) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The finite point nearest to the cursor; count: none, or the cursor is beyond the ends of the series. */
static size_t find_cursor(const ChartSeries *series, const CurveWindow *window)
{
    const double x      = window->cursor_x;
    const size_t middle = find_x(series, x), none = series->count;
    size_t       before = middle, after = middle;
    while (before > 0 && !isfinite(series->y[before - 1])) {
        before--;
    }
    while (after < none && !isfinite(series->y[after])) {
        after++;
    }
    const double left  = before > 0 ? x - series->x[before - 1] : INFINITY;
    const double right = after < none ? series->x[after] - x : INFINITY;
    if ((before == 0 && !(right <= window->reach)) || (after == none && !(left <= window->reach))) {
        return none;
    }
    return left <= right ? before - 1 : after;
}

void curve_reduce(const ChartSeries *series, const CurveWindow *window, CurveBuckets *buckets)
{
    const double decay = decay_of(window->smoothing);
    Mean         mean = {.decay = decay}, spread_mean = {.decay = decay};
    Builder      drawn = builder_of(window, buckets->drawn), raw = builder_of(window, buckets->raw),
            band         = builder_of(window, buckets->band);
    const size_t cursor  = window->cursor ? find_cursor(series, window) : 0;
    const size_t visible = find_x(series, window->x_min), begin = visible > 0 ? visible - 1 : 0;
    buckets->reading = (CurveReading){.found = false};
    for (size_t i = decay > 0 ? 0 : begin; i < series->count; i++) {
        const double x = series->x[i], y = (double)series->y[i], value = mean_next(&mean, y);
        if (series->spread != NULL) {
            const double spread = fabs(mean_next(&spread_mean, (double)series->spread[i]));
            if (i >= begin) {
                /* The logarithm of what lies below zero is as low as can be. */
                add(&band, x, window->log ? fmax(value - spread, 1e-300) : value - spread, value + spread);
            }
        }
        if (i >= begin) {
            add(&drawn, x, value, value);
            if (decay > 0) {
                add(&raw, x, y, y);
            }
        }
        if (window->cursor ? i == cursor : x >= window->x_min && x <= window->x_max && isfinite(value)) {
            buckets->reading = (CurveReading){true, value, y};
        }
        if (x > window->x_max && !(window->cursor && i < cursor && cursor < series->count)) {
            break;
        }
    }
}

/* --- buckets to dots */

int dot_at(double share, int dots)
{
    const double dot = share * (dots - 1), far = 1e6;
    return (int)lround(dot > far ? far : dot > -far ? dot : -far);
}

static int row_of(const Dots *dots, const Scale *y, double value)
{
    return dot_at(1 - scale_share(y, value), dots->height);
}

static void mark(int *tops, int *bottoms, int column, int from, int to)
{
    const int top = from < to ? from : to, bottom = from < to ? to : from;
    tops[column]    = top < tops[column] ? top : tops[column];
    bottoms[column] = bottom > bottoms[column] ? bottom : bottoms[column];
}

/* A line from one column to a later one; where it is steep, each of two columns takes half of the way. */
static void mark_line(int *tops, int *bottoms, int column, int row, int to_column, int to_row)
{
    int before = row;
    for (int c = column + 1; c <= to_column; c++) {
        const double part = (double)(c - column) / (to_column - column);
        const int    now  = (int)lround(row + part * (to_row - row));
        const int    half = before + (now - before) / 2, side = now > before ? 1 : now < before ? -1 : 0;
        mark(tops, bottoms, c - 1, before, half);
        mark(tops, bottoms, c, half == now ? now : half + side, now);
        before = now;
    }
}

void curve_draw(Dots *dots, const Scale *y, const Bucket *buckets, Pen pen, int *tops, int *bottoms)
{
    for (int c = 0; c < dots->width; c++) {
        tops[c]    = dots->height;
        bottoms[c] = -1;
    }
    for (int c = 0, before = -1; c < dots->width; c++) {
        if (buckets[c].filled) {
            mark(tops, bottoms, c, row_of(dots, y, buckets[c].high), row_of(dots, y, buckets[c].low));
            if (buckets[c].joined && before >= 0) {
                mark_line(tops, bottoms, before, row_of(dots, y, buckets[before].last), c,
                          row_of(dots, y, buckets[c].first));
            }
            before = c;
        }
    }
    bool next_joined = false;
    for (int c = dots->width - 1; c >= 0; c--) {
        if (buckets[c].filled && !buckets[c].joined && !next_joined && tops[c] == bottoms[c]) {
            dots_point(dots, c, tops[c], pen);
        } else {
            dots_run(dots, c, tops[c], bottoms[c], pen);
        }
        next_joined = buckets[c].filled ? buckets[c].joined : next_joined;
    }
}

void band_draw(Dots *dots, const Scale *y, const Bucket *buckets, Pen pen)
{
    for (int c = 0, before = -1; c < dots->width; c++) {
        if (!buckets[c].filled) {
            continue;
        }
        const int top = row_of(dots, y, buckets[c].high), bottom = row_of(dots, y, buckets[c].low);
        if (buckets[c].joined && before >= 0) {
            const int from_top = row_of(dots, y, buckets[before].high), from = row_of(dots, y, buckets[before].low);
            for (int i = before + 1; i < c; i++) {
                const double part = (double)(i - before) / (c - before);
                dots_run(dots, i, (int)lround(from_top + part * (top - from_top)),
                         (int)lround(from + part * (bottom - from)), pen);
            }
        }
        dots_run(dots, c, top, bottom, pen);
        before = c;
    }
}
