/* What an evaluation is made with: the command line's options, what they came to, and eval.json, which keeps both.
 *
 *     EvalSettings settings = eval_settings_default();
 *     eval_settings_read(&settings, "out", &error);              // --resume: as it was begun
 *     eval_settings_match(&begun, &settings, "out", &error);     // told what differs
 *     eval_settings_json(&line, &settings);
 */
#ifndef RLSP_CLI_EVAL_SETTINGS_H
#define RLSP_CLI_EVAL_SETTINGS_H

#include <cjson/cJSON.h>

#include "engine/model/weights.h"
#include "rlsp/cli/args.h"
#include "rlsp/eval/records.h"
#include "rlsp/eval/summary.h"

enum { EVAL_COLUMNS_MAX = 16 };

/* Texts belong to the command line or to `root`; NULL: not given. */
typedef struct EvalSettings {
    const char *model, *adapter, *model_sha256;
    const char *task, *data, *data_sha256, *prompts_sha256;
    const char *problem_key, *answer_key;
    int64_t     limit, seed; /* limit 0: all problems of a dataset, 1000 of a task */
    ArgsList    subjects, levels;
    int64_t     max_prompt; /* 0: any length */
    bool        raw;
    const char *prompt_template, *system, *prefix, *suffix;
    ArgsList    chat_set;
    int         boxes; /* last, first, only */
    bool        fbox, phrases;
    int64_t     samples, max_new, top_k; /* samples, max_new 0: not given */
    ArgsList    temperatures;
    double      top_p, min_p;
    ArgsList    k; /* of the report alone, as resamples */
    int64_t     resamples;
    const char *version, *device, *precision; /* precision: of the weights, the name of `weights` */
    int         weights;                      /* WeightFormat, or WEIGHTS_AS_STORED */
    const char *products;                     /* the name of `compute`; NULL: f32                         */
    int         compute;                      /* ComputeType                                              */
    const char *kv_cache;                     /* the name of `cache`; NULL: f32                           */
    int         cache;                        /* ComputeType of keys and values                           */
    cJSON      *root;
} EvalSettings;

extern const char *const eval_boxes[]; /* words of `boxes`, NULL-terminated */

EvalSettings eval_settings_default(void);
void         eval_settings_free(EvalSettings *settings);

/* Fills in what directory/eval.json says. STATUS_BAD_INPUT: it is not there, or not one of this program's. */
Status eval_settings_read(EvalSettings *settings, const char *directory, Error *error);

/* Puts all settings into an object that is open. */
void eval_settings_json(JsonLine *line, const EvalSettings *settings);

/* STATUS_BAD_INPUT, naming the first option, if responses made with `now` do not belong with those begun. More samples
 * do. */
Status eval_settings_match(const EvalSettings *begun, const EvalSettings *now, const char *directory, Error *error);

/* Where the paper's evaluation is the same: "temperature 0.7, top_p 1, 8192 new tokens"; "" if nowhere. Text in
 * `out`. */
void eval_settings_authors(const EvalSettings *settings, const EvalColumn *column, char *out, size_t size);

/* A command line that makes the same evaluation. */
void eval_settings_command(const EvalSettings *settings, char *out, size_t size);

#endif
