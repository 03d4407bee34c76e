/* Byte-level BPE from tokenizer.json, token for token as Hugging Face tokenizers.
 *
 *     Tokenizer *tokenizer = tokenizer_open("model_dir", &error);
 *     int32_t   *ids;
 *     size_t     count;
 *     if (tokenizer_encode(tokenizer, text, bytes, true, &ids, &count, &error) != STATUS_OK) …
 *     free(ids);
 *     tokenizer_free(tokenizer);
 *
 * The way of a text: added tokens are cut out; the rest is normalised (NFC), cut
 * into pieces by the pre-tokenizers (regex, digits, ByteLevel), each piece turned
 * into tokens by merges; the post-processor's template adds <bos>. Parts of a
 * tokenizer.json that would change the result and are not supported are errors.
 * A Tokenizer is never changed after it is opened: threads may share it.
 */
#ifndef ENGINE_TEXT_TOKENIZER_H
#define ENGINE_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/error.h"

typedef struct Tokenizer Tokenizer;

/* Opens DIR/tokenizer.json, or the file itself. NULL with *error set. */
Tokenizer *tokenizer_open(const char *path, Error *error);

/* Reads the text of a tokenizer.json; errors call it `name`. */
Tokenizer *tokenizer_parse(const char *text, size_t bytes, const char *name, Error *error);

void tokenizer_free(Tokenizer *tokenizer); /* NULL is allowed */

/* Turns `bytes` bytes of UTF-8 (NUL bytes included) into ids; `add_special` asks for
 * the template's tokens (<bos>). Special tokens in the text are recognised either
 * way. *ids is malloc'ed. STATUS_BAD_INPUT: the text is not UTF-8, or holds a byte
 * that has no token. */
Status tokenizer_encode(const Tokenizer *tokenizer, const char *text, size_t bytes, bool add_special, int32_t **ids,
                        size_t *count, Error *error);

/* Turns ids into text, malloc'ed, with a NUL after its `bytes` bytes. Bytes that are
 * not UTF-8 become U+FFFD. An id without a token (a model's vocabulary is often
 * larger than its tokenizer's) gives no text. */
Status tokenizer_decode(const Tokenizer *tokenizer, const int32_t *ids, size_t count, bool skip_special, char **text,
                        size_t *bytes, Error *error);

/* The bytes that one token stands for, which need not be whole characters; NULL if
 * the id has no token. For streaming: append them and show what is whole. */
const char *tokenizer_token_bytes(const Tokenizer *tokenizer, int32_t id, size_t *bytes);

bool    tokenizer_is_special(const Tokenizer *tokenizer, int32_t id);
int32_t tokenizer_token_id(const Tokenizer *tokenizer, const char *token); /* "<eos>"; -1: none */

/* The largest id plus one: the smallest vocab_size that a model may have. */
uint32_t tokenizer_vocab_size(const Tokenizer *tokenizer);

/* A small tokenizer in which every piece of text is one token: ignore_merges, no merges. */
typedef struct TokenizerSpec {
    const char *const *pieces; /* token `i` is pieces[i]; the first `specials` are special */
    size_t             count;
    size_t             specials;
    const char        *split_regex;     /* NULL: Llama 3's                                          */
    const char        *bos, *eos, *pad; /* special tokens; bos begins every text (NULL: none)     */
    uint32_t           max_length;      /* model_max_length, tokens                                 */
} TokenizerSpec;

/* Writes tokenizer.json and tokenizer_config.json into a directory, loadable here
 * and by transformers' PreTrainedTokenizerFast. */
Status tokenizer_build(const char *directory, const TokenizerSpec *spec, Error *error);

#endif
