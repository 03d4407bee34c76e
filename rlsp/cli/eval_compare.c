#include "rlsp/cli/eval_compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "rlsp/cli/eval_compare_parts.h"
#include "rlsp/run/json_scan.h"
#include "rlsp/run/line_file.h"

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "comparing: out of memory");
}

/* --- reading a folder -------------------------------------------------------------------------------------------- */

static char *copy_of(const ScanField *field)
{
    char *text = malloc(field->text_bytes + 1);
    if (text != NULL) {
        text[scan_unescape(field->text, field->text_bytes, text)] = '\0';
    }
    return text;
}

static Status add_problem(EvalSide *side, const Line *line, Error *error)
{
    ScanField name = {.kind = SCAN_NULL}, id = {.kind = SCAN_NULL}, sum = {.kind = SCAN_NULL}, field;
    double    samples = 0, correct = -1;
    JsonScan  scan = json_scan(line->text, line->bytes);
    while (json_scan_next(&scan, &field)) {
        if (field.outer != NULL) {
            continue;
        }
        if (field.kind == SCAN_TEXT) {
            name = scan_key_is(&field, "name") ? field : name;
            id   = scan_key_is(&field, "id") ? field : id;
            sum  = scan_key_is(&field, "problem_sha256") ? field : sum;
        } else if (field.kind == SCAN_NUMBER) {
            samples = scan_key_is(&field, "samples") ? field.number : samples;
            correct = scan_key_is(&field, "correct") ? field.number : correct;
        }
    }
    if (!json_scan_whole(&scan) || name.kind != SCAN_TEXT || id.kind != SCAN_TEXT || sum.kind != SCAN_TEXT ||
        !(samples >= 1 && samples <= 1e6) || !(correct >= 0 && correct <= samples)) {
        return error_set(error, STATUS_BAD_INPUT,
                         "%s/problems.jsonl: line %zu is no problem of an evaluation; evaluate again", side->folder,
                         side->count + 1);
    }
    if (side->count == side->capacity) {
        const size_t capacity = 2 * side->capacity + 256;
        EvalScore   *grown    = realloc(side->scores, capacity * sizeof *grown);
        if (grown == NULL) {
            return out_of_memory(error);
        }
        side->scores   = grown;
        side->capacity = capacity;
    }
    EvalScore *score = &side->scores[side->count++];
    *score           = (EvalScore){.id = copy_of(&id), .samples = (uint32_t)samples, .correct = (uint32_t)correct};
    scan_copy(name.text, name.text_bytes, score->name, sizeof score->name);
    scan_copy(sum.text, sum.text_bytes, score->sum, sizeof score->sum);
    return score->id != NULL ? STATUS_OK : out_of_memory(error);
}

static int by_name_and_id(const void *a, const void *b)
{
    const EvalScore *x = a, *y = b;
    const int        name = strcmp(x->name, y->name);
    const int        id   = strcmp(x->id, y->id);
    return name != 0 ? name : id != 0 ? id : strcmp(x->sum, y->sum);
}

static Status read_side(EvalSide *side, const char *folder, Error *error)
{
    LineFile file;
    Line     line;
    Status   status = STATUS_OK;
    side->folder    = folder;
    if (!line_file_open(&file, folder, "problems.jsonl")) {
        return out_of_memory(error);
    }
    if (!file_exists(file.path)) {
        status =
            error_set(error, STATUS_BAD_INPUT,
                      "%s is not there: %s holds no finished evaluation; rlsp eval --out makes one", file.path, folder);
    }
    line_file_look(&file);
    do {
        while (status == STATUS_OK && line_file_peek(&file, &line)) {
            status = add_problem(side, &line, error);
            line_file_take(&file, &line);
        }
    } while (status == STATUS_OK && line_file_fill(&file));
    line_file_close(&file);
    if (status == STATUS_OK && side->count == 0) {
        status = error_set(error, STATUS_BAD_INPUT, "%s/problems.jsonl holds no problem", folder);
    }
    if (status == STATUS_OK) {
        qsort(side->scores, side->count, sizeof *side->scores, by_name_and_id);
        for (size_t i = 0; i < side->count; i++) {
            side->columns += i == 0 || strcmp(side->scores[i].name, side->scores[i - 1].name) != 0;
        }
    }
    return status;
}

static void free_side(EvalSide *side)
{
    for (size_t i = 0; i < side->count; i++) {
        free(side->scores[i].id);
    }
    free(side->scores);
}

/* --- pairs ------------------------------------------------------------------------------------------------------- */

/* The scores of one column, from *first on; how many. */
static size_t column_at(const EvalSide *side, size_t first)
{
    size_t end = first;
    while (end < side->count && strcmp(side->scores[end].name, side->scores[first].name) == 0) {
        end++;
    }
    return end - first;
}

static Status find_column(const EvalSide *side, const char *name, size_t *first, size_t *count)
{
    for (size_t at = 0; at < side->count; at += *count) {
        *first = at;
        *count = column_at(side, at);
        if (name == NULL || strcmp(side->scores[at].name, name) == 0) {
            return STATUS_OK;
        }
    }
    return STATUS_BAD_INPUT;
}

/* Pairs the problems that both have: the same id, and the same text. */
static Status make_pairs(EvalPairing *pairing, const EvalScore *a, size_t a_count, const EvalScore *b, size_t b_count,
                         Error *error)
{
    const size_t most = a_count < b_count ? a_count : b_count;
    pairing->a        = malloc((most + 1) * sizeof *pairing->a);
    pairing->b        = malloc((most + 1) * sizeof *pairing->b);
    if (pairing->a == NULL || pairing->b == NULL) {
        return out_of_memory(error);
    }
    for (size_t i = 0, k = 0; i < a_count && k < b_count;) {
        const int id    = strcmp(a[i].id, b[k].id);
        const int order = id != 0 ? id : strcmp(a[i].sum, b[k].sum);
        if (order == 0) {
            pairing->a[pairing->count]   = &a[i++];
            pairing->b[pairing->count++] = &b[k++];
        } else if (order < 0) {
            i++;
        } else {
            k++;
        }
    }
    return STATUS_OK;
}

