#include "rlsp/train/export_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "rlsp/train/session_adapter.h"

bool export_holds(const char *directory, const char *name)
{
    char path[2 * EXPORT_PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return file_exists(path);
}

bool export_is_model(const char *directory)
{
    return export_holds(directory, "config.json") && !export_holds(directory, "checkpoints") &&
           (export_holds(directory, "model.safetensors") || export_holds(directory, "model.safetensors.index.json"));
}

void export_source_model(ExportSource *source, const char *directory)
{
    snprintf(source->checkpoint, sizeof source->checkpoint, "%s", directory);
    snprintf(source->base, sizeof source->base, "%s", directory);
}

Status export_source_run(ExportSource *source, const char *from, const char *wanted, Error *error)
{
    RunDir *run = run_dir_open(from, false, error);
    if (run == NULL) {
        return error->status;
    }
    Status      status = run_dir_config(run, NULL, 0, &source->config, error);
    const char *path   = NULL;
    Checkpoint  checkpoint;
    if (status == STATUS_OK && wanted[0] != '\0' && strspn(wanted, "0123456789") == strlen(wanted) &&
        strlen(wanted) < 19) {
        path = run_dir_checkpoint_path(run, strtoull(wanted, NULL, 10), error);
    } else if (status == STATUS_OK && (strcmp(wanted, "last") == 0 || strcmp(wanted, "best") == 0)) {
        path = run_dir_mark_path(run, wanted, error);
    } else if (status == STATUS_OK) {
        error_set(error, STATUS_BAD_INPUT, "--step %.40s: wanted a number, \"last\" or \"best\"", wanted);
    }
    status = path != NULL ? checkpoint_read(path, &checkpoint, error) : error->status;
    if (status == STATUS_OK) {
        source->step = checkpoint.step;
        source->run  = true;
        snprintf(source->checkpoint, sizeof source->checkpoint, "%s", path);
        session_base_path(&source->config, run_dir_path(run), source->base);
        source->adapter = export_holds(source->checkpoint, "adapter_config.json");
    }
    run_dir_close(run);
    return status;
}

void export_hub_name(char *to, size_t size, const char *path)
{
    static const char begin[] = "models--";
    const char       *cached = strstr(path, begin), *end = path + strlen(path);
    while (end > path + 1 && end[-1] == '/') {
        end--;
    }
    if (cached != NULL && (cached == path || cached[-1] == '/')) {
        cached += strlen(begin);
        snprintf(to, size, "%.*s", (int)strcspn(cached, "/"), cached);
        char *dashes = strstr(to, "--");
        if (dashes != NULL) {
            *dashes = '/';
            memmove(dashes + 1, dashes + 2, strlen(dashes + 2) + 1);
        }
        return;
    }
    const char *last = end;
    while (last > path && last[-1] != '/') {
        last--;
    }
    snprintf(to, size, "%.*s", (int)(end - last), last);
}
