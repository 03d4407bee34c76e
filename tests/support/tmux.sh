# A real terminal for a test, tmux, with a shell in it. For a script that has set $work, a folder of its own, has a
# function `fail`, and says `tm kill-server` when it ends:
#
#     tmux_flags=-u                   # what tmux is started with; may be empty
#     . "$source/tests/support/tmux.sh"
#     new_session -x 100 -y 30 env PS1='$ ' ENV= sh
#     await "the shell" shell_answers
#     modes >"$work/before"
#     type_line "rlsp watch run"
#     await "the screen" on_screen
#     same_terminal "after all"
tm() { tmux ${tmux_flags:-} -L "rlsp-$(basename "$0" .sh)-$$" -f /dev/null "$@"; }

# Waits until COMMAND… succeeds; a failure after half a minute.
await() { # WHAT COMMAND…
    what=$1
    shift
    tries=0
    while ! "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || { fail "waited in vain: $what"; tm capture-pane -p | grep -v '^ *$' | tail -12; return 1; }
        sleep 0.05
    done
}

# The first connection to a new server fails now and then: the one before is still leaving, or the machine is busy.
new_session() { # ARGUMENT…
    for try in 1 2 3; do
        tm new-session -d "$@" && return
        sleep 1
    done
    echo "FAILED: tmux does not start"
    exit 1
}

# --- what there is to wait for
seen() { tm capture-pane -p -J | grep -q -e "$1"; }
unseen() { ! seen "$1"; }
on_screen() { [ "$(tm display -p '#{alternate_on}')" = 1 ]; }
exists() { [ -e "$1" ]; }
gone() { case $(ps -o stat= -p "$1") in "" | Z*) ;; *) false ;; esac; } # or waits to be reaped

stopped() { case $(ps -o stat= -p "$1") in T*) ;; *) false ;; esac; }

# --- the shell in it
type_line() { tm send-keys -l "$1" && tm send-keys Enter; }
shell_answers() {
    rm -f "$work/answer"
    type_line ": >$work/answer"
    sleep 0.2
    exists "$work/answer"
}

# The terminal's state: as a command started by its shell finds it, and as tmux knows it.
modes() {
    rm -f "$work/modes" "$work/modes.done"
    type_line "stty -a >$work/modes; : >$work/modes.done"
    await "stty" exists "$work/modes.done"
    cat "$work/modes"
    grep flags "/proc/$(tm display -p '#{pane_pid}')/fdinfo/0" # a descriptor that does not wait is the end of a shell
    tm display -p 'cursor #{cursor_flag}, alternate screen #{alternate_on}, mouse #{mouse_any_flag}#{mouse_sgr_flag}, keypad #{keypad_flag}#{keypad_cursor_flag}, insert #{insert_flag}, wrap #{wrap_flag}'
}

# It is as it was when `modes >"$work/before"` was said.
same_terminal() { # WHAT
    modes >"$work/now"
    cmp -s "$work/before" "$work/now" || fail "$1: the terminal is not as before: $(diff "$work/before" "$work/now" | grep '^[<>]')"
}
