#include "rlsp/math/batch.h"

#include "engine/parallel.h"

enum { TAKE = 8 };

static void work(void *user, size_t index)
{
    MathJob *job = (MathJob *)user + index;
    math_verify(job->gold, job->gold_length, job->answer, job->length, job->options, &job->verdict);
}

void math_verify_all(MathJob *jobs, size_t count, unsigned threads)
{
    parallel_for(count, TAKE, threads, work, jobs);
}
