#!/bin/sh
# interpreted.sh BUILD OPTIONS PROGRAM ARGUMENT...: runs a program on the driver that interprets SPIR-V
# (tests/tools/interpreter), and on no other. OPTIONS say which card it is like: "card=nvidia,races=0", or "" for the usual
# ones; vk_options.c has them all. Exit status: the program's, 134 (abort) after a fault; 77 where there is no such driver.
set -u
[ $# -ge 3 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
icd=$(cd "$1" && pwd)/interpreter_icd.json
[ -f "$icd" ] && [ -f "$1/libinterpreter_driver.so" ] || { echo "interpreted: the driver is not built (Linux only)" >&2; exit 77; }
options=$2
shift 2
# Under both names: loaders older than 2022 know the second alone.
RLSP_INTERPRETER=$options VK_DRIVER_FILES=$icd VK_ICD_FILENAMES=$icd exec "$@"
