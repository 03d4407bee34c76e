/* The subcommands: a function in a file of its own each, called with argv[0] the
 * subcommand's name. They return the process's exit code (DESIGN.md section 4):
 * data goes to stdout, everything else to stderr. A new one gets a prototype here
 * and a row in main.c. */
#ifndef RLSP_CLI_CLI_H
#define RLSP_CLI_CLI_H

#include "rlsp/cli/args.h"
#include "rlsp/run/history.h"
#include "rlsp/run/json_line.h"

int cli_train(int argc, char **argv);
int cli_watch(int argc, char **argv);
int cli_eval(int argc, char **argv);
int cli_export(int argc, char **argv);
int cli_generate(int argc, char **argv);
int cli_score(int argc, char **argv);
int cli_tokenize(int argc, char **argv);
int cli_verify(int argc, char **argv);
int cli_data(int argc, char **argv);
int cli_devices(int argc, char **argv);
int cli_config(int argc, char **argv);
int cli_plan(int argc, char **argv);
int cli_bench(int argc, char **argv);
int cli_traces(int argc, char **argv);
int cli_plot(int argc, char **argv);

/* Flushes stdout; 0, or 1 with a message if it could not be written (a full disk;
 * a reader that went away is no error). For the end of every subcommand. */
int cli_finish_output(const char *name);

/* The end of a subcommand that may have failed: flushes stdout, and says what `error` says, if anything, on stderr. */
int cli_end(const ArgsCommand *command, const Error *error);

/* Opens a run and reads all that is there; lines that are no events are counted on stderr. NULL with *error set. */
History *cli_open_run(const char *name, const char *path, Error *error);

/* Finishes the line, prints it to stdout and frees it; false: memory ran out, and nothing was printed. */
bool cli_print_line(JsonLine *line);

#endif
