/* The table of config keys: the one place that says what a config may hold. For
 * the files of rlsp/run/config*.c only. */
#ifndef RLSP_RUN_CONFIG_KEYS_H
#define RLSP_RUN_CONFIG_KEYS_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "rlsp/run/config.h"

#define CONFIG_MANY 1e9 /* the largest count: more than makes sense for any key */

typedef enum KeyType {
    KEY_BOOL,          /* bool                                                 */
    KEY_U32,           /* uint32_t in [min, max]                               */
    KEY_U64,           /* uint64_t in [min, max], below 2^53                   */
    KEY_F64,           /* double in [min, max]                                 */
    KEY_PAIR,          /* double[2], each in [min, max]                        */
    KEY_TEXT,          /* char[size]                                           */
    KEY_TEXT_OR_INDEX, /* char[size]; a whole number is kept as its digits     */
    KEY_PATH,          /* char[size]; "" and `words` are kept as they are      */
    KEY_WORD,          /* an enum: index into words                            */
    KEY_WORD_LIST,     /* enum array of at most `size`; its count at `count`   */
    KEY_TEXT_LIST,     /* char[size][RUN_NAME_SIZE], at least `min`; its count at `count` */
    KEY_PHASES         /* sft.phases                                           */
} KeyType;

typedef struct ConfigKey {
    const char        *path; /* "rl.kl_coef" */
    KeyType            type;
    size_t             offset; /* in RunConfig */
    size_t             size;
    size_t             count; /* offset of a list's length */
    double             min, max;
    const char *const *words;    /* NULL-terminated */
    const char        *fallback; /* default, as JSON; NULL: worked out from other keys */
    const char        *help;
} ConfigKey;

extern const ConfigKey config_keys[];
extern const size_t    config_key_count;

/* The key of exactly this path, NULL if there is none. */
const ConfigKey *config_key_find(const char *path);

/* Whether `path` is a block: some key starts with it and a dot ("" is the root). */
bool config_key_is_block(const char *path);

/* Whether a key of the sft block can be said per phase. */
bool config_key_in_phase(const ConfigKey *key);

/* The key or block that is most like `path`. */
void config_key_nearest(const char *path, char nearest[RUN_NAME_SIZE]);

/* Checks `value` against `key` and, where `config` is not NULL, stores it there:
 * at the key's offset, or for a phase key (phase >= 0) in sft.phases[phase].
 * `where` is the key's path in errors, `origin` the file. */
Status config_key_store(const ConfigKey *key, const cJSON *value, const char *origin, const char *where,
                        RunConfig *config, int phase, Error *error);

/* The stored value as JSON. NULL when out of memory. */
cJSON *config_key_load(const ConfigKey *key, const RunConfig *config, int phase);

/* Fills the values that were not given from others, then checks that the values
 * fit together. `given` is the merged tree. */
Status config_settle(RunConfig *config, const cJSON *given, const char *origin, Error *error);

#endif
