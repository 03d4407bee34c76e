#!/bin/sh
# Everything that is to be measured on a GPU, in one call of at most nine minutes, beside PyTorch in the same run:
#
#     sh tests/bench/gpu.sh [--quick] [--out FOLDER] [PART...]
#
# Parts, in the order of their weight: devices (which kernels there are, and which are fastest), gemm, train (Llama 3.2 1B's shape),
# decode (256 sequences of it), ppo (a LoRA step of Llama 3.1 8B's shape, `rlsp plan` beside it), check (kernel tests on the device),
# attention, overlap (a LoRA step of the 1B shape whose responses come in waves, with rl.overlap beside without), scale (the cost
# model, with a picture). Each has a limit of its own, and one that fails or is cut off leaves the others' rows, and its own up to
# there. What nine minutes leave out a second call measures: gpu.sh --out FOLDER2 check attention overlap scale.
# FOLDER (default: gpu-results) gets, anew after each part, report.md (one table, with what is aimed at), results.json (the same
# rows, and all that the programs said), log.txt, and scale.png. Models have random weights, made on the spot.
#
# It installs nothing. It needs NVIDIA's (or another) Vulkan driver and a build: ./run build makes one, with the packages that it
# takes, where there is a network; gpu_pack.sh brings one along where there is none, with kernels that a machine's own older glslc
# would leave out. The table says which kernels there are not, and why. Without PyTorch there are no peers.
#
# --quick: small shapes, to see that every part works, also where the only device is a CPU.
# RLSP_TORCH_PYTHON: the python with PyTorch (words). RLSP: the program, else build/release/rlsp. RLSP_DEVICE: as for --device.
# RLSP_GPU_SECONDS: for all of it (530). RLSP_GPU_WORK: a folder for models, with 20 GB free (2 GB without ppo).
set -u
script=$0
top=$(cd "$(dirname "$0")/../.." && pwd)
all_parts="devices gemm train decode ppo check attention overlap scale"

# --- what the parts share ------------------------------------------------------------------

# A number or text of a JSON file, by its first such key.
value() { tr ',{[}]' '\n\n\n\n\n' <"$1" 2>/dev/null | sed -n "s/^ *\"$2\": *//p" | head -n 1 | tr -d '"'; }

# row WHAT UNIT OURS PEER-NAME PEER [AIM]: empty where there is none. The ratio is ours to the peer's (memory: the same). AIM, such as
# ">= 0.6", is of the ratio, without a peer of ours.
row() { printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" "$5" "${6:-}" >>"$rows"; }

say() { printf '%s\n' "$*" >&2; }

# The lesser of so many seconds and of what this part has left.
within() { left=$((ends - $(date +%s) - 3)) && [ "$left" -lt "$1" ] && echo $((left > 1 ? left : 1)) || echo "$1"; }

# limited SECONDS COMMAND…: within what the part has. Its processes stay in the part's group, so that its end is theirs.
limited() {
    limit=$(within "$1")
    shift
    timeout --foreground -k 5 "$limit" "$@"
}

# run NAME SECONDS COMMAND…: its JSON into NAME.json, also if it then fails; false, if there is none. A failure is a line in the log.
run() {
    name=$1 limit=$2
    shift 2
    say "--- $*"
    limited "$limit" "$@" >"$said/$name.json" 2>"$said/$name.err"
    status=$?
    [ $status -eq 0 ] || say "$name: exit $status, after at most $limit s: $(tail -n 3 "$said/$name.err" | tr '\n' ' ')"
    case $(tail -c 3 "$said/$name.json") in *[]}]*) return 0 ;; esac
    rm -f "$said/$name.json"
    return 1
}

bench() { # NAME SECONDS ARGUMENTS…
    name=$1 limit=$2
    shift 2
    # shellcheck disable=SC2086
    run "$name" "$limit" "$rlsp" bench "$@" $kernels --json ${RLSP_DEVICE:+--device "$RLSP_DEVICE"}
}

# The peer, in words of RLSP_TORCH_PYTHON. On the CPU where rlsp's device is one.
torch() { # NAME SECONDS ARGUMENTS…
    name=$1 limit=$2
    [ "$has_torch" = 1 ] || return 1
    shift 2
    # shellcheck disable=SC2086
    run "$name" "$limit" $python "$top/tests/bench/torch_peer.py" "$@" --device "$peer_device"
}

