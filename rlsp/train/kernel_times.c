#include "rlsp/train/kernel_times.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/vk/stream.h"
#include "rlsp/run/json_line.h"

enum { FORMAT = 1, FILE_LIMIT = 1 << 20, HEX_SIZE = 2 * GPU_UUID_BYTES + 1, HASH_SIZE = 17 };

static uint64_t hash_of(uint64_t hash, const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) { /* FNV-1a */
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
    }
    return hash;
}

/* Of the kernels and tiles that this program has for the device. */
static void kernels_text(const GpuInfo *info, char text[HASH_SIZE])
{
    MatmulVariant list[MATMUL_VARIANTS];
    const int     count = matmul_variants(info, list);
    uint64_t      hash  = gpu_kernels_hash("gemm_");
    for (int i = 0; i < count; i++) {
        hash = hash_of(hash, list[i].kernel_name, strlen(list[i].kernel_name));
        hash = hash_of(hash, list[i].detail, strlen(list[i].detail) + 1);
    }
    snprintf(text, HASH_SIZE, "%016" PRIx64, hash);
}

static void uuid_text(const GpuInfo *info, char text[HEX_SIZE])
{
    for (int i = 0; i < GPU_UUID_BYTES; i++) {
        snprintf(text + 2 * i, 3, "%02x", info->cache_uuid[i]);
    }
}

bool kernel_times_path(const GpuInfo *info, char path[CACHE_PATH_SIZE])
{
    const uint32_t numbers[] = {info->vendor_id, info->device_id, info->driver_id, info->driver_version};
    char           name[40];
    uint64_t       hash = hash_of(14695981039346656037u, info->name, strlen(info->name));
    hash                = hash_of(hash, numbers, sizeof numbers);
    hash                = hash_of(hash, info->cache_uuid, sizeof info->cache_uuid);
    snprintf(name, sizeof name, "kernels-%016" PRIx64 ".json", hash);
    return cache_path(name, path);
}

/* --- writing ------------------------------------------------------------------------------- */

static void put_candidate(JsonLine *line, const MatmulProbe *probe, int candidate, MatmulClass class)
{
    const MatmulCandidate *c = &probe->candidates[candidate];
    json_line_begin(line, '{');
    json_line_text_field(line, "compute", compute_type_name(probe->compute));
    json_line_text_field(line, "class", matmul_class_names[class]);
    json_line_number_field(line, "side", probe->side);
    json_line_text_field(line, "kernel", c->variant.kernel_name);
    json_line_text_field(line, "tiles", c->variant.detail);
    json_line_number_field(line, "seconds", c->seconds[class] > 0 ? c->seconds[class] : NAN); /* null: not measured */
    json_line_key(line, "chosen");
    json_line_bool(line, probe->chosen[class] == candidate);
    json_line_end(line, '}');
}

Status kernel_times_write(const char *path, const GpuInfo *info, const KernelTimes *times, Error *error)
{
    char     uuid[HEX_SIZE], kernels[HASH_SIZE];
    JsonLine line = {0};
    uuid_text(info, uuid);
    kernels_text(info, kernels);
    json_line_begin(&line, '{');
    json_line_number_field(&line, "format", FORMAT);
    json_line_text_field(&line, "device", info->name);
    json_line_number_field(&line, "vendor_id", info->vendor_id);
    json_line_number_field(&line, "device_id", info->device_id);
    json_line_number_field(&line, "driver_id", info->driver_id);
    json_line_number_field(&line, "driver_version", info->driver_version);
    json_line_text_field(&line, "cache_uuid", uuid);
    json_line_text_field(&line, "kernels", kernels);
    json_line_number_field(&line, "measured", (double)times->measured);
    json_line_key(&line, "products");
    json_line_begin(&line, '[');
    for (int compute = 0; compute < COMPUTE_TYPES; compute++) {
        for (int i = 0; times->has[compute] && i < times->probes[compute].count; i++) {
            for (int c = 0; c < MATMUL_CLASSES; c++) {
                put_candidate(&line, &times->probes[compute], i, (MatmulClass)c);
            }
        }
    }
    json_line_end(&line, ']');
    json_line_end(&line, '}');
    const char *text   = json_line_finish(&line);
    Status      status = text != NULL ? file_write_atomic(path, text, line.size, error)
                                      : error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while writing %s", path);
    json_line_free(&line);
    return status;
}

/* --- reading ------------------------------------------------------------------------------- */

/* Whether the file is of this device and, unless it is a run's copy, of this driver and these kernels. */
static Status read_identity(const JsonObject *root, const GpuInfo *info, bool recorded, bool *ours, int64_t *measured,
                            Error *error)
{
    const char *device, *uuid, *kernels;
    char        our_uuid[HEX_SIZE], our_kernels[HASH_SIZE];
    uint32_t    format, vendor, id, driver, version;
    if (json_get_u32(root, "format", JSON_REQUIRED, 0, UINT32_MAX, &format, error) != STATUS_OK) {
        return error->status;
    }
    *ours = false;
    if (format != FORMAT) {
        return STATUS_OK;
    }
    if (json_get_string(root, "device", JSON_REQUIRED, &device, error) != STATUS_OK ||
        json_get_u32(root, "vendor_id", JSON_REQUIRED, 0, UINT32_MAX, &vendor, error) != STATUS_OK ||
        json_get_u32(root, "device_id", JSON_REQUIRED, 0, UINT32_MAX, &id, error) != STATUS_OK ||
        json_get_u32(root, "driver_id", JSON_REQUIRED, 0, UINT32_MAX, &driver, error) != STATUS_OK ||
        json_get_u32(root, "driver_version", JSON_REQUIRED, 0, UINT32_MAX, &version, error) != STATUS_OK ||
        json_get_string(root, "cache_uuid", JSON_REQUIRED, &uuid, error) != STATUS_OK ||
        json_get_string(root, "kernels", JSON_REQUIRED, &kernels, error) != STATUS_OK ||
        json_get_i64(root, "measured", JSON_REQUIRED, 0, (int64_t)1 << 52, measured, error) != STATUS_OK) {
        return error->status;
    }
    uuid_text(info, our_uuid);
    kernels_text(info, our_kernels);
    const bool same_device = strcmp(device, info->name) == 0 && vendor == info->vendor_id && id == info->device_id &&
                             driver == info->driver_id;
    *ours = same_device && (recorded || (version == info->driver_version && strcmp(uuid, our_uuid) == 0 &&
                                         strcmp(kernels, our_kernels) == 0));
    return STATUS_OK;
}

