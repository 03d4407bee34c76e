#!/bin/sh
# amd_null_compile.sh COMPILE_ALL [KERNEL:CONSTANT,...]...: every shader (or these, with specialization constants)
# through Mesa's AMD compiler, for several generations of cards, with no AMD card present.
#
# RADV_FORCE_FAMILY makes Mesa's AMD driver (22.3, as in Debian 12) offer a device
# without hardware, which compiles pipelines but runs nothing. Prints registers
# and spills per kernel. Exit status: 0 all compiled, 1 something did not, 77
# this machine's Mesa has no such device.
set -u
. "$(dirname "$0")/null_compile.sh"

compile_all=$1
shift
find_driver AMD "${RLSP_RADEON_ICD:-}" 'radeon_icd*.json'
need_built "$compile_all"
pretend() {
    family=$1
    shift
    RADV_FORCE_FAMILY=$family VK_DRIVER_FILES=$icd VK_ICD_FILENAMES=$icd "$compile_all" "Null hardware" "$@"
}
compile_for_cards AMD "polaris10 vega10 navi10 navi21 gfx1100" "$@"
