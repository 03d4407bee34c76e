#include "engine/io/cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

bool cache_path(const char *name, char path[CACHE_PATH_SIZE])
{
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char        folder[900];
    path[0]    = '\0';
    int length = -1;
    if (base != NULL && base[0] == '/') {
        length = snprintf(folder, sizeof folder, "%s", base);
    } else if (home != NULL && home[0] == '/') {
        length = snprintf(folder, sizeof folder, "%s/.cache", home);
    }
    if (length < 0 || (size_t)length + sizeof "/rlsp" > sizeof folder) {
        return false;
    }
    mkdir(folder, 0700);
    snprintf(folder + length, sizeof folder - (size_t)length, "/rlsp");
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return false;
    }
    if (snprintf(path, CACHE_PATH_SIZE, "%s/%s", folder, name) < CACHE_PATH_SIZE) {
        return true;
    }
    path[0] = '\0';
    return false;
}
