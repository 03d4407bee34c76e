/* Private to engine/io/json*.c: json_lex.c (strings, numbers, errors), json.c (values, files), json_get.c (getters). */
#ifndef ENGINE_IO_JSON_PARTS_H
#define ENGINE_IO_JSON_PARTS_H

#include "engine/io/json.h"

/* What the parser notes in a cJSON node beyond what cJSON itself keeps. cJSON masks `type` with 0xFF, so higher bits
 * are free, and leaves `valueint` of strings at 0: the parser puts the length in bytes there. */
#define JSON_NODE_FRACTION (1 << 16) /* a number spelled with a fraction or an exponent */

typedef struct JsonParser {
    const char *text;
    size_t      length;
    size_t      at;
    const char *name;
    bool        nul_allowed;
    Error      *error;
} JsonParser;

/* Each sets the error and returns NULL: `what` is wrong at byte `at`; something else than `wanted` is at parser->at. */
void *json_fail_at(JsonParser *parser, size_t at, const char *what);
void *json_out_of_memory(JsonParser *parser);
void *json_unexpected(JsonParser *parser, const char *wanted);

void json_skip_space(JsonParser *parser);
bool json_take(JsonParser *parser, char wanted); /* goes past it if it is there */

/* A cJSON node of this type; NULL with the error set. */
cJSON *json_new_node(JsonParser *parser, int type);

/* The string whose opening quote is at parser->at, from cJSON's allocator, its bytes in *bytes; the number there. NULL
 * with the error set. */
char  *json_parse_string(JsonParser *parser, bool key, size_t *bytes);
cJSON *json_parse_number(JsonParser *parser);

#endif
