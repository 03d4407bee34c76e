#include "rlsp/cli/args.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "engine/io/json.h"

/* HELP_INDENT: the column where options are explained; HELP_NARROW: fewer columns than these are not worth breaking for
 */
enum { OPTIONS_MAX = 64, HELP_INDENT = 27, HELP_NARROW = 20 };

static const ArgsOption *find(const ArgsCommand *command, const char *name, size_t length)
{
    for (int i = 0; i < command->option_count; i++) {
        const ArgsOption *option = &command->options[i];
        if (strlen(option->name) == length && strncmp(option->name, name, length) == 0) {
            return option;
        }
    }
    return NULL;
}

static const ArgsOption *find_letter(const ArgsCommand *command, char letter)
{
    for (int i = 0; i < command->option_count; i++) {
        if (command->options[i].letter == letter) {
            return &command->options[i];
        }
    }
    return NULL;
}

static Status unknown(const ArgsCommand *command, const char *name, size_t length, Error *error)
{
    const char *names[OPTIONS_MAX];
    char        word[80];
    size_t      count = 0;
    for (; count < (size_t)command->option_count && count < OPTIONS_MAX; count++) {
        names[count] = command->options[count].name;
    }
    snprintf(word, sizeof word, "%.*s", (int)(length < 79 ? length : 79), name);
    const char *nearest = json_nearest(word, names, count);
    return nearest != NULL
               ? error_set(error, STATUS_BAD_INPUT, "unknown option --%s; did you mean --%s?", word, nearest)
               : error_set(error, STATUS_BAD_INPUT, "unknown option --%s; see rlsp %s --help", word, command->name);
}

static Status store_number(const ArgsOption *option, const char *text, Error *error)
{
    bool  integer   = option->type == ARGS_INTEGER;
    bool  limited   = option->min != 0 || option->max != 0;
    char *end       = NULL;
    errno           = 0;
    double    real  = integer ? 0 : strtod(text, &end);
    long long whole = integer ? strtoll(text, &end, 10) : 0;
    double    value = integer ? (double)whole : real;
    bool      blank = text[0] == '\0' || strchr(" \t\n\r\f\v", text[0]) != NULL;
    bool      plain = text[strspn(text, "+-.0123456789eE")] == '\0'; /* no hexadecimal, no nan */
    bool      huge  = errno == ERANGE && fabs(value) > 1;
    if (blank || !plain || *end != '\0' || (errno == ERANGE && !(huge && limited))) {
        return error_set(error, STATUS_BAD_INPUT, "--%s: found \"%.80s\", wanted %s", option->name, text,
                         integer ? "a whole number" : "a number");
    }
    if (huge || (limited && (value < option->min || value > option->max))) {
        return error_set(error, STATUS_BAD_INPUT, "--%s: found %.80s, wanted %.15g to %.15g", option->name, text,
                         option->min, option->max);
    }
    if (integer) {
        *(int64_t *)option->value = whole;
    } else {
        *(double *)option->value = real;
    }
    return STATUS_OK;
}

static Status store(const ArgsOption *option, const char *text, Error *error)
{
    ArgsList *list;
    char      wanted[200] = "";
    switch (option->type) {
    case ARGS_FLAG: *(bool *)option->value = true; return STATUS_OK;
    case ARGS_TEXT: *(const char **)option->value = text; return STATUS_OK;
    case ARGS_INTEGER:
    case ARGS_REAL: return store_number(option, text, error);
    case ARGS_CHOICE:
        for (int i = 0; option->choices[i] != NULL; i++) {
            if (strcmp(option->choices[i], text) == 0) {
                *(int *)option->value = i;
                return STATUS_OK;
            }
            size_t used = strlen(wanted);
            snprintf(wanted + used, sizeof wanted - used, "%s%s", i > 0 ? ", " : "", option->choices[i]);
        }
        return error_set(error, STATUS_BAD_INPUT, "--%s: found \"%.80s\", wanted one of %s", option->name, text,
                         wanted);
    case ARGS_LIST:
        list = option->value;
        if (list->count == ARGS_LIST_MAX) {
            return error_set(error, STATUS_BAD_INPUT, "--%s is given more than %d times", option->name, ARGS_LIST_MAX);
        }
        list->items[list->count++] = text;
        return STATUS_OK;
    }
    return STATUS_OK;
}

/* One option at argv[*i], "--name", "--name=value", "-l" or "-lvalue"; moves *i to the last argument it used. */
static Status parse_option(const ArgsCommand *command, int argc, char **argv, int *i, uint64_t *given, Error *error)
{
    bool              full   = argv[*i][1] == '-';
    const char       *name   = argv[*i] + (full ? 2 : 1);
    size_t            length = full ? strcspn(name, "=") : 1;
    const ArgsOption *option = full ? find(command, name, length) : find_letter(command, name[0]);
    const char       *value  = NULL;
    if (full && name[length] == '=') {
        value = name + length + 1;
    } else if (!full && name[length] != '\0') {
        value = name + length;
    }
    if (option == NULL) {
        return full ? unknown(command, name, length, error)
                    : error_set(error, STATUS_BAD_INPUT, "unknown option %.80s; see rlsp %s --help", argv[*i],
                                command->name);
    }
    if (option->type == ARGS_FLAG && value != NULL) {
        return error_set(error, STATUS_BAD_INPUT, "--%s takes no value", option->name);
    }
    if (option->type != ARGS_FLAG && value == NULL) {
        if (*i + 1 >= argc || strncmp(argv[*i + 1], "--", 2) == 0) {
            return error_set(error, STATUS_BAD_INPUT, "--%s needs a value: --%s %s%s", option->name, option->name,
                             option->placeholder, *i + 1 >= argc ? "" : " (--name=value if it starts with --)");
        }
        value = argv[++*i];
    }
    *given |= (uint64_t)1 << (option - command->options);
    return store(option, value, error);
}

