/* rlsp devices: what there is to compute on. */
#include <stdlib.h>

#include "engine/ops/attention_variants.h"
#include "engine/ops/matmul_choice.h"
#include "engine/vk/device.h"
#include "rlsp/cli/args.h"
#include "rlsp/cli/cli.h"
#include "rlsp/cli/devices.h"
#include "rlsp/train/precision.h"

enum {
    DEVICES_MAX = 64,
    COMMON_HEAD = 128 /* head size of most large models */
};

/* What a tier is made of, in the order it is shown. */
typedef struct Feature {
    const char *name;
    bool        there;
} Feature;

enum { FEATURES = 18 };

static void list_features(const GpuTier *tier, Feature features[FEATURES])
{
    const Feature list[FEATURES] = {
        {"fp16-storage", tier->fp16_storage},
        {"fp16-arithmetic", tier->fp16_arithmetic},
        {"fp16-rounding", tier->fp16_rounding},
        {"bf16", tier->bf16},
        {"int8-storage", tier->int8_storage},
        {"cooperative-matrix", tier->cooperative_matrix},
        {"cooperative-matrix2", tier->cooperative_matrix2},
        {"subgroup-arithmetic", tier->subgroup_arithmetic},
        {"subgroup-size-control", tier->subgroup_size_control},
        {"buffer-address", tier->buffer_address},
        {"int64", tier->int64},
        {"timeline-semaphore", tier->timeline_semaphore},
        {"push-descriptor", tier->push_descriptor},
        {"memory-budget", tier->memory_budget},
        {"unified-memory", tier->unified_memory},
        {"second-queue", tier->second_queue},
        {"sparse-memory", tier->sparse_memory},
        {"timestamps", tier->timestamps},
    };
    for (int i = 0; i < FEATURES; i++) {
        features[i] = list[i];
    }
}

static void flag_field(JsonLine *line, const char *key, bool value)
{
    json_line_key(line, key);
    json_line_bool(line, value);
}

/* "attention":[{"kernel":…},…]: what a batch is computed with, per type that products may multiply. */
static void put_attention(JsonLine *line, const GpuInfo *info)
{
    json_line_key(line, "attention");
    json_line_begin(line, '[');
    for (ComputeType compute = COMPUTE_F32; compute <= COMPUTE_F16; compute++) {
        const AttentionVariant variant = attention_choose(info, compute, COMMON_HEAD);
        json_line_begin(line, '{');
        json_line_text_field(line, "precision", compute_type_name(compute));
        json_line_text_field(line, "kernel", variant.kernel_name);
        json_line_text_field(line, "compute", compute_type_name(variant.compute));
        json_line_end(line, '}');
    }
    json_line_end(line, ']');
}

static void put_json(JsonLine *line, const GpuInfo *info)
{
    Feature features[FEATURES];
    list_features(&info->tier, features);
    json_line_begin(line, '{');
    json_line_number_field(line, "index", info->index);
    json_line_text_field(line, "name", info->name);
    json_line_text_field(line, "type", gpu_type_name(info->type));
    json_line_text_field(line, "driver", info->driver);
    flag_field(line, "usable", info->unusable[0] == '\0');
    json_line_text_field(line, "unusable", info->unusable[0] != '\0' ? info->unusable : NULL);
    flag_field(line, "duplicate", info->duplicate);
    json_line_number_field(line, "memory_bytes", (double)info->memory_bytes);
    json_line_number_field(line, "memory_free_bytes", (double)info->memory_free_bytes);
    json_line_number_field(line, "max_binding_bytes", (double)info->max_binding_bytes);
    json_line_number_field(line, "subgroup_size", info->subgroup_size);
    json_line_number_field(line, "max_workgroup", info->max_workgroup);
    json_line_number_field(line, "shared_bytes", info->shared_bytes);
    json_line_number_field(line, "queues", info->queues);
    json_line_text_field(line, "precision_auto", compute_type_name(precision_compute(PRECISION_AUTO, info)));
    json_line_key(line, "tier");
    json_line_begin(line, '{');
    for (int i = 0; i < FEATURES; i++) {
        flag_field(line, features[i].name, features[i].there);
    }
    json_line_end(line, '}');
    devices_put_products(line, info);
    put_attention(line, info);
    json_line_end(line, '}');
}

/* One array: [{"index":0,…},…] */
static bool print_json(const GpuInfo *infos, int count)
{
    JsonLine line = {0};
    json_line_begin(&line, '[');
    for (int i = 0; i < count; i++) {
        put_json(&line, &infos[i]);
    }
    json_line_end(&line, ']');
    return cli_print_line(&line);
}

