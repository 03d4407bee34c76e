/* Any bytes as an adapter_config.json: refused with a reason, or a config that an adapter can have. Seeds:
 * tests/data/parity/lora and json_bad/config. */
#include "engine/model/lora_io.h"
#include "tests/fuzz/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[100];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (path[0] == '\0') {
        scratch_path(path, "adapter_config.json");
    }
    scratch_put(path, "wb", data, size);
    LoraConfig config;
    Error      error = {0};
    if (lora_config_read(&config, path, &error) != STATUS_OK) {
        if (error.status != STATUS_BAD_INPUT || error.text[0] == '\0' || strchr(error.text, '\n') != NULL) {
            abort();
        }
        return 0;
    }
    if (config.rank == 0 || config.rank > LORA_MAX_RANK || config.targets > LORA_ALL ||
        !(config.alpha >= -1e6 && config.alpha <= 1e6) || !(config.dropout >= 0 && config.dropout <= 1)) {
        abort();
    }
    return 0;
}
