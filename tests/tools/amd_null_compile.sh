#!/bin/sh
# amd_null_compile.sh COMPILE_ALL [KERNEL[@SUBGROUP][:CONSTANT,...]]...: every shader (or these, in subgroups of that size
# and with specialization constants) through Mesa's AMD compiler, for several generations of cards, with no AMD card
# present.
#
# libnull_gpu.so, which is built beside compile_all (tests/tools/null_gpu), answers the driver in place of Linux.
# NULL_GPUS names the cards, else all are tried: those that this Mesa does not know are left out. Matrix units: f16 from
# navi31 on with Mesa 23.3 or newer, bf16 on gfx1201 with Mesa 25.2 or newer. Prints registers, spills, waves that a SIMD
# can hold, instructions and the compiler's estimates of cycles per kernel. Exit status: 0 all compiled, 1 something did
# not, 77 this machine's Mesa has no such device.
set -u
. "$(dirname "$0")/null_compile.sh"

compile_all=$1
shift
library=$(dirname "$compile_all")/libnull_gpu.so
find_driver AMD "${RLSP_RADEON_ICD:-}" 'radeon_icd*.json'
need_built "$compile_all" "$library"
pretend() { compile_as AMD "$@"; }
compile_for_cards AMD "${NULL_GPUS:-polaris10 vega10 navi10 navi21 navi31 navi33 strix1 gfx1201}" "$@"
