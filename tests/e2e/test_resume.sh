#!/bin/sh
# A run that is killed at any moment, or stopped, and resumed repeats an unbroken one: the same events and
# traces (but for the clock), the same parameters and optimizer state, bit for bit.
# usage: test_resume.sh path/to/rlsp source-directory
. "$2/tests/support/e2e.sh"
run_id=
at_exit() { [ -z "$run_id" ] || kill -9 "$run_id" 2>/dev/null; }

need_device

# 4 SFT steps in two phases, 4 RL steps, a checkpoint after each, all kept.
new_run() { # DIRECTORY EXTRA…
    directory=$1
    shift
    exec "$rlsp" train --config "$source/configs/countdown-smoke.json" --out "$directory" --batch \
        --set model.init.hidden_size=16 --set model.init.intermediate_size=32 \
        --set 'sft.phases.*.steps=2' --set 'sft.phases.*.batch_size=4' --set sft.phases.0.listing_rows=1 \
        --set rl.steps=4 --set rl.max_new_tokens=12 --set rl.kl_target=0.01 --set rl.kl_horizon=50 \
        --set eval.every=2 --set eval.problems=4 --set eval.final_problems=4 --set eval.final_samples=1 \
        --set checkpoint.every=1 --set checkpoint.keep=0 "$@"
}

resume() { # DIRECTORY
    exec "$rlsp" train --resume "$1" --batch
}

start() { # new_run or resume, with arguments; in the background
    "$@" >"$work/out" 2>"$work/err" </dev/null &
    run_id=$!
}

finish() { # waits; the exit code in $code
    { wait "$run_id"; } 2>/dev/null # the shell says "Killed"
    code=$?
    run_id=
}

# Waits until COMMAND… succeeds; false if the run ends first.
until_true() {
    tries=0
    while ! "$@" 2>/dev/null; do
        kill -0 "$run_id" 2>/dev/null || return 1
        tries=$((tries + 1))
        [ $tries -lt 12000 ] || return 1
        sleep 0.005
    done
}

lines_of() { grep -c "\"event\":\"$2\"" "$1/events.jsonl" 2>/dev/null || :; }
has_events() { [ "$(lines_of "$1" "$2")" -ge "$3" ]; }
saving() { ls -d "$1"/checkpoints/.step-*.part >/dev/null 2>&1; }
exists() { [ -e "$1" ]; }

# Kills the run in the background once COMMAND… succeeds. On a busy machine the run may be over before this
# shell gets to look; that is counted.
killed=0
kill_when() { # WHAT COMMAND…
    what=$1
    shift
    until_true "$@"
    kill -9 "$run_id" 2>/dev/null
    finish
    case $code in
    137) killed=$((killed + 1)) ;;
    0) echo "    too late to kill the run $what" ;;
    *) fail "killed $what: exit code $code" ;;
    esac
}

# Events without what depends on the clock, and without log lines.
timeless() {
    grep -v '"event":"log"' "$1" | sed -E 's/,"time_[a-z_]*":("[^"]*"|[^,}]*)//g'
}

unbroken=$work/a
same_as_unbroken() { # DIRECTORY WHAT
    for file in events.jsonl traces.jsonl; do
        timeless "$unbroken/$file" >"$work/want"
        timeless "$1/$file" >"$work/got"
        cmp -s "$work/want" "$work/got" || { fail "$2: $file differs"; diff "$work/want" "$work/got" | head -6 | cut -c 1-300; }
    done
    [ "$(ls "$unbroken/checkpoints")" = "$(ls "$1/checkpoints")" ] || fail "$2: other checkpoints: $(ls -a "$1/checkpoints" | tr '\n' ' ')"
    for mark in last best; do
        [ "$(readlink "$unbroken/checkpoints/$mark")" = "$(readlink "$1/checkpoints/$mark")" ] || fail "$2: $mark is another checkpoint"
    done
    compared=0
    for file in $(cd "$unbroken" && find checkpoints/step-* reference tokenizer -type f ! -name checkpoint.json); do
        cmp -s "$unbroken/$file" "$1/$file" || fail "$2: $file differs"
        compared=$((compared + 1))
    done
    [ $compared -gt 30 ] || fail "$2: only $compared files were compared"
    for file in $(cd "$unbroken" && find checkpoints/step-* -name checkpoint.json); do
        sed -E 's/_bytes":[0-9]+/_bytes":0/g' "$unbroken/$file" >"$work/want"
        sed -E 's/_bytes":[0-9]+/_bytes":0/g' "$1/$file" | cmp -s "$work/want" - || fail "$2: $file differs"
    done
}

# --- unbroken
start new_run "$work/a"
finish
[ "$code" -eq 0 ] || { fail "the unbroken run: exit code $code"; exit 1; }
[ "$(lines_of "$work/a" sft_step)" -eq 4 ] && [ "$(lines_of "$work/a" rl_step)" -eq 4 ] || fail "the unbroken run has other steps"
for file in model.safetensors optimizer.safetensors critic/model.safetensors critic_optimizer.safetensors; do
    [ -s "$work/a/checkpoints/last/$file" ] || fail "the unbroken run saved no $file"
