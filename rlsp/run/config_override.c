/* --set a.b=v: each becomes a small tree, checked and merged like a file's. */
#include <stdlib.h>
#include <string.h>

#include "engine/io/json.h"
#include "rlsp/run/config_tree.h"

/* The JSON that an override's text stands for: as the key's type asks. */
static Status override_value(const ConfigKey *key, const char *text, const char *origin, cJSON **value, Error *error)
{
    KeyType type = key != NULL ? key->type : KEY_PHASES;
    bool    bare = type == KEY_TEXT || type == KEY_PATH || type == KEY_WORD || type == KEY_TEXT_OR_INDEX;
    bool    list = type == KEY_WORD_LIST || type == KEY_TEXT_LIST;
    if (bare && text[0] != '"') {
        *value = cJSON_CreateString(text);
        return *value != NULL ? STATUS_OK : config_out_of_memory(error);
    }
    if (list && text[0] != '[') { /* a,b,c */
        *value = cJSON_CreateArray();
        while (*value != NULL) {
            size_t length = strcspn(text, ",");
            char   item[RUN_TEXT_SIZE];
            snprintf(item, sizeof item, "%.*s", (int)(length < sizeof item ? length : sizeof item - 1), text);
            cJSON *string = cJSON_CreateString(item);
            if (string == NULL || !cJSON_AddItemToArray(*value, string)) {
                cJSON_Delete(string);
                return config_out_of_memory(error);
            }
            if (text[length] == '\0') {
                return STATUS_OK;
            }
            text += length + 1;
        }
        return config_out_of_memory(error);
    }
    Error  parse  = {0};
    Status status = json_parse(text, strlen(text), origin, value, &parse);
    if (status == STATUS_BAD_INPUT && key != NULL && strpbrk(text, "[{\"") == NULL) {
        *value = cJSON_CreateString(text); /* so that the key says what it wants */
        return *value != NULL ? STATUS_OK : config_out_of_memory(error);
    }
    return status == STATUS_OK ? status : error_set(error, status, "%s", parse.text);
}

/* {"a": {"b": value}} for "a.b". Takes `value`. NULL when out of memory. */
static cJSON *wrap(const char *path, cJSON *value)
{
    char name[KEY_PATH_SIZE];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(path, "."), path);
    const char *dot   = strchr(path, '.');
    cJSON      *inner = dot != NULL ? wrap(dot + 1, value) : value;
    cJSON      *outer = inner != NULL ? cJSON_CreateObject() : NULL;
    if (outer == NULL || !cJSON_AddItemToObject(outer, name, inner)) {
        cJSON_Delete(inner);
        cJSON_Delete(outer);
        return NULL;
    }
    return outer;
}

/* sft.phases.N.key=v and sft.phases.*.key=v: `rest` is what follows "sft.phases.". */
static Status override_phase(cJSON *tree, const char *rest, const char *text, const char *origin, Error *error)
{
    cJSON *sft    = cJSON_GetObjectItemCaseSensitive(tree, "sft");
    cJSON *phases = cJSON_GetObjectItemCaseSensitive(sft, "phases");
    int    count  = cJSON_GetArraySize(phases);
    char  *end    = NULL;
    bool   all    = strncmp(rest, "*.", 2) == 0;
    long   index  = all ? 0 : strtol(rest, &end, 10);
    if (!all && (rest[0] < '0' || rest[0] > '9' || *end != '.')) {
        return error_set(error, STATUS_BAD_INPUT, "%s: wanted sft.phases.N.key=value, N from 0 or *", origin);
    }
    if (all ? count == 0 : index >= count) {
        return error_set(error, STATUS_BAD_INPUT, "%s: the config has %d phases", origin, count);
    }
    const char *name = all ? rest + 2 : end + 1;
    char        path[KEY_PATH_SIZE];
    snprintf(path, sizeof path, "sft.%.100s", name);
    for (long i = index; i < (all ? count : index + 1); i++) {
        cJSON *value = NULL, *object = NULL;
        Visit  visit = {.origin = origin, .localise = true, .phase = (int)i};
        char   shown[KEY_PATH_SIZE];
        Status status = override_value(config_key_find(path), text, origin, &value, error);
        snprintf(shown, sizeof shown, "sft.phases.%ld", i);
        if (status != STATUS_OK || (object = wrap(name, value)) == NULL) {
            cJSON_Delete(status != STATUS_OK ? value : NULL);
            return status != STATUS_OK ? status : config_out_of_memory(error);
        }
        status = config_tree_visit(&visit, object, "sft", shown, error);
        if (status != STATUS_OK) {
            cJSON_Delete(object);
            return status;
        }
        status = config_tree_merge(cJSON_GetArrayItem(phases, (int)i), object, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

/* A key of the sft block that every phase says for itself would be set in vain. */
static Status check_heard(const cJSON *tree, const char *path, const char *origin, Error *error)
{
    const ConfigKey *key    = config_key_find(path);
    const cJSON     *sft    = cJSON_GetObjectItemCaseSensitive(tree, "sft");
    const cJSON     *phases = cJSON_GetObjectItemCaseSensitive(sft, "phases");
    if (key == NULL || !config_key_in_phase(key) || cJSON_GetArraySize(phases) == 0) {
        return STATUS_OK;
    }
    const char  *name = strchr(path, '.') + 1;
    const cJSON *phase;
    cJSON_ArrayForEach(phase, phases)
    {
        if (cJSON_GetObjectItemCaseSensitive(phase, name) == NULL) {
            return STATUS_OK;
        }
    }
    return error_set(error, STATUS_BAD_INPUT,
                     "%s: every phase says '%s' for itself; use sft.phases.*.%s or sft.phases.0.%s", origin, name, name,
                     name);
}

Status config_tree_override(cJSON *tree, const char *text, Error *error)
{
    char origin[200], path[KEY_PATH_SIZE];
    snprintf(origin, sizeof origin, "--set %.180s", text);
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || (size_t)(equals - text) >= sizeof path) {
        return error_set(error, STATUS_BAD_INPUT, "%s: wanted key=value, as in rl.steps=20", origin);
    }
    snprintf(path, sizeof path, "%.*s", (int)(equals - text), text);
    if (strncmp(path, "sft.phases.", 11) == 0) {
        return override_phase(tree, path + 11, equals + 1, origin, error);
    }
    const ConfigKey *key = config_key_find(path);
    if (key == NULL && !config_key_is_block(path)) {
        return config_unknown_key(origin, path, path, error);
    }
    cJSON *value  = NULL, *object;
    Visit  visit  = {.origin = origin, .localise = true, .phase = -1};
    Status status = override_value(key, equals + 1, origin, &value, error);
    if (status != STATUS_OK) {
        cJSON_Delete(value);
        return status;
    }
    object = wrap(path, value);
    if (object == NULL) {
        return config_out_of_memory(error);
    }
    status = config_tree_visit(&visit, object, "", "", error);
    if (status == STATUS_OK) {
        status = check_heard(tree, path, origin, error);
    }
    if (status != STATUS_OK) {
        cJSON_Delete(object);
        return status;
    }
    return config_tree_merge(tree, object, error);
}
