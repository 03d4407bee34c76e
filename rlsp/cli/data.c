/* rlsp data: datasets made ready, checked and looked at. */
#include "rlsp/cli/data.h"

#include <stdio.h>
#include <string.h>

#include "engine/io/json.h"
#include "rlsp/cli/cli.h"

typedef struct Part {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} Part;

static const Part parts[] = {
    {"convert", data_convert_command, "MATH, GSM8K, AIME rows, conversations and the like to what rlsp trains on"},
    {"check", data_check_command, "whether files are what a config needs, line by line"},
    {"stats", data_stats_command, "what files hold: lengths, levels, subjects, duplicates"},
};

enum { PARTS = sizeof parts / sizeof *parts };

static void print_help(FILE *out)
{
    fprintf(out, "usage: rlsp data PART [options]\n\n");
    for (int i = 0; i < PARTS; i++) {
        fprintf(out, "  %-10s %s\n", parts[i].name, parts[i].help);
    }
    fprintf(out, "\nrlsp data PART --help says more.\n");
}

void data_print_clean(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        const unsigned char byte = (unsigned char)*at;
        /* C0, DEL, and C1 as UTF-8 writes it: 0xC2 0x80 … 0xC2 0x9F */
        const bool c1 = byte == 0xC2 && (unsigned char)at[1] >= 0x80 && (unsigned char)at[1] < 0xA0;
        putchar(byte < 0x20 || byte == 0x7F || c1 ? '?' : *at);
        at += c1;
    }
}

int cli_data(int argc, char **argv)
{
    const char *names[PARTS];
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(stdout);
        return cli_finish_output("data");
    }
    for (int i = 0; i < PARTS; i++) {
        if (strcmp(argv[1], parts[i].name) == 0) {
            return parts[i].run(argc - 1, argv + 1);
        }
        names[i] = parts[i].name;
    }
    const char *nearest = json_nearest(argv[1], names, PARTS);
    fprintf(stderr, "rlsp data: unknown part \"%.80s\"; %s%s%s\n", argv[1],
            nearest != NULL ? "did you mean \"" : "there are convert, check and stats", nearest != NULL ? nearest : "",
            nearest != NULL ? "\"?" : "");
    return 2;
}
