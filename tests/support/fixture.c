#include "tests/support/fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/file.h"

#define DIRECTORIES 64

static char directories[DIRECTORIES][64];
static int  directory_count;

SafetensorsSet *fixture_open(const char *path)
{
    Error           error = {0};
    SafetensorsSet *set   = safetensors_open(path, &error);
    if (set == NULL) {
        fail_msg("%s", error.text);
    }
    return set;
}

static const Safetensor *find(const SafetensorsSet *set, const char *name, uint64_t *count)
{
    const Safetensor *tensor = safetensors_find(set, name);
    if (tensor == NULL) {
        fail_msg("no tensor '%s'", name);
    }
    if (count != NULL) {
        *count = tensor->elements;
    }
    return tensor;
}

float *fixture_f32(const SafetensorsSet *set, const char *name, uint64_t *count)
{
    const Safetensor *tensor = find(set, name, count);
    float            *values = malloc((tensor->elements + 1) * sizeof *values);
    Error             error  = {0};
    if (values == NULL || safetensor_to_f32(tensor, values, 0, tensor->elements, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    return values;
}

int64_t *fixture_i64(const SafetensorsSet *set, const char *name, uint64_t *count)
{
    const Safetensor *tensor = find(set, name, count);
    int64_t          *values = malloc((tensor->elements + 1) * sizeof *values);
    Error             error  = {0};
    if (values == NULL || safetensor_to_i64(tensor, values, 0, tensor->elements, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    return values;
}

void fixture_same_bytes(const Safetensor *a, const Safetensor *b)
{
    Error error = {0};
    char *left = malloc(a->bytes + 1), *right = malloc(a->bytes + 1);
    if (a->bytes != b->bytes || left == NULL || right == NULL ||
        safetensor_read(a, left, 0, a->bytes, &error) != STATUS_OK ||
        safetensor_read(b, right, 0, b->bytes, &error) != STATUS_OK) {
        fail_msg("tensor '%s': %ju and %ju bytes; %s", a->name, (uintmax_t)a->bytes, (uintmax_t)b->bytes, error.text);
    }
    assert_memory_equal(left, right, a->bytes);
    free(left);
    free(right);
}

cJSON *fixture_json(const char *path)
{
    cJSON *root;
    Error  error = {0};
    if (json_read_file(path, JSON_FILE_LIMIT, &root, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    return root;
}

char *fixture_text(const char *path, size_t *bytes)
{
    char  *text;
    size_t length;
    Error  error = {0};
    if (file_read(path, (size_t)1 << 30, &text, &length, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    if (bytes != NULL) {
        *bytes = length;
    }
    return text;
}

static void remove_directories(void)
{
    for (int i = 0; i < directory_count; i++) {
        file_remove(directories[i], NULL);
    }
}

const char *fixture_directory(void)
{
    if (directory_count == DIRECTORIES) {
        fail_msg("more than %d scratch directories", DIRECTORIES);
    }
    if (directory_count == 0) {
        atexit(remove_directories);
    }
    char *path = directories[directory_count];
    strcpy(path, "/tmp/rlsp-test-XXXXXX");
    if (mkdtemp(path) == NULL) {
        fail_msg("cannot make a scratch directory %s", path);
    }
    directory_count++;
    return path;
}

const char *fixture_path(const char *directory, const char *name)
{
    static char     paths[8][1024];
    static unsigned turn;
    char           *path = paths[turn++ % 8];
    int             used = snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    if (used < 0 || (size_t)used >= sizeof paths[0]) {
        fail_msg("path too long: %s/%s", directory, name);
    }
    return path;
}

double fixture_max_abs(const float *a, const float *b, uint64_t count)
{
    double largest = 0;
    for (uint64_t i = 0; i < count; i++) {
        double d = a[i] == b[i] ? 0 : fabs((double)a[i] - b[i]); /* equal infinities differ by 0 */
        if (!(d <= largest)) {
            largest = isnan(d) ? INFINITY : d;
        }
    }
    return largest;
}

double fixture_rel_l2(const float *a, const float *reference, uint64_t count)
{
    double difference = 0, norm = 0;
    for (uint64_t i = 0; i < count; i++) {
        double d = (double)a[i] - reference[i];
        difference += d * d;
        norm += (double)reference[i] * reference[i];
    }
    double result = sqrt(difference / (norm > 0 ? norm : 1));
    return isnan(result) ? INFINITY : result;
}
