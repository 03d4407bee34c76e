/* Work on many things at once, on several threads.
 *
 *     static void judge(void *user, size_t index) { … }
 *     parallel_for(count, 8, parallel_threads(), judge, &user);
 *
 * Threads take the next `take` things as they get through theirs: some may take a hundred times as long as others.
 *
 * And work that comes up bit by bit, while the caller does something else:
 *
 *     ParallelQueue *queue = parallel_queue_open(count, parallel_threads(), judge, &user);
 *     …parallel_queue_add(queue, 7)…        // returns at once; a thread does it
 *     parallel_queue_close(queue);          // when all of it is done
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

typedef struct ParallelQueue ParallelQueue;

/* Threads (at most PARALLEL_THREADS_MAX; none if there are none to be had) that call work(user, index) for every index
 * that is added. They take no signals. NULL: no memory for `capacity` indices. */
ParallelQueue *parallel_queue_open(size_t capacity, unsigned threads, void (*work)(void *user, size_t index),
                                   void *user);

/* At most `capacity` times. Begun in the order of the calls. */
void parallel_queue_add(ParallelQueue *queue, size_t index);

/* Returns when all that was added is done; the caller's thread helps. NULL is allowed. */
void parallel_queue_close(ParallelQueue *queue);

#endif
