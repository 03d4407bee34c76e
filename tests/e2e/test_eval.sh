#!/bin/sh
# rlsp eval from outside, with a model of random weights.
# usage: test_eval.sh path/to/rlsp source-directory
rlsp=$1
maker=$(dirname "$rlsp")/test_evaluate_run # writes the model
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

. "$2/tests/support/eval.sh"

# Wrong usage is told before any device is opened.
expect 2 "" "--model"
expect 2 "" "--task is missing" --model "$work"
expect 2 "" "countdown or pick-three" --model "$work" --task chess
expect 2 "" "does not go with --data" --model "$work" --task countdown --data "$work/f.jsonl"
expect 2 "" "cannot read $work/f.jsonl" --model "$work" --data "$work/f.jsonl"
expect 2 "" "is given twice" --model "$work" --task countdown --temperature 1 --temperature 1.0
expect 2 "" "are for --data" --model "$work" --task countdown --system x
expect 2 "" "--k \"2\"" --model "$work" --task countdown --k 4 --k 2
expect 2 "" "unexpected argument" --model "$work" --task countdown extra
expect 2 "" "--protocol says" --model "$work" --task countdown --protocol --temperature 1
expect 2 "" "--temperature \"warm\"" --model "$work" --task countdown --temperature warm
expect 2 "" "--problems" --model "$work" --task countdown --problems 0
expect 2 "" "no directory $work/none" --model "$work/none" --task countdown

"$rlsp" devices >/dev/null 2>&1 || { echo "test_eval: no device, the rest is left out"; exit $((failures > 0)); }
[ -x "$maker" ] || { echo "FAILED: $maker is not built"; exit 1; }
"$maker" --make-model countdown "$work/model" || exit 1
set -- --model "$work/model" --task countdown --problems 6 --max-new 20 --validate

expect 2 "" "at most 243 new tokens" --model "$work/model" --task countdown --problems 1 --max-new 244
"$maker" --make-model pick-three "$work/pick" || exit 1
expect 0 "problems of pick-three, seed 5" "" --model "$work/pick" --task pick-three --problems 3 --max-new 10 --seed 5 --validate
# A tokenizer that cuts two-digit numbers in two: prompts of several lengths.
expect 0 "problems of countdown" "" --model "$work/pick" --task countdown --problems 9 --max-new 4 --validate

# The protocol: three columns, a trace for every response, a report that says the same as --json.
expect 0 '"name":"greedy"' "" "$@" --protocol --n 2 --out "$work/first" --json
cmp -s "$work/out" "$work/first/report.json" || fail "report.json is not what --json printed"
for key in '"name":"T=1"' '"name":"T=0.5"' '"pass_at":{"1":' '"maj_at_k":' '"repeats_per_attempt":' '"time_seconds":' '"problems":6' '"seed":20261122'; do
    has "$work/out" "$key"
done
[ "$(wc -l <"$work/first/traces.jsonl")" -eq 30 ] || fail "not 30 traces: 6 problems, 2 + 2 + 1 samples"
[ "$(grep -c '"stage":"eval_greedy"' "$work/first/traces.jsonl")" -eq 6 ] || fail "not 6 greedy traces"
[ "$(grep -c '"event":"eval"' "$work/first/events.jsonl")" -eq 3 ] || fail "not 3 eval events"
cp "$work/first/traces.jsonl" "$work/traces"
expect 2 "" "was begun with --n 2, not 1" "$@" --out "$work/first" --protocol --n 1
expect 0 '"name":"greedy"' "" "$@" --protocol --n 2 --out "$work/first" --json # nothing is left to do
cmp -s "$work/first/traces.jsonl" "$work/traces" || fail "a finished evaluation has new traces"
mkdir "$work/run" && : >"$work/run/traces.jsonl"
expect 2 "" "traces.jsonl is there already" "$@" --out "$work/run"

# The same again, in fewer slots and columns of its own: the same traces.
expect 0 "pass@1 (accuracy)" "" "$@" --n 2 --temperature 1 --temperature 0.5 --temperature 0 --slots 3 --out "$work/second"
sort "$work/first/traces.jsonl" >"$work/one"
sort "$work/second/traces.jsonl" >"$work/two" # they are written as they finish
cmp -s "$work/one" "$work/two" || fail "traces depend on the slots"
for row in 'T=1 +T=0.5 +greedy' 'samples per problem, k +2 +2 +1' 'maj@k' 'backtrack' 'repeats per attempt' 'truncated' 'tokens generated'; do
    grep -qE -e "$row" "$work/out" || fail "no \"$row\" in the table"
done
expect 0 "T=1" "" "$@" --seed 7 --out "$work/third"
[ "$(cut -c 1-400 "$work/third/traces.jsonl" | head -1)" != "$(cut -c 1-400 "$work/first/traces.jsonl" | head -1)" ] || fail "the seed changes nothing"

[ $failures -eq 0 ] && echo "test_eval: all passed"
exit $((failures > 0))
