/* Deflate: bytes packed as a zlib stream (RFC 1950, 1951), for PNG files.
 *
 * stb_image_write's own packer has no code tables of its own for each block; on a dashboard's picture this one saves a
 * third. The same bytes give the same stream.
 */
#ifndef RLSP_TUI_DEFLATE_H
#define RLSP_TUI_DEFLATE_H

#include <stddef.h>
#include <stdint.h>

/* A new array of *packed_bytes, to be freed; NULL when out of memory. */
uint8_t *deflate_zlib(const uint8_t *data, size_t bytes, size_t *packed_bytes);

#endif
