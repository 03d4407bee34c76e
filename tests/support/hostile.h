/* What a model must not be able to do to a screen, as texts and as a run whose every text is of that kind.
 *
 *     HostileText texts[HOSTILE_TEXTS];
 *     int         count     = hostile_texts(texts);
 *     const char *directory = hostile_run("name", texts, count);      // free
 *     hostile_free(texts, count);
 */
#ifndef TESTS_SUPPORT_HOSTILE_H
#define TESTS_SUPPORT_HOSTILE_H

#include <stddef.h>

enum { HOSTILE_PIECES = 21, HOSTILE_TEXTS = 32, HOSTILE_LONG = 100000 };

/* Escape sequences, control bytes, broken UTF-8, overrides of direction, characters of no and of two columns. */
extern const char *const hostile_pieces[HOSTILE_PIECES];

typedef struct HostileText {
    char  *bytes;
    size_t length; /* without the NUL behind it */
} HostileText;

/* The pieces, all bytes there are, and lines of HOSTILE_LONG bytes of one piece each; returns how many (the pieces come
 * first). */
int  hostile_texts(HostileText texts[HOSTILE_TEXTS]);
void hostile_free(HostileText *texts, int count);

/* A run directory with a trace of each text, in that order, and after them traces that no writer of ours would have
 * written; metrics, names and log lines are pieces. Its path, to be freed. */
char *hostile_run(const char *name, const HostileText *texts, int count);

#endif
