/* Writing a config, its keys, and what else the struct means. */
#include <math.h>
#include <string.h>

#include "rlsp/run/config_keys.h"

/* Puts `value` at "a.b.c" below `root`, making the blocks on the way. Takes `value`. */
static bool put(cJSON *root, const char *path, cJSON *value)
{
    char        name[RUN_NAME_SIZE];
    const char *dot;
    for (; value != NULL && (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        snprintf(name, sizeof name, "%.*s", (int)(dot - path), path);
        cJSON *block = cJSON_GetObjectItemCaseSensitive(root, name);
        if (block == NULL) {
            block = cJSON_AddObjectToObject(root, name);
        }
        root = block;
        if (root == NULL) {
            break;
        }
    }
    if (root == NULL || value == NULL || !cJSON_AddItemToObject(root, path, value)) {
        cJSON_Delete(value);
        return false;
    }
    return true;
}

static cJSON *print_phases(const RunConfig *config)
{
    cJSON *array = cJSON_CreateArray();
    for (uint32_t phase = 0; array != NULL && config->sft.phases_given && phase < config->sft.phase_count; phase++) {
        cJSON *object = cJSON_CreateObject();
        bool   whole  = object != NULL && cJSON_AddItemToArray(array, object);
        for (size_t i = 0; whole && i < config_key_count; i++) {
            const ConfigKey *key = &config_keys[i];
            if (config_key_in_phase(key)) {
                whole = put(object, strchr(key->path, '.') + 1, config_key_load(key, config, (int)phase));
            }
        }
        if (!whole) {
            cJSON_Delete(array);
            return NULL;
        }
    }
    return array;
}

char *run_config_print(const RunConfig *config)
{
    cJSON *root  = cJSON_CreateObject();
    bool   whole = root != NULL;
    for (size_t i = 0; whole && i < config_key_count; i++) {
        const ConfigKey *key = &config_keys[i];
        whole = put(root, key->path, key->type == KEY_PHASES ? print_phases(config) : config_key_load(key, config, -1));
    }
    char *text = whole ? cJSON_Print(root) : NULL;
    cJSON_Delete(root);
    return text;
}

static void print_type(FILE *out, const ConfigKey *key)
{
    switch (key->type) {
    case KEY_BOOL: fprintf(out, "true|false"); break;
    case KEY_U32:
    case KEY_U64:
    case KEY_F64:
    case KEY_PAIR:
        fprintf(out, "%s", key->type == KEY_F64 ? "number" : key->type == KEY_PAIR ? "two numbers" : "integer");
        fprintf(out, key->max >= CONFIG_MANY ? " >= %.6g" : " %.6g..%.6g", key->min, key->max);
        break;
    case KEY_TEXT: fprintf(out, "string"); break;
    case KEY_TEXT_OR_INDEX: fprintf(out, "string or integer"); break;
    case KEY_PATH: fprintf(out, "path"); break;
    case KEY_TEXT_LIST: fprintf(out, "strings"); break;
    case KEY_PHASES: fprintf(out, "objects"); break;
    case KEY_WORD:
    case KEY_WORD_LIST:
        for (int i = 0; key->words[i] != NULL; i++) {
            fprintf(out, "%s%s", i > 0 ? "|" : "", key->words[i]);
        }
        fprintf(out, "%s", key->type == KEY_WORD_LIST ? ", …" : "");
        break;
    }
}

void run_config_print_keys(FILE *out)
{
    for (size_t i = 0; i < config_key_count; i++) {
        const ConfigKey *key = &config_keys[i];
        fprintf(out, "%s  (", key->path);
        print_type(out, key);
        if (key->fallback != NULL) {
            fprintf(out, "; default %s", key->fallback);
        }
        fprintf(out, ")\n    %s\n", key->help);
    }
}

const char *run_stage_name(RunStage stage)
{
    return stage == STAGE_SFT ? "sft" : "rl";
}

double run_schedule_factor(RunSchedule schedule, uint32_t step, uint32_t steps, uint32_t warmup_steps,
                           double final_fraction)
{
    if (step < warmup_steps) {
        return (step + 1.0) / warmup_steps;
    }
    double span     = steps > warmup_steps ? (double)(steps - warmup_steps) : 1;
    double progress = fmin(1, (step - warmup_steps) / span);
    switch (schedule) {
    case SCHEDULE_CONSTANT: break;
    case SCHEDULE_COSINE: return final_fraction + (1 - final_fraction) * 0.5 * (1 + cos(acos(-1) * progress));
    case SCHEDULE_LINEAR: return final_fraction + (1 - final_fraction) * (1 - progress);
    }
    return 1;
}
