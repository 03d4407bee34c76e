#!/bin/sh
# amd_null_compile.sh COMPILE_ALL [KERNEL:CONSTANT,...]...: every shader (or these, with specialization constants)
# through Mesa's AMD compiler, for several generations of cards, with no AMD card present.
#
# RADV_FORCE_FAMILY makes Mesa's AMD driver (22.3, as in Debian 12) offer a device
# without hardware, which compiles pipelines but runs nothing. Prints registers
# and spills per kernel. Exit status: 0 all compiled, 1 something did not, 77
# this machine's Mesa has no such device.
set -u

compile_all=$1
shift
failures=0
compiled=0

icd=
for file in "${RLSP_RADEON_ICD:-}" /usr/share/vulkan/icd.d/radeon_icd*.json; do
    [ -n "$file" ] && [ -f "$file" ] && icd=$file && break
done
if [ -z "$icd" ]; then
    echo "amd_null_compile: Mesa's AMD driver is not installed (Debian: mesa-vulkan-drivers)"
    exit 77
fi
if [ ! -x "$compile_all" ]; then
    echo "amd_null_compile: $compile_all is not built"
    exit 1
fi

for family in polaris10 vega10 navi10 navi21 gfx1100; do
    echo "== $family"
    status=0
    RADV_FORCE_FAMILY=$family VK_DRIVER_FILES=$icd VK_ICD_FILENAMES=$icd "$compile_all" "Null hardware" "$@" || status=$?
    case $status in
    0) compiled=$((compiled + 1)) ;;
    77) ;; # no such device in this Mesa
    *)
        echo "amd_null_compile: $family failed (status $status)"
        failures=$((failures + 1))
        ;;
    esac
done

[ "$failures" -eq 0 ] || exit 1
if [ "$compiled" -eq 0 ]; then
    echo "amd_null_compile: this Mesa offers no AMD device without hardware"
    exit 77
fi
echo "shaders compile for $compiled AMD families"
