# Sourced by cards.sh and interpreted_all.sh, with $build and $here set: all device tests, as each of some cards.
#
#     on_cards as_card.sh 1800 h100 m1 || exit 1
#
# on_cards RUNNER SECONDS CARD...: with `sh RUNNER BUILD CARD PROGRAM`, none longer than SECONDS (SECONDS_EACH, if it is set).
# PROGRAMS="test_a test_b" names the programs instead. False if some did not pass.
on_cards() {
    runner=$1 most=$2 failures=0
    shift 2
    log=$(mktemp) || return 1
    trap 'rm -f "$log"' EXIT
    for card; do
        for program in ${PROGRAMS:-"$build"/test_*}; do
            program=$(basename "$program")
            [ -f "$here/../gpu/$program.c" ] && [ -x "$build/$program" ] || continue
            # Devices of their own and the host; loops that lavapipe ends and that are cut for CPU devices alone.
            case $program in test_plan | test_evaluate_run | test_long_loops) continue ;; esac
            begin=$(date +%s)
            timeout "${SECONDS_EACH:-$most}" sh "$here/$runner" "$build" "$card" "$build/$program" >"$log" 2>&1
            status=$?
            seconds=$(($(date +%s) - begin))
            if [ $status -eq 0 ]; then
                echo "$card: $program passed, $seconds s"
            else
                echo "$card: $program FAILED ($status), $seconds s"
                grep -a 'ERROR\|validation\|FAILED\|card_layer\|rlsp interpreter: ' "$log" | head -n 5
                failures=$((failures + 1))
            fi
        done
    done
    [ "$failures" -eq 0 ]
}
