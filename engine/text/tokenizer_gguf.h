/* A tokenizer as llama.cpp wants it in a GGUF file.
 *
 *     GgufTokens tokens = {.vocab_size = config->vocab_size, .bos = config->bos_token_id, …};
 *     tokenizer_gguf_add("model_dir", &tokens, gguf, &error);
 *
 * llama.cpp knows byte-level BPE with a fixed set of pre-tokenizers, each under a name. This one is looked up by its
 * patterns, and what llama.cpp would do otherwise (other patterns, tokens that take in spaces, templates of several
 * tokens) is an error that names it: text must become the same tokens there.
 */
#ifndef ENGINE_TEXT_TOKENIZER_GGUF_H
#define ENGINE_TEXT_TOKENIZER_GGUF_H

#include "engine/io/gguf.h"
#include "engine/text/tokenizer.h"

/* What the model's config says; -1: no such token. */
typedef struct GgufTokens {
    uint32_t       vocab_size; /* rows of the embedding: ids without a token are filled up with unused ones */
    int64_t        bos, pad;
    const int64_t *eos; /* [eos_count] each ends a response */
    uint32_t       eos_count;
} GgufTokens;

/* Adds tokenizer.* of DIRECTORY's tokenizer.json, tokenizer_config.json and chat template (copied as it is). */
Status tokenizer_gguf_add(const char *directory, const GgufTokens *tokens, GgufWriter *gguf, Error *error);

/* The name of the tokenizer's pre-tokenizer, llama-bpe, qwen2 …; NULL with *error set if llama.cpp has none that gives
 * the same tokens. */
const char *tokenizer_gguf_pre(const Tokenizer *tokenizer, Error *error);

#endif
