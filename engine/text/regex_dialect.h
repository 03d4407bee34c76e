/* Oniguruma's regular expressions, in Ruby's dialect as tokenizer.json files have them, for PCRE2.
 *
 *     if (regex_dialect_check(pattern) == NULL) {
 *         char *spelled = regex_dialect_spell(pattern, false);   // compile it with PCRE2_UTF | PCRE2_UCP |
 * PCRE2_MULTILINE free(spelled);
 *     }
 */
#ifndef ENGINE_TEXT_REGEX_DIALECT_H
#define ENGINE_TEXT_REGEX_DIALECT_H

#include <stdbool.h>

/* What the two read differently is not taken on trust: NULL, or the name of a thing in the pattern that means
 * something else to PCRE2, or to some of its versions. */
const char *regex_dialect_check(const char *pattern);

/* Copies a pattern with \s, \S, \w and \W spelled out; with `newer` \p{L} and \p{N} too, as Unicode 16 has them.
 * malloc'ed, NULL if out of memory. */
char *regex_dialect_spell(const char *pattern, bool newer);

#endif
