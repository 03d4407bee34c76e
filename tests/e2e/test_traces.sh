#!/bin/sh
# rlsp traces on the recorded run: lists, filters, colours, the page, JSON; bad input; a reader that stops early.
# usage: test_traces.sh path/to/rlsp source-directory
. "$2/tests/support/e2e.sh"
run=$source/tests/data/run-recorded
at_exit() { chmod -R u+w "$work"; }

traces() { # ARGUMENTS…; exit code in $code
    "$rlsp" traces "$@" >"$work/out" 2>"$work/err" </dev/null
    code=$?
    grep -qE "Sanitizer|runtime error" "$work/err" && fail "traces $*: a crash"
}

# rows WHAT NUMBER: of the list, below its heading
rows() {
    [ $code -eq 0 ] || fail "$1: exit code $code"
    found=$(sed 1d "$work/out" | wc -l)
    [ "$found" -eq "$2" ] || fail "$1: $found rows, wanted $2"
}

# expected PATTERN…: lines of traces.jsonl that match all of them
expected() {
    cp "$run/traces.jsonl" "$work/lines"
    for pattern in "$@"; do
        grep -E "$pattern" "$work/lines" >"$work/fewer"
        mv "$work/fewer" "$work/lines"
    done
    wc -l <"$work/lines"
}

all=$(expected .)
[ "$all" -gt 200 ] || fail "the recorded run has $all traces"

# --- the list
traces "$run"
rows "the newest 20" 20
grep -q "20 of $all traces; --limit 0: all" "$work/err" || fail "how many there are is not said on stderr"
[ "$(sed -n '$p' "$work/out" | awk '{print $1, $2, $3}')" = "$(sed -n '$p' "$run/traces.jsonl" | sed 's/.*"step":\([0-9]*\),"stage":"\([a-z_]*\)","index":\([0-9]*\).*/\1 \2 \3/')" ] ||
    fail "the newest is not last"
traces "$run" --limit 0
rows "all" "$all"
traces "$run" --limit 3
rows "three" 3

# --- filters, against the file
for verdict in correct wrong no_answer; do
    traces "$run" --limit 0 --"$(echo $verdict | tr _ -)"
    rows "$verdict" "$(expected "\"verdict\":\"$verdict\"")"
    sed 1d "$work/out" | grep -vq " $verdict " && fail "$verdict: another one in the list"
done
traces "$run" --limit 0 --correct --no-answer
rows "two verdicts" "$(expected '"verdict":"(correct|no_answer)"')"
traces "$run" --limit 0 --backtrack
rows "backtrack" "$(expected '"backtracks":[1-9]')"
traces "$run" --limit 0 --check --correct
rows "check and correct" "$(expected '"checks":[1-9]' '"verdict":"correct"')"
traces "$run" --limit 0 --truncated
rows "cut off" "$(expected '"truncated":true')"
traces "$run" --limit 0 --stage rl
rows "rl" "$(expected '"stage":"rl"')"
traces "$run" --limit 0 --stage eval
rows "eval" "$(expected '"stage":"eval')"
traces "$run" --limit 0 --stage sample
[ $code -eq 0 ] && [ ! -s "$work/out" ] || fail "samples where there are none"
traces "$run" --limit 0 --step 10..12
rows "steps 10..12" "$(expected '"step":1[012],')"
traces "$run" --limit 0 --step 10
rows "step 10" "$(expected '"step":10,')"
traces "$run" --limit 0 --step 38..
rows "steps 38.." "$(expected '"step":(38|39|[4-9][0-9]),')"
traces "$run" --limit 0 --step ..3
rows "steps ..3" "$(expected '"step":[0-3],')"
traces "$run" --limit 0 --search 'TARGET 22.'
rows "a search, in either case" "$(expected 'Target 22[.]')"
traces "$run" --limit 0 --search '"verdict"'
[ $code -eq 0 ] && [ ! -s "$work/out" ] || fail "a search finds what is neither prompt nor response"
longest=$(sed 's/.*"tokens":\([0-9]*\).*/\1/' "$run/traces.jsonl" | sort -n | tail -1)
traces "$run" --longest --limit 5
rows "the longest" 5
[ "$(sed -n 2p "$work/out" | awk '{print $6}')" = "$longest" ] || fail "the longest is not first"

# --- whole traces
traces "$run" --longest --correct --backtrack --limit 1 --ansi
[ $code -eq 0 ] && grep -q "$(printf '\033')\[0;1" "$work/out" || fail "--ansi: no bold"
grep -q "Answer: " "$work/out" || fail "--ansi: no response"
sed "s/$(printf '\033')\[[0-9;]*m//g" "$work/out" | grep -q "$(printf '\033')" && fail "--ansi: other sequences than colours"
NO_COLOR=1 TERM=xterm-256color "$rlsp" traces "$run" --limit 1 --ansi 2>/dev/null | grep -q '38;5;' || fail "--ansi asks for colours"

