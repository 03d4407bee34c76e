#!/bin/sh
# nvidia_null_compile.sh COMPILE_ALL [KERNEL[@SUBGROUP][:CONSTANT,...]]...: every shader (or these, in subgroups of that
# size and with specialization constants) through Mesa's NVIDIA compiler (NAK, of the driver NVK), for Turing, Ampere,
# Ada, Hopper and Blackwell, with no NVIDIA card present. NVIDIA's own driver has another compiler.
#
# libnull_gpu.so, which is built beside compile_all (tests/tools/null_gpu), answers the driver in place of Linux.
# NULL_GPUS names the cards, else all are tried. Prints registers (of 255), spills, local memory, warps that a
# multiprocessor can hold, instructions and the compiler's estimate of cycles per kernel. Exit status: 0 all compiled, 1
# something did not, 77 this machine's Mesa has no such device.
set -u
. "$(dirname "$0")/null_compile.sh"

compile_all=$1
shift
library=$(dirname "$compile_all")/libnull_gpu.so
find_driver NVIDIA "${RLSP_NVIDIA_ICD:-}" 'nouveau_icd*.json'
need_built "$compile_all" "$library"
export NVK_I_WANT_A_BROKEN_VULKAN_DRIVER=1 # a card that its makers have not tested, as Hopper, is no less compiled for
pretend() { compile_as NVK "$@"; }
compile_for_cards NVIDIA "${NULL_GPUS:-tu102 ga102 ad102 gh100 gb202}" "$@"
