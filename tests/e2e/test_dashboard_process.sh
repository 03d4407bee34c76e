#!/bin/sh
# The dashboard and the trainer are two processes: however one of them ends (signals, crashes, keys, a closed
# terminal) the terminal is as it was before, and the other goes on as it should. In a real terminal, tmux.
# usage: test_dashboard_process.sh path/to/rlsp source-directory
rlsp=$1
source=$2
failures=0

command -v tmux >/dev/null 2>&1 || { echo "test_dashboard_process: no tmux, left out"; exit 0; }
"$rlsp" watch --help >/dev/null 2>&1 || { echo "test_dashboard_process: this version has no dashboard, left out"; exit 0; }
"$rlsp" devices >/dev/null 2>&1 || { echo "test_dashboard_process: no device, left out"; exit 0; }

work=$(mktemp -d) || exit 1
trainers=
. "$source/tests/support/tmux.sh"
cleanup() {
    tm kill-server 2>/dev/null
    for id in $trainers; do
        kill -9 "$id" 2>/dev/null
    done
    rm -rf "$work"
}
trap cleanup EXIT

fail() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    tm capture-pane -p 2>/dev/null | grep -v '^ *$' | tail -4
}

# --- a run in it: the dashboard in $dashboard, the trainer in $trainer
start() { # NAME EXTRA…
    name=$1
    shift
    type_line "clear; $rlsp train --config $source/configs/countdown-smoke.json --out $work/$name --set rl.steps=100000 --set eval.every=0 --set checkpoint.every=20 --set checkpoint.keep=2 $*; echo \$? >$work/$name.code"
    await "$name: the screen" on_screen || return 1
    trainer=$(tr -dc 0-9 <"$work/$name/.lock")
    trainers="$trainers $trainer"
    dashboard=$(ps -o ppid= -p "$trainer" | tr -d ' ')
    await "$name: the first steps" grep -q sft_step "$work/$name/events.jsonl"
}

ended() { # WHAT CODE: the dashboard has, with this exit code (a pattern), and the terminal is as before
    await "$1: the end of the dashboard" exists "$work/$name.code" || return
    case $(cat "$work/$name.code") in
    $2) ;;
    *) fail "$1: exit code $(cat "$work/$name.code"), wanted $2" ;;
    esac
    same_terminal "$1"
}

goes_on() { # WHAT: the trainer trains
    gone "$trainer" && { fail "$1: the trainer is gone: $(tail -2 "$work/$name/log.txt")"; return; }
    lines=$(wc -l <"$work/$name/events.jsonl")
    await "$1: further steps" more_lines
}
more_lines() { [ "$(wc -l <"$work/$name/events.jsonl")" -gt "$lines" ]; }

stop_trainer() { # WHAT: it can be stopped from outside, and saves
    kill -TERM "$trainer" 2>/dev/null
    await "$1: the end of the trainer" gone "$trainer"
    tail -2 "$work/$name/log.txt" | grep -q "everything is saved" || fail "$1: the trainer did not save: $(tail -2 "$work/$name/log.txt")"
    exists "$work/$name/checkpoints/last/checkpoint.json" || fail "$1: no checkpoint"
}

# Asks to leave, and waits for the question. A key that comes while a terminal is just being set up may be lost.
ask_to_leave() {
    for try in 1 2 3 4 5 6; do
        tm send-keys q
        for look in 1 2 3 4 5 6 7 8 9 10 11 12; do
            seen "finish the step, save, end" && return
            sleep 0.25
        done
    done
    fail "$name: q does not ask"
}

new_session -x 100 -y 30 env PS1='$ ' ENV= sh
await "the shell" shell_answers
modes >"$work/before"
grep -q "cursor 1, alternate screen 0, mouse 0" "$work/before" || fail "a fresh terminal: $(tail -1 "$work/before")"

# --- signals to the dashboard
start term
kill -TERM "$dashboard"
ended "SIGTERM" "*"
gone "$trainer" || stop_trainer "SIGTERM"

start int
kill -INT "$dashboard"
sleep 0.5 # two that come at once are one
kill -INT "$dashboard"
ended "SIGINT twice" "*"
gone "$trainer" || stop_trainer "SIGINT twice"

start segv
kill -SEGV "$dashboard"
ended "SIGSEGV" 139
goes_on "SIGSEGV in the dashboard"
stop_trainer "SIGSEGV in the dashboard"

# --- signals to the trainer: the screen stays until its user leaves
start crash
kill -SEGV "$trainer"
await "a crash of the trainer: its end" gone "$trainer"
sleep 1
on_screen || fail "a crash of the trainer took the screen along"
gone "$dashboard" && fail "a crash of the trainer took the dashboard along"
tm send-keys q
ended "a crash of the trainer" 1
await "a crash of the trainer is not said" seen "ended by signal 11"

# --- keys
start ctrl_c
tm send-keys C-c
tm send-keys C-c
ended "Ctrl-C twice" "*"
gone "$trainer" || stop_trainer "Ctrl-C twice"

start stop
ask_to_leave
on_screen || fail "q ends a run without asking"
tm send-keys s
ended "stop and save" 130
await "stop and save: the end of the trainer" gone "$trainer"
stop_trainer "stop and save"

start detach
ask_to_leave
tm send-keys d
ended "detach" 0
await "detach: how to come back is not said" seen "watch $work/detach"
goes_on "detach"
stop_trainer "detach"

start suspend
tm send-keys C-z
await "Ctrl-Z: stopped" stopped "$dashboard" # before that, what is typed is keys of the dashboard
await "Ctrl-Z: the shell" shell_answers
same_terminal "Ctrl-Z"
goes_on "Ctrl-Z"
type_line "fg"
await "fg: the screen" on_screen
ask_to_leave
tm send-keys s
await "fg: the end of the trainer" gone "$trainer"
await "fg: the end of the dashboard" gone "$dashboard"
await "fg: the shell" shell_answers
same_terminal "Ctrl-Z and fg"

# --- a run that cannot begin: no screen at all
type_line "clear; $rlsp train --config $source/configs/countdown-smoke.json --out $work/bad --device 99; echo \$? >$work/bad.code"
name=bad
ended "a device that is not there" 2
await "a device that is not there is not told" seen "device '99'"

# --- a terminal that closes
start hangup
tm kill-server
await "a closed terminal: the end of the dashboard" gone "$dashboard"
goes_on "a closed terminal"
stop_trainer "a closed terminal"

[ $failures -eq 0 ] && echo "test_dashboard_process: all passed"
exit $((failures > 0))
