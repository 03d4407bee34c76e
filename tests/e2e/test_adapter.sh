#!/bin/sh
# Runs with a LoRA adapter: SFT and RL train it and leave the base alone, a run that is killed and resumed repeats an
# unbroken one bit for bit, and what is exported gives the log-probabilities that the adapter gives on its base.
# usage: test_adapter.sh path/to/rlsp source-directory
. "$2/tests/support/e2e.sh"
run_id=
at_exit() { [ -z "$run_id" ] || kill -9 "$run_id" 2>/dev/null; }

need_device

train() { # DIRECTORY EXTRA…
    directory=$1
    shift
    "$rlsp" train --config "$source/configs/countdown-smoke.json" --out "$directory" --batch \
        --set model.init.hidden_size=16 --set model.init.intermediate_size=32 --set 'sft.phases.*.batch_size=4' \
        --set 'sft.phases.*.steps=2' --set rl.max_new_tokens=12 --set eval.problems=4 "$@" >"$work/out" 2>"$work/err" </dev/null
}

# --- a base to work on: a whole model
train "$work/whole" --set 'stages=["sft"]' --set eval.problems=0 || fail "the base: exit code $?"
"$rlsp" export "$work/whole" --out "$work/base" 2>"$work/err" || fail "exporting a whole model: exit code $?"
for file in config.json model.safetensors tokenizer.json README.md; do
    [ -s "$work/base/$file" ] || fail "the exported model has no $file"
done
printf '{"ids":[1,5,9,20,7,3]}\n{"ids":[2,30,31,4]}\n' >"$work/ids"
"$rlsp" score --model "$work/base" <"$work/ids" >"$work/off" 2>"$work/err" || fail "score of the base: exit code $?"
"$rlsp" score --model "$work/whole/checkpoints/last" <"$work/ids" | cmp -s - "$work/off" || fail "the exported weights are not the checkpoint's"
cp -r "$work/base" "$work/base.copy"

# --- an adapter on it: SFT, then RL
adapter_run() { # DIRECTORY EXTRA…
    adapter_directory=$1
    shift
    train "$adapter_directory" --set "model.path=$work/base" --set adapter.kind=lora --set adapter.rank=3 --set adapter.dropout=0.1 --set rl.steps=3 --set rl.actor_lr=1e-2 \
        --set checkpoint.every=1 --set checkpoint.keep=0 --set eval.every=2 "$@"
}
adapter_run "$work/a" || fail "the unbroken run: exit code $?"
run=$work/a
grep -q '"lora_dropout":[[:space:]]*0.1,' "$run/checkpoints/last/adapter_config.json" || fail "adapter_config.json does not say the dropout"
train "$work/plain" --set "model.path=$work/base" --set adapter.kind=lora --set adapter.rank=3 --set 'stages=["sft"]' --set checkpoint.every=1 --set eval.problems=0 || fail "without dropout: exit code $?"
[ "$(grep -c '"event":"sft_step"' "$work/plain/events.jsonl")" -gt 1 ] || fail "without dropout: no steps"
losses() { grep '"event":"sft_step"' "$1/events.jsonl" | sed -E 's/.*"loss":([^,}]*).*/\1/'; }
[ "$(losses "$work/plain" | tail -1)" != "$(losses "$run" | tail -1)" ] || fail "dropout changes nothing"
values rl_step ratio_first | tail -2 | grep -qvx 1 && fail "the first ratio is $(values rl_step ratio_first | tr '\n' ' ')"
values rl_step lost_steps | grep -qvx 0 && fail "steps were lost"
values rl_step kl | head -1 | awk '{ exit !($1 == 0) }' || fail "the reference policy is not the one that RL starts from: $(values rl_step kl | tr '\n' ' ')"
values rl_step kl | tail -1 | awk '{ exit !($1 != 0) }' || fail "the policy does not move: $(values rl_step kl | tr '\n' ' ')"
[ "$(values run_start trained_parameters)" = 1632 ] || fail "trained_parameters: $(values run_start trained_parameters)" # 3 (4 (16 + 16) + 3 (16 + 32)) of 2 layers
for file in adapter_config.json adapter_model.safetensors optimizer.safetensors tokenizer.json critic/adapter_model.safetensors critic/value_head.safetensors; do
    [ -s "$run/checkpoints/last/$file" ] || fail "the checkpoint has no $file"
done
[ -e "$run/checkpoints/last/model.safetensors" ] || [ -e "$run/base" ] && fail "the base was saved again"
diff -r "$work/base" "$work/base.copy" >/dev/null || fail "the base was changed"
cmp -s "$run/checkpoints/step-000003/adapter_model.safetensors" "$run/checkpoints/step-000004/adapter_model.safetensors" && fail "SFT trains nothing"
cmp -s "$run/checkpoints/step-000006/adapter_model.safetensors" "$run/checkpoints/step-000007/adapter_model.safetensors" && fail "RL trains nothing"

