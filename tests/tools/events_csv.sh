#!/bin/sh
# Turns the RL steps and evaluations of runs into one table of comma-separated
# values, for a spreadsheet or a plot: sh tests/tools/events_csv.sh RUN [RUN…]
# A RUN is a run directory or an events.jsonl file.
set -eu

[ $# -gt 0 ] || { echo "usage: $0 RUN [RUN...]" >&2; exit 2; }
echo "run,event,step,reward,accuracy,explore,length,attempts,distinct,backtrack,check,truncated,false_yes,kl,entropy,greedy_accuracy,pass_at_k,maj_at_k"
for run in "$@"; do
    if [ -d "$run" ]; then
        file=$run/events.jsonl
        name=$(basename "$run")
    else
        file=$run
        name=$(basename "$run" .events.jsonl)
    fi
    [ -r "$file" ] || { echo "$0: $file: cannot be read; give a run directory or an events.jsonl" >&2; exit 2; }
    awk -v name="$name" '
        function number(key) {
            if (!match($0, "\"" key "\":-?[0-9][0-9.eE+-]*")) return ""
            return substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3)
        }
        /"event":"(rl_step|eval)"/ {
            event = /"event":"eval"/ ? "eval" : "rl_step"
            line = name "," event
            count = split("step reward accuracy explore length attempts distinct backtrack check truncated false_yes kl entropy greedy_accuracy pass_at_k maj_at_k", key, " ")
            for (i = 1; i <= count; i++) line = line "," number(key[i])
            print line
        }' "$file"
done
