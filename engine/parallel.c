#include "engine/parallel.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
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

/* --- a queue ------------------------------------------------------------------------ */

/* indices[taken, added) wait to be done. */
struct ParallelQueue {
    void (*work)(void *user, size_t index);
    void           *user;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t  changed;
    size_t         *indices; /* [capacity] */
    size_t          capacity, added, taken;
    bool            closed; /* no more will be added */
    pthread_t       thread[PARALLEL_THREADS_MAX];
    unsigned        threads;
};

static void *serve(void *argument)
{
    ParallelQueue *queue = argument;
    pthread_mutex_lock(&queue->lock);
    for (;;) {
        while (queue->taken == queue->added && !queue->closed) {
            pthread_cond_wait(&queue->changed, &queue->lock);
        }
        if (queue->taken == queue->added) {
            break;
        }
        const size_t index = queue->indices[queue->taken++];
        pthread_mutex_unlock(&queue->lock);
        queue->work(queue->user, index);
        pthread_mutex_lock(&queue->lock);
    }
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

ParallelQueue *parallel_queue_open(size_t capacity, unsigned threads, void (*work)(void *user, size_t index),
                                   void *user)
{
    ParallelQueue *queue   = calloc(1, sizeof *queue);
    size_t        *indices = malloc((capacity > 0 ? capacity : 1) * sizeof *indices);
    if (queue == NULL || indices == NULL) {
        free(queue);
        free(indices);
        return NULL;
    }
    queue->work     = work;
    queue->user     = user;
    queue->indices  = indices;
    queue->capacity = capacity;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->changed, NULL);
    sigset_t all, before; /* signals are for the threads that were there before */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (queue->threads < threads && queue->threads < PARALLEL_THREADS_MAX && queue->threads < capacity &&
           pthread_create(&queue->thread[queue->threads], NULL, serve, queue) == 0) {
        queue->threads++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return queue;
}

void parallel_queue_add(ParallelQueue *queue, size_t index)
{
    pthread_mutex_lock(&queue->lock);
    assert(queue->added < queue->capacity && !queue->closed);
    queue->indices[queue->added++] = index;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

void parallel_queue_close(ParallelQueue *queue)
{
    if (queue == NULL) {
        return;
    }
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
    serve(queue);
    while (queue->threads > 0) {
        pthread_join(queue->thread[--queue->threads], NULL);
    }
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
    free(queue->indices);
    free(queue);
}
