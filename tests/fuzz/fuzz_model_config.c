/* Any bytes as a config.json: refused with a reason, or a config that passes its own
 * check and reads back the same once written. Seeds: tests/data/parity/json_bad/config
 * and models. */
#include "engine/model/config.h"
#include "tests/fuzz/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[100];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (path[0] == '\0') {
        scratch_path(path, "config.json");
    }
    scratch_put(path, "wb", data, size);
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
