#!/bin/sh
# intel_null_compile.sh COMPILE_ALL [KERNEL[@SUBGROUP][:CONSTANT,...]]...: every shader (or these, in subgroups of that
# size and with specialization constants) through Mesa's Intel compiler, for several generations of cards, with no Intel
# card present.
#
# Mesa's Intel driver offers no device without hardware, so libnull_gpu.so, which is built beside compile_all
# (tests/tools/null_gpu), answers it in place of Linux. NULL_GPUS names the cards, else all are tried: those that
# this Mesa does not know are left out. Prints spills, live registers, instructions and the compiler's estimate of cycles
# per kernel. Exit status: 0 all compiled, 1 something did not, 77 this machine's Mesa has no such device.
set -u
. "$(dirname "$0")/null_compile.sh"

compile_all=$1
shift
library=$(dirname "$compile_all")/libnull_gpu.so
find_driver Intel "${RLSP_INTEL_ICD:-}" 'intel_icd*.json'
need_built "$compile_all" "$library"
pretend() { compile_as Intel "$@"; }
compile_for_cards Intel "${NULL_GPUS:-skl icl tgl dg2 mtl arl lnl bmg ptl}" "$@"
