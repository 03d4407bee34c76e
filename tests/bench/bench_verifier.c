/* What judging a step's responses costs: 512 responses that end in the answers of labelled pairs, each with its whole
 * reward (words, repetition, extraction, verdict), on one thread and on all of them.
 *
 *     bench_verifier tests/data/verifier/pairs.jsonl [BYTES]       BYTES: of a response, 12000
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/parallel.h"
#include "rlsp/math/verify.h"
#include "rlsp/reward/reward.h"
#include "rlsp/task/records.h"

enum { RESPONSES = 512, PAIRS_MAX = 4096, ROUNDS = 5 };

typedef struct Step {
    RewardConfig reward;
    TaskItem     items[RESPONSES];
    char        *responses[RESPONSES];
    RewardParts  parts[RESPONSES];
} Step;

static double seconds(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void judge(void *user, size_t index)
{
    Step             *step    = user;
    const Problem     problem = {.item = &step->items[index]};
    const RewardInput input   = {.response        = step->responses[index],
                                 .length          = strlen(step->responses[index]),
                                 .response_tokens = 4096,
                                 .max_tokens      = 4096};
    reward_compute(&step->reward, &task_jsonl, &problem, &input, &step->parts[index]);
}

/* Reasoning of so many bytes, with a box at its end. */
static char *response_of(size_t bytes, const char *answer)
{
    static const char line[] = "Wait, let me check this again: first, $x + %zu = y$, so we need to find $x^2$. ";
    char             *text   = malloc(bytes + strlen(answer) + 128);
    size_t            length = 0;
    for (size_t i = 0; length < bytes; i++) {
        length += (size_t)sprintf(text + length, line, i);
    }
    sprintf(text + length, "\\boxed{%s}", answer);
    return text;
}

static void one_by_one(char **golds, char **answers, size_t count)
{
    double *times = malloc(count * sizeof *times), sum = 0;
    for (size_t i = 0; i < count; i++) {
        const double start = seconds(CLOCK_THREAD_CPUTIME_ID);
        MathVerdict  verdict;
        math_verify(golds[i], strlen(golds[i]), answers[i], strlen(answers[i]), NULL, &verdict);
        times[i] = seconds(CLOCK_THREAD_CPUTIME_ID) - start;
        sum += times[i];
    }
    qsort(times, count, sizeof *times, compare);
    printf("%zu pairs, us of CPU: mean %.1f, median %.1f, 99%% %.1f, most %.0f\n", count, 1e6 * sum / (double)count,
           1e6 * times[count / 2], 1e6 * times[count * 99 / 100], 1e6 * times[count - 1]);
    free(times);
}

int main(int argc, char **argv)
{
    const size_t bytes  = argc > 2 ? (size_t)atol(argv[2]) : 12000;
    Error        error  = {0};
    RecordFile  *file   = argc > 1 ? record_file_open(argv[1], &error) : NULL;
    Record       record = {0};
    static char *golds[PAIRS_MAX], *answers[PAIRS_MAX];
    size_t       count = 0;
    if (file == NULL) {
        fprintf(stderr, "%s\n", argc > 1 ? error.text : "usage: bench_verifier PAIRS.jsonl [BYTES]");
        return 2;
    }
    for (uint64_t i = 0; i < record_file_count(file) && count < PAIRS_MAX; i++) {
        const char *gold, *answer;
        char        number[RECORD_NUMBER_SIZE];
        Error       skipped = {0};
        if (record_read(file, i, &record, &skipped) == STATUS_OK &&
            record_get_text(&record, "gt", JSON_REQUIRED, number, &gold, &skipped) == STATUS_OK &&
            json_get_string(&record.object, "pred", JSON_REQUIRED, &answer, &skipped) == STATUS_OK) {
            golds[count]     = strdup(gold);
            answers[count++] = strdup(answer);
        }
    }
    record_free(&record);
    record_file_close(file);
    one_by_one(golds, answers, count);

    Step *step                    = calloc(1, sizeof *step);
    step->reward                  = reward_config_default();
    step->reward.explore.kind     = EXPLORE_LENGTH;
    step->reward.repetition_ngram = 6;
    for (size_t i = 0; i < RESPONSES; i++) {
        const size_t pair  = i * 997 % count;
        step->items[i]     = (TaskItem){.problem = "", .answer = golds[pair], .answer_length = strlen(golds[pair])};
        step->responses[i] = response_of(bytes, answers[pair]);
    }
    const unsigned threads[] = {1, parallel_threads()};
    for (int t = 0; t < 2; t++) {
        double wall = 1e9, cpu = 1e9;
        for (int round = 0; round < ROUNDS; round++) {
            const double begin = seconds(CLOCK_MONOTONIC), used = seconds(CLOCK_PROCESS_CPUTIME_ID);
            parallel_for(RESPONSES, 1, threads[t], judge, step);
            const double took = seconds(CLOCK_MONOTONIC) - begin, spent = seconds(CLOCK_PROCESS_CPUTIME_ID) - used;
            wall = took < wall ? took : wall;
            cpu  = spent < cpu ? spent : cpu;
        }
        printf("%d responses of %zu bytes, whole reward, %u threads: %.1f ms, %.1f ms of CPU\n", RESPONSES, bytes,
               threads[t], 1e3 * wall, 1e3 * cpu);
    }
    for (size_t i = 0; i < RESPONSES; i++) {
        free(step->responses[i]);
    }
    free(step);
    for (size_t i = 0; i < count; i++) {
        free(golds[i]);
        free(answers[i]);
    }
    return 0;
}
