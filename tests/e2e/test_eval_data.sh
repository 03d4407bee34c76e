#!/bin/sh
# rlsp eval on a dataset, from outside: stopped and killed at any moment, reports recomputed, two models compared.
# usage: test_eval_data.sh path/to/rlsp source-directory
rlsp=$1
top=$2
models=$top/tests/data/parity/models
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

. "$2/tests/support/eval.sh"

hasnt() {
    ! grep -qF -e "$2" "$1" || fail "\"$2\" in $(basename "$1")"
}

# The report without what depends on the clock.
numbers() {
    sed 's/"time_.*//' "$1/report.json"
}

# same DIR: traces and numbers are those of the unbroken evaluation.
same() {
    sort "$1/traces.jsonl" >"$work/found"
    cmp -s "$work/wanted" "$work/found" || fail "$1: other traces"
    [ "$(numbers "$1")" = "$(numbers "$work/whole")" ] || fail "$1: other numbers"
    cmp -s "$1/problems.jsonl" "$work/whole/problems.jsonl" || fail "$1: other problems.jsonl"
}

recompute() {
    command -v python3 >/dev/null || return
    python3 "$top/tests/tools/eval_recompute.py" "$1" --intervals --quiet >"$work/recomputed" || {
        fail "$1: recomputed from its traces"
        head -20 "$work/recomputed"
    }
}

# Answers that random models give now and then.
i=0
for gold in 2 1 22 0 25 2 3 1 2 4 9 2; do
    echo "{\"problem\":\"What is number $i?\",\"answer\":\"$gold\",\"id\":\"p$i\",\"subject\":\"S $((i % 3))\",\"level\":$((i % 2 + 1))}"
    i=$((i + 1))
done >"$work/data.jsonl"

# --- what cannot be read, before any device is opened
set -- --model "$models/tiny-qwen3" --data
: >"$work/empty.jsonl"
echo '{"problem":"x"}' >"$work/no-answer.jsonl"
echo 'no json' >"$work/broken.jsonl"
expect 2 "" "$work/none.jsonl" "$@" "$work/none.jsonl"
expect 2 "" "$work/empty.jsonl" "$@" "$work/empty.jsonl"
expect 2 "" "$work/no-answer.jsonl:1" "$@" "$work/no-answer.jsonl"
expect 2 "" "$work/broken.jsonl:1" "$@" "$work/broken.jsonl"
expect 2 "" "$work/data.jsonl:1" "$@" "$work/data.jsonl" --answer-key solution
expect 2 "" "no problem is left" "$@" "$work/data.jsonl" --subject Topology
expect 2 "" "does not go with --raw" "$@" "$work/data.jsonl" --raw --system x
expect 2 "" "does not go with --prompt-template" "$@" "$work/data.jsonl" --raw --prompt-template chatml
expect 2 "" "is the whole prompt" "$@" "$work/data.jsonl" --prompt-template qwen-sft --suffix x
expect 2 "" "none.jinja" "$@" "$work/data.jsonl" --prompt-template "$work/none.jinja"
expect 2 "" "holds no evaluation that could go on" --resume "$work/none"
expect 2 "" "takes two folders" --compare "$work"
expect 2 "" "holds no finished evaluation" --compare "$work" "$work"
mkdir "$work/bad" && echo '{"format":7}' >"$work/bad/eval.json"
expect 2 "" "format" --resume "$work/bad"
echo '{"format":1,' >"$work/bad/eval.json"
expect 2 "" "eval.json" "$@" "$work/data.jsonl" --out "$work/bad"
echo '{"name":"T=1","id":"p0"}' >"$work/bad/problems.jsonl"
expect 2 "" "line 1 is no problem" --compare "$work/bad" "$work/bad"

"$rlsp" devices >/dev/null 2>&1 || { echo "test_eval_data: no device, the rest is left out"; exit $((failures > 0)); }

