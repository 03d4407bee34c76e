/* Any bytes as a config.json: refused with a reason, or a config that passes its own
 * check and reads back the same once written. Seeds: tests/data/parity/json_bad/config
 * and models. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/io/file.h"
#include "engine/model/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[64], path[96];

static void remove_directory(void)
{
    file_remove(directory, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (directory[0] == '\0') {
        snprintf(directory, sizeof directory, "/tmp/rlsp-fuzz-%ld", (long)getpid());
        snprintf(path, sizeof path, "%s/config.json", directory);
        if (file_make_directories(directory, NULL) != STATUS_OK) {
            abort();
        }
        atexit(remove_directory);
    }
    FILE *file = fopen(path, "wb"); /* no atomic write: it would wait for the disk every time */
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        abort();
    }
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
