#!/bin/sh
# replay.sh PROGRAM CORPUS.tar.gz: unpacks a corpus and gives it to the program that replay.c makes of a fuzz target.
set -eu
folder=$(mktemp -d "${TMPDIR:-/tmp}/rlsp-replay.XXXXXX")
trap 'rm -rf "$folder"' EXIT
tar -xzf "$2" -C "$folder"
"$1" "$folder"
