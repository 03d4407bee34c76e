/* What the benches of `rlsp bench` share: the benchmark models, the peer, output.
 *
 * Every figure is a rate of this run on this device; only ratios that were measured
 * in the same run (to a peer, to the best product) say much elsewhere.
 */
#ifndef RLSP_CLI_BENCH_H
#define RLSP_CLI_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/model/model.h"
#include "engine/vk/stream.h"
#include "rlsp/run/json_line.h"

/* The models of SPEED.md and how much of them a bench takes. */
typedef struct BenchModel {
    const char *name;
    uint32_t    hidden_size, layers, heads, kv_heads, intermediate_size, vocab_size;
    uint32_t    length, sequences; /* of a training step */
} BenchModel;

typedef struct Bench {
    Gpu              *gpu;
    const BenchModel *model;
    double            seconds;  /* measure at least so long                */
    uint32_t          sequences, prompt, new_tokens; /* decode: how many, and tokens of each */
    bool              json, profile;
    bool              peer;     /* and the same with PyTorch               */
    bool              cpu_time; /* seconds are of CPU time                 */
    JsonLine          line;     /* the JSON object, while it is being made */
} Bench;

/* Each prints its table, or adds its fields to bench->line. */
Status bench_train(Bench *bench, Error *error);
Status bench_decode(Bench *bench, Error *error);
Status bench_ppo(Bench *bench, Error *error);
Status bench_gemm(Bench *bench, Error *error);
Status bench_attention(Bench *bench, Error *error);

/* A benchmark model with random weights; sequences of at most `positions`. */
Model *bench_model_new(Bench *bench, uint32_t positions, Error *error);

double bench_now(void); /* seconds by the clock, or of CPU time */

/* Middle and smallest of `count` > 0 times, which it sorts. */
double bench_median(double *times, uint32_t count);

/* Seconds of one run of a stream, whose recording is complete: the fastest of several. */
Status bench_stream_time(Bench *bench, GpuStream *stream, double *seconds, Error *error);

/* GFLOP/s of the best large product on this device. */
Status bench_best_product(Bench *bench, double *gflops, Error *error);

/* Runs tests/bench/torch_peer.py for `what` ("train", "decode", "ppo") and reports its rate and the
 * ratio of `tokens_per_second` to it; or says that there is no peer here. */
void bench_peer(Bench *bench, const char *what, double tokens_per_second);

/* With --profile: the kernels since the last gpu_profile_reset, which were of so many steps. */
void bench_profile(Bench *bench, double steps);

#endif
