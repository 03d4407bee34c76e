/* Any bytes as a safetensors file: opened or refused, and every element that is
 * handed out can be read. Seeds: tests/data/parity/safetensors_bad. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/io/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64];

static void remove_file(void)
{
    unlink(path);
}

static void touch(const Safetensor *tensor)
{
    float   values[64];
    int64_t whole[64];
    for (uint64_t first = 0; first < tensor->elements; first += 64) {
        uint64_t count = tensor->elements - first < 64 ? tensor->elements - first : 64;
        safetensor_to_f32(tensor, values, first, count, NULL);
        safetensor_to_i64(tensor, whole, first, count, NULL);
    }
    volatile uint8_t sum = 0;
    for (uint64_t i = 0; i < tensor->bytes; i++) {
        uint8_t byte;
        if (safetensor_read(tensor, &byte, i, 1, NULL) != STATUS_OK) {
            abort();
        }
        sum = (uint8_t)(sum + byte);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (path[0] == '\0') {
        snprintf(path, sizeof path, "/tmp/rlsp-fuzz-%ld.safetensors", (long)getpid());
        atexit(remove_file);
    }
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || write(file, data, size) != (ssize_t)size) {
        abort();
    }
    close(file);
    Error           error = {0};
    SafetensorsSet *set   = safetensors_open(path, &error);
    if ((set == NULL) != (error.status == STATUS_BAD_INPUT)) {
        abort(); /* refused without a reason, or the other way round */
    }
    for (size_t i = 0; set != NULL && i < safetensors_count(set); i++) {
        const Safetensor *tensor = safetensors_at(set, i);
        touch(tensor);
        if (safetensors_find(set, tensor->name) != tensor) {
            abort();
        }
    }
    if (set != NULL) {
        safetensors_metadata(set, "format");
    }
    safetensors_close(set);
    return 0;
}
