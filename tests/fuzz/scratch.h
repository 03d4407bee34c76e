/* Files of a fuzz target, in memory where the system has room for them there: on a disk every atomic write waits for
 * it, and a target runs a tenth as often. */
#ifndef TESTS_FUZZ_SCRATCH_H
#define TESTS_FUZZ_SCRATCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/io/file.h"

static char scratch_directory[64];

static void scratch_remove(void)
{
    file_remove(scratch_directory, NULL);
}

/* A folder of the process, made by the first call and removed at its end. */
static inline const char *scratch_folder(void)
{
    if (scratch_directory[0] == '\0') {
        strcpy(scratch_directory,
               access("/dev/shm", W_OK) == 0 ? "/dev/shm/rlsp-fuzz-XXXXXX" : "/tmp/rlsp-fuzz-XXXXXX");
        if (mkdtemp(scratch_directory) == NULL) {
            abort();
        }
        atexit(scratch_remove);
    }
    return scratch_directory;
}

/* "folder/name", in `path` [100]. */
static inline void scratch_path(char *path, const char *name)
{
    snprintf(path, 100, "%s/%s", scratch_folder(), name);
}

/* Writes the whole of a file; `mode` as fopen's. */
static inline void scratch_put(const char *path, const char *mode, const uint8_t *data, size_t size)
{
    FILE *file = fopen(path, mode);
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        abort();
    }
}

#endif
