#!/bin/sh
# interpreted_all.sh BUILD [OPTIONS...]: all device tests on the driver that interprets SPIR-V (tests/tools/interpreted.sh), with
# each of these options; by default cards of NVIDIA, AMD and Intel, and one with subgroups of 16. PROGRAMS="test_a test_b" names
# them instead. Only the quick ones are part of ./run test (ctest -L interpreter).
# Exit status: 0 all passed, 1 some did not.
set -u
build=$1
shift
here=$(dirname "$0")
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
failures=0
[ $# -gt 0 ] || set -- card=nvidia card=amd card=intel card=other
for options; do
    for program in ${PROGRAMS:-"$build"/test_*}; do
        program=$(basename "$program")
        [ -f "$here/../gpu/$program.c" ] && [ -x "$build/$program" ] || continue
        case $program in test_plan | test_evaluate_run | test_long_loops) continue ;; esac # see cards.sh
        begin=$(date +%s)
        timeout "${SECONDS_EACH:-3600}" sh "$here/interpreted.sh" "$build" "$options" "$build/$program" >"$log" 2>&1
        status=$?
        seconds=$(($(date +%s) - begin))
        if [ $status -eq 0 ]; then
            echo "$options: $program passed, $seconds s"
        else
            echo "$options: $program FAILED ($status), $seconds s"
            grep -a 'ERROR\|validation\|FAILED\|rlsp interpreter: ' "$log" | head -n 5
            failures=$((failures + 1))
        fi
    done
done
[ "$failures" -eq 0 ]
