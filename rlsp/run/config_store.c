/* One value between JSON and RunConfig, by the type that the key table gives. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rlsp/run/config_keys.h"

/* What was found, for errors: a string ("x"), a number (3), … */
static void describe(const cJSON *value, char *text, size_t size)
{
    if (cJSON_IsString(value)) {
        snprintf(text, size, "a string (\"%.60s\")", value->valuestring);
    } else if (cJSON_IsNumber(value)) {
        snprintf(text, size, "%.15g", value->valuedouble);
    } else if (cJSON_IsBool(value)) {
        snprintf(text, size, "%s", cJSON_IsTrue(value) ? "true" : "false");
    } else {
        snprintf(text, size, "%s", cJSON_IsNull(value) ? "null" : cJSON_IsArray(value) ? "an array" : "an object");
    }
}

/* What is wanted, for errors. */
static void describe_wanted(const ConfigKey *key, char *text, size_t size)
{
    char   range[80] = "";
    size_t used      = 0;
    if (key->max >= CONFIG_MANY) {
        snprintf(range, sizeof range, " of at least %.15g", key->min);
    } else {
        snprintf(range, sizeof range, " from %.15g to %.15g", key->min, key->max);
    }
    switch (key->type) {
    case KEY_BOOL: snprintf(text, size, "true or false"); return;
    case KEY_U32:
    case KEY_U64: snprintf(text, size, "a whole number%s", range); return;
    case KEY_F64: snprintf(text, size, "a number%s", range); return;
    case KEY_PAIR: snprintf(text, size, "an array of two numbers%s", range); return;
    case KEY_TEXT_OR_INDEX: snprintf(text, size, "a string or an index"); return;
    case KEY_TEXT:
    case KEY_PATH: snprintf(text, size, "a string of less than %zu bytes", key->size); return;
    case KEY_TEXT_LIST: snprintf(text, size, "an array of %.0f to %zu strings", key->min, key->size); return;
    case KEY_PHASES: snprintf(text, size, "an array of at most %zu objects", key->size); return;
    case KEY_WORD: used = (size_t)snprintf(text, size, "one of"); break;
    case KEY_WORD_LIST: used = (size_t)snprintf(text, size, "an array, each once and in this order, of"); break;
    }
    for (size_t i = 0; key->words[i] != NULL && used < size; i++) {
        used += (size_t)snprintf(text + used, size - used, "%s\"%s\"", i == 0 ? " " : ", ", key->words[i]);
    }
}

static Status refuse(const ConfigKey *key, const cJSON *value, const char *origin, const char *where, Error *error)
{
    char found[100], wanted[200];
    describe(value, found, sizeof found);
    describe_wanted(key, wanted, sizeof wanted);
    return error_set(error, STATUS_BAD_INPUT, "%s: key '%s': found %s, wanted %s", origin, where, found, wanted);
}

static bool in_range(const ConfigKey *key, const cJSON *value)
{
    return cJSON_IsNumber(value) && value->valuedouble >= key->min && value->valuedouble <= key->max;
}

static int find_word(const ConfigKey *key, const cJSON *value)
{
    for (int i = 0; cJSON_IsString(value) && key->words[i] != NULL; i++) {
        if (strcmp(key->words[i], value->valuestring) == 0) {
            return i;
        }
    }
    return -1;
}

static void *place(const ConfigKey *key, RunConfig *config, int phase)
{
    size_t offset = key->offset;
    if (phase >= 0) {
        offset += offsetof(RunConfig, sft.phases) + (size_t)phase * sizeof(SftPhase) - offsetof(RunConfig, sft.base);
    }
    return (char *)config + offset;
}

static Status store_words(const ConfigKey *key, const cJSON *value, const char *origin, const char *where,
                          RunConfig *config, Error *error)
{
    int      list[8] = {0}, previous = -1;
    uint32_t count = 0;
    for (const cJSON *item = value->child; item != NULL; item = item->next) {
        int word = find_word(key, item);
        if (word <= previous || count == key->size) {
            return refuse(key, word < 0 ? item : value, origin, where, error);
        }
        list[count++] = word;
        previous      = word;
    }
    if (count == 0) {
        return refuse(key, value, origin, where, error);
    }
    if (config != NULL) {
        memcpy((char *)config + key->offset, list, count * sizeof list[0]);
        memcpy((char *)config + key->count, &count, sizeof count);
    }
    return STATUS_OK;
}

static Status store_texts(const ConfigKey *key, const cJSON *value, const char *origin, const char *where,
                          RunConfig *config, Error *error)
{
    uint32_t count = 0;
    for (const cJSON *item = value->child; item != NULL; item = item->next, count++) {
        if (!cJSON_IsString(item) || strlen(item->valuestring) >= RUN_NAME_SIZE || count == key->size) {
            return refuse(key, item, origin, where, error);
        }
        if (config != NULL) {
            strcpy((char *)config + key->offset + (size_t)count * RUN_NAME_SIZE, item->valuestring);
        }
    }
    if (count < (uint32_t)key->min) {
        return refuse(key, value, origin, where, error);
    }
    if (config != NULL) {
        memcpy((char *)config + key->count, &count, sizeof count);
    }
    return STATUS_OK;
}

