/* Which of llama.cpp's pre-tokenizers a tokenizer has. */
#include <string.h>

#include "engine/text/tokenizer_gguf.h"
#include "engine/text/tokenizer_parts.h"

#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
#define WORDS        "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
#define REST         "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define GPT2         "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

enum { MOST_PATTERNS = 2 };

/* The regexes, each applied to what the one before has cut; `ignore_merges`: whether llama.cpp leaves a piece that is a
 * token whole; `no_apostrophe`: the same patterns but for what begins with an apostrophe. */
static const struct {
    const char *name, *patterns[MOST_PATTERNS];
    bool        ignore_merges, no_apostrophe;
} known[] = {
    {"llama-bpe", {CONTRACTIONS WORDS "\\p{N}{1,3}" REST}, true, false},
    {"dbrx", {CONTRACTIONS WORDS "\\p{N}{1,3}" REST}, false, false},
    {"llama-bpe", {WORDS "\\p{N}{1,3}" REST}, true, true},
    {"qwen2", {CONTRACTIONS WORDS "\\p{N}" REST}, false, false},
    {"smollm", {"\\p{N}", GPT2}, false, false},
    {"gpt-2", {GPT2}, false, false},
};

/* The step that cuts number `index`, NULL: there is none. */
static const PretokenizerStep *cutting_step(const Tokenizer *tokenizer, size_t index)
{
    for (size_t i = 0; i < tokenizer->pretokenizer.count; i++) {
        const PretokenizerStep *step = &tokenizer->pretokenizer.steps[i];
        if (step->regex != NULL && index-- == 0) {
            return step;
        }
    }
    return NULL;
}

static bool has_patterns(const Tokenizer *tokenizer, const char *const *patterns)
{
    for (size_t i = 0; i <= MOST_PATTERNS; i++) {
        const PretokenizerStep *step   = cutting_step(tokenizer, i);
        const char             *wanted = i < MOST_PATTERNS ? patterns[i] : NULL;
        if ((step == NULL) != (wanted == NULL)) {
            return false;
        }
        if (step != NULL &&
            (step->literal || !step->keep_matches || !step->keep_gaps || strcmp(step->pattern, wanted) != 0)) {
            return false;
        }
    }
    return true;
}

/* Whether some token of the model's holds an apostrophe; a text with one cannot be told in the others. */
static bool knows_apostrophe(const Tokenizer *tokenizer)
{
    for (uint32_t i = 0; i < tokenizer->vocab.size; i++) {
        const VocabToken *token = &tokenizer->vocab.tokens[i];
        if (token->text != NULL && memchr(token->decoded, '\'', token->decoded_bytes) != NULL) {
            return true;
        }
    }
    return false;
}

/* Whether merges make every token of the model's from its bytes: then it is the same whether or not a piece that is a
 * token is left whole. false also if memory is out. */
static bool merges_make_all(const Tokenizer *tokenizer)
{
    enum { LONGEST = 4096 };
    BpeWork work = {0};
    bool    all  = true;
    int32_t ids[LONGEST];
    for (uint32_t i = 0; i < tokenizer->vocab.size && all; i++) {
        const VocabToken *token = &tokenizer->vocab.tokens[i];
        if (token->text == NULL || token->added || token->special) {
            continue;
        }
        all = token->decoded_bytes <= LONGEST;
        for (uint32_t b = 0; b < token->decoded_bytes && all; b++) {
            ids[b] = tokenizer->byte_ids[(unsigned char)token->decoded[b]];
            all    = ids[b] >= 0;
        }
        all = all && bpe_merge(&tokenizer->merges, &work, ids, token->decoded_bytes) == 1 && ids[0] == (int32_t)i;
    }
    bpe_work_free(&work);
    return all;
}

const char *tokenizer_gguf_pre(const Tokenizer *tokenizer, Error *error)
{
    const char *near = NULL;
    for (size_t i = 0; i < tokenizer->pretokenizer.count; i++) {
        if (tokenizer->pretokenizer.steps[i].prefix_space) {
            error_set(error, STATUS_BAD_INPUT, "%s: llama.cpp has no add_prefix_space for byte-level BPE",
                      tokenizer->name);
            return NULL;
        }
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!has_patterns(tokenizer, known[i].patterns) || (known[i].no_apostrophe && knows_apostrophe(tokenizer))) {
            continue;
        }
        if (known[i].ignore_merges == tokenizer->ignore_merges) {
            return known[i].name;
        }
        near = known[i].name;
    }
    if (near != NULL && merges_make_all(tokenizer)) {
        return near;
    }
    const PretokenizerStep *first = cutting_step(tokenizer, 0);
    error_set(error, STATUS_BAD_INPUT, "%s: llama.cpp has no pre-tokenizer that cuts as this one does (%.160s%s)",
              tokenizer->name, first != NULL ? first->pattern : "no pattern",
              near != NULL ? "; with another ignore_merges" : "");
    return NULL;
}