Status args_parse(const ArgsCommand *command, int argc, char **argv, bool *help, Error *error)
{
    uint64_t given = 0;
    int      count = 0;
    bool     ended = false;
    *help          = false;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            *help = true;
            return STATUS_OK;
        }
    }
    for (int i = 1; i < argc; i++) {
        Status status = STATUS_OK;
        if (!ended && strcmp(argv[i], "--") == 0) {
            ended = true;
        } else if (!ended && argv[i][0] == '-' && argv[i][1] != '\0') {
            status = parse_option(command, argc, argv, &i, &given, error);
        } else if (count == command->max_positionals) {
            status = error_set(error, STATUS_BAD_INPUT, "unexpected argument \"%.80s\"; see rlsp %s --help", argv[i],
                               command->name);
        } else {
            command->positionals[count++] = argv[i];
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    for (int i = 0; i < command->option_count; i++) {
        if (command->options[i].required && (given >> i & 1) == 0) {
            return error_set(error, STATUS_BAD_INPUT, "--%s %s is missing; see rlsp %s --help",
                             command->options[i].name, command->options[i].placeholder, command->name);
        }
    }
    if (count < command->min_positionals) {
        return error_set(error, STATUS_BAD_INPUT, "an argument is missing: rlsp %s %s", command->name, command->usage);
    }
    if (command->positional_count != NULL) {
        *command->positional_count = count;
    }
    return STATUS_OK;
}

/* Columns that help may take: of a terminal its own, elsewhere an option is a line, for grep. */
static size_t help_columns(FILE *out)
{
    struct winsize size;
    const bool     terminal = isatty(fileno(out)) == 1 && ioctl(fileno(out), TIOCGWINSZ, &size) == 0;
    return terminal && size.ws_col > HELP_INDENT + HELP_NARROW ? size.ws_col : SIZE_MAX;
}

static size_t characters(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++) {
        count += (*text & 0xC0) != 0x80;
    }
    return count;
}

/* `text` from column HELP_INDENT on, broken at spaces. */
static void print_wrapped(FILE *out, const char *text, size_t columns)
{
    while (columns != SIZE_MAX && characters(text) > columns - HELP_INDENT) {
        size_t bytes = 0, cut = 0;
        for (size_t used = 0; used <= columns - HELP_INDENT; used++) {
            cut = text[bytes] == ' ' ? bytes : cut;
            do { /* a character */
                bytes++;
            } while ((text[bytes] & 0xC0) == 0x80);
        }
        if (cut == 0) {
            break; /* a word that is longer than a line */
        }
        fprintf(out, "%.*s\n%*s", (int)cut, text, HELP_INDENT, "");
        text += cut + 1;
    }
    fprintf(out, "%s\n", text);
}

static void print_option(FILE *out, const ArgsOption *option, size_t columns)
{
    const char letter[] = {'-', option->letter, ',', ' ', '\0'};
    bool       bare     = option->type == ARGS_FLAG;
    char       left[80], text[600];
    snprintf(left, sizeof left, "%s--%s%s%s", option->letter != '\0' ? letter : "", option->name, bare ? "" : " ",
             bare ? "" : option->placeholder);
    snprintf(text, sizeof text, "%s", option->help);
    for (int j = 0; option->choices != NULL && option->choices[j] != NULL; j++) {
        const size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s", j == 0 ? ": " : ", ", option->choices[j]);
    }
    fprintf(out, "  %-*s ", HELP_INDENT - 3, left);
    print_wrapped(out, text, columns);
}

void args_print_help(const ArgsCommand *command, FILE *out)
{
    static const ArgsOption help    = {.name = "help", .type = ARGS_FLAG, .help = "print this"};
    const size_t            columns = help_columns(out);
    fprintf(out, "usage: rlsp %s %s\n\n%s\n\noptions (without them, what is in parentheses holds):\n", command->name,
            command->usage, command->summary);
    for (int i = 0; i < command->option_count; i++) {
        print_option(out, &command->options[i], columns);
    }
    print_option(out, &help, columns);
}

int args_fail(const ArgsCommand *command, const Error *error)
{
    fprintf(stderr, "rlsp %s: %s\n", command->name, error->text);
    return error_exit_code(error->status);
}

bool args_begin(const ArgsCommand *command, int argc, char **argv, int *exit_code)
{
    Error error = {0};
    bool  help  = false;
    *exit_code  = 0;
    if (args_parse(command, argc, argv, &help, &error) != STATUS_OK) {
        *exit_code = args_fail(command, &error);
        return false;
    }
    if (help) {
        args_print_help(command, stdout);
        return false;
    }
    return true;
}
