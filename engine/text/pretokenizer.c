#include "engine/text/pretokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "engine/text/regex_dialect.h"

/* ByteLevel's own regex (GPT-2). */
static const char gpt2_regex[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/* --- compiling */

/* Whether PCRE2's Unicode is older than 16. */
static bool old_unicode(void)
{
    char version[64] = "";
    return pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, NULL) < (int)sizeof version &&
           pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, version) > 0 && atoi(version) < 16;
}

static Status add_step(Pretokenizer *pre, PretokenizerStep step, const char *where, Error *error)
{
    if (pre->count == PRETOKENIZER_MAX_STEPS) {
        pcre2_code_free(step.regex);
        pcre2_code_free(step.newer_regex);
        free(step.pattern);
        return error_set(error, STATUS_BAD_INPUT, "%s: more than %d pre-tokenizers", where, PRETOKENIZER_MAX_STEPS);
    }
    pre->steps[pre->count++] = step;
    return STATUS_OK;
}

/* NULL with *error set. */
static pcre2_code *compile(const char *pattern, bool literal, bool newer, const char *where, Error *error)
{
    const char *other = literal ? NULL : regex_dialect_check(pattern);
    if (other != NULL) {
        error_set(error, STATUS_BAD_INPUT, "%s: %s is not supported in a regex (\"%.120s\")", where, other, pattern);
        return NULL;
    }
    char *copy = literal ? NULL : regex_dialect_spell(pattern, newer);
    if (!literal && copy == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while reading %s", where);
        return NULL;
    }
    int        number;
    PCRE2_SIZE at;
    uint32_t   options = PCRE2_UTF | (literal ? PCRE2_LITERAL : PCRE2_UCP | PCRE2_MULTILINE); /* ^ and $ are of lines */
    pcre2_code *regex =
        pcre2_compile((PCRE2_SPTR)(literal ? pattern : copy), PCRE2_ZERO_TERMINATED, options, &number, &at, NULL);
    free(copy);
    if (regex == NULL) {
        PCRE2_UCHAR reason[160];
        pcre2_get_error_message(number, reason, sizeof reason);
        error_set(error, STATUS_BAD_INPUT, "%s: the regex does not compile: %s (\"%.120s\")", where,
                  (const char *)reason, pattern);
        return NULL;
    }
    pcre2_jit_compile(regex, PCRE2_JIT_COMPLETE); /* where there is no JIT the interpreter matches */
    return regex;
}

Status pretokenizer_add_split(Pretokenizer *pre, const char *pattern, bool literal, bool keep_matches, bool keep_gaps,
                              const char *where, Error *error)
{
    PretokenizerStep step    = {.literal = literal, .keep_matches = keep_matches, .keep_gaps = keep_gaps};
    bool             classes = !literal && (strstr(pattern, "\\p{L}") != NULL || strstr(pattern, "\\p{N}") != NULL ||
                                strstr(pattern, "\\w") != NULL || strstr(pattern, "\\W") != NULL);
    step.regex               = compile(pattern, literal, false, where, error);
    step.newer_regex =
        step.regex != NULL && classes && old_unicode() ? compile(pattern, false, true, where, error) : NULL;
    if (step.regex == NULL || (classes && old_unicode() && step.newer_regex == NULL)) {
        pcre2_code_free(step.regex);
        return error != NULL && error->status != STATUS_OK ? error->status : STATUS_BAD_INPUT;
    }
    if ((step.pattern = malloc(strlen(pattern) + 1)) == NULL) {
        pcre2_code_free(step.regex);
        pcre2_code_free(step.newer_regex);
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while reading %s", where);
    }
    strcpy(step.pattern, pattern);
    return add_step(pre, step, where, error);
}

Status pretokenizer_add_byte_level(Pretokenizer *pre, bool prefix_space, bool use_regex, const char *where,
                                   Error *error)
{
    if (!use_regex) {
        return add_step(pre, (PretokenizerStep){.prefix_space = prefix_space}, where, error);
    }
    Status status = pretokenizer_add_split(pre, gpt2_regex, false, true, true, where, error);
    if (status == STATUS_OK) {
        pre->steps[pre->count - 1].prefix_space = prefix_space;
    }
    return status;
}

void pretokenizer_free(Pretokenizer *pre)
{
    for (size_t i = 0; i < pre->count; i++) {
        pcre2_code_free(pre->steps[i].regex);
        pcre2_code_free(pre->steps[i].newer_regex);
        free(pre->steps[i].pattern);
    }
    *pre = (Pretokenizer){0};
}

/* --- running */

typedef struct Run {
    const Pretokenizer *pre;
    PretokenizerPiece  *piece;
    void               *context;
    pcre2_match_data   *match[PRETOKENIZER_MAX_STEPS];
    bool                newer; /* the text holds characters that newer_regex is for */
    Error              *error;
} Run;

static Status run_step(Run *run, size_t number, const char *text, size_t bytes);

