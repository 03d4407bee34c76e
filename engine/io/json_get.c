/* Typed getters over a parsed tree, whose errors name the file and the key. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/io/json.h"
#include "engine/io/json_parts.h"

#define EXACT_LIMIT 9007199254740992.0 /* 2^53: below it every integer is a double of its own */

bool json_is_integer(const cJSON *number)
{
    return cJSON_IsNumber(number) && (number->type & JSON_NODE_FRACTION) == 0 &&
           number->valuedouble == trunc(number->valuedouble);
}

size_t json_string_bytes(const cJSON *string)
{
    /* 0 also where cJSON_CreateString made the node */
    return string->valueint > 0 ? (size_t)string->valueint : strlen(string->valuestring);
}

/* "a.b" + "c" -> "a.b.c"; a very long one is cut. */
static void join_path(char *out, size_t size, const JsonObject *object, const char *key)
{
    int length = snprintf(out, size, "%s%s%s", object->path, object->path[0] == '\0' ? "" : ".", key);
    if (length < 0 || (size_t)length >= size) {
        memcpy(out + size - 4, "...", 4);
    }
}

Status json_fail(const JsonObject *object, const char *key, Error *error, const char *format, ...)
{
    char    path[200], message[320];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    join_path(path, sizeof path, object, key);
    return error_set(error, STATUS_BAD_INPUT, "%s: key '%s': %s", object->file, path, message);
}

/* What a value is, for errors: a string ("8"). */
static const char *describe(const cJSON *value, char *out, size_t size)
{
    switch (value->type & 0xFF) {
    case cJSON_NULL: snprintf(out, size, "null"); break;
    case cJSON_True: snprintf(out, size, "true"); break;
    case cJSON_False: snprintf(out, size, "false"); break;
    case cJSON_Number: snprintf(out, size, "the number %.17g", value->valuedouble); break;
    case cJSON_String:
        snprintf(out, size, "the string \"%.40s%s\"", value->valuestring, strlen(value->valuestring) > 40 ? "…" : "");
        break;
    case cJSON_Array: snprintf(out, size, "an array"); break;
    case cJSON_Object: snprintf(out, size, "an object"); break;
    default: snprintf(out, size, "a value of unknown type"); break;
    }
    return out;
}

static Status wrong(const JsonObject *object, const char *key, const cJSON *value, const char *wanted, Error *error)
{
    char found[120];
    return json_fail(object, key, error, "found %s, wanted %s", describe(value, found, sizeof found), wanted);
}

Status json_root(JsonObject *object, const cJSON *root, const char *file, Error *error)
{
    *object = (JsonObject){.json = root, .file = file};
    if (!cJSON_IsObject(root)) {
        char found[120];
        return error_set(error, STATUS_BAD_INPUT, "%s: found %s, wanted an object", file,
                         root == NULL ? "nothing" : describe(root, found, sizeof found));
    }
    return STATUS_OK;
}

const cJSON *json_find(const JsonObject *object, const char *key)
{
    return object->json == NULL ? NULL : cJSON_GetObjectItemCaseSensitive(object->json, key);
}

/* Finds a key. *value is NULL if it may be missing and is. */
static Status find(const JsonObject *object, const char *key, JsonNeed need, const cJSON **value, const char *wanted,
                   Error *error)
{
    *value = json_find(object, key);
    if (*value == NULL && need == JSON_REQUIRED) {
        return json_fail(object, key, error, "missing, wanted %s", wanted);
    }
    if (need == JSON_NULLABLE && cJSON_IsNull(*value)) {
        *value = NULL;
    }
    return STATUS_OK;
}

static Status get_integer(const JsonObject *object, const char *key, JsonNeed need, double min, double max,
                          double *value, Error *error)
{
    char wanted[100];
    if (max < EXACT_LIMIT) {
        snprintf(wanted, sizeof wanted, "an integer from %.0f to %.0f", min, max);
    } else {
        snprintf(wanted, sizeof wanted, "an integer from %.0f to 2^53 - 1",
                 min <= -EXACT_LIMIT ? 1 - EXACT_LIMIT : min);
    }
    const cJSON *found;
    Status       status = find(object, key, need, &found, wanted, error);
    if (status != STATUS_OK || found == NULL) {
        return status;
    }
    if (!json_is_integer(found) || found->valuedouble < min || found->valuedouble > max ||
        fabs(found->valuedouble) >= EXACT_LIMIT) {
        return wrong(object, key, found, wanted, error);
    }
    *value = found->valuedouble;
    return STATUS_OK;
}

Status json_get_u32(const JsonObject *object, const char *key, JsonNeed need, uint32_t min, uint32_t max,
                    uint32_t *value, Error *error)
{
    double number = *value;
    Status status = get_integer(object, key, need, min, max, &number, error);
    if (status == STATUS_OK) {
        *value = (uint32_t)number;
    }
    return status;
}

Status json_get_u64(const JsonObject *object, const char *key, JsonNeed need, uint64_t min, uint64_t max,
                    uint64_t *value, Error *error)
{
    double number = -1;
    Status status = get_integer(object, key, need, (double)min, (double)max, &number, error);
    if (status == STATUS_OK && number >= 0) {
        *value = (uint64_t)number;
    }
    return status;
}

Status json_get_i64(const JsonObject *object, const char *key, JsonNeed need, int64_t min, int64_t max, int64_t *value,
                    Error *error)
{
    double number = NAN;
    Status status = get_integer(object, key, need, (double)min, (double)max, &number, error);
    if (status == STATUS_OK && !isnan(number)) {
        *value = (int64_t)number;
    }
    return status;
}

