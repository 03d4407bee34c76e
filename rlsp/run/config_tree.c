#include "rlsp/run/config_tree.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/io/file.h"

Status config_out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while reading a config");
}

/* Drops "." and "name/.." from an absolute path, in place. */
static void normalise(char *path)
{
    char *out = path, *in = path;
    while (*in != '\0') {
        while (*in == '/') {
            in++;
        }
        size_t length = strcspn(in, "/");
        if (length == 2 && in[0] == '.' && in[1] == '.') {
            while (out > path && *--out != '/') {
            }
        } else if (length > 0 && !(length == 1 && in[0] == '.')) {
            *out++ = '/';
            memmove(out, in, length);
            out += length;
        }
        in += length;
    }
    if (out == path) {
        *out++ = '/';
    }
    *out = '\0';
}

/* Whether a path key takes this word instead of a path. */
static bool is_word(const ConfigKey *key, const char *text)
{
    bool found = false;
    for (const char *const *word = key->words; word != NULL && *word != NULL; word++) {
        found = found || strcmp(*word, text) == 0;
    }
    return found;
}

/* Makes the path in `value` absolute: beside the config (`directory`, NULL: none)
 * if something is there, else in the working directory if something is there. */
static Status localise(const ConfigKey *key, cJSON *value, const char *directory, const char *origin, const char *where,
                       Error *error)
{
    const char *text = value->valuestring;
    if (text[0] == '\0' || text[0] == '/' || is_word(key, text)) {
        return STATUS_OK;
    }
    char working[RUN_PATH_SIZE], path[3 * RUN_PATH_SIZE];
    if (getcwd(working, sizeof working) == NULL) {
        return error_set(error, STATUS_FAILED, "%s: key '%s': the working directory cannot be found", origin, where);
    }
    bool beside = directory != NULL;
    if (beside) {
        snprintf(path, sizeof path, "%s/%s", directory, text);
        beside = file_exists(path);
    }
    snprintf(path, sizeof path, "%s/%s", working, text);
    if (directory != NULL && (beside || !file_exists(path))) {
        bool rooted = directory[0] == '/';
        snprintf(path, sizeof path, "%s/%s/%s", rooted ? "" : working, directory, text);
    }
    normalise(path);
    if (strlen(path) >= RUN_PATH_SIZE) {
        return error_set(error, STATUS_BAD_INPUT, "%s: key '%s': the path is too long (%zu bytes)", origin, where,
                         strlen(path));
    }
    return cJSON_SetValuestring(value, path) != NULL || strcmp(value->valuestring, path) == 0
               ? STATUS_OK
               : config_out_of_memory(error);
}

Status config_unknown_key(const char *origin, const char *where, const char *path, Error *error)
{
    char nearest[RUN_NAME_SIZE], outer[KEY_PATH_SIZE];
    snprintf(outer, sizeof outer, "%s", path);
    for (char *dot; (dot = strrchr(outer, '.')) != NULL;) {
        *dot = '\0';
        if (config_key_find(outer) != NULL) {
            return error_set(error, STATUS_BAD_INPUT, "%s: unknown key '%s': '%s' is a value and has no keys in it",
                             origin, where, outer);
        }
    }
    config_key_nearest(path, nearest);
    return error_set(error, STATUS_BAD_INPUT,
                     "%s: unknown key '%s'; the nearest is '%s' (rlsp config --keys lists all)", origin, where,
                     nearest);
}

