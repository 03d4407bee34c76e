/* Files: whole reads with a limit, writes that are complete or absent.
 *
 *     char *text; size_t bytes;
 *     if (file_read(path, 1 << 20, &text, &bytes, &error) != STATUS_OK) …
 *     free(text);
 *
 *     AtomicFile *file = atomic_file_open(path, &error);
 *     atomic_file_write(file, data, bytes, &error);
 *     atomic_file_commit(file, &error);         // or atomic_file_abort(file)
 *
 * An atomic file is written under a temporary name beside its final one, flushed
 * to the disk and renamed over it: at every moment, a crash included, PATH holds
 * either the old content or the new, whole. What fails leaves PATH as it was and
 * no temporary behind. Errors name the path, the system's reason and a way out.
 */
#ifndef ENGINE_IO_FILE_H
#define ENGINE_IO_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/error.h"

/* Reads the whole of `path`, at most `limit` bytes (more is an error before
 * anything is allocated). *bytes is malloc'ed and has a NUL after its `length`
 * bytes; the caller frees it. A missing or unreadable file is STATUS_BAD_INPUT. */
Status file_read(const char *path, size_t limit, char **bytes, size_t *length, Error *error);

typedef struct AtomicFile AtomicFile;

/* Starts to write `path`, a new file or one that is replaced; a directory, a device or a pipe is never replaced. NULL
 * with *error set on failure. */
AtomicFile *atomic_file_open(const char *path, Error *error);

/* Appends to the temporary. After a failure only abort makes sense; commit
 * refuses. The writes are buffered (1 MiB). */
Status atomic_file_write(AtomicFile *file, const void *data, size_t bytes, Error *error);

/* Flushes and fsyncs: from here on a full disk cannot make the commit fail. For files that are to change together. */
Status atomic_file_sync(AtomicFile *file, Error *error);

/* Flushes, fsyncs, renames, fsyncs the directory; frees `file` in every case,
 * and on failure removes the temporary. */
Status atomic_file_commit(AtomicFile *file, Error *error);

/* Removes the temporary and frees `file`; NULL is allowed. */
void atomic_file_abort(AtomicFile *file);

/* The three steps above for content that lies in memory. */
Status file_write_atomic(const char *path, const void *data, size_t bytes, Error *error);

/* Creates a directory and its missing parents; one that is there is fine. */
Status file_make_directories(const char *path, Error *error);

/* Renames a file or directory durably: `from` and its parent are fsynced, so a
 * checkpoint directory written beside its final name becomes complete or absent. */
Status file_rename(const char *from, const char *to, Error *error);

/* Removes a file, or a directory with all it holds (links are not followed). One
 * that is not there is fine. */
Status file_remove(const char *path, Error *error);

bool file_exists(const char *path);
bool file_is_directory(const char *path);

/* STATUS_BAD_INPUT where a directory that is there may not be looked into: all its files seem to be missing then. */
Status file_check_access(const char *directory, Error *error);

/* "directory/name", malloc'ed; NULL if out of memory. An empty directory gives `name`. */
char *path_join(const char *directory, const char *name);

/* Copies a file through an atomic write (bytes, not mode or times). */
Status file_copy(const char *from, const char *to, Error *error);

#endif
