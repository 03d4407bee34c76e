#!/bin/sh
# Commands to a running trainer: pause, resume, checkpoint, sample, stop; and --detach. A run that was paused, saved,
# sampled and stopped, and resumed, comes to the same events, traces and parameters as an unbroken one, bit for bit.
# usage: test_control.sh path/to/rlsp source-directory
. "$2/tests/support/e2e.sh"
run_id=
at_exit() { [ -z "$run_id" ] || kill -9 "$run_id" 2>/dev/null; }

need_device

# --- options that cannot be
"$rlsp" train --config "$source/configs/countdown-smoke.json" --out "$work/x" --control 77 >"$work/out" 2>"$work/err" && fail "a closed descriptor is taken"
grep -q "no open descriptor" "$work/err" || fail "a closed descriptor is not told"
"$rlsp" train --config "$source/configs/countdown-smoke.json" --out "$work/x" --detach --control 0 >"$work/out" 2>"$work/err"
[ $? -eq 2 ] || fail "--detach and --control: not refused"
[ -e "$work/x" ] && fail "a refused command made a run"

# Twenty SFT steps in two phases, thirty RL steps; a checkpoint every eleven, so that those that are asked for are others.
settings="--set model.init.hidden_size=16 --set model.init.intermediate_size=32
    --set sft.phases.*.steps=10 --set sft.phases.*.batch_size=4 --set sft.phases.0.listing_rows=1
    --set rl.steps=30 --set rl.max_new_tokens=12 --set rl.kl_target=0.01 --set rl.kl_horizon=50
    --set eval.every=0 --set eval.problems=4 --set eval.final_problems=4 --set eval.final_samples=1
    --set checkpoint.every=11 --set checkpoint.keep=0"

new_run() { # DIRECTORY EXTRA…
    directory=$1
    shift
    set -f # the settings hold a "*" that is none of the shell's
    exec "$rlsp" train --config "$source/configs/countdown-smoke.json" --out "$directory" --batch $settings "$@"
}

resume() { # DIRECTORY EXTRA…
    directory=$1
    shift
    exec "$rlsp" train --resume "$directory" --batch "$@"
}

# In the background, with commands from descriptor 9 of this shell, which alone holds the pipe's other end.
mkfifo "$work/pipe"
start() {
    "$@" --control 3 3<"$work/pipe" 9>&- >"$work/out" 2>"$work/err" </dev/null &
    run_id=$!
}
open_pipe() { exec 9<>"$work/pipe"; } # for reading too: opening it does not wait
close_pipe() { exec 9>&-; }
tell() { printf '%s\n' "$1" >&9; }

finish() { # waits; the exit code in $code
    { wait "$run_id"; } 2>/dev/null
    code=$?
    run_id=
}

# Waits until COMMAND… succeeds; false, and a failure, if the run ends first or a minute passes.
await() { # WHAT COMMAND…
    what=$1
    shift
    tries=0
    while ! "$@" 2>/dev/null; do
        tries=$((tries + 1))
        kill -0 "$run_id" 2>/dev/null && [ $tries -lt 6000 ] || { fail "waited in vain: $what"; return 1; }
        sleep 0.01
    done
}

lines_of() { grep -c "\"event\":\"$2\"" "$1/events.jsonl" 2>/dev/null || :; }
has_events() { [ "$(lines_of "$1" "$2")" -ge "$3" ]; }
logged() { grep -q -e "$2" "$1/events.jsonl"; } # in a log event
samples() { [ "$(grep -c '"stage":"sample"' "$1/traces.jsonl")" -ge "$2" ]; }
exists() { [ -e "$1" ]; }

# Events without what depends on the clock, without log lines and what was asked for.
timeless() {
    grep -v -e '"event":"log"' -e '"asked":1' -e '"stage":"sample"' "$1" | sed -E 's/,"time_[a-z_]*":("[^"]*"|[^,}]*)//g'
}

same() { # DIRECTORY UNBROKEN WHAT
    for file in events.jsonl traces.jsonl; do
        timeless "$2/$file" >"$work/want"
        timeless "$1/$file" >"$work/got"
        cmp -s "$work/want" "$work/got" || { fail "$3: $file differs"; diff "$work/want" "$work/got" | head -6 | cut -c 1-300; }
        [ -s "$work/want" ] || fail "$3: nothing to compare in $file"
    done
    compared=0
    for file in $(cd "$2" && find checkpoints/step-* reference -type f ! -name checkpoint.json); do
        cmp -s "$2/$file" "$1/$file" || fail "$3: $file differs"
        compared=$((compared + 1))
    done
    [ $compared -gt 15 ] || fail "$3: only $compared files were compared"
    for mark in last best; do
        [ "$(readlink "$2/checkpoints/$mark")" = "$(readlink "$1/checkpoints/$mark")" ] || fail "$3: $mark is another checkpoint"
    done
    sed -E 's/_bytes":[0-9]+/_bytes":0/g' "$2/checkpoints/last/checkpoint.json" >"$work/want"
    sed -E 's/_bytes":[0-9]+/_bytes":0/g' "$1/checkpoints/last/checkpoint.json" | cmp -s "$work/want" - || fail "$3: checkpoint.json differs"
}

