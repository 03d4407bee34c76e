/* Trees of config JSON: checked against the key table, their paths made absolute,
 * merged. For the files of rlsp/run/config*.c only. */
#ifndef RLSP_RUN_CONFIG_TREE_H
#define RLSP_RUN_CONFIG_TREE_H

#include "rlsp/run/config_keys.h"

enum { KEY_PATH_SIZE = 160 };

/* How a tree is gone through. */
typedef struct Visit {
    const char *origin;    /* names the tree in errors                                    */
    bool        localise;  /* make paths absolute                                         */
    const char *directory; /* where paths are looked for first; NULL: the working directory */
    RunConfig  *config;    /* stores the values; NULL: only checks                        */
    int         phase;     /* the object is this SFT phase; -1: it is not                 */
} Visit;

/* Checks an object whose keys start with `prefix` in the table and are called
 * `shown` in errors (the two differ for phases: "sft" and "sft.phases.2"). */
Status config_tree_visit(const Visit *visit, cJSON *object, const char *prefix, const char *shown, Error *error);

/* Moves the members of `over` into `base`, which keeps what `over` does not say.
 * Consumes `over` in every case. */
Status config_tree_merge(cJSON *base, cJSON *over, Error *error);

/* Applies one "a.b=v" to a checked tree. */
Status config_tree_override(cJSON *tree, const char *text, Error *error);

Status config_unknown_key(const char *origin, const char *where, const char *path, Error *error);
Status config_out_of_memory(Error *error);

#endif
