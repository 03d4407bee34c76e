/* How fast a tokenizer loads and encodes, to stand beside tests/bench/tokenizers_peer.py.
 *
 *     bench_tokenizer DIR TEXT [SECONDS]
 *
 * Encodes the text, cut into documents of whole lines of about 4 KiB, again and again, and prints one line
 * of JSON with the peer's keys: time to load, MB per second of CPU time, and what shows that both found the
 * same ids. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/io/file.h"
#include "engine/text/tokenizer.h"

enum { RUNS = 1000, DOCUMENT_BYTES = 4096 };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The end of the document that begins at `at`. */
static size_t document_end(const char *text, size_t bytes, size_t at)
{
    size_t end = at + DOCUMENT_BYTES - 1;
    while (end < bytes && text[end] != '\n') {
        end++;
    }
    return end < bytes ? end + 1 : bytes;
}

/* Encodes all documents once; false with *error set. */
static bool encode(const Tokenizer *tokenizer, const char *text, size_t bytes, size_t *total, int64_t *sum,
                   Error *error)
{
    *total = 0;
    *sum   = 0;
    for (size_t at = 0, end; at < bytes; at = end) {
        int32_t *ids;
        size_t   count;
        end = document_end(text, bytes, at);
        if (tokenizer_encode(tokenizer, text + at, end - at, false, &ids, &count, error) != STATUS_OK) {
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            *sum += ids[i];
        }
        *total += count;
        free(ids);
    }
    return true;
}

/* Encodes for `seconds`; false with *error set. */
static bool measure(const Tokenizer *tokenizer, const char *text, size_t bytes, double seconds, double load,
                    Error *error)
{
    static double times[RUNS];
    double        end = now() + seconds;
    int64_t       sum;
    size_t        count;
    int           runs = 0;
    do {
        double start = now();
        if (!encode(tokenizer, text, bytes, &count, &sum, error)) {
            return false;
        }
        times[runs++] = now() - start;
    } while (now() < end && runs < RUNS);
    qsort(times, (size_t)runs, sizeof *times, by_size);
    printf("{\"load_seconds\": %.3f, \"ids\": %zu, \"id_sum\": %lld, \"best_mb_per_second\": %.2f, \"mb_per_second\": "
           "%.2f}\n",
           load, count, (long long)sum, (double)bytes / times[0] / 1e6, (double)bytes / times[runs / 2] / 1e6);
    return true;
}

int main(int argc, char **argv)
{
    Error  error = {0};
    char  *text  = NULL;
    size_t bytes = 0;
    if (argc < 3) {
        fprintf(stderr, "usage: bench_tokenizer DIR TEXT [SECONDS]\n");
        return 2;
    }
    double     start     = now();
    Tokenizer *tokenizer = tokenizer_open(argv[1], &error);
    double     load      = now() - start;
    bool       done = tokenizer != NULL && file_read(argv[2], (size_t)1 << 30, &text, &bytes, &error) == STATUS_OK &&
                measure(tokenizer, text, bytes, argc > 3 ? strtod(argv[3], NULL) : 5, load, &error);
    if (!done) {
        fprintf(stderr, "bench_tokenizer: %s\n", error.text);
    }
    free(text);
    tokenizer_free(tokenizer);
    return done ? 0 : 1;
}
