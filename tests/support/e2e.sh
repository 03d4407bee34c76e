# What tests of the program from outside share; sourced with the program and the source directory as $1 and $2:
#
#     . "$2/tests/support/e2e.sh"
#     need_device
#     "$rlsp" train … >"$work/out" 2>"$work/err" || fail "training"
#     finish
#
# Sets rlsp, source, work (a folder that goes with the script; at_exit is called before) and failures.
rlsp=$1
source=$2
test_name=$(basename "$0" .sh)
failures=0
work=$(mktemp -d) || exit 1
at_exit() { :; }
trap 'at_exit; rm -rf "$work"' EXIT

fail() { # WHAT
    failures=$((failures + 1))
    echo "FAILED: $*"
    tail -n 3 "$work/err" 2>/dev/null
}

need_device() { "$rlsp" devices >/dev/null 2>&1 || { echo "$test_name: no device, the rest is left out"; exit $((failures > 0)); }; }

# values EVENT FIELD: one per event, of the run in $run
values() { grep "\"event\":\"$1\"" "$run/events.jsonl" | sed -E "s/.*\"$2\":([^,}]*).*/\1/"; }

# run EXIT-CODE WORD-IN-STDERR ARGUMENTS…, reading $work/in; stdout is left in $work/out
run() {
    code=$1 word=$2
    shift 2
    "$rlsp" "$@" <"$work/in" >"$work/out" 2>"$work/err"
    found=$?
    [ $found -eq "$code" ] || fail "rlsp $*: exit code $found, wanted $code"
    [ "$code" -eq 0 ] && { [ ! -s "$work/err" ] || fail "rlsp $*: stderr is not empty"; return; }
    grep -qF -e "$word" "$work/err" || fail "rlsp $*: no \"$word\" on stderr"
    [ "$(wc -l <"$work/err")" -eq 1 ] || fail "rlsp $*: not one line on stderr"
}

finish() {
    [ $failures -eq 0 ] && echo "$test_name: all passed"
    exit $((failures > 0))
}
