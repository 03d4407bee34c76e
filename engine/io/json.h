/* JSON, read strictly into cJSON trees.
 *
 *     cJSON *root;
 *     if (json_read_file("dir/config.json", JSON_FILE_LIMIT, &root, &error) != STATUS_OK) …
 *     JsonObject config, rope;
 *     uint32_t   layers, window = 0;
 *     if (json_root(&config, root, "dir/config.json", &error) != STATUS_OK ||
 *         json_get_u32(&config, "num_hidden_layers", JSON_REQUIRED, 1, 1024, &layers, &error) != STATUS_OK ||
 *         json_get_u32(&config, "sliding_window", JSON_NULLABLE, 1, UINT32_MAX, &window, &error) != STATUS_OK) …
 *     cJSON_Delete(root);
 *
 * The reader is RFC 8259 to the letter and stricter where leniency hides
 * mistakes: invalid UTF-8, NUL bytes, lone surrogates, raw control characters,
 * NaN, trailing commas or text, a key twice in one object, more than 128 levels
 * and numbers beyond a double's range are errors that name the file and the line
 * and column. Getters name the file and the key's path:
 *     dir/config.json: key 'rope.factor': found a string ("8"), wanted a number
 *
 * Why not cJSON's own parser: it takes invalid UTF-8, raw control characters, a key
 * twice, 01, 1. and 1e400 (as infinity), ends strings at \u0000, forgets whether a number
 * was spelled as an integer, and says no more of an error than where it is. A check
 * beside it would be this parser again without the nodes. The trees are cJSON's all the
 * same: its functions walk, print and free them. Lines by the million are read without
 * trees (rlsp/run/json_scan.h).
 */
#ifndef ENGINE_IO_JSON_H
#define ENGINE_IO_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/error.h"

#define JSON_FILE_LIMIT ((size_t)64 << 20) /* bytes; for configs and the like */

/* Reads a file / parses `length` bytes that errors call `name`. *root is freed by
 * cJSON_Delete; it is NULL on failure. All errors of content are STATUS_BAD_INPUT. */
Status json_read_file(const char *path, size_t limit, cJSON **root, Error *error);
Status json_parse(const char *text, size_t length, const char *name, cJSON **root, Error *error);

/* The same for texts that may hold the escape \u0000 in string values (not keys):
 * plain json_parse rejects it, since valuestring alone would end there. */
Status json_parse_with_nul(const char *text, size_t length, const char *name, cJSON **root, Error *error);

/* Of an error of the two above in a text that is one line of a file, which `name` tells: "name: column 3: …" instead
 * of "name: line 1, column 3: …". */
void json_error_in_line(Error *error);

/* Bytes of a string that json_parse made, \u0000 included. */
size_t json_string_bytes(const cJSON *string);

/* Whether a number was spelled as an integer (no fraction, no exponent). */
bool json_is_integer(const cJSON *number);

/* An object and how errors name it. */
typedef struct JsonObject {
    const cJSON *json;
    const char  *file;      /* kept, not copied   */
    char         path[160]; /* "" at the root, else "a.b" or "a[3].b" */
} JsonObject;

typedef enum JsonNeed {
    JSON_REQUIRED, /* the key must be there                                        */
    JSON_OPTIONAL, /* if it is missing *value stays as it was                      */
    JSON_NULLABLE  /* if it is missing or null *value stays as it was              */
} JsonNeed;

/* Wraps a parsed root, which must be an object. */
Status json_root(JsonObject *object, const cJSON *root, const char *file, Error *error);

/* The value of a key, NULL if it is missing. */
const cJSON *json_find(const JsonObject *object, const char *key);

/* Getters: on STATUS_OK *value is the value or, for a key that may be missing,
 * what it was. Integers must be spelled as integers ("4.0" and "4e0" are not) of
 * magnitude below 2^53, within [min, max]; numbers within [min, max], both finite.
 * Strings belong to the tree and hold no NUL. */
Status json_get_u32(const JsonObject *object, const char *key, JsonNeed need, uint32_t min, uint32_t max,
                    uint32_t *value, Error *error);
Status json_get_u64(const JsonObject *object, const char *key, JsonNeed need, uint64_t min, uint64_t max,
                    uint64_t *value, Error *error);
Status json_get_i64(const JsonObject *object, const char *key, JsonNeed need, int64_t min, int64_t max, int64_t *value,
                    Error *error);
Status json_get_f64(const JsonObject *object, const char *key, JsonNeed need, double min, double max, double *value,
                    Error *error);
Status json_get_bool(const JsonObject *object, const char *key, JsonNeed need, bool *value, Error *error);
Status json_get_string(const JsonObject *object, const char *key, JsonNeed need, const char **value, Error *error);
Status json_get_array(const JsonObject *object, const char *key, JsonNeed need, const cJSON **value, Error *error);

/* A member object. If it may be missing and is, child->json is NULL (and the
 * getters above then find every key missing). */
Status json_get_object(const JsonObject *object, const char *key, JsonNeed need, JsonObject *child, Error *error);

/* Element `index` of an array that is the value of `key`, which must be an object. */
Status json_element_object(const JsonObject *object, const char *key, size_t index, const cJSON *element,
                           JsonObject *child, Error *error);

/* The integer in an array element or other loose value; errors call it `what`. */
Status json_integer(const cJSON *value, const char *file, const char *what, int64_t min, int64_t max, int64_t *out,
                    Error *error);

/* One of the given words: *index is its place. */
Status json_get_choice(const JsonObject *object, const char *key, JsonNeed need, const char *const *choices,
                       size_t count, uint32_t *index, Error *error);

/* The nearest of `known` to `word` by edit distance, or NULL if none is near. */
const char *json_nearest(const char *word, const char *const *known, size_t count);

/* "FILE: key 'a.b': " + message, as STATUS_BAD_INPUT. */
Status json_fail(const JsonObject *object, const char *key, Error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Writes `root` with indentation and a final newline through an atomic file. */
Status json_write_file(const char *path, const cJSON *root, Error *error);

#endif
