/* rlsp devices: what there is to compute on. */
#include <stdlib.h>

#include "engine/ops/attention_variants.h"
#include "engine/ops/matmul_variants.h"
#include "engine/vk/device.h"
#include "rlsp/cli/args.h"
#include "rlsp/cli/cli.h"
#include "rlsp/run/json_line.h"
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

enum { FEATURES = 16 };

static void list_features(const GpuTier *tier, Feature features[FEATURES])
{
    const Feature list[FEATURES] = {
        {"fp16-storage", tier->fp16_storage},
        {"fp16-arithmetic", tier->fp16_arithmetic},
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

/* "products":[{"kernel":…},…]: the matrix product kernels. */
static void put_products(JsonLine *line, const GpuInfo *info)
{
    MatmulVariant list[MATMUL_VARIANTS];
    const int     count = matmul_variants(info, list);
    json_line_key(line, "products");
    json_line_begin(line, '[');
    for (int i = 0; i < count; i++) {
        json_line_begin(line, '{');
        json_line_text_field(line, "kernel", list[i].kernel_name);
        json_line_text_field(line, "compute", compute_type_name(list[i].compute));
        json_line_text_field(line, "tiles", list[i].detail[0] != '\0' ? list[i].detail : NULL);
        json_line_text_field(line, "lacks", list[i].lacks[0] != '\0' ? list[i].lacks : NULL);
        json_line_end(line, '}');
    }
    json_line_end(line, ']');
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
    json_line_text_field(line, "precision_auto", compute_type_name(precision_compute(PRECISION_AUTO, info)));
    json_line_key(line, "tier");
    json_line_begin(line, '{');
    for (int i = 0; i < FEATURES; i++) {
        flag_field(line, features[i].name, features[i].there);
    }
    json_line_end(line, '}');
    put_products(line, info);
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
    const char *text = json_line_finish(&line);
    if (text != NULL) {
        fputs(text, stdout);
    }
    json_line_free(&line);
    return text != NULL;
}

/* The kernels that it can run, then those that it cannot and why. */
static void print_products(const GpuInfo *info)
{
    MatmulVariant list[MATMUL_VARIANTS];
    const int     count = matmul_variants(info, list);
    printf("    products:");
    for (int i = 0, shown = 0; i < count; i++) {
        if (list[i].lacks[0] == '\0' && list[i].size == 0) {
            printf("%s%s (%s%s%s)", shown++ > 0 ? ", " : " ", list[i].kernel_name, compute_type_name(list[i].compute),
                   list[i].detail[0] != '\0' ? ": " : "", list[i].detail);
        }
    }
    printf("\n");
    for (int i = 0; i < count; i++) {
        if (list[i].lacks[0] != '\0') {
            printf("      without %s: %s\n", list[i].kernel_name, list[i].lacks);
        }
    }
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
    print_products(info);
    print_attention(info);
    printf("    precision auto is %s\n", compute_type_name(precision_compute(PRECISION_AUTO, info)));
    if (info->unusable[0] != '\0') {
        printf("    cannot be used: %s\n", info->unusable);
    }
    if (info->duplicate) {
        printf("    the same card as one above, through another driver\n");
    }
}

int cli_devices(int argc, char **argv)
{
    bool             json      = false;
    const ArgsOption options[] = {
        {.name = "json", .type = ARGS_FLAG, .value = &json, .help = "an array with an object per device"}};
    const ArgsCommand command = {.name    = "devices",
                                 .usage   = "[--json]",
                                 .summary = "Lists the Vulkan devices, best first: the number is what --device takes.",
                                 .options = options,
                                 .option_count = 1};
    int               exit_code;
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    Error    error = {0};
    GpuInfo *infos = calloc(DEVICES_MAX, sizeof *infos);
    int      count = 0;
    if (infos == NULL) {
        error_set(&error, STATUS_OUT_OF_MEMORY, "out of memory while listing devices");
    } else {
        count = gpu_list(infos, DEVICES_MAX, &error);
    }
    if (count == 0) {
        error_set(&error, STATUS_FAILED,
                  "no Vulkan device found; install a driver (Mesa has one for the CPU: mesa-vulkan-drivers)");
        free(infos);
        return args_fail(&command, &error);
    }
    bool whole = true;
    if (json) {
        whole = print_json(infos, count);
    }
    for (int i = 0; !json && i < count; i++) {
        print_text(&infos[i]);
    }
    free(infos);
    if (!whole) {
        error_set(&error, STATUS_OUT_OF_MEMORY, "out of memory while listing devices");
        return args_fail(&command, &error);
    }
    return cli_finish_output(command.name);
}