# --- whole
set -- --model "$models/tiny-qwen3" --data "$work/data.jsonl" --n 4 --temperature 1 --temperature 0 --max-new 24 --phrases --slots 12
expect 0 "pass@1 (accuracy)" "" "$@" --out "$work/whole" --report "$work/page.md"
for file in eval.json traces.jsonl problems.jsonl report.json report.md events.jsonl; do
    [ -s "$work/whole/$file" ] || fail "no $file"
done
[ "$(wc -l <"$work/whole/traces.jsonl")" -eq 60 ] || fail "not 12 * (4 + 1) traces"
sort "$work/whole/traces.jsonl" >"$work/wanted"
[ "$(uniq -d "$work/wanted" | wc -l)" -eq 0 ] || fail "a response twice"
cmp -s "$work/page.md" "$work/whole/report.md" || fail "--report wrote another page"
for word in '| pass@1 |' 'pass@k and maj@k' '| S 1 |' '| level 2 |' 'SHA-256 of the data' '--phrases' 'number 0?' '| right | wrong |'; do
    has "$work/page.md" "$word"
done
grep -q '"correct":[1-9]' "$work/whole/problems.jsonl" || fail "no right answer at all: the numbers are 0 in any case"
recompute "$work/whole"

# All at once, instead of twelve at a time: the same.
expect 0 '"evals":' "" "$@" --slots 200 --out "$work/wide" --json
same "$work/wide"

# --- killed at several moments, and once with a torn line
pieces=0
for moment in 1 20 40; do
    "$rlsp" eval "$@" --out "$work/killed" >/dev/null 2>&1 </dev/null &
    victim=$!
    while kill -0 $victim 2>/dev/null && [ "$(cat "$work/killed/traces.jsonl" 2>/dev/null | wc -l)" -lt $moment ]; do
        sleep 0.05
    done
    kill -9 $victim 2>/dev/null && pieces=$((pieces + 1))
    wait $victim 2>/dev/null
    [ $moment -ne 20 ] || printf '{"event":"trace","step":0,"stage":"eval_T=1","row":3,"sam' >>"$work/killed/traces.jsonl"
done
[ $pieces -ge 1 ] || echo "test_eval_data: too fast a device to be killed meanwhile"
expect 0 '"name":"greedy"' "" --resume "$work/killed" --json
same "$work/killed"

# Ctrl-C: what is finished is kept, and the program says how to go on.
"$rlsp" eval "$@" --out "$work/stopped" >"$work/out" 2>"$work/err" </dev/null &
victim=$!
while kill -0 $victim 2>/dev/null && [ ! -s "$work/stopped/traces.jsonl" ]; do
    sleep 0.05
done
if kill -TERM $victim 2>/dev/null; then
    wait $victim
    [ $? -eq 130 ] || fail "a stopped evaluation does not exit with 130"
    has "$work/err" "rlsp eval --resume $work/stopped goes on"
fi
wait
expect 0 "greedy" "" --resume "$work/stopped"
same "$work/stopped"

# Finished: nothing is generated any more; other k are another report of the same traces.
expect 0 '"pass_at":{"1":' "" --resume "$work/stopped" --k 3 --json
has "$work/out" '"pass_at":{"1":'
hasnt "$work/out" '"2":'
same_lines=$(sort "$work/stopped/traces.jsonl" | cmp - "$work/wanted" && echo yes)
[ "$same_lines" = yes ] || fail "a report changed the traces"
recompute "$work/stopped"

# A line that is there twice counts once, a foreign one not at all.
cp -r "$work/whole" "$work/twice"
head -5 "$work/whole/traces.jsonl" | sed 's/"verdict":"[a-z_]*"/"verdict":"correct"/' >>"$work/twice/traces.jsonl"
head -1 "$work/whole/traces.jsonl" | sed 's/"sample":[0-9]*/"sample":900/' >>"$work/twice/traces.jsonl"
expect 0 "greedy" "each response counts once" --resume "$work/twice"
[ "$(numbers "$work/twice")" = "$(numbers "$work/whole")" ] || fail "a line that is there twice counts"

