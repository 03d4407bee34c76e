/* What a run has learnt, as other programs read it.
 *
 *     RunExport what = {.run = "runs/math", .step = "last", .out = "my-adapter", .shard_bytes =
 * SAFETENSORS_SHARD_BYTES}; run_export(&what, &done, &error);
 *
 * A run without an adapter gives a Hugging Face model directory; one with an adapter gives PEFT's, or with `merge`
 * a model directory of the base's weights with the adapter's added, in the base's dtype. Tokenizer files and a model
 * card that names base model and run lie beside the weights. With `gguf` the same is one file for llama.cpp, which can
 * also be made of a model directory. No device is used.
 */
#ifndef RLSP_TRAIN_EXPORT_H
#define RLSP_TRAIN_EXPORT_H

#include <stdbool.h>

#include "engine/error.h"
#include "engine/io/gguf.h"
#include "engine/io/safetensors.h"

typedef struct RunExport {
    const char *run;  /* or, for GGUF, a Hugging Face model directory */
    const char *step; /* "last", "best" or a number */
    bool        merge;
    const char *out;      /* a directory that is not there yet, or is empty: it appears when it is complete */
                          /* GGUF: a file, which is replaced if it is there */
    uint64_t shard_bytes; /* a model larger than this is written in several files; not of GGUF */
    bool     gguf;
    GgufType type; /* of a GGUF file's matrices; GGUF_TYPES: as the files have them */
} RunExport;

/* What was written. */
typedef struct RunExported {
    bool     run;     /* false: a model directory              */
    uint64_t step;    /* of a run's checkpoint                 */
    bool     adapter; /* an adapter alone; false: a whole model */
    GgufType type;    /* of most matrices of a GGUF file       */
} RunExported;

/* `done` may be NULL. STATUS_BAD_INPUT: no such run or step, `out` is not empty, or there is no adapter to merge. */
Status run_export(const RunExport *what, RunExported *done, Error *error);

#endif
