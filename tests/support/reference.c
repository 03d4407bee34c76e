#include "tests/support/reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/gpu_fixture.h"

struct Reference {
    unsigned char *bytes;
    cJSON         *header;
    unsigned char *data;
};

static unsigned char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fail_msg("cannot open %s", path);
    }
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long bytes = ftell(file);
    assert_true(bytes >= 0);
    rewind(file);
    unsigned char *content = calloc((size_t)bytes + 1, 1);
    assert_non_null(content);
    assert_int_equal(fread(content, 1, (size_t)bytes, file), (size_t)bytes);
    fclose(file);
    *size = (size_t)bytes;
    return content;
}

Reference *reference_open(const char *path)
{
    Reference *reference = calloc(1, sizeof *reference);
    assert_non_null(reference);
    size_t size;
    reference->bytes = read_file(path, &size);
    assert_true(size > 8);
    uint64_t header_bytes = 0;
    for (int i = 7; i >= 0; i--) {
        header_bytes = header_bytes << 8 | reference->bytes[i];
    }
    assert_true(header_bytes <= size - 8);
    reference->header = cJSON_ParseWithLength((const char *)reference->bytes + 8, (size_t)header_bytes);
    assert_non_null(reference->header);
    reference->data = reference->bytes + 8 + header_bytes;
    return reference;
}

void reference_close(Reference *reference)
{
    cJSON_Delete(reference->header);
    free(reference->bytes);
    free(reference);
}

static const cJSON *find(Reference *reference, const char *name)
{
    const cJSON *tensor = cJSON_GetObjectItemCaseSensitive(reference->header, name);
    if (!tensor) {
        fail_msg("the reference data has no tensor %s", name);
    }
    return tensor;
}

size_t reference_dim(Reference *reference, const char *name, int axis)
{
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(find(reference, name), "shape");
    const cJSON *size  = cJSON_GetArrayItem(shape, axis);
    assert_non_null(size);
    return (size_t)size->valuedouble;
}

double *reference_get(Reference *reference, const char *name, size_t *count)
{
    const cJSON *tensor  = find(reference, name);
    const cJSON *dtype   = cJSON_GetObjectItemCaseSensitive(tensor, "dtype");
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(tensor, "data_offsets");
    size_t       begin   = (size_t)cJSON_GetArrayItem(offsets, 0)->valuedouble,
           end           = (size_t)cJSON_GetArrayItem(offsets, 1)->valuedouble;
    bool is_f32 = strcmp(dtype->valuestring, "F32") == 0, is_i64 = strcmp(dtype->valuestring, "I64") == 0;
    assert_true(is_f32 || is_i64 || strcmp(dtype->valuestring, "U8") == 0);
    size_t  width  = is_f32 ? 4 : is_i64 ? 8 : 1;
    size_t  total  = (end - begin) / width;
    double *values = fixture_alloc(total * sizeof *values);
    for (size_t i = 0; i < total; i++) {
        const unsigned char *at = reference->data + begin + i * width;
        float                f32;
        int64_t              i64;
        if (is_f32) {
            memcpy(&f32, at, sizeof f32);
            values[i] = (double)f32;
        } else if (is_i64) {
            memcpy(&i64, at, sizeof i64);
            values[i] = (double)i64;
        } else {
            values[i] = (double)*at;
        }
    }
    if (count) {
        *count = total;
    }
    return values;
}

cJSON *reference_json(const char *path)
{
    size_t         size;
    unsigned char *text = read_file(path, &size);
    cJSON         *tree = cJSON_ParseWithLength((const char *)text, size);
    free(text);
    assert_non_null(tree);
    return tree;
}

void reference_check(const char *name, const float *got, const double *want, size_t count, double tolerance)
{
    double worst = 0;
    size_t at    = 0;
    for (size_t i = 0; i < count; i++) {
        double off = isfinite(got[i]) ? fabs((double)got[i] - want[i]) : INFINITY;
        if (off > worst || i == 0) {
            worst = off;
            at    = i;
        }
    }
    if (!(worst <= tolerance)) {
        fail_msg("%s: error %.3g, allowed %.3g, at %zu of %zu: got %.9g, want %.9g", name, worst, tolerance, at, count,
                 count ? (double)got[at] : 0, count ? want[at] : 0);
    }
    print_message("    %-44s largest error %.2g, allowed %.2g\n", name, worst, tolerance);
}
