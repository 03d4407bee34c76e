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

compile_all=$1
shift
failures=0
compiled=0

icd=
for file in "${RLSP_INTEL_ICD:-}" /usr/share/vulkan/icd.d/intel_icd*.json; do
    [ -n "$file" ] && [ -f "$file" ] && icd=$file && break
done
if [ -z "$icd" ]; then
    echo "intel_null_compile: Mesa's Intel driver is not installed (Debian: mesa-vulkan-drivers)"
    exit 77
fi
library=$(dirname "$compile_all")/libnull_gpu.so
if [ ! -x "$compile_all" ] || [ ! -f "$library" ]; then
    echo "intel_null_compile: $compile_all or $library is not built"
    exit 1
fi

for card in ${NULL_GPUS:-skl icl tgl dg2 mtl arl lnl bmg ptl}; do
    echo "== $card"
    status=0
    NULL_GPU=$card LD_PRELOAD=$library VK_DRIVER_FILES=$icd VK_ICD_FILENAMES=$icd "$compile_all" "Intel" "$@" || status=$?
    case $status in
    0) compiled=$((compiled + 1)) ;;
    77) ;; # this Mesa does not know the card
    *)
        echo "intel_null_compile: $card failed (status $status)"
        failures=$((failures + 1))
        ;;
    esac
done

[ "$failures" -eq 0 ] || exit 1
if [ "$compiled" -eq 0 ]; then
    echo "intel_null_compile: this Mesa offers no Intel device that is not there"
    exit 77
fi
echo "shaders compile for $compiled Intel cards"