done
cmp -s "$work/a/checkpoints/step-000006/model.safetensors" "$work/a/checkpoints/step-000007/model.safetensors" && fail "RL trains nothing"

# --- killed again and again, and resumed each time
start new_run "$work/b"
kill_when "before its first step" exists "$work/b/events.jsonl"
start resume "$work/b"
kill_when "in SFT" has_events "$work/b" sft_step 1
start resume "$work/b"
kill_when "after a checkpoint in SFT" exists "$work/b/checkpoints/step-000003"
printf '{"event":"sft_step","step":99,"lo' >>"$work/b/events.jsonl" # as if in the middle of a line
mkdir -p "$work/b/checkpoints/.step-000004.part" && echo half >"$work/b/checkpoints/.step-000004.part/model.safetensors"
start resume "$work/b"
kill_when "between the stages" exists "$work/b/reference/config.json"
start resume "$work/b"
kill_when "in the first step of RL" has_events "$work/b" phase_start 3
start resume "$work/b"
until_true exists "$work/b/checkpoints/step-000005" && sleep 0.05
kill_when "in the middle of an RL step" true
start resume "$work/b"
kill_when "between an evaluation and its checkpoint" has_events "$work/b" eval 2
start resume "$work/b"
kill_when "while it was saving" saving "$work/b"
start resume "$work/b"
finish
[ "$code" -eq 0 ] || fail "resumed to the end: exit code $code"
[ $killed -ge 3 ] || fail "only $killed kills came in time"
echo "    killed $killed times"
same_as_unbroken "$work/b" "killed"

# --- a finished run, resumed, changes nothing; a best step that was saved but not yet marked is marked
rm "$work/b/checkpoints/best"
start resume "$work/b"
finish
[ "$code" -eq 0 ] || fail "a finished run, resumed: exit code $code"
same_as_unbroken "$work/b" "finished and resumed"

# --- a second writer, and Ctrl-C
start new_run "$work/c"
until_true has_events "$work/c" sft_step 1 || fail "the run that is stopped did not start"
kill -STOP "$run_id"
for again in "--resume $work/c" "--config $source/configs/countdown-smoke.json --out $work/c"; do
    "$rlsp" train $again --batch >"$work/out2" 2>"$work/err2" </dev/null
    found=$?
    [ $found -eq 1 ] || fail "a second writer: exit code $found"
    grep -q "being written by another process (pid $run_id)" "$work/err2" || fail "a second writer is told: $(head -1 "$work/err2")"
done
kill -CONT "$run_id"
kill -INT "$run_id"
finish
[ "$code" -eq 130 ] || fail "Ctrl-C: exit code $code, wanted 130"
grep -q "everything is saved" "$work/err" || fail "Ctrl-C: it does not say that it saved"
[ "$(lines_of "$work/c" run_end)" -eq 0 ] || fail "Ctrl-C did not stop the run"
[ "$(ls -d "$work/c"/checkpoints/step-* | wc -l)" -eq $(($(lines_of "$work/c" sft_step) + $(lines_of "$work/c" rl_step))) ] || fail "Ctrl-C: the last step was not saved"
before=$(lines_of "$work/c" rl_step)
start resume "$work/c"
until_true has_events "$work/c" rl_step $((before + 1))
kill -HUP "$run_id" 2>/dev/null # of a terminal that closes: from its shell and from the system
kill -HUP "$run_id" 2>/dev/null
finish
case $code in
130)
    [ "$(lines_of "$work/c" run_end)" -eq 0 ] || fail "a hang-up in RL did not stop the run"
    grep -q "everything is saved, rlsp train --resume $work/c goes on" "$work/err" || fail "a hang-up: it does not say that it saved"
    ;;
0) echo "    too late to stop the run in RL" ;;
*) fail "a hang-up in RL: exit code $code, wanted 130" ;;
esac
start resume "$work/c"
finish
[ "$code" -eq 0 ] || fail "resumed after Ctrl-C: exit code $code"
same_as_unbroken "$work/c" "stopped"

# --- f16, keys and values too: the loss scale and its count go on as well, and what is learnt from is not what was rounded
unbroken=$work/half
start new_run "$work/half" --set precision=f16 --set model.kv_cache=f16
finish
[ "$code" -eq 0 ] || fail "the unbroken run in f16: exit code $code"
start new_run "$work/d" --set precision=f16 --set model.kv_cache=f16
kill_when "in f16, after a checkpoint in RL" exists "$work/d/checkpoints/step-000006"
start resume "$work/d"
finish
[ "$code" -eq 0 ] || fail "resumed in f16: exit code $code"
same_as_unbroken "$work/d" "killed in f16"
sed -n 's/.*"event":"rl_step".*"ratio_first":\([^,]*\),.*/\1/p' "$work/d/events.jsonl" | awk '$1 == 1 { ones++ } $1 != 1 && $1 != 0 { bad = 1 } END { exit bad || ones == 0 }' || # 0: the critic's warm-up
    fail "f16: the first ratio is not 1"

finish