# --- other settings, another writer
for wrong in "--n 3" "--seed 5" "--max-new 40" "--temperature 1" "--raw" "--prefix x" "--limit 3" "--boxes first" "--top-p 0.9"; do
    # shellcheck disable=SC2086
    expect 2 "" "was begun with ${wrong%% *}" --resume "$work/whole" $wrong
done
expect 2 "" "was begun with a model" --resume "$work/whole" --model "$models/tiny-qwen2"
sed 's/"answer":"25"/"answer":"26"/' "$work/data.jsonl" >"$work/other.jsonl"
expect 2 "" "was begun with a dataset" --resume "$work/whole" --data "$work/other.jsonl"
cp "$work/data.jsonl" "$work/copy.jsonl" # what it holds counts, not where it lies
expect 0 "greedy" "" --resume "$work/whole" --data "$work/copy.jsonl"
if command -v flock >/dev/null; then
    flock "$work/whole/.lock" sleep 5 &
    holder=$!
    sleep 0.5
    expect 1 "" "another rlsp eval is writing" --resume "$work/whole"
    kill $holder
    wait $holder 2>/dev/null
fi

# --- more samples: those that are there stay, and all is as if they had been asked for at once
set -- --model "$models/tiny-qwen3" --data "$work/data.jsonl" --temperature 1 --temperature 0 --max-new 24 --phrases --slots 12
expect 0 "pass@1" "" "$@" --n 2 --out "$work/grown"
cp "$work/grown/traces.jsonl" "$work/before"
expect 0 '"pass_at":' "" --resume "$work/grown" --n 4 --json
head -n "$(wc -l <"$work/before")" "$work/grown/traces.jsonl" | cmp -s - "$work/before" || fail "what was there has changed"
unnumbered() { sed 's/"index":[0-9]*,//' "$1" | sort; } # the number of a line among all depends on --n
unnumbered "$work/whole/traces.jsonl" >"$work/wanted.unnumbered"
unnumbered "$work/grown/traces.jsonl" | cmp -s - "$work/wanted.unnumbered" || fail "grown: other traces"
cmp -s "$work/grown/problems.jsonl" "$work/whole/problems.jsonl" || fail "grown: other problems.jsonl"
evals() { sed 's/.*"evals":/"evals":/; s/"time_.*//' "$1/report.json"; }
[ "$(evals "$work/grown")" = "$(evals "$work/whole")" ] || fail "grown: other numbers"
recompute "$work/grown"
has "$work/grown/eval.json" '"samples":4'
expect 2 "" "was begun with --n 4, not 3" --resume "$work/grown" --n 3

# --- which problems, and how they are posed
set -- --model "$models/tiny-llama" --data "$work/data.jsonl" --max-new 4 --json
expect 0 '"problems":2' "" "$@" --subject "s 1" --level 2 --out "$work/part"
has "$work/part/problems.jsonl" '"id":"p1"'
has "$work/part/problems.jsonl" '"id":"p7"'
expect 0 '"problems":5' "" "$@" --limit 5 --out "$work/first"
expect 2 "" "do not fit the model's max_position_embeddings" --model "$models/tiny-qwen2" --data "$work/data.jsonl" --max-new 131072
sed '3s/number/a very long number, and longer still than that,/' "$work/data.jsonl" >"$work/long.jsonl"
expect 0 '"left_out":1' "" "$@" --raw --max-prompt 30 --data "$work/long.jsonl" --out "$work/short"
hasnt "$work/short/problems.jsonl" '"id":"p2"'
expect 0 '"raw":true' "" "$@" --raw --prefix "Q: " --suffix " A:" --limit 1 --out "$work/raw"
has "$work/raw/traces.jsonl" '"prompt":"Q: What is number 0? A:"'
expect 0 '"evals":' "" "$@" --prompt-template llama-sft --limit 1 --out "$work/llama"
has "$work/llama/traces.jsonl" '"prompt":"<|start_header_id|>user<|end_header_id|>\n\nProblem: What is number 0?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"'
expect 0 '"evals":' "" "$@" --prompt-template chatml --system "Be brief." --limit 1 --out "$work/chatml"
has "$work/chatml/traces.jsonl" '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhat is number 0?<|im_end|>'

