#!/bin/sh
# The terminal layer in a real terminal, tmux: keys, sizes, kinds of terminals and locales, stray output, and above all
# that the terminal is as it was before, however the program ends. The program is tests/tools/terminal_probe.c.
# usage: test_terminal.sh path/to/rlsp source-directory
probe=$(dirname "$1")/terminal_probe
failures=0

command -v tmux >/dev/null 2>&1 || { echo "test_terminal: no tmux, left out"; exit 0; }
[ -x "$probe" ] || { echo "test_terminal: $probe is not built"; exit 1; }
case $probe in
/*) ;;
*) probe=$PWD/$probe ;;
esac

work=$(mktemp -d) || exit 1
. "$2/tests/support/tmux.sh"
cleanup() {
    tm kill-server 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

fail() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    [ $failures -lt 6 ] || exit 1
    tm capture-pane -p 2>/dev/null | grep -v '^ *$' | tail -12
}

# --- the terminal, and a shell in it
screen() { [ "$(tm display -p '#{alternate_on}')" = 1 ]; }
screen() { tm capture-pane -p; }
row() { screen | sed -n "$1p"; }
suspend() { # WHAT: the shell is back
    tm send-keys C-z
    await "$1: stopped" stopped "$child" && await "$1: the shell" shell_answers
}
bytes() { tm send-keys -l "$(printf "$1")"; }
start() { # SETTINGS… of the environment, REDIRECTIONS
    rm -f "$work/code"
    type_line "clear; echo marker; env $* $probe${redirect:-}"
    await "probe: the screen" seen "1probe" || return 1
    child=$(ps -o pid= --ppid "$shell" | head -1 | tr -d ' ')
}

ended() { # WHAT CODE
    await "$1: the end" gone "$child" || return
    type_line "echo \$? >$work/code" # a line of its own: a shell leaves the rest of one out after SIGINT
    await "$1: the shell" exists "$work/code" || return
    [ "$(cat "$work/code")" = "$2" ] || fail "$1: exit code $(cat "$work/code"), wanted $2"
    same_terminal "$1"
    await "$1: what was on the screen before is gone" seen "^marker"
}

corners() { # WHAT WIDTH HEIGHT: all four are where they belong
    await "$1: $2x$3" seen "^1probe $2x$3" || return
    [ "$(row 1 | wc -m)" -eq $(($2 + 1)) ] || fail "$1: the first row is $(row 1)"
    case $(row 1) in *2) ;; *) fail "$1: no upper right corner" ;; esac
    case $(row "$3") in 3*4) ;; *) fail "$1: the last row is '$(row "$3")'" ;; esac
    [ "$(row "$3" | wc -m)" -eq $(($2 + 1)) ] || fail "$1: the last row is $(row "$3")"
}

LC_ALL=C.UTF-8
COLORTERM=
export LC_ALL COLORTERM
unset NO_COLOR RLSP_GLYPHS
new_session -x 80 -y 24 env PS1='$ ' ENV= TERM=xterm-256color LC_ALL=C.UTF-8 sh
shell=$(tm display -p '#{pane_pid}')
await "the shell" shell_answers
type_line "ulimit -c 0"
modes >"$work/before"
grep -q "cursor 1, alternate screen 0, mouse 0" "$work/before" || fail "a fresh terminal: $(tail -1 "$work/before")"

# --- keys
start
corners "a start" 80 24
await "no colours of its own" seen "colours 256 glyphs braille"
on_screen || fail "not the other screen"
tm send-keys Up Down Left Right PageUp PageDown Home End BTab DC F1 F2
await "keys" seen "keys +0 +1 +2 +3 +4 +5 +6 +7 +8 +9 +10 +11 *$" || true
tm send-keys Tab Enter BSpace Escape C-a C-c a
await "control keys" seen " 9 13 127 27 1 3 97 *$"
bytes '\303\251\342\202\254\360\237\230\200'
await "UTF-8" seen " 233 8364 128512 *$"
bytes '\033[<0;5;6M\033[<0;5;6m\033[<64;1;1M\033[<65;80;24M\033[<2;1;1M'
await "mouse" seen " 128512 +12@4,5 +13@0,0 +14@79,23 *$"
bytes '\033[M !!\033OA\033[1;5B\033[[A\033[11~\033[7~\033[I\033[?1;2c\377\300\200'
await "sequences of other terminals" seen " +14@79,23 +12@0,0 +0 +1 +10 +10 +6 *$"
bytes '\033'
sleep 0.2
bytes '[A'
await "a torn sequence" seen " +6 27 +0 *$"
bytes '\033['
await "Escape and a bracket" seen " 27 +0 27 91 *$"
sleep 0.5
bytes '\033\033[Bx'
await "Escape before a sequence" seen " 27 91 27 +1 120 *$"
# what is shown
[ "$(row 9)" = "$(printf ' wide 日本 e\314\201 ⠿|')" ] || fail "wide and combining characters: $(row 9)"
[ "$(row 10)" = " raw ^[[31mred^G|" ] || fail "what a terminal would obey: $(row 10)"
case $(row 11) in *"日 ") ;; *" 日") ;; *) fail "a wide character at the edge: '$(row 11)'" ;; esac
# only what changed is sent, and nothing when nothing changes
tm pipe-pane -o "cat >$work/sent"
sleep 1.5
[ "$(wc -c <"$work/sent")" -eq 0 ] || fail "an idle screen was sent $(wc -c <"$work/sent") bytes"
tm send-keys y
sleep 0.5
sent=$(wc -c <"$work/sent")
[ "$sent" -gt 0 ] && [ "$sent" -lt 300 ] || fail "a key was answered with $sent bytes"
tm pipe-pane
# a screen that something else wrote over
tm display -p '#{pane_tty}' >"$work/tty"
printf '\033[2J\033[5;5Hdirt' >"$(cat "$work/tty")"
tm send-keys : r
await "a redraw" seen "^1probe"
seen dirt && fail "the redraw left something"
# sizes
for size in "100 30" "40 12" "20 5" "200 60" "80 24"; do
    set -- $size
    tm resize-window -x "$1" -y "$2"
    corners "a new size" "$1" "$2"
done
tm resize-window -x 1 -y 1
sleep 0.5
tm resize-window -x 80 -y 24
corners "back from the smallest" 80 24
await "no key for a new size" seen "+15"
tm send-keys q
ended "q" 0

# --- ends that the program chooses
while read -r key code what; do
    start
    tm send-keys : "$key"
    ended "$what" "$code"
done <<'END'
e 3 exit
x 4 exit in another thread
s 139 a fault
t 139 a fault in another thread
o 139 a stack that overflows
a 134 abort
END
await "what was written before the abort is lost" seen "before the abort"

# --- signals
while read -r signal code; do
    start
    kill -"$signal" "$child"
    ended "SIG$signal" "$code"
done <<'END'
TERM 11
HUP 12
QUIT 131
SEGV 139
BUS 135
FPE 136
ILL 132
ABRT 134
END
start
tm send-keys 'C-\'
ended "Ctrl-\\" 131
start
kill -INT "$child"
await "SIGINT" seen "keys 3"
kill -INT "$child"
await "SIGINT again" seen "keys 3 3"
tm send-keys q
ended "SIGINT, read" 0
while read -r first second code; do
    start
    tm send-keys : h
    sleep 0.3
    kill -"$first" "$child"
    sleep 0.2
    gone "$child" && fail "SIG$first: a busy program got no time"
    kill -"$second" "$child"
    ended "SIG$first, then SIG$second to a busy program" "$code"
done <<'END'
TERM TERM 143
INT INT 130
TERM INT 130
INT TERM 143
END

# --- stopped and continued
start
tm send-keys x
await "a key" seen "keys 120"
screen >"$work/whole"
for how in C-z TSTP STOP; do
    case $how in
    C-z) tm send-keys C-z ;;
    *) kill -"$how" "$child" ;;
    esac
    await "$how: stopped" stopped "$child"
    if [ $how = STOP ]; then # of which a program is not told: the shell has its screen and its modes
        tm send-keys -l "stty sane; : >$work/sane"
        tm send-keys C-j
        await "$how: the shell" exists "$work/sane"
    else
        await "$how: the shell" shell_answers
        same_terminal "$how"
    fi
    type_line "clear"
    sleep 0.5
    type_line "fg"
    await "$how, fg: the screen" seen "^1probe"
    await "$how, fg: the keys" seen "keys 120"
    screen | sed 's/ +15//g' >"$work/again"
    cmp -s "$work/whole" "$work/again" || fail "$how, fg: the screen is not as before: $(diff "$work/whole" "$work/again")"
    corners "$how, fg" 80 24
done
suspend "Ctrl-Z"
tm resize-window -x 90 -y 20
type_line "fg"
corners "a new size while it was stopped" 90 20
tm resize-window -x 80 -y 24
corners "and back" 80 24
suspend "Ctrl-Z again"
type_line "bg"
sleep 0.5
on_screen && fail "bg: the program took the terminal of the shell"
same_terminal "bg"
type_line "kill -TERM %1; kill -CONT %1"
await "a stopped program that is told to end" gone "$child"
same_terminal "kill of a stopped program"
type_line "$probe & true"
sleep 0.5
on_screen && fail "&: the program took the terminal of the shell"
same_terminal "&"
type_line "fg"
corners "&, then fg" 80 24
tm send-keys q
sleep 0.5
same_terminal "&, fg, q"
type_line "clear; sh -c '$probe; exit \$?'"
await "in a script: the screen" seen "^1probe"
tm send-keys C-c
await "in a script: Ctrl-C" seen "keys 3"
child=$(ps -o pid= --ppid "$(ps -o pid= --ppid "$shell" | head -1 | tr -d ' ')" | tr -d ' ')
suspend "in a script, Ctrl-Z"
await "in a script, Ctrl-Z: what the shell said is lost" seen Stopped
same_terminal "in a script, Ctrl-Z"
type_line "fg"
await "in a script, fg: the screen" seen "^1probe"
tm send-keys q
await "in a script: the end" gone "$child"
same_terminal "in a script"
type_line "clear; sh -c '$probe; exit \$?'"
await "in a script again: the screen" seen "^1probe"
tm send-keys 'C-\'
await "in a script, Ctrl-\\: the shell" shell_answers
same_terminal "in a script, Ctrl-\\"

# the script is gone, the shell has its terminal back, and the program finds that out
type_line "clear; sh -c '$probe; exit \$?'"
await "an orphan: the screen" seen "^1probe"
parent=$(ps -o pid= --ppid "$shell" | head -1 | tr -d ' ')
child=$(ps -o pid= --ppid "$parent" | tr -d ' ')
kill -KILL "$parent"
await "an orphan: its parent" gone "$parent"
await "an orphan: the end" gone "$child"
await "an orphan: the shell" shell_answers
same_terminal "an orphan"

# --- what is written to stderr
start
tm send-keys : n
await "noise" seen "stderr 3"
seen "^ 5: noise" && seen "^ 8: progress" && seen "^ 7: ^\[\[2Jend" || fail "noise is not shown as it is"
tm send-keys : l
await "a line that is too long" seen "^ 4096: llll"
for key in f g; do
    tm send-keys : $key k
    await "a flood" seen " 107 *$"
done
tm send-keys : u
sleep 0.3
tm send-keys : s
ended "unread stderr" 139
await "what was left of stderr is lost" seen "left over"
seen noise && fail "what was read of stderr is printed again"
redirect=" 2>$work/stderr"
start
tm send-keys : u q
ended "stderr in a file" 0
grep -q "left over" "$work/stderr" || fail "stderr in a file: $(cat "$work/stderr")"
redirect=" 2>&-"
start
tm send-keys : n
await "a closed stderr" seen "stderr 3"
tm send-keys : c k
await "stderr closed by the program" seen " 107 *$"
tm send-keys q
ended "a closed stderr" 0
redirect=" --keep-stderr 2>$work/stderr"
start
tm send-keys : n q
ended "stderr left alone" 0
grep -q noise "$work/stderr" || fail "stderr was not left alone"
redirect=

# --- kinds of terminals
start
tm send-keys x
await "a key" seen "keys 120"
screen | sed '1s/colours.*/2/' >"$work/whole"
tm send-keys q
ended "the terminal to compare with" 0
while read -r settings; do
    wanted=${settings##* }
    settings=${settings% *}
    start $settings || continue
    await "$settings: colours" seen "colours $wanted glyphs"
    tm send-keys x
    await "$settings: a key" seen "keys 120"
    corners "$settings" 80 24
    case $settings in *linux*) glyph=blocks ;; *) glyph=braille ;; esac
    await "$settings: glyphs" seen "glyphs $glyph"
    screen | sed '1s/colours.*/2/' | cmp -s - "$work/whole" || fail "$settings: the screen is another"
    tm send-keys Up Down
    await "$settings: arrows" seen "keys 120 +0 +1"
    tm send-keys q
    await "$settings: the end" gone "$child"
    same_terminal "$settings"
