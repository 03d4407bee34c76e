#!/bin/sh
# amd_static.sh COMPILE_ALL: what Mesa's AMD compiler says about the kernels in which a GPU spends its time, for five
# generations of cards, with no AMD card present (see tests/tools/amd_null_compile.sh): vector registers, spilled ones,
# waves per SIMD, and the compiler's estimate of cycles: latency of one wave, and inverse throughput. Exit status: 0
# none of them spills, 1 one does, 77 this machine's Mesa has no such device.
set -u

. "$(dirname "$0")/static_kernels.sh"

attention="$(tiled_attention 8 4 4 4 4 4 2 4 2 1) $(decoding_attention "" 8)"
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