# Variables of a template: what it writes, and what the folder is known by.
printf '%s' '{% for m in messages %}{{ m.content }}{% endfor %}{% if enable_thinking is false %} /no_think{% endif %}<|im_end|>' >"$work/think.jinja"
set -- --model "$models/tiny-qwen3" --data "$work/data.jsonl" --max-new 4 --prompt-template "$work/think.jinja" --limit 1
expect 0 "pass@1" "" "$@" --out "$work/think"
has "$work/think/traces.jsonl" '"prompt":"What is number 0?<|im_end|>"'
expect 0 "pass@1" "" "$@" --chat-set enable_thinking=true --chat-set enable_thinking=false --out "$work/no-think"
has "$work/no-think/traces.jsonl" '"prompt":"What is number 0? /no_think<|im_end|>"'
has "$work/no-think/report.md" '--chat-set enable_thinking=false'
expect 2 "" "was begun with --chat-set" --resume "$work/no-think" --chat-set enable_thinking=true
expect 0 "pass@1" "" --resume "$work/no-think"
expect 2 "" "wanted name=value" "$@" --chat-set thinking
expect 2 "" "does not go with --raw" --model "$models/tiny-qwen3" --data "$work/data.jsonl" --raw --chat-set a=b
sed 's/"chat_set":\[[^]]*\],//' "$work/think/eval.json" >"$work/think/older" && mv "$work/think/older" "$work/think/eval.json"
expect 0 "pass@1" "" --resume "$work/think" # of a version that had none

# --- compared
set -- --data "$work/data.jsonl" --max-new 24 --phrases --n 3
expect 0 "pass@1" "" --model "$models/tiny-qwen3" "$@" --out "$work/a"
expect 0 "pass@1" "" --model "$models/tiny-llama" "$@" --out "$work/b"
expect 0 "p, sign-flip test (exact)" "" --compare "$work/a" "$work/b" --report "$work/compared.md"
has "$work/compared.md" "Two evaluations compared"
expect 0 '"problems":12' "" --compare "$work/a" "$work/b" --json
won=$(paste -d ' ' "$work/a/problems.jsonl" "$work/b/problems.jsonl" |
    sed 's/.*"correct":\([0-9]*\),.*"correct":\([0-9]*\),.*/\1 \2/' | awk '$2 > $1 { won++ } $2 < $1 { lost++ } END { print won + 0, lost + 0 }')
has "$work/out" "\"won\":${won% *},\"lost\":${won#* },"
expect 0 '"difference":0,' "" --compare "$work/a" "$work/a" --json
has "$work/out" '"p":1,'
expect 0 "p, McNemar" "" --compare "$work/whole" "$work/whole"
expect 0 "pass@1" "" --model "$models/tiny-llama" "$@" --limit 9 --out "$work/nine"
expect 2 "" "9 are common (the same id and text); --common compares those" --compare "$work/a" "$work/nine"
expect 0 '"problems":9' "" --compare "$work/a" "$work/nine" --common --json
sed 's/What is/Guess/' "$work/data.jsonl" >"$work/guess.jsonl"
expect 0 "pass@1" "" --model "$models/tiny-llama" "$@" --data "$work/guess.jsonl" --out "$work/guess"
expect 2 "" "0 are common" --compare "$work/a" "$work/guess" --common

[ $failures -eq 0 ] && echo "test_eval_data: all passed"
exit $((failures > 0))
