#include "engine/text/pretokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ByteLevel's own regex (GPT-2). */
static const char gpt2_regex[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/* Oniguruma's \s is Unicode's White_Space. PCRE2's has U+180E as well, so that \s is spelled out for it. */
#define WHITE_SPACE                                                                                                    \
    "\\x09-\\x0d\\x20\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"

/* Letters and numbers that Unicode 15, 15.1 and 16 added, which Oniguruma 6.9.10 knows; PCRE2 before 10.45 does not. */
#define NEWER_LETTERS                                                                                                  \
    "\\x{1c89}\\x{1c8a}\\x{a7cb}-\\x{a7cd}\\x{a7da}-\\x{a7dc}\\x{105c0}-\\x{105f3}\\x{10d4a}-\\x{10d65}\\x{10d6f}-"    \
    "\\x{10d85}\\x{10ec2}-\\x{10ec4}\\x{1123f}\\x{11240}\\x{11380}-\\x{11389}\\x{1138b}\\x{1138e}\\x{11390}-\\x{"      \
    "113b5}"                                                                                                           \
    "\\x{113b7}\\x{113d1}\\x{113d3}\\x{11bc0}-\\x{11be0}\\x{11f02}\\x{11f04}-\\x{11f10}\\x{11f12}-\\x{11f33}\\x{"      \
    "1342f}"                                                                                                           \
    "\\x{13441}-\\x{13446}\\x{13460}-\\x{143fa}\\x{16100}-\\x{1611d}\\x{16d40}-\\x{16d6c}\\x{18cff}\\x{1b132}\\x{"     \
    "1b155}"                                                                                                           \
    "\\x{1df25}-\\x{1df2a}\\x{1e030}-\\x{1e06d}\\x{1e4d0}-\\x{1e4eb}\\x{1e5d0}-\\x{1e5ed}\\x{1e5f0}\\x{2b739}\\x{"     \
    "2ebf0}-"                                                                                                          \
    "\\x{2ee5d}\\x{31350}-\\x{323af}"
#define NEWER_NUMBERS                                                                                                  \
    "\\x{10d40}-\\x{10d49}\\x{116d0}-\\x{116e3}\\x{11bf0}-\\x{11bf9}\\x{11f50}-\\x{11f59}\\x{16130}-\\x{16139}"        \
    "\\x{16d70}-\\x{16d79}\\x{1ccf0}-\\x{1ccf9}\\x{1d2c0}-\\x{1d2d3}\\x{1e4f0}-\\x{1e4f9}\\x{1e5f1}-\\x{1e5fa}"

/* --- compiling */

/* Whether PCRE2's Unicode is older than 16. */
static bool old_unicode(void)
{
    char version[64] = "";
    return pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, NULL) < (int)sizeof version &&
           pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, version) > 0 && atoi(version) < 16;
}

/* If \p{L} or \p{N} stands at `in`, writes it with what is newer and returns how many characters it took; else 0. */
static size_t spell_out_letters(const char *in, bool class, char **out)
{
    const bool letters = strncmp(in, "\\p{L}", 5) == 0, numbers = strncmp(in, "\\p{N}", 5) == 0;
    if (!letters && !numbers) {
        return 0;
    }
    *out +=
        sprintf(*out, "%s%.5s%s%s", class ? "" : "[", in, letters ? NEWER_LETTERS : NEWER_NUMBERS, class ? "" : "]");
    return 5;
}

/* Copies a pattern with \s and \S spelled out, and with `newer` \p{L} and \p{N} too; malloc'ed, NULL if out of
 * memory. */
static char *spell_out_classes(const char *pattern, bool newer)
{
    const size_t longest = sizeof "[^\\p{L}" NEWER_LETTERS "]"; /* of what two characters or more stand for */
    char        *copy    = malloc(strlen(pattern) * longest / 2 + longest);
    char        *out     = copy;
    bool class           = false; /* inside [ ] */
    for (const char *in = pattern; *in != '\0' && copy != NULL; in++) {
        const size_t taken = newer ? spell_out_letters(in, class, &out) : 0;
        if (taken > 0) {
            in += taken - 1;
            continue;
        }
        if (*in == '\\' && in[1] != '\0') {
            in++;
            if (*in == 's' && class) {
                out += sprintf(out, "%s", WHITE_SPACE);
            } else if (*in == 's' || (*in == 'S' && !class)) {
                out += sprintf(out, "[%s%s]", *in == 'S' ? "^" : "", WHITE_SPACE);
            } else {
                *out++ = '\\';
                *out++ = *in;
            }
            continue;
        }
        *out++ = *in;
        if (!class && *in == '[') {
            class = true;
            if (in[1] == '^') {
                *out++ = *++in;
            }
            if (in[1] == ']') { /* the first ] is a character of the class */
                *out++ = *++in;
            }
        } else if (class && *in == '[' && in[1] == ':') { /* [:alpha:] */
            *out++ = *++in;
            while (in[1] != '\0' && in[1] != ']') {
                *out++ = *++in;
            }
            if (in[1] == ']') {
                *out++ = *++in;
            }
        } else if (class && *in == ']') {
            class = false;
        }
    }
    if (copy != NULL) {
        *out = '\0';
    }
    return copy;
}

static Status add_step(Pretokenizer *pre, PretokenizerStep step, const char *where, Error *error)
{
    if (pre->count == PRETOKENIZER_MAX_STEPS) {
        pcre2_code_free(step.regex);
        pcre2_code_free(step.newer_regex);
        return error_set(error, STATUS_BAD_INPUT, "%s: more than %d pre-tokenizers", where, PRETOKENIZER_MAX_STEPS);
    }
    pre->steps[pre->count++] = step;
    return STATUS_OK;
}

/* NULL with *error set. */
static pcre2_code *compile(const char *pattern, bool literal, bool newer, const char *where, Error *error)
{
    char *copy = literal ? NULL : spell_out_classes(pattern, newer);
    if (!literal && copy == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while reading %s", where);
        return NULL;
    }
    int         number;
    PCRE2_SIZE  at;
    uint32_t    options = PCRE2_UTF | (literal ? PCRE2_LITERAL : PCRE2_UCP);
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
    PretokenizerStep step    = {.keep_matches = keep_matches, .keep_gaps = keep_gaps};
    bool             classes = !literal && (strstr(pattern, "\\p{L}") != NULL || strstr(pattern, "\\p{N}") != NULL);
    step.regex               = compile(pattern, literal, false, where, error);
    step.newer_regex =
        step.regex != NULL && classes && old_unicode() ? compile(pattern, false, true, where, error) : NULL;
    if (step.regex == NULL || (classes && old_unicode() && step.newer_regex == NULL)) {
        pcre2_code_free(step.regex);
        return error != NULL && error->status != STATUS_OK ? error->status : STATUS_BAD_INPUT;
    }
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
