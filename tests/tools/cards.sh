#!/bin/sh
# cards.sh BUILD [CARD...]: all device tests on a CPU device with the limits, features and memory of each of these cards, by
# default all of tests/tools/card_layer/cards.c that rlsp can use. Only those on "required", "h100" and "m1", of the quickest
# programs, are part of ./run test. Half an hour a card on two cores. PROGRAMS="test_a test_b" names them instead.
# Exit status: 0 all passed, 1 some did not.
set -u
build=$1
shift
here=$(dirname "$0")
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
failures=0
for card in ${*:-itself required h100 h100-matrices rdna3 apu arc m1 m1-linux mali adreno}; do
    for program in ${PROGRAMS:-"$build"/test_*}; do
        program=$(basename "$program")
        [ -f "$here/../gpu/$program.c" ] && [ -x "$build/$program" ] || continue
        # Devices of their own and the host; loops that lavapipe ends and that are cut for CPU devices alone.
        case $program in test_plan | test_evaluate_run | test_long_loops) continue ;; esac
        if timeout "${SECONDS_EACH:-1800}" sh "$here/as_card.sh" "$build" "$card" "$build/$program" >"$log" 2>&1; then
            echo "$card: $program passed"
        else
            echo "$card: $program FAILED"
            grep -a 'ERROR\|validation\|FAILED\|card_layer' "$log" | head -n 5
            failures=$((failures + 1))
        fi
    done
done
[ "$failures" -eq 0 ]
