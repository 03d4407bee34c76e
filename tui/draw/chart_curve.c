#include "tui/draw/chart_parts.h"

#include <math.h>
#include <stdlib.h>

/* Without a call: there may be a hundred thousand points to look at. */
static inline bool is_finite(double value)
{
    return value - value == 0;
}

/* --- smoothing */

/* Exponential mean, divided by the weight it has so far, so that it does not begin at zero. */
typedef struct Mean {
    double decay, sum, weight;
} Mean;

static inline double mean_next(Mean *mean, double value)
{
    if (!is_finite(value)) {
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

/* --- room */

SeriesCurves *curves_new(int series_count, int parts)
{
    const size_t  count    = series_count > 0 ? (size_t)series_count : 0;
    const size_t  capacity = (size_t)parts + 2; /* where a line enters and where it leaves */
    SeriesCurves *curves   = calloc(count + 1, sizeof *curves);
    Bucket       *buckets  = malloc((3 * count * capacity + 1) * sizeof *buckets);
    if (curves == NULL || buckets == NULL) {
        free(curves);
        free(buckets);
        return NULL;
    }
    curves[0].drawn.buckets = buckets;
    for (size_t s = 0; s < count; s++, buckets += 3 * capacity) {
        curves[s].drawn = (Curve){buckets, 0, (int)capacity};
        curves[s].raw   = (Curve){buckets + capacity, 0, (int)capacity};
        curves[s].band  = (Curve){buckets + 2 * capacity, 0, (int)capacity};
    }
    return curves;
}

void curves_free(SeriesCurves *curves)
{
    if (curves != NULL) {
        free(curves[0].drawn.buckets);
        free(curves);
    }
}

/* --- points to buckets */

typedef struct Builder {
    Curve *curve;
    double x_min, x_max, width; /* of a bucket: so much of x */
    double floor;               /* what is not above it cannot be drawn */
    double edge;                /* where the last bucket ends */
    Bucket last;
    double x, low, high; /* the point before */
    bool   started, gap;
} Builder;

static Builder builder_of(const CurveWindow *window, Curve *curve)
{
    curve->count = 0;
    return (Builder){.curve = curve,
                     .x_min = window->x_min,
                     .x_max = window->x_max,
                     .width = (window->x_max - window->x_min) / (curve->capacity - 2),
                     .floor = window->log ? 0 : -INFINITY,
                     .edge  = -INFINITY};
}

/* The last bucket is complete. */
static void put_last(Builder *builder)
{
    Curve *curve = builder->curve;
    if (builder->edge > -INFINITY && curve->count < curve->capacity) {
        curve->buckets[curve->count++] = builder->last;
    }
}

/* A bucket with one point. Rounding cannot make more of them than there is room for: then they go into the last. */
static void put(Builder *builder, double x, double low, double high, bool joined)
{
    put_last(builder);
    builder->edge = builder->x_min + (floor((x - builder->x_min) / builder->width) + 1) * builder->width;
    if (builder->curve->count + 1 >= builder->curve->capacity) {
        builder->edge = INFINITY;
    }
    builder->last = (Bucket){x, low, high, low, low, joined};
}

static void put_crossing(Builder *builder, double edge, double x, double low, double high, bool joined)
{
    const double part = (edge - builder->x) / (x - builder->x);
    put(builder, edge, builder->low + part * (low - builder->low), builder->high + part * (high - builder->high),
        joined);
}

/* A point that begins a bucket, or lies outside of the window. */
static void add_slowly(Builder *builder, double x, double low, double high)
{
    const bool joined = builder->started && !builder->gap;
    if (x >= builder->x_min) {
        if (joined && builder->x < builder->x_min && x > builder->x_min) {
            put_crossing(builder, builder->x_min, x, low, high, false);
        }
        if (x <= builder->x_max) {
            put(builder, x, low, high, joined);
        } else if (joined && builder->x < builder->x_max) {
            put_crossing(builder, builder->x_max, x, low, high, true);
        }
    }
    builder->started = true;
}

/* The next point, x rising; not-a-number, an infinity, or what a logarithm cannot take, is a gap. */
static inline void add(Builder *builder, double x, double low, double high)
{
    if (!(high > builder->floor && high < INFINITY && low > -INFINITY && fabs(x) < 1e300)) {
        builder->gap = true;
        return;
    }
    if (x < builder->edge) {
        builder->last.low  = low < builder->last.low ? low : builder->last.low;
        builder->last.high = high > builder->last.high ? high : builder->last.high;
        builder->last.last = low;
    } else {
        add_slowly(builder, x, low, high);
    }
    builder->gap  = false;
    builder->x    = x;
    builder->low  = low;
    builder->high = high;
}

size_t curve_find(const ChartSeries *series, double x)
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
    const size_t middle = curve_find(series, x), none = series->count;
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

/* Where smoothing has to begin, so that what lies before it has no weight any more at `begin`. */
static size_t first_of_mean(const ChartSeries *series, size_t begin, double decay)
{
    double weight = decay > 0 ? 1 : 0;
    while (begin > 0 && weight > 1e-9) {
        begin--;
        weight *= is_finite((double)series->y[begin]) ? decay : 1;
    }
    return begin;
}

void curve_reduce(const ChartSeries *series, const CurveWindow *window, SeriesCurves *curves)
{
    const double decay = decay_of(window->smoothing);
    Mean         mean = {.decay = decay}, spread_mean = {.decay = decay};
    Builder      drawn = builder_of(window, &curves->drawn), raw = builder_of(window, &curves->raw),
            band         = builder_of(window, &curves->band);
    const size_t cursor  = window->cursor ? find_cursor(series, window) : 0;
    const size_t visible = curve_find(series, window->x_min), begin = visible > 0 ? visible - 1 : 0;
    curves->reading = (CurveReading){.found = false};
    for (size_t i = first_of_mean(series, begin, decay); i < series->count; i++) {
        const double x = series->x[i], y = (double)series->y[i];
        const double value  = decay > 0 ? mean_next(&mean, y) : y;
        double       spread = 0;
        if (series->spread != NULL) {
            spread = fabs((double)series->spread[i]);
            spread = decay > 0 ? mean_next(&spread_mean, spread) : spread;
        }
        if (i < begin) {
            continue;
        }
        add(&drawn, x, value, value);
        if (decay > 0) {
            add(&raw, x, y, y);
        }
        if (series->spread != NULL) { /* below zero a logarithm is as low as can be */
            const double low = value - spread;
            add(&band, x, low < 1e-300 && window->log ? 1e-300 : low, value + spread);
        }
        if (window->cursor ? i == cursor : x >= window->x_min && x <= window->x_max && is_finite(value)) {
            curves->reading = (CurveReading){true, value, y};
        }
        if (x > window->x_max && !(window->cursor && i < cursor && cursor < series->count)) {
            break;
        }
    }
    put_last(&drawn);
    put_last(&raw);
    put_last(&band);
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

static int column_of(const Dots *dots, const Scale *x, double value)
{
    const int column = dot_at(scale_share(x, value), dots->width);
    return column < 0 ? 0 : column < dots->width ? column : dots->width - 1;
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

void curve_draw(Dots *dots, const Scale *x, const Scale *y, const Curve *curve, Pen pen, int *tops, int *bottoms)
{
    for (int c = 0; c < dots->width; c++) {
        tops[c]    = dots->height;
        bottoms[c] = -1;
    }
    for (int i = 0, before = 0; i < curve->count; i++) {
        const Bucket *bucket = &curve->buckets[i];
        const int     column = column_of(dots, x, bucket->x);
        const bool    leads = i + 1 < curve->count && bucket[1].joined, joined = i > 0 && bucket->joined;
        if (!joined && !leads && bucket->low == bucket->high) {
            dots_point(dots, column, row_of(dots, y, bucket->low), pen);
        } else {
            mark(tops, bottoms, column, row_of(dots, y, bucket->high), row_of(dots, y, bucket->low));
        }
        if (joined) {
            mark_line(tops, bottoms, before, row_of(dots, y, bucket[-1].last), column, row_of(dots, y, bucket->first));
        }
        before = column;
    }
    for (int c = 0; c < dots->width; c++) {
        dots_run(dots, c, tops[c], bottoms[c], pen);
    }
}

void band_draw(Dots *dots, const Scale *x, const Scale *y, const Curve *band, Pen pen)
{
    for (int i = 0, before = 0, from_top = 0, from = 0; i < band->count; i++) {
        const Bucket *bucket = &band->buckets[i];
        const int     column = column_of(dots, x, bucket->x);
        const int     top = row_of(dots, y, bucket->high), bottom = row_of(dots, y, bucket->low);
        for (int c = before + 1; i > 0 && bucket->joined && c < column; c++) {
            const double part = (double)(c - before) / (column - before);
            dots_run(dots, c, (int)lround(from_top + part * (top - from_top)),
                     (int)lround(from + part * (bottom - from)), pen);
        }
        dots_run(dots, column, top, bottom, pen);
        before   = column;
        from_top = top;
        from     = bottom;
    }
}
