#!/bin/sh
# What the dashboard costs: the same training with a line per step, with the dashboard (in tmux) and detached, by turns;
# seconds per RL step of each as a ratio to the lines, and the processor time of the dashboard.
# usage: sh tests/bench/dashboard_cost.sh [path/to/rlsp] [rounds]
set -eu
rlsp=$(realpath "${1:-build/release/rlsp}")
rounds=${2:-3}
source=$(realpath "$(dirname "$0")/../..")
command -v tmux >/dev/null || { echo "dashboard_cost: needs tmux" >&2; exit 2; }
work=$(mktemp -d)
tm() { tmux -L "rlsp-bench-$$" -f /dev/null "$@"; }
trap 'tm kill-server 2>/dev/null; rm -rf "$work"' EXIT
steps=80
config="--config $source/configs/pick-three-smoke.json --set rl.steps=$steps --set eval.every=0 --set eval.final_problems=2"

# Median seconds between steps; the first twenty are left out (drivers compile).
median() { # RUN
    grep '"event":"rl_step"' "$1/events.jsonl" | sed 's/.*"time_unix":\([0-9.]*\).*/\1/' |
        awk 'NR > 20 { printf "%.6f\n", $1 - last } { last = $1 }' | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
ended() { grep -q '"event":"run_end"' "$1/events.jsonl" 2>/dev/null; }
wait_end() { until ended "$1"; do sleep 0.5; done; }
ticks() { sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'; }

round=1
while [ "$round" -le "$rounds" ]; do
    # shellcheck disable=SC2086
    "$rlsp" train --batch $config --out "$work/batch-$round" 2>/dev/null
    tm new-session -d -x 160 -y 48 "exec $rlsp train $config --out $work/dashboard-$round"
    until [ -s "$work/dashboard-$round/events.jsonl" ]; do sleep 0.2; done
    dashboard=$(ps -o ppid= -p "$(tr -dc 0-9 <"$work/dashboard-$round/.lock")" | tr -d ' ')
    before=$(ticks "$dashboard")
    begun=$(date +%s.%N)
    wait_end "$work/dashboard-$round"
    share=$(echo "$(ticks "$dashboard") $before $(date +%s.%N) $begun" | awk '{ printf "%.2f", ($1 - $2) / ($3 - $4) }') # 100 ticks a second
    tm kill-server
    # shellcheck disable=SC2086
    "$rlsp" train --detach $config --out "$work/detached-$round" >/dev/null 2>&1
    wait_end "$work/detached-$round"
    sleep 1
    echo "$(median "$work/batch-$round") $(median "$work/dashboard-$round") $(median "$work/detached-$round") $share" | tee -a "$work/rounds" |
        awk -v r="$round" '{ printf "round %d: seconds a step: lines %.3f, dashboard %.3f, detached %.3f; the dashboard takes %s%% of a core\n", r, $1, $2, $3, $4 }'
    round=$((round + 1))
done
awk '{ d = $2 / $1; e = $3 / $1; ds += d; es += e; c += $4 } END { printf "mean ratio to lines: dashboard %.3f, detached %.3f; dashboard %.2f%% of a core\n", ds / NR, es / NR, c / NR }' "$work/rounds"
