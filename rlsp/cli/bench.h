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

typedef struct BenchModel {
    const char *name;              /* of a preset, or what was given           */
    ModelConfig config;            /* max_positions 0: as long as the bench's sequences */
    const char *directory;         /* whose weights are read; NULL: random ones */
    uint32_t    sequences, length; /* of a training step                       */
} BenchModel;

/* A line of the table of `rlsp bench all`: beside a peer, or as a share of what the device does at best. */
enum { BENCH_ROWS = 8 };
typedef struct BenchRow {
    const char *what, *unit;
    double      ours, peer; /* peer 0: none */
    double      share;      /* 0: not known */
    const char *share_of;
} BenchRow;

typedef struct Bench {
    Gpu         *gpu;
    BenchModel   model;
    WeightFormat weights;                       /* of the model's matrices                       */
    ComputeType  compute;                       /* what its products multiply                    */
    ComputeType  cache;                         /* decode: of keys and values                    */
    uint32_t     lora_rank;                     /* train: an adapter on the frozen model; 0: all  */
    bool         recompute;                     /* train: blocks again in the backward            */
    double       seconds;                       /* measure at least so long                       */
    double       limit;                         /* gemm, attention: begin nothing after so long; 0: no limit */
    double       began;                         /* by bench_now                                   */
    uint32_t     sequences, prompt, new_tokens; /* decode: how many, and tokens of each */
    bool         json, profile;
    bool         peer;       /* and the same with PyTorch                      */
    bool         cpu_time;   /* seconds are of CPU time                        */
    const char  *output;     /* scale: a picture to write; NULL: none          */
    double       copy_bytes; /* a second, of a large copy; 0: not measured */
    double       share;      /* of the row to come, and of what            */
    const char  *share_of;
    BenchRow     rows[BENCH_ROWS];
    int          row_count;
    JsonLine     line; /* the JSON object, while it is being made        */
} Bench;

/* A bench by name. */
typedef struct BenchKind {
    const char *name;
    Status (*run)(Bench *bench, Error *error);
    bool     has_model;
    bool     in_parts;           /* what was measured before something failed is there */
    uint32_t prompt, new_tokens; /* of a sequence, if not said otherwise */
} BenchKind;

/* NULL: there is none. */
const BenchKind *bench_kind(const char *name);

/* Each prints its table, or adds its fields to bench->line. gemm and attention do so with what they have measured where
 * some kernel fails, or the limit comes. */
Status bench_train(Bench *bench, Error *error);
Status bench_decode(Bench *bench, Error *error);
Status bench_ppo(Bench *bench, Error *error);
Status bench_gemm(Bench *bench, Error *error);
Status bench_attention(Bench *bench, Error *error);

/* Products that take SwiGLU or RoPE along, beside a pass after them: a line each, or an object of the array that
 * bench->line is at. What this device has no kernel for is left out. */
Status bench_pairs(Bench *bench, ComputeType compute, Error *error);

/* tiny, small, 1b, 8b, a directory or a config.json; or, with `name` NULL, a shape "width,layers,heads,kv_heads,
 * feed_forward,vocabulary"; both NULL: tiny. Both strings must outlive the model. */
Status bench_model_choose(BenchModel *model, const char *name, const char *shape, Error *error);

/* The bench's model; sequences of at most `positions`. */
Model *bench_model_new(Bench *bench, uint32_t positions, Error *error);

double bench_now(void); /* seconds by the clock, or of CPU time */

/* Middle and smallest of `count` > 0 times, which it sorts. */
double bench_median(double *times, uint32_t count);

/* Seconds of one run of a stream, whose recording is complete: the fastest of several. */
Status bench_stream_time(GpuStream *stream, double *seconds, Error *error);

/* Seconds of what `record` records, from so many of them in a recording that submitting it costs next to nothing. */
Status bench_kernel_time(GpuStream *stream, void (*record)(GpuStream *stream, const void *what), const void *what,
                         double *seconds, Error *error);

/* Whether the limit has come. */
bool bench_is_late(const Bench *bench);

/* GFLOP/s of the best large product on this device. */
Status bench_best_product(Bench *bench, double *gflops, Error *error);

/* Notes the rate for the table; with --peer runs tests/bench/torch_peer.py for `what` ("train", "decode", "ppo") and
 * reports its rate and the ratio of `tokens_per_second` to it, or says that there is no peer here. */
void bench_peer(Bench *bench, const char *what, double tokens_per_second);

/* With --peer, of one sequence and a model that is not too large to be written for it: tests/bench/llama_peer.py, and
 * the ratios of both rates, in tokens a second, to it. */
void bench_peer_llama(Bench *bench, double prompt, double later);

/* The best product as a row of the table, beside PyTorch's. */
void bench_peer_product(Bench *bench, double gflops);

/* train, decode, ppo and the ceilings, and one table. */
Status bench_all(Bench *bench, Error *error);

/* With --profile: the kernels since the last gpu_profile_reset, which were of so many steps. */
void bench_profile(Bench *bench, double steps);

/* What a step is made of, as its profile counts it: kernels (with copies and fills) by what bounds them, and what lies
 * between them and around a run. */
typedef enum BenchClass { CLASS_PRODUCTS, CLASS_ATTENTION, CLASS_OTHER, CLASS_REST, CLASSES } BenchClass;
typedef struct BenchCost {
    double calls, flops, bytes, seconds;
} BenchCost;
void bench_cost_of_profile(const Gpu *gpu, BenchCost costs[CLASSES]);

enum { BENCH_COUNTED = 3 }; /* steps (training) or runs (decoding) whose profile is taken */

/* Seconds of a training step of bench->model, or of a decode step of bench->sequences after prompts of bench->prompt
 * tokens, and what it is made of. */
Status bench_train_point(Bench *bench, double *seconds, BenchCost costs[CLASSES], Error *error);
Status bench_decode_point(Bench *bench, double *seconds, BenchCost costs[CLASSES], Error *error);

/* A time that others on the machine have not stretched: the lower quartile. Sorts. */
double bench_quick(double *times, uint32_t count);

/* Time per step against size, batch and length, with a cost model. */
Status bench_scale(Bench *bench, Error *error);

#endif
