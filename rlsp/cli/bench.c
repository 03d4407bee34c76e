/* rlsp bench: how fast training, decoding and their kernels are on this device. */
#include "rlsp/cli/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rlsp/cli/args.h"
#include "rlsp/cli/cli.h"
#include "rlsp/cli/device.h"
#include "rlsp/cli/profile.h"
#include "rlsp/run/config.h"

enum { STREAM_RUNS = 5 };

static const BenchKind kinds[] = {
    {"train", bench_train, true, 0, 0},
    {"decode", bench_decode, true, 32, 96},
    {"ppo", bench_ppo, true, 13, 115},
    {"gemm", bench_gemm, false, 0, 0},
    {"attention", bench_attention, false, 0, 0},
    {"scale", bench_scale, false, 0, 0},
    {"all", bench_all, true, 0, 0},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

const BenchKind *bench_kind(const char *name)
{
    for (int i = 0; i < KINDS; i++) {
        if (strcmp(name, kinds[i].name) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

static clockid_t bench_clock = CLOCK_MONOTONIC;

double bench_now(void)
{
    struct timespec now;
    clock_gettime(bench_clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *times, uint32_t count)
{
    qsort(times, count, sizeof *times, compare_doubles);
    return times[count / 2];
}

double bench_quick(double *times, uint32_t count)
{
    qsort(times, count, sizeof *times, compare_doubles);
    return times[count / 4];
}

Status bench_stream_time(Bench *bench, GpuStream *stream, double *seconds, Error *error)
{
    (void)bench;
    Status status = gpu_stream_run(stream, error); /* warm: the driver compiles at the first dispatch */
    *seconds      = 0;
    for (int i = 0; i < STREAM_RUNS && status == STATUS_OK; i++) {
        const double start = bench_now();
        status             = gpu_stream_run(stream, error);
        const double took  = bench_now() - start;
        *seconds           = i == 0 || took < *seconds ? took : *seconds;
    }
    return status;
}

void bench_profile(Bench *bench, double steps)
{
    Profile profile;
    Error   error = {0};
    if (!bench->profile) {
        return;
    }
    profile_take(bench->gpu, &profile);
    ceilings_measure(bench->gpu, &profile.ceilings, &error); /* without them where they fail: too little memory */
    if (bench->json) {
        profile_json(&bench->line, &profile, steps);
    } else {
        putchar('\n');
        profile_print(stdout, &profile, steps);
    }
}

static Status run(Bench *bench, const BenchKind *kind, Error *error)
{
    const GpuInfo *info = gpu_info(bench->gpu);
    if (bench->json) {
        json_line_begin(&bench->line, '{');
        json_line_text_field(&bench->line, "bench", kind->name);
        json_line_text_field(&bench->line, "device", info->name);
        json_line_text_field(&bench->line, "driver", info->driver);
        if (kind->has_model) {
            json_line_text_field(&bench->line, "model", bench->model.name);
        }
    } else {
        printf("%s, %s\n", info->name, info->driver);
    }
    Status status = kind->run(bench, error);
    if (status == STATUS_OK && bench->json) {
        json_line_end(&bench->line, '}');
        const char *text = json_line_finish(&bench->line);
        if (text == NULL) {
            return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
        }
        fwrite(text, 1, bench->line.size, stdout);
    }
    return status;
}

int cli_bench(int argc, char **argv)
{
    Bench       bench     = {.seconds = 5};
    int64_t     sequences = 256, prompt = 0, new_tokens = 0;
    int64_t     batch = 0, length = 0, lora = 0;
    const char *device = NULL, *what = NULL, *model = NULL, *shape = NULL;
    int         weights = WEIGHT_F32, compute = COMPUTE_F32, cache = COMPUTE_F32, kernels = KERNELS_AUTO, given = 0;
    const ArgsOption options[] = {
        {.name        = "model",
         .type        = ARGS_TEXT,
         .value       = &model,
         .placeholder = "M",
         .help = "train, decode, ppo: tiny (1 M parameters, the default), small (6 M), 1b, 8b (Llama's shapes), a "
                 "config.json, or a model's directory"},
        {.name        = "shape",
         .type        = ARGS_TEXT,
         .value       = &shape,
         .placeholder = "D,L,H,K,F,V",
         .help        = "instead of a model: width, layers, heads, key/value heads, feed-forward, vocabulary"},
        {.name        = "batch",
         .type        = ARGS_INTEGER,
         .value       = &batch,
         .placeholder = "N",
         .help        = "train: sequences of a step",
         .min         = 1,
         .max         = 65536},
        {.name        = "length",
         .type        = ARGS_INTEGER,
         .value       = &length,
         .placeholder = "N",
         .help        = "train: tokens of a sequence",
         .min         = 2,
         .max         = 1 << 20},
        {.name        = "weights",
         .type        = ARGS_CHOICE,
         .value       = &weights,
         .placeholder = "F",
         .help        = "of a directory's matrices, for decode and --lora: f32, bf16, f16, int8, int4",
         .choices     = weights_names},
        {.name        = "precision",
         .type        = ARGS_CHOICE,
         .value       = &compute,
         .placeholder = "P",
         .help        = "train, decode, ppo: what matrix products multiply: f32, bf16 or f16; sums are f32 (f32)",
         .choices     = compute_type_names},
        {.name        = "lora",
         .type        = ARGS_INTEGER,
         .value       = &lora,
         .placeholder = "RANK",
         .help        = "train, ppo: adapters of this rank on all matrices of a frozen model",
         .min         = 1,
         .max         = LORA_MAX_RANK},
        {.name        = "kv-cache",
         .type        = ARGS_CHOICE,
         .value       = &cache,
         .placeholder = "T",
         .help        = "decode: " CLI_KV_CACHE_HELP,
         .choices     = compute_type_names},
        {.name  = "recompute",
         .type  = ARGS_FLAG,
         .value = &bench.recompute,
         .help  = "train: keep no activations of a block, compute them again"},
        {.name        = "seconds",
         .type        = ARGS_REAL,
         .value       = &bench.seconds,
         .placeholder = "S",
         .help        = "measure at least so long (5)",
         .min         = 0.01,
         .max         = 3600},
        {.name        = "sequences",
         .type        = ARGS_INTEGER,
         .value       = &sequences,
         .placeholder = "N",
         .help        = "decode, ppo: sequences at once (256)",
         .min         = 1,
         .max         = 4096},
        {.name        = "prompt",
         .type        = ARGS_INTEGER,
         .value       = &prompt,
         .placeholder = "N",
         .help        = "decode, ppo: given tokens of each (32; 13)",
         .min         = 1,
         .max         = 65536},
        {.name        = "new",
         .type        = ARGS_INTEGER,
         .value       = &new_tokens,
         .placeholder = "N",
         .help        = "decode, ppo: new tokens of each (96; 115)",
         .min         = 1,
         .max         = 65536},
        {.name  = "peer",
         .type  = ARGS_FLAG,
         .value = &bench.peer,
         .help  = "train, decode, ppo: the same in PyTorch, if it is there (RLSP_TORCH_PYTHON: the python to use)"},
        {.name  = "cpu-time",
         .type  = ARGS_FLAG,
         .value = &bench.cpu_time,
         .help  = "seconds of CPU time, of the peer too, where a CPU is the device and others use it"},
        {.name  = "profile",
         .type  = ARGS_FLAG,
         .value = &bench.profile,
         .help  = "each kernel's time, flops and bytes beside the device's best, and its idle time; kernels then run "
                  "one at a time"},
        {.name        = "device",
         .type        = ARGS_TEXT,
         .value       = &device,
         .placeholder = "N",
         .help        = "a device's number or part of its name (rlsp devices)"},
        {.name        = "kernels",
         .type        = ARGS_CHOICE,
         .value       = &kernels,
         .placeholder = "K",
         .help        = CLI_KERNELS_HELP,
         .choices     = run_kernels_names},
        {.name        = "output",
         .type        = ARGS_TEXT,
         .value       = &bench.output,
         .placeholder = "F.png",
         .help        = "scale: the measured points and the model as a picture",
         .letter      = 'o'},
        {.name = "json", .type = ARGS_FLAG, .value = &bench.json, .help = "one JSON object"},
    };
    const ArgsCommand command = {
        .name             = "bench",
        .usage            = "train|decode|ppo|gemm|attention|scale|all [options]",
        .summary          = "Measures on this device, with random weights and tokens:\n"
                            "  train      forward, backward and AdamW of a small model\n"
                            "  decode     sequences of given and sampled tokens, all at once\n"
                            "  ppo        a whole step: responses sampled, judged, scored, learned from, and the time of each\n"
                            "  gemm       matrix products of several shapes, each kernel by name\n"
                            "  attention  forward, backward and over a key/value cache\n"
                            "  scale      time per step against model size, batch and length, and what it is made of\n"
                            "  all        train, decode and ppo, and a table: beside PyTorch (--peer), or the device's best",
        .options          = options,
        .option_count     = sizeof options / sizeof *options,
        .positionals      = &what,
        .min_positionals  = 1,
        .max_positionals  = 1,
        .positional_count = &given,
    };
    int exit_code;
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    Error            error = {0};
    const BenchKind *kind  = bench_kind(what);
    if (kind == NULL) {
        error_set(&error, STATUS_BAD_INPUT,
                  "no bench \"%.60s\"; there are train, decode, ppo, gemm, attention, scale and all", what);
        return args_fail(&command, &error);
    }
    if (bench_model_choose(&bench.model, model, shape, &error) != STATUS_OK) {
        return args_fail(&command, &error);
    }
    bench.model.sequences = batch > 0 ? (uint32_t)batch : bench.model.sequences;
    bench.model.length    = length > 0 ? (uint32_t)length : bench.model.length;
    bench.weights         = (WeightFormat)weights;
    bench.lora_rank       = (uint32_t)lora;
    bench.compute         = (ComputeType)compute;
    bench.cache           = (ComputeType)cache;
    bench.sequences       = (uint32_t)sequences;
    bench.prompt          = prompt > 0 ? (uint32_t)prompt : kind->prompt;
    bench.new_tokens      = new_tokens > 0 ? (uint32_t)new_tokens : kind->new_tokens;
    bench_clock           = bench.cpu_time ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
    bench.gpu             = cli_open_device(&(CliDevice){.command = "bench",
                                                         .options = {.select = device, .profile = bench.profile, .sections = true},
                                                         .kernels = kernels,
                                                         .compute = bench.compute},
                                            &error);
    if (bench.gpu != NULL) {
        run(&bench, kind, &error);
    }
    gpu_close(bench.gpu);
    json_line_free(&bench.line);
    exit_code = cli_finish_output(command.name);
    return error.status != STATUS_OK ? args_fail(&command, &error) : exit_code;
}
