/* tokenizer.json: vocabulary, merges and added tokens; the rest is in tokenizer_pipeline.c and tokenizer_template.c.
 * What would change the result and is not supported is an error. */
#include <stdlib.h>
#include <string.h>

#include "engine/text/byte_level.h"
#include "engine/text/tokenizer_parts.h"

Status tokenizer_out_of_memory(const JsonObject *object, Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while reading %s", object->file);
}

Status tokenizer_unsupported(const JsonObject *object, const char *supported, Error *error)
{
    const char *type = cJSON_GetStringValue(json_find(object, "type"));
    return json_fail(object, "type", error, "found \"%.40s\"; supported: %s", type == NULL ? "" : type, supported);
}

/* --- vocabulary */

/* Ids need not be dense, but a table of ids must not be much larger than what fills it. */
static uint32_t id_limit(size_t tokens)
{
    return (uint32_t)(2 * tokens + 65536);
}

static Status add_token(Tokenizer *tokenizer, const JsonObject *object, const char *key, const char *text, size_t bytes,
                        uint32_t id, Error *error)
{
    switch (vocab_add(&tokenizer->vocab, text, bytes, id)) {
    case VOCAB_ID_TAKEN:
        return json_fail(object, key, error, "id %u of \"%.60s\" is also that of \"%.60s\"", id, text,
                         tokenizer->vocab.tokens[id].text);
    case VOCAB_TEXT_TAKEN: return json_fail(object, key, error, "\"%.60s\" has two ids", text);
    case VOCAB_NO_MEMORY: return tokenizer_out_of_memory(object, error);
    case VOCAB_ADDED: break;
    }
    return STATUS_OK;
}

/* Checks the ids of the vocabulary and of the added tokens; *size is the largest plus one. */
static Status read_ids(const JsonObject *vocab, const JsonObject *root, const cJSON *added, uint32_t limit,
                       uint32_t *size, Error *error)
{
    int64_t id;
    *size = 0;
    for (const cJSON *item = vocab->json->child; item != NULL; item = item->next) {
        if (json_integer(item, vocab->file, item->string, 0, limit, &id, NULL) != STATUS_OK) {
            return json_fail(vocab, item->string, error, "wanted an id, an integer from 0 to %u", limit);
        }
        *size = id >= *size ? (uint32_t)id + 1 : *size;
    }
    size_t index = 0;
    for (const cJSON *item = added == NULL ? NULL : added->child; item != NULL; item = item->next, index++) {
        JsonObject token;
        uint32_t   added_id = 0;
        Status     status   = json_element_object(root, "added_tokens", index, item, &token, error);
        if (status == STATUS_OK) {
            status = json_get_u32(&token, "id", JSON_REQUIRED, 0, limit, &added_id, error);
        }
        if (status != STATUS_OK) {
            return status;
        }
        *size = added_id >= *size ? added_id + 1 : *size;
    }
    return STATUS_OK;
}

static Status read_vocab(Tokenizer *tokenizer, const JsonObject *model, const JsonObject *root, const cJSON *added,
                         Error *error)
{
    JsonObject vocab;
    Status     status = json_get_object(model, "vocab", JSON_REQUIRED, &vocab, error);
    if (status != STATUS_OK) {
        return status;
    }
    size_t count = (size_t)cJSON_GetArraySize(vocab.json), added_count = (size_t)cJSON_GetArraySize(added);
    if (count == 0) {
        return json_fail(model, "vocab", error, "the vocabulary is empty");
    }
    uint32_t size = 0;
    status        = read_ids(&vocab, root, added, id_limit(count + added_count), &size, error);
    if (status == STATUS_OK && !vocab_init(&tokenizer->vocab, size, (uint32_t)(count + added_count))) {
        status = tokenizer_out_of_memory(root, error);
    }
    for (const cJSON *item = vocab.json->child; item != NULL && status == STATUS_OK; item = item->next) {
        status = add_token(tokenizer, model, "vocab", item->string, strlen(item->string), (uint32_t)item->valuedouble,
                           error);
    }
    return status;
}

/* --- merges */

/* The two halves of a merge: ["a", "b"], or the older "a b". */
static bool merge_halves(const cJSON *merge, const char **left, size_t *left_bytes, const char **right,
                         size_t *right_bytes)
{
    if (cJSON_IsString(merge)) {
        const char *space = strchr(merge->valuestring, ' ');
        if (space == NULL || strchr(space + 1, ' ') != NULL) {
            return false;
        }
        *left        = merge->valuestring;
        *left_bytes  = (size_t)(space - *left);
        *right       = space + 1;
        *right_bytes = strlen(*right);
        return true;
    }
    const cJSON *first = cJSON_IsArray(merge) ? merge->child : NULL;
    if (!cJSON_IsString(first) || !cJSON_IsString(first->next) || first->next->next != NULL) {
        return false;
    }
    *left        = first->valuestring;
    *left_bytes  = strlen(*left);
    *right       = first->next->valuestring;
    *right_bytes = strlen(*right);
    return true;
}

