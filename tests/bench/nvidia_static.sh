#!/bin/sh
# nvidia_static.sh COMPILE_ALL: what Mesa's NVIDIA compiler says about the kernels in which a GPU spends its time, for
# Turing, Ampere, Ada, Hopper and Blackwell, with no NVIDIA card present (see tests/tools/nvidia_null_compile.sh): registers,
# spilled ones, bytes of local memory, warps of a multiprocessor, instructions, and the compiler's estimate of a warp's
# cycles, which counts every instruction once, whatever loops. Mesa 25 or newer; the products and the attention on matrix units
# only where the build has them. Exit status: 0 none of them has anything in local memory, 1 one does, 77 this machine's
# Mesa has no such device.
set -u
. "$(dirname "$0")/static_kernels.sh"

kernels=gemm_coopmat turned=16 # this driver has no bf16
on_matrices="$(matrices 32 16,16,16 128,128,128,64,64 32 2 15) $(matrices 32 16,16,16 128,128,128,64,64 16 2 12)
$(matrices 32 16,16,16 128,64,64,32,32 32 2 12 15) $(matrices 32 16,16,16 128,32,32,16,16 32 2 12 15)
$(matrices 32 16,16,16 128,16,64,16,16 64 2 12 15) $(matrix_attention "" 32 16,16,16 1 0,0 64 64 64 64 64 64)"
kernels=gemm_coopmat_weight layouts="0 1"
for format in 1 2 3 4; do
    for product in $(matrices 32 16,16,16 128,128,128,64,64 32 2 14 15) $(matrices 32 16,16,16 128,64,64,32,32 32 2 14 15); do
        on_matrices="$on_matrices $product,$format"
    done
done
kernels=gemm_coopmat_pairs layouts=1
# shellcheck disable=SC2046 # one argument each
on_matrices="$on_matrices $(in_pairs $(matrices 32 16,16,16 128,128,128,64,64 32 2 15) $(matrices 32 16,16,16 128,64,64,32,32 32 2 12 15))"
kernels=gemm_coopmat_weight_pairs
for format in 3 4; do
    for product in $(matrices 32 16,16,16 128,128,128,64,64 32 2 15) $(matrices 32 16,16,16 128,64,64,32,32 32 2 15); do
        on_matrices="$on_matrices $(in_pairs "$product,$format")"
    done
done

attention="$(few_rows 4) $(tiled_attention 8 4 4 4 4 4 4 4 4 2) $(decoding_attention "" 8)"
null_compile=$(dirname "$0")/../tools/nvidia_null_compile.sh
# shellcheck disable=SC2086 # one argument each
table=$(sh "$null_compile" "$1" $hot $attention $on_matrices) || { status=$?; echo "$table"; exit "$status"; }
printf '%s\n' "$table" | awk '
    BEGIN { print "| card | kernel | registers | spills | fills | local bytes | warps | instructions | cycles |"
            print "| --- | --- | --- | --- | --- | --- | --- | --- | --- |" }
    /^== / { card = $2 }
    NF == 10 && $2 ~ /^[0-9]+$/ { printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", card, $1, $2, $3, $4, $5, $7, $8, $10
                                  bad += $3 > 0 || $5 > 0; rows++ }
    END { printf "%d kernels, %d with something in local memory\n", rows, bad; exit bad > 0 || rows == 0 }'
