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
expect 0 "rlsp " "" version
expect 0 "usage: rlsp train" "" help train
expect 0 "usage: rlsp data PART" "" help data
expect 2 "" 'did you mean "train"' help trian
expect 2 "" 'subcommand "a?[31mb"' "$(printf 'a\033[31mb')"
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
expect 2 "" "'rl.steps' is a value and has no keys in it" config --set rl.steps.x=3
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

# --- lines on standard input
# filter EXIT-CODE WORD-IN-STDOUT WORD-IN-STDERR ARGUMENTS…, of $work/in
filter() {
    code=$1 out=$2 err=$3
    shift 3
    "$rlsp" "$@" <"$work/in" >"$work/out" 2>"$work/err"
    found=$?
    problem=
    [ $found -eq "$code" ] || problem="exit code $found, wanted $code"
    check "$work/out" "$out" stdout
    check "$work/err" "$err" stderr
    [ -z "$problem" ] || { failures=$((failures + 1)); echo "FAILED: rlsp $* of lines: $problem"; }
}
tokenize="tokenize --model $source/tests/data/parity/models/tiny-qwen2"
printf '\357\273\277{"text":"a"}\r\n\r\n\n{"text":"a"}' >"$work/in" # a byte order mark, CR LF, no newline at the end
filter 0 '{"ids":[' "" $tokenize
[ "$(sort -u "$work/out" | wc -l)" = 1 ] && [ "$(wc -l <"$work/out")" = 2 ] || { echo "FAILED: a byte order mark and CR LF"; failures=$((failures + 1)); }
printf '{"text":"a"}\n\n{"text":"a\tb"}\n' >"$work/in"
filter 2 '{"ids":[' "stdin line 3: column 11: a control character" $tokenize
printf '\357\273\277{"gt":"1","pred":"1"}\r\n' >"$work/in"
filter 0 '"correct":true' "" verify
printf 'x\n' >"$work/in"
filter 2 '"error":"line 1: column 1: found' "line 1: column 1: found 'x'" verify
head -c 270000000 /dev/zero | tr '\0' ' ' >"$work/in" # no newline ever: not into memory without a bound
filter 2 "" "stdin line 1: more than 256 MiB" $tokenize
filter 2 "" "stdin line 1: more than 256 MiB" verify
rm "$work/in"

# --- names of files
expect 2 "" "README.md is no directory; wanted a model" generate --prompt x --model "$source/README.md"
expect 2 "" "configs holds no config.json; wanted a model" eval --task countdown --model "$source/configs"
expect 2 "" "pictures are PNG" plot "$source/tests/data/run-recorded" -o "$work/x.jpg"
expect 1 "" "its directory is not there" plot "$source/tests/data/run-recorded" -o "$work/none/x.png"
for kind in '{' 'problem,answer' '['; do
    printf '%s\n"problem": "1+1"\n' "$kind" >"$work/bad.jsonl"
    case $kind in '{') word="jq -c ." ;; '[') word="jq -c '.[]'" ;; *) word="is this JSONL" ;; esac
    expect 2 "$word" "" data check "$work/bad.jsonl"
done

# --- watch --json: the events that are there, as they stand in the file
expect 0 '{"event":"run_start"' "" watch --json "$source/tests/data/run-recorded"
[ "$(wc -l <"$work/out")" = "$(wc -l <"$source/tests/data/run-recorded/events.jsonl")" ] || { echo "FAILED: watch --json: not all events"; failures=$((failures + 1)); }
expect 2 "" "one run" watch --json "$source/tests/data/run-recorded" "$source/tests/data/run-recorded"
expect 2 "" "none/events.jsonl" watch --json "$work/none"
for command in $("$rlsp" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
    [ "$command" = data ] || expect 0 "  --json" "" "$command" --help
done

[ $failures -eq 0 ] && echo "test_cli: all passed"
exit $((failures > 0))