rate_of() { value "$said/$1.json" tokens_per_second; }

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
    # Which kernels are fastest, for longer than a program that starts gives itself. Where that fails, rlsp's table says.
    [ $peer_device = cpu ] || limited 80 "$rlsp" devices --probe ${RLSP_DEVICE:+--device "$RLSP_DEVICE"} >&2 || echo "--kernels table" >"$said/kernels"
    run devices 30 "$rlsp" devices --json
    "$rlsp" devices >&2
    sed 's/{"index":/\n&/g' "$said/devices.json" | grep '"index":0,' >"$said/device.tmp"
    row "device" "" "$(sed -n 's/.*"index":0,"name":"\([^"]*\)".*/\1/p' "$said/device.tmp")" "" ""
    row "driver" "" "$(sed -n 's/.*"driver":"\([^"]*\)".*/\1/p' "$said/device.tmp")" "" ""
    sed 's/.*"products":\[//; s/\],"measured".*//' "$said/device.tmp" | tr '}' '\n' | sed -n 's/.*"kernel":"\([^"]*\)".*"lacks":"\([^"]*\)".*/\1\t\2/p' | grep -v lavapipe | while read -r kernel why; do
        row "without $kernel" "" "$why" "" ""
    done
    [ ! -f "$said/kernels" ] || row "kernels could not be measured" "" "those of the table" "" ""
    [ "$has_torch" = 1 ] || row "no python with PyTorch: no peers" "" "" "" ""
    # shellcheck disable=SC2086
    $python -c 'import torch; print(torch.__version__, torch.cuda.is_available())' >&2
    command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.sm,power.limit --format=csv,noheader >&2
    return 0
}

# gpu_pack.sh takes them from this line.
checks="test_profile test_stream test_matmul test_matmul_ragged test_matmul_tiles test_rounding test_halves test_attention test_attention_tiles test_attention_decode test_rmsnorm test_swiglu test_logits test_weight test_weight_matrices test_weight_pairs test_rows test_columns test_embedding test_value_head"

part_check() {
    passed=0 there=0 failed=
    for test in $checks; do
        [ -x "$programs/$test" ] || continue
        there=$((there + 1))
        if RLSP_TEST_DEVICE=${RLSP_DEVICE:-} RLSP_TEST_VALIDATE=0 limited "$check_limit" "$programs/$test" >"$said/$test.err" 2>&1; then
            passed=$((passed + 1))
        else
            failed="$failed $test"
            say "$test: exit $?: $(grep -a -v -e OK -e RUN "$said/$test.err" | head -n 5)"
        fi
        printf '%s\t%s\t%s\t%s\t%s\t%s\n' "kernel tests passed${failed:+, not:$failed}" programs "$passed" of "$there" ">= 1" >"$rows"
    done
}

# Every product that rlsp bench gemm gives, beside torch.mm of the same size and type; the best of each type first.
part_gemm() {
    torch torch_gemm 60 gemm --sizes "$sizes" --seconds "$seconds"
    bench gemm "$gemm_limit" gemm --limit $(($(within $gemm_limit) * 4 / 5))
    peer_of() { cat "$said/torch_gemm.json" 2>/dev/null | tr '}' '\n' | sed -n "s/.*\"size\": $1, \"dtype\": \"$2\", \"gflops\": \([0-9.e+]*\).*/\1/p" | head -n 1; }
    cat "$said/gemm.json" 2>/dev/null | tr '}' '\n' | grep '"gflops"' | while read -r product; do
        printf '%s' "$product" | tr ',{[' '\n\n\n' >"$said/product.tmp"
        field() { sed -n "s/^\"$1\"://p" "$said/product.tmp" | tr -d '"' | head -n 1; }
        printf '%s\t%s\t%s\t%s\t%s\t%s\t%s %s\n' "$(field m)" "$(field n)" "$(field k)" "$(field compute)" "$(field gflops)" "$(field layout)" "$(field kernel)" "$(field tiles | grep -v '^null$')" | sed 's/ $//'
    done >"$said/products.tmp"
    for type in bf16 f16 f32; do
        for size in $(printf '%s' "$sizes" | tr ',' ' '); do
            best=$(awk -F'\t' -v size="$size" -v type="$type" '$1 == size && $2 == size && $3 == size && $4 == type && $5 > most { most = $5; line = $5 "\t" $7 } END { print line }' "$said/products.tmp")
            peer=$(peer_of "$size" $type) aim=
            case $type$size in bf164096 | bf168192) aim=">= 0.6" ;; esac
            [ -z "$best$peer" ] || row "best $size x $size x $size, $type${best:+, ${best#*	}}" GFLOP/s "${best%%	*}" "${peer:+torch.mm $type}" "$peer" "$aim"
        done
    done
    while IFS='	' read -r m n k type gflops layout kernel; do
        [ "$m" = "$n" ] && [ "$n" = "$k" ] && peer=$(peer_of "$m" "$type") || peer=
        row "$layout $m x $n x $k, $type, $kernel" GFLOP/s "$gflops" "${peer:+torch.mm $type}" "$peer"
    done <"$said/products.tmp"
    sed 's/.*"pairs":\[//; s/\].*//' "$said/gemm.json" 2>/dev/null | tr '}' '\n' | sed -n 's/.*"with":"\([^"]*\)","m":\([0-9]*\),"n":\([0-9]*\),"k":\([0-9]*\),"compute":"\([^"]*\)","seconds":\([0-9.e+-]*\),"passes_seconds":\([0-9.e+-]*\).*/\1|\2 x \3 x \4, \5|\6|\7/p' |
        while IFS='|' read -r with what took passes; do
            row "A Bt with $with, $what" "1/s" "$(awk "BEGIN { print 1 / $took }")" "a pass after it" "$(awk "BEGIN { print 1 / $passes }")"
        done
    for size in $(printf '%s' "$sizes" | tr ',' ' '); do
        peer=$(peer_of "$size" tf32)
        [ -z "$peer" ] || row "torch alone: $size x $size x $size, tf32" GFLOP/s "" torch.mm "$peer"
    done
}

part_attention() {
    bench attention "$attention_limit" attention --limit $(($(within $attention_limit) * 4 / 5))
    types="f32 bf16"
    [ "$peer_device" = auto ] || types=f32 # a CPU takes minutes for bf16
    for type in $types; do
        torch "torch_attention_$type" 40 attention --seconds "$seconds" --dtype $type
    done
    peer_of() { # TYPE SEQUENCES LENGTH HEADS KV DIM PART
        cat "$said/torch_attention_$1.json" 2>/dev/null | tr '}' '\n' | sed -n "s/.*\"sequences\": $2, \"length\": $3, \"heads\": $4, \"kv_heads\": $5, \"head_dim\": $6, \"part\": \"$7\", \"gflops\": \([0-9.e+]*\).*/\1/p" | head -n 1
    }
    cat "$said/attention.json" 2>/dev/null | tr '}' '\n' | grep '"gflops"' | while read -r shape; do
        printf '%s' "$shape" | tr ',{[' '\n\n\n' >"$said/shape.tmp"
        field() { sed -n "s/^\"$1\"://p" "$said/shape.tmp" | tr -d '"' | head -n 1; }
        what="attention $(field part), $(field sequences) x $(field length), heads $(field heads)/$(field kv_heads) of $(field head_dim)"
        for type in $types; do
            peer=$(peer_of $type "$(field sequences)" "$(field length)" "$(field heads)" "$(field kv_heads)" "$(field head_dim)" "$(field part)")
            [ -z "$peer" ] || row "$what, $(field kernel)" GFLOP/s "$(field gflops)" "SDPA $type" "$peer"
        done
    done
}

# One row for each precision that this rlsp knows, beside the fastest and the nearest that PyTorch has.
part_train() {
    for type in bf16 autocast; do
        torch "torch_train_$type" 80 train --shape $one_shape --batch $train_batch --length $train_length --seconds "$seconds" --dtype $type
    done
    make_directory one $one || return 1
    for type in bf16 f32; do
        bench "train_$type" 100 train --model "$work/one" --batch $train_batch --length $train_length --seconds "$seconds" --precision $type || continue
        for peer in bf16 autocast; do
            aim=
            [ $type$peer != bf16bf16 ] || aim=">= 0.8"
            row "train, $one_name, $train_batch x $train_length, $type" tokens/s "$(rate_of "train_$type")" "PyTorch $peer, SDPA" "$(rate_of "torch_train_$peer")" "$aim"
        done
        row "  memory" bytes "$(value "$said/train_$type.json" memory_bytes)" "PyTorch bf16" "$(value "$said/torch_train_bf16.json" memory_bytes)"
        row "  backward per flop, times the forward's" "" "$(value "$said/train_$type.json" backward_per_flop)" "" "" "<= 1.3"
        row "  share of this device's best product" "" "$(value "$said/train_$type.json" share_of_product)" "" ""
        row "  device idle" "" "$(value "$said/train_$type.json" idle_share)" "" ""
        bench "profile_train_$type" 60 train --model "$work/one" --batch $train_batch --length $train_length --seconds 0.1 --precision $type --profile &&
            profile_rows "profile_train_$type"
    done
}

# The kernels that take most of a profiled run.
profile_rows() {
    tr '}' '\n' <"$said/$1.json" | sed -n 's/.*"kernel":"\([^"]*\)".*"share":\([0-9.e-]*\).*/\1 \2/p' | head -n 6 | while read -r kernel share; do
        row "  kernel $kernel, share of the step" "" "$share" "" ""
    done
}

part_decode() {
    torch torch_generate 100 generate --shape $one_shape --sequences $sequences --prompt $prompt --new $new --seconds "$seconds" --dtype bf16
    torch torch_decode 60 decode --shape $one_shape --sequences $sequences --prompt $prompt --new $new --seconds "$seconds" --dtype bf16
    make_directory one $one || return 1
    for type in bf16 f32; do
        bench "decode_$type" 90 decode --model "$work/one" --weights $type --precision $type --sequences $sequences --prompt $prompt --new $new --seconds "$seconds" || continue
        aim=
        [ $type != bf16 ] || aim=">= 3"
        row "decode, $one_name, $sequences x ($prompt + $new), $type" "tokens/s" "$(rate_of "decode_$type")" "transformers generate, bf16" "$(rate_of torch_generate)" "$aim"
        row "  the same" "tokens/s" "$(rate_of "decode_$type")" "PyTorch, own loop, bf16" "$(rate_of torch_decode)"
    done
    bench profile_decode 40 decode --model "$work/one" --weights bf16 --precision bf16 --sequences $sequences --prompt $prompt --new $new --seconds 0.1 --profile && profile_rows profile_decode
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
    limited "$ppo_limit" "$rlsp" train --config "$config" --batch $set_kernels --out "$work/ppo-run" ${RLSP_DEVICE:+--set device="$RLSP_DEVICE"} >"$said/ppo.err" 2>&1 || say "rlsp train: exit $?: $(tail -n 3 "$said/ppo.err" | tr '\n' ' ')"
    grep '"rl_step"' "$work/ppo-run/events.jsonl" 2>/dev/null | tail -n 1 >"$said/ppo.json"
    [ -s "$said/ppo.json" ] || return 1
    row "PPO, LoRA on $ppo_name, $ppo_sequences responses of $ppo_new" "s/step" "$(value "$said/ppo.json" time_seconds)" "" ""
    for phase in generate judge score advantages update; do
        row "  $phase" s "$(value "$said/ppo.json" time_$phase)" "" ""
    done
    row "  response tokens" "tokens/s" "$(value "$said/ppo.json" time_tokens_per_second)" "" ""
    row "  peak of memory" bytes "$(value "$said/ppo.json" time_memory_peak_bytes)" "rlsp plan" "$(value "$said/plan.json" peak_bytes)"
    row "  first ratio" "" "$(value "$said/ppo.json" ratio_first)" "" "" "= 1"
    bench ppo_phases 100 ppo --model "$work/eight" --weights bf16 --precision bf16 --lora 16 --recompute --sequences $ppo_sequences --prompt 13 --new $ppo_new --seconds 0.1 || return 0
    row "  rlsp bench ppo: device idle" "" "$(value "$said/ppo_phases.json" idle_share)" "" ""
    tr '}' '\n' <"$said/ppo_phases.json" | sed -n 's/.*"phase":"\([^"]*\)","seconds":\([0-9.e-]*\).*/\1 \2/p' | while read -r phase took; do
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
        "$rlsp" train --config "$work/overlap.json" --batch $set_kernels --out "$work/overlap-run" ${RLSP_DEVICE:+--set device="$RLSP_DEVICE"} >"$said/overlap_$overlap.err" 2>&1 || say "rlsp train: exit $?: $(tail -n 3 "$said/overlap_$overlap.err" | tr '\n' ' ')"
        grep '"rl_step"' "$work/overlap-run/events.jsonl" 2>/dev/null | tail -n 1 >"$said/overlap_$overlap.json"
        [ -s "$said/overlap_$overlap.json" ] || return 1
    done
    for field in seconds generate score score_ahead; do
        row "PPO, LoRA on $one_name, 64 responses in waves of 16: $field" s "$(value "$said/overlap_on.json" time_$field)" "rl.overlap=off" "$(value "$said/overlap_off.json" time_$field)"
    done
}

part_scale() {
    bench scale "$scale_limit" scale --seconds "$scale_seconds" -o "$out/scale.png" || return 1
    for kind in training decoding; do
        tr '{}' '\n\n' <"$said/scale.json" | sed -n "/\"$kind\":/,/\"sweeps\"/p" >"$said/scale.tmp"
        row "cost model, a $kind step: off by (share)" "" "$(sed -n 's/^"error":\([0-9.e+-]*\),"step_seconds".*/\1/p' "$said/scale.tmp" | head -n 1)" "" ""
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
        done <"$said/scale.tmp"
    done
}

# --- one part, in a process of its own --------------------------------------------------------

if [ "${1:-}" = --part ]; then
    rows=$said/$2.rows kernels= set_kernels=
    [ ! -f "$said/kernels" ] || kernels="--kernels table" set_kernels="--set kernels=table"
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
programs=$top/build/release
rlsp=${RLSP:-$programs/rlsp}
if ! [ -x "$rlsp" ] || ! [ -x "$programs/make_model" ]; then
    say "gpu.sh: there is no $rlsp with make_model beside it: ./run build makes them, tests/bench/gpu_pack.sh brings them along"
    exit 2
fi
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 1
rm -f "$out/report.md" "$out/results.json" "$out/log.txt" "$out/scale.png"
python=${RLSP_TORCH_PYTHON:-python3}
work=${RLSP_GPU_WORK:-$(mktemp -d)}
mkdir -p "$work/said" "$work/cache" && work=$(cd "$work" && pwd) || exit 1
said=$work/said # rows, and what programs say
rm -f "$said"/*
[ -n "${RLSP_GPU_WORK:-}" ] || trap 'rm -rf "$work"' EXIT
# Kernels are measured anew; what was compiled once is there for the programs that follow.
export XDG_CACHE_HOME="$work/cache"
check_limit=25 gemm_limit=100 attention_limit=60 ppo_limit=150 scale_limit=150
[ $quick = 0 ] || { check_limit=300 gemm_limit=300 attention_limit=300 scale_limit=600; }
started=$(date +%s)
budget=${RLSP_GPU_SECONDS:-530}
exec 3>&2 2>"$out/log.txt"

# A driver that the loader does not look for where it lies.
if [ -z "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ] && [ -f /usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json ] && ! "$rlsp" devices --json 2>/dev/null | grep -q NVIDIA; then
    export VK_DRIVER_FILES=/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json
fi
if ! "$rlsp" devices >/dev/null 2>"$said/devices.err"; then
    printf 'gpu.sh: %s finds no device: %s\n' "$rlsp" "$(tail -n 1 "$said/devices.err")" >&3
    exit 1
fi
peer_device=auto
"$rlsp" devices --json | tr '{' '\n' | grep '"index":0' | grep -q '"type":"CPU"' && peer_device=cpu
has_torch=1
# shellcheck disable=SC2086
$python -c 'import torch' 2>/dev/null || has_torch=0
export top out said work quick programs rlsp python has_torch peer_device check_limit gemm_limit attention_limit ppo_limit scale_limit

limit_of() {
    case $1 in devices) echo 130 ;; gemm) echo 160 ;; train) echo 200 ;; decode) echo 180 ;; ppo) echo 260 ;; check) echo 120 ;; attention) echo 100 ;; overlap) echo 90 ;; scale) echo 160 ;; esac
}

for part in $parts; do
    left=$((budget - ($(date +%s) - started)))
    limit=$(limit_of "$part")
    [ $quick = 0 ] || limit=$budget
    [ "$limit" -lt "$left" ] || limit=$left
    if [ "$limit" -lt 5 ]; then
        printf '%s: no time left\n' "$part" | tee -a "$out/log.txt" "$said/parts" >&3
        continue
    fi
    before=$(date +%s)
    ends=$((before + limit)) timeout -k 10 "$limit" sh "$script" --part "$part" </dev/null 3>&-
    status=$?
    printf '%-10s %3d s, exit %d%s\n' "$part" $(($(date +%s) - before)) $status "$([ $status -ne 124 ] || echo ': cut off')" | tee -a "$out/log.txt" "$said/parts" >&3
    sh "$top/tests/bench/gpu_report.sh" "$said" "$out" $parts
done
sh "$top/tests/bench/gpu_report.sh" "$said" "$out" $parts
for file in "$said"/*.err; do
    [ ! -s "$file" ] || { printf '=== %s\n' "$(basename "$file" .err)" && tail -n 20 "$file"; } >>"$out/log.txt"
done
cat "$said/aims"
echo "all of it: $out/report.md"
