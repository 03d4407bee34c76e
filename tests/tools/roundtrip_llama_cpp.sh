#!/bin/sh
# The round trip through llama.cpp: small models of every family are trained for a few steps (in full, and with LoRA),
# exported as GGUF (whole, merged, as an adapter, in several types), scored here, then loaded and scored by llama.cpp's
# library, which has to agree; so have the tokens of texts, special tokens and chat templates.
#
#     sh tests/tools/roundtrip_llama_cpp.sh build/release . FOLDER
#
# FOLDER is made. RLSP_LLAMA_PYTHON is a Python that finds libllama.so.0 and libggml.so.0 (python3); where that sees other
# paths ("chroot /elsewhere python3"), RLSP_LLAMA_FOLDER is the FOLDER as it sees it. Exits 77 where there is no llama.cpp.
set -e
build=$1 top=$2 work=$3
[ -n "$work" ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 2; }
rlsp=$build/rlsp
tokenizers=$top/tests/data/parity/tokenizers
mkdir -p "$work"
cp "$top/tests/tools/roundtrip_llama_cpp.py" "$work"
: >"$work/models.jsonl"

# shellcheck disable=SC2086
${RLSP_LLAMA_PYTHON:-python3} "${RLSP_LLAMA_FOLDER:-$work}/roundtrip_llama_cpp.py" --there || exit $?

# make NAME MODEL-TYPE ARCHITECTURE TOKENIZER DTYPE SIZES-AND-ROPE: a random model with that tokenizer
make() {
    mkdir -p "$work/$1.shape"
    cat >"$work/$1.shape/config.json" <<END
{"model_type": "$2", "architectures": ["$3"], "num_hidden_layers": 3, "max_position_embeddings": 512, "rms_norm_eps": 1e-5,
 "hidden_act": "silu", $6}
END
    "$build/make_model" "$work/$1.shape/config.json" "$work/$1" "$5" >/dev/null
    cp "$tokenizers/$4"/tokenizer*.json "$work/$1"
}

# ids NAME VOCABULARY: sequences, and one with every ninth token behind it, whose last log-probabilities sample a distribution
ids() {
    awk -v n="$2" 'BEGIN { srand(5); for (i = 0; i < 8; i++) { printf "{\"ids\":["; for (j = 0; j < 64; j++) printf "%s%d", j ? "," : "", int(rand() * n); print "]}" } }' >"$work/$1.ids.jsonl"
    awk -v n="$2" 'NR == 1 { sub(/\]}/, ""); for (i = 0; i < n; i += 9) print $0 "," i "]}" }' "$work/$1.ids.jsonl" | cut -d, -f 1-8,65- >"$work/$1.each.jsonl"
}

# score NAME BASE OPTIONS…: what llama.cpp has to say too
score() {
    name=$1 base=$2
    shift 2
    "$rlsp" score "$@" <"$work/$base.ids.jsonl" >"$work/$name.scores.jsonl"
    "$rlsp" score "$@" <"$work/$base.each.jsonl" >"$work/$name.last.jsonl"
    "$rlsp" generate --ids --temperature 0 --max-new 16 "$@" <"$work/$base.ids.jsonl" >"$work/$name.greedy.jsonl"
}

# expect NAME BASE GGUF ADAPTER-OR-EMPTY TOLERANCE SCORES
expect() {
    echo "{\"name\":\"$1\",\"base\":\"$2\",\"file\":\"$3\",\"adapter\":\"$4\",\"tolerance\":$5,\"scores\":\"$6\"}" >>"$work/models.jsonl"
}

gguf() { out=$1; shift; "$rlsp" export "$@" --gguf --out "$work/$out" 2>>"$work/export.log"; } # OUT ARGUMENTS…

train() { # RUN BASE OPTIONS…
    run=$1 base=$2
    shift 2
    "$rlsp" train --batch --config "$top/configs/math-smoke.json" --out "$work/$run" --set 'stages=["sft"]' --set "sft.data=$work/$base.ids.jsonl" \
        --set "model.path=$work/$base" --set "task.data=$top/tests/data/math/arithmetic.jsonl" --set "task.eval_data=$top/tests/data/math/arithmetic-held-out.jsonl" \
        --set sft.steps=4 --set sft.batch_size=4 --set eval.problems=0 --set checkpoint.every=0 "$@" >/dev/null 2>"$work/$run.log" || { tail -2 "$work/$run.log"; exit 1; }
}

