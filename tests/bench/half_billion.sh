#!/bin/sh
# A model of the shape of Qwen2.5-0.5B with random weights, trained for a few steps of PPO with LoRA on its frozen bf16
# base: the peak that `rlsp plan` foretells beside the run's, and tokens per second by the clock and of CPU time.
# usage: sh tests/bench/half_billion.sh [build directory] [steps] [--set …]    (5 GB of memory, 1 GB of disk for a while; a
# step takes less than a minute of CPU time on lavapipe 26.2; on 22.3 one by itself took 69 s)
set -eu
build=$(realpath "${1:-build/release}")
steps=${2:-2}
[ $# -lt 1 ] || shift
[ $# -lt 1 ] || shift
source=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$build/make_model" "$source/tests/data/plan/qwen2.5-0.5b/config.json" "$work/model"
cat >"$work/config.json" <<END
{"name": "half-billion", "seed": 1, "stages": ["rl"], "recompute": "block",
 "model": {"path": "$work/model", "tokenizer": "task", "weights": "auto"},
 "task": {"kind": "countdown"}, "adapter": {"kind": "lora", "rank": 8, "alpha": 16},
 "rl": {"steps": $steps, "prompts_per_step": 2, "samples_per_prompt": 2, "minibatch_size": 4, "max_new_tokens": 16},
 "eval": {"problems": 0}}
END
"$build/rlsp" plan --config "$work/config.json" "$@"
planned=$("$build/rlsp" plan --config "$work/config.json" "$@" --json | sed 's/.*"peak_bytes":\([0-9]*\).*/\1/; q')
begun=$(date +%s.%N)
"$build/rlsp" train --config "$work/config.json" "$@" --out "$work/run" --batch &
trainer=$!
resident=0
while now=$(awk '/^VmHWM/ { print $2 }' "/proc/$trainer/status" 2>/dev/null) && [ -n "$now" ]; do
    resident=$now
    sleep 1
done
wait "$trainer"
seconds=$(echo "$(date +%s.%N) $begun" | awk '{ print $1 - $2 }')
times >"$work/times" # not in a pipe: of this shell's children
cpu=$(tail -1 "$work/times" | tr 'ms' '  ' | awk '{ print 60 * $1 + $2 + 60 * $3 + $4 }')
grep '"event":"rl_step"' "$work/run/events.jsonl" | tail -1 | sed 's/.*"time_memory_peak_bytes":\([0-9]*\).*/\1/' |
    awk -v planned="$planned" -v resident="$resident" '{ printf "peak: planned %.1f MiB, measured %.1f MiB, ratio %.4f; of the process %.1f MiB\n",
        planned / 1048576, $1 / 1048576, planned / $1, resident / 1024 }'
echo "$steps $seconds $cpu" | awk '{ printf "%d steps of 64 new tokens: %.0f s, %.0f s of CPU, loading and compiling included: %.2f and %.2f new tokens per second\n",
    $1, $2, $3, 64 * $1 / $2, 64 * $1 / $3 }'
