#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "rlsp/cli/devices.h"
#include "rlsp/train/kernels.h"

/* What was measured of the device; where nothing was, what the table says. */
typedef struct Products {
    KernelTimes times;
    bool        measured;
    char        path[CACHE_PATH_SIZE];
} Products;

static void read_products(const GpuInfo *info, Products *products)
{
    Error why          = {0};
    *products          = (Products){0};
    products->measured = kernel_times_path(info, products->path) &&
                         kernel_times_read(products->path, info, false, &products->times, &why) == KERNEL_TIMES_READ;
    for (int compute = 0; compute < COMPUTE_TYPES; compute++) {
        if (!products->times.has[compute]) {
            matmul_probe_begin(info, (ComputeType)compute, &products->times.probes[compute]);
        }
    }
}

/* --- JSON ---------------------------------------------------------------------------------- */

/* A kernel of f32 numbers takes the others too, rounded on the way. */
static void put_types(JsonLine *line, const MatmulVariant *variant)
{
    json_line_key(line, "types");
    json_line_begin(line, '[');
    for (int compute = 0; compute < COMPUTE_TYPES; compute++) {
        if (variant->compute == COMPUTE_F32 || variant->compute == (ComputeType)compute) {
            json_line_string(line, compute_type_names[compute], strlen(compute_type_names[compute]));
        }
    }
    json_line_end(line, ']');
}

static void put_candidate(JsonLine *line, const MatmulProbe *probe, int candidate, MatmulClass class)
{
    const MatmulVariant *v     = &probe->candidates[candidate].variant;
    const double         flops = matmul_candidate_flops(probe, candidate, class);
    const double         bytes = matmul_candidate_bytes(probe, candidate, class);
    json_line_begin(line, '{');
    json_line_text_field(line, "kernel", v->kernel_name);
    json_line_text_field(line, "tiles", v->detail[0] != '\0' ? v->detail : NULL);
    json_line_number_field(line, "flops_per_second", flops > 0 ? flops : NAN); /* null: not measured */
    json_line_number_field(line, "bytes_per_second", bytes > 0 ? bytes : NAN);
    json_line_end(line, '}');
}

static void put_choices(JsonLine *line, const GpuInfo *info)
{
    Products products;
    read_products(info, &products);
    json_line_number_field(line, "measured", products.measured ? (double)products.times.measured : NAN);
    json_line_text_field(line, "measured_file", products.measured ? products.path : NULL);
    json_line_key(line, "choices");
    json_line_begin(line, '[');
    for (int compute = 0; compute < COMPUTE_TYPES; compute++) {
        const MatmulProbe *probe = &products.times.probes[compute];
        for (int c = 0; c < MATMUL_CLASSES; c++) {
            json_line_begin(line, '{');
            json_line_text_field(line, "compute", compute_type_names[compute]);
            json_line_text_field(line, "class", matmul_class_names[c]);
            json_line_key(line, "table");
            put_candidate(line, probe, probe->table[c], (MatmulClass)c);
            json_line_key(line, "probe");
            if (products.times.has[compute]) {
                put_candidate(line, probe, probe->chosen[c], (MatmulClass)c);
            } else {
                json_line_null(line);
            }
            json_line_end(line, '}');
        }
    }
    json_line_end(line, ']');
}

void devices_put_products(JsonLine *line, const GpuInfo *info)
{
    MatmulVariant list[MATMUL_VARIANTS];
    const int     count = matmul_variants(info, list);
    json_line_key(line, "products");
    json_line_begin(line, '[');
    for (int i = 0; i < count; i++) {
        json_line_begin(line, '{');
        json_line_text_field(line, "kernel", list[i].kernel_name);
        put_types(line, &list[i]);
        json_line_text_field(line, "tiles", list[i].detail[0] != '\0' ? list[i].detail : NULL);
        json_line_text_field(line, "lacks", list[i].lacks[0] != '\0' ? list[i].lacks : NULL);
        json_line_end(line, '}');
    }
    json_line_end(line, ']');
    put_choices(line, info);
}

/* --- text ---------------------------------------------------------------------------------- */

