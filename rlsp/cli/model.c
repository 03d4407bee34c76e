#include "rlsp/cli/model.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void cli_say_loading(const char *command, const char *directory)
{
    static const char wanted[] = ".safetensors";
    double            bytes    = 0;
    DIR              *dir      = opendir(directory);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        struct stat  info;
        const size_t length = strlen(entry->d_name), end = sizeof wanted - 1;
        if (length > end && strcmp(entry->d_name + length - end, wanted) == 0 &&
            fstatat(dirfd(dir), entry->d_name, &info, 0) == 0) {
            bytes += (double)info.st_size;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    if (bytes > 1073741824.0) {
        fprintf(stderr, "rlsp %s: loading %s, %.1f GiB\n", command, directory, bytes / 1073741824.0);
    }
}

Status cli_model_config(const CliModel *model, ModelConfig *config, Error *error)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/config.json", model->directory);
    const Status status = model_check_directory(model->directory, error);
    return status == STATUS_OK ? model_config_read(config, path, error) : status;
}

Model *cli_model_open(const CliModel *model, Gpu **gpu, Error *error)
{
    *gpu = cli_open_device(&model->device, error);
    if (*gpu == NULL) {
        return NULL;
    }
    cli_say_loading(model->device.command, model->directory);
    Model *loaded = model_load_adapted(*gpu, model->directory, model->adapter, (WeightFormat)model->weights, error);
    if (loaded == NULL || model_set_compute(loaded, (ComputeType)model->device.compute, error) != STATUS_OK) {
        model_free(loaded);
        gpu_close(*gpu);
        *gpu = NULL;
        return NULL;
    }
    return loaded;
}
