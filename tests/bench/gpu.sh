#!/bin/sh
# Everything that is to be measured on a GPU, in one call of at most nine minutes, beside PyTorch in the same run:
#
#     sh tests/bench/gpu.sh [--quick] [--out FOLDER] [PART...]
#
# Parts: devices, check (kernel tests on the device), gemm, attention, train (Llama 3.2 1B's shape), decode (256 sequences of it),
# ppo (a LoRA step of Llama 3.1 8B's shape, `rlsp plan` beside it), overlap (a LoRA step of the 1B shape whose responses come in
# waves, with rl.overlap beside without), scale (the cost model, with a picture). Each has a limit of its own, and one that fails or is cut off
# leaves the others' rows, and its own up to there. FOLDER (default: gpu-results) gets report.md (one table), results.json (the
# same rows, and all that the programs said), log.txt and scale.png. Models have random weights, made on the spot.
#
# --quick: small shapes, to see that every part works, also where the only device is a CPU.
# RLSP_TORCH_PYTHON: the python with PyTorch (words). RLSP: the program, else build/release/rlsp. RLSP_DEVICE: as for --device.
# RLSP_GPU_SECONDS: for all of it (530). RLSP_GPU_WORK: a folder for models, with 20 GB free (2 GB without ppo).
set -u
script=$0
top=$(cd "$(dirname "$0")/../.." && pwd)
all_parts="devices check gemm attention train decode ppo overlap scale"

# --- what the parts share ------------------------------------------------------------------

# A number or text of a JSON file, by its first such key.
value() { tr ',{[}]' '\n\n\n\n\n' <"$1" 2>/dev/null | sed -n "s/^ *\"$2\": *//p" | head -n 1 | tr -d '"'; }

