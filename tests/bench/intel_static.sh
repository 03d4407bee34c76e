#!/bin/sh
# intel_static.sh COMPILE_ALL: what Mesa's Intel compiler says about the kernels in which a GPU spends its time, for four
# generations of cards, with no Intel card present (see tests/tools/intel_null_compile.sh): width of a subgroup,
# spilled and refilled registers, live registers, instructions, and the compiler's estimate of a thread's cycles.
# Mesa 25 or newer; the products on matrix units only where the build has them. Exit status: 0 none of them spills, 1
# one does, 77 this machine's Mesa has no such device.
set -u

. "$(dirname "$0")/static_kernels.sh"

kernels="gemm_coopmat gemm_coopmat_bf16"
xe_hpg="$(matrices 8 8,8,16 512,128,128,16,16 16 1 12 15) $(matrices 8 8,8,16 128,64,64,16,16 16 1 12 15)"
xe2="$(matrices 16 8,16,16 512,128,128,16,32 32 1 12 15) $(matrices 16 8,16,16 128,64,64,16,32 16 1 12 15)"
kernels="gemm_coopmat_pairs gemm_coopmat_pairs_bf16" layouts=1
# shellcheck disable=SC2046 # one argument each
xe_hpg="$xe_hpg $(in_pairs $(matrices 8 8,8,16 512,128,128,16,16 16 1 15) $(matrices 8 8,8,16 128,64,64,16,16 16 1 15))"
# shellcheck disable=SC2046
xe2="$xe2 $(in_pairs $(matrices 16 8,16,16 512,128,128,16,32 32 1 15) $(matrices 16 8,16,16 128,64,64,16,32 16 1 15))"
for type in "" _bf16; do
    xe_hpg="$xe_hpg $(matrix_attention "$type" 8 8,8,16 4 1,0 64 32 32 32 32 16)"
    xe2="$xe2 $(matrix_attention "$type" 16 8,16,16 2 1,0 64 32 32 32 32 16)"
done
tiled="$(tiled_attention 4 4 4 4 4 4 2 2 2 1) $(few_rows 2)"

null_compile=$(dirname "$0")/../tools/intel_null_compile.sh
# shellcheck disable=SC2086 # one argument each
table=$(NULL_GPUS='skl tgl' sh "$null_compile" "$1" $hot $tiled $(decoding_attention @8 4)) || { status=$?; echo "$table"; exit "$status"; }
# shellcheck disable=SC2086
table="$table
$(NULL_GPUS=dg2 sh "$null_compile" "$1" $hot $tiled $(decoding_attention @8 4) $xe_hpg)
$(NULL_GPUS=bmg sh "$null_compile" "$1" $hot $tiled $(decoding_attention @16 4) $xe2)"
printf '%s\n' "$table" | awk '
    BEGIN { print "| card | kernel | SIMD | spills | fills | live registers | instructions | cycles |"
            print "| --- | --- | --- | --- | --- | --- | --- | --- |" }
    /^== / { card = $2 }
    NF == 10 && $2 ~ /^[0-9]+$/ { printf "| %s | %s | %s | %s | %s | %s | %s | %s |\n", card, $1, $2, $3, $4, $7, $8, $10
                                  spills += $3 > 0; rows++ }
    END { printf "%d kernels, %d spill\n", rows, spills; exit spills > 0 || rows == 0 }'