Status config_key_store(const ConfigKey *key, const cJSON *value, const char *origin, const char *where,
                        RunConfig *config, int phase, Error *error)
{
    void    *target = config != NULL ? place(key, config, phase) : NULL;
    bool     fits   = false;
    bool     flag   = cJSON_IsTrue(value);
    double   number = cJSON_IsNumber(value) ? value->valuedouble : 0;
    double   pair[2];
    int      word = -1;
    uint32_t u32;
    uint64_t u64;
    switch (key->type) {
    case KEY_BOOL:
        fits = cJSON_IsBool(value);
        if (fits && target != NULL) {
            memcpy(target, &flag, sizeof flag);
        }
        break;
    case KEY_U32:
        fits = in_range(key, value) && number == floor(number);
        if (fits && target != NULL) {
            u32 = (uint32_t)number;
            memcpy(target, &u32, sizeof u32);
        }
        break;
    case KEY_U64:
        fits = in_range(key, value) && number == floor(number);
        if (fits && target != NULL) {
            u64 = (uint64_t)number;
            memcpy(target, &u64, sizeof u64);
        }
        break;
    case KEY_F64:
        fits = in_range(key, value);
        if (fits && target != NULL) {
            memcpy(target, &number, sizeof number);
        }
        break;
    case KEY_PAIR:
        fits = cJSON_IsArray(value) && cJSON_GetArraySize(value) == 2 && in_range(key, value->child) &&
               in_range(key, value->child->next);
        if (fits && target != NULL) {
            pair[0] = value->child->valuedouble;
            pair[1] = value->child->next->valuedouble;
            memcpy(target, pair, sizeof pair);
        }
        break;
    case KEY_TEXT_OR_INDEX:
        if (cJSON_IsNumber(value) && number >= 0 && number <= 9999 && number == floor(number)) {
            if (target != NULL) {
                snprintf(target, key->size, "%.0f", number);
            }
            return STATUS_OK;
        } /* fall through */
    case KEY_TEXT:
    case KEY_PATH:
        fits = cJSON_IsString(value) && strlen(value->valuestring) < key->size;
        if (fits && target != NULL) {
            memset(target, 0, key->size);
            strcpy(target, value->valuestring);
        }
        break;
    case KEY_WORD:
        word = find_word(key, value);
        fits = word >= 0;
        if (fits && target != NULL) {
            memcpy(target, &word, sizeof word);
        }
        break;
    case KEY_WORD_LIST:
        if (cJSON_IsArray(value)) {
            return store_words(key, value, origin, where, config, error);
        }
        break;
    case KEY_TEXT_LIST:
        if (cJSON_IsArray(value)) {
            return store_texts(key, value, origin, where, config, error);
        }
        break;
    case KEY_PHASES: fits = cJSON_IsArray(value) && cJSON_GetArraySize(value) <= (int)key->size; break;
    }
    return fits ? STATUS_OK : refuse(key, value, origin, where, error);
}

/* The shortest spelling that reads back as the same double; cJSON's own may be a bit off. */
static cJSON *load_real(double number)
{
    char text[40];
    int  digits = 15;
    do {
        snprintf(text, sizeof text, "%.*g", digits, number);
    } while (digits++ < 17 && strtod(text, NULL) != number);
    return cJSON_CreateRaw(text);
}

static cJSON *load_pair(const double pair[2])
{
    cJSON *array = cJSON_CreateArray();
    for (int i = 0; array != NULL && i < 2; i++) {
        cJSON *item = load_real(pair[i]);
        if (item == NULL || !cJSON_AddItemToArray(array, item)) {
            cJSON_Delete(item);
            cJSON_Delete(array);
            return NULL;
        }
    }
    return array;
}

/* A list of `count` words, or of texts where the key has no words. */
static cJSON *load_list(const ConfigKey *key, const char *data, uint32_t count)
{
    cJSON *array = cJSON_CreateArray();
    for (uint32_t i = 0; array != NULL && i < count; i++) {
        int word = 0;
        if (key->words != NULL) {
            memcpy(&word, data + i * sizeof word, sizeof word);
        }
        cJSON *item = cJSON_CreateString(key->words != NULL ? key->words[word] : data + (size_t)i * RUN_NAME_SIZE);
        if (item == NULL || !cJSON_AddItemToArray(array, item)) {
            cJSON_Delete(item);
            cJSON_Delete(array);
            return NULL;
        }
    }
    return array;
}

cJSON *config_key_load(const ConfigKey *key, const RunConfig *config, int phase)
{
    RunConfig *mutable = (RunConfig *)(uintptr_t)config; /* place() serves both ways; nothing is written */
    const char *data   = place(key, mutable, phase);
    bool        flag;
    int         word;
    uint32_t    u32;
    uint64_t    u64;
    double      number, pair[2];
    switch (key->type) {
    case KEY_BOOL: memcpy(&flag, data, sizeof flag); return cJSON_CreateBool(flag);
    case KEY_U32: memcpy(&u32, data, sizeof u32); return cJSON_CreateNumber(u32);
    case KEY_U64: memcpy(&u64, data, sizeof u64); return cJSON_CreateNumber((double)u64);
    case KEY_F64: memcpy(&number, data, sizeof number); return load_real(number);
    case KEY_PAIR: memcpy(pair, data, sizeof pair); return load_pair(pair);
    case KEY_TEXT:
    case KEY_TEXT_OR_INDEX:
    case KEY_PATH: return cJSON_CreateString(data);
    case KEY_WORD: memcpy(&word, data, sizeof word); return cJSON_CreateString(key->words[word]);
    case KEY_WORD_LIST:
    case KEY_TEXT_LIST: memcpy(&u32, (const char *)config + key->count, sizeof u32); return load_list(key, data, u32);
    case KEY_PHASES: break;
    }
    return NULL;
}
