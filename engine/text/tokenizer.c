#include "engine/text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/text/byte_level.h"
#include "engine/text/tokenizer_parts.h"
#include "engine/utf8.h"

#define FILE_LIMIT ((size_t)256 << 20) /* bytes; tokenizers of 250k tokens have about 35 MB */

/* --- life */

Tokenizer *tokenizer_parse(const char *text, size_t bytes, const char *name, Error *error)
{
    cJSON     *root;
    JsonObject object;
    Tokenizer *tokenizer = NULL;
    Status     status    = json_parse(text, bytes, name, &root, error);
    if (status == STATUS_OK) {
        status = json_root(&object, root, name, error);
    }
    if (status == STATUS_OK &&
        ((tokenizer = calloc(1, sizeof *tokenizer)) == NULL || (tokenizer->name = malloc(strlen(name) + 1)) == NULL)) {
        status = error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while reading %s", name);
    }
    if (status == STATUS_OK) {
        strcpy(tokenizer->name, name);
        status = tokenizer_read(tokenizer, &object, error);
    }
    cJSON_Delete(root);
    if (status != STATUS_OK) {
        tokenizer_free(tokenizer);
        return NULL;
    }
    return tokenizer;
}

Tokenizer *tokenizer_open(const char *path, Error *error)
{
    char  *text, *inside = file_is_directory(path) ? path_join(path, "tokenizer.json") : path_join("", path);
    size_t bytes;
    if (inside == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while opening %s", path);
        return NULL;
    }
    Tokenizer *tokenizer = NULL;
    if (file_is_directory(path) && !file_exists(inside)) {
        error_set(error, STATUS_BAD_INPUT, "%s is not there; copy it from the model that this one was made from",
                  inside);
    } else if (file_read(inside, FILE_LIMIT, &text, &bytes, error) == STATUS_OK) {
        tokenizer = tokenizer_parse(text, bytes, inside, error);
        free(text);
    }
    free(inside);
    return tokenizer;
}

void tokenizer_free(Tokenizer *tokenizer)
{
    if (tokenizer == NULL) {
        return;
    }
    for (size_t i = 0; i < tokenizer->template_count; i++) {
        for (size_t j = 0; j < tokenizer->templates[i].count; j++) {
            free(tokenizer->templates[i].items[j].ids);
        }
        free(tokenizer->templates[i].items);
    }
    pretokenizer_free(&tokenizer->pretokenizer);
    added_tokens_free(&tokenizer->added);
    added_tokens_free(&tokenizer->added_normalized);
    bpe_free(&tokenizer->merges);
    vocab_free(&tokenizer->vocab);
    free(tokenizer->name);
    free(tokenizer);
}

/* --- encoding */

/* What one call of tokenizer_encode works on. */
typedef struct Encoder {
    const Tokenizer *tokenizer;
    int32_t         *ids; /* the result so far */
    size_t           count, capacity;
    BpeWork          work;
    char            *spelled; /* a piece in the byte-level alphabet */
    size_t           spelled_bytes;
} Encoder;

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while tokenizing");
}

/* Makes room for `more` ids behind the result. */
static bool reserve(Encoder *encoder, size_t more)
{
    if (more <= encoder->capacity - encoder->count) {
        return true;
    }
    size_t   capacity = (encoder->count + more) * 2;
    int32_t *ids      = realloc(encoder->ids, capacity * sizeof *ids);
    if (ids != NULL) {
        encoder->ids      = ids;
        encoder->capacity = capacity;
    }
    return ids != NULL;
}

/* Looks whether a whole piece is a token of the model's: *id, or -1. */
static Status whole_piece(Encoder *encoder, const char *text, size_t bytes, int32_t *id, Error *error)
{
    if (2 * bytes > encoder->spelled_bytes) {
        char *larger = realloc(encoder->spelled, 4 * bytes);
        if (larger == NULL) {
            return out_of_memory(error);
        }
        encoder->spelled       = larger;
        encoder->spelled_bytes = 4 * bytes;
    }
    size_t spelled = byte_level_encode(text, bytes, encoder->spelled);
    *id            = vocab_find(&encoder->tokenizer->vocab, encoder->spelled, spelled);
    if (*id >= 0 && encoder->tokenizer->vocab.tokens[*id].added) { /* single_word has kept it from being cut out */
        *id = -1;
    }
    return STATUS_OK;
}

