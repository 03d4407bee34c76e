/* Private to engine/io/json*.c: what the parser notes in a cJSON node beyond what
 * cJSON itself keeps. cJSON masks `type` with 0xFF, so higher bits are free, and
 * leaves `valueint` of strings at 0: the parser puts the length in bytes there. */
#ifndef ENGINE_IO_JSON_NODE_H
#define ENGINE_IO_JSON_NODE_H

#define JSON_NODE_FRACTION (1 << 16) /* a number spelled with a fraction or an exponent */

#endif
