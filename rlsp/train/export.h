/* What a run has learnt, as other programs read it.
 *
 *     RunExport what = {.run = "runs/math", .step = "last", .out = "my-adapter", .shard_bytes =
 * SAFETENSORS_SHARD_BYTES}; run_export(&what, &done, &error);
 *
 * A run without an adapter gives a Hugging Face model directory; one with an adapter gives PEFT's, or with `merge`
 * a model directory of the base's weights with the adapter's added, in the base's dtype. Tokenizer files and a model
 * card that names base model and run lie beside the weights. No device is used.
 */
#ifndef RLSP_TRAIN_EXPORT_H
#define RLSP_TRAIN_EXPORT_H

#include <stdbool.h>

#include "engine/error.h"
#include "engine/io/safetensors.h"

typedef struct RunExport {
    const char *run;
    const char *step; /* "last", "best" or a number */
    bool        merge;
    const char *out;         /* a directory that is not there yet, or is empty: it appears when it is complete */
    uint64_t    shard_bytes; /* a model larger than this is written in several files */
} RunExport;

/* What was written. */
typedef struct RunExported {
    uint64_t step;    /* of the checkpoint                        */
    bool     adapter; /* PEFT's directory; false: a whole model's */
} RunExported;

/* `done` may be NULL. STATUS_BAD_INPUT: no such run or step, `out` is not empty, or there is no adapter to merge. */
Status run_export(const RunExport *what, RunExported *done, Error *error);

#endif