static Status test_pairs(EvalPairing *pairing, Error *error)
{
    uint32_t *right  = malloc((2 * pairing->count + 1) * sizeof *right);
    Status    status = right != NULL ? STATUS_OK : out_of_memory(error);
    for (size_t i = 0; i < pairing->count && status == STATUS_OK; i++) {
        right[i]                  = pairing->a[i]->correct;
        right[pairing->count + i] = pairing->b[i]->correct;
        if (pairing->a[i]->samples != pairing->a[0]->samples || pairing->b[i]->samples != pairing->b[0]->samples) {
            status = error_set(error, STATUS_BAD_INPUT,
                               "problems of one column have different numbers of samples; evaluate again");
        }
    }
    if (status == STATUS_OK) {
        status = paired_test(right, pairing->a[0]->samples, right + pairing->count, pairing->b[0]->samples,
                             (uint32_t)pairing->count, COMPARE_SEED,
                             eval_bootstrap_resamples(pairing->count, COMPARE_RESAMPLES), &pairing->test, error);
    }
    free(right);
    return status;
}

/* Pairs two columns and tests them; `name` NULL: the only ones. */
static Status compare_columns(EvalComparison *comparison, const char *name, bool common, Error *error)
{
    const EvalSide *a = &comparison->sides[0], *b = &comparison->sides[1];
    EvalPairing    *pairing = &comparison->pairings[comparison->count];
    size_t          first[2], count[2];
    if (find_column(a, name, &first[0], &count[0]) != STATUS_OK ||
        find_column(b, name, &first[1], &count[1]) != STATUS_OK) {
        return STATUS_OK; /* one of them has it not */
    }
    comparison->count++;
    snprintf(pairing->name_a, sizeof pairing->name_a, "%s", a->scores[first[0]].name);
    snprintf(pairing->name_b, sizeof pairing->name_b, "%s", b->scores[first[1]].name);
    pairing->all_a    = count[0];
    pairing->all_b    = count[1];
    Status     status = make_pairs(pairing, a->scores + first[0], count[0], b->scores + first[1], count[1], error);
    const bool same   = pairing->count == count[0] && pairing->count == count[1];
    if (status == STATUS_OK && ((!same && !common) || pairing->count == 0)) {
        status = error_set(error, STATUS_BAD_INPUT,
                           "%s has %zu problems, %s %zu; %zu are common (the same id and text)%s", a->folder, count[0],
                           b->folder, count[1], pairing->count, pairing->count > 0 ? "; --common compares those" : "");
    }
    return status == STATUS_OK ? test_pairs(pairing, error) : status;
}

static Status compare_all(EvalComparison *comparison, bool common, Error *error)
{
    const EvalSide *a = &comparison->sides[0], *b = &comparison->sides[1];
    Status          status = STATUS_OK;
    if (a->columns == 1 && b->columns == 1) {
        return compare_columns(comparison, NULL, common, error);
    }
    for (size_t at = 0; at < a->count && status == STATUS_OK && comparison->count < COMPARE_COLUMNS_MAX;
         at += column_at(a, at)) {
        status = compare_columns(comparison, a->scores[at].name, common, error);
    }
    if (status == STATUS_OK && comparison->count == 0) {
        status = error_set(error, STATUS_BAD_INPUT, "%s and %s have no temperature in common", a->folder, b->folder);
    }
    return status;
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

static Status write_page(const EvalComparison *comparison, const char *path, Error *error)
{
    char  *text  = NULL;
    size_t bytes = 0;
    FILE  *page  = open_memstream(&text, &bytes);
    if (page == NULL) {
        return out_of_memory(error);
    }
    eval_comparison_print(comparison, true, page);
    Status status = fclose(page) == 0 ? file_write_atomic(path, text, bytes, error) : out_of_memory(error);
    free(text);
    return status;
}

static Status show(const EvalComparison *comparison, bool json, const char *report, Error *error)
{
    JsonLine    line   = {0};
    const char *text   = eval_comparison_json(comparison, &line);
    Status      status = text != NULL ? STATUS_OK : out_of_memory(error);
    if (status == STATUS_OK && report != NULL) {
        status = write_page(comparison, report, error);
    }
    if (status == STATUS_OK && json) {
        fputs(text, stdout);
    } else if (status == STATUS_OK) {
        eval_comparison_print(comparison, false, stdout);
    }
    json_line_free(&line);
    return status;
}

Status eval_compare(const char *a, const char *b, bool common, bool json, const char *report, Error *error)
{
    EvalComparison *comparison = calloc(1, sizeof *comparison);
    Status          status     = comparison != NULL ? read_side(&comparison->sides[0], a, error) : out_of_memory(error);
    status                     = status == STATUS_OK ? read_side(&comparison->sides[1], b, error) : status;
    status                     = status == STATUS_OK ? compare_all(comparison, common, error) : status;
    status                     = status == STATUS_OK ? show(comparison, json, report, error) : status;
    for (int i = 0; comparison != NULL && i < comparison->count; i++) {
        free(comparison->pairings[i].a);
        free(comparison->pairings[i].b);
    }
    for (int i = 0; comparison != NULL && i < 2; i++) {
        free_side(&comparison->sides[i]);
    }
    free(comparison);
    return status;
}
