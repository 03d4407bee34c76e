/* What `rlsp bench scale` says: the points beside the model, the coefficients, where the lines bend, and a picture. */
#include "rlsp/cli/bench_scale.h"

#include <math.h>
#include <stdio.h>

#include "tui/image/plot.h"

enum { BETWEEN = 16, LINE = SCALE_POINTS * BETWEEN };

static const char *const term_names[SCALE_TERMS] = {"each step", "each kernel", "products", "attention",
                                                    "other kernels"};

static const ScaleFit *fit_of(const BenchScale *scale, const ScaleSweep *sweep)
{
    return sweep->decode ? &scale->decode : &scale->train;
}

/* The exponent of x between a point and the one before; NAN for the first. */
static double slope_at(const ScaleSweep *sweep, int i)
{
    return i > 0 ? log(sweep->points[i].seconds / sweep->points[i - 1].seconds) /
                       log(sweep->points[i].x / sweep->points[i - 1].x)
                 : (double)NAN;
}

/* --- text */

static void print_sweep(const BenchScale *scale, const ScaleSweep *sweep)
{
    const ScaleFit *fit = fit_of(scale, sweep);
    printf("\n%s\n%12s %11s %6s %7s %10s %10s %6s %5s ", sweep->name, sweep->x_name, "parameters", "batch", "length",
           "ms", "model, ms", "off", "slope");
    for (int t = 0; t < SCALE_TERMS; t++) {
        printf(" %14s", term_names[t]);
    }
    putchar('\n');
    for (int i = 0; i < sweep->count; i++) {
        const ScalePoint *p = &sweep->points[i];
        printf("%17.0f %11.0f %6u %7u %10.4g %10.4g %+5.0f%% ", p->x, p->parameters, p->sequences, p->length,
               1e3 * p->seconds, 1e3 * p->fitted, 100 * (p->fitted / p->seconds - 1));
        if (i > 0) {
            printf("%5.2f ", slope_at(sweep, i));
        } else {
            printf("%5s ", "");
        }
        for (int t = 0; t < SCALE_TERMS; t++) {
            printf(" %13.0f%%", 100 * scale_part(fit, p, (ScaleTerm)t) / p->fitted);
        }
        putchar('\n');
    }
}

/* What is told of a class: its cost per call, and the rates at which it works. */
static const struct {
    const char *name, *key;
} classes[CLASSES] = {
    {"products", "products"}, {"attention", "attention"}, {"other kernels", "other"}, {"between kernels", "rest"}};

static void print_fit(const char *what, const ScaleFit *fit)
{
    printf("\na %s step takes, by all its points (off by %.0f%%, in the root of the mean square):\n", what,
           100 * fit->error);
    printf("  each step %.3g ms\n", 1e3 * fit->coefficient[CLASS_REST][1]);
    for (int c = 0; c < CLASSES; c++) {
        const double *k = fit->coefficient[c];
        printf("  %-16s each call %.3g us", classes[c].name, 1e6 * k[0]);
        if (c != CLASS_REST && k[1] > 0) {
            printf(", %.4g GFLOP/s", 1e-9 / k[1]);
        }
        if (k[2] > 0) {
            printf(", %.4g GB/s", 1e-9 / k[2]);
        }
        printf("; off by %.0f%%\n", 100 * fit->class_error[c]);
    }
}

/* Where, going up in x, the terms of a set come to more than half, or to less: by the model, between points. 0:
 * nowhere. */
static double crossing(const ScaleFit *fit, const ScaleSweep *sweep, unsigned terms, bool upwards)
{
    double before = 0;
    for (int i = 0; i < sweep->count; i++) {
        const ScalePoint *p     = &sweep->points[i];
        double            share = 0;
        for (int t = 0; t < SCALE_TERMS; t++) {
            share += terms >> t & 1 ? scale_part(fit, p, (ScaleTerm)t) / p->fitted : 0;
        }
        if (i > 0 && (upwards ? before < 0.5 && share >= 0.5 : before > 0.5 && share <= 0.5)) {
            const double at = (0.5 - before) / (share - before);
            return exp(log(sweep->points[i - 1].x) + at * log(p->x / sweep->points[i - 1].x));
        }
        before = share;
    }
    return 0;
}

