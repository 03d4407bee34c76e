#!/bin/sh
# The command line from outside: exit codes, --help, streams, devices, configs.
# usage: test_cli.sh path/to/rlsp source-directory
rlsp=$1
source=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

# expect EXIT-CODE WORD-IN-STDOUT WORD-IN-STDERR ARGUMENTS…; "" as a word: the stream is empty, "*": anything
expect() {
    code=$1 out=$2 err=$3
    shift 3
    "$rlsp" "$@" >"$work/out" 2>"$work/err" </dev/null
    found=$?
    problem=
    [ $found -eq "$code" ] || problem="exit code $found, wanted $code"
    check "$work/out" "$out" stdout
    check "$work/err" "$err" stderr
    if [ -n "$problem" ]; then
        failures=$((failures + 1))
        echo "FAILED: rlsp $*: $problem"
        head -3 "$work/err"
    fi
}

check() {
    case $2 in
    '*') ;;
    '') [ ! -s "$1" ] || problem="$problem; $3 is not empty" ;;
    *) grep -qF -e "$2" "$1" || problem="$problem; no \"$2\" in $3" ;;
    esac
}

expect 2 "" "usage: rlsp"
expect 0 "usage: rlsp" "" --help
expect 0 "rlsp " "" --version
expect 2 "" 'did you mean "devices"' devises
expect 2 "" "rlsp --help" qqqqqqqqqqqq
for command in $("$rlsp" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
    expect 0 "usage: rlsp $command" "" "$command" --help
    expect 2 "" "--nonsense" "$command" --nonsense
done

expect 0 "rl.kl_coef" "" config --keys
expect 0 '"kl_coef"' "" config
expect 2 "" "did you mean --keys" config --kesy
expect 2 "" "--set needs a value" config --set
expect 2 "" "unexpected argument" config a b
expect 2 "" "missing.json" config "$work/missing.json"
for file in "$source"/configs/*.json; do
    expect 0 '"stages"' "" config "$file"
    # What is printed is a config too, with the same meaning.
    cp "$work/out" "$work/first.json"
    expect 0 '"stages"' "" config "$work/first.json"
    cmp -s "$work/out" "$work/first.json" || { echo "FAILED: $file changes when it is read back"; failures=$((failures + 1)); }
done
expect 0 '	"steps":	7,' "" config "$source/configs/countdown.json" --set rl.steps=7
expect 2 "" "'rl.steps'" config "$source/configs/countdown.json" --set rl.stpes=7
echo '{"rl": {"kl_coeff": 1}}' >"$work/typo.json"
expect 2 "" "typo.json: unknown key 'rl.kl_coeff'; the nearest is 'rl.kl_coef'" config "$work/typo.json"
echo '{"rl": {"kl_coef": 1}' >"$work/torn.json"
expect 2 "" "torn.json" config "$work/torn.json"

expect 2 "" "unexpected argument" devices 3
if "$rlsp" devices >"$work/out" 2>/dev/null; then
    expect 0 " 0  " "" devices
    expect 0 '[{"index":0,' "" devices --json
else
    expect 1 "" "rlsp devices:" devices
fi
VK_ICD_FILENAMES=/nonexistent VK_DRIVER_FILES=/nonexistent expect 1 "" "rlsp devices: " devices

# Output that cannot be written is an error; a reader that stops early is none.
if [ -w /dev/full ]; then
    "$rlsp" config --keys >/dev/full 2>"$work/err"
    [ $? -eq 1 ] && grep -q "cannot write the output" "$work/err" || { echo "FAILED: a full disk goes unnoticed"; failures=$((failures + 1)); }
fi

[ $failures -eq 0 ] && echo "test_cli: all passed"
exit $((failures > 0))
