#include "rlsp/data/filter.h"

#include <stdlib.h>
#include <string.h>

#include "rlsp/math/verify.h"

const char *const data_drop_names[DATA_DROPS] = {[DROP_BAD_LINE]      = "bad_line",
                                                 [DROP_NO_PROBLEM]    = "no_problem",
                                                 [DROP_SEVERAL_TURNS] = "several_turns",
                                                 [DROP_NO_ANSWER]     = "no_answer",
                                                 [DROP_UNREADABLE]    = "unreadable_answer",
                                                 [DROP_NO_SOLUTION]   = "no_solution",
                                                 [DROP_WRONG]         = "wrong_solution",
                                                 [DROP_FIGURE]        = "figure",
                                                 [DROP_LEVEL]         = "level",
                                                 [DROP_TOO_LONG]      = "too_long",
                                                 [DROP_EXCLUDED]      = "excluded",
                                                 [DROP_SHARED_WORDS]  = "shared_words",
                                                 [DROP_DUPLICATE]     = "duplicate",
                                                 [DROP_CONTRADICTION] = "contradiction",
                                                 [DROP_NOT_TAKEN]     = "not_taken"};

const char *const data_drop_texts[DATA_DROPS] = {[DROP_BAD_LINE]      = "bad line",
                                                 [DROP_NO_PROBLEM]    = "no problem",
                                                 [DROP_SEVERAL_TURNS] = "a conversation of several turns",
                                                 [DROP_NO_ANSWER]     = "no answer",
                                                 [DROP_UNREADABLE]    = "answer that the verifier cannot read",
                                                 [DROP_NO_SOLUTION]   = "no solution",
                                                 [DROP_WRONG]         = "solution with another answer",
                                                 [DROP_FIGURE]        = "figure",
                                                 [DROP_LEVEL]         = "other level",
                                                 [DROP_TOO_LONG]      = "too long",
                                                 [DROP_EXCLUDED]      = "in an excluded set",
                                                 [DROP_SHARED_WORDS]  = "shares words with an excluded set",
                                                 [DROP_DUPLICATE]     = "duplicate",
                                                 [DROP_CONTRADICTION] = "same problem, other answer",
                                                 [DROP_NOT_TAKEN]     = "not taken"};

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "preparing data: out of host memory");
}

/* --- excluded sets */

typedef struct Runs {
    ReducedSet *set;
    bool        failed; /* to put one in */
    bool        found;
} Runs;

static bool put_run(void *context, const Reduced *run)
{
    Runs *runs   = context;
    runs->failed = data_set_put(runs->set, run, NULL) == REDUCED_NO_MEMORY;
    return !runs->failed;
}

static bool find_run(void *context, const Reduced *run)
{
    Runs *runs  = context;
    runs->found = data_set_has(runs->set, run);
    return !runs->found;
}

static Status exclude_row(DataExcluded *excluded, const DataRow *row, const DataRules *rules, Error *error)
{
    const size_t  length = strlen(row->problem);
    const Reduced key    = data_reduce(row->problem, length);
    Runs          runs   = {.set = &excluded->runs};
    if (data_set_put(&excluded->problems, &key, NULL) == REDUCED_NO_MEMORY) {
        return out_of_memory(error);
    }
    if (rules->shared_words > 0) {
        data_word_runs(row->problem, length, rules->shared_words, put_run, &runs);
    }
    return runs.failed ? out_of_memory(error) : STATUS_OK;
}

Status data_exclude(DataExcluded *excluded, const char *path, const DataRules *rules, Error *error)
{
    RecordFile *file   = record_file_open(path, error);
    Record      record = {0};
    DataRow     row    = {0};
    Status      status = file != NULL ? STATUS_OK : error->status;
    for (uint64_t i = 0; status == STATUS_OK && i < record_file_count(file); i++) {
        DataFault fault;
        status = record_read(file, i, &record, error);
        status =
            status == STATUS_OK ? data_row_read(&(DataForms){.form = DATA_AUTO}, &record, &row, &fault, error) : status;
        if (status == STATUS_OK && fault == DATA_NO_PROBLEM) {
            status = error_set(error, STATUS_BAD_INPUT, "%s: no problem under a usual name, so it cannot be excluded",
                               record.where);
        }
        status = status == STATUS_OK ? exclude_row(excluded, &row, rules, error) : status;
    }
    if (status == STATUS_OK && record_file_count(file) == 0) {
        status = error_set(error, STATUS_BAD_INPUT, "%s: no problems to exclude", path);
    }
    data_row_free(&row);
    record_free(&record);
    record_file_close(file);
    return status;
}

void data_excluded_free(DataExcluded *excluded)
{
    data_set_free(&excluded->problems);
    data_set_free(&excluded->runs);
}

/* --- rules */

static bool readable(const char *answer)
{
    const size_t   length = strlen(answer);
    const MathGold gold   = math_gold(answer, length);
    MathVerdict    verdict;
    if (gold != MATH_GOLD_VALUE && gold != MATH_GOLD_WORDS) {
        return false;
    }
    math_verify(answer, length, answer, length, NULL, &verdict);
    return verdict.correct;
}

