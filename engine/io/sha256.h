/* SHA-256 (FIPS 180-4), to name files by what they hold: the same sums as sha256sum and the Hugging Face Hub print.
 *
 *     char sum[SHA256_HEX];
 *     sha256_file("model.safetensors", sum, &error);
 */
#ifndef ENGINE_IO_SHA256_H
#define ENGINE_IO_SHA256_H

#include <nettle/sha2.h>
#include <stddef.h>

#include "engine/error.h"

enum { SHA256_HEX = 65 }; /* 64 digits and a NUL */

typedef struct sha256_ctx Sha256; /* nothing to free */

void sha256_begin(Sha256 *sha);
void sha256_add(Sha256 *sha, const void *data, size_t bytes);
void sha256_end(Sha256 *sha, char hex[SHA256_HEX]);

/* Of a whole file, read in pieces. */
Status sha256_file(const char *path, char hex[SHA256_HEX], Error *error);

#endif