static Status no_token(const Tokenizer *tokenizer, const char *text, size_t bytes, size_t at, Error *error)
{
    /* The character around the byte, and the piece it stands in, as far as they can be shown. */
    size_t begin = at;
    while (begin > 0 && ((unsigned char)text[begin] & 0xC0) == 0x80) {
        begin--;
    }
    size_t end = at + 1;
    while (end < bytes && ((unsigned char)text[end] & 0xC0) == 0x80) {
        end++;
    }
    bool shown = (unsigned char)text[begin] > ' ' && text[begin] != 0x7F;
    return error_set(error, STATUS_BAD_INPUT,
                     "%s: the text holds byte 0x%02X%s%.*s%s, for which this tokenizer has no token", tokenizer->name,
                     (unsigned)(unsigned char)text[at], shown ? " ('" : "", shown ? (int)(end - begin) : 0,
                     text + begin, shown ? "')" : "");
}

/* A piece: PretokenizerPiece with an Encoder as its context. */
static Status encode_piece(void *context, const char *text, size_t bytes, Error *error)
{
    Encoder         *encoder   = context;
    const Tokenizer *tokenizer = encoder->tokenizer;
    if (!reserve(encoder, bytes)) {
        return out_of_memory(error);
    }
    if (tokenizer->ignore_merges) {
        int32_t id     = -1;
        Status  status = whole_piece(encoder, text, bytes, &id, error);
        if (status != STATUS_OK) {
            return status;
        }
        if (id >= 0) {
            encoder->ids[encoder->count++] = id;
            return STATUS_OK;
        }
    }
    int32_t *ids           = encoder->ids + encoder->count;
    size_t   count         = 0;
    bool     after_unknown = false;
    for (size_t i = 0; i < bytes; i++) {
        int32_t id      = tokenizer->byte_ids[(unsigned char)text[i]];
        bool    unknown = id < 0;
        if (unknown && tokenizer->unknown_id < 0) {
            return no_token(tokenizer, text, bytes, i, error);
        }
        if (!unknown || !after_unknown || !tokenizer->fuse_unknown) {
            ids[count++] = unknown ? tokenizer->unknown_id : id;
        }
        after_unknown = unknown;
    }
    size_t merged = bpe_merge(&tokenizer->merges, &encoder->work, ids, count);
    if (merged == SIZE_MAX) {
        return out_of_memory(error);
    }
    encoder->count += merged;
    return STATUS_OK;
}

typedef Status EncodePart(Encoder *encoder, const char *text, size_t bytes, Error *error);

/* Cuts the added tokens out of a text and gives what lies between to `part`. */
static Status encode_around(Encoder *encoder, const AddedTokens *added, EncodePart *part, const char *text,
                            size_t bytes, Error *error)
{
    AddedScan scan   = {0};
    Status    status = STATUS_OK;
    for (;;) {
        size_t            before = scan.done, begin = bytes, end = bytes;
        const AddedToken *token = added_tokens_next(added, text, bytes, &scan, &begin, &end);
        if (begin > before) {
            status = part(encoder, text + before, begin - before, error);
        }
        if (status != STATUS_OK || token == NULL) {
            return status;
        }
        if (!reserve(encoder, 1)) {
            return out_of_memory(error);
        }
        encoder->ids[encoder->count++] = token->id;
    }
}

static Status encode_normalized(Encoder *encoder, const char *text, size_t bytes, Error *error)
{
    return pretokenizer_run(&encoder->tokenizer->pretokenizer, text, bytes, encode_piece, encoder, error);
}

