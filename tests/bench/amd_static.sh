#!/bin/sh
# amd_static.sh COMPILE_ALL: what Mesa's AMD compiler says about the kernels in which a GPU spends its time, for several
# generations of cards, with no AMD card present (see tests/tools/amd_null_compile.sh): vector registers, spilled ones,
# waves per SIMD, instructions, and the compiler's estimate of cycles: latency of one wave, and inverse throughput.
# NULL_GPUS names the cards. The products and the attention on matrix units are compiled for the cards on which this Mesa
# offers them, which the last line names. Exit status: 0 none of the kernels spills, 1 one does, 77 this machine's Mesa
# has no such device.
set -u

. "$(dirname "$0")/static_kernels.sh"

null_compile=$(dirname "$0")/../tools/amd_null_compile.sh
ahead=0 # what attention on matrix units does for a driver as old
sh "$null_compile" "$1" adamw | grep -q 'radv Mesa 2[0-5]\.' && ahead=1

on_matrices=
for type in "" _bf16; do
    kernels=gemm_coopmat$type layouts="0 1 2" turned=16
    on_matrices="$on_matrices $(matrices 32 16,16,16 128,128,128,64,64 32 1 3 15) $(matrices 32 16,16,16 128,128,128,64,64 16 1 0 12 13 14)
$(matrices 32 16,16,16 128,64,64,32,32 32 2 12 15) $(matrices 32 16,16,16 128,32,32,16,16 32 2 12 15)
$(matrices 32 16,16,16 128,16,64,16,16 64 2 12 15) $(matrix_attention "$type" 64 16,16,16 1 "1,$ahead" 64 64 64 64 64 64)"
    kernels=gemm_coopmat_weight$type layouts="0 1"
    for format in 1 2 3 4; do
        for product in $(matrices 32 16,16,16 128,128,128,64,64 32 1 15) $(matrices 32 16,16,16 128,128,128,64,64 16 1 14) $(matrices 32 16,16,16 128,64,64,32,32 32 2 14 15); do
            on_matrices="$on_matrices $product,$format"
        done
    done
    kernels=gemm_coopmat_pairs$type layouts=1
    on_matrices="$on_matrices $(in_pairs $(matrices 32 16,16,16 128,128,128,64,64 32 1 3 15) $(matrices 32 16,16,16 128,64,64,32,32 32 2 15))"
    kernels=gemm_coopmat_weight_pairs$type
    for format in 3 4; do
        for product in $(matrices 32 16,16,16 128,128,128,64,64 32 1 15) $(matrices 32 16,16,16 128,64,64,32,32 32 2 15); do
            on_matrices="$on_matrices $(in_pairs "$product,$format")"
        done
    done
done
attention="$(few_rows 4) $(tiled_attention 8 4 4 4 4 4 2 4 2 1) $(decoding_attention "" 8)"

# shellcheck disable=SC2086 # one argument each
table=$(sh "$null_compile" "$1" $hot $attention $on_matrices) || { status=$?; echo "$table"; exit "$status"; }
printf '%s\n' "$table" | awk '
    BEGIN { print "| card | kernel | VGPRs | spilled | waves | instructions | latency | inverse throughput |"
            print "| --- | --- | --- | --- | --- | --- | --- | --- |" }
    /^== / { card = $2 }
    NF == 10 && $2 ~ /^[0-9]+$/ {
        printf "| %s | %s | %s | %s | %s | %s | %s | %s |\n", card, $1, $2, $3, $7, $8, $9, $10
        spills += $3 > 0 || $4 > 0
        rows++
        if ($1 ~ /coopmat/) matrices[$1 ~ /bf16/ ? "bf16" : "f16", card]++
    }
    END { printf "%d kernels, %d spill; on matrix units:", rows, spills
          for (at in matrices) { split(at, part, SUBSEP); printf " %s %s (%d)", part[2], part[1], matrices[at]; some = 1 }
          print some ? "" : " none, this Mesa (or glslc) has none of AMD"; exit spills > 0 || rows == 0 }'
