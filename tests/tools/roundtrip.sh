#!/bin/sh
# The round trip: models are trained for a few steps (in full, and with LoRA), exported (whole, merged, as PEFT
# adapters, in one file and in shards), scored here, then loaded and scored by transformers, which has to agree.
#
#     sh tests/tools/roundtrip.sh build/release/rlsp . FOLDER
#
# FOLDER is made. RLSP_TORCH_PYTHON is a Python that has PyTorch and transformers (python3); where that sees other paths
# ("chroot /elsewhere python3"), RLSP_TORCH_FOLDER is the FOLDER as it sees it. Without one, the second half is
#
#     python3 roundtrip_transformers.py FOLDER
set -e
rlsp=$1 top=$2 work=$3
[ -n "$work" ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 2; }
models=$top/tests/data/parity/models
mkdir -p "$work"
cp "$top/tests/tools/roundtrip_transformers.py" "$work"

# Conversations of ids, none of them special; their last token is asked for in every possible way below.
awk 'BEGIN { srand(5); for (i = 0; i < 48; i++) { printf "{\"ids\":["; for (j = 0; j < 24; j++) printf "%s%d", j ? "," : "", int(rand() * 370); print "]}" } }' >"$work/ids.jsonl"

# distribution VOCABULARY: the first sequence with every token behind it: all log-probabilities at that place
distribution() { awk -v n="$1" 'NR == 1 { sub(/\]}/, ""); for (i = 0; i < n; i++) print $0 "," i "]}" }' "$work/ids.jsonl"; }

score() { # NAME OPTIONS…
    name=$1
    shift
    "$rlsp" score "$@" <"$work/ids.jsonl" >"$work/$name.scores.jsonl"
    distribution "$vocabulary" | "$rlsp" score "$@" >"$work/$name.last.jsonl"
    "$rlsp" generate --ids --temperature 0 --max-new 16 "$@" <"$work/ids.jsonl" >"$work/$name.greedy.jsonl"
}

train() { # RUN OPTIONS…
    run=$1
    shift
    "$rlsp" train --batch --config "$top/configs/math-smoke.json" --out "$work/$run" --set 'stages=["sft"]' --set "sft.data=$work/ids.jsonl" \
        --set "task.data=$top/tests/data/math/arithmetic.jsonl" --set "task.eval_data=$top/tests/data/math/arithmetic-held-out.jsonl" \
        --set sft.steps=6 --set sft.batch_size=8 --set eval.problems=0 --set checkpoint.every=0 "$@" >/dev/null 2>"$work/$run.log" ||
        { tail -2 "$work/$run.log"; exit 1; }
}

for base in tiny-llama tiny-llama-sharded tiny-qwen2 tiny-qwen2-bf16 tiny-qwen3; do
    cp -r "$models/$base" "$work/$base"
    rm -f "$work/$base"/expected.* "$work/$base"/config.v4.json
    vocabulary=$(sed -n 's/.*"vocab_size": \([0-9]*\).*/\1/p' "$work/$base/config.json")
    score "$base" --model "$work/$base"
    train "$base-lora-run" --set "model.path=$work/$base" --set adapter.kind=lora --set adapter.rank=8 --set adapter.alpha=24 --set sft.lr=5e-3
    "$rlsp" export "$work/$base-lora-run" --out "$work/$base-adapter"
    score "$base-adapter" --model "$work/$base" --adapter "$work/$base-adapter"
    "$rlsp" export "$work/$base-lora-run" --merge --out "$work/$base-merged"
    score "$base-merged" --model "$work/$base-merged"
    "$rlsp" export "$work/$base-lora-run" --merge --shard-size 0.0002 --out "$work/$base-merged-shards"
    score "$base-merged-shards" --model "$work/$base-merged-shards"
    [ "$base" != tiny-qwen2-bf16 ] || continue # trained in full it is a float32 model like any other
    train "$base-full-run" --set "model.path=$work/$base" --set sft.lr=1e-3
    "$rlsp" export "$work/$base-full-run" --out "$work/$base-full"
    score "$base-full" --model "$work/$base-full"
    "$rlsp" export "$work/$base-full-run" --shard-size 0.0002 --out "$work/$base-full-shards"
    score "$base-full-shards" --model "$work/$base-full-shards"
done

# shellcheck disable=SC2086
if ${RLSP_TORCH_PYTHON:-python3} -c 'import transformers' 2>/dev/null; then
    ${RLSP_TORCH_PYTHON:-python3} "${RLSP_TORCH_FOLDER:-$work}/roundtrip_transformers.py" "${RLSP_TORCH_FOLDER:-$work}"
else
    echo "roundtrip: no transformers here; with a Python that has it: python3 $work/roundtrip_transformers.py $work"
fi
