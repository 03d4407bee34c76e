/* The values of a record's keys. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rlsp/task/records.h"

const cJSON *record_find(const Record *record, const char *key)
{
    const cJSON *value = json_find(&record->object, key);
    const char  *rest  = key;
    if (value != NULL || record->root == NULL || strchr(key, '.') == NULL) {
        return value;
    }
    for (value = record->root; value != NULL && rest != NULL;) {
        char         part[160];
        const char  *dot   = strchr(rest, '.');
        const size_t bytes = dot != NULL ? (size_t)(dot - rest) : strlen(rest);
        if (bytes >= sizeof part) {
            return NULL;
        }
        memcpy(part, rest, bytes);
        part[bytes] = '\0';
        rest        = dot != NULL ? dot + 1 : NULL;
        if (cJSON_IsArray(value)) {
            const bool place = bytes > 0 && bytes < 9 && strspn(part, "0123456789") == bytes;
            value            = place ? cJSON_GetArrayItem(value, atoi(part)) : NULL;
        } else {
            value = cJSON_GetObjectItemCaseSensitive(value, part);
        }
    }
    return value;
}

static Status missing(const Record *record, const char *key, Error *error)
{
    char   keys[240] = "";
    size_t used      = 0;
    for (const cJSON *member = record->root->child; member != NULL; member = member->next) {
        const int wrote = snprintf(keys + used, sizeof keys - used, "%s'%.40s'", used > 0 ? ", " : "", member->string);
        if (wrote < 0 || used + (size_t)wrote >= sizeof keys) {
            snprintf(keys + used, sizeof keys - used, "%s", used + 6 < sizeof keys ? ", …" : "");
            break;
        }
        used += (size_t)wrote;
    }
    return error_set(error, STATUS_BAD_INPUT, "%s: no key '%s'; the line has %s", record->where, key,
                     keys[0] != '\0' ? keys : "none");
}

static const char *type_name(const cJSON *value)
{
    return cJSON_IsNull(value)     ? "null"
           : cJSON_IsBool(value)   ? "true or false"
           : cJSON_IsNumber(value) ? "a number"
           : cJSON_IsString(value) ? "a string"
           : cJSON_IsArray(value)  ? "an array"
                                   : "an object";
}

/* Whether there is a value to look at; if not, *status says whether that is an error. */
static bool value_of(const Record *record, const char *key, JsonNeed need, const cJSON **value, Status *status,
                     Error *error)
{
    *value  = record_find(record, key);
    *status = *value == NULL && need == JSON_REQUIRED ? missing(record, key, error) : STATUS_OK;
    return *value != NULL && !(need == JSON_NULLABLE && cJSON_IsNull(*value));
}

/* The shortest text that reads back as the same double; whatever the locale. */
static void write_number(double value, char number[RECORD_NUMBER_SIZE])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(number, RECORD_NUMBER_SIZE, "%.*g", digits, value);
        if (strtod(number, NULL) == value) {
            break;
        }
    }
    for (char *at = number; *at != '\0'; at++) {
        if (strchr("0123456789+-e", *at) == NULL) {
            *at = '.';
        }
    }
}

Status record_get_text(const Record *record, const char *key, JsonNeed need, char number[RECORD_NUMBER_SIZE],
                       const char **text, Error *error)
{
    const cJSON *value;
    Status       status;
    if (!value_of(record, key, need, &value, &status, error)) {
        return status;
    }
    if (cJSON_IsString(value)) {
        *text = value->valuestring;
        return STATUS_OK;
    }
    if (!cJSON_IsNumber(value)) {
        return error_set(error, STATUS_BAD_INPUT, "%s: key '%s': found %s, wanted a string or a number", record->where,
                         key, type_name(value));
    }
    if (json_is_integer(value) && fabs(value->valuedouble) >= 0x1p53) {
        return error_set(error, STATUS_BAD_INPUT,
                         "%s: key '%s': an integer beyond 2^53 cannot be kept as a number; write it as a string",
                         record->where, key);
    }
    if (json_is_integer(value)) {
        snprintf(number, RECORD_NUMBER_SIZE, "%.0f", value->valuedouble);
    } else {
        write_number(value->valuedouble, number);
    }
    *text = number;
    return STATUS_OK;
}

Status record_get_array(const Record *record, const char *key, JsonNeed need, const cJSON **array, Error *error)
{
    const cJSON *value;
    Status       status;
    if (!value_of(record, key, need, &value, &status, error)) {
        return status;
    }
    if (!cJSON_IsArray(value)) {
        return error_set(error, STATUS_BAD_INPUT, "%s: key '%s': found %s, wanted an array", record->where, key,
                         type_name(value));
    }
    *array = value;
    return STATUS_OK;
}
