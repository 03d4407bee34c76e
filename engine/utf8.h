/* UTF-8: checking, encoding and decoding of code points (RFC 3629: no overlong
 * forms, no surrogates, nothing above U+10FFFF).
 *
 *     if (utf8_check(text, bytes) < bytes) …          // the first bad byte
 *     for (size_t at = 0; at < bytes;) {
 *         uint32_t point = utf8_next(text, bytes, &at); // text is valid
 */
#ifndef ENGINE_UTF8_H
#define ENGINE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The offset of the first byte that is not part of valid UTF-8; `bytes` if all is. */
size_t utf8_check(const char *text, size_t bytes);

/* Writes a code point (1 to 4 bytes, no NUL after it); returns the number of bytes. */
size_t utf8_encode(uint32_t point, char *out);

/* The code point at *at, which moves past it. The text must be valid there. */
uint32_t utf8_next(const char *text, size_t bytes, size_t *at);

/* The code point that ends at *at (> 0), which moves back to its start. */
uint32_t utf8_previous(const char *text, size_t *at);

/* Copies, with each maximal ill-formed part replaced by U+FFFD as Rust's
 * String::from_utf8_lossy and the Unicode standard do. `out` needs room for
 * 3 * bytes; returns the number of bytes written. */
size_t utf8_lossy(const char *text, size_t bytes, char *out);

#endif