cpu_ticks() { sed 's/.*) //' "/proc/$run_id/stat" | awk '{ print $12 + $13 }'; } # 100 a second

# Pauses the run between two steps, wherever it is. In an evaluation samples would wait for its end: then once more.
pause() { # WHAT
    for try in 1 2 3 4 5; do
        paused=$(grep -c '"text":"paused ' "$run/events.jsonl")
        tell pause
        await "$1" more_pauses || return
        grep '"text":"paused ' "$run/events.jsonl" | tail -1 | grep -q "in the evaluation" || return
        tell resume
    done
    fail "$1: always in an evaluation"
}
more_pauses() { [ "$(grep -c '"text":"paused ' "$run/events.jsonl")" -gt "$paused" ]; }

# --- unbroken
open_pipe
start new_run "$work/a"
finish
[ "$code" -eq 0 ] || { fail "the unbroken run: exit code $code"; exit 1; }
[ "$(lines_of "$work/a" sft_step)" -eq 20 ] && [ "$(lines_of "$work/a" rl_step)" -eq 30 ] || fail "the unbroken run has other steps"
grep -q '"asked"' "$work/a/events.jsonl" && fail "the unbroken run was asked for something"

# --- paused in SFT; saved and sampled in the pause
tell pause
start new_run "$work/b"
await "the pause" logged "$work/b" "paused after step 1"
[ -r "/proc/$run_id/stat" ] && before=$(cpu_ticks)
sleep 1
[ "$(lines_of "$work/b" sft_step)" -eq 1 ] || fail "a paused run goes on"
[ -r "/proc/$run_id/stat" ] && { used=$(($(cpu_ticks) - before)); [ $used -le 5 ] || fail "a paused run used $used hundredths of a second of CPU in a second"; }
tell "what is this"
tell checkpoint
await "the checkpoint" exists "$work/b/checkpoints/step-000001/checkpoint.json"
await "its event" logged "$work/b" '"event":"checkpoint","step":1,.*"asked":1'
tell checkpoint
await "being told that there is one" logged "$work/b" "step 1 has its checkpoint already"
tell 'sample "Numbers 3,7,20. Target 53."'
await "a sample" samples "$work/b" 1
tell 'sample "Numbers 3,7,20. Target 53.\n"'
tell 'sample "Numbers"'
await "a third sample" samples "$work/b" 3
sample=$(grep '"stage":"sample"' "$work/b/traces.jsonl" | head -1)
printf '%s\n' "$sample" | grep -q '"step":1,"stage":"sample","index":0,"prompt":"Numbers 3,7,20. Target 53.\\n"' || fail "the first sample is $sample"
printf '%s\n' "$sample" | grep -qE '"verdict":"(correct|wrong|no_answer)"' || fail "a problem of the task is not judged: $sample"
printf '%s\n' "$sample" | grep -q '"tokens":[1-9]' || fail "a sample of no tokens: $sample"
grep '"stage":"sample"' "$work/b/traces.jsonl" | tail -1 | grep -q '"index":2,"prompt":"Numbers",.*"verdict":"unknown"' || fail "free text: $(tail -1 "$work/b/traces.jsonl")"
[ "$(grep '"stage":"sample"' "$work/b/traces.jsonl" | head -2 | sed 's/.*"response"//; s/"reward".*//' | sort -u | wc -l)" -eq 2 ] || fail "two samples of a prompt are one and the same"
tell 'sample "数"'
await "a text without tokens" logged "$work/b" '"level":"warning","text":"the prompt was not sampled: '
tell "sample \"$(printf '%0300d' 7)\""
await "a text that is too long" logged "$work/b" 'the prompt was not sampled: the prompt has 3[0-9][0-9] tokens'
kill -0 "$run_id" 2>/dev/null || fail "a bad prompt ended the run"
[ "$(lines_of "$work/b" sft_step)" -eq 1 ] || fail "the run went on without being told"
tell resume
await "going on" has_events "$work/b" sft_step 2
logged "$work/b" '"text":"resumed"' || fail "that it goes on is not said"
run=$work/b
pause "the second pause"
tell stop
finish
[ "$code" -eq 130 ] || fail "stop: exit code $code, wanted 130"
grep -q "everything is saved" "$work/err" || fail "stop: it does not say that it saved"
step=$(($(lines_of "$work/b" sft_step) + $(lines_of "$work/b" rl_step)))
[ "$(readlink "$work/b/checkpoints/last")" = "$(printf 'step-%06d' "$step")" ] || fail "stop: step $step was not saved"

# --- in RL
tell pause
start resume "$work/b"
await "the pause after resuming" logged "$work/b" "paused after step $((step + 1))"
while [ "$(lines_of "$work/b" rl_step)" -eq 0 ] && [ $failures -eq 0 ]; do
    tell resume
    sleep 0.1
    pause "a pause on the way to RL"
done
before=$(grep -c '"stage":"sample"' "$work/b/traces.jsonl")
tell 'sample "Numbers 3,7,20. Target 53."'
await "a sample in RL" samples "$work/b" $((before + 1))
tell checkpoint
await "a checkpoint in RL" logged "$work/b" '"level":"info","text":"s\(aved a checkpoint of step\|tep [0-9]* has its\)'
kill -TERM "$run_id" # wakes it
finish
[ "$code" -eq 130 ] || fail "SIGTERM in a pause: exit code $code, wanted 130"
start resume "$work/b"
finish
[ "$code" -eq 0 ] || fail "resumed to the end: exit code $code"
same "$work/b" "$work/a" "paused, saved, sampled and stopped"

# --- whoever paused it goes away: it goes on
tell pause
start new_run "$work/c"
await "the pause" logged "$work/c" "paused after step 1"
close_pipe
finish
[ "$code" -eq 0 ] || fail "left alone in a pause: exit code $code"
logged "$work/c" "resumed: the dashboard has gone" || fail "left alone in a pause: not said"
same "$work/c" "$work/a" "left alone"
rm -r "$work/c"

# --- an evaluation that is stopped, by a signal and by a command in a pause, is done again
long_evals="--set sft.phases.*.steps=3 --set rl.steps=3 --set eval.every=1 --set eval.problems=1000 --set eval.samples=1 --set checkpoint.every=0"
open_pipe
start new_run "$work/d" $long_evals
finish
[ "$code" -eq 0 ] || fail "long evaluations: exit code $code"
start new_run "$work/e" $long_evals
await "the sampled half of the first evaluation" grep -q '"step":7,"stage":"eval"' "$work/e/traces.jsonl" # before the greedy half
kill -INT "$run_id"
finish
[ "$code" -eq 130 ] || fail "Ctrl-C in an evaluation: exit code $code, wanted 130"
if grep -q "stopped in the evaluation after step 7, which will be done again; everything is saved" "$work/err"; then
    grep -q '"event":"eval","step":7' "$work/e/events.jsonl" && fail "an evaluation that was stopped has an event"
else # a device so fast that this shell comes too late
    grep -q "stopped .*everything is saved" "$work/err" || fail "Ctrl-C in an evaluation: $(tail -1 "$work/err")"
    echo "    too late to stop the evaluation"
fi
start resume "$work/e"
await "the second step of RL" has_events "$work/e" rl_step 2
tell pause
await "a pause" logged "$work/e" '"text":"paused '
if logged "$work/e" "paused in the evaluation"; then
    sleep 0.3
    grep -q '"event":"eval","step":8' "$work/e/events.jsonl" && fail "the evaluation went on"
else
    echo "    too late to pause the evaluation"
fi
tell resume
await "the evaluation after the pause" grep -q '"event":"eval","step":8' "$work/e/events.jsonl"
await "the third step" has_events "$work/e" rl_step 3
tell stop
finish
case $code in
130 | 0) ;;
*) fail "stop at the end: exit code $code" ;;
esac
start resume "$work/e"
finish
[ "$code" -eq 0 ] || fail "long evaluations, resumed: exit code $code"
same "$work/e" "$work/d" "an evaluation that was stopped"
close_pipe