/* Terms that do not grow with the work: each step and each kernel. */
enum { OVERHEAD = 1 << TERM_STEP | 1 << TERM_KERNELS, ATTENTION = 1 << TERM_ATTENTION };

static void print_bends(const BenchScale *scale)
{
    printf("\nwhere the lines bend, by the model:\n");
    for (int s = 0; s < scale->count; s++) {
        const ScaleSweep *sweep = &scale->sweeps[s];
        const ScaleFit   *fit   = fit_of(scale, sweep);
        const double      ends = crossing(fit, sweep, OVERHEAD, false), begins = crossing(fit, sweep, ATTENTION, true);
        if (ends > 0) {
            printf("  %s: below %.0f %s most of a step is what it and its kernels cost whatever they do\n", sweep->name,
                   ends, sweep->x_name);
        }
        if (begins > 0) {
            printf("  %s: above %.0f %s most of a step is %s\n", sweep->name, begins, sweep->x_name,
                   sweep->decode ? "reading keys and values"
                                 : "attention, whose part of a token grows with the length");
        }
        if (ends == 0 && begins == 0 && sweep->count > 1) {
            int               most = 0;
            const ScalePoint *last = &sweep->points[sweep->count - 1];
            for (int t = 1; t < SCALE_TERMS; t++) {
                most = scale_part(fit, last, (ScaleTerm)t) > scale_part(fit, last, (ScaleTerm)most) ? t : most;
            }
            printf("  %s: nowhere in this range; at its end the largest part is %s\n", sweep->name, term_names[most]);
        }
    }
}

void scale_print(const BenchScale *scale)
{
    for (int s = 0; s < scale->count; s++) {
        print_sweep(scale, &scale->sweeps[s]);
    }
    print_fit("training", &scale->train);
    print_fit("decode", &scale->decode);
    print_bends(scale);
    printf("\noff: the model beside the measured time. slope: the exponent of x since the point before, 1 where time "
           "grows with it.\n"
           "The columns after it: shares of the model's time.\n");
}

/* --- JSON */

static void rate_field(JsonLine *line, const char *key, double seconds_of_one)
{
    if (seconds_of_one > 0) {
        json_line_number_field(line, key, 1 / seconds_of_one);
    }
}

static void json_fit(JsonLine *line, const char *key, const ScaleFit *fit)
{
    json_line_key(line, key);
    json_line_begin(line, '{');
    json_line_number_field(line, "error", fit->error);
    json_line_number_field(line, "step_seconds", fit->coefficient[CLASS_REST][1]);
    for (int c = 0; c < CLASSES; c++) {
        json_line_key(line, classes[c].key);
        json_line_begin(line, '{');
        json_line_number_field(line, "error", fit->class_error[c]);
        json_line_number_field(line, "call_seconds", fit->coefficient[c][0]);
        if (c != CLASS_REST) {
            rate_field(line, "flops_per_second", fit->coefficient[c][1]);
            rate_field(line, "bytes_per_second", fit->coefficient[c][2]);
        }
        json_line_end(line, '}');
    }
    json_line_end(line, '}');
}

void scale_json(JsonLine *line, const BenchScale *scale)
{
    json_fit(line, "training", &scale->train);
    json_fit(line, "decoding", &scale->decode);
    json_line_key(line, "sweeps");
    json_line_begin(line, '[');
    for (int s = 0; s < scale->count; s++) {
        const ScaleSweep *sweep = &scale->sweeps[s];
        json_line_begin(line, '{');
        json_line_text_field(line, "sweep", sweep->name);
        json_line_text_field(line, "x", sweep->x_name);
        json_line_key(line, "points");
        json_line_begin(line, '[');
        for (int i = 0; i < sweep->count; i++) {
            const ScalePoint *p = &sweep->points[i];
            json_line_begin(line, '{');
            json_line_number_field(line, "x", p->x);
            json_line_number_field(line, "parameters", p->parameters);
            json_line_number_field(line, "batch", p->sequences);
            json_line_number_field(line, "length", p->length);
            json_line_number_field(line, "seconds", p->seconds);
            json_line_number_field(line, "model_seconds", p->fitted);
            for (int c = 0; c < CLASSES; c++) {
                json_line_key(line, classes[c].key);
                json_line_begin(line, '{');
                json_line_number_field(line, "seconds", p->spent[c]);
                json_line_number_field(line, "calls", p->amount[c][0]);
                json_line_number_field(line, "flops", c != CLASS_REST ? p->amount[c][1] : 0);
                json_line_number_field(line, "bytes", p->amount[c][2]);
                json_line_end(line, '}');
            }
            json_line_end(line, '}');
        }
        json_line_end(line, ']');
        json_line_end(line, '}');
    }
    json_line_end(line, ']');
}

