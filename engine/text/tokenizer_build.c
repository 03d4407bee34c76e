/* Writes a tokenizer whose pieces are its tokens, as tokenizer.json and
 * tokenizer_config.json. */
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/text/byte_level.h"
#include "engine/text/tokenizer.h"
#include "engine/utf8.h"

static const char llama3_regex[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
                                   " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

static bool add_bools(cJSON *object, const char *const *keys, size_t count, bool value)
{
    bool fine = true;
    for (size_t i = 0; i < count && fine; i++) {
        fine = cJSON_AddBoolToObject(object, keys[i], value) != NULL;
    }
    return fine;
}

static bool add_byte_level(cJSON *object)
{
    static const char *const off[] = {"add_prefix_space", "use_regex"};
    return cJSON_AddStringToObject(object, "type", "ByteLevel") != NULL && add_bools(object, off, 2, false) &&
           cJSON_AddTrueToObject(object, "trim_offsets") != NULL;
}

/* A new object at the end of an array. */
static cJSON *append_object(cJSON *array)
{
    cJSON *object = cJSON_CreateObject();
    return cJSON_AddItemToArray(array, object) ? object : NULL;
}

static bool add_added_tokens(cJSON *root, const TokenizerSpec *spec)
{
    static const char *const off[] = {"single_word", "lstrip", "rstrip", "normalized"};
    cJSON                   *added = cJSON_AddArrayToObject(root, "added_tokens");
    bool                     fine  = added != NULL;
    for (size_t i = 0; i < spec->specials && fine; i++) {
        cJSON *token = append_object(added);
        fine         = cJSON_AddNumberToObject(token, "id", (double)i) != NULL &&
               cJSON_AddStringToObject(token, "content", spec->pieces[i]) != NULL && add_bools(token, off, 4, false) &&
               cJSON_AddTrueToObject(token, "special") != NULL;
    }
    return fine;
}

static bool add_pre_tokenizer(cJSON *root, const char *regex)
{
    cJSON *pre     = cJSON_AddObjectToObject(root, "pre_tokenizer");
    bool   fine    = cJSON_AddStringToObject(pre, "type", "Sequence") != NULL;
    cJSON *list    = cJSON_AddArrayToObject(pre, "pretokenizers");
    cJSON *split   = append_object(list);
    fine           = fine && cJSON_AddStringToObject(split, "type", "Split") != NULL;
    cJSON *pattern = cJSON_AddObjectToObject(split, "pattern");
    fine           = fine && cJSON_AddStringToObject(pattern, "Regex", regex) != NULL;
    fine           = fine && cJSON_AddStringToObject(split, "behavior", "Isolated") != NULL;
    fine           = fine && cJSON_AddFalseToObject(split, "invert") != NULL;
    return fine && add_byte_level(append_object(list));
}

/* {"SpecialToken": {"id": bos, "type_id": 0}} or {"Sequence": {"id": "A", "type_id": 0}} */
static bool append_template_item(cJSON *template, const char *kind, const char *id, int type)
{
    cJSON *item = cJSON_AddObjectToObject(append_object(template), kind);
    return cJSON_AddStringToObject(item, "id", id) != NULL && cJSON_AddNumberToObject(item, "type_id", type) != NULL;
}

static bool add_template(cJSON *root, const char *bos, int32_t bos_id)
{
    cJSON *processor = cJSON_AddObjectToObject(root, "post_processor");
    bool   fine      = cJSON_AddStringToObject(processor, "type", "TemplateProcessing") != NULL;
    cJSON *single    = cJSON_AddArrayToObject(processor, "single");
    fine             = fine && append_template_item(single, "SpecialToken", bos, 0);
    fine             = fine && append_template_item(single, "Sequence", "A", 0);
    cJSON *pair      = cJSON_AddArrayToObject(processor, "pair");
    fine             = fine && append_template_item(pair, "SpecialToken", bos, 0);
    fine             = fine && append_template_item(pair, "Sequence", "A", 0);
    fine             = fine && append_template_item(pair, "SpecialToken", bos, 1);
    fine             = fine && append_template_item(pair, "Sequence", "B", 1);
    cJSON *special   = cJSON_AddObjectToObject(cJSON_AddObjectToObject(processor, "special_tokens"), bos);
    fine             = fine && cJSON_AddStringToObject(special, "id", bos) != NULL;
    cJSON *ids       = cJSON_AddArrayToObject(special, "ids");
    fine             = fine && cJSON_AddItemToArray(ids, cJSON_CreateNumber(bos_id));
    cJSON *tokens    = cJSON_AddArrayToObject(special, "tokens");
    return fine && cJSON_AddItemToArray(tokens, cJSON_CreateString(bos));
}

/* Specials stand in the vocabulary as they are, pieces in the byte-level alphabet. */
static bool add_vocab(cJSON *model, const TokenizerSpec *spec)
{
    cJSON *vocab = cJSON_AddObjectToObject(model, "vocab");
    bool   fine  = vocab != NULL;
    for (size_t i = 0; i < spec->count && fine; i++) {
        size_t bytes   = strlen(spec->pieces[i]);
        char  *spelled = malloc(2 * bytes + 1);
        if (spelled == NULL) {
            return false;
        }
        size_t length = byte_level_encode(spec->pieces[i], bytes, spelled);
        if (i < spec->specials) {
            memcpy(spelled, spec->pieces[i], bytes);
            length = bytes;
        }
        spelled[length] = '\0';
        fine            = cJSON_AddNumberToObject(vocab, spelled, (double)i) != NULL;
        free(spelled);
    }
    return fine;
}

static bool add_model(cJSON *root, const TokenizerSpec *spec)
{
    static const char *const none[] = {"dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"};
    static const char *const off[]  = {"fuse_unk", "byte_fallback"};
    cJSON                   *model  = cJSON_AddObjectToObject(root, "model");
    bool                     fine   = cJSON_AddStringToObject(model, "type", "BPE") != NULL;
    for (size_t i = 0; i < sizeof none / sizeof *none && fine; i++) {
        fine = cJSON_AddNullToObject(model, none[i]) != NULL;
    }
    return fine && add_bools(model, off, 2, false) && cJSON_AddTrueToObject(model, "ignore_merges") != NULL &&
           add_vocab(model, spec) && cJSON_AddArrayToObject(model, "merges") != NULL;
}

static bool fill_tokenizer(cJSON *root, const TokenizerSpec *spec, int32_t bos_id)
{
    bool fine = cJSON_AddStringToObject(root, "version", "1.0") != NULL &&
                cJSON_AddNullToObject(root, "truncation") != NULL && cJSON_AddNullToObject(root, "padding") != NULL &&
                add_added_tokens(root, spec) && cJSON_AddNullToObject(root, "normalizer") != NULL &&
                add_pre_tokenizer(root, spec->split_regex == NULL ? llama3_regex : spec->split_regex);
    fine = fine && (spec->bos == NULL ? add_byte_level(cJSON_AddObjectToObject(root, "post_processor"))
                                      : add_template(root, spec->bos, bos_id));
    return fine && add_byte_level(cJSON_AddObjectToObject(root, "decoder")) && add_model(root, spec);
}

static bool add_name(cJSON *root, const char *key, const char *name)
{
    return (name == NULL ? cJSON_AddNullToObject(root, key) : cJSON_AddStringToObject(root, key, name)) != NULL;
}

static bool fill_config(cJSON *root, const TokenizerSpec *spec)
{
    return cJSON_AddStringToObject(root, "tokenizer_class", "PreTrainedTokenizerFast") != NULL &&
           add_name(root, "bos_token", spec->bos) && add_name(root, "eos_token", spec->eos) &&
           add_name(root, "pad_token", spec->pad) &&
           cJSON_AddFalseToObject(root, "clean_up_tokenization_spaces") != NULL &&
           cJSON_AddNumberToObject(root, "model_max_length", spec->max_length) != NULL;
}

static int32_t special_id(const TokenizerSpec *spec, const char *name)
{
    for (size_t i = 0; i < spec->specials; i++) {
        if (strcmp(spec->pieces[i], name) == 0) {
            return (int32_t)i;
        }
    }
    return -1;
}

static Status check_spec(const char *directory, const TokenizerSpec *spec, Error *error)
{
    const char *names[] = {spec->bos, spec->eos, spec->pad};
    for (size_t i = 0; i < 3; i++) {
        if (names[i] != NULL && special_id(spec, names[i]) < 0) {
            return error_set(error, STATUS_FAILED, "%s: '%s' is not among the tokenizer's special tokens", directory,
                             names[i]);
        }
    }
    for (size_t i = 0; i < spec->count; i++) {
        if (spec->pieces[i][0] == '\0' ||
            utf8_check(spec->pieces[i], strlen(spec->pieces[i])) < strlen(spec->pieces[i])) {
            return error_set(error, STATUS_FAILED, "%s: tokenizer piece %zu is empty or not UTF-8", directory, i);
        }
    }
    return STATUS_OK;
}

static Status write_object(const char *directory, const char *name, const cJSON *root, Error *error)
{
    char  *path   = path_join(directory, name);
    Status status = path == NULL ? error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while writing %s", name)
                                 : json_write_file(path, root, error);
    free(path);
    return status;
}

Status tokenizer_build(const char *directory, const TokenizerSpec *spec, Error *error)
{
    Status status = check_spec(directory, spec, error);
    if (status != STATUS_OK) {
        return status;
    }
    cJSON *root   = cJSON_CreateObject();
    cJSON *config = cJSON_CreateObject();
    char  *text   = NULL;
    if (root == NULL || config == NULL ||
        !fill_tokenizer(root, spec, spec->bos == NULL ? -1 : special_id(spec, spec->bos)) ||
        !fill_config(config, spec) || (text = cJSON_PrintUnformatted(root)) == NULL) {
        status = error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while building a tokenizer");
    }
    /* What could not be read back (a piece twice) must not be written. */
    Tokenizer *back = text == NULL ? NULL : tokenizer_parse(text, strlen(text), directory, error);
    status          = status == STATUS_OK && back == NULL ? STATUS_FAILED : status;
    tokenizer_free(back);
    cJSON_free(text);
    if (status == STATUS_OK) {
        status = write_object(directory, "tokenizer.json", root, error);
    }
    if (status == STATUS_OK) {
        status = write_object(directory, "tokenizer_config.json", config, error);
    }
    cJSON_Delete(root);
    cJSON_Delete(config);
    return status;
}
