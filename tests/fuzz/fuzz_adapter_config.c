/* Any bytes as an adapter_config.json: refused with a reason, or a config that an adapter can have. Seeds:
 * tests/data/parity/lora and json_bad/config. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/io/file.h"
#include "engine/model/lora_io.h"

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
        snprintf(path, sizeof path, "%s/adapter_config.json", directory);
        if (file_make_directories(directory, NULL) != STATUS_OK) {
            abort();
        }
        atexit(remove_directory);
    }
    FILE *file = fopen(path, "wb"); /* no atomic write: it would wait for the disk every time */
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        abort();
    }
    LoraConfig config;
    Error      error = {0};
    if (lora_config_read(&config, path, &error) != STATUS_OK) {
        if (error.status != STATUS_BAD_INPUT || error.text[0] == '\0' || strchr(error.text, '\n') != NULL) {
            abort();
        }
        return 0;
    }
    if (config.rank == 0 || config.rank > LORA_MAX_RANK || config.targets == 0 || config.targets > LORA_ALL ||
        !(config.alpha >= -1e6 && config.alpha <= 1e6)) {
        abort();
    }
    return 0;
}