done <<'END'
TERM=xterm-256color 256
TERM=xterm-256color COLORTERM=truecolor true
TERM=xterm-256color COLORTERM=truecolor NO_COLOR=1 none
TERM=tmux-256color 256
TERM=screen 16
TERM=screen-256color 256
TERM=xterm 16
TERM=linux 16
TERM=vt100 none
TERM=vt220 none
TERM=ansi 16
TERM=rxvt 16
END
start LC_ALL=C
[ "$(row 9)" = " wide ? ?  e ?|" ] || [ "$(row 9)" = " wide ? ?  ? ?|" ] || fail "LC_ALL=C: $(row 9)"
await "LC_ALL=C: glyphs" seen "glyphs ascii"
screen | LC_ALL=C grep -q '[^ -~]' && fail "LC_ALL=C: a character that is not ASCII"
bytes '\303\251z'
await "LC_ALL=C: keys" seen "keys 122"
tm send-keys q
ended "LC_ALL=C" 0

# --- no terminal that one could draw on
refused() { # WHAT COMMAND PATTERN
    rm -f "$work/code"
    type_line "clear; $2 2>$work/refused; echo \$? >$work/code"
    await "$1: the end" exists "$work/code" || return
    [ "$(cat "$work/code")" = 1 ] || fail "$1: exit code $(cat "$work/code")"
    [ "$(wc -l <"$work/refused")" -eq 1 ] && grep -q -e "$3" "$work/refused" || fail "$1: $(cat "$work/refused")"
    same_terminal "$1"
}
refused "TERM=dumb" "env TERM=dumb $probe" "TERM=dumb cannot place the cursor; set TERM"
refused "an unknown TERM" "env TERM=no-such $probe" "no description of TERM=no-such is installed; set TERM"
refused "no TERM" "env -u TERM $probe" "TERM is not set"
refused "an empty TERM" "env TERM= $probe" "TERM is not set"
refused "stdin is no terminal" "$probe </dev/null" "stdin is not a terminal"
refused "stdout is no terminal" "$probe >/dev/null" "stdout is not a terminal"

# --- a terminal that takes nothing any more, and one that closes
start
server=$(tm display -p '#{pid}')
tm send-keys : p
kill -STOP "$server"
sleep 2
kill -TERM "$child"
sleep 0.3
early=$(gone "$child" && echo early)
kill -TERM "$child"
sleep 4
late=$(gone "$child" || echo late)
kill -CONT "$server"
[ -z "$early" ] || fail "a stuck terminal: the first SIGTERM ended the program"
[ -z "$late" ] || fail "a stuck terminal: the second SIGTERM did not end the program"
rm -f "$work/code"
type_line "echo \$? >$work/status; stty -a >$work/modes; tput rmcup; tput cnorm; mv $work/status $work/code"
await "a stuck terminal: the shell" exists "$work/code"
[ "$(cat "$work/code")" = 143 ] || fail "a stuck terminal: exit code $(cat "$work/code")"
grep -q " icanon .* echo " "$work/modes" || fail "a stuck terminal: the modes are not as before"
start
tm kill-server
await "a closed terminal" gone "$child"

[ $failures -eq 0 ] && echo "test_terminal: all passed"
exit $((failures > 0))