# row WHAT UNIT OURS PEER-NAME PEER: empty where there is none. The ratio is ours to the peer's (memory: the same).
row() { printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" "$5" >>"$rows"; }

say() { printf '%s\n' "$*" >&2; }

# run NAME SECONDS COMMAND…: its JSON into NAME.json; a line in the log, and false, if there is none.
run() {
    name=$1 limit=$2
    shift 2
    say "--- $*"
    timeout -k 5 "$limit" "$@" >"$out/$name.json" 2>"$out/$name.err"
    status=$?
    [ $status -ne 0 ] || [ -s "$out/$name.json" ] || status=1
    if [ $status -ne 0 ]; then
        say "$name: exit $status, after at most $limit s: $(tail -n 3 "$out/$name.err" | tr '\n' ' ')"
        rm -f "$out/$name.json"
        return 1
    fi
}

bench() { # NAME SECONDS ARGUMENTS…
    name=$1 limit=$2
    shift 2
    run "$name" "$limit" "$rlsp" bench "$@" --json ${RLSP_DEVICE:+--device "$RLSP_DEVICE"}
}

# The peer, in words of RLSP_TORCH_PYTHON. On the CPU where rlsp's device is one.
torch() { # NAME SECONDS ARGUMENTS…
    name=$1 limit=$2
    shift 2
    # shellcheck disable=SC2086
    run "$name" "$limit" $python "$top/tests/bench/torch_peer.py" "$@" --device "$peer_device"
}

rate_of() { value "$out/$1.json" tokens_per_second; }

# has_option WORD ARGUMENTS…: rlsp knows it.
has_option() {
    word=$1
    shift
    "$rlsp" "$@" --help 2>/dev/null | grep -q -e "$word"
}

# A directory of that shape with random weights in bf16; stays for the parts after it.
make_directory() { # NAME WIDTH LAYERS HEADS KV FF VOCAB TIED
    [ ! -f "$work/$1/model.safetensors" ] && [ ! -f "$work/$1/model.safetensors.index.json" ] || return 0
    mkdir -p "$work/$1"
    cat >"$work/$1.config.json" <<END
{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": $2, "num_hidden_layers": $3, "num_attention_heads": $4,
 "num_key_value_heads": $5, "head_dim": $(($2 / $4)), "intermediate_size": $6, "vocab_size": $7, "max_position_embeddings": 2048,
 "hidden_act": "silu", "rms_norm_eps": 1e-05, "rope_theta": 500000.0, "attention_bias": false, "mlp_bias": false,
 "tie_word_embeddings": $8, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
END
    say "--- make_model $1"
    "$programs/make_model" "$work/$1.config.json" "$work/$1" bf16 >&2 || { rm -rf "${work:?}/$1"; return 1; }
    cp "$top"/assets/countdown-sft/tokenizer*.json "$work/$1/"
}

if [ "${quick:-}" = 1 ]; then
    one="128 2 4 2 256 512 true" one_shape=128,2,4,2,256,512 train_batch=2 train_length=32
    sequences=8 prompt=8 new=8 ppo_shape="128 2 4 2 256 512 false" ppo_sequences=8 ppo_new=16
    seconds=0.2 sizes=512 scale_seconds=0.02 one_name="a small shape" ppo_name="a small shape"
else
    one="2048 16 32 8 8192 128256 true" one_shape=2048,16,32,8,8192,128256 train_batch=4 train_length=1024
    sequences=256 prompt=32 new=96 ppo_shape="4096 32 32 8 14336 128256 false" ppo_sequences=16 ppo_new=115
    seconds=4 sizes=1024,2048,4096,8192 scale_seconds=0.2 one_name="Llama 3.2 1B's shape" ppo_name="Llama 3.1 8B's shape"
fi

# --- the parts ------------------------------------------------------------------------------

part_devices() {
    run devices 30 "$rlsp" devices --json
    "$rlsp" devices >&2
    row "device" "" "$(sed -n 's/.*"index":0,"name":"\([^"]*\)".*/\1/p' "$out/devices.json" | head -n 1)" "" ""
    # shellcheck disable=SC2086
    $python -c 'import torch; print(torch.__version__, torch.cuda.is_available())' >&2 || say "no python with PyTorch: no peers"
    command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.sm,power.limit --format=csv,noheader >&2
    return 0
}

# gpu_pack.sh takes them from this line.
checks="test_profile test_stream test_matmul test_matmul_ragged test_matmul_tiles test_rounding test_halves test_attention test_attention_tiles test_attention_decode test_rmsnorm test_swiglu test_logits test_weight test_weight_matrices test_rows test_columns test_embedding test_value_head"

part_check() {
    passed=0 there=0 failed=
    for test in $checks; do
        [ -x "$programs/$test" ] || continue
        there=$((there + 1))
        if RLSP_TEST_DEVICE=${RLSP_DEVICE:-} RLSP_TEST_VALIDATE=0 timeout -k 5 "$check_limit" "$programs/$test" >"$out/$test.err" 2>&1; then
            passed=$((passed + 1))
        else
            failed="$failed $test"
            say "$test: $(grep -v -e OK -e RUN "$out/$test.err" | head -n 5)"
        fi
    done
    row "kernel tests passed${failed:+, not:$failed}" "programs" "$passed" "of" "$there"
}

# Every product that rlsp bench gemm gives, beside torch.mm of the same size and type.
part_gemm() {
    bench gemm "$gemm_limit" gemm --seconds "$seconds"
    torch torch_gemm 60 gemm --sizes "$sizes" --seconds "$seconds"
    peer_of() { tr '}' '\n' <"$out/torch_gemm.json" 2>/dev/null | sed -n "s/.*\"size\": $1, \"dtype\": \"$2\", \"gflops\": \([0-9.e+]*\).*/\1/p" | head -n 1; }
    tr '}' '\n' <"$out/gemm.json" 2>/dev/null | grep '"gflops"' | while read -r product; do
        printf '%s' "$product" | tr ',{[' '\n\n\n' >"$out/product.tmp"
        field() { sed -n "s/^\"$1\"://p" "$out/product.tmp" | tr -d '"' | head -n 1; }
        m=$(field m) n=$(field n) k=$(field k) type=$(field compute)
        type=${type:-f32}
        [ "$m" = "$n" ] && [ "$n" = "$k" ] && peer=$(peer_of "$m" "$type") || peer=
        row "$(field layout) $m x $n x $k, $type, $(field kernel)" GFLOP/s "$(field gflops)" "${peer:+torch.mm $type}" "$peer"
    done
    for type in tf32 bf16; do
        for size in $(printf '%s' "$sizes" | tr ',' ' '); do
            peer=$(peer_of "$size" $type)
            [ -z "$peer" ] || row "torch alone: $size x $size x $size, $type" GFLOP/s "" torch.mm "$peer"
        done
    done
    rm -f "$out/product.tmp"
}

part_attention() {
    bench attention "$attention_limit" attention --seconds "$seconds"
    types="f32 bf16"
    [ "$peer_device" = auto ] || types=f32 # a CPU takes minutes for bf16
    for type in $types; do
        torch "torch_attention_$type" 40 attention --seconds "$seconds" --dtype $type
    done
    peer_of() { # TYPE SEQUENCES LENGTH HEADS KV DIM PART
        tr '}' '\n' <"$out/torch_attention_$1.json" 2>/dev/null | sed -n "s/.*\"sequences\": $2, \"length\": $3, \"heads\": $4, \"kv_heads\": $5, \"head_dim\": $6, \"part\": \"$7\", \"gflops\": \([0-9.e+]*\).*/\1/p" | head -n 1
    }
    tr '}' '\n' <"$out/attention.json" 2>/dev/null | grep '"gflops"' | while read -r shape; do
        printf '%s' "$shape" | tr ',{[' '\n\n\n' >"$out/shape.tmp"
        field() { sed -n "s/^\"$1\"://p" "$out/shape.tmp" | tr -d '"' | head -n 1; }
        what="attention $(field part), $(field sequences) x $(field length), heads $(field heads)/$(field kv_heads) of $(field head_dim)"
        for type in $types; do
            peer=$(peer_of $type "$(field sequences)" "$(field length)" "$(field heads)" "$(field kv_heads)" "$(field head_dim)" "$(field part)")
            [ -z "$peer" ] || row "$what" GFLOP/s "$(field gflops)" "SDPA $type" "$peer"
        done
    done
    rm -f "$out/shape.tmp"
}

# One row for each precision that this rlsp knows, beside the fastest and the nearest that PyTorch has.
part_train() {
    for type in bf16 autocast; do
        torch "torch_train_$type" 80 train --shape $one_shape --batch $train_batch --length $train_length --seconds "$seconds" --dtype $type
    done
    make_directory one $one || return 1
    types=f32
    has_option "--precision" bench && types="bf16 f32"
    for type in $types; do
        precision=
        [ "$types" = f32 ] || precision="--precision $type"
        # shellcheck disable=SC2086
        bench "train_$type" 100 train --model "$work/one" --batch $train_batch --length $train_length --seconds "$seconds" $precision || continue
        for peer in bf16 autocast; do
            row "train, $one_name, $train_batch x $train_length, $type" tokens/s "$(rate_of "train_$type")" "PyTorch $peer, SDPA" "$(rate_of "torch_train_$peer")"
        done
        row "  memory" bytes "$(value "$out/train_$type.json" memory_bytes)" "PyTorch bf16" "$(value "$out/torch_train_bf16.json" memory_bytes)"
        row "  backward per flop, times the forward's" "" "$(value "$out/train_$type.json" backward_per_flop)" "" ""
        row "  share of this device's best product" "" "$(value "$out/train_$type.json" share_of_product)" "" ""
        row "  device idle" "" "$(value "$out/train_$type.json" idle_share)" "" ""
        # shellcheck disable=SC2086
        bench "profile_train_$type" 60 train --model "$work/one" --batch $train_batch --length $train_length --seconds 0.1 $precision --profile &&
            profile_rows "profile_train_$type"
    done
}

# The kernels that take most of a profiled run.
profile_rows() {
    tr '}' '\n' <"$out/$1.json" | sed -n 's/.*"kernel":"\([^"]*\)".*"share":\([0-9.e-]*\).*/\1 \2/p' | head -n 6 | while read -r kernel share; do
        row "  kernel $kernel, share of the step" "" "$share" "" ""
    done
}

part_decode() {
    torch torch_generate 100 generate --shape $one_shape --sequences $sequences --prompt $prompt --new $new --seconds "$seconds" --dtype bf16
    torch torch_decode 60 decode --shape $one_shape --sequences $sequences --prompt $prompt --new $new --seconds "$seconds" --dtype bf16
    make_directory one $one || return 1
    for type in bf16 f32; do
        precision=
        has_option "--precision" bench && precision="--precision $type"
        # shellcheck disable=SC2086
        bench "decode_$type" 90 decode --model "$work/one" --weights $type $precision --sequences $sequences --prompt $prompt --new $new --seconds "$seconds" || continue
        row "decode, $one_name, $sequences x ($prompt + $new), weights $type" "tokens/s" "$(rate_of "decode_$type")" "transformers generate, bf16" "$(rate_of torch_generate)"
        row "  the same" "tokens/s" "$(rate_of "decode_$type")" "PyTorch, own loop, bf16" "$(rate_of torch_decode)"
    done
    # shellcheck disable=SC2086
    bench profile_decode 40 decode --model "$work/one" --weights bf16 ${precision:+--precision bf16} --sequences $sequences --prompt $prompt --new $new --seconds 0.1 --profile && profile_rows profile_decode
}

part_ppo() {
    make_directory eight $ppo_shape || return 1
    config=$work/ppo.json
    cat >"$config" <<END
{"extends": "$top/configs/countdown-rl-outcome.json", "name": "gpu-ppo", "recompute": "block",
 "model": {"path": "$work/eight", "weights": "bf16"}, "adapter": {"kind": "lora", "rank": 16, "alpha": 32},
 "rl": {"steps": 2, "prompts_per_step": $ppo_sequences, "minibatch_size": $((ppo_sequences / 4)), "max_new_tokens": $ppo_new, "critic_warmup_steps": 0},
 "eval": {"every": 0, "problems": 1, "final_samples": 1, "max_new_tokens": 2}, "checkpoint": {"every": 0, "keep": 1}}
END
    run plan 30 "$rlsp" plan --config "$config" --json ${RLSP_DEVICE:+--device "$RLSP_DEVICE"}
    rm -rf "$work/ppo-run"
    say "--- rlsp train --config ppo.json"
    timeout -k 5 "$ppo_limit" "$rlsp" train --config "$config" --batch --out "$work/ppo-run" ${RLSP_DEVICE:+--set device="$RLSP_DEVICE"} >"$out/ppo.err" 2>&1 || say "rlsp train: exit $?: $(tail -n 3 "$out/ppo.err" | tr '\n' ' ')"
    grep '"rl_step"' "$work/ppo-run/events.jsonl" 2>/dev/null | tail -n 1 >"$out/ppo.json"
    [ -s "$out/ppo.json" ] || return 1
    row "PPO, LoRA on $ppo_name, $ppo_sequences responses of $ppo_new" "s/step" "$(value "$out/ppo.json" time_seconds)" "" ""
    for phase in generate judge score advantages update; do
        row "  $phase" s "$(value "$out/ppo.json" time_$phase)" "" ""
    done
    row "  response tokens" "tokens/s" "$(value "$out/ppo.json" time_tokens_per_second)" "" ""
    row "  peak of memory" bytes "$(value "$out/ppo.json" time_memory_peak_bytes)" "rlsp plan" "$(value "$out/plan.json" peak_bytes)"
    row "  first ratio (must be 1)" "" "$(value "$out/ppo.json" ratio_first)" "" ""
    precision=
    has_option "--precision" bench && precision="--precision bf16"
    # shellcheck disable=SC2086
    bench ppo_phases 100 ppo --model "$work/eight" --weights bf16 $precision --lora 16 --recompute --sequences $ppo_sequences --prompt 13 --new $ppo_new --seconds 0.1 || return 0
    row "  rlsp bench ppo: device idle" "" "$(value "$out/ppo_phases.json" idle_share)" "" ""
    tr '}' '\n' <"$out/ppo_phases.json" | sed -n 's/.*"phase":"\([^"]*\)","seconds":\([0-9.e-]*\).*/\1 \2/p' | while read -r phase took; do
        row "  rlsp bench ppo: $phase" s "$took" "" ""
    done
}

part_overlap() {
    make_directory one $one || return 1
    for overlap in off on; do # 64 random responses, none of which stops, in waves of 16
        cat >"$work/overlap.json" <<END
{"extends": "$top/configs/countdown-rl-outcome.json", "name": "gpu-overlap",
 "model": {"path": "$work/one", "weights": "bf16"}, "adapter": {"kind": "lora", "rank": 16, "alpha": 32},
 "rl": {"steps": 3, "prompts_per_step": 64, "minibatch_size": 16, "max_new_tokens": $ppo_new, "critic_warmup_steps": 0,
        "decode_slots": 16, "tokens_per_micro_batch": 4096, "overlap": "$overlap"},
 "eval": {"every": 0, "problems": 1, "final_samples": 1, "max_new_tokens": 2}, "checkpoint": {"every": 0, "keep": 1}}
END
        rm -rf "$work/overlap-run"
        say "--- rlsp train, rl.overlap=$overlap"
        "$rlsp" train --config "$work/overlap.json" --batch --out "$work/overlap-run" ${RLSP_DEVICE:+--set device="$RLSP_DEVICE"} >"$out/overlap_$overlap.err" 2>&1 || say "rlsp train: exit $?: $(tail -n 3 "$out/overlap_$overlap.err" | tr '\n' ' ')"
        grep '"rl_step"' "$work/overlap-run/events.jsonl" 2>/dev/null | tail -n 1 >"$out/overlap_$overlap.json"
        [ -s "$out/overlap_$overlap.json" ] || return 1
    done
    for field in seconds generate score score_ahead; do
        row "PPO, LoRA on $one_name, 64 responses in waves of 16: $field" s "$(value "$out/overlap_on.json" time_$field)" "rl.overlap=off" "$(value "$out/overlap_off.json" time_$field)"
    done
}

part_scale() {
    bench scale "$scale_limit" scale --seconds "$scale_seconds" -o "$out/scale.png" || return 1
    for kind in training decoding; do
        tr '{}' '\n\n' <"$out/scale.json" | sed -n "/\"$kind\":/,/\"sweeps\"/p" >"$out/scale.tmp"
        row "cost model, a $kind step: off by (share)" "" "$(sed -n 's/^"error":\([0-9.e+-]*\),"step_seconds".*/\1/p' "$out/scale.tmp" | head -n 1)" "" ""
        class=
        while read -r line; do
            case $line in
            *'"call_seconds":'*)
                row "  $class, each call" s "$(printf '%s' "$line" | sed -n 's/.*"call_seconds":\([0-9.e+-]*\).*/\1/p')" "" ""
                for unit in flops bytes; do
                    rate=$(printf '%s' "$line" | sed -n "s/.*\"${unit}_per_second\":\([0-9.e+-]*\).*/\1/p")
                    [ -z "$rate" ] || row "  $class" "$unit/s" "$rate" "" ""
                done
                [ "$class" != rest ] || break
                ;;
            esac
            class=$(printf '%s' "$line" | sed -n 's/.*"\([a-z]*\)":$/\1/p')
        done <"$out/scale.tmp"
    done
    rm -f "$out/scale.tmp"
}

# --- one part, in a process of its own --------------------------------------------------------

if [ "${1:-}" = --part ]; then
    rows=$out/$2.rows
    "part_$2"
    exit
fi

# --- all of them ------------------------------------------------------------------------------

out=gpu-results parts= quick=0
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=1 ;;
    --out) out=${2:?--out needs a folder} && shift ;;
    -h | --help) sed -n '2,/^set -u/p' "$script" | sed '$d; s/^# \{0,1\}//' && exit 0 ;;
    -*) say "gpu.sh: no option $1; --help shows them" && exit 2 ;;
    *) case " $all_parts " in *" $1 "*) parts="$parts $1" ;; *) say "gpu.sh: no part $1; there are $all_parts" && exit 2 ;; esac ;;
    esac
    shift