traces "$run" --limit 0 --html "$work/page.html"
[ $code -eq 0 ] && [ ! -s "$work/out" ] || fail "--html: exit code $code, or something on stdout"
[ "$(grep -c '<article' "$work/page.html")" -eq "$all" ] || fail "--html: not an article for each trace"
[ "$(tail -c 8 "$work/page.html")" = "</html>" ] || fail "--html: the page is not whole"
grep -qE '<script|https?:|src=|url\(|@import' "$work/page.html" && fail "--html: it needs something from outside, or a script"
traces "$run" --limit 0 --html -
cmp -s "$work/out" "$work/page.html" || fail "--html -: another page"

traces "$run" --limit 0 --json
[ "$(wc -l <"$work/out")" -eq "$all" ] || fail "--json: not a line for each trace"
grep -v '^{"step":.*"behaviours":{.*"marks":\[.*}$' "$work/out" && fail "--json: another line"
grep -q '"kind":"backtrack","evidence":true' "$work/out" || fail "--json: no backtrack"

# --- a run that is not whole, hostile, empty
mkdir "$work/torn"
cp "$run/config.json" "$work/torn/"
{
    printf '%s\n' '{"event":"trace","step":1,"stage":"\u001b[31m\u001b]2;","index":0,"prompt":"\u001b]0;x\u0007</pre><script>","response":"\u009b2J<img src=x> \u202e","verdict":"wrong","tokens":5,"truncated":false,"reward":0,"rewards":{},"behaviours":{}}'
    printf '%s\n' 'nonsense'
    printf '%s' '{"event":"trace","step":2,"stage":"rl","ind'
} >"$work/torn/traces.jsonl"
traces "$work/torn"
rows "a torn last line" 1
for form in "" --ansi "--html -" --json; do
    # shellcheck disable=SC2086
    traces "$work/torn" $form
    [ $code -eq 0 ] || fail "hostile text with $form: exit code $code"
    if [ "$form" = --ansi ]; then
        sed -i "s/$(printf '\033')\[[0-9;]*m//g" "$work/out" # which are its own
    fi
    LC_ALL=C grep -q "$(printf '[\001-\010\013-\037\177]')" "$work/out" &&
        fail "hostile text with $form: a control byte"
    [ "$form" = --json ] || { LC_ALL=C grep -q "$(printf '\302\233')" "$work/out" && fail "hostile text with $form: a C1 control"; }
    [ "$form" != "--html -" ] || ! grep -qE '<(script|img)' "$work/out" || fail "hostile text became markup"
done
mkdir "$work/new"
cp "$run/config.json" "$work/new/"
traces "$work/new"
[ $code -eq 0 ] && [ ! -s "$work/out" ] && grep -q "no traces" "$work/err" || fail "a run that has just begun"

# --- bad input: one line on stderr that says what is wrong
refused() { # EXIT-CODE WORD ARGUMENTS…
    wanted=$1 word=$2
    shift 2
    traces "$@"
    [ $code -eq "$wanted" ] || fail "traces $*: exit code $code, wanted $wanted"
    grep -qF -e "$word" "$work/err" || fail "traces $*: no \"$word\" on stderr"
    [ "$(wc -l <"$work/err")" -eq 1 ] && [ ! -s "$work/out" ] || fail "traces $*: more than one line"
}
mkdir "$work/empty"
refused 2 "argument is missing"
refused 2 "$work/none" "$work/none"
refused 2 "$work/empty" "$work/empty"
refused 2 "did you mean --backtrack?" "$run" --backtracks
refused 2 "--step: found \"x\"" "$run" --step x
refused 2 "--step: found" "$run" --step ..
refused 2 "--step: found" "$run" --step -3..5
refused 2 "ends before it begins" "$run" --step 9..3
refused 2 "all, rl, eval, sample" "$run" --stage sft
refused 2 "--limit" "$run" --limit -1
refused 2 "exclude each other" "$run" --json --ansi
refused 1 "$work/no/page.html" "$run" --html "$work/no/page.html"
if [ -w /dev/full ]; then
    "$rlsp" traces "$run" >/dev/full 2>"$work/err"
    [ $? -eq 1 ] && grep -q "cannot write the output" "$work/err" || fail "a full disk goes unnoticed"
fi

# --- lines that are no events
mkdir "$work/junk"
cp "$run/config.json" "$run/events.jsonl" "$run/traces.jsonl" "$work/junk"
printf 'no event\n[1]\n' >>"$work/junk/events.jsonl"
traces "$work/junk"
rows "a run with lines that are no events" 20
grep -q "2 lines of its files are no events, and are left out" "$work/err" || fail "lines that are no events are not counted"

# --- a reader that stops early
for form in "" --ansi "--html -" --json; do
    # shellcheck disable=SC2086
    { "$rlsp" traces "$run" --limit 0 $form 2>"$work/err"; echo $? >"$work/code"; } | head -1 >"$work/out"
    [ "$(cat "$work/code")" -eq 0 ] || fail "traces $form | head: exit code $(cat "$work/code")"
    grep -qE "Sanitizer|cannot write" "$work/err" && fail "traces $form | head: not silent"
done

finish