# texts BASE FILE: its texts as this program has them, which the parity tests compare with Hugging Face's. llama.cpp takes
# texts as they are where a tokenizer has them composed (NFC) first: of those, the ones that are composed.
texts() {
    python3 -c 'import json, sys, unicodedata
composes = json.load(open(sys.argv[1] + "/tokenizer.json", encoding="utf-8"))["normalizer"] is not None
for line in open(sys.argv[2], encoding="utf-8"):
    text = json.loads(line)["text"]
    if not composes or unicodedata.is_normalized("NFC", text):
        print(json.dumps({"text": text}))' "$work/$1" "$2" >"$work/$1.texts.jsonl"
    "$rlsp" tokenize --model "$work/$1" <"$work/$1.texts.jsonl" >"$work/$1.tokens.jsonl"
}

# all NAME VOCABULARY TOLERANCE LORA-OPTIONS…: a base, an adapter beside it, merged into it, and the model trained in full
all() {
    base=$1 vocabulary=$2 tolerance=$3
    shift 3
    ids "$base" "$vocabulary"
    score "$base" "$base" --model "$work/$base"
    gguf "$base.gguf" "$work/$base"
    expect "$base" "$base" "$base.gguf" "" "$tolerance" "$base"
    train "$base-lora-run" "$base" --set adapter.kind=lora --set adapter.rank=8 --set adapter.alpha=24 --set sft.lr=1e-2 "$@"
    gguf "$base-lora.gguf" "$work/$base-lora-run"
    score "$base-lora" "$base" --model "$work/$base" --adapter "$work/$base-lora-run/checkpoints/last"
    expect "$base-lora" "$base" "$base.gguf" "$base-lora.gguf" "$tolerance" "$base-lora"
    gguf "$base-merged.gguf" "$work/$base-lora-run" --merge
    "$rlsp" export "$work/$base-lora-run" --merge --out "$work/$base-merged" 2>>"$work/export.log"
    score "$base-merged" "$base" --model "$work/$base-merged"
    expect "$base-merged" "$base" "$base-merged.gguf" "" "$tolerance" "$base-merged"
    train "$base-full-run" "$base" --set sft.lr=1e-2
    score "$base-full" "$base" --model "$work/$base-full-run/checkpoints/last"
    gguf "$base-full.gguf" "$work/$base-full-run"
    expect "$base-full" "$base" "$base-full.gguf" "" 1e-4 "$base-full"
}

# In float32 llama.cpp agrees to about 1e-5. With 16-bit weights it rounds what they multiply to 16 bits as well.
sizes='"hidden_size": 128, "intermediate_size": 256, "num_attention_heads": 4, "num_key_value_heads": 2'
make llama llama LlamaForCausalLM llama3-style f32 "$sizes, \"vocab_size\": 1920, \"tie_word_embeddings\": false, \"bos_token_id\": 1891, \"eos_token_id\": [1892, 1898],
 \"rope_theta\": 10000, \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1, \"high_freq_factor\": 4, \"original_max_position_embeddings\": 64}"
make qwen2 qwen2 Qwen2ForCausalLM qwen2-style f32 "\"hidden_size\": 96, \"intermediate_size\": 160, \"num_attention_heads\": 3, \"num_key_value_heads\": 1, \"vocab_size\": 2080,
 \"tie_word_embeddings\": true, \"bos_token_id\": 2041, \"eos_token_id\": [2043, 2041], \"rope_theta\": 1000000"
make qwen3 qwen3 Qwen3ForCausalLM qwen2-style f32 "\"hidden_size\": 64, \"head_dim\": 64, \"intermediate_size\": 192, \"num_attention_heads\": 4, \"num_key_value_heads\": 2,
 \"vocab_size\": 2048, \"tie_word_embeddings\": true, \"eos_token_id\": 2043, \"rope_theta\": 1000000"
all llama 1920 1e-4 --set adapter.rslora=true
texts llama "$tokenizers/llama3-style/encode.jsonl"
all qwen2 2080 1e-4
texts qwen2 "$tokenizers/qwen2-style/encode.jsonl"
all qwen3 2048 1e-4 --set 'adapter.targets=["q_proj","v_proj","down_proj"]'

for type in f16 bf16 q8_0; do
    for base in llama qwen2 qwen3; do
        gguf "$base-$type.gguf" "$work/$base-full-run" --type $type
        case $type in f16) tolerance=1e-2 ;; bf16) tolerance=1e-1 ;; *) tolerance=1e-1 ;; esac
        expect "$base-$type" "$base" "$base-$type.gguf" "" $tolerance "$base-full"
    done
