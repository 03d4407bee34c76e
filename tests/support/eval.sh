# What the tests of rlsp eval share; sourced with rlsp, work (a folder) and failures=0 set.

fail() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    head -3 "$work/err"
}

# expect EXIT-CODE WORD-IN-STDOUT WORD-IN-STDERR ARGUMENTS…; "" as a word: the stream is empty
expect() {
    code=$1 out=$2 err=$3
    shift 3
    "$rlsp" eval "$@" >"$work/out" 2>"$work/err" </dev/null
    found=$?
    [ $found -eq "$code" ] || fail "rlsp eval $*: exit code $found, wanted $code"
    has "$work/out" "$out"
    has "$work/err" "$err"
}

has() {
    if [ -z "$2" ]; then
        [ ! -s "$1" ] || fail "$(basename "$1") is not empty"
    else
        grep -qF -e "$2" "$1" || fail "no \"$2\" in $(basename "$1")"
    fi
}