static Status read_merge(Tokenizer *tokenizer, const JsonObject *model, const cJSON *merge, uint32_t rank, Error *error)
{
    const char *left, *right;
    size_t      left_bytes, right_bytes;
    if (!merge_halves(merge, &left, &left_bytes, &right, &right_bytes)) {
        return json_fail(model, "merges", error, "merge %u: wanted two tokens, [\"a\", \"b\"] or \"a b\"", rank);
    }
    char   small[256];
    size_t bytes  = left_bytes + right_bytes;
    char  *joined = bytes <= sizeof small ? small : malloc(bytes);
    if (joined == NULL) {
        return tokenizer_out_of_memory(model, error);
    }
    memcpy(joined, left, left_bytes);
    memcpy(joined + left_bytes, right, right_bytes);
    int32_t a = vocab_find(&tokenizer->vocab, left, left_bytes);
    int32_t b = vocab_find(&tokenizer->vocab, right, right_bytes);
    int32_t c = vocab_find(&tokenizer->vocab, joined, bytes);
    if (joined != small) {
        free(joined);
    }
    if (a < 0 || b < 0 || c < 0) {
        return json_fail(model, "merges", error, "merge %u: \"%.*s\" + \"%.*s\": %s is not in the vocabulary", rank,
                         left_bytes > 60 ? 60 : (int)left_bytes, left, right_bytes > 60 ? 60 : (int)right_bytes, right,
                         a < 0   ? "the first"
                         : b < 0 ? "the second"
                                 : "their sum");
    }
    bpe_add(&tokenizer->merges, a, b, rank, c);
    return STATUS_OK;
}