/* --- picture */

/* The curves of a panel. */
typedef struct Curves {
    double measured_x[SCALE_POINTS], line_x[LINE];
    float  measured[SCALE_POINTS], line[LINE], overhead[LINE];
} Curves;

/* The model between the points: amounts go from one to the next as powers of x do. */
static int draw_line(const ScaleFit *fit, const ScaleSweep *sweep, Curves *curves)
{
    int count = 0;
    for (int i = 0; i + 1 < sweep->count; i++) {
        const ScalePoint *a = &sweep->points[i], *b = &sweep->points[i + 1];
        for (int k = 0; k < BETWEEN + (i + 2 == sweep->count ? 1 : 0); k++) {
            const double at  = (double)k / BETWEEN;
            double       sum = 0, overhead = 0;
            for (int t = 0; t < SCALE_TERMS; t++) {
                const double low = scale_part(fit, a, (ScaleTerm)t), high = scale_part(fit, b, (ScaleTerm)t);
                const double part = low > 0 && high > 0 ? low * pow(high / low, at) : low + at * (high - low);
                sum += part;
                overhead += OVERHEAD >> t & 1 ? part : 0;
            }
            curves->line_x[count]     = a->x * pow(b->x / a->x, at);
            curves->line[count]       = (float)(1e3 * sum);
            curves->overhead[count++] = (float)(1e3 * overhead);
        }
    }
    return count;
}

Status scale_plot(const BenchScale *scale, const char *device, const char *path, Error *error)
{
    static Curves curves[SCALE_SWEEPS];
    ChartSeries   series[SCALE_SWEEPS][3];
    PlotPanel     panels[SCALE_SWEEPS];
    char          title[400];
    for (int s = 0; s < scale->count; s++) {
        const ScaleSweep *sweep = &scale->sweeps[s];
        Curves           *c     = &curves[s];
        const size_t      line  = (size_t)draw_line(fit_of(scale, sweep), sweep, c);
        for (int i = 0; i < sweep->count; i++) {
            c->measured_x[i] = sweep->points[i].x;
            c->measured[i]   = (float)(1e3 * sweep->points[i].seconds);
        }
        series[s][0] = (ChartSeries){.name  = "measured",
                                     .x     = c->measured_x,
                                     .y     = c->measured,
                                     .count = (size_t)sweep->count,
                                     .ink   = INK_SERIES_1};
        series[s][1] = (ChartSeries){.name = "model", .x = c->line_x, .y = c->line, .count = line, .ink = INK_SERIES_2};
        series[s][2] = (ChartSeries){
            .name = "of it each step and kernel", .x = c->line_x, .y = c->overhead, .count = line, .ink = INK_SERIES_3};
        panels[s] = (PlotPanel){.chart   = {.title        = sweep->name,
                                            .unit         = "ms a step",
                                            .series       = series[s],
                                            .series_count = 3,
                                            .log_x        = true,
                                            .log_y        = true,
                                            .legend       = true},
                                .x_label = sweep->x_name};
    }
    snprintf(title, sizeof title, "time of a step: %s", device);
    return plot_write(
        &(Plot){
            .title = title, .panels = panels, .panel_count = scale->count, .columns = 3, .width = 1800, .height = 1000},
        path, error);
}
