#!/bin/sh
# rlsp watch in a real terminal, tmux: a recorded run at several sizes, compared with tests/data/screens, and driven
# by keys. The run has ended, so that no screen depends on the clock.
# usage: test_watch.sh path/to/rlsp source-directory
# RLSP_WRITE_SCREENS=1 writes tests/data/screens anew instead of comparing: look at them before they are kept.
rlsp=$1
source=$2
failures=0

"$rlsp" watch --help >/dev/null 2>&1 || { echo "test_watch: this version has no dashboard, left out"; exit 0; }

work=$(mktemp -d) || exit 1
tmux_flags=-u
. "$source/tests/support/tmux.sh"
cleanup() {
    tm kill-server 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
cp -R "$source/tests/data/run-recorded" "$work/run"

fail() {
    failures=$((failures + 1))
    echo "FAILED: $*"
}

# --- without a terminal: one line and exit code 2, or a picture
refused() { # WHAT PATTERN ARGUMENT…
    what=$1
    pattern=$2
    shift 2
    "$rlsp" watch "$@" >"$work/out" 2>"$work/err" </dev/null
    code=$?
    [ $code -eq 2 ] || fail "$what: exit code $code, wanted 2"
    [ "$(wc -l <"$work/err")" -eq 1 ] && grep -q -e "$pattern" "$work/err" || fail "$what: says $(cat "$work/err")"
    [ ! -s "$work/out" ] || fail "$what: prints $(cat "$work/out")"
}
mkdir "$work/empty" "$work/other"
echo hello >"$work/other/notes.txt"
mkdir "$work/newer"
cp "$work/run/config.json" "$work/newer"
sed 's/"format":1,/"format":99,/' "$work/run/events.jsonl" >"$work/newer/events.jsonl"
refused "no terminal" "no terminal; --text -" "$work/run"
refused "an empty directory" "$work/empty" "$work/empty" --text -
refused "a directory that is no run" "$work/other" "$work/other" --text -
refused "a run that is not there" "$work/none" "$work/none" --text -
refused "a run of a newer version" "$work/newer" "$work/newer" --text -
refused "too many runs" "7 runs" "$work/run" "$work/run" "$work/run" "$work/run" "$work/run" "$work/run" "$work/run" --text -
refused "a size that is none" "160x48" "$work/run" --text - --size 80
refused "replay without a terminal" "replay" "$work/run" --text - --replay 10
"$rlsp" watch "$work/run" --picture "$work/none/a.png" </dev/null >"$work/out" 2>"$work/err"
[ $? -eq 1 ] && [ "$(wc -l <"$work/err")" -eq 1 ] && grep -q "$work/none/a.png" "$work/err" || fail "a picture that cannot be written: $(cat "$work/err")"
"$rlsp" watch "$work/run" --text - --size 100x30 >"$work/out" 2>"$work/err" </dev/null || fail "--text -: $(cat "$work/err")"
[ "$(wc -l <"$work/out")" -eq 30 ] || fail "--text - has $(wc -l <"$work/out") lines, wanted 30"
"$rlsp" watch "$work/run" --picture "$work/a.png" --size 100x30 </dev/null 2>"$work/err" || fail "--picture: $(cat "$work/err")"
[ "$(head -c 4 "$work/a.png" | tail -c 3)" = PNG ] || fail "--picture makes no PNG"
mkdir "$work/torn"
cp "$work/run/config.json" "$work/torn"
head -c 20000 "$work/run/events.jsonl" >"$work/torn/events.jsonl"
head -c 30000 "$work/run/traces.jsonl" >"$work/torn/traces.jsonl"
"$rlsp" watch "$work/torn" --text - --size 100x30 >"$work/out" 2>"$work/err" </dev/null || fail "a half written run: $(cat "$work/err")"
grep -q "traces 1*[0-9]*/[1-9]" "$work/out" || fail "a half written run shows no traces"

command -v tmux >/dev/null 2>&1 || { echo "test_watch: no tmux, the rest is left out"; exit $((failures > 0)); }

# A terminal of a size with the run in it.
open() { # WIDTH HEIGHT ARGUMENT…
    width=$1
    height=$2
    shift 2
    rm -f "$work/code"
    new_session -x "$width" -y "$height" env PS1='$ ' ENV= LC_ALL=C.UTF-8 COLORTERM= NO_COLOR= RLSP_GLYPHS=braille sh
    tm set -g status off
    tm resize-window -x "$width" -y "$height"
    await "the shell" shell_answers
    modes >"$work/before"
    type_line "cd $work; $rlsp watch run $*; echo \$? >$work/code"
    await "the screen" on_screen
    await "the run" seen "ended: done"
}

close() { # WHAT
    tm send-keys q
    await "$1: the end" exists "$work/code" || return
    [ "$(cat "$work/code")" = 0 ] || fail "$1: exit code $(cat "$work/code")"
    same_terminal "$1"
    tm kill-session
}

# The screen is that of tests/data/screens/NAME.txt, soon.
same() { cmp -s "$work/shown" "$source/tests/data/screens/$1.txt"; }
shows() {
    if [ -n "$RLSP_WRITE_SCREENS" ]; then
        sleep 0.7
        tm capture-pane -p >"$source/tests/data/screens/$1.txt"
        return
    fi
    tries=0
    until tm capture-pane -p >"$work/shown" && same "$1"; do
        tries=$((tries + 1))
        [ $tries -lt 60 ] || { fail "the screen is not that of tests/data/screens/$1.txt:"; diff "$source/tests/data/screens/$1.txt" "$work/shown"; return; }
        sleep 0.05
    done
}

# --- at several sizes
for size in 80x24 100x30 200x60 40x12; do
    open "${size%x*}" "${size#*x}"
    shows "watch-$size"
    tm send-keys '?'
    await "$size: help" seen "help, "
    shows "help-$size"
    tm send-keys Escape
    await "$size: the end of help" unseen "help, "
    shows "watch-$size"
    close "$size"
done

# --- a terminal that changes its size has the same screen as one that has it from the start
open 100 30
tm resize-window -x 40 -y 12
shows watch-40x12
tm resize-window -x 200 -y 60
shows watch-200x60
tm resize-window -x 100 -y 30
shows watch-100x30

# --- keys: the longest correct trace with a backtrack, a search, the reward curve alone and a picture of it
tm send-keys f c b Enter
await "the filter" seen "correct, has backtrack"
tm send-keys L
await "the longest" seen "the longest that passes the filter"
shows keys-longest
tm send-keys /
tm send-keys -l "boxed"
tm send-keys Enter
await "the search" unseen "searching"
shows keys-search
tm send-keys f a Enter
await "no filter" unseen "has backtrack"
tm send-keys 1 z
await "the reward curve alone" unseen "traces"
shows keys-reward
tm send-keys w
await "the message" seen "saved picture rlsp-pick-three-recorded-40.png"
[ "$(head -c 4 "$work/rlsp-pick-three-recorded-40.png" | tail -c 3)" = PNG ] || fail "w: no picture"
tm send-keys w
await "a second picture" exists "$work/rlsp-pick-three-recorded-40-2.png"
tm send-keys W
await "a plot" seen "saved picture rlsp-pick-three-recorded-40-reward.png"
tm send-keys z Tab Tab
await "the length has the focus" unseen "only watched"
tm send-keys Space
await "space in a run that is only watched" seen "only watched"
tm send-keys F2
await "options" seen "refresh"
tm send-keys q
await "the end of the options" unseen "refresh"
close "keys"

# --- Ctrl-C leaves a run that is only watched; several runs
open 100 30 run
await "two runs" seen "+ 1 more"
tm send-keys C-c
await "Ctrl-C" exists "$work/code"
tm kill-session

# --- replay begins at the start and comes to the end
rm -f "$work/code"
new_session -x 100 -y 30 env PS1='$ ' ENV= LC_ALL=C.UTF-8 sh
await "the shell" shell_answers
type_line "$rlsp watch $work/run --replay 100"
await "a replay" seen "replay x100"
await "its first steps" seen "step [1-9]/40"
await "its last" seen "step 40/40"
tm send-keys '{' Space # at once: a busy machine would miss the start
await "its pause" seen "replay paused"
await "its start" unseen "40/40"
tm send-keys '}'
await "its end" seen "step 40/40"
tm send-keys q

[ $failures -eq 0 ] && echo "test_watch: all passed"
exit $((failures > 0))