static Status read_merges(Tokenizer *tokenizer, const JsonObject *model, Error *error)
{
    const cJSON *merges;
    Status       status = json_get_array(model, "merges", JSON_REQUIRED, &merges, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (!bpe_init(&tokenizer->merges, (size_t)cJSON_GetArraySize(merges))) {
        return tokenizer_out_of_memory(model, error);
    }
    uint32_t rank = 0;
    for (const cJSON *merge = merges->child; merge != NULL && status == STATUS_OK; merge = merge->next) {
        status = read_merge(tokenizer, model, merge, rank++, error);
    }
    return status;
}

/* --- the model */

static Status read_model(Tokenizer *tokenizer, const JsonObject *root, const cJSON *added, Error *error)
{
    JsonObject  model;
    const char *type = "BPE", *unknown = NULL, *prefix = "", *suffix = "";
    bool        fallback = false;
    double      dropout  = 0;
    Status      status   = json_get_object(root, "model", JSON_REQUIRED, &model, error);
    if (status != STATUS_OK || (status = json_get_string(&model, "type", JSON_OPTIONAL, &type, error)) != STATUS_OK) {
        return status;
    }
    if (strcmp(type, "BPE") != 0) {
        return tokenizer_unsupported(&model, "BPE (byte level)", error);
    }
    if ((status = json_get_string(&model, "unk_token", JSON_NULLABLE, &unknown, error)) != STATUS_OK ||
        (status = json_get_string(&model, "continuing_subword_prefix", JSON_NULLABLE, &prefix, error)) != STATUS_OK ||
        (status = json_get_string(&model, "end_of_word_suffix", JSON_NULLABLE, &suffix, error)) != STATUS_OK ||
        (status = json_get_bool(&model, "byte_fallback", JSON_NULLABLE, &fallback, error)) != STATUS_OK ||
        (status = json_get_f64(&model, "dropout", JSON_NULLABLE, 0, 1, &dropout, error)) != STATUS_OK ||
        (status = json_get_bool(&model, "fuse_unk", JSON_NULLABLE, &tokenizer->fuse_unknown, error)) != STATUS_OK ||
        (status = json_get_bool(&model, "ignore_merges", JSON_NULLABLE, &tokenizer->ignore_merges, error)) !=
            STATUS_OK) {
        return status;
    }
    if (fallback || dropout > 0 || prefix[0] != '\0' || suffix[0] != '\0') {
        return json_fail(root, "model", error,
                         "byte_fallback, dropout, continuing_subword_prefix and end_of_word_suffix are not supported");
    }
    status = read_vocab(tokenizer, &model, root, added, error);
    if (status == STATUS_OK) {
        status = read_merges(tokenizer, &model, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    for (int byte = 0; byte < 256; byte++) {
        char   text[2], spelled[4];
        size_t bytes;
        text[0]                   = (char)byte;
        bytes                     = byte_level_encode(text, 1, spelled);
        tokenizer->byte_ids[byte] = vocab_find(&tokenizer->vocab, spelled, bytes);
    }
    tokenizer->unknown_id = unknown == NULL ? -1 : vocab_find(&tokenizer->vocab, unknown, strlen(unknown));
    if (unknown != NULL && tokenizer->unknown_id < 0) {
        return json_fail(&model, "unk_token", error, "\"%.60s\" is not in the vocabulary", unknown);
    }
    return STATUS_OK;
}

/* --- added tokens */

static Status read_added_token(Tokenizer *tokenizer, const JsonObject *item, Error *error)
{
    uint32_t    id         = 0;
    const char *content    = "";
    bool        normalized = false, special = false;
    AddedToken  token  = {0};
    Status      status = json_get_u32(item, "id", JSON_REQUIRED, 0, INT32_MAX, &id, error);
    if (status != STATUS_OK ||
        (status = json_get_string(item, "content", JSON_REQUIRED, &content, error)) != STATUS_OK ||
        (status = json_get_bool(item, "single_word", JSON_OPTIONAL, &token.single_word, error)) != STATUS_OK ||
        (status = json_get_bool(item, "lstrip", JSON_OPTIONAL, &token.lstrip, error)) != STATUS_OK ||
        (status = json_get_bool(item, "rstrip", JSON_OPTIONAL, &token.rstrip, error)) != STATUS_OK ||
        (status = json_get_bool(item, "normalized", JSON_OPTIONAL, &normalized, error)) != STATUS_OK ||
        (status = json_get_bool(item, "special", JSON_OPTIONAL, &special, error)) != STATUS_OK) {
        return status;
    }
    if (content[0] == '\0') {
        return json_fail(item, "content", error, "an empty token would be found everywhere");
    }
    const bool in_model = tokenizer->vocab.tokens[id].text != NULL;
    status              = add_token(tokenizer, item, "id", content, strlen(content), id, error);
    if (status != STATUS_OK) {
        return status;
    }
    tokenizer->vocab.tokens[id].added   = tokenizer->vocab.tokens[id].added || !in_model;
    tokenizer->vocab.tokens[id].special = tokenizer->vocab.tokens[id].special || special;
    token.id                            = (int32_t)id;
    token.bytes                         = strlen(content);
    if (normalized && tokenizer->nfc) {
        token.text = tokenizer_nfc(content, token.bytes, &token.bytes);
    } else if ((token.text = malloc(token.bytes + 1)) != NULL) {
        memcpy(token.text, content, token.bytes + 1);
    }
    if (token.text == NULL ||
        !added_tokens_add(normalized ? &tokenizer->added_normalized : &tokenizer->added, &token)) {
        free(token.text);
        return tokenizer_out_of_memory(item, error);
    }
    return STATUS_OK;
}

static Status read_added(Tokenizer *tokenizer, const JsonObject *root, const cJSON *added, Error *error)
{
    size_t index  = 0;
    Status status = STATUS_OK;
    for (const cJSON *item = added == NULL ? NULL : added->child; item != NULL && status == STATUS_OK;
         item              = item->next, index++) {
        JsonObject token;
        status = json_element_object(root, "added_tokens", index, item, &token, error);
        if (status == STATUS_OK) {
            status = read_added_token(tokenizer, &token, error);
        }
    }
    added_tokens_sort(&tokenizer->added);
    added_tokens_sort(&tokenizer->added_normalized);
    return status;
}

/* --- all of it */

/* SentencePiece's kind, with which Llama 2's descendants come, differs in every part: it is told as a whole. */
static Status refuse_sentencepiece(const JsonObject *root, Error *error)
{
    const cJSON *model = json_find(root, "model"), *pre = json_find(root, "pre_tokenizer");
    const char  *pre_type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(pre, "type"));
    const char  *type     = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(model, "type"));
    const bool   is_one   = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(model, "byte_fallback")) ||
                        (type != NULL && strcmp(type, "Unigram") == 0) ||
                        (pre_type != NULL && strcmp(pre_type, "Metaspace") == 0);
    return is_one
               ? error_set(error, STATUS_BAD_INPUT,
                           "%s: SentencePiece's kind of tokenizer (as Llama 2, TinyLlama and Mistral have it) is not "
                           "supported; supported is byte-level BPE (as Llama 3, Qwen2, Qwen3 and SmolLM2 have it)",
                           root->file)
               : STATUS_OK;
}

Status tokenizer_read(Tokenizer *tokenizer, const JsonObject *root, Error *error)
{
    const cJSON *added = NULL;
    Status       status;
    if ((status = refuse_sentencepiece(root, error)) != STATUS_OK ||
        (status = json_get_array(root, "added_tokens", JSON_NULLABLE, &added, error)) != STATUS_OK ||
        (status = tokenizer_read_pipeline(tokenizer, root, error)) != STATUS_OK ||
        (status = read_model(tokenizer, root, added, error)) != STATUS_OK ||
        (status = read_added(tokenizer, root, added, error)) != STATUS_OK) {
        return status;
    }
    return tokenizer_read_post_processor(tokenizer, root, error);
}
