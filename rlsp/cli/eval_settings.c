#include "rlsp/cli/eval_settings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/io/json.h"

const char *const eval_boxes[] = {"last", "first", "only", NULL};

enum { SETTINGS_FORMAT = 1 };

typedef enum SettingType {
    SETTING_TEXT,
    SETTING_WHOLE,
    SETTING_REAL,
    SETTING_FLAG,
    SETTING_LIST,
    SETTING_BOXES
} SettingType;

typedef struct Setting {
    const char *key;
    SettingType type;
    size_t      offset;
    const char *option; /* what differing values are told by; NULL: they may differ */
} Setting;

#define AT(field) offsetof(EvalSettings, field)

/* Where a model and a dataset lie is told for the reader; what they hold has to be the same. */
static const Setting settings_table[] = {
    {"model", SETTING_TEXT, AT(model), NULL},
    {"adapter", SETTING_TEXT, AT(adapter), NULL},
    {"model_sha256", SETTING_TEXT, AT(model_sha256), "a model whose files have the SHA-256"},
    {"task", SETTING_TEXT, AT(task), "--task"},
    {"data", SETTING_TEXT, AT(data), NULL},
    {"data_sha256", SETTING_TEXT, AT(data_sha256), "a dataset with the SHA-256"},
    {"problem_key", SETTING_TEXT, AT(problem_key), "--problem-key"},
    {"answer_key", SETTING_TEXT, AT(answer_key), "--answer-key"},
    {"limit", SETTING_WHOLE, AT(limit), "--limit"},
    {"subjects", SETTING_LIST, AT(subjects), "--subject"},
    {"levels", SETTING_LIST, AT(levels), "--level"},
    {"max_prompt", SETTING_WHOLE, AT(max_prompt), "--max-prompt"},
    {"raw", SETTING_FLAG, AT(raw), "--raw"},
    {"prompt_template", SETTING_TEXT, AT(prompt_template), "--prompt-template"},
    {"system", SETTING_TEXT, AT(system), "--system"},
    {"chat_set", SETTING_LIST, AT(chat_set), "--chat-set"},
    {"prefix", SETTING_TEXT, AT(prefix), "--prefix"},
    {"suffix", SETTING_TEXT, AT(suffix), "--suffix"},
    {"boxes", SETTING_BOXES, AT(boxes), "--boxes"},
    {"fbox", SETTING_FLAG, AT(fbox), "--fbox"},
    {"phrases", SETTING_FLAG, AT(phrases), "--phrases"},
    {"seed", SETTING_WHOLE, AT(seed), "--seed"},
    {"samples", SETTING_WHOLE, AT(samples), "--n"},
    {"temperatures", SETTING_LIST, AT(temperatures), "--temperature"},
    {"top_p", SETTING_REAL, AT(top_p), "--top-p"},
    {"top_k", SETTING_WHOLE, AT(top_k), "--top-k"},
    {"min_p", SETTING_REAL, AT(min_p), "--min-p"},
    {"max_new", SETTING_WHOLE, AT(max_new), "--max-new"},
    {"prompts_sha256", SETTING_TEXT, AT(prompts_sha256), "prompts that together have the SHA-256"},
    {"k", SETTING_LIST, AT(k), NULL},
    {"resamples", SETTING_WHOLE, AT(resamples), NULL},
    {"precision", SETTING_TEXT, AT(precision), "--weights"},
    {"products", SETTING_TEXT, AT(products), "--precision"},
    {"kv_cache", SETTING_TEXT, AT(kv_cache), "--kv-cache"},
    {"device", SETTING_TEXT, AT(device), "the device"},
    {"version", SETTING_TEXT, AT(version), NULL},
};

enum { SETTINGS = sizeof settings_table / sizeof settings_table[0] };

/* The field of a setting, whose type its row tells. */
static void *field_of(EvalSettings *settings, const Setting *setting)
{
    return (unsigned char *)settings + setting->offset;
}

static const void *field_in(const EvalSettings *settings, const Setting *setting)
{
    return (const unsigned char *)settings + setting->offset;
}

EvalSettings eval_settings_default(void)
{
    return (EvalSettings){.seed        = 20261122,
                          .resamples   = 10000,
                          .problem_key = "problem",
                          .answer_key  = "answer",
                          .weights     = WEIGHTS_AS_STORED};
}

