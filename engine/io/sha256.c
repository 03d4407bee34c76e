#include "engine/io/sha256.h"

#include <errno.h>
#include <nettle/version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PIECE = 1 << 20 };

void sha256_begin(Sha256 *sha)
{
    sha256_init(sha);
}

void sha256_add(Sha256 *sha, const void *data, size_t bytes)
{
    sha256_update(sha, bytes, data);
}

void sha256_end(Sha256 *sha, char hex[SHA256_HEX])
{
    uint8_t sum[SHA256_DIGEST_SIZE];
#if NETTLE_VERSION_MAJOR >= 4 /* which dropped the length */
    sha256_digest(sha, sum);
#else
    sha256_digest(sha, sizeof sum, sum);
#endif
    for (size_t i = 0; i < sizeof sum; i++) {
        snprintf(hex + 2 * i, 3, "%02x", (unsigned)sum[i]);
    }
}

Status sha256_file(const char *path, char hex[SHA256_HEX], Error *error)
{
    FILE       *file   = fopen(path, "rb");
    uint8_t    *piece  = malloc(PIECE);
    Status      status = file == NULL ? error_set(error, STATUS_BAD_INPUT, "cannot read %s: %s", path, strerror(errno))
                         : piece == NULL ? error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while reading %s", path)
                                         : STATUS_OK;
    Sha256      sha;
    struct stat info;
    if (status == STATUS_OK && fstat(fileno(file), &info) == 0 && !S_ISREG(info.st_mode)) {
        status = error_set(error, STATUS_BAD_INPUT, "%s is a %s, wanted a file", path,
                           S_ISDIR(info.st_mode) ? "directory" : "device or a pipe"); /* which may have no end */
    }
    sha256_begin(&sha);
    for (size_t bytes; status == STATUS_OK && (bytes = fread(piece, 1, PIECE, file)) > 0;) {
        sha256_add(&sha, piece, bytes);
    }
    if (status == STATUS_OK && ferror(file)) {
        status = error_set(error, STATUS_BAD_INPUT, "cannot read %s: %s", path, strerror(errno));
    }
    sha256_end(&sha, hex);
    free(piece);
    if (file != NULL) {
        fclose(file);
    }
    return status;
}