/* The next match from `at` on; *found is false if there is none. */
static Status next_match(Run *run, size_t number, const char *text, size_t bytes, size_t at, size_t *begin, size_t *end,
                         bool *found)
{
    const PretokenizerStep *step  = &run->pre->steps[number];
    const pcre2_code       *regex = run->newer && step->newer_regex != NULL ? step->newer_regex : step->regex;
    pcre2_match_data       *data  = run->match[number];
    /* The text was checked once; checking it again at every match would be quadratic. */
    int result = pcre2_match(regex, (PCRE2_SPTR)text, bytes, at, PCRE2_NO_UTF_CHECK, data, NULL);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT) {
        result = pcre2_match(regex, (PCRE2_SPTR)text, bytes, at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data, NULL);
    }
    *found = result > 0;
    if (result > 0) {
        *begin = pcre2_get_ovector_pointer(data)[0];
        *end   = pcre2_get_ovector_pointer(data)[1];
    } else if (result != PCRE2_ERROR_NOMATCH) {
        PCRE2_UCHAR reason[160];
        pcre2_get_error_message(result, reason, sizeof reason);
        return error_set(run->error, STATUS_BAD_INPUT, "the tokenizer's regex gave up on this text: %s",
                         (const char *)reason);
    }
    return STATUS_OK;
}

static Status cut(Run *run, size_t number, const char *text, size_t bytes)
{
    const PretokenizerStep *step   = &run->pre->steps[number];
    size_t                  done   = 0; /* the end of the last match */
    size_t                  at     = 0;
    Status                  status = STATUS_OK;
    while (at <= bytes && status == STATUS_OK) {
        size_t begin, end;
        bool   found;
        status = next_match(run, number, text, bytes, at, &begin, &end, &found);
        if (status != STATUS_OK || !found || end < begin) { /* \K in a lookahead can end before it begins */
            break;
        }
        if (step->keep_gaps && begin > done) {
            status = run_step(run, number + 1, text + done, begin - done);
        }
        if (step->keep_matches && status == STATUS_OK) {
            status = run_step(run, number + 1, text + begin, end - begin);
        }
        done = end;
        at   = end;
        if (begin == end) { /* an empty match: look on behind the next character */
            at++;
            while (at < bytes && ((unsigned char)text[at] & 0xC0) == 0x80) {
                at++;
            }
        }
    }
    return status == STATUS_OK && step->keep_gaps ? run_step(run, number + 1, text + done, bytes - done) : status;
}

static Status run_step(Run *run, size_t number, const char *text, size_t bytes)
{
    if (bytes == 0) {
        return STATUS_OK;
    }
    if (number == run->pre->count) {
        return run->piece(run->context, text, bytes, run->error);
    }
    const PretokenizerStep *step   = &run->pre->steps[number];
    char                   *copy   = NULL;
    Status                  status = STATUS_OK;
    if (step->prefix_space && text[0] != ' ') {
        if ((copy = malloc(bytes + 1)) == NULL) {
            return error_set(run->error, STATUS_OUT_OF_MEMORY, "out of memory while tokenizing %zu bytes", bytes);
        }
        copy[0] = ' ';
        memcpy(copy + 1, text, bytes);
        text = copy;
        bytes++;
    }
    status = step->regex == NULL ? run_step(run, number + 1, text, bytes) : cut(run, number, text, bytes);
    free(copy);
    return status;
}

/* Whether text may hold any of NEWER_LETTERS or NEWER_NUMBERS, told by the first bytes of characters. The other regex
 * is right for every text, but takes an eighth longer. */
static bool may_be_newer(const char *text, size_t bytes)
{
    for (size_t i = 0; i + 2 < bytes; i++) {
        const unsigned char a = (unsigned char)text[i], b = (unsigned char)text[i + 1];
        if (a >= 0xE1 && ((a == 0xF0 && b != 0x9F) || (a == 0xE1 && b == 0xB2) || (a == 0xEA && b == 0x9F))) {
            return true;
        }
    }
    return false;
}

Status pretokenizer_run(const Pretokenizer *pre, const char *text, size_t bytes, PretokenizerPiece *piece,
                        void *context, Error *error)
{
    Run    run = {.pre = pre, .piece = piece, .context = context, .newer = may_be_newer(text, bytes), .error = error};
    Status status = STATUS_OK;
    for (size_t i = 0; i < pre->count && status == STATUS_OK; i++) {
        if (pre->steps[i].regex != NULL) {
            run.match[i] = pcre2_match_data_create_from_pattern(pre->steps[i].regex, NULL);
            if (run.match[i] == NULL) {
                status = error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while tokenizing");
            }
        }
    }
    if (status == STATUS_OK) {
        status = run_step(&run, 0, text, bytes);
    }
    for (size_t i = 0; i < pre->count; i++) {
        pcre2_match_data_free(run.match[i]);
    }
    return status;
}
