/* The user's cache folder: $XDG_CACHE_HOME/rlsp, or ~/.cache/rlsp. What lies there can be lost at any time. */
#ifndef ENGINE_IO_CACHE_H
#define ENGINE_IO_CACHE_H

#include <stdbool.h>
#include <stddef.h>

enum { CACHE_PATH_SIZE = 1024 };

/* The path of a file of that name (a short one) in the folder, which is made if it is not there. False: there is no
 * such folder, and none can be made. */
bool cache_path(const char *name, char path[CACHE_PATH_SIZE]);

#endif