static Status visit_phases(const Visit *visit, cJSON *array, const char *shown, Error *error)
{
    Status status = STATUS_OK;
    int    index  = 0;
    for (cJSON *item = array->child; item != NULL && status == STATUS_OK; item = item->next, index++) {
        Visit inner = *visit;
        char  name[KEY_PATH_SIZE];
        inner.phase = index;
        snprintf(name, sizeof name, "%s.%d", shown, index);
        if (!cJSON_IsObject(item)) {
            return error_set(error, STATUS_BAD_INPUT, "%s: key '%s': wanted an object", visit->origin, name);
        }
        if (inner.config != NULL) {
            inner.config->sft.phases[index] = inner.config->sft.base;
            snprintf(inner.config->sft.phases[index].name, RUN_NAME_SIZE, "phase %d", index);
            inner.config->sft.phase_count  = (uint32_t)index + 1;
            inner.config->sft.phases_given = true;
        }
        status = config_tree_visit(&inner, item, "sft", name, error);
    }
    return status;
}

static Status visit_value(const Visit *visit, cJSON *value, const char *path, const char *shown, Error *error)
{
    const ConfigKey *key = config_key_find(path);
    if (key == NULL && !config_key_is_block(path)) {
        return config_unknown_key(visit->origin, shown, path, error);
    }
    if (key == NULL) {
        if (!cJSON_IsObject(value)) {
            return error_set(error, STATUS_BAD_INPUT, "%s: key '%s': wanted an object, a block of keys", visit->origin,
                             shown);
        }
        return config_tree_visit(visit, value, path, shown, error);
    }
    if (visit->phase >= 0 && !config_key_in_phase(key)) {
        return error_set(error, STATUS_BAD_INPUT, "%s: key '%s': belongs in the sft block, not in a phase",
                         visit->origin, shown);
    }
    Status status = config_key_store(key, value, visit->origin, shown, visit->config, visit->phase, error);
    if (status == STATUS_OK && key->type == KEY_PATH && visit->localise) {
        status = localise(key, value, visit->directory, visit->origin, shown, error);
    }
    return status;
}

Status config_tree_visit(const Visit *visit, cJSON *object, const char *prefix, const char *shown, Error *error)
{
    Status status = STATUS_OK;
    cJSON *phases = NULL;
    for (cJSON *value = object->child; value != NULL && status == STATUS_OK; value = value->next) {
        char        path[KEY_PATH_SIZE], name[KEY_PATH_SIZE];
        const char *dot = prefix[0] != '\0' ? "." : "";
        snprintf(path, sizeof path, "%.70s%s%.70s", prefix, dot, value->string);
        snprintf(name, sizeof name, "%.70s%s%.70s", shown, dot, value->string);
        if (strcmp(value->string, "comment") == 0) {
            if (!cJSON_IsString(value)) {
                status = error_set(error, STATUS_BAD_INPUT, "%s: key '%s': wanted a string", visit->origin, name);
            }
            continue;
        }
        const ConfigKey *key = config_key_find(path);
        if (key != NULL && key->type == KEY_PHASES && visit->phase < 0) {
            status = config_key_store(key, value, visit->origin, name, visit->config, -1, error);
            phases = value; /* after the rest of the block, which they inherit */
            continue;
        }
        status = visit_value(visit, value, path, name, error);
    }
    if (status == STATUS_OK && phases != NULL) {
        status = visit_phases(visit, phases, "sft.phases", error);
    }
    return status;
}

Status config_tree_merge(cJSON *base, cJSON *over, Error *error)
{
    Status status = STATUS_OK;
    while (over->child != NULL && status == STATUS_OK) {
        cJSON *item = cJSON_DetachItemViaPointer(over, over->child);
        cJSON *old  = cJSON_GetObjectItemCaseSensitive(base, item->string);
        if (old != NULL && cJSON_IsObject(old) && cJSON_IsObject(item)) {
            status = config_tree_merge(old, item, error);
            continue;
        }
        if (old != NULL) {
            cJSON_Delete(cJSON_DetachItemViaPointer(base, old));
        }
        char *name = malloc(strlen(item->string) + 1); /* cJSON frees the item's own name when it adds it */
        if (name == NULL || !cJSON_AddItemToObject(base, strcpy(name, item->string), item)) {
            cJSON_Delete(item);
            status = config_out_of_memory(error);
        }
        free(name);
    }
    cJSON_Delete(over);
    return status;
}