/* The candidate of that name and those tiles; -1: there is none any more. */
static int find_candidate(const MatmulProbe *probe, const char *kernel, const char *tiles)
{
    for (int i = 0; i < probe->count; i++) {
        const MatmulVariant *v = &probe->candidates[i].variant;
        if (strcmp(v->kernel_name, kernel) == 0 && strcmp(v->detail, tiles) == 0) {
            return i;
        }
    }
    return -1;
}

/* One line of "products". */
static Status read_candidate(const JsonObject *object, const GpuInfo *info, KernelTimes *times, Error *error)
{
    static const size_t classes = MATMUL_CLASSES;
    const char         *kernel, *tiles;
    uint32_t            compute, class, side;
    double              seconds = 0;
    bool                chosen;
    if (json_get_choice(object, "compute", JSON_REQUIRED, compute_type_names, COMPUTE_TYPES, &compute, error) !=
            STATUS_OK ||
        json_get_choice(object, "class", JSON_REQUIRED, matmul_class_names, classes, &class, error) != STATUS_OK ||
        json_get_u32(object, "side", JSON_REQUIRED, 64, 1 << 16, &side, error) != STATUS_OK ||
        json_get_string(object, "kernel", JSON_REQUIRED, &kernel, error) != STATUS_OK ||
        json_get_string(object, "tiles", JSON_REQUIRED, &tiles, error) != STATUS_OK ||
        json_get_f64(object, "seconds", JSON_NULLABLE, 1e-9, 1e6, &seconds, error) != STATUS_OK ||
        json_get_bool(object, "chosen", JSON_REQUIRED, &chosen, error) != STATUS_OK) {
        return error->status;
    }
    MatmulProbe *probe = &times->probes[compute];
    if (!times->has[compute]) {
        matmul_probe_begin(info, (ComputeType)compute, probe);
        times->has[compute] = true;
        probe->side         = side;
    }
    const int candidate = find_candidate(probe, kernel, tiles);
    if (side != probe->side) {
        return json_fail(object, "side", error, "found %u, and %u before", side, probe->side);
    }
    if (candidate >= 0) {
        probe->candidates[candidate].seconds[class] = seconds;
        probe->chosen[class]                        = chosen ? candidate : probe->chosen[class];
    } else if (chosen) {
        return json_fail(object, "kernel", error, "%s with tiles of %s was chosen, which this rlsp has not", kernel,
                         tiles);
    }
    return STATUS_OK;
}

static Status read_root(const JsonObject *root, const GpuInfo *info, bool recorded, bool *ours, KernelTimes *times,
                        Error *error)
{
    const cJSON *products = NULL, *element;
    Status       status   = read_identity(root, info, recorded, ours, &times->measured, error);
    if (status != STATUS_OK || !*ours) {
        return status;
    }
    status       = json_get_array(root, "products", JSON_REQUIRED, &products, error);
    size_t index = 0;
    if (status != STATUS_OK) {
        return status;
    }
    cJSON_ArrayForEach(element, products)
    {
        JsonObject object;
        status = json_element_object(root, "products", index++, element, &object, error);
        status = status == STATUS_OK ? read_candidate(&object, info, times, error) : status;
        if (status != STATUS_OK) {
            return status;
        }
    }
    for (int compute = 0; compute < COMPUTE_TYPES; compute++) {
        if (times->has[compute] && !matmul_probe_is_sound(&times->probes[compute])) {
            return json_fail(root, "products", error, "of %s, large products and few rows were given to two kernels",
                             compute_type_names[compute]);
        }
    }
    return STATUS_OK;
}

KernelTimesFound kernel_times_read(const char *path, const GpuInfo *info, bool recorded, KernelTimes *times, Error *why)
{
    cJSON      *json = NULL;
    JsonObject  root;
    bool        ours = false;
    KernelTimes read = {0};
    if (!file_exists(path)) {
        return KERNEL_TIMES_NONE;
    }
    Status status = json_read_file(path, FILE_LIMIT, &json, why);
    status        = status == STATUS_OK ? json_root(&root, json, path, why) : status;
    status        = status == STATUS_OK ? read_root(&root, info, recorded, &ours, &read, why) : status;
    cJSON_Delete(json);
    if (status == STATUS_OK && ours) {
        *times = read;
    }
    return status != STATUS_OK ? KERNEL_TIMES_DAMAGED : ours ? KERNEL_TIMES_READ : KERNEL_TIMES_OTHER;
}