# --- activations of blocks recomputed in the backward: SFT with dropout, then PPO with a critic, bit for bit the same
adapter_run "$work/recomputed" --set recompute=block || fail "recompute=block: exit code $?"
for file in $(cd "$work/a" && find checkpoints/step-* -name '*.safetensors'); do
    cmp -s "$work/a/$file" "$work/recomputed/$file" || fail "recompute=block: $file differs"
done

# --- killed and resumed
for step in 000003 000005; do
    [ -d "$work/b" ] && set -- --resume "$work/b" --batch || set --
    if [ $# -eq 0 ]; then
        (adapter_run "$work/b") &
    else
        "$rlsp" train "$@" >"$work/out" 2>"$work/err" </dev/null &
    fi
    run_id=$!
    tries=0
    while ! [ -e "$work/b/checkpoints/step-$step" ] && kill -0 "$run_id" 2>/dev/null && [ $tries -lt 6000 ]; do
        tries=$((tries + 1))
        sleep 0.01
    done
    [ -s "$work/b/.lock" ] && kill -9 "$(cat "$work/b/.lock")" 2>/dev/null
    { wait "$run_id"; } 2>/dev/null
    run_id=
done
"$rlsp" train --resume "$work/b" --batch >"$work/out" 2>"$work/err" </dev/null || fail "resumed: exit code $?"
grep -c 'going on from step' "$work/b/log.txt" | grep -q '[1-9]' || fail "no kill came in time"
timeless() { grep -v '"event":"log"' "$1" | sed -E 's/,"time_[a-z_]*":("[^"]*"|[^,}]*)//g'; }
timeless "$work/a/events.jsonl" >"$work/want"
timeless "$work/b/events.jsonl" >"$work/got"
cmp -s "$work/want" "$work/got" || { fail "resumed: other events"; diff "$work/want" "$work/got" | head -4 | cut -c 1-300; }
compared=0
for file in $(cd "$work/a" && find checkpoints/step-* reference -type f ! -name checkpoint.json); do
    cmp -s "$work/a/$file" "$work/b/$file" || fail "resumed: $file differs"
    compared=$((compared + 1))
done
[ $compared -gt 40 ] || fail "resumed: only $compared files were compared"

# --- exported: the adapter on its base, and merged into it
"$rlsp" export "$work/a" --out "$work/adapter" 2>"$work/err" || fail "export: exit code $?"
grep -q "adapter is the adapter of $work/a at step [1-9]" "$work/err" || fail "export does not say what it wrote: $(cat "$work/err")"
"$rlsp" export "$work/a" --merge --json --out "$work/merged" >"$work/out" 2>"$work/err" || fail "export --merge: exit code $?"
grep -q '"kind":"model"' "$work/out" || fail "export --json says: $(cat "$work/out")"
"$rlsp" score --model "$work/base" --adapter "$work/adapter" <"$work/ids" >"$work/on" 2>"$work/err" || fail "score with an adapter: exit code $?"
"$rlsp" score --model "$work/merged" <"$work/ids" >"$work/merged.scores" 2>"$work/err" || fail "score of the merged model: exit code $?"
numbers() { tr -c '0-9.eE+-' '\n' <"$1" | grep '[0-9]'; }
distance() { numbers "$1" >"$work/n1"; numbers "$2" >"$work/n2"; paste "$work/n1" "$work/n2" | awk '{ d = $1 - $2; d = d < 0 ? -d : d; if (d > m) m = d } END { print m + 0, NR }'; }
distance "$work/on" "$work/merged.scores" | awk '{ exit !($1 < 1e-4 && $2 > 10) }' || fail "merged and adapter on: $(distance "$work/on" "$work/merged.scores")"
distance "$work/on" "$work/off" | awk '{ exit !($1 > 1e-3) }' || fail "the adapter changes nothing: $(distance "$work/on" "$work/off")"
[ "$("$rlsp" generate --model "$work/base" --adapter "$work/adapter" --ids --max-new 6 --temperature 0 <"$work/ids")" = \
    "$("$rlsp" generate --model "$work/merged" --ids --max-new 6 --temperature 0 <"$work/ids")" ] || fail "generate: other tokens than the merged model's"
"$rlsp" eval --model "$work/base" --adapter "$work/adapter" --task countdown --problems 2 --max-new 12 --json >"$work/report" 2>"$work/err" || fail "eval: exit code $?"
grep -q "\"adapter\":\"$work/adapter\"" "$work/report" || fail "eval does not name the adapter"
[ "$(ls "$work" | grep -c part)" -eq 0 ] || fail "an export left something behind"

# --- what the card calls the base: its folder's name, or the hub's where it lies in the hub's cache
base_of() { sed -n 's/^base_model: "\(.*\)"$/\1/p' "$1/README.md"; }
[ "$(base_of "$work/adapter")" = base ] && [ "$(base_of "$work/merged")" = base ] || fail "the card's base model is $(base_of "$work/adapter")"
cached=$work/hub/models--some-one--A-Model--b/snapshots/0123abc
mkdir -p "$cached" && cp "$work/base/"* "$cached"
# with another one's tokenizer: its files and none of the base's, and of the base what is about the model
mkdir "$work/words" && cp "$work/base/tokenizer.json" "$work/base/tokenizer_config.json" "$work/words"
echo theirs >"$work/words/merges.txt"
echo '{"eos_token_id":3}' >"$work/words/generation_config.json"
echo '{"eos_token_id":[2,5]}' >"$cached/generation_config.json"
echo mine >"$cached/vocab.json"
echo terms >"$cached/LICENSE"
train "$work/of-hub" --set "model.path=$cached/" --set "model.tokenizer=$work/words" --set adapter.kind=lora --set 'stages=["sft"]' --set eval.problems=0 || fail "a base in the hub's cache: exit code $?"
"$rlsp" export "$work/of-hub" --out "$work/of-hub.adapter" 2>"$work/err" || fail "export: exit code $?"
[ "$(cat "$work/of-hub.adapter/merges.txt" "$work/of-hub.adapter/LICENSE")" = "theirs
terms" ] || fail "the export has other files: $(ls "$work/of-hub.adapter" | tr '\n' ' ')"
[ -e "$work/of-hub.adapter/vocab.json" ] && fail "the export has a file of a tokenizer that was not trained with"
cmp -s "$work/of-hub.adapter/generation_config.json" "$cached/generation_config.json" || fail "the export has the generation_config.json of the tokenizer's model"
[ "$(base_of "$work/of-hub.adapter")" = some-one/A-Model--b ] || fail "the card's base model is $(base_of "$work/of-hub.adapter")"

# --- RL alone begins with the adapter off and needs no reference; a shared critic; an adapter of another run
run=$work/rl
adapter_run "$run" --set 'stages=["rl"]' --set adapter.dropout=0 --set model.critic=shared --set rl.critic_warmup_steps=0 --set adapter.targets='["q_proj","v_proj"]' \
    --set eval.problems=0 || fail "RL alone: exit code $?"
[ -e "$run/reference" ] && fail "RL alone kept a reference policy"
[ -s "$run/checkpoints/last/value_head.safetensors" ] || fail "a shared critic's value head was not saved"
[ -e "$run/checkpoints/last/critic" ] && fail "a shared critic was saved apart"
values rl_step kl | head -1 | awk '{ exit !($1 == 0) }' || fail "RL alone: the first KL is $(values rl_step kl | head -1)"
values rl_step ratio_first | grep -qvx 1 && fail "RL alone: the first ratio is $(values rl_step ratio_first | tr '\n' ' ')"
run=$work/on-from
adapter_run "$run" --set 'stages=["rl"]' --set adapter.dropout=0 --set rl.steps=1 --set "adapter.path=$work/adapter" --set rl.advantage=grpo --set rl.samples_per_prompt=2 \
    --set eval.problems=0 || fail "going on with an adapter: exit code $?"
cmp -s "$run/reference/adapter_model.safetensors" "$work/adapter/adapter_model.safetensors" || fail "going on with an adapter: the reference is another one"
grep -q '"r":[[:space:]]*3' "$run/checkpoints/last/adapter_config.json" || fail "going on with an adapter: $(cat "$run/checkpoints/last/adapter_config.json")"

# --- what cannot be
refused() { # WHAT CODE WORD COMMAND…
    what=$1 want=$2 word=$3
    shift 3
    "$@" >"$work/out" 2>"$work/err" <"$work/ids"
    found=$?
    [ $found -eq "$want" ] || fail "$what: exit code $found, wanted $want"
    [ "$(wc -l <"$work/err")" -eq 1 ] && grep -qF -- "$word" "$work/err" || fail "$what: it says: $(head -3 "$work/err")"
}
refused "--merge of a whole model" 2 "no adapter to merge" "$rlsp" export "$work/whole" --merge --out "$work/x"
refused "an export over something" 2 "not empty" "$rlsp" export "$work/a" --out "$work/base"
refused "a step that is not there" 2 "no checkpoint of step 99" "$rlsp" export "$work/a" --step 99 --out "$work/x"
refused "an adapter as a model" 2 "is a PEFT adapter" "$rlsp" score --model "$work/adapter"
refused "an adapter of another model" 2 "does not fit" "$rlsp" score --model "$source/tests/data/parity/models/tiny-qwen2" --adapter "$work/adapter"
refused "no adapter" 2 "adapter_config.json" "$rlsp" generate --model "$work/base" --adapter "$work/base" --prompt 1
refused "dropout in RL" 2 "'adapter.dropout'" "$rlsp" config "$source/configs/countdown-smoke.json" --set adapter.kind=lora --set adapter.dropout=0.1 --set 'stages=["rl"]'
refused "dropout of no adapter" 2 "'adapter.dropout'" "$rlsp" config "$source/configs/countdown-smoke.json" --set adapter.dropout=0.1
[ -e "$work/x" ] && fail "a refused export left something"
refused "a resumed run whose base has gone" 2 "$work/base" sh -c 'mv "$1" "$1.away"; "$2" train --resume "$3" --batch; code=$?; mv "$1.away" "$1"; exit $code' - "$work/base" "$rlsp" "$work/rl"

finish
