/* rlsp bench: how fast training, decoding and their kernels are on this device. */
#include "rlsp/cli/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rlsp/cli/cli.h"
#include "rlsp/cli/device.h"
#include "rlsp/cli/options.h"
#include "rlsp/cli/profile.h"
#include "rlsp/run/config.h"

enum { STREAM_RUNS = 5 };

static const BenchKind kinds[] = {
    {"train", bench_train, true, false, 0, 0},
    {"decode", bench_decode, true, false, 32, 96},
    {"ppo", bench_ppo, true, false, 13, 115},
    {"gemm", bench_gemm, false, true, 0, 0},
    {"attention", bench_attention, false, true, 0, 0},
    {"scale", bench_scale, false, false, 0, 0},
    {"all", bench_all, true, false, 0, 0},
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

Status bench_stream_time(GpuStream *stream, double *seconds, Error *error)
{
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

static Status several_time(GpuStream *stream, void (*record)(GpuStream *stream, const void *what), const void *what,
                           uint32_t count, double *seconds, Error *error)
{
    gpu_stream_begin(stream);
    for (uint32_t i = 0; i < count; i++) {
        record(stream, what);
    }
    const Status status = bench_stream_time(stream, seconds, error);
    *seconds /= count;
    return status;
}

Status bench_kernel_time(GpuStream *stream, void (*record)(GpuStream *stream, const void *what), const void *what,
                         double *seconds, Error *error)
{
    const double enough = 20e-3, most = 1000; /* a submission takes 0.05 to 0.2 ms */
    const Status status = several_time(stream, record, what, 1, seconds, error);
    if (status != STATUS_OK || 2 * *seconds > enough) {
        return status;
    }
    const double wanted = enough / *seconds;
    return several_time(stream, record, what, (uint32_t)(wanted < most ? wanted : most), seconds, error);
}

bool bench_is_late(const Bench *bench)
{
    return bench->limit > 0 && bench_now() - bench->began > bench->limit;
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
    if (bench->json && (status == STATUS_OK || kind->in_parts)) {
        if (status != STATUS_OK) {
            json_line_text_field(&bench->line, "failed", error->text);
        }
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
        args_text("model", &model, "M",
                  "train, decode, ppo: tiny (1 M parameters), small (6 M), 1b, 8b (Llama's shapes), a "
                  "config.json, or a model's directory (tiny)"),
        args_text("shape", &shape, "D,L,H,K,F,V",
                  "instead of a model: width, layers, heads, key/value heads, feed-forward, vocabulary"),
        args_integer("batch", &batch, "N", "train: sequences of a step", 1, 65536),
        args_integer("length", &length, "N", "train: tokens of a sequence", 2, 1 << 20),
        args_choice("weights", &weights, "F", "of a directory's matrices, for decode and --lora (f32)", weights_names),
        args_choice("precision", &compute, "P", "train, decode, ppo: what matrix products multiply; sums are f32 (f32)",
                    compute_type_names),
        args_integer("lora", &lora, "RANK", "train, ppo: adapters of this rank on all matrices of a frozen model", 1,
                     LORA_MAX_RANK),
        args_choice("kv-cache", &cache, "T", "decode: how keys and values are kept (f32)", compute_type_names),
        args_flag("recompute", &bench.recompute, "train: keep no activations of a block, compute them again"),
        args_real("seconds", &bench.seconds, "S", "measure at least so long (5)", 0.01, 3600),
        args_real("limit", &bench.limit, "S", "gemm, attention: begin nothing more after so long (no limit)", 0, 86400),
        args_integer("sequences", &sequences, "N", "decode, ppo: sequences at once (256)", 1, 4096),
        args_integer("prompt", &prompt, "N", "decode, ppo: given tokens of each (32; 13)", 1, 65536),
        args_integer("new", &new_tokens, "N", "decode, ppo: new tokens of each (96; 115)", 1, 65536),
        args_flag(
            "peer", &bench.peer,
            "train, decode, ppo: the same in PyTorch, if it is there (RLSP_TORCH_PYTHON: the python to use); decode of "
            "one sequence: in llama.cpp, too"),
        args_flag("cpu-time", &bench.cpu_time,
                  "seconds of CPU time, of the peer too, where a CPU is the device and others use it"),
        args_flag("profile", &bench.profile,
                  "each kernel's time, flops and bytes beside the device's best, and its idle time; kernels then run "
                  "one at a time"),
        option_device(&device),
        option_kernels(&kernels),
        args_letter(
            'o', args_text("output", &bench.output, "F.png", "scale: the measured points and the model as a picture")),
        args_flag("json", &bench.json, "print one JSON object"),
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
                                                         .compute = (int)bench.compute},
                                            &error);
    bench.began           = bench_now();
    if (bench.gpu != NULL) {
        run(&bench, kind, &error);
    }
    gpu_close(bench.gpu);
    json_line_free(&bench.line);
    return cli_end(&command, &error);
}
