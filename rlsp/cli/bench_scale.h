/* What the files of `rlsp bench scale` share: bench_scale.c measures and fits, bench_scale_report.c tells. */
#ifndef RLSP_CLI_BENCH_SCALE_H
#define RLSP_CLI_BENCH_SCALE_H

#include "rlsp/cli/bench.h"
#include "rlsp/cli/bench_fit.h"

enum { SCALE_POINTS = 12, SCALE_SWEEPS = 6, SCALE_AMOUNTS = 3 };

typedef struct ScalePoint {
    double   x; /* what the sweep changes */
    double   parameters;
    uint32_t sequences, length;
    double   seconds, fitted;
    double   spent[CLASSES];                 /* of the seconds, by the shares of the profile   */
    double   amount[CLASSES][SCALE_AMOUNTS]; /* calls, flops, bytes; of the rest: calls, 1, 0 */
} ScalePoint;

/* Points that differ in one thing. */
typedef struct ScaleSweep {
    const char *name, *x_name; /* "batch", "tokens a step" */
    bool        decode;
    ScalePoint  points[SCALE_POINTS];
    int         count;
} ScaleSweep;

/* The summands of a step's time, as they are told: what a step and a kernel cost whatever they do, and the rest by
 * what it is. */
typedef enum ScaleTerm { TERM_STEP, TERM_KERNELS, TERM_PRODUCTS, TERM_ATTENTION, TERM_OTHER, SCALE_TERMS } ScaleTerm;

typedef struct ScaleFit {
    double coefficient[CLASSES][SCALE_AMOUNTS]; /* seconds of one */
    double class_error[CLASSES], error;         /* root of the mean square of fitted / measured - 1 */
} ScaleFit;

typedef struct BenchScale {
    ScaleSweep sweeps[SCALE_SWEEPS];
    int        count;
    ScaleFit   train, decode;
} BenchScale;

/* Seconds of a point's term. */
double scale_part(const ScaleFit *fit, const ScalePoint *point, ScaleTerm term);

/* The table and the fields of the JSON object that is open. */
void scale_print(const BenchScale *scale);
void scale_json(JsonLine *line, const BenchScale *scale);

/* A panel per sweep, both axes logarithmic. */
Status scale_plot(const BenchScale *scale, const char *device, const char *path, Error *error);

#endif