/* Whether the solution's own answer is the row's. */
static bool comes_to_answer(const DataRow *row)
{
    char       *own     = data_answer_of(row->solution);
    MathVerdict verdict = {0};
    if (own != NULL) {
        math_verify(row->answer, strlen(row->answer), own, strlen(own), NULL, &verdict);
    }
    free(own);
    return verdict.correct;
}

/* Whether `levels`, "3,4-5,hard", has the level. */
static bool has_level(const char *levels, const char *level)
{
    char        *end    = NULL;
    const double number = level != NULL ? strtod(level, &end) : 0;
    const bool   counts = level != NULL && end != level && *end == '\0';
    for (const char *at = levels; level != NULL && at != NULL;
         at             = strchr(at, ',') != NULL ? strchr(at, ',') + 1 : NULL) {
        const size_t length = strcspn(at, ",");
        char        *dash, *stop;
        if (length == strlen(level) && strncmp(at, level, length) == 0) {
            return true;
        }
        const double low = strtod(at, &dash);
        if (counts && dash != at && *dash == '-') {
            const double high = strtod(dash + 1, &stop);
            if (stop != dash + 1 && stop == at + length && number >= low && number <= high) {
                return true;
            }
        } else if (counts && dash != at && dash == at + length && number == low) {
            return true;
        }
    }
    return false;
}

static uint64_t characters(const char *text)
{
    uint64_t count = 0;
    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return count;
}

static Status add_tokens(const Tokenizer *tokenizer, const char *text, const char *where, uint64_t *sum, Error *error)
{
    int32_t *ids    = NULL;
    size_t   count  = 0;
    Error    own    = {0};
    Status   status = tokenizer_encode(tokenizer, text, strlen(text), false, &ids, &count, &own);
    if (status != STATUS_OK) {
        return error_set(error, status, "%s: %s", where, own.text);
    }
    free(ids);
    *sum += count;
    return STATUS_OK;
}

static Status too_long(const DataRules *rules, const DataRow *row, const char *where, bool *long_one, Error *error)
{
    const bool both   = rules->solutions && row->solution != NULL;
    uint64_t   tokens = 0;
    Status     status = STATUS_OK;
    *long_one =
        rules->max_chars > 0 && characters(row->problem) + (both ? characters(row->solution) : 0) > rules->max_chars;
    if (rules->max_tokens > 0 && !*long_one) {
        status = add_tokens(rules->tokenizer, row->problem, where, &tokens, error);
        status =
            status == STATUS_OK && both ? add_tokens(rules->tokenizer, row->solution, where, &tokens, error) : status;
        *long_one = tokens > rules->max_tokens;
    }
    return status;
}

Status data_filter(const DataRules *rules, const DataExcluded *excluded, const DataRow *row, DataFault fault,
                   const char *where, DataDrop *drop, Error *error)
{
    bool   long_one = false;
    Status status   = STATUS_OK;
    *drop           = DATA_KEPT;
    if (fault == DATA_NO_PROBLEM) {
        *drop = DROP_NO_PROBLEM;
    } else if (fault == DATA_SEVERAL_TURNS && !rules->several_turns) {
        *drop = DROP_SEVERAL_TURNS;
    } else if (fault == DATA_NO_ANSWER && (!rules->solutions || rules->drop_wrong)) {
        *drop = DROP_NO_ANSWER;
    } else if (!rules->solutions && !rules->keep_unreadable && !readable(row->answer)) {
        *drop = DROP_UNREADABLE;
    } else if (rules->solutions && (row->solution == NULL || row->solution[0] == '\0')) {
        *drop = DROP_NO_SOLUTION;
    } else if (rules->drop_wrong && !row->derived && row->solution != NULL && row->answer != NULL &&
               !comes_to_answer(row)) {
        *drop = DROP_WRONG;
    } else if (rules->drop_figures && data_has_figure(row->problem)) {
        *drop = DROP_FIGURE;
    } else if (rules->levels != NULL && !has_level(rules->levels, row->level)) {
        *drop = DROP_LEVEL;
    } else {
        status = too_long(rules, row, where, &long_one, error);
        *drop  = long_one ? DROP_TOO_LONG : DATA_KEPT;
    }
    if (status == STATUS_OK && *drop == DATA_KEPT) {
        const size_t  length = strlen(row->problem);
        const Reduced key    = data_reduce(row->problem, length);
        Runs          runs   = {.set = (ReducedSet *)&excluded->runs};
        if (data_set_has(&excluded->problems, &key)) {
            *drop = DROP_EXCLUDED;
        } else if (rules->shared_words > 0) {
            data_word_runs(row->problem, length, rules->shared_words, find_run, &runs);
            *drop = runs.found ? DROP_SHARED_WORDS : DATA_KEPT;
        }
    }
    return status;
}
