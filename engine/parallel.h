/* Work on many things at once, on several threads.
 *
 *     static void judge(void *user, size_t index) { … }
 *     parallel_for(count, 8, parallel_threads(), judge, &user);
 *
 * Threads take the next `take` things as they get through theirs: some may take a hundred times as long as others.
 */
#ifndef ENGINE_PARALLEL_H
#define ENGINE_PARALLEL_H

#include <stddef.h>

enum { PARALLEL_THREADS_MAX = 64 };

/* How many threads run at once here: the processors that this process may use, at most PARALLEL_THREADS_MAX. */
unsigned parallel_threads(void);

/* Calls work(user, i) once for every i < count, and returns when all calls have. `threads` 0 or 1: on the caller's.
 * Where no thread can be had the caller does the work. */
void parallel_for(size_t count, size_t take, unsigned threads, void (*work)(void *user, size_t index), void *user);

#endif