void eval_settings_free(EvalSettings *settings)
{
    cJSON_Delete(settings->root);
    settings->root = NULL;
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

static void put_list(JsonLine *line, const ArgsList *list)
{
    json_line_begin(line, '[');
    for (int i = 0; i < list->count; i++) {
        json_line_string(line, list->items[i], strlen(list->items[i]));
    }
    json_line_end(line, ']');
}

static void put_value(JsonLine *line, const Setting *setting, const void *field)
{
    json_line_key(line, setting->key);
    switch (setting->type) {
    case SETTING_TEXT: {
        const char *text = *(const char *const *)field;
        if (text != NULL) {
            json_line_string(line, text, strlen(text));
        } else {
            json_line_null(line);
        }
        break;
    }
    case SETTING_WHOLE: json_line_exact(line, (double)*(const int64_t *)field); break;
    case SETTING_REAL: json_line_exact(line, *(const double *)field); break;
    case SETTING_FLAG: json_line_bool(line, *(const bool *)field); break;
    case SETTING_LIST: put_list(line, field); break;
    case SETTING_BOXES: {
        const char *word = eval_boxes[*(const int *)field];
        json_line_string(line, word, strlen(word));
        break;
    }
    }
}

void eval_settings_json(JsonLine *line, const EvalSettings *settings)
{
    json_line_number_field(line, "format", SETTINGS_FORMAT);
    for (int i = 0; i < SETTINGS; i++) {
        put_value(line, &settings_table[i], field_in(settings, &settings_table[i]));
    }
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

static Status read_list(const JsonObject *object, const char *key, ArgsList *list, Error *error)
{
    const cJSON *array  = NULL, *item;
    Status       status = json_get_array(object, key, JSON_OPTIONAL, &array, error); /* older folders have fewer */
    list->count         = 0;
    cJSON_ArrayForEach(item, array)
    {
        if (!cJSON_IsString(item) || list->count == ARGS_LIST_MAX) {
            return json_fail(object, key, error, "wanted at most %d strings", ARGS_LIST_MAX);
        }
        list->items[list->count++] = item->valuestring;
    }
    return status;
}

static Status read_value(const JsonObject *object, const Setting *setting, void *field, Error *error)
{
    uint32_t word   = 0;
    Status   status = STATUS_OK;
    switch (setting->type) {
    case SETTING_TEXT:
        *(const char **)field = NULL;
        return json_get_string(object, setting->key, JSON_NULLABLE, field, error);
    case SETTING_WHOLE: return json_get_i64(object, setting->key, JSON_REQUIRED, 0, INT64_C(1) << 53, field, error);
    case SETTING_REAL: return json_get_f64(object, setting->key, JSON_REQUIRED, 0, 1e9, field, error);
    case SETTING_FLAG: return json_get_bool(object, setting->key, JSON_REQUIRED, field, error);
    case SETTING_LIST: return read_list(object, setting->key, field, error);
    case SETTING_BOXES:
        status        = json_get_choice(object, setting->key, JSON_REQUIRED, eval_boxes, 3, &word, error);
        *(int *)field = (int)word;
        return status;
    }
    return status;
}

Status eval_settings_read(EvalSettings *settings, const char *directory, Error *error)
{
    char      *path = path_join(directory, "eval.json");
    JsonObject object;
    uint32_t   format = 0;
    Status     status = STATUS_OK;
    if (path == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    if (!file_exists(path)) {
        status = error_set(error, STATUS_BAD_INPUT, "%s is not there: %s holds no evaluation that could go on", path,
                           directory);
    }
    status = status == STATUS_OK ? json_read_file(path, JSON_FILE_LIMIT, &settings->root, error) : status;
    status = status == STATUS_OK ? json_root(&object, settings->root, path, error) : status;
    if (status == STATUS_OK) {
        status = json_get_u32(&object, "format", JSON_REQUIRED, 1, SETTINGS_FORMAT, &format, error);
    }
    for (int i = 0; i < SETTINGS && status == STATUS_OK; i++) {
        status = read_value(&object, &settings_table[i], field_of(settings, &settings_table[i]), error);
    }
    free(path);
    return status;
}

/* --- comparing --------------------------------------------------------------------------------------------------- */

static bool same_list(const ArgsList *a, const ArgsList *b)
{
    bool same = a->count == b->count;
    for (int i = 0; same && i < a->count; i++) {
        same = strcmp(a->items[i], b->items[i]) == 0;
    }
    return same;
}

static bool same_value(const Setting *setting, const void *a, const void *b)
{
    switch (setting->type) {
    case SETTING_TEXT: {
        const char *x = *(const char *const *)a, *y = *(const char *const *)b;
        return (x == NULL) == (y == NULL) && (x == NULL || strcmp(x, y) == 0);
    }
    case SETTING_WHOLE: return *(const int64_t *)a == *(const int64_t *)b;
    case SETTING_REAL: return *(const double *)a == *(const double *)b;
    case SETTING_FLAG: return *(const bool *)a == *(const bool *)b;
    case SETTING_LIST: return same_list(a, b);
    case SETTING_BOXES: return *(const int *)a == *(const int *)b;
    }
    return false;
}

static void describe(const Setting *setting, const void *field, char *out, size_t size)
{
    JsonLine line = {0};
    put_value(&line, setting, field);
    const char *text  = json_line_finish(&line);
    const char *value = text != NULL ? strchr(text, ':') : NULL;
    snprintf(out, size, "%.*s", value != NULL ? (int)(line.size - (size_t)(value - text) - 2) : 0,
             value != NULL ? value + 1 : "");
    json_line_free(&line);
}

Status eval_settings_match(const EvalSettings *begun, const EvalSettings *now, const char *directory, Error *error)
{
    for (int i = 0; i < SETTINGS; i++) {
        const Setting *setting = &settings_table[i];
        const void    *a = field_in(begun, setting), *b = field_in(now, setting);
        const bool more = setting->offset == AT(samples) && now->samples > begun->samples; /* beside those there are */
        if (setting->option != NULL && !more && !same_value(setting, a, b)) {
            char was[120], is[120];
            describe(setting, a, was, sizeof was);
            describe(setting, b, is, sizeof is);
            return error_set(error, STATUS_BAD_INPUT,
                             "%s was begun with %s %s, not %s; take the same, or another --out", directory,
                             setting->option, was, is);
        }
    }
    return STATUS_OK;
}

/* --- for the report ---------------------------------------------------------------------------------------------- */

/* The authors' eval_config.yaml: temperature 0.7, top_p 1, 8192 new tokens, one sample, prompt llama-sft. */
void eval_settings_authors(const EvalSettings *settings, const EvalColumn *column, char *out, size_t size)
{
    const bool  same_p = settings->top_p == 0 || settings->top_p == 1;
    const char *prompt = settings->prompt_template != NULL ? settings->prompt_template : "";
    size_t      used   = 0;
    const struct {
        bool        same;
        const char *text;
    } facts[] = {
        {fabs(column->temperature - 0.7) < 1e-6, "temperature 0.7"},
        {column->temperature > 0 && same_p && settings->top_k == 0 && settings->min_p == 0, "top_p 1"},
        {settings->max_new == 8192, "8192 new tokens"},
        {strcmp(prompt, "llama-sft") == 0, "prompt llama-sft"},
        {strcmp(prompt, "qwen-sft") == 0, "prompt qwen-sft"},
        {strcmp(prompt, "qwen-boxed") == 0, "prompt qwen-boxed"},
    };
    out[0] = '\0';
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        if (facts[i].same && used < size) {
            used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", facts[i].text);
        }
    }
}

static size_t add_word(char *out, size_t size, size_t used, const char *option, const char *word)
{
    const bool plain =
        word[0] != '\0' &&
        strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./+=:,") == strlen(word);
    used += (size_t)snprintf(used < size ? out + used : NULL, used < size ? size - used : 0, " %s ", option);
    if (plain) {
        return used + (size_t)snprintf(used < size ? out + used : NULL, used < size ? size - used : 0, "%s", word);
    }
    if (used + 1 < size) {
        out[used] = '\'';
    }
    used++;
    for (; *word != '\0'; word++) { /* the shell's only way to a ' within '…' */
        used += (size_t)snprintf(used < size ? out + used : NULL, used < size ? size - used : 0,
                                 *word == '\'' ? "'\\''" : "%c", *word);
    }
    return used + (size_t)snprintf(used < size ? out + used : NULL, used < size ? size - used : 0, "'");
}

void eval_settings_command(const EvalSettings *s, char *out, size_t size)
{
    char         number[40];
    size_t       used  = (size_t)snprintf(out, size, "rlsp eval");
    EvalSettings plain = eval_settings_default();
    used               = add_word(out, size, used, "--model", s->model);
    if (s->adapter != NULL) {
        used = add_word(out, size, used, "--adapter", s->adapter);
    }
    if (s->data != NULL) {
        used = add_word(out, size, used, "--data", s->data);
    }
    for (int i = 0; i < SETTINGS; i++) {
        const Setting *setting = &settings_table[i];
        const void    *field   = field_in(s, setting);
        if (setting->option == NULL || strncmp(setting->option, "--", 2) != 0 ||
            same_value(setting, field, field_in(&plain, setting)) || (setting->offset == AT(task) && s->data != NULL)) {
            continue;
        }
        switch (setting->type) {
        case SETTING_TEXT: used = add_word(out, size, used, setting->option, *(const char *const *)field); break;
        case SETTING_WHOLE:
            snprintf(number, sizeof number, "%lld", (long long)*(const int64_t *)field);
            used = add_word(out, size, used, setting->option, number);
            break;
        case SETTING_REAL:
            snprintf(number, sizeof number, "%.17g", *(const double *)field);
            used = add_word(out, size, used, setting->option, number);
            break;
        case SETTING_FLAG:
            used += (size_t)snprintf(used < size ? out + used : NULL, used < size ? size - used : 0, " %s",
                                     setting->option);
            break;
        case SETTING_LIST:
            for (int k = 0; k < ((const ArgsList *)field)->count; k++) {
                used = add_word(out, size, used, setting->option, ((const ArgsList *)field)->items[k]);
            }
            break;
        case SETTING_BOXES: used = add_word(out, size, used, setting->option, eval_boxes[*(const int *)field]); break;
        }
    }
}
