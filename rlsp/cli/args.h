/* Options, strictly: the same for every subcommand.
 *
 *     bool json = false; int64_t n = 4; const char *model = NULL;
 *     const ArgsOption options[] = {
 *         args_required(args_text("model", &model, "DIR", "a model")),
 *         args_integer("n", &n, "N", "responses", 1, 9),
 *         args_flag("json", &json, "print JSON"),
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

/* A row of a table, for a variable of the type that it needs. */
static inline ArgsOption args_flag(const char *name, bool *value, const char *help)
{
    return (ArgsOption){.name = name, .type = ARGS_FLAG, .value = value, .help = help};
}

static inline ArgsOption args_text(const char *name, const char **value, const char *placeholder, const char *help)
{
    return (ArgsOption){.name = name, .type = ARGS_TEXT, .value = value, .placeholder = placeholder, .help = help};
}

static inline ArgsOption args_integer(const char *name, int64_t *value, const char *placeholder, const char *help,
                                      double min, double max)
{
    return (ArgsOption){.name        = name,
                        .type        = ARGS_INTEGER,
                        .value       = value,
                        .placeholder = placeholder,
                        .help        = help,
                        .min         = min,
                        .max         = max};
}

static inline ArgsOption args_real(const char *name, double *value, const char *placeholder, const char *help,
                                   double min, double max)
{
    return (ArgsOption){.name        = name,
                        .type        = ARGS_REAL,
                        .value       = value,
                        .placeholder = placeholder,
                        .help        = help,
                        .min         = min,
                        .max         = max};
}

static inline ArgsOption args_choice(const char *name, int *value, const char *placeholder, const char *help,
                                     const char *const *choices)
{
    return (ArgsOption){.name        = name,
                        .type        = ARGS_CHOICE,
                        .value       = value,
                        .placeholder = placeholder,
                        .help        = help,
                        .choices     = choices};
}

static inline ArgsOption args_list(const char *name, ArgsList *value, const char *placeholder, const char *help)
{
    return (ArgsOption){.name = name, .type = ARGS_LIST, .value = value, .placeholder = placeholder, .help = help};
}

static inline ArgsOption args_required(ArgsOption option)
{
    option.required = true;
    return option;
}

static inline ArgsOption args_letter(char letter, ArgsOption option)
{
    option.letter = letter;
    return option;
}

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
