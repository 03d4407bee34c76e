#include "rlsp/math/batch.h"

#include <pthread.h>
#include <stdatomic.h>

/* Threads take the next jobs as they get through theirs: some answers take a hundred times as long as others. */
typedef struct Queue {
    MathJob      *jobs;
    size_t        count;
    atomic_size_t next;
} Queue;

enum { TAKE = 8 };

static void *work(void *argument)
{
    Queue *queue = argument;
    for (;;) {
        size_t begin = atomic_fetch_add(&queue->next, TAKE);
        if (begin >= queue->count) {
            return NULL;
        }
        for (size_t i = begin; i < begin + TAKE && i < queue->count; i++) {
            MathJob *job = &queue->jobs[i];
            math_verify(job->gold, job->gold_length, job->answer, job->length, job->options, &job->verdict);
        }
    }
}

void math_verify_all(MathJob *jobs, size_t count, unsigned threads)
{
    Queue     queue = {.jobs = jobs, .count = count};
    pthread_t thread[MATH_THREADS_MAX];
    unsigned  started = 0, wanted = threads > MATH_THREADS_MAX ? MATH_THREADS_MAX : threads;
    atomic_init(&queue.next, 0);
    while (started + 1 < wanted && (started + 1) * TAKE < count &&
           pthread_create(&thread[started], NULL, work, &queue) == 0) {
        started++;
    }
    work(&queue);
    while (started > 0) {
        pthread_join(thread[--started], NULL);
    }
}
