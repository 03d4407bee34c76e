#include "rlsp/data/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rlsp/data/reduce.h"
#include "rlsp/math/verify.h"

static void tell(const DataListener *listener, DataCheck *check, bool fault, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void tell(const DataListener *listener, DataCheck *check, bool fault, const char *format, ...)
{
    char    text[RECORD_WHERE_SIZE + 700];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    *(fault ? &check->faults : &check->remarks) += 1;
    listener->tell(listener->context, fault, text);
}

/* Goes through a file; `look` says what is wrong with a record, or takes it. */
typedef Status (*Look)(void *context, const Record *record, const DataListener *listener, DataCheck *check,
                       Error *error);

static Status each_record(const char *path, Look look, void *context, const DataListener *listener, DataCheck *check,
                          Error *error)
{
    RecordFile *file   = record_file_open(path, error);
    Record      record = {0};
    Status      status = file != NULL ? STATUS_OK : error->status;
    *check             = (DataCheck){0};
    for (uint64_t i = 0; status == STATUS_OK && i < record_file_count(file); i++) {
        Error own = {0};
        check->lines++;
        status = record_read(file, i, &record, &own);
        status = status == STATUS_OK ? look(context, &record, listener, check, &own) : status;
        if (status == STATUS_BAD_INPUT) {
            tell(listener, check, true, "%s", own.text);
            status = STATUS_OK;
        } else if (status != STATUS_OK) {
            error_set(error, status, "%s", own.text);
        }
    }
    if (status == STATUS_OK) {
        check->blank = record_file_blank(file);
        if (check->lines == 0) {
            tell(listener, check, true, "%s: no lines", path);
        }
    }
    record_free(&record);
    record_file_close(file);
    return status;
}

/* --- problems */

typedef struct Problems {
    const RunTask *config;
    ReducedSet     seen; /* number: the line */
} Problems;

static Status text_of(const Record *record, const char *key, char number[RECORD_NUMBER_SIZE], const char **text,
                      Error *error)
{
    const Status status = record_get_text(record, key, JSON_REQUIRED, number, text, error);
    if (status == STATUS_OK && strspn(*text, " \t\r\n") == strlen(*text)) {
        return json_fail(&record->object, key, error, "empty");
    }
    return status;
}

static Status look_at_problem(void *context, const Record *record, const DataListener *listener, DataCheck *check,
                              Error *error)
{
    Problems   *problems = context;
    const char *problem, *answer;
    char        number[2][RECORD_NUMBER_SIZE];
    Status      status = text_of(record, problems->config->prompt_key, number[0], &problem, error);
    status = status == STATUS_OK ? text_of(record, problems->config->answer_key, number[1], &answer, error) : status;
    if (status != STATUS_OK) {
        return status;
    }
    const MathGold gold = math_gold(answer, strlen(answer));
    if (gold == MATH_GOLD_NOT_UNDERSTOOD || gold == MATH_GOLD_TOO_MUCH) {
        check->unreadable++;
        tell(listener, check, false,
             "%s: the verifier cannot read the answer \"%.60s\": only the same text will be right", record->where,
             answer);
    }
    const Reduced key = data_reduce(problem, strlen(problem));
    uint64_t     *line;
    switch (data_set_put(&problems->seen, &key, &line)) {
    case REDUCED_NEW: *line = record->line; break;
    case REDUCED_KNOWN:
        check->duplicates++;
        tell(listener, check, false, "%s: the problem of line %" PRIu64 " again", record->where, *line);
        break;
    case REDUCED_NO_MEMORY: return error_set(error, STATUS_OUT_OF_MEMORY, "checking data: out of host memory");
    }
    check->good++;
    return STATUS_OK;
}

Status data_check_problems(const char *path, const RunTask *config, const DataListener *listener, DataCheck *check,
                           Error *error)
{
    Problems     problems = {.config = config};
    const Status status   = each_record(path, look_at_problem, &problems, listener, check, error);
    data_set_free(&problems.seen);
    return status;
}

/* --- SFT */

typedef struct Examples {
    const SftEncoder *encoder;
    SftExample        example;
} Examples;

static Status look_at_example(void *context, const Record *record, const DataListener *listener, DataCheck *check,
                              Error *error)
{
    static const char *const whys[]   = {[SFT_FITS]      = "",
                                         [SFT_TOO_SHORT] = "fewer than two tokens",
                                         [SFT_TOO_LONG]  = "longer than sft.max_length",
                                         [SFT_NO_TARGET] = "no token to learn"};
    Examples                *examples = context;
    SftExample              *example  = &examples->example;
    const Status             status   = sft_encode(examples->encoder, record, example, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (example->fit != SFT_FITS) {
        check->left_out++;
        tell(listener, check, false, "%s: will be left out: %s (%u tokens)", record->where, whys[example->fit],
             example->count);
        return STATUS_OK;
    }
    check->good++;
    check->cut += example->cut;
    check->tokens += example->count;
    check->targets += example->targets;
    check->longest = example->count > check->longest ? example->count : check->longest;
    return STATUS_OK;
}

Status data_check_sft(const char *path, const SftEncoder *encoder, const DataListener *listener, DataCheck *check,
                      Error *error)
{
    Examples     examples = {.encoder = encoder};
    const Status status   = each_record(path, look_at_example, &examples, listener, check, error);
    sft_example_free(&examples.example);
    return status;
}
