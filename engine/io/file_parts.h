/* Private to engine/io: file.c (paths, whole files, directories) and atomic_file.c. */
#ifndef ENGINE_IO_FILE_PARTS_H
#define ENGINE_IO_FILE_PARTS_H

#include "engine/io/file.h"

/* STATUS_FAILED: "cannot DOING PATH: " and the system's reason, with what a person can do about the common ones. */
Status file_fail(Error *error, int number, const char *doing, const char *path);
Status file_out_of_memory(Error *error, const char *path);

/* Makes the entries of the directory that `path` lies in durable. */
Status file_sync_parent(const char *path, Error *error);

#endif
