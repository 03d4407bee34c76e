/* Work is done once for each thing, whatever the number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include "engine/parallel.h"

enum { MOST = 1000 };

typedef struct Counts {
    atomic_int of[MOST + 1];
} Counts;

static void count(void *user, size_t index)
{
    atomic_fetch_add(&((Counts *)user)->of[index < MOST ? index : MOST], 1);
}

static void each_thing_once(void **state)
{
    static const size_t   counts[]  = {0, 1, 2, 7, 64, MOST};
    static const size_t   takes[]   = {0, 1, 3, 64, 5000};
    static const unsigned threads[] = {0, 1, 2, 8, 1000};
    (void)state;
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        for (size_t t = 0; t < sizeof takes / sizeof *takes; t++) {
            for (size_t n = 0; n < sizeof threads / sizeof *threads; n++) {
                Counts done;
                for (size_t i = 0; i <= MOST; i++) {
                    atomic_init(&done.of[i], 0);
                }
                parallel_for(counts[c], takes[t], threads[n], count, &done);
                for (size_t i = 0; i <= MOST; i++) {
                    assert_int_equal(atomic_load(&done.of[i]), i < counts[c]);
                }
            }
        }
    }
}

static void a_queue_does_each_thing_once(void **state)
{
    static const unsigned threads[] = {0, 1, 3, 1000};
    (void)state;
    for (size_t n = 0; n < sizeof threads / sizeof *threads; n++) {
        for (size_t some = 0; some <= MOST; some += MOST / 2) {
            Counts done;
            for (size_t i = 0; i <= MOST; i++) {
                atomic_init(&done.of[i], 0);
            }
            ParallelQueue *queue = parallel_queue_open(MOST, threads[n], count, &done);
            assert_non_null(queue);
            for (size_t i = 0; i < some; i++) {
                parallel_queue_add(queue, (i * 7 + 3) % MOST);
            }
            parallel_queue_close(queue);
            size_t all = 0;
            for (size_t i = 0; i <= MOST; i++) {
                assert_in_range(atomic_load(&done.of[i]), 0, 1);
                all += (size_t)atomic_load(&done.of[i]);
            }
            assert_int_equal(all, some);
        }
    }
    parallel_queue_close(NULL);
}

static void raise_flag(void *user, size_t index)
{
    atomic_store((atomic_size_t *)user, index);
}

/* A thread works while the caller does something else, and not only when the queue is closed. */
static void a_queue_works_by_itself(void **state)
{
    (void)state;
    atomic_size_t flag;
    atomic_init(&flag, 0);
    ParallelQueue *queue = parallel_queue_open(2, 2, raise_flag, &flag);
    for (size_t i = 1; i <= 2; i++) {
        parallel_queue_add(queue, i);
        for (int tries = 0; tries < 10000 && atomic_load(&flag) != i; tries++) {
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
        assert_int_equal(atomic_load(&flag), i);
    }
    parallel_queue_close(queue);
}

static void there_is_a_thread(void **state)
{
    (void)state;
    assert_in_range(parallel_threads(), 1, PARALLEL_THREADS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_thing_once),
        cmocka_unit_test(a_queue_does_each_thing_once),
        cmocka_unit_test(a_queue_works_by_itself),
        cmocka_unit_test(there_is_a_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
