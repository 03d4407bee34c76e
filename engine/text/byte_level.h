/* The byte-level alphabet (GPT-2): every byte is written as one printable
 * character, so that any bytes can be vocabulary entries. Printable ASCII and
 * Latin-1 stand for themselves, the other 68 bytes for U+0100 onwards. */
#ifndef ENGINE_TEXT_BYTE_LEVEL_H
#define ENGINE_TEXT_BYTE_LEVEL_H

#include <stddef.h>
#include <stdint.h>

/* The character of a byte. */
uint32_t byte_level_char(unsigned char byte);

/* The byte of a character, or -1 if it is not in the alphabet. */
int byte_level_byte(uint32_t point);

/* Spells `bytes` bytes; `out` needs room for 2 * bytes. Returns the bytes written. */
size_t byte_level_encode(const char *text, size_t bytes, char *out);

/* The bytes that a token stands for: if each of its characters is in the alphabet
 * theirs, else its own. `out` needs room for `bytes`. Returns the bytes written. */
size_t byte_level_decode(const char *token, size_t bytes, char *out);

#endif
