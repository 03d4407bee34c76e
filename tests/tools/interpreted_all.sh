#!/bin/sh
# interpreted_all.sh BUILD [OPTIONS...]: all device tests on the driver that interprets SPIR-V (tests/tools/interpreted.sh), with
# each of these options; by default cards of NVIDIA, AMD and Intel, and one with subgroups of 16. PROGRAMS="test_a test_b" names
# them instead. Only the quick ones are part of ./run test (ctest -L interpreter).
# interpreted_all.sh BUILD --run: the whole program there (tests/e2e/interpreted.sh), as all cards, with all types and, where
# the build has them, all kernels of matrix units. Some eight minutes of one core.
# Exit status: 0 all passed, 1 some did not.
set -u
build=$1
shift
here=$(dirname "$0")
if [ "${1:-}" = --run ]; then
    set -- card=nvidia f32 int8 "" card=nvidia,matrices=khr bf16 int8 "" card=nvidia,matrices=no f16 int4 ""
    set -- "$@" card=nvidia bf16 int4 gemm_coopmat2_bf16 card=nvidia f16 bf16 gemm_coopmat2
    for card in amd arc intel other; do
        set -- "$@" card=$card f32 bf16 "" card=$card bf16 int8 "" card=$card f16 int4 ""
    done
    TELL=1 exec sh "$here/../e2e/interpreted.sh" "$build/rlsp" "$here/../.." "$@"
fi
. "$here/each_card.sh"
[ $# -gt 0 ] || set -- card=nvidia card=amd card=intel card=other
on_cards interpreted.sh 3600 "$@"
