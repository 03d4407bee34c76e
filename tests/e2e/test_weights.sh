#!/bin/sh
# --weights and model.weights: a base frozen in each format is scored, trained on with an adapter, resumed and exported;
# what is trained in full refuses.
# usage: test_weights.sh path/to/rlsp source-directory
. "$2/tests/support/e2e.sh"

# --- told before a device is started
refused() { # WORD COMMAND…
    word=$1
    shift
    "$@" >"$work/out" 2>"$work/err" </dev/null
    code=$?
    [ $code -eq 2 ] || fail "$*: exit code $code"
    [ "$(wc -l <"$work/err")" -eq 1 ] && grep -q "$word" "$work/err" || fail "$*: no one line with \"$word\""
}
refused "int3" "$rlsp" score --model "$source/assets/pick-three-sft" --weights int3
refused "model.weights" "$rlsp" train --config "$source/configs/countdown-smoke.json" --out "$work/no" --batch --set model.weights=int8
refused "model.weights" "$rlsp" train --config "$source/configs/countdown-smoke.json" --out "$work/no" --batch --set model.weights=int2 --set adapter.kind=lora
[ -e "$work/no" ] && fail "a refused run left a folder"

need_device

# --- score: f32 files are f32 unless told otherwise
printf '{"ids":[1,5,9,20,7,3]}\n{"ids":[2,30,31,4]}\n' >"$work/ids"
for weights in f32 auto bf16 f16 int8 int4; do
    "$rlsp" score --model "$source/assets/pick-three-sft" --weights $weights --validate <"$work/ids" >"$work/$weights" 2>"$work/err" ||
        fail "score in $weights: exit code $?"
done
cmp -s "$work/f32" "$work/auto" || fail "auto is not f32 for files of f32"
for weights in bf16 f16 int8 int4; do
    cmp -s "$work/f32" "$work/$weights" && fail "$weights changes nothing"
done

# --- an adapter on an int4 base: trained, stopped, resumed, exported
train() {
    "$rlsp" train --config "$source/configs/countdown-smoke.json" --out "$1" --batch --set model.init.hidden_size=16 \
        --set model.init.intermediate_size=32 --set 'sft.phases.*.batch_size=4' --set 'sft.phases.*.steps=2' --set rl.max_new_tokens=12 \
        --set eval.problems=4 --set adapter.kind=lora --set adapter.rank=3 --set rl.steps=2 --set rl.actor_lr=1e-2 \
        --set checkpoint.every=1 --set checkpoint.keep=0 --set model.weights=int4 >"$work/out" 2>"$work/err" </dev/null
}
train "$work/a" || fail "training on an int4 base: exit code $?"
grep -q "frozen ones in int4" "$work/a/log.txt" || fail "the run does not say that its base is int4"
[ "$(grep '"event":"rl_step"' "$work/a/events.jsonl" | sed -E 's/.*"ratio_first":([^,}]*).*/\1/' | tail -1)" = 1 ] ||
    fail "the first ratio is not 1: $(grep '"event":"rl_step"' "$work/a/events.jsonl" | sed -E 's/.*"ratio_first":([^,}]*).*/\1/' | tr '\n' ' ')"
[ -e "$work/a/checkpoints/last/model.safetensors" ] && fail "the base was saved again"
[ -s "$work/a/checkpoints/last/adapter_model.safetensors" ] || fail "no adapter was saved"
cp -r "$work/a" "$work/b"
rm -rf "$work/b/checkpoints/step-000006" "$work/b/checkpoints/last" && ln -s step-000005 "$work/b/checkpoints/last"
"$rlsp" train --resume "$work/b" --batch >"$work/out" 2>"$work/err" </dev/null || fail "resuming: exit code $?"
cmp -s "$work/a/checkpoints/step-000006/adapter_model.safetensors" "$work/b/checkpoints/step-000006/adapter_model.safetensors" ||
    fail "a resumed run on an int4 base is another: $(ls "$work/a/checkpoints" "$work/b/checkpoints" | tr '\n' ' ')"
"$rlsp" export "$work/a" --out "$work/merged" >"$work/out" 2>"$work/err" || fail "exporting: exit code $?"

finish
