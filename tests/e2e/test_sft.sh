#!/bin/sh
# Supervised fine-tuning on a file: conversations and pairs, with a Qwen2-style and a Llama-style model. The first loss is
# what `rlsp score` gives the tokens that `rlsp tokenize --labels` marks, so that nothing else is learnt; the loss falls; a
# run that is killed repeats an unbroken one; steps fill up to a number of tokens; bad lines are told by their number.
# usage: test_sft.sh path/to/rlsp source-directory
. "$2/tests/support/e2e.sh"

need_device

models=$source/tests/data/parity/models

cat >"$work/chat.jsonl" <<'END'
{"messages":[{"role":"user","content":"What is 2 + 2?"},{"role":"assistant","content":"Let me see: 4."}]}
{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"one"},{"role":"assistant","content":"two"},{"role":"user","content":"three"},{"role":"assistant","content":"four"}]}

{"messages":[{"role":"user","content":"Say nothing that is long."},{"role":"assistant","content":"So be it, then."}]}
END

cat >"$work/config.json" <<END
{
  "name": "sft", "stages": ["sft"],
  "sft": {"data": "chat.jsonl", "steps": 12, "batch_size": 3, "lr": 3e-3, "schedule": "constant"},
  "checkpoint": {"every": 4, "keep": 0}
}
END

train() { # MODEL DIRECTORY EXTRA…
    model=$1
    directory=$2
    shift 2
    "$rlsp" train --config "$work/config.json" --out "$directory" --batch --set "model.path=$models/$model" "$@" >"$work/out" 2>"$work/err" </dev/null
}

# values RUN FIELD: one per step
values() { grep '"event":"sft_step"' "$1/events.jsonl" | sed -E "s/.*\"$2\":([^,}]*).*/\1/"; }

# mean_loss MODEL < {"ids","labels"}: of the tokens with a label, by `rlsp score`. A line's logprobs begin with its second token's.
mean_loss() {
    cat >"$work/labelled"
    "$rlsp" score --model "$models/$1" <"$work/labelled" 2>"$work/err" | sed -E 's/.*"logprobs":\[([^]]*)\].*/\1/' >"$work/logprobs"
    sed -E 's/.*"labels":\[([^]]*)\].*/\1/' "$work/labelled" >"$work/labels"
    paste -d '|' "$work/labels" "$work/logprobs" | awk -F '|' '{
        labels = split($1, label, ","); logprobs = split($2, logprob, ",")
        if (logprobs != labels - 1) { print "lengths " labels " " logprobs; exit }
        for (i = 2; i <= labels; i++) if (label[i] != -100) { sum -= logprob[i - 1]; n++ }
    } END { printf "%.6f %d\n", sum / n, n }'
}

near() { awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !(d < 2e-4 * b && d > -2e-4 * b) }'; }

# --- conversations, with both families
for model in tiny-qwen2 tiny-llama; do
    train $model "$work/$model" || fail "$model: exit code $?"
    set -- $("$rlsp" tokenize --model "$models/$model" --labels <"$work/chat.jsonl" | mean_loss $model)
    first=$(values "$work/$model" loss | head -1)
    near "$first" "$1" || fail "$model: the first loss is $first, that of the assistant's tokens $1"
    [ "$(values "$work/$model" targets | head -1)" = "$2" ] || fail "$model: $(values "$work/$model" targets | head -1) targets, not $2"
    last=$(values "$work/$model" loss | tail -1)
    awk -v a="$first" -v b="$last" 'BEGIN { exit !(b < a / 2) }' || fail "$model: the loss went from $first to $last"
done
# What was learnt is the end of the assistant's turn, too.
"$rlsp" generate --model "$work/tiny-qwen2/checkpoints/last" --chat --prompt "one" --temperature 0 --max-new 30 >"$work/out" 2>"$work/err" </dev/null ||
    fail "generate: exit code $?"

# --- the last turn only; a pair through the template; texts as they are: the first loss again
train tiny-qwen2 "$work/last" --set sft.loss_on=last --set sft.steps=1 || fail "loss_on last: exit code $?"
"$rlsp" tokenize --model "$models/tiny-qwen2" --labels <"$work/chat.jsonl" | awk -F '"labels":' '{ # all before the last stretch goes
        gsub(/[^-0-9,]/, "", $2)
        n = split($2, label, ",")
        for (last = n; label[last] == -100;) last--
        for (first = last; label[first - 1] != -100;) first--
        printf "%s\"labels\":[", $1
        for (i = 1; i <= n; i++) printf "%s%d", (i > 1 ? "," : ""), (i >= first ? label[i] : -100)
        print "]}" }' >"$work/last.jsonl"
train tiny-qwen2 "$work/by-ids" --set sft.steps=1 --set "sft.data=$work/last.jsonl" || fail "ids and labels: exit code $?"
[ "$(values "$work/last" loss)" = "$(values "$work/by-ids" loss)" ] || fail "loss_on last: $(values "$work/last" loss), by labels $(values "$work/by-ids" loss)"