done
parts=${parts:-$all_parts}
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 1
rm -f "$out"/*.rows "$out"/*.err "$out"/*.json # of a run that was cut off
programs=$top/build/release
rlsp=${RLSP:-$programs/rlsp}
python=${RLSP_TORCH_PYTHON:-python3}
work=${RLSP_GPU_WORK:-$(mktemp -d)}
mkdir -p "$work"
work=$(cd "$work" && pwd)
[ -n "${RLSP_GPU_WORK:-}" ] || trap 'rm -rf "$work"' EXIT
check_limit=25 gemm_limit=80 attention_limit=60 ppo_limit=150 scale_limit=150
[ $quick = 0 ] || { check_limit=300 gemm_limit=300 attention_limit=300 scale_limit=600; }
started=$(date +%s)
budget=${RLSP_GPU_SECONDS:-530}
exec 3>&2 2>"$out/log.txt"

# A driver that the loader does not look for where it lies.
if [ -z "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ] && [ -f /usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json ] && ! "$rlsp" devices --json 2>/dev/null | grep -q NVIDIA; then
    export VK_DRIVER_FILES=/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json
fi
if ! "$rlsp" devices >/dev/null 2>"$out/devices.err"; then
    printf 'gpu.sh: %s finds no device: %s\n' "$rlsp" "$(tail -n 1 "$out/devices.err")" >&3
    exit 1
fi
peer_device=auto
"$rlsp" devices --json | tr '{' '\n' | grep '"index":0' | grep -q '"type":"CPU"' && peer_device=cpu
export top out work quick programs rlsp python peer_device check_limit gemm_limit attention_limit ppo_limit scale_limit

limit_of() {
    case $1 in devices) echo 40 ;; check) echo 100 ;; gemm) echo 130 ;; attention) echo 100 ;; train) echo 200 ;; decode) echo 180 ;; ppo) echo 260 ;; overlap) echo 60 ;; scale) echo 160 ;; esac
}
for part in $parts; do
    left=$((budget - ($(date +%s) - started)))
    limit=$(limit_of "$part")
    [ $quick = 0 ] || limit=$budget
    [ "$limit" -lt "$left" ] || limit=$left
    if [ "$limit" -lt 5 ]; then
        printf '%s: no time left\n' "$part" | tee -a "$out/log.txt" >&3
        continue
    fi
    before=$(date +%s)
    timeout -k 10 "$limit" sh "$script" --part "$part" </dev/null
    status=$?
    printf '%-10s %3d s, exit %d%s\n' "$part" $(($(date +%s) - before)) $status "$([ $status -ne 124 ] || echo ': cut off')" | tee -a "$out/log.txt" >&3
done

# --- the table --------------------------------------------------------------------------------

for part in $parts; do
    cat "$out/$part.rows" 2>/dev/null
done >"$out/all.rows"
awk -F'\t' '
    function number(x) { return x ~ /^[-+0-9.e]+$/ ? (x >= 1e9 ? sprintf("%.4g G", x / 1e9) : x >= 1e4 ? sprintf("%d", x) : sprintf("%.4g", x)) : x }
    BEGIN { print "| what | unit | rlsp | peer | peer, measured | ratio |\n| --- | --- | --- | --- | --- | --- |" }
    { ratio = ($3 ~ /^[0-9.e+]+$/ && $5 ~ /^[0-9.e+]+$/ && $5 + 0 != 0) ? sprintf("%.3f", $3 / $5) : ""
      printf "| %s | %s | %s | %s | %s | %s |\n", $1, $2, number($3), $4, number($5), ratio }
' "$out/all.rows" >"$out/report.md"
{
    printf '{"rows":['
    awk -F'\t' '
        function value(x) { return x ~ /^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$/ ? x : "\"" x "\"" }
        { gsub(/["\\]/, " "); between = NR == 1 ? "" : ","
          printf "%s{\"what\":\"%s\",\"unit\":\"%s\",\"rlsp\":%s,\"peer\":\"%s\",\"peer_measured\":%s}", between, $1, $2, value($3), $4, value($5) }
    ' "$out/all.rows"
    printf ']'
    for file in "$out"/*.json; do
        name=$(basename "$file" .json)
        [ "$name" = results ] || { printf ',"%s":' "$name" && cat "$file"; }
    done
    printf '}\n'
} >"$work/results" && mv "$work/results" "$out/results.json"
for file in "$out"/*.err; do
    [ ! -s "$file" ] || { printf '=== %s\n' "$(basename "$file" .err)" && tail -n 20 "$file"; } >>"$out/log.txt"
done
for file in "$out"/*.json; do
    [ "$file" = "$out/results.json" ] || rm -f "$file"
done
rm -f "$out"/*.rows "$out"/*.err
cat "$out/report.md"
