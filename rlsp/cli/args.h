/* Options, strictly: the same for every subcommand.
 *
 *     bool json = false; int64_t n = 4; const char *model = NULL;
 *     const ArgsOption options[] = {
 *         {.name = "model", .type = ARGS_TEXT, .value = &model, .placeholder = "DIR", .help = "a model", .required =
 * true},
 *         {.name = "n", .type = ARGS_INTEGER, .value = &n, .placeholder = "N", .help = "responses", .min = 1, .max =
 * 9},
 *         {.name = "json", .type = ARGS_FLAG, .value = &json, .help = "print JSON"},
 *     };
 *     const ArgsCommand command = {"eval", "--model DIR [options]", "Measures a model.", options, 3, …};
 *     int exit_code;
 *     if (!args_begin(&command, argc, argv, &exit_code)) {
 *         return exit_code; // --help was printed, or an error
 *     }
 *
 * argv[0] is the subcommand's name. "--name value" and "--name=value" are the same, and, for an option with a
 * `letter`, "-l value" and "-lvalue";
 * "--" ends the options; "-" is an argument like any other. An option given twice
 * keeps the last value, except lists. Variables keep what they hold when their
 * option is not given, so that initialising them sets the default.
 */
#ifndef RLSP_CLI_ARGS_H
#define RLSP_CLI_ARGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/error.h"

typedef enum ArgsType {
    ARGS_FLAG,    /* bool *: true when given                    */
    ARGS_TEXT,    /* const char **                              */
    ARGS_INTEGER, /* int64_t * in [min, max]                    */
    ARGS_REAL,    /* double * in [min, max], finite             */
    ARGS_CHOICE,  /* int *: index into `choices`                */
    ARGS_LIST     /* ArgsList *: may be given several times     */
} ArgsType;

enum { ARGS_LIST_MAX = 256 };

typedef struct ArgsList {
    const char *items[ARGS_LIST_MAX];
    int         count;
} ArgsList;

typedef struct ArgsOption {
    const char        *name; /* without "--" */
    ArgsType           type;
    void              *value;
    const char        *placeholder; /* DIR, N, …; NULL for a flag */
    const char        *help;
    double             min, max; /* both 0: no limits */
    const char *const *choices;  /* NULL-terminated */
    bool               required;
    char               letter; /* a short form: 'o' for -o; 0: none */
} ArgsOption;

typedef struct ArgsCommand {
    const char       *name;    /* "eval" */
    const char       *usage;   /* after the name: "--model DIR [options]" */
    const char       *summary; /* a paragraph, without a newline at its end */
    const ArgsOption *options;
    int               option_count;
    const char      **positionals; /* room for max_positionals; may be NULL if that is 0 */
    int               min_positionals, max_positionals;
    int              *positional_count; /* NULL allowed */
} ArgsCommand;

/* Parses argv[1..argc). *help is set, and the rest not looked at, if --help or -h
 * is there. STATUS_BAD_INPUT names the option and, for an unknown one, the nearest. */
Status args_parse(const ArgsCommand *command, int argc, char **argv, bool *help, Error *error);

void args_print_help(const ArgsCommand *command, FILE *out);

/* args_parse, then: help to stdout (exit code 0), an error to stderr (2). Returns
 * whether to go on. */
bool args_begin(const ArgsCommand *command, int argc, char **argv, int *exit_code);

/* "rlsp NAME: text" on stderr; returns error_exit_code(error->status). */
int args_fail(const ArgsCommand *command, const Error *error);

#endif
