#!/bin/sh
# rlsp export --gguf: models, runs and adapters become one file, what cannot be expressed is refused with one line, and a
# refused export leaves nothing. What is in the files is the unit tests' to look at, and roundtrip_llama_cpp.sh's.
# usage: test_gguf.sh path/to/rlsp source-directory
. "$2/tests/support/e2e.sh"
models=$source/tests/data/parity/models
: >"$work/in"

has() { grep -qaF -e "$2" "$1" || fail "$1 does not hold $2"; } # FILE TEXT
size() { wc -c <"$1"; }

# --- model directories, without a device
for model in tiny-llama tiny-llama-sharded tiny-qwen2 tiny-qwen2-bf16 tiny-qwen3; do
    run 0 "" export "$models/$model" --gguf --json --out "$work/$model.gguf"
    [ "$(head -c 4 "$work/$model.gguf")" = GGUF ] || fail "$model: no GGUF file"
    has "$work/$model.gguf" tokenizer.chat_template
    family=${model#tiny-} family=${family%%-*}
    has "$work/$model.gguf" "$family.rope.freq_base"
    grep -q '"kind":"model","format":"gguf","type":"b\{0,1\}f' "$work/out" || fail "$model: --json says: $(cat "$work/out")"
done
grep -q '"type":"f32"' "$work/out" || fail "tiny-qwen3 is not f32: $(cat "$work/out")"
[ "$(($(size "$work/tiny-qwen2-bf16.gguf") * 3))" -lt "$(($(size "$work/tiny-qwen2.gguf") * 2))" ] || fail "bf16 is not smaller than f32"
quiet_export() { "$rlsp" export "$@" >"$work/out" 2>"$work/err"; }
quiet_export "$models/tiny-qwen2" --gguf --type bf16 --out "$work/as-bf16.gguf" || fail "--type bf16: exit code $?"
grep -q "as-bf16.gguf is the model of $models/tiny-qwen2, in bf16" "$work/err" || fail "--type bf16 says: $(cat "$work/err")"
quiet_export "$models/tiny-qwen2" --gguf --type q8_0 --out "$work/as-bf16.gguf" || fail "a file that is there: exit code $?"
[ "$(size "$work/as-bf16.gguf")" -lt "$(size "$work/tiny-qwen2-bf16.gguf")" ] || fail "q8_0 is not smaller than bf16"
for task in pick-three countdown; do
    quiet_export "$source/assets/$task-sft" --gguf --out "$work/$task.gguf" || fail "the tokenizer of $task: exit code $?"
    has "$work/$task.gguf" llama-bpe
done
"$rlsp" export --help | grep -q -- --gguf || fail "--help does not tell of --gguf"

# --- what cannot be
refused() { # WORD ARGUMENTS…
    word=$1
    shift
    run 2 "$word" export "$@"
    [ ! -e "$work/x" ] || fail "export $*: left something"
}
refused "add --gguf" "$models/tiny-llama" --type f16 --out "$work/x"
refused "in one piece" "$models/tiny-llama" --gguf --shard-size 1 --out "$work/x"
refused "without --gguf a directory" "$models/tiny-llama" --out "$work/x.gguf"
refused "is a model, not a run" "$models/tiny-llama" --out "$work/x"
refused "is a model, not a run" "$models/tiny-llama" --gguf --merge --out "$work/x"
refused "--type" "$models/tiny-llama" --gguf --type q4_0 --out "$work/x"
refused "multiple of 32" "$models/tiny-llama" --gguf --type q8_0 --out "$work/x" # its intermediate size is 112
refused "no run directory" "$work" --gguf --out "$work/x"
run 1 "its directory is not there" export "$models/tiny-llama" --gguf --out "$work/no/x"
run 1 "it is a directory" export "$models/tiny-llama" --gguf --out "$work"
changed() { # FILE SED-SCRIPT: a copy of tiny-qwen2 with this file changed
    rm -rf "$work/changed" && cp -r "$models/tiny-qwen2" "$work/changed" || exit 1
    sed "$2" "$models/tiny-qwen2/$1" >"$work/changed/$1"
    ! cmp -s "$models/tiny-qwen2/$1" "$work/changed/$1" || fail "sed $2 changes nothing in $1"
}
changed tokenizer.json 's/\\\\p{N}| ?/\\\\p{N}{2}| ?/'
refused "llama.cpp has no pre-tokenizer that cuts as this one does" "$work/changed" --gguf --out "$work/x"
changed tokenizer.json 's/"lstrip": false/"lstrip": true/'
refused "lstrip" "$work/changed" --gguf --out "$work/x"
changed config.json 's/"vocab_size": 400/"vocab_size": 399/'
refused "embed_tokens" "$work/changed" --gguf --out "$work/x"
changed config.json 's/"rope_type": "default"/"rope_type": "dynamic"/'
refused "rope_type" "$work/changed" --gguf --out "$work/x"
rm "$work/changed/tokenizer.json" && cp "$models/tiny-qwen2/config.json" "$work/changed"
refused "tokenizer.json is not there" "$work/changed" --gguf --out "$work/x"

# --- runs: the whole model, an adapter, the two merged; which checkpoint counts
need_device
. "$source/tests/support/smoke.sh"
smoke_train "$work/whole" --set 'stages=["sft"]' --set eval.problems=0 >"$work/out" 2>"$work/err" </dev/null || fail "training: exit code $?"
run 0 "" export "$work/whole" --gguf --json --out "$work/whole.gguf"
grep -q '"run":".*/whole","step":4}' "$work/out" || fail "a run: --json says $(cat "$work/out")"
quiet_export "$work/whole/checkpoints/last" --gguf --out "$work/last.gguf" || fail "a checkpoint's directory: exit code $?"
quiet_export "$work/whole" --step 1 --gguf --out "$work/first.gguf" || fail "--step 1: exit code $?"
[ "$(size "$work/first.gguf")" -eq "$(size "$work/whole.gguf")" ] || fail "--step 1 is of another size"
! cmp -s "$work/first.gguf" "$work/whole.gguf" || fail "--step 1 is the last step"
has "$work/whole.gguf" reinforcement-learning
quiet_export "$work/whole" --out "$work/base" || fail "the base: exit code $?"
sed -i 's/^library_name:.*/&\nlicense: apache-2.0/' "$work/base/README.md"
smoke_train "$work/lora" --set 'stages=["sft"]' --set eval.problems=0 --set "model.path=$work/base" --set adapter.kind=lora --set adapter.rank=4 --set 'sft.phases.*.lr=1e-2' \
    >"$work/out" 2>"$work/err" </dev/null || fail "training an adapter: exit code $?"
quiet_export "$work/lora" --gguf --out "$work/lora.gguf" || fail "an adapter: exit code $?"
grep -q "lora.gguf is the adapter of $work/lora at step 4, in f32" "$work/err" || fail "an adapter: it says $(cat "$work/err")"
has "$work/lora.gguf" adapter.lora.alpha
has "$work/lora.gguf" blk.0.attn_q.weight.lora_b
has "$work/lora.gguf" apache-2.0
! grep -qa tokenizer.ggml "$work/lora.gguf" || fail "an adapter has a tokenizer"
quiet_export "$work/lora" --merge --gguf --out "$work/merged.gguf" || fail "--merge: exit code $?"
quiet_export "$work/lora" --merge --out "$work/merged" || fail "--merge into a directory: exit code $?"
quiet_export "$work/merged" --gguf --out "$work/again.gguf" || fail "of a merged directory: exit code $?"
data() { tail -c 8192 "$1"; } # FILE: the last weights
data "$work/merged.gguf" >"$work/one" && data "$work/again.gguf" >"$work/two"
cmp -s "$work/one" "$work/two" || fail "the weights of --merge are not those of the merged directory"
data "$work/whole.gguf" | cmp -s "$work/one" - && fail "--merge has changed nothing"
refused "no adapter to merge" "$work/whole" --merge --gguf --out "$work/x"
refused "f32, f16 or bf16" "$work/lora" --gguf --type q8_0 --out "$work/x"
refused "no checkpoint of step 99" "$work/lora" --gguf --step 99 --out "$work/x"
[ -z "$(find "$work" -name '*.tmp-*' -o -name '*.part*')" ] || fail "half a file is left"

finish
