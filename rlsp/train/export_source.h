/* Where an export takes things from: a checkpoint of a run and the run's base model, or a model directory alone. */
#ifndef RLSP_TRAIN_EXPORT_SOURCE_H
#define RLSP_TRAIN_EXPORT_SOURCE_H

#include "rlsp/run/config.h"
#include "rlsp/run/run_dir.h"

enum { EXPORT_PATH_SIZE = RUN_PATH_SIZE + 80 };

typedef struct ExportSource {
    bool      run;                          /* false: a model directory, which is the checkpoint */
    RunConfig config;                       /* of a run                                          */
    uint64_t  step;                         /* of the checkpoint                                 */
    char      checkpoint[EXPORT_PATH_SIZE]; /* a directory                                       */
    char      base[EXPORT_PATH_SIZE];       /* the base model's directory; a model's own         */
    bool      adapter;                      /* the checkpoint holds an adapter of the base       */
} ExportSource;

/* A run's checkpoint: "last", "best" or the number of a step. */
Status export_source_run(ExportSource *source, const char *run, const char *step, Error *error);

/* Whether this is a Hugging Face model directory rather than a run. */
bool export_is_model(const char *directory);
void export_source_model(ExportSource *source, const char *directory);

/* Whether a directory holds a file of that name. */
bool export_holds(const char *directory, const char *name);

/* What the hub calls a model: of its cache's …/models--meta-llama--Llama-3.1-8B/snapshots/…, meta-llama/Llama-3.1-8B;
 * else the last name of the path. */
void export_hub_name(char *to, size_t size, const char *path);

#endif