done
gguf llama-lora-f16.gguf "$work/llama-lora-run" --type f16
expect llama-lora-f16 llama llama.gguf llama-lora-f16.gguf 1e-2 llama-lora

# 16-bit files as they are
make stored-bf16 qwen2 Qwen2ForCausalLM qwen2-style bf16 "$sizes, \"vocab_size\": 2048, \"tie_word_embeddings\": false, \"eos_token_id\": 2043"
all stored-bf16 2048 1e-1

# Rope scaling by keys
plain() { # NAME VOCABULARY
    ids "$1" "$2"
    score "$1" "$1" --model "$work/$1"
    gguf "$1.gguf" "$work/$1"
    expect "$1" "$1" "$1.gguf" "" 1e-4 "$1"
}
make llama-linear llama LlamaForCausalLM llama3-style f32 "$sizes, \"vocab_size\": 1900, \"tie_word_embeddings\": true, \"eos_token_id\": 1892,
 \"rope_theta\": 10000, \"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 4}"
make qwen2-yarn qwen2 Qwen2ForCausalLM qwen2-style f32 "$sizes, \"vocab_size\": 2048, \"tie_word_embeddings\": true, \"eos_token_id\": 2043,
 \"rope_theta\": 10000, \"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 4, \"original_max_position_embeddings\": 32, \"beta_fast\": 8, \"attention_factor\": 1.3}"
make qwen3-yarn qwen3 Qwen3ForCausalLM qwen2-style f32 "$sizes, \"head_dim\": 32, \"vocab_size\": 2048, \"tie_word_embeddings\": true, \"eos_token_id\": 2043,
 \"rope_theta\": 10000, \"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 4, \"original_max_position_embeddings\": 32}"
plain llama-linear 1900
plain qwen2-yarn 2048
plain qwen3-yarn 2048

# The tasks' own tokenizers, on texts that they know
for task in pick-three countdown; do
    cp -r "$top/assets/$task-sft" "$work/$task"
    plain $task "$(sed -n 's/.*"vocab_size":[[:space:]]*\([0-9]*\).*/\1/p' "$work/$task/config.json")"
    printf '{"text":"%s"}\n' 'Numbers 3,7,11. Target 21.\n' '3+7+11=21 short 0. Yes.\nAnswer: \\boxed{3+7+11}<eos>' '12 + 1' '' >"$work/known.jsonl"
    [ $task = pick-three ] || printf '{"text":"%s"}\n' 'Numbers 3,7,11. Target 21.\n' 'Try (3+7)*11=110. Not 21. Go back.\n' 'Answer: \\boxed{(7-3)*11}<eos>' >"$work/known.jsonl"
    texts $task "$work/known.jsonl"
done

# The other pre-tokenizers that have a name, on the same vocabulary and weights
other() { # NAME PYTHON-STATEMENT that changes tokenizer t
    mkdir -p "$work/$1"
    cp "$work/llama-linear/config.json" "$work/llama-linear/model.safetensors" "$work/llama-linear/tokenizer_config.json" "$work/$1"
    python3 -c 'import json, sys
t = json.load(open(sys.argv[1], encoding="utf-8"))
exec(sys.argv[3])
json.dump(t, open(sys.argv[2], "w", encoding="utf-8"))' "$work/llama-linear/tokenizer.json" "$work/$1/tokenizer.json" "$2"
    gguf "$1.gguf" "$work/$1"
    texts "$1" "$tokenizers/llama3-style/encode.jsonl"
    expect "$1" "$1" "$1.gguf" "" 1e-4 ""
}
byte_level='{"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}'
other like-dbrx 't["model"]["ignore_merges"] = False'
other like-smollm "t['model']['ignore_merges'] = False; t['pre_tokenizer'] = {'type': 'Sequence', 'pretokenizers': [{'type': 'Digits', 'individual_digits': True}, $byte_level]}"
other like-gpt2 "t['model']['ignore_merges'] = False; t['pre_tokenizer'] = $byte_level"

# shellcheck disable=SC2086
exec ${RLSP_LLAMA_PYTHON:-python3} "${RLSP_LLAMA_FOLDER:-$work}/roundtrip_llama_cpp.py" "${RLSP_LLAMA_FOLDER:-$work}"