static void print_age(int64_t measured)
{
    const double minutes = difftime(time(NULL), (time_t)measured) / 60;
    if (minutes < 2) {
        printf("just now");
    } else if (minutes < 120) {
        printf("%.0f minutes ago", minutes);
    } else if (minutes < 48 * 60) {
        printf("%.0f hours ago", minutes / 60);
    } else {
        printf("%.0f days ago", minutes / 1440);
    }
}

/* "gemm_tiled 64x64x16 in 4x4 by an invocation, 1.234 TFLOPS"; few rows read B for little work: bytes too. */
static void print_candidate(const MatmulProbe *probe, int candidate, MatmulClass class)
{
    const MatmulVariant *v     = &probe->candidates[candidate].variant;
    const double         flops = matmul_candidate_flops(probe, candidate, class);
    printf("%s%s%s", v->kernel_name, v->detail[0] != '\0' ? " " : "", v->detail);
    if (flops > 0) {
        printf(", %.4g %s", flops < 1e12 ? 1e-9 * flops : 1e-12 * flops, flops < 1e12 ? "GFLOPS" : "TFLOPS");
    }
    if (flops > 0 && class == MATMUL_SLOTS) {
        printf(", %.4g GB/s", 1e-9 * matmul_candidate_bytes(probe, candidate, class));
    }
}

/* One type: a line per class, one for all if that is the same. */
static void print_type(const Products *products, int compute)
{
    const MatmulProbe *probe    = &products->times.probes[compute];
    const bool         measured = products->times.has[compute];
    const int         *chosen   = probe->chosen;
    const bool         one      = !measured && chosen[0] == chosen[1] && chosen[1] == chosen[2];
    for (int c = 0; c < (one ? 1 : MATMUL_CLASSES); c++) {
        printf("      %-5s%-6s ", c == 0 ? compute_type_names[compute] : "", one ? "all" : matmul_class_names[c]);
        print_candidate(probe, chosen[c], (MatmulClass)c);
        if (measured && chosen[c] != probe->table[c]) {
            printf("  (by the table: ");
            print_candidate(probe, probe->table[c], (MatmulClass)c);
            printf(")");
        }
        printf("\n");
    }
}

void devices_print_products(const GpuInfo *info)
{
    Products      products;
    MatmulVariant list[MATMUL_VARIANTS];
    const int     count = matmul_variants(info, list);
    read_products(info, &products);
    printf("    products");
    if (products.measured) {
        printf(", measured ");
        print_age(products.times.measured);
        printf("%s:\n", matmul_probe_matters(info) ? "" : ", for runs whose \"kernels\" is \"probe\"");
    } else {
        printf(" by the table%s:\n", matmul_probe_matters(info) ? ", until they are measured" : "");
    }
    for (int compute = 0; compute < COMPUTE_TYPES; compute++) {
        print_type(&products, compute);
    }
    for (int i = 0; i < count; i++) {
        if (list[i].lacks[0] != '\0') {
            printf("      without %s: %s\n", list[i].kernel_name, list[i].lacks);
        }
    }
}

/* --- measuring ----------------------------------------------------------------------------- */

Status devices_measure(const GpuInfo *info, Error *error)
{
    enum { INDEX_SIZE = 12 };
    const double limit =
        matmul_probe_matters(info) ? 10 : 3; /* seconds for each type, even where pipelines compile slowly */
    KernelTimes times = {0};
    char        index[INDEX_SIZE], path[CACHE_PATH_SIZE];
    snprintf(index, sizeof index, "%d", info->index);
    if (!kernel_times_path(info, path)) {
        return error_set(
            error, STATUS_FAILED,
            "no cache folder to keep what is measured: set HOME or XDG_CACHE_HOME to a folder that can be written");
    }
    Gpu *gpu = gpu_open(&(GpuOptions){.select = index}, error);
    if (gpu == NULL) {
        return error->status;
    }
    fprintf(stderr, "rlsp devices: measuring kernels on %s, kept in %s\n", info->name, path);
    Status status = STATUS_OK;
    for (int compute = 0; compute < COMPUTE_TYPES && status == STATUS_OK; compute++) {
        status = kernels_measure(gpu, (ComputeType)compute, limit, &times, error);
    }
    gpu_close(gpu);
    return status == STATUS_OK ? kernel_times_write(path, info, &times, error) : status;
}
