/* Where the system keeps its fonts.
 *
 *     const char *const names[] = {"DejaVuSans.ttf", "Arial.ttf"};
 *     char             *paths[2];
 *     font_find(names, 2, paths);        // NULL where there is none; free each
 */
#ifndef RLSP_TUI_FONT_FIND_H
#define RLSP_TUI_FONT_FIND_H

#include <stddef.h>

/* Looks for files by their names in the user's and the system's font directories and all below them (a bounded number
 * of entries). The same files give the same answer: of several with one name the first directory's, then the first by
 * name, is taken. */
void font_find(const char *const *names, size_t count, char **paths);

#endif
