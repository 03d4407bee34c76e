#!/bin/sh
# amd_static.sh COMPILE_ALL: what Mesa's AMD compiler says about the kernels in which a GPU spends its time, for five
# generations of cards, with no AMD card present (see tests/tools/amd_null_compile.sh): vector registers, spilled ones,
# waves per SIMD, and the compiler's estimate of cycles: latency of one wave, and inverse throughput. Exit status: 0
# none of them spills, 1 one does, 77 this machine's Mesa has no such device.
set -u

hot="gemm_tiled gemm_reduce gemm_weight gemm_few attention_decode_grouped rmsnorm
rmsnorm_backward swiglu swiglu_backward rope logits_statistics logits_backward columns adamw"
# As engine/ops/attention_tiled.c and attention_decode.c divide them, for heads of 64 and 128: threads, heads, key heads, head size, ...
attention="attention_tiled:256,32,8,64,1,4,64,0,16,8,16 attention_tiled:256,32,8,128,1,4,64,0,16,8,16
attention_tiled_backward_q:256,32,8,64,1,4,64,0,16,8,16 attention_tiled_backward_q:256,32,8,128,1,4,64,0,16,8,16
attention_tiled_backward_kv:256,32,8,64,1,4,64,0,16,8,16 attention_tiled_backward_kv:256,32,8,128,2,2,64,0,16,8,16
attention_decode_grouped:128,64,8,64,1,1,1,0,512,1,0,8 attention_decode_grouped:128,64,8,128,1,1,1,0,512,1,2,8"

null_compile=$(dirname "$0")/../tools/amd_null_compile.sh
table=$(sh "$null_compile" "$1") || { status=$?; echo "$table"; exit "$status"; }
# shellcheck disable=SC2086 # one argument each
table="$table
$(sh "$null_compile" "$1" $attention)" || { status=$?; echo "$table"; exit "$status"; }
printf '%s\n' "$table" | awk -v hot="$hot" '
    BEGIN { count = split(hot, names); for (i = 1; i <= count; i++) is_hot[names[i]] = 1
            print "| card | kernel | VGPRs | spilled | waves | latency | inverse throughput |"
            print "| --- | --- | --- | --- | --- | --- | --- |" }
    /^== / { card = $2 }
    split($1, parts, /[:,]/) > 1 { $1 = parts[1] "(" parts[5] ")"; is_hot[$1] = 1 }
    ($1 in is_hot) && NF == 10 { printf "| %s | %s | %s | %s | %s | %s | %s |\n", card, $1, $2, $3, $7, $9, $10
                                 spills += $3 > 0 || $4 > 0; rows++ }
    END { printf "%d kernels, %d spill\n", rows, spills; exit spills > 0 || rows == 0 }'
