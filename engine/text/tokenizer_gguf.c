#include "engine/text/tokenizer_gguf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/text/chat_template.h"
#include "engine/text/tokenizer_parts.h"

/* llama.cpp's kinds of tokens. */
enum { TOKEN_NORMAL = 1, TOKEN_CONTROL = 3, TOKEN_USER = 4, TOKEN_UNUSED = 5 };

/* What is being written. */
typedef struct Job {
    const Tokenizer  *tokenizer;
    const GgufTokens *tokens;
    GgufWriter       *gguf;
    const char       *directory;
} Job;

static Status out_of_memory(const Job *job, Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory with the tokenizer of %s", job->directory);
}

/* --- what llama.cpp cannot do */

static Status check_added(const Job *job, const AddedTokens *added, Error *error)
{
    for (size_t i = 0; i < added->count; i++) {
        const AddedToken *token = &added->tokens[i];
        if (token->single_word || token->lstrip || token->rstrip) {
            return error_set(error, STATUS_BAD_INPUT,
                             "%s: llama.cpp cannot be told of %s, which the added token \"%.60s\" has",
                             job->tokenizer->name,
                             token->single_word ? "single_word"
                             : token->lstrip    ? "lstrip"
                                                : "rstrip",
                             token->text);
        }
    }
    return STATUS_OK;
}

static Status check(const Job *job, Error *error)
{
    const Tokenizer *t      = job->tokenizer;
    Status           status = check_added(job, &t->added, error);
    status                  = status == STATUS_OK ? check_added(job, &t->added_normalized, error) : status;
    if (status == STATUS_OK && t->vocab.size > job->tokens->vocab_size) {
        status = error_set(error, STATUS_BAD_INPUT, "%s: ids up to %u, but the model's vocab_size is %u", t->name,
                           t->vocab.size - 1, job->tokens->vocab_size);
    }
    for (int b = 0; b < 256 && t->unknown_id >= 0 && status == STATUS_OK; b++) {
        if (t->byte_ids[b] < 0) {
            status = error_set(error, STATUS_BAD_INPUT,
                               "%s: llama.cpp gives no unk_token for a byte without a token, as 0x%02x is", t->name, b);
        }
    }
    return status;
}

/* --- tokens and merges */

static void mark_added(const Job *job, const AddedTokens *added, int32_t *types)
{
    for (size_t i = 0; i < added->count; i++) {
        const int32_t id = added->tokens[i].id;
        types[id]        = job->tokenizer->vocab.tokens[id].special ? TOKEN_CONTROL : TOKEN_USER;
    }
}

static Status add_tokens(const Job *job, Error *error)
{
    const Vocab   *vocab = &job->tokenizer->vocab;
    const uint32_t count = job->tokens->vocab_size;
    int32_t       *types = malloc(count * sizeof *types);
    if (types == NULL) {
        return out_of_memory(job, error);
    }
    Status status = STATUS_OK;
    gguf_add_list(job->gguf, "tokenizer.ggml.tokens", count);
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        const VocabToken *token = i < vocab->size && vocab->tokens[i].text != NULL ? &vocab->tokens[i] : NULL;
        char              name[32];
        const int         bytes = snprintf(name, sizeof name, "[PAD%u]", i);
        if (token == NULL && vocab_find(vocab, name, (size_t)bytes) >= 0) {
            status = error_set(error, STATUS_BAD_INPUT, "%s: the token \"%s\" has the name of an unused id",
                               job->tokenizer->name, name);
        }
        gguf_list_text(job->gguf, token != NULL ? token->text : name, token != NULL ? token->bytes : (size_t)bytes);
        types[i] = token != NULL ? TOKEN_NORMAL : TOKEN_UNUSED;
    }
    mark_added(job, &job->tokenizer->added, types);
    mark_added(job, &job->tokenizer->added_normalized, types);
    gguf_add_i32s(job->gguf, "tokenizer.ggml.token_type", types, count);
    free(types);
    return status;
}

static int by_rank(const void *a, const void *b)
{
    const uint32_t x = ((const BpeMerge *)a)->rank, y = ((const BpeMerge *)b)->rank;
    return (x > y) - (x < y);
}

