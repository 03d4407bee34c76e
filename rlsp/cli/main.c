/* rlsp SUBCOMMAND: the table of subcommands, --help and --version. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "engine/io/json.h"
#include "rlsp/cli/cli.h"
#include "rlsp/version.h"

typedef struct Command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} Command;

static const Command commands[] = {
    {"train", cli_train, "trains a model: SFT and RL as a config says"},
    {"watch", cli_watch, "shows runs in the terminal: curves, traces, behaviours, while they train or later"},
    {"eval", cli_eval, "measures a model on held-out problems: pass@k, maj@k, lengths, behaviours"},
    {"export", cli_export, "a run's model or adapter as transformers, PEFT and llama.cpp read it"},
    {"generate", cli_generate, "continues a text, or token ids in bulk"},
    {"score", cli_score, "log-probabilities and entropies of token ids"},
    {"tokenize", cli_tokenize, "texts or chats to token ids and back, as JSON lines"},
    {"verify", cli_verify, "whether answers are right and why, as JSON lines"},
    {"data", cli_data, "datasets made ready, checked and looked at"},
    {"devices", cli_devices, "the Vulkan devices, what they offer and why one cannot be used"},
    {"bench", cli_bench, "how fast this device trains, decodes and multiplies"},
    {"traces", cli_traces, "the reasoning traces of a run: as a list, in colour, as a page"},
    {"plot", cli_plot, "curves of one or several runs as a picture"},
    {"plan", cli_plan, "what a run will need of a device, whether it fits and what would make it fit"},
    {"config", cli_config, "a config as it is understood, or all keys there are"},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *out)
{
    fprintf(out,
            "rlsp %s: trains reasoning into language models on any Vulkan GPU\n\n"
            "usage: rlsp SUBCOMMAND [options]\n\n",
            rlsp_version);
    for (int i = 0; i < COMMANDS; i++) {
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
    }
    fprintf(out, "\nrlsp help SUBCOMMAND says more; rlsp --version prints the version.\n");
}

int cli_finish_output(const char *name)
{
    if ((fflush(stdout) != 0 || ferror(stdout)) && errno != EPIPE) {
        fprintf(stderr, "rlsp %s: cannot write the output: %s\n", name, strerror(errno));
        return 1;
    }
    return 0;
}

int cli_end(const ArgsCommand *command, const Error *error)
{
    const int written = cli_finish_output(command->name);
    return error->status != STATUS_OK ? args_fail(command, error) : written;
}

History *cli_open_run(const char *name, const char *path, Error *error)
{
    History *history = history_open(path, error);
    while (history != NULL && history_update(history, 0)) {
    }
    const uint64_t skipped = history != NULL ? history_state(history)->skipped : 0;
    if (skipped > 0) {
        fprintf(stderr, "rlsp %s: %s: %" PRIu64 " lines of its files are no events, and are left out\n", name, path,
                skipped);
    }
    return history;
}

bool cli_print_line(JsonLine *line)
{
    const char *text  = json_line_finish(line);
    const bool  whole = text != NULL;
    if (whole) {
        fwrite(text, 1, line->size, stdout);
    }
    json_line_free(line);
    return whole;
}

/* The subcommand of that name; NULL, said on stderr, if there is none. */
static const Command *find(const char *name)
{
    const char *names[COMMANDS];
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return &commands[i];
        }
        names[i] = commands[i].name;
    }
    Error       error   = {0};
    const char *nearest = json_nearest(name, names, COMMANDS);
    error_set(&error, STATUS_BAD_INPUT, "unknown subcommand \"%.80s\"; %s%s%s", name,
              nearest != NULL ? "did you mean \"" : "", nearest != NULL ? nearest : "rlsp --help lists them",
              nearest != NULL ? "\"?" : "");
    fprintf(stderr, "rlsp: %s\n", error.text);
    return NULL;
}

/* A standard file that was closed (">&-") stays unusable instead of becoming the next file that is opened: what is said
 * on stderr would else be written into the run's traces. */
static void keep_standard_files(void)
{
    for (int file = 0; file <= 2; file++) {
        if (fcntl(file, F_GETFD) < 0 && errno == EBADF) {
            const int unusable =
                open("/dev/null", file == 0 ? O_WRONLY : O_RDONLY); /* reads or writes fail, as before */
            (void)unusable;
        }
    }
}

/* `rlsp help NAME`: 0 arguments mean all. */
static int help(int argc, char **argv)
{
    char *asked[] = {argv[0], "--help", NULL};
    if (argc == 0) {
        print_help(stdout);
        return cli_finish_output("help");
    }
    const Command *command = find(argv[0]);
    return command != NULL ? command->run(2, asked) : 2;
}

int main(int argc, char **argv)
{
    keep_standard_files();
    signal(SIGPIPE, SIG_IGN); /* a reader that stops early ends the output, not a run in the middle of saving */
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        return help(argc - 2, argv + 2);
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        printf("rlsp %s\n", rlsp_version);
        return cli_finish_output("--version");
    }
    const Command *command = find(argv[1]);
    return command != NULL ? command->run(argc - 1, argv + 1) : 2;
}
