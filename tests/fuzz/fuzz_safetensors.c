/* Any bytes as a safetensors file: opened or refused, and every element that is
 * handed out can be read. Seeds: tests/data/parity/safetensors_bad. */
#include "engine/io/safetensors.h"
#include "tests/fuzz/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[100];

static void touch(const Safetensor *tensor)
{
    float   values[64];
    int64_t whole[64];
    for (uint64_t first = 0; first < tensor->elements; first += 64) {
        uint64_t count = tensor->elements - first < 64 ? tensor->elements - first : 64;
        safetensor_to_f32(tensor, values, first, count, NULL);
        safetensor_to_i64(tensor, whole, first, count, NULL);
    }
    uint8_t piece[97]; /* no multiple of any element's size */
    for (uint64_t first = 0; first < tensor->bytes; first += sizeof piece) {
        const uint64_t rest = tensor->bytes - first;
        if (safetensor_read(tensor, piece, first, rest < sizeof piece ? rest : sizeof piece, NULL) != STATUS_OK) {
            abort();
        }
    }
    if (tensor->bytes > 0 && (safetensor_read(tensor, piece, tensor->bytes - 1, 1, NULL) != STATUS_OK ||
                              safetensor_read(tensor, piece, tensor->bytes - 1, 2, NULL) == STATUS_OK)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (path[0] == '\0') {
        scratch_path(path, "model.safetensors");
    }
    scratch_put(path, "wb", data, size);
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
    safetensors_close(set);
    return 0;
}