printf '{"problem":"What is 2 + 2?","qwq":"Hm. \\\\boxed{4}","level":3}\n{"problem":"And 3?","qwq":"5?"}\n' >"$work/pairs.jsonl"
pairs() { # DIRECTORY EXTRA…
    pairs_directory=$1
    shift
    train tiny-llama "$pairs_directory" --set "sft.data=$work/pairs.jsonl" --set sft.prompt_key=problem --set sft.completion_key=qwq \
        --set sft.batch_size=2 --set sft.steps=1 "$@"
}
pairs "$work/pairs-chat" --set sft.prompt=chat --set 'sft.prefix=Problem: ' || fail "pairs: exit code $?"
sed -E 's/.*"problem":("[^"]*"),"qwq":("[^"]*").*/{"messages":[{"role":"user","content":\1},{"role":"assistant","content":\2}]}/; s/"content":"/&Problem: /' "$work/pairs.jsonl" >"$work/pairs-as-chat.jsonl"
set -- $("$rlsp" tokenize --model "$models/tiny-llama" --labels <"$work/pairs-as-chat.jsonl" | mean_loss tiny-llama)
near "$(values "$work/pairs-chat" loss)" "$1" || fail "pairs through the template: $(values "$work/pairs-chat" loss), not $1"
pairs "$work/pairs-raw" || fail "pairs as they are: exit code $?"
[ "$(values "$work/pairs-raw" loss)" != "$(values "$work/pairs-chat" loss)" ] || fail "pairs as they are have the template's loss"

# --- steps by tokens, passes, a run that is killed
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    printf '{"prompt":"count to %d","completion":"' $i
    j=0
    while [ $j -lt $i ]; do
        j=$((j + 1))
        printf '%d ' $j
    done
    printf '"}\n'
done >"$work/count.jsonl"
count() { # DIRECTORY EXTRA…
    count_directory=$1
    shift
    train tiny-qwen2 "$count_directory" --set "sft.data=$work/count.jsonl" --set sft.batch_tokens=160 --set sft.epochs=3 --set checkpoint.every=2 "$@"
}
count "$work/count" || fail "steps by tokens: exit code $?"
steps=$(values "$work/count" tokens | wc -l)
values "$work/count" tokens | awk -v steps="$steps" '$1 > 160 || $1 < 100 { bad = 1 } { sum += $1 } END { exit bad || steps < 9 || sum < 140 * NR }' ||
    fail "tokens of the steps: $(values "$work/count" tokens | tr '\n' ' ')"
# As one that was killed after step 4, or that somebody copied then.
resumed_at() { # DIRECTORY STEP
    cp -r "$work/count" "$1"
    for checkpoint in "$1"/checkpoints/step-*; do
        [ "${checkpoint##*step-}" -le "$2" ] || rm -rf "$checkpoint"
    done
    rm -f "$1/checkpoints/last" "$1/checkpoints/best"
    "$rlsp" train --resume "$1" --batch >"$work/out" 2>"$work/err" </dev/null
}
timeless() { grep -v '"event":"log"' "$1/events.jsonl" | sed -E 's/,"time_[a-z_]*":("[^"]*"|[^,}]*)//g'; }
resumed_at "$work/resumed" 4 || fail "resuming: exit code $?"
timeless "$work/count" >"$work/a"
timeless "$work/resumed" >"$work/b"
cmp -s "$work/a" "$work/b" || fail "a resumed run does not repeat the unbroken one: $(diff "$work/a" "$work/b" | head -5)"
cmp -s "$work/count/checkpoints/last/model.safetensors" "$work/resumed/checkpoints/last/model.safetensors" || fail "the resumed run's weights are others"
count "$work/sampled" --set sft.check_data=sample --set sft.epochs=0 --set "sft.steps=$steps" --set sft.max_length=100 || fail "check_data sample: exit code $?"
[ "$(values "$work/sampled" loss)" = "$(values "$work/count" loss)" ] || fail "check_data sample gives other steps"
cp "$work/count.jsonl" "$work/count.copy"
head -15 "$work/count.copy" >"$work/count.jsonl"
resumed_at "$work/other" 4 && fail "a run goes on with another file"
grep -q "count.jsonl: 15 lines, but 20 when this run was saved" "$work/err" || fail "another file: $(cat "$work/err")"
cp "$work/count.copy" "$work/count.jsonl"

# --- bad lines
printf '{"prompt":"a","completion":"b"}\n\n{"prompt":"a","completion":"b",}\n{"prompt":"c","completion":"d"}\n' >"$work/bad.jsonl"
train tiny-qwen2 "$work/bad" --set "sft.data=$work/bad.jsonl" --set sft.steps=1
[ $? = 2 ] || fail "a bad line: exit code not 2"
grep -q "bad.jsonl:3: column 32: " "$work/err" || fail "a bad line: $(cat "$work/err")"
train tiny-qwen2 "$work/skipped" --set "sft.data=$work/bad.jsonl" --set sft.steps=2 --set sft.on_error=skip || fail "skipping a bad line: exit code $?"
grep -q "1 lines were left out: .* 1 bad, the first: .*bad.jsonl:3: " "$work/skipped/log.txt" || fail "what was skipped: $(cat "$work/skipped/log.txt")"
train tiny-qwen2 "$work/none" --set "sft.data=$work/count.jsonl" --set sft.max_length=3
[ $? = 2 ] || fail "nothing to learn: exit code not 2"
grep -q "count.jsonl: no examples: of 20 lines 20 are longer than max_length" "$work/err" || fail "nothing to learn: $(cat "$work/err")"
train tiny-qwen2 "$work/keys" --set "sft.data=$work/pairs.jsonl"
[ $? = 2 ] || fail "keys that are not there: exit code not 2"
grep -q 'pairs.jsonl:1: needs "ids", "messages", "text", or "prompt" and "completion"; name the file' "$work/err" || fail "keys that are not there: $(cat "$work/err")"
train tiny-qwen2 "$work/refused" --set sft.check_data=sample
[ $? = 2 ] || fail "a sample without max_length: exit code not 2"

finish
