/* rlsp export: a run's model or adapter for other programs. */
#include <inttypes.h>
#include <stdio.h>

#include "rlsp/cli/args.h"
#include "rlsp/cli/cli.h"
#include "rlsp/run/json_line.h"
#include "rlsp/train/export.h"

#define GIB 1073741824.0

static const char summary[] =
    "Writes what a run has learnt into a new directory: a Hugging Face model, or, of a run with an adapter, PEFT's\n"
    "adapter; --merge adds it to its base's weights, so that transformers or llama.cpp's converter take the model as "
    "it\n"
    "is. Tokenizer files and a model card come with it. No GPU is used.";

/* Memory that is out leaves no line: the export itself is done. */
static void print_json(const RunExport *what, const RunExported *done)
{
    JsonLine line = {0};
    json_line_begin(&line, '{');
    json_line_text_field(&line, "out", what->out);
    json_line_text_field(&line, "kind", done->adapter ? "adapter" : "model");
    json_line_text_field(&line, "run", what->run);
    json_line_number_field(&line, "step", (double)done->step);
    json_line_end(&line, '}');
    cli_print_line(&line);
}

int cli_export(int argc, char **argv)
{
    RunExport        what      = {.step = "last"};
    double           shard_gib = (double)SAFETENSORS_SHARD_BYTES / GIB;
    bool             json      = false;
    const ArgsOption options[] = {
        {.name        = "out",
         .type        = ARGS_TEXT,
         .value       = &what.out,
         .placeholder = "DIR",
         .help        = "the new directory",
         .required    = true},
        {.name        = "step",
         .type        = ARGS_TEXT,
         .value       = &what.step,
         .placeholder = "N",
         .help        = "the checkpoint: a step, best, or last (last)"},
        {.name = "merge", .type = ARGS_FLAG, .value = &what.merge, .help = "a whole model of the base and the adapter"},
        {.name        = "shard-size",
         .type        = ARGS_REAL,
         .value       = &shard_gib,
         .placeholder = "GIB",
         .help        = "a larger model is written in several files of at most so many GiB (5)",
         .min         = 1e-6,
         .max         = 1e6},
        {.name = "json", .type = ARGS_FLAG, .value = &json, .help = "what was written, as a JSON object on stdout"},
    };
    const ArgsCommand command = {.name            = "export",
                                 .usage           = "RUN [--step N] [--merge] --out DIR",
                                 .summary         = summary,
                                 .options         = options,
                                 .option_count    = sizeof options / sizeof *options,
                                 .positionals     = &what.run,
                                 .min_positionals = 1,
                                 .max_positionals = 1};
    int               exit_code;
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    Error error      = {0};
    what.shard_bytes = (uint64_t)(shard_gib * GIB);
    RunExported done;
    if (run_export(&what, &done, &error) != STATUS_OK) {
        return args_fail(&command, &error);
    }
    if (json) {
        print_json(&what, &done);
    } else {
        fprintf(stderr, "rlsp export: %s is the %s of %s at step %" PRIu64 "\n", what.out,
                done.adapter ? "adapter" : "model", what.run, done.step);
    }
    return cli_finish_output(command.name);
}