static bool is_ascii(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if ((unsigned char)text[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

static Status encode_plain(Encoder *encoder, const char *text, size_t bytes, Error *error)
{
    const AddedTokens *added = &encoder->tokenizer->added_normalized;
    if (!encoder->tokenizer->nfc || is_ascii(text, bytes)) {
        return encode_around(encoder, added, encode_normalized, text, bytes, error);
    }
    size_t length;
    char  *composed = tokenizer_nfc(text, bytes, &length);
    if (composed == NULL) {
        return out_of_memory(error);
    }
    Status status = encode_around(encoder, added, encode_normalized, composed, length, error);
    free(composed);
    return status;
}

/* Replaces the result by the template around it. */
static Status apply_template(Encoder *encoder, const Template *template, Error *error)
{
    size_t before = 0, after = 0;
    bool   passed = false;
    for (size_t i = 0; i < template->count; i++) {
        passed = passed || template->items[i].sequence;
        *(passed ? &after : &before) += template->items[i].count;
    }
    if (!reserve(encoder, before + after)) {
        return out_of_memory(error);
    }
    int32_t *ids = encoder->ids;
    if (encoder->count > 0) {
        memmove(ids + before, ids, encoder->count * sizeof *ids);
    }
    size_t at = 0;
    for (size_t i = 0; i < template->count; i++) {
        const TemplateItem *item = &template->items[i];
        if (item->count > 0) {
            memcpy(ids + at, item->ids, item->count * sizeof *ids);
        }
        at += item->sequence ? encoder->count : item->count;
    }
    encoder->count = at;
    return STATUS_OK;
}

Status tokenizer_encode(const Tokenizer *tokenizer, const char *text, size_t bytes, bool add_special, int32_t **ids,
                        size_t *count, Error *error)
{
    Encoder encoder = {.tokenizer = tokenizer};
    *ids            = NULL;
    *count          = 0;
    size_t bad      = utf8_check(text, bytes);
    if (bad < bytes) {
        return error_set(error, STATUS_BAD_INPUT, "the text is not UTF-8: byte %zu is 0x%02X", bad,
                         (unsigned)(unsigned char)text[bad]);
    }
    Status status = reserve(&encoder, bytes / 3 + 16)
                        ? encode_around(&encoder, &tokenizer->added, encode_plain, text, bytes, error)
                        : out_of_memory(error);
    for (size_t i = 0; i < tokenizer->template_count && add_special && status == STATUS_OK; i++) {
        status = apply_template(&encoder, &tokenizer->templates[i], error);
    }
    bpe_work_free(&encoder.work);
    free(encoder.spelled);
    if (status != STATUS_OK) {
        free(encoder.ids);
        return status;
    }
    *ids   = encoder.ids;
    *count = encoder.count;
    return STATUS_OK;
}

/* --- decoding */

static const VocabToken *token_of(const Tokenizer *tokenizer, int32_t id)
{
    bool inside = id >= 0 && (uint32_t)id < tokenizer->vocab.size;
    return inside && tokenizer->vocab.tokens[id].text != NULL ? &tokenizer->vocab.tokens[id] : NULL;
}

Status tokenizer_decode(const Tokenizer *tokenizer, const int32_t *ids, size_t count, bool skip_special, char **text,
                        size_t *bytes, Error *error)
{
    size_t total = 0, used = 0;
    *text  = NULL;
    *bytes = 0;
    for (size_t i = 0; i < count; i++) {
        const VocabToken *token = token_of(tokenizer, ids[i]);
        total += token == NULL ? 0 : token->decoded_bytes;
    }
    char *raw = malloc(total + 1);
    char *out = malloc(3 * total + 1);
    if (raw == NULL || out == NULL) {
        free(raw);
        free(out);
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while decoding %zu tokens", count);
    }
    for (size_t i = 0; i < count; i++) {
        const VocabToken *token = token_of(tokenizer, ids[i]);
        if (token != NULL && !(skip_special && token->special)) {
            memcpy(raw + used, token->decoded, token->decoded_bytes);
            used += token->decoded_bytes;
        }
    }
    *bytes      = utf8_lossy(raw, used, out);
    out[*bytes] = '\0';
    *text       = out;
    free(raw);
    return STATUS_OK;
}

/* --- questions */

const char *tokenizer_token_bytes(const Tokenizer *tokenizer, int32_t id, size_t *bytes)
{
    const VocabToken *token = token_of(tokenizer, id);
    *bytes                  = token == NULL ? 0 : token->decoded_bytes;
    return token == NULL ? NULL : token->decoded;
}

bool tokenizer_is_special(const Tokenizer *tokenizer, int32_t id)
{
    const VocabToken *token = token_of(tokenizer, id);
    return token != NULL && token->special;
}

int32_t tokenizer_token_id(const Tokenizer *tokenizer, const char *token)
{
    return vocab_find(&tokenizer->vocab, token, strlen(token));
}

uint32_t tokenizer_vocab_size(const Tokenizer *tokenizer)
{
    return tokenizer->vocab.size;
}
