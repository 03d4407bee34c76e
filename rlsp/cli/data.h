/* The parts of `rlsp data`. */
#ifndef RLSP_CLI_DATA_H
#define RLSP_CLI_DATA_H

#include "rlsp/run/json_line.h"

int data_convert_command(int argc, char **argv);
int data_check_command(int argc, char **argv);
int data_stats_command(int argc, char **argv);

/* Text without what a terminal would take for a command, to stdout. */
void data_print_clean(const char *text);

/* Prints the finished line; false: memory ran out. */
bool data_print_line(JsonLine *line);

#endif
