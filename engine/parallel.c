#include "engine/parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

typedef struct Queue {
    void (*work)(void *user, size_t index);
    void         *user;
    size_t        count, take;
    atomic_size_t next;
} Queue;

static void *run(void *argument)
{
    Queue *queue = argument;
    for (;;) {
        const size_t begin = atomic_fetch_add(&queue->next, queue->take);
        if (begin >= queue->count) {
            return NULL;
        }
        for (size_t i = begin; i < begin + queue->take && i < queue->count; i++) {
            queue->work(queue->user, i);
        }
    }
}

unsigned parallel_threads(void)
{
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online < 1 ? 1 : online > PARALLEL_THREADS_MAX ? PARALLEL_THREADS_MAX : (unsigned)online;
}

void parallel_for(size_t count, size_t take, unsigned threads, void (*work)(void *user, size_t index), void *user)
{
    Queue          queue = {.work = work, .user = user, .count = count, .take = take > 0 ? take : 1};
    pthread_t      thread[PARALLEL_THREADS_MAX];
    const unsigned wanted  = threads > PARALLEL_THREADS_MAX ? PARALLEL_THREADS_MAX : threads;
    unsigned       started = 0;
    atomic_init(&queue.next, 0);
    while (started + 1 < wanted && (started + 1) * queue.take < count &&
           pthread_create(&thread[started], NULL, run, &queue) == 0) {
        started++;
    }
    run(&queue);
    while (started > 0) {
        pthread_join(thread[--started], NULL);
    }
}
