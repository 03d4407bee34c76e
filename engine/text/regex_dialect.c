#include "engine/text/regex_dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Oniguruma's \w, without the joiners. PCRE2's has no marks before 10.43, and no letters in circles and squares. */
#define WORD_BEHIND_LETTERS                                                                                            \
    "\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}\\x{"      \
    "1f150}-\\x{"                                                                                                      \
    "1f169}\\x{1f170}-\\x{1f189}"

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

/* The same for \w and \W at `in`: 2 characters or none. */
static size_t spell_out_word(const char *in, bool class, bool newer, char **out)
{
    if (in[0] != '\\' || (in[1] != 'w' && in[1] != 'W')) {
        return 0;
    }
    *out += sprintf(*out, "%s%s\\p{L}%s%s%s", class ? "" : "[", in[1] == 'W' ? "^" : "", newer ? NEWER_LETTERS : "",
                    WORD_BEHIND_LETTERS, class ? "" : "]");
    return 2;
}

char *regex_dialect_spell(const char *pattern, bool newer)
{
    const size_t                        longest =
        sizeof "[^\\p{L}" NEWER_LETTERS WORD_BEHIND_LETTERS "]"; /* of what two characters stand for */
    char                               *copy = malloc(strlen(pattern) * longest / 2 + longest);
    char                               *out  = copy;
    bool class                               = false; /* inside [ ] */
    for (const char *in = pattern; *in != '\0' && copy != NULL; in++) {
        size_t taken = newer ? spell_out_letters(in, class, &out) : 0;
        taken        = taken == 0 ? spell_out_word(in, class, newer, &out) : taken;
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
        } else if (class && *in == ']') {
            class = false;
        }
    }
    if (copy != NULL) {
        *out = '\0';
    }
    return copy;
}

/* What "(?" begins: flags other than i, which Ruby and Perl do not share. */
static bool other_flags(const char *in)
{
    const size_t letters = strspn(in, "abcdefghijklmnopqrstuvwxyz-");
    return letters > strspn(in, "i-") && (in[letters] == ':' || in[letters] == ')');
}

/* Whether a repetition {n,m} ends at `in`, the '}', with a + behind it: possessive to Perl, repeated to Ruby. */
static bool repeated_interval(const char *pattern, const char *in)
{
    const char *open = in;
    while (open > pattern && strchr("0123456789,", open[-1]) != NULL) {
        open--;
    }
    return in[1] == '+' && open < in && open > pattern && open[-1] == '{';
}

const char *regex_dialect_check(const char *pattern)
{
    static const char escapes[] = "bBhHRXNOyYQEgkCGKu",
                      *names[]  = {"\\b", "\\B", "\\h", "\\H", "\\R", "\\X", "\\N", "\\O", "\\y",
                                   "\\Y", "\\Q", "\\E", "\\g", "\\k", "\\C", "\\G", "\\K", "\\u"};
    bool class                  = false;
    for (const char *in = pattern; *in != '\0'; in++) {
        if (*in == '\\' && in[1] != '\0') {
            const char *found = strchr(escapes, *++in);
            if (found != NULL) {
                return names[found - escapes];
            }
            if (class && *in == 'W') {
                return "\\W in [ ]";
            }
        } else if (class && *in == '[') {
            return "[ ] in [ ]";
        } else if (class && *in == '&' && in[1] == '&') {
            return "&& in [ ]";
        } else if (!class && *in == '[') {
            class = true;
            in += in[1] == '^';
            in += in[1] == ']';
        } else if (class && *in == ']') {
            class = false;
        } else if (!class && *in == '(' && in[1] == '?' && other_flags(in + 2)) {
            return "a flag other than i";
        } else if (!class && *in == '{' && in[1] == ',') {
            return "{,n}";
        } else if (!class && *in == '}' && repeated_interval(pattern, in)) {
            return "{n,m}+";
        }
    }
    return NULL;
}
