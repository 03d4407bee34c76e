/* Private to engine/text/tokenizer*.c: what a tokenizer consists of. */
#ifndef ENGINE_TEXT_TOKENIZER_PARTS_H
#define ENGINE_TEXT_TOKENIZER_PARTS_H

#include "engine/io/json.h"
#include "engine/text/added_tokens.h"
#include "engine/text/bpe.h"
#include "engine/text/pretokenizer.h"
#include "engine/text/tokenizer.h"
#include "engine/text/vocab.h"

/* One element of a TemplateProcessing template: the text's ids, or ids of its own. */
typedef struct TemplateItem {
    bool     sequence;
    int32_t *ids; /* malloc'ed */
    size_t   count;
} TemplateItem;

typedef struct Template {
    TemplateItem *items;
    size_t        count;
} Template;

#define TOKENIZER_MAX_TEMPLATES 4

struct Tokenizer {
    char        *name; /* the file, for errors */
    Vocab        vocab;
    BpeMerges    merges;
    int32_t      byte_ids[256]; /* the token of a single byte; -1: none */
    int32_t      unknown_id;    /* unk_token; -1: none */
    bool         fuse_unknown;  /* neighbouring unknowns are one token */
    bool         ignore_merges; /* a piece that is a token stays whole */
    bool         nfc;
    AddedTokens  added;            /* found in the text as it is     */
    AddedTokens  added_normalized; /* found in the normalised text   */
    Pretokenizer pretokenizer;
    Template     templates[TOKENIZER_MAX_TEMPLATES]; /* each applied to the result of the one before */
    size_t       template_count;
};

/* Fills a zeroed tokenizer from a parsed tokenizer.json. tokenizer_free is needed in every case. */
Status tokenizer_read(Tokenizer *tokenizer, const JsonObject *root, Error *error);

/* tokenizer_read's parts for "normalizer", "pre_tokenizer" and "decoder", and for "post_processor", which comes last:
 * its ids are checked against the vocabulary. */
Status tokenizer_read_pipeline(Tokenizer *tokenizer, const JsonObject *root, Error *error);
Status tokenizer_read_post_processor(Tokenizer *tokenizer, const JsonObject *root, Error *error);

Status tokenizer_out_of_memory(const JsonObject *object, Error *error);

/* STATUS_BAD_INPUT: the object's "type", and what is supported. */
Status tokenizer_unsupported(const JsonObject *object, const char *supported, Error *error);

/* NFC of valid UTF-8, malloc'ed; NULL if out of memory. */
char *tokenizer_nfc(const char *text, size_t bytes, size_t *length);

#endif