/* The kernel for each type that products may multiply, those that are alike once. */
static void print_attention(const GpuInfo *info)
{
    const char *shown = NULL;
    printf("    attention:");
    for (ComputeType compute = COMPUTE_F32; compute <= COMPUTE_F16; compute++) {
        const AttentionVariant variant = attention_choose(info, compute, COMMON_HEAD);
        if (shown == NULL || variant.compute != COMPUTE_F32) {
            printf("%s%s (%s)", shown != NULL ? ", " : " ", variant.kernel_name, compute_type_name(variant.compute));
            shown = variant.kernel_name;
        }
    }
    printf("\n");
}

static void print_text(const GpuInfo *info)
{
    Feature features[FEATURES];
    list_features(&info->tier, features);
    printf("%2d  %s\n    %s, %s\n    %.1f GiB", info->index, info->name, gpu_type_name(info->type), info->driver,
           (double)info->memory_bytes / (double)(1 << 30));
    if (info->memory_free_bytes > 0) {
        printf(" (%.1f free)", (double)info->memory_free_bytes / (double)(1 << 30));
    }
    printf(", subgroups of %u, workgroups of up to %u, %u KiB shared\n", info->subgroup_size, info->max_workgroup,
           info->shared_bytes / 1024);
    for (int there = 1; there >= 0; there--) {
        const char *before = there ? "has:" : "has not:";
        printf("    %-9s", before);
        int count = 0;
        for (int i = 0; i < FEATURES; i++) {
            if (features[i].there == (there == 1)) {
                printf("%s%s", count++ > 0 ? ", " : "", features[i].name);
            }
        }
        printf("%s\n", count == 0 ? "-" : "");
    }
    printf("    queues: %u in the family that computes, %s\n", info->queues,
           info->queues > 1 ? "of which two are used: scoring may run beside sampling"
                            : "so that scoring and sampling take turns");
    devices_print_products(info);
    print_attention(info);
    printf("    precision auto is %s\n", compute_type_name(precision_compute(PRECISION_AUTO, info)));
    if (info->unusable[0] != '\0') {
        printf("    cannot be used: %s\n", info->unusable);
    }
    if (info->duplicate) {
        printf("    the same card as one above, through another driver\n");
    }
}

/* All devices, or the one that `select` names at the front; their number, 0 with *error set. */
static int list_devices(GpuInfo *infos, const char *select, Error *error)
{
    const int count = gpu_list(infos, DEVICES_MAX, error);
    if (count == 0) {
        error_set(error, STATUS_FAILED,
                  "no Vulkan device found; install a driver (Mesa has one for the CPU: mesa-vulkan-drivers)");
    }
    if (count == 0 || select == NULL) {
        return count;
    }
    const int chosen = gpu_choose(infos, count, select, error);
    if (chosen > 0) {
        infos[0] = infos[chosen];
    }
    return chosen >= 0;
}

/* Measures the devices that have a choice; one that was named whatever it is. */
static Status measure(const GpuInfo *infos, int count, bool named, Error *error)
{
    int measured = 0;
    for (int i = 0; i < count; i++) {
        if (!infos[i].duplicate && infos[i].unusable[0] == '\0' && (named || matmul_probe_matters(&infos[i]))) {
            measured++;
            if (devices_measure(&infos[i], error) != STATUS_OK) {
                return error->status;
            }
        }
    }
    if (measured == 0) {
        fprintf(stderr, "rlsp devices: nothing to measure: on CPU devices the table's kernels are the fastest by far; "
                        "--device N measures one all the same\n");
    }
    return STATUS_OK;
}

static Status show(const GpuInfo *infos, int count, bool json, Error *error)
{
    if (json && !print_json(infos, count)) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while listing devices");
    }
    for (int i = 0; !json && i < count; i++) {
        print_text(&infos[i]);
    }
    return STATUS_OK;
}

int cli_devices(int argc, char **argv)
{
    bool             json = false, probe = false;
    const char      *device    = NULL;
    const ArgsOption options[] = {
        args_text("device", &device, "N", "only the one of this number or with this in its name"),
        args_flag("probe", &probe,
                  "measure which kernels are fastest on each, again if that is known; runs then take them"),
        args_flag("json", &json, "print an array with an object per device")};
    const ArgsCommand command = {.name    = "devices",
                                 .usage   = "[--device N] [--probe] [--json]",
                                 .summary = "Lists the Vulkan devices, best first: the number is what --device takes.",
                                 .options = options,
                                 .option_count = sizeof options / sizeof *options};
    int               exit_code;
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    Error    error = {0};
    GpuInfo *infos = calloc(DEVICES_MAX, sizeof *infos);
    if (infos == NULL) {
        error_set(&error, STATUS_OUT_OF_MEMORY, "out of memory while listing devices");
        return args_fail(&command, &error);
    }
    const int count  = list_devices(infos, device, &error);
    Status    status = count > 0 ? STATUS_OK : error.status;
    if (status == STATUS_OK && probe) {
        status = measure(infos, count, device != NULL, &error);
    }
    status = status == STATUS_OK ? show(infos, count, json, &error) : status;
    free(infos);
    return status == STATUS_OK ? cli_finish_output(command.name) : args_fail(&command, &error);
}
