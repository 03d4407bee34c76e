#!/bin/sh
# A jsonl task from end to end: problems of a file, posed by a chat template, judged by the math verifier; a resumed run
# repeats an unbroken one; traces hold what was asked and why it was judged so; bad files and settings are refused.
# usage: test_math.sh path/to/rlsp source-directory
. "$2/tests/support/e2e.sh"
pid=
exec_train=
at_exit() { [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null; }

need_device
all=$source/tests/data/math/arithmetic.jsonl

# Six problems, learnt by heart, so that there are right answers: "Wait: \boxed{…}".
problems=$work/problems.jsonl
head -6 "$all" >"$problems"
sed -nE 's/^\{"problem": "(.*)", "answer": "([^"]*)", "subject".*$/{"messages":[{"role":"user","content":"\1"},{"role":"assistant","content":"Wait: \\\\boxed{\2}"}]}/p' \
    "$problems" >"$work/sft.jsonl"
[ "$(wc -l <"$work/sft.jsonl")" = 6 ] || fail "the demonstrations are not six"

train() { # DIRECTORY SETTINGS…
    directory=$1
    shift
    $exec_train "$rlsp" train --config "$source/configs/math-smoke.json" --out "$directory" --batch --set task.suffix= \
        --set task.data="$problems" --set rl.prompts_per_step=6 --set rl.minibatch_size=6 --set rl.max_new_tokens=20 \
        --set rl.traces_per_step=12 --set eval.problems=4 --set eval.samples=1 "$@" >"$work/out" 2>"$work/err" </dev/null
}

train "$work/learnt" --set 'stages=["sft"]' --set sft.data="$work/sft.jsonl" --set sft.steps=60 --set sft.batch_size=6 --set sft.lr=6e-3 ||
    fail "learning: exit code $?"
model=$work/learnt/checkpoints/last

# --- training, and what it leaves behind
rl() { train "$@" --set model.path="$model" --set rl.steps=4 --set checkpoint.every=1 --set checkpoint.keep=0; }
rl "$work/whole" || fail "training: exit code $?"
run=$work/whole
grep '"event":"trace"' "$run/traces.jsonl" >"$work/traces"
for field in problem subject level gold rule reason; do
    [ "$(grep -c "\"$field\":\"" "$work/traces")" = "$(wc -l <"$work/traces")" ] || fail "traces without $field"
done
for verdict in correct wrong; do
    grep -q "\"verdict\":\"$verdict\"" "$work/traces" || fail "no trace is $verdict"
done
grep '"stage":"rl"' "$work/traces" | grep -q '"answer":null' && grep '"stage":"rl"' "$work/traces" | grep '"answer":null' | grep -qv '"verdict":"no_answer"' && fail "a verdict without an answer"
grep -q '"prompt":"<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n<|im_start|>user\\nWhat is $2 \\\\cdot 26$?<|im_end|>\\n<|im_start|>assistant\\n"' "$work/traces" ||
    fail "the prompt is not what the template writes"
grep '"stage":"rl"' "$work/traces" | grep -q '"words_backtrack":[1-9]' || fail "\"Wait\" is not seen"
for step in 1 2 3 4; do # each problem once an epoch, which is a step here
    seen=$(grep "\"step\":$step,\"stage\":\"rl\"" "$work/traces" | sed -E 's/.*"problem":"([^"]*)".*/\1/' | sort | uniq -c | awk '{print $1}' | tr '\n' ' ')
    [ "$seen" = "2 2 2 2 2 2 " ] || fail "step $step: problems seen $seen times"
done
orders=$(for step in 1 2 3 4; do grep "\"step\":$step,\"stage\":\"rl\"" "$work/traces" | sed -E 's/.*"problem":"([^"]*)".*/\1/' | tr '\n' ' '; echo; done | sort -u | wc -l)
[ "$orders" -gt 1 ] || fail "every epoch has the same order"

# the same verdicts by rlsp verify
sed -nE 's/.*"response":"(([^"\\]|\\.)*)","gold":"(([^"\\]|\\.)*)".*"verdict":"([a-z_]*)".*/\5 {"gt":"\3","response":"\1"}/p' "$work/traces" >"$work/judged"
[ "$(wc -l <"$work/judged")" = "$(wc -l <"$work/traces")" ] || fail "not every trace can be judged again"
sed 's/^[a-z_]* //' "$work/judged" | "$rlsp" verify | sed -E 's/.*"correct":true.*/correct/; s/.*"answer":null.*/no_answer/; s/.*"correct":false.*/wrong/' >"$work/again"
sed 's/ .*//' "$work/judged" | cmp -s - "$work/again" || fail "rlsp verify judges otherwise"

# the fields of a step are those of any task
keys() { sed 's/"rewards":.*//' | grep -o '"[a-z_0-9]*":' | sort -u; }
grep '"event":"rl_step"' "$source/tests/data/run-recorded/events.jsonl" | tail -1 | keys >"$work/keys"
grep '"event":"rl_step"' "$run/events.jsonl" | tail -1 | keys | comm -23 "$work/keys" - | grep . && fail "fields of a step are missing"
head -1 "$run/events.jsonl" | grep -q '"problems":6,"problems_left_out":0,"held_out_problems":40,' || fail "run_start does not count the problems"
grep '"event":"rl_step"' "$run/events.jsonl" | grep -q '"accuracy":0[,.]0*,' && fail "no answer is right in a step"

# --- a resumed run repeats it
exec_train=exec
rl "$work/broken" &
pid=$!
exec_train=
tries=0
saved() { grep -c '"event":"checkpoint"' "$work/broken/events.jsonl" 2>/dev/null || echo 0; }
while [ "$(saved | tail -1)" -lt 2 ] && [ $tries -lt 6000 ] && kill -0 $pid 2>/dev/null; do
    tries=$((tries + 1))
    sleep 0.01
done
kill -9 $pid 2>/dev/null || echo "    too late to kill the run"
{ wait $pid; } 2>/dev/null # the shell says "Killed"
pid=
"$rlsp" train --resume "$work/broken" --batch >"$work/out" 2>"$work/err" </dev/null || fail "resuming: exit code $?"
timeless() { grep -v '"event":"log"' "$1" | sed -E 's/"time_[a-z_]*":("[^"]*"|[^,}]*),?//g; s/,}/}/g'; }
for file in events.jsonl traces.jsonl; do
    timeless "$work/whole/$file" >"$work/a"
    timeless "$work/broken/$file" >"$work/b"
    cmp -s "$work/a" "$work/b" || fail "$file of the resumed run differs"
done
cmp -s "$work/whole/checkpoints/last/model.safetensors" "$work/broken/checkpoints/last/model.safetensors" || fail "the resumed run's model differs"

# --- with other problems than it began with, it would be another run
cp "$problems" "$work/kept.jsonl"
echo '{"problem":"What is 1 + 1?","answer":"2"}' >>"$problems"
"$rlsp" train --resume "$work/broken" --batch >"$work/out" 2>"$work/err" </dev/null
[ $? -eq 2 ] && grep -q 'problems.jsonl: 7 problems, but 6 when this run was saved' "$work/err" || fail "problems that have changed are taken: $(cat "$work/err")"
cp "$work/kept.jsonl" "$problems"

# --- what is left out is counted
short() { train "$@" --set model.path="$model" --set rl.steps=1 --set eval.problems=0 --set checkpoint.every=0; }
short "$work/short" --set task.data="$all" --set task.max_prompt_tokens=70 || fail "short prompts: exit code $?"
left=$(head -1 "$work/short/events.jsonl" | sed -nE 's/.*,"problems_left_out":([0-9]+).*/\1/p')
[ "${left:-0}" -gt 0 ] && [ "$left" -lt 280 ] || fail "left out: ${left:-none}"
grep '"event":"log"' "$work/short/events.jsonl" | grep -q "$left of 280 problems are left out: their prompts are longer than task.max_prompt_tokens 70" ||
    fail "nothing says what is left out"
grep -q "$left of 280 problems are left out" "$work/err" || fail "the command line does not say what is left out"

# --- variables of a chat template
printf '%s' '{% for m in messages %}{{ m.content }}{% endfor %}{% if enable_thinking is false %} /no_think{% endif %}<|im_end|>' >"$work/think.jinja"
short "$work/think" --set task.data="$problems" --set model.chat_template="$work/think.jinja" --set task.chat_set=enable_thinking=false || fail "task.chat_set: exit code $?"
grep '"event":"trace"' "$work/think/traces.jsonl" | grep -qv '"prompt":"[^"]* /no_think<|im_end|>"' && fail "task.chat_set does not reach the prompts"
grep -q '/no_think' "$work/think/traces.jsonl" || fail "task.chat_set: no prompts"
short "$work/bad-think" --set task.data="$problems" --set task.chat_set=thinking && fail "a variable without a value is taken"
grep -q "task.chat_set: found \"thinking\", wanted name=value" "$work/err" || fail "a variable without a value: it says $(tail -1 "$work/err")"

# --- text as it is, and the authors' formula
sed -E 's/^\{"problem": /{"input": /' "$problems" >"$work/raw.jsonl"
short "$work/raw" --set task.data="$work/raw.jsonl" --set task.prompt_key=input --set task.prompt=raw --set task.eval_data= \
    --set reward.explore.compat=true --set reward.explore.c=1000 --set reward.explore.weight=1 || fail "raw prompts: exit code $?"
grep -q '"prompt":"What is $2 \\\\cdot 26$?"' "$work/raw/traces.jsonl" || fail "a raw prompt is not taken as it is"

# --- refused, in one line
refused() { # CODE WORDS SETTINGS…
    code=$1
    words=$2
    shift 2
    rm -rf "$work/refused"
    train "$work/refused" "$@"
    found=$?
    [ $found = "$code" ] || fail "$words: exit code $found"
    tail -1 "$work/err" | grep -q -e "$words" || fail "no \"$words\" in: $(tail -1 "$work/err")"
}
refused 2 "no-such-file" --set task.data="$work/no-such-file"
printf '{"problem":"a","answer":"1"}\n{"problem":"b","answer":\n' >"$work/bad.jsonl"
refused 2 "bad.jsonl:2" --set task.data="$work/bad.jsonl"
printf '{"problem":"a","answer":"1"}\n\n{"problem":"b","answer":[2]}\n' >"$work/bad.jsonl"
refused 2 "bad.jsonl:3: key 'answer'" --set task.data="$work/bad.jsonl"
printf '{"question":"a","answer":"1"}\n' >"$work/bad.jsonl"
refused 2 "bad.jsonl:1: no key 'problem'" --set task.eval_data="$work/bad.jsonl"
: >"$work/bad.jsonl"
refused 2 "holds no problems" --set task.data="$work/bad.jsonl"
refused 2 "reward.explore.kind.*effort\|attempts" --set reward.explore.kind=effort
refused 2 "reward.explore.of_attempts" --set reward.explore.of_attempts=true
refused 2 "task.boxes" --set task.boxes=any
refused 2 "task.max_prompt_tokens" --set task.max_prompt_tokens=5
refused 2 "task.data" --set task.data=
refused 2 "context" --set rl.max_new_tokens=32760

finish