/* "left right": neither may hold a space, which the byte-level alphabet has not. */
static Status add_merge(const Job *job, const BpeMerge *merge, Error *error)
{
    const VocabToken *left  = &job->tokenizer->vocab.tokens[merge->pair >> 32];
    const VocabToken *right = &job->tokenizer->vocab.tokens[merge->pair & UINT32_MAX];
    const size_t      bytes = (size_t)left->bytes + 1 + right->bytes;
    if (strchr(left->text, ' ') != NULL || strchr(right->text, ' ') != NULL) {
        return error_set(error, STATUS_BAD_INPUT, "%s: the merge of \"%.60s\" and \"%.60s\" holds a space",
                         job->tokenizer->name, left->text, right->text);
    }
    char *text = malloc(bytes + 1);
    if (text == NULL) {
        return out_of_memory(job, error);
    }
    snprintf(text, bytes + 1, "%s %s", left->text, right->text);
    gguf_list_text(job->gguf, text, bytes);
    free(text);
    return STATUS_OK;
}

static Status add_merges(const Job *job, Error *error)
{
    const BpeMerges *merges = &job->tokenizer->merges;
    BpeMerge        *sorted = malloc(((size_t)merges->mask + 1) * sizeof *sorted);
    size_t           count  = 0;
    if (sorted == NULL) {
        return out_of_memory(job, error);
    }
    for (size_t i = 0; i <= merges->mask; i++) {
        if (bpe_is_merge(&merges->slots[i])) {
            sorted[count++] = merges->slots[i];
        }
    }
    qsort(sorted, count, sizeof *sorted, by_rank);
    Status status = STATUS_OK;
    gguf_add_list(job->gguf, "tokenizer.ggml.merges", count);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = add_merge(job, &sorted[i], error);
    }
    free(sorted);
    return status;
}

/* --- special tokens */

/* A token that tokenizer_config.json names ("bos_token": a text, or an object that holds it), or -1. */
static int64_t named_token(const Job *job, const cJSON *config, const char *key)
{
    const cJSON *token = cJSON_GetObjectItemCaseSensitive(config, key);
    if (cJSON_IsObject(token)) {
        token = cJSON_GetObjectItemCaseSensitive(token, "content");
    }
    return cJSON_IsString(token) ? tokenizer_token_id(job->tokenizer, token->valuestring) : -1;
}

/* The tokens that the post-processor puts before (*first) and behind (*last) a text, -1: none. */
static Status read_ends(const Job *job, int64_t *first, int64_t *last, Error *error)
{
    const Tokenizer *t         = job->tokenizer;
    size_t           counts[2] = {0, 0};
    int64_t          ids[2]    = {-1, -1};
    for (size_t i = 0; i < t->template_count; i++) {
        int end = 0;
        for (size_t j = 0; j < t->templates[i].count; j++) {
            const TemplateItem *item = &t->templates[i].items[j];
            end                      = item->sequence ? 1 : end;
            for (size_t k = 0; k < item->count && !item->sequence; k++) {
                counts[end]++;
                ids[end] = item->ids[k];
            }
        }
    }
    *first = ids[0];
    *last  = ids[1];
    return counts[0] <= 1 && counts[1] <= 1
               ? STATUS_OK
               : error_set(
                     error, STATUS_BAD_INPUT,
                     "%s: llama.cpp can put one token before a text and one behind it, the post-processor has more",
                     t->name);
}

static bool is_end(const GgufTokens *tokens, int64_t id)
{
    for (uint32_t i = 0; i < tokens->eos_count; i++) {
        if (tokens->eos[i] == id) {
            return true;
        }
    }
    return false;
}

static void add_id(const Job *job, const char *key, int64_t id)
{
    if (id >= 0) {
        gguf_add_u32(job->gguf, key, (uint32_t)id);
    }
}

