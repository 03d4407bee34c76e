/* rlsp config: a config as it is understood. */
#include <stdlib.h>

#include "rlsp/cli/cli.h"
#include "rlsp/cli/options.h"
#include "rlsp/run/config.h"

int cli_config(int argc, char **argv)
{
    static ArgsList  sets;
    static RunConfig config;
    bool             keys = false, json = false;
    const char      *path      = NULL;
    const ArgsOption options[] = {
        option_set(&sets),
        args_flag("keys", &keys, "list every key with its type, default and meaning"),
        option_json_always(&json),
    };
    const ArgsCommand command = {.name    = "config",
                                 .usage   = "[FILE] [--set a.b=v]… | --keys",
                                 .summary = "Prints a config with everything it extends and every default filled in.\n"
                                            "Without FILE: the defaults.",
                                 .options = options,
                                 .option_count    = 3,
                                 .positionals     = &path,
                                 .max_positionals = 1};
    int               exit_code;
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    if (keys) {
        run_config_print_keys(stdout);
        return cli_finish_output(command.name);
    }
    Error error = {0};
    if (run_config_read(path, sets.items, sets.count, &config, &error) != STATUS_OK) {
        return args_fail(&command, &error);
    }
    char *text = run_config_print(&config);
    if (text == NULL) {
        error_set(&error, STATUS_OUT_OF_MEMORY, "out of memory while printing the config");
        return args_fail(&command, &error);
    }
    puts(text);
    free(text);
    return cli_finish_output(command.name);
}
