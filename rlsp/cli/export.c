/* rlsp export: a run's model or adapter for other programs. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rlsp/cli/args.h"
#include "rlsp/cli/cli.h"
#include "rlsp/run/json_line.h"
#include "rlsp/train/export.h"

#define GIB 1073741824.0

static const char summary[] =
    "Writes what a run has learnt into a new directory: a Hugging Face model, or, of a run with an adapter, PEFT's\n"
    "adapter; --merge adds it to its base's weights, so that transformers takes the model as it is. Tokenizer files\n"
    "and a model card come with it. With --gguf the same is one file for llama.cpp (-m, or --lora beside its base),\n"
    "and the first argument may be a Hugging Face model directory as well. No GPU is used.";

static const char *const types[] = {"f32", "f16", "bf16", "q8_0", "auto", NULL}; /* GgufType's */

/* Memory that is out leaves no line: the export itself is done. */
static void print_json(const RunExport *what, const RunExported *done)
{
    JsonLine line = {0};
    json_line_begin(&line, '{');
    json_line_text_field(&line, "out", what->out);
    json_line_text_field(&line, "kind", done->adapter ? "adapter" : "model");
    json_line_text_field(&line, "format", what->gguf ? "gguf" : "hugging-face");
    if (what->gguf) {
        json_line_text_field(&line, "type", gguf_type_name(done->type));
    }
    json_line_text_field(&line, done->run ? "run" : "model", what->run);
    if (done->run) {
        json_line_number_field(&line, "step", (double)done->step);
    }
    json_line_end(&line, '}');
    cli_print_line(&line);
}

static void print_line(const RunExport *what, const RunExported *done)
{
    fprintf(stderr, "rlsp export: %s is the %s of %s", what->out, done->adapter ? "adapter" : "model", what->run);
    if (done->run) {
        fprintf(stderr, " at step %" PRIu64, done->step);
    }
    if (what->gguf) {
        fprintf(stderr, ", in %s", gguf_type_name(done->type));
    }
    fprintf(stderr, "\n");
}

/* What belongs to one of the two forms alone. */
static Status check_options(const RunExport *what, bool shards, Error *error)
{
    const size_t length = strlen(what->out);
    if (what->gguf && shards) {
        return error_set(error, STATUS_BAD_INPUT, "--shard-size: a GGUF file is written in one piece");
    }
    if (!what->gguf && what->type != GGUF_TYPES) {
        return error_set(error, STATUS_BAD_INPUT, "--type is for GGUF files; add --gguf");
    }
    if (!what->gguf && length > 5 && strcmp(what->out + length - 5, ".gguf") == 0) {
        return error_set(error, STATUS_BAD_INPUT, "--out %s: without --gguf a directory would be written", what->out);
    }
    return STATUS_OK;
}

int cli_export(int argc, char **argv)
{
    RunExport        what      = {.step = "last"};
    double           shard_gib = 0;
    int              type      = GGUF_TYPES;
    bool             json      = false;
    const ArgsOption options[] = {
        args_required(args_text("out", &what.out, "PATH", "the new directory, or the GGUF file")),
        args_text("step", &what.step, "N", "the checkpoint: a step, best, or last (last)"),
        args_flag("merge", &what.merge, "a whole model of the base and the adapter"),
        args_flag("gguf", &what.gguf, "a file for llama.cpp, written to --out"),
        args_choice("type", &type, "T",
                    "of a GGUF file's matrices; norms and biases are f32 (auto: as the model's files have them)",
                    types),
        args_real("shard-size", &shard_gib, "GIB",
                  "a larger model is written in several files of at most so many GiB (5)", 1e-6, 1e6),
        args_flag("json", &json, "print what was written as a JSON object"),
    };
    const ArgsCommand command = {.name    = "export",
                                 .usage   = "RUN [--step N] [--merge] --out DIR | --gguf [--type T] --out FILE.gguf",
                                 .summary = summary,
                                 .options = options,
                                 .option_count    = sizeof options / sizeof *options,
                                 .positionals     = &what.run,
                                 .min_positionals = 1,
                                 .max_positionals = 1};
    int               exit_code;
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    Error error      = {0};
    what.shard_bytes = shard_gib > 0 ? (uint64_t)(shard_gib * GIB) : SAFETENSORS_SHARD_BYTES;
    what.type        = (GgufType)type;
    RunExported done;
    if (check_options(&what, shard_gib > 0, &error) != STATUS_OK || run_export(&what, &done, &error) != STATUS_OK) {
        return args_fail(&command, &error);
    }
    if (json) {
        print_json(&what, &done);
    } else {
        print_line(&what, &done);
    }
    return cli_finish_output(command.name);
}