/* The tokens that llama.cpp stops at because of their names. */
static bool ends_by_name(const Job *job, int64_t id)
{
    static const char *const names[] = {"<|eot_id|>",    "<|im_end|>", "<|end|>", "<end_of_turn>",
                                        "<|endoftext|>", "<|eom_id|>", "<EOT>",   "<|end_of_text|>"};
    const Vocab             *vocab   = &job->tokenizer->vocab;
    const char              *text    = id >= 0 && id < vocab->size ? vocab->tokens[id].text : NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && text != NULL; i++) {
        if (strcmp(text, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Everything that ends a response: eos, what ends a turn (eot), and others, as far as llama.cpp has keys for them. */
static Status add_ends(const Job *job, int64_t eos, Error *error)
{
    const GgufTokens *tokens = job->tokens;
    ChatTemplate     *chat   = chat_template_open(job->directory, NULL, NULL);
    int64_t           eot = chat != NULL ? chat_end_token(chat, job->tokenizer) : -1, eom = -1;
    Status            status = STATUS_OK;
    chat_template_free(chat);
    for (uint32_t i = 0; i < tokens->eos_count && status == STATUS_OK; i++) {
        const int64_t id = tokens->eos[i];
        if (id == eos || id == eot || ends_by_name(job, id)) {
            continue;
        }
        if (eot < 0) {
            eot = id;
        } else if (eom < 0) {
            eom = id;
        } else {
            status = error_set(error, STATUS_BAD_INPUT,
                               "%s: more tokens end a response (eos_token_id) than llama.cpp has keys for; %lld is one",
                               job->directory, (long long)id);
        }
    }
    add_id(job, "tokenizer.ggml.eot_token_id", eot);
    add_id(job, "tokenizer.ggml.eom_token_id", eom);
    return status;
}

static Status add_special(const Job *job, const cJSON *config, Error *error)
{
    const GgufTokens *tokens = job->tokens;
    int64_t           first, last, eos = named_token(job, config, "eos_token");
    int64_t           bos = named_token(job, config, "bos_token"), pad = named_token(job, config, "pad_token");
    Status            status = read_ends(job, &first, &last, error);
    if (status != STATUS_OK) {
        return status;
    }
    bos = first >= 0 ? first : bos >= 0 ? bos : tokens->bos;
    pad = pad >= 0 ? pad : tokens->pad;
    eos = last >= 0 ? last : tokens->eos_count > 0 && !is_end(tokens, eos) ? tokens->eos[0] : eos;
    if (eos < 0) { /* it would take token 11 */
        return error_set(error, STATUS_BAD_INPUT,
                         "%s: no token ends a response, and llama.cpp needs one; give config.json an eos_token_id",
                         job->directory);
    }
    add_id(job, "tokenizer.ggml.bos_token_id", bos);
    add_id(job, "tokenizer.ggml.eos_token_id", eos);
    add_id(job, "tokenizer.ggml.padding_token_id", pad);
    add_id(job, "tokenizer.ggml.unknown_token_id", job->tokenizer->unknown_id);
    gguf_add_bool(job->gguf, "tokenizer.ggml.add_bos_token", first >= 0);
    gguf_add_bool(job->gguf, "tokenizer.ggml.add_eos_token", last >= 0);
    return add_ends(job, eos, error);
}

/* --- all of it */

static Status add_all(const Job *job, const cJSON *config, Error *error)
{
    char *template     = NULL;
    size_t      bytes  = 0;
    Status      status = check(job, error);
    const char *pre    = status == STATUS_OK ? tokenizer_gguf_pre(job->tokenizer, error) : NULL;
    if (pre == NULL) {
        return status == STATUS_OK ? STATUS_BAD_INPUT : status;
    }
    gguf_add_text(job->gguf, "tokenizer.ggml.model", "gpt2");
    gguf_add_text(job->gguf, "tokenizer.ggml.pre", pre);
    if (job->tokenizer->nfc) { /* versions that do not know the key take text as it is */
        gguf_add_bool(job->gguf, "tokenizer.ggml.normalizer.nfc", true);
    }
    status = add_tokens(job, error);
    status = status == STATUS_OK ? add_merges(job, error) : status;
    status = status == STATUS_OK ? add_special(job, config, error) : status;
    status = status == STATUS_OK ? chat_template_read(job->directory, &template, &bytes, error) : status;
    if (template != NULL) {
        gguf_add_bytes(job->gguf, "tokenizer.chat_template", template, bytes);
    }
    free(template);
    return status;
}

Status tokenizer_gguf_add(const char *directory, const GgufTokens *tokens, GgufWriter *gguf, Error *error)
{
    char      *path      = path_join(directory, "tokenizer_config.json");
    cJSON     *config    = NULL;
    Tokenizer *tokenizer = tokenizer_open(directory, error);
    const Job  job       = {tokenizer, tokens, gguf, directory};
    Status     status    = tokenizer == NULL ? STATUS_BAD_INPUT : path == NULL ? out_of_memory(&job, error) : STATUS_OK;
    if (status == STATUS_OK && file_exists(path)) {
        status = json_read_file(path, JSON_FILE_LIMIT, &config, error);
    }
    status = status == STATUS_OK ? add_all(&job, config, error) : status;
    cJSON_Delete(config);
    tokenizer_free(tokenizer);
    free(path);
    return status;
}
