/* Reading: each file's tree is checked against the key table under that file's
 * name and merged over what it extends, then come the overrides; the merged tree
 * fills the struct. */
#include "rlsp/run/config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/io/file.h"
#include "engine/io/json.h"
#include "rlsp/run/config_tree.h"

enum { EXTENDS_DEPTH = 16, CONFIG_FILE_LIMIT = 4 << 20 };

/* The files of an `extends` chain, newest last, to find cycles. */
typedef struct Chain {
    dev_t devices[EXTENDS_DEPTH];
    ino_t inodes[EXTENDS_DEPTH];
    int   depth;
} Chain;

static Status read_tree(const char *path, Chain *chain, cJSON **tree, Error *error);

/* Puts *tree over the config that `extends` names. */
static Status extend(const char *path, const char *directory, const cJSON *extends, Chain *chain, cJSON **tree,
                     Error *error)
{
    cJSON *base   = NULL;
    char  *parent = NULL;
    Status status = STATUS_OK;
    if (!cJSON_IsString(extends) || extends->valuestring[0] == '\0') {
        status = error_set(error, STATUS_BAD_INPUT, "%s: key 'extends': wanted the path of another config", path);
    } else {
        bool rooted = extends->valuestring[0] == '/';
        parent      = path_join(rooted ? "" : directory, extends->valuestring);
        status      = parent == NULL ? config_out_of_memory(error) : read_tree(parent, chain, &base, error);
        if (status == STATUS_BAD_INPUT && base == NULL && !file_exists(parent)) {
            error_prefix(error, "%s: key 'extends'", path);
        }
    }
    if (status == STATUS_OK) {
        status = config_tree_merge(base, *tree, error);
        *tree  = base;
    }
    free(parent);
    return status;
}

/* The checked and merged tree of a file. *tree is NULL on failure. */
static Status read_tree(const char *path, Chain *chain, cJSON **tree, Error *error)
{
    *tree = NULL;
    struct stat info;
    if (stat(path, &info) == 0) {
        for (int i = 0; i < chain->depth; i++) {
            if (chain->devices[i] == info.st_dev && chain->inodes[i] == info.st_ino) {
                return error_set(error, STATUS_BAD_INPUT,
                                 "%s: key 'extends': the configs extend each other in a circle", path);
            }
        }
        if (chain->depth == EXTENDS_DEPTH) {
            return error_set(error, STATUS_BAD_INPUT, "%s: key 'extends': more than %d configs on top of each other",
                             path, EXTENDS_DEPTH);
        }
        chain->devices[chain->depth]  = info.st_dev;
        chain->inodes[chain->depth++] = info.st_ino;
    }
    const char *slash     = strrchr(path, '/');
    char       *directory = malloc(strlen(path) + 2);
    if (directory == NULL) {
        return config_out_of_memory(error);
    }
    sprintf(directory, "%.*s", slash == NULL ? 1 : slash == path ? 1 : (int)(slash - path), slash == NULL ? "." : path);

    Visit  visit  = {.origin = path, .directory = directory, .localise = true, .phase = -1};
    Status status = json_read_file(path, CONFIG_FILE_LIMIT, tree, error);
    if (status == STATUS_OK && !cJSON_IsObject(*tree)) {
        status = error_set(error, STATUS_BAD_INPUT, "%s: a config is a JSON object, found something else", path);
    }
    cJSON *extends = NULL;
    if (status == STATUS_OK) { /* "extends" is no key of the table: out of the way while the rest is checked */
        extends = cJSON_DetachItemFromObjectCaseSensitive(*tree, "extends");
        status  = config_tree_visit(&visit, *tree, "", "", error);
    }
    if (status == STATUS_OK && extends != NULL) {
        status = extend(path, directory, extends, chain, tree, error);
    }
    cJSON_Delete(extends);
    free(directory);
    if (status != STATUS_OK) {
        cJSON_Delete(*tree);
        *tree = NULL;
    }
    return status;
}

static Status fill_defaults(RunConfig *config, Error *error)
{
    memset(config, 0, sizeof *config);
    for (size_t i = 0; i < config_key_count; i++) {
        const ConfigKey *key   = &config_keys[i];
        cJSON           *value = NULL;
        if (key->fallback == NULL) {
            continue;
        }
        Status status = json_parse(key->fallback, strlen(key->fallback), "default", &value, error);
        if (status == STATUS_OK) {
            status = config_key_store(key, value, "default", key->path, config, -1, error);
        }
        cJSON_Delete(value);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

/* The file's name without directory and ".json": what a run is called by default. */
static void default_name(const char *path, char name[RUN_NAME_SIZE])
{
    const char *slash = strrchr(path, '/');
    snprintf(name, RUN_NAME_SIZE, "%.60s", slash != NULL ? slash + 1 : path);
    size_t length = strlen(name);
    if (length > 5 && strcmp(name + length - 5, ".json") == 0) {
        name[length - 5] = '\0';
    }
}

/* Consumes `tree`. */
static Status settle(cJSON *tree, const char *origin, const char *name, const char *const *overrides,
                     int override_count, RunConfig *config, Error *error)
{
    Status status = STATUS_OK;
    for (int i = 0; i < override_count && status == STATUS_OK; i++) {
        status = config_tree_override(tree, overrides[i], error);
    }
    if (status == STATUS_OK) {
        status = fill_defaults(config, error);
    }
    if (status == STATUS_OK) {
        Visit visit = {.origin = origin, .config = config, .phase = -1};
        default_name(name, config->name);
        config->sft.phase_count = 0;
        status                  = config_tree_visit(&visit, tree, "", "", error);
    }
    if (status == STATUS_OK) {
        if (config->sft.phase_count == 0) {
            config->sft.phases[0]    = config->sft.base;
            config->sft.phase_count  = 1;
            config->sft.phases_given = false;
        }
        status = config_settle(config, tree, origin, error);
    }
    cJSON_Delete(tree);
    return status;
}

Status run_config_read(const char *path, const char *const *overrides, int override_count, RunConfig *config,
                       Error *error)
{
    if (path == NULL) {
        cJSON *empty = cJSON_CreateObject();
        return empty == NULL ? config_out_of_memory(error)
                             : settle(empty, "--set", "run", overrides, override_count, config, error);
    }
    cJSON *tree   = NULL;
    Chain  chain  = {.depth = 0};
    Status status = read_tree(path, &chain, &tree, error);
    return status == STATUS_OK ? settle(tree, path, path, overrides, override_count, config, error) : status;
}

Status run_config_parse(const char *text, const char *origin, const char *const *overrides, int override_count,
                        RunConfig *config, Error *error)
{
    cJSON *tree   = NULL;
    Visit  visit  = {.origin = origin, .localise = true, .phase = -1};
    Status status = json_parse(text, strlen(text), origin, &tree, error);
    if (status == STATUS_OK && !cJSON_IsObject(tree)) {
        status = error_set(error, STATUS_BAD_INPUT, "%s: a config is a JSON object, found something else", origin);
    }
    if (status == STATUS_OK) {
        status = config_tree_visit(&visit, tree, "", "", error);
    }
    if (status == STATUS_OK) {
        return settle(tree, origin, "run", overrides, override_count, config, error);
    }
    cJSON_Delete(tree);
    return status;
}
