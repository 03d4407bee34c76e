/* Bytes as a dataset: converted in every way, measured and checked. All lines are accounted for, and what is written is
 * read again by the same code, row by row. */
#include "rlsp/data/check.h"
#include "rlsp/data/convert.h"
#include "rlsp/data/stats.h"
#include "tests/fuzz/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char in[100], out[100], held[100];

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

static void listen_to(void *context, bool fault, const char *text)
{
    (void)context;
    (void)fault;
    require(text[0] != '\0' && strchr(text, '\n') == NULL);
}

static uint64_t lines_of(const char *path)
{
    Error       error = {0};
    RecordFile *file  = record_file_open(path, &error);
    require(file != NULL);
    const uint64_t lines = record_file_count(file);
    record_file_close(file);
    return lines;
}

/* What was written is taken again, every line of it. */
static void read_again(const char *path, DataOutput output)
{
    const RunTask    task = {.prompt_key = "problem", .answer_key = "answer"};
    static DataStats stats;
    DataCheck        check;
    Error            error = {0};
    require(data_stats(path, &(DataForms){DATA_AUTO, NULL, NULL, NULL}, NULL, &stats, &error) == STATUS_OK);
    require(stats.bad == 0 && stats.problems == stats.lines);
    data_stats_free(&stats);
    if (output == DATA_PROBLEMS) {
        require(data_check_problems(path, &task, &(DataListener){listen_to, NULL}, &check, &error) == STATUS_OK);
        require(check.faults == 0 && check.unreadable == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (in[0] == '\0') {
        scratch_path(in, "in.jsonl");
        scratch_path(out, "out.jsonl");
        scratch_path(held, "held.jsonl");
    }
    scratch_put(in, "w", data, size);
    const char       *input = in;
    static DataReport report;
    static DataStats  stats;
    for (DataOutput output = DATA_PROBLEMS; output <= DATA_PAIRS; output++) {
        Error       error = {0};
        DataConvert c     = {
                .inputs = &input, .input_count = 1, .out = out, .output = output, .skip_bad = true, .box_answers = true};
        if (size % 3 == 0) {
            c.held_out           = held;
            c.held               = 0.3;
            c.take               = 2;
            c.rules.drop_wrong   = true;
            c.rules.drop_figures = true;
            c.rules.max_chars    = 1000;
            c.rules.shared_words = 3;
            c.keep_duplicates    = size % 2 == 0;
        }
        const Status status = data_convert(&c, &report, &error);
        uint64_t     sum    = report.written + report.held_out;
        for (int i = 0; i < DATA_DROPS; i++) {
            sum += report.dropped[i];
        }
        if (status == STATUS_OK) {
            require(sum == report.lines && lines_of(out) == report.written);
            read_again(out, output);
            if (c.held_out != NULL) {
                require(lines_of(held) == report.held_out);
            }
        } else {
            require(status == STATUS_BAD_INPUT && error.text[0] != '\0' && strchr(error.text, '\n') == NULL);
        }
    }
    Error error = {0};
    require(data_stats(in, &(DataForms){DATA_AUTO, "a.b", "c.0", NULL}, NULL, &stats, &error) == STATUS_OK);
    data_stats_free(&stats);
    return 0;
}
