#include "rlsp/eval/fingerprint.h"

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/parallel.h"

typedef struct Print {
    char *name, *path; /* as it is listed; where it lies */
    char  hex[SHA256_HEX];
} Print;

typedef struct Prints {
    Print      *list;
    size_t      count;
    atomic_bool failed;
    Error       error; /* of the thread that came first */
} Prints;

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "reading a model's files: out of host memory");
}

/* --- which files ------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *name, const char *end)
{
    const size_t length = strlen(name), tail = strlen(end);
    return length >= tail && strcmp(name + length - tail, end) == 0;
}

static bool counts(const char *name)
{
    static const char *const names[] = {"config.json",           "generation_config.json", "tokenizer.json",
                                        "tokenizer_config.json", "chat_template.jinja",    "adapter_config.json"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return ends_with(name, ".safetensors") || ends_with(name, ".safetensors.index.json");
}

static Status add_file(Prints *prints, const char *directory, const char *prefix, const char *name, Error *error)
{
    Print *grown = realloc(prints->list, (prints->count + 1) * sizeof *grown);
    if (grown == NULL) {
        return out_of_memory(error);
    }
    prints->list       = grown;
    Print       *print = &prints->list[prints->count++];
    const size_t size  = strlen(prefix) + strlen(name) + 1;
    *print             = (Print){.name = malloc(size), .path = path_join(directory, name)};
    if (print->name == NULL || print->path == NULL) {
        return out_of_memory(error);
    }
    snprintf(print->name, size, "%s%s", prefix, name);
    return STATUS_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const Print *)a)->name, ((const Print *)b)->name);
}

static Status list_files(Prints *prints, const char *directory, const char *prefix, Error *error)
{
    DIR         *dir   = opendir(directory);
    const size_t first = prints->count;
    Status       status =
        dir != NULL ? STATUS_OK : error_set(error, STATUS_BAD_INPUT, "cannot read %s: %s", directory, strerror(errno));
    for (struct dirent *entry; status == STATUS_OK && (entry = readdir(dir)) != NULL;) {
        status = counts(entry->d_name) ? add_file(prints, directory, prefix, entry->d_name, error) : STATUS_OK;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    if (prints->count > first) {
        qsort(prints->list + first, prints->count - first, sizeof *prints->list, by_name);
    }
    return status;
}

/* --- their sums -------------------------------------------------------------------------------------------------- */

static void sum_up(void *user, size_t i)
{
    Prints *prints = user;
    Error   error  = {0};
    if (sha256_file(prints->list[i].path, prints->list[i].hex, &error) != STATUS_OK &&
        !atomic_exchange(&prints->failed, true)) {
        prints->error = error;
    }
}

Status fingerprint_model(const char *directory, const char *adapter, char hex[SHA256_HEX], Error *error)
{
    Prints prints = {0};
    Sha256 sha;
    Status status = list_files(&prints, directory, "", error);
    if (status == STATUS_OK && adapter != NULL) {
        status = list_files(&prints, adapter, "adapter/", error);
    }
    if (status == STATUS_OK) {
        parallel_for(prints.count, 1, parallel_threads(), sum_up, &prints);
        status =
            atomic_load(&prints.failed) ? error_set(error, prints.error.status, "%s", prints.error.text) : STATUS_OK;
    }
    sha256_begin(&sha);
    for (size_t i = 0; i < prints.count; i++) {
        if (status == STATUS_OK) { /* as sha256sum prints it */
            sha256_add(&sha, prints.list[i].hex, SHA256_HEX - 1);
            sha256_add(&sha, "  ", 2);
            sha256_add(&sha, prints.list[i].name, strlen(prints.list[i].name));
            sha256_add(&sha, "\n", 1);
        }
        free(prints.list[i].name);
        free(prints.list[i].path);
    }
    sha256_end(&sha, hex);
    free(prints.list);
    return status;
}