Status json_get_f64(const JsonObject *object, const char *key, JsonNeed need, double min, double max, double *value,
                    Error *error)
{
    char wanted[100];
    if (max >= 1e300) {
        snprintf(wanted, sizeof wanted, min <= -1e300 ? "a number" : "a number of at least %g", min);
    } else {
        snprintf(wanted, sizeof wanted, "a number from %g to %g", min, max);
    }
    const cJSON *found;
    Status       status = find(object, key, need, &found, wanted, error);
    if (status != STATUS_OK || found == NULL) {
        return status;
    }
    if (!cJSON_IsNumber(found) || !(found->valuedouble >= min && found->valuedouble <= max)) {
        return wrong(object, key, found, wanted, error);
    }
    *value = found->valuedouble;
    return STATUS_OK;
}

Status json_get_bool(const JsonObject *object, const char *key, JsonNeed need, bool *value, Error *error)
{
    const cJSON *found;
    Status       status = find(object, key, need, &found, "true or false", error);
    if (status != STATUS_OK || found == NULL) {
        return status;
    }
    if (!cJSON_IsBool(found)) {
        return wrong(object, key, found, "true or false", error);
    }
    *value = cJSON_IsTrue(found);
    return STATUS_OK;
}

Status json_get_string(const JsonObject *object, const char *key, JsonNeed need, const char **value, Error *error)
{
    const cJSON *found;
    Status       status = find(object, key, need, &found, "a string", error);
    if (status != STATUS_OK || found == NULL) {
        return status;
    }
    if (!cJSON_IsString(found)) {
        return wrong(object, key, found, "a string", error);
    }
    if (json_string_bytes(found) != strlen(found->valuestring)) {
        return json_fail(object, key, error, "the string holds the character \\u0000");
    }
    *value = found->valuestring;
    return STATUS_OK;
}

Status json_get_array(const JsonObject *object, const char *key, JsonNeed need, const cJSON **value, Error *error)
{
    const cJSON *found;
    Status       status = find(object, key, need, &found, "an array", error);
    if (status != STATUS_OK || found == NULL) {
        return status;
    }
    if (!cJSON_IsArray(found)) {
        return wrong(object, key, found, "an array", error);
    }
    *value = found;
    return STATUS_OK;
}

Status json_get_object(const JsonObject *object, const char *key, JsonNeed need, JsonObject *child, Error *error)
{
    const cJSON *found;
    *child = (JsonObject){.file = object->file};
    join_path(child->path, sizeof child->path, object, key);
    Status status = find(object, key, need, &found, "an object", error);
    if (status != STATUS_OK || found == NULL) {
        return status;
    }
    if (!cJSON_IsObject(found)) {
        return wrong(object, key, found, "an object", error);
    }
    child->json = found;
    return STATUS_OK;
}

Status json_element_object(const JsonObject *object, const char *key, size_t index, const cJSON *element,
                           JsonObject *child, Error *error)
{
    char name[120];
    snprintf(name, sizeof name, "%s[%zu]", key, index);
    *child = (JsonObject){.file = object->file};
    join_path(child->path, sizeof child->path, object, name);
    if (!cJSON_IsObject(element)) {
        return wrong(object, name, element, "an object", error);
    }
    child->json = element;
    return STATUS_OK;
}

Status json_integer(const cJSON *value, const char *file, const char *what, int64_t min, int64_t max, int64_t *out,
                    Error *error)
{
    if (!json_is_integer(value) || fabs(value->valuedouble) >= EXACT_LIMIT || value->valuedouble < (double)min ||
        value->valuedouble > (double)max) {
        char found[120];
        return error_set(error, STATUS_BAD_INPUT, "%s: %s: found %s, wanted an integer from %jd to %jd", file, what,
                         describe(value, found, sizeof found), (intmax_t)min, (intmax_t)max);
    }
    *out = (int64_t)value->valuedouble;
    return STATUS_OK;
}

Status json_get_choice(const JsonObject *object, const char *key, JsonNeed need, const char *const *choices,
                       size_t count, uint32_t *index, Error *error)
{
    const char *word   = NULL;
    Status      status = json_get_string(object, key, need, &word, error);
    if (status != STATUS_OK || word == NULL) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, choices[i]) == 0) {
            *index = (uint32_t)i;
            return STATUS_OK;
        }
    }
    char   list[240] = "";
    size_t used      = 0;
    for (size_t i = 0; i < count && used < sizeof list; i++) {
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i == 0 ? "" : ", ", choices[i]);
    }
    return json_fail(object, key, error, "found \"%.40s\", wanted one of: %s", word, list);
}

enum { FAR = 64 };

/* Edit distance of two short words; long ones count as far apart. */
static size_t distance(const char *a, const char *b)
{
    size_t row[FAR], n = strlen(b);
    if (n >= FAR || strlen(a) >= FAR) {
        return FAR;
    }
    for (size_t j = 0; j <= n; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0]          = i + 1;
        for (size_t j = 0; j < n; j++) {
            size_t best = diagonal + (a[i] != b[j]);
            diagonal    = row[j + 1];
            best        = row[j] + 1 < best ? row[j] + 1 : best;
            row[j + 1]  = diagonal + 1 < best ? diagonal + 1 : best;
        }
    }
    return row[n];
}

const char *json_nearest(const char *word, const char *const *known, size_t count)
{
    const char *nearest = NULL;
    size_t      length = strlen(word), best = (length + 5) / 3; /* farther than this is another word */
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(word, known[i]);
        if (d < best && d < length && d < FAR) {
            best    = d;
            nearest = known[i];
        }
    }
    return nearest;
}
