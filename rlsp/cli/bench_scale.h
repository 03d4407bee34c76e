/* What the files of `rlsp bench scale` share: bench_scale.c measures and fits, bench_scale_report.c tells. */
#ifndef RLSP_CLI_BENCH_SCALE_H
#define RLSP_CLI_BENCH_SCALE_H

#include "rlsp/cli/bench.h"
#include "rlsp/cli/bench_fit.h"

enum { SCALE_POINTS = 12, SCALE_SWEEPS = 6, SCALE_TERMS = 5 };

typedef struct ScalePoint {
    double   x; /* what the sweep changes */
    double   parameters;
    uint32_t sequences, length;
    double   seconds, fitted;
    double   amount[FIT_TERMS]; /* of each term */
} ScalePoint;

/* Points that differ in one thing. */
typedef struct ScaleSweep {
    const char *name, *x_name; /* "batch", "tokens a step" */
    bool        decode;
    ScalePoint  points[SCALE_POINTS];
    int         count;
} ScaleSweep;

/* One of the summands of a step's time. */
typedef struct ScaleTerm {
    const char *name, *key;
    const char *unit;  /* of what is told, see `rate` */
    double      scale; /* of its unit                 */
    bool        rate;  /* told as amounts a second: flops, bytes; else as seconds of one */
} ScaleTerm;

typedef struct ScaleFit {
    const ScaleTerm *terms; /* [SCALE_TERMS] */
    double           coefficient[FIT_TERMS];
    double           error; /* root of the mean square of fitted / measured - 1 */
} ScaleFit;

typedef struct BenchScale {
    ScaleSweep sweeps[SCALE_SWEEPS];
    int        count;
    ScaleFit   train, decode;
} BenchScale;

/* Seconds of a point's term. */
double scale_part(const ScaleFit *fit, const ScalePoint *point, int term);

/* The table and the fields of the JSON object that is open. */
void scale_print(const BenchScale *scale);
void scale_json(JsonLine *line, const BenchScale *scale);

/* A panel per sweep, both axes logarithmic. */
Status scale_plot(const BenchScale *scale, const char *device, const char *path, Error *error);

#endif