# --- detached
set -f
"$rlsp" train --config "$source/configs/countdown-smoke.json" --out "$work/f" --detach $settings >"$work/out" 2>"$work/err" </dev/null
code=$?
set +f
[ $code -eq 0 ] || fail "--detach: exit code $code"
[ "$(head -1 "$work/out")" = "run $work/f" ] || fail "--detach prints $(cat "$work/out")"
run_id=$(sed -n 's/^pid //p' "$work/out")
await "the detached run" has_events "$work/f" sft_step 1
"$rlsp" train --resume "$work/f" --detach >"$work/out2" 2>"$work/err2" </dev/null
code=$?
if kill -0 "$run_id" 2>/dev/null; then
    [ $code -eq 1 ] && grep -q "being written by another process (pid $run_id)" "$work/err2" || fail "a second writer, detached: exit code $code: $(cat "$work/err2")"
    [ ! -s "$work/out2" ] || fail "a second writer prints $(cat "$work/out2")"
fi
tries=0
while kill -0 "$run_id" 2>/dev/null && [ $tries -lt 6000 ]; do
    tries=$((tries + 1))
    sleep 0.01
done
run_id=
same "$work/f" "$work/a" "detached"
"$rlsp" train --config "$source/configs/countdown-smoke.json" --out "$work/g" --detach --device 99 >"$work/out" 2>"$work/err" </dev/null
[ $? -eq 2 ] && grep -q "99" "$work/err" && [ ! -s "$work/out" ] || fail "--detach with a device that is not there: $(cat "$work/out" "$work/err")"
[ "$(wc -l <"$work/err")" -eq 1 ] || fail "--detach with a device that is not there says more than one line"
[ -z "$(ls "$work/g" 2>/dev/null)" ] || fail "--detach that failed left something"

finish
