#!/bin/sh
# rlsp data: files of each form made ready, checked, looked at, and what comes out trained on.
# usage: test_data.sh path/to/rlsp source-directory
rlsp=$(realpath "$1")
source=$(realpath "$2")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    tail -3 "$work/err" 2>/dev/null
}

run() { "$rlsp" data "$@" >"$work/out" 2>"$work/err" </dev/null; }
says() { grep -qF "$1" "$work/out" || fail "no \"$1\" in: $(cat "$work/out")"; }
complains() { grep -qF "$1" "$work/err" || fail "no \"$1\" in: $(cat "$work/err")"; }

math500=$source/tests/data/eval/math500.jsonl
model=$source/tests/data/parity/models/tiny-qwen2


cp "$source"/tests/data/datasets/*.jsonl "$work" # a few rows of each form

# --- each form, told by its keys, and by name
run convert "$work/math.jsonl" "$work/gsm8k.jsonl" "$work/authors.jsonl" "$work/sharegpt.jsonl" -o "$work/all.jsonl" || fail "convert: exit code $?"
says "lines                                         7  math 4, gsm8k 1, authors 1, messages 1"
says "duplicate                                   1  first: math.jsonl:2"
says "no answer                                   1  first: math.jsonl:4"
[ "$(wc -l <"$work/all.jsonl")" = 5 ] || fail "rows: $(cat "$work/all.jsonl")"
grep -qF '{"problem":"Halve one.","answer":"\\frac{1}{2}","solution":"It is $\\boxed{\\frac{1}{2}}$.","subject":"Prealgebra","level":4,"id":"math.jsonl:3"}' "$work/all.jsonl" ||
    fail "math: $(cat "$work/all.jsonl")"
grep -qF '"answer":"12","solution":"She has 3*4=12 apples."' "$work/all.jsonl" || fail "gsm8k: $(cat "$work/all.jsonl")"
run convert "$work/gsm8k.jsonl" --from gsm8k -o "$work/one.jsonl" --json || fail "--from gsm8k: exit code $?"
says '"lines":1,"written":1,"held_out":0,'
run convert "$work/gsm8k.jsonl" --from messages -o "$work/one.jsonl"
[ $? = 2 ] || fail "another form: exit code not 2"
complains "gsm8k.jsonl:1: no conversation under 'messages' or 'conversations'"

# --- nothing of an evaluation set, and rows held out
run convert "$math500" "$work/math.jsonl" --exclude "$math500" -o "$work/clean.jsonl" || fail "--exclude: exit code $?"
says "in an excluded set                        500  first: math500.jsonl:1"
[ "$(wc -l <"$work/clean.jsonl")" = 2 ] || fail "rows: $(cat "$work/clean.jsonl")"
run convert "$math500" --levels 3-5 --drop-figures --max-tokens 300 --model "$model" --held-out 0.1 --held-out-to "$work/dev.jsonl" -o "$work/train.jsonl" ||
    fail "held out: exit code $?"
[ "$(cat "$work/dev.jsonl" "$work/train.jsonl" | sort -u | wc -l)" = "$(cat "$work/dev.jsonl" "$work/train.jsonl" | wc -l)" ] || fail "rows on both sides"
grep -q '"level":[12]' "$work/dev.jsonl" "$work/train.jsonl" && fail "a level that was not asked for"

# --- what goes wrong leaves all as it was
echo kept >"$work/kept.jsonl"
run convert "$work/math.jsonl" --levels 9 -o "$work/kept.jsonl"
[ $? = 2 ] || fail "nothing left: exit code not 2"
complains "no row is left"
says "other level"
printf '{"problem": "p", "answer": "1"}\n{"problem": \n' >"$work/torn.jsonl"
run convert "$work/torn.jsonl" -o "$work/kept.jsonl"
[ $? = 2 ] || fail "a bad line: exit code not 2"
complains "torn.jsonl:2: column 13: "
[ "$(cat "$work/kept.jsonl")" = kept ] || fail "the output was changed"
run convert "$work/torn.jsonl" --skip-bad -o "$work/kept.jsonl" || fail "--skip-bad: exit code $?"
says "bad line                                    1  first: torn.jsonl:2"
for options in "--held-out 3" "--max-tokens 5" "--shared-words 13" "--levels" "--from mth" "--held-out 1.5 --held-out-to $work/x"; do
    run convert "$work/math.jsonl" -o "$work/x.jsonl" $options
    [ $? = 2 ] || fail "$options: exit code not 2"
done
run convrt
[ $? = 2 ] || fail "an unknown part: exit code not 2"
complains 'did you mean "convert"'
run --help || fail "--help: exit code $?"
for part in convert check stats; do
    run $part --help || fail "$part --help: exit code $?"
    says "usage: rlsp data $part"
done
ls "$work" | grep -q "tmp-" && fail "temporary files are left: $(ls "$work")"

# --- checking and looking
run check "$work/all.jsonl" || fail "check: exit code $?"
says "as problems: 5 lines, 5 good, 0 faults"
run check "$work/torn.jsonl"
[ $? = 2 ] || fail "check of a bad file: exit code not 2"
says "torn.jsonl:2: column 13: "
run convert "$work/math.jsonl" "$work/gsm8k.jsonl" "$work/sharegpt.jsonl" --sft messages --box-answers -o "$work/sft.jsonl" || fail "--sft messages: exit code $?"
run check "$work/sft.jsonl" --model "$model" || fail "check of SFT data: exit code $?"
says "as sft: 5 lines, 5 good, 0 faults, 0 left out"
run check "$work/sft.jsonl"
[ $? = 2 ] || fail "check of SFT data without a model: exit code not 2"
complains "give --model DIR"
run check "$work/math.jsonl" --as sft --model "$model"
[ $? = 2 ] || fail "check of other keys: exit code not 2"
says 'math.jsonl:1: needs "ids", "messages", "text"'
cat >"$work/config.json" <<END
{"stages": ["sft"], "model": {"path": "$model"}, "sft": {"data": "sft.jsonl", "steps": 6, "batch_tokens": 200, "lr": 3e-3, "max_length": 120}}
END
run check --config "$work/config.json" || fail "check --config: exit code $?"
says "sft.jsonl as sft: 5 lines, 5 good"
run check --config "$work/config.json" --set sft.max_length=30 --json || fail "check --json: exit code $?"
says '"as":"sft","lines":5,"good":0,"faults":0,"remarks":5,'
says 'will be left out: longer than sft.max_length'
run stats "$math500" --json --model "$model" || fail "stats: exit code $?"
says '"lines":500,"bad":0,"forms":{"math":500},"problems":500,'
says '"levels":{"1":43,"2":90,"3":105,"4":128,"5":134}'
run stats "$work/torn.jsonl" || fail "stats of a bad file: exit code $?"
says "bad lines                           1"
: >"$work/empty.jsonl"
run stats "$work/empty.jsonl" || fail "stats of an empty file: exit code $?"
[ "$(cat "$work/out")" = "$work/empty.jsonl: holds no line of data" ] || fail "stats of an empty file: $(cat "$work/out")"
printf '{"problem":"\\u001b[2Jp","answer":"1","level":"\\u001b[2J"}\n' >"$work/escape.jsonl"
run stats "$work/escape.jsonl" || fail "stats of escapes: exit code $?"
grep -q "$(printf '\033')" "$work/out" && fail "an escape sequence reached the terminal"

# --- what was made ready is trained on
if "$rlsp" devices >/dev/null 2>&1; then
    "$rlsp" train --config "$work/config.json" --batch --out "$work/run" >"$work/out" 2>"$work/err" </dev/null || fail "training: exit code $?"
    grep '"event":"sft_step"' "$work/run/events.jsonl" | sed -E 's/.*"loss":([^,}]*).*/\1/' | awk 'NR == 1 { first = $1 } { last = $1 } END { exit !(NR == 6 && last < first) }' ||
        fail "the loss does not fall"
fi

# --- what the README says, as it stands there
sed -n '/^## Data$/,/^```$/p' "$source/README.md" | sed -n '/^```sh$/,/^```$/p' | grep -v '^```' | sed "s#build/release/rlsp#$rlsp#; s#tests/data#$source/tests/data#g" >"$work/readme.sh"
[ "$(grep -c 'rlsp data' "$work/readme.sh")" = 4 ] || fail "the README's commands: $(cat "$work/readme.sh")"
(cd "$work" && sh -e readme.sh) >"$work/out" 2>"$work/err" </dev/null || fail "the README's commands: exit code $?"

[ $failures = 0 ] && echo "test_data: all passed"
exit $((failures > 0))
