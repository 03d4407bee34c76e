/* Any bytes as a config.json: refused with a reason, or a config that passes its own
 * check and reads back the same once written. Seeds: tests/data/parity/json_bad/config
 * and models. */
#include "engine/io/json.h"
#include "engine/model/config.h"
#include "rlsp/train/export_config.h"
#include "tests/fuzz/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[100], first[100], second[100];

/* What an export makes of it is a config again, and nothing is left to change in that. */
static void exported(void)
{
    char  *texts[2] = {NULL, NULL};
    size_t bytes[2];
    cJSON *root  = NULL;
    Error  error = {0};
    if (export_config(path, first, DTYPE_BF16, &error) != STATUS_OK) {
        if (error.status != STATUS_BAD_INPUT || error.text[0] == '\0') {
            abort();
        }
        return;
    }
    if (export_config(first, second, DTYPE_BF16, &error) != STATUS_OK ||
        file_read(first, JSON_FILE_LIMIT, &texts[0], &bytes[0], &error) != STATUS_OK ||
        file_read(second, JSON_FILE_LIMIT, &texts[1], &bytes[1], &error) != STATUS_OK || bytes[0] != bytes[1] ||
        memcmp(texts[0], texts[1], bytes[0]) != 0 ||
        json_parse(texts[0], bytes[0], "out", &root, &error) != STATUS_OK) {
        abort();
    }
    cJSON_Delete(root);
    free(texts[0]);
    free(texts[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (path[0] == '\0') {
        scratch_path(path, "config.json");
        scratch_path(first, "first.json");
        scratch_path(second, "second.json");
    }
    scratch_put(path, "wb", data, size);
    exported();
    ModelConfig config;
    Error       error = {0};
    if (model_config_read(&config, path, &error) != STATUS_OK) {
        if (error.status != STATUS_BAD_INPUT || error.text[0] == '\0') {
            abort();
        }
        return 0;
    }
    if (model_config_check(&config, "fuzz", &error) != STATUS_OK || model_config_parameters(&config) == 0) {
        abort();
    }
    ModelConfig back;
    if (model_config_write(&config, path, &error) != STATUS_OK || model_config_read(&back, path, &error) != STATUS_OK ||
        back.rms_norm_eps != config.rms_norm_eps || back.rope.theta != config.rope.theta ||
        back.head_dim != config.head_dim || back.eos_count != config.eos_count ||
        model_config_parameters(&back) != model_config_parameters(&config)) {
        abort();
    }
    return 0;
}
