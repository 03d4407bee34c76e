#!/bin/sh
# rl.overlap: scoring finished responses while others are sampled changes nothing but times: events, traces, parameters and
# optimizer states are the same to the bit, also when the run was stopped or killed while it sampled, and resumed; on one queue
# and on two (tests/tools/card_layer, tests/tools/interpreter).
# usage: test_overlap.sh path/to/rlsp source-directory
. "$2/tests/support/e2e.sh"
build=$(dirname "$rlsp")
run_id=
at_exit() { [ -z "$run_id" ] || kill -9 "$run_id" 2>/dev/null; }

need_device

# Few slots and small micro-batches: responses finish in another order than they are asked for, and some are scored early.
# `on_device` runs the program on another device.
on_device=
start() { # DIRECTORY EXTRA…
    directory=$work/$1
    shift
    $on_device "$rlsp" train --config "$source/configs/countdown-smoke.json" --out "$directory" --batch \
        --set 'stages=["rl"]' --set model.init.hidden_size=16 --set model.init.intermediate_size=32 --set rl.steps=3 \
        --set rl.max_new_tokens=24 --set rl.decode_slots=4 --set rl.decode_steps_per_submit=4 --set rl.tokens_per_micro_batch=50 \
        --set eval.problems=0 --set checkpoint.every=1 --set checkpoint.keep=0 "$@" >"$work/out" 2>"$work/err" </dev/null &
    run_id=$!
}

finished() { # the exit code in $code
    { wait "$run_id"; } 2>/dev/null
    code=$?
    run_id=
}

train() { # DIRECTORY EXTRA…
    start "$@"
    finished
    [ "$code" -eq 0 ] || fail "$*: exit code $code"
}

# The sum of a field of the steps' events.
sum_of() { sed -n "s/.*\"event\":\"rl_step\".*\"$2\":\([^,}]*\).*/\1/p" "$work/$1/events.jsonl" | awk '{ sum += $1; n++ } END { print sum + 0 }'; }
overlapped() { [ "$(sum_of "$1" time_score_ahead | awk '{ print ($1 > 0) }')" = 1 ]; }

timeless() { grep -v '"event":"log"' "$1" | sed -E 's/,"time_[a-z_]*":("[^"]*"|[^,}]*)//g'; }

same() { # DIRECTORY DIRECTORY WHAT
    for file in events.jsonl traces.jsonl; do
        timeless "$work/$1/$file" >"$work/want"
        timeless "$work/$2/$file" >"$work/got"
        [ -s "$work/want" ] && cmp -s "$work/want" "$work/got" || { fail "$3: $file differs"; diff "$work/want" "$work/got" | head -4 | cut -c 1-300; }
    done
    compared=0
    for file in $(cd "$work/$1" && find checkpoints/step-* -name '*.safetensors'); do
        cmp -s "$work/$1/$file" "$work/$2/$file" || fail "$3: $file differs"
        compared=$((compared + 1))
    done
    [ $compared -ge 4 ] || fail "$3: only $compared files were compared"
}

# --- on one queue they take turns
train off --set rl.overlap=off
train on --set rl.overlap=on
train profile --set rl.overlap=on --profile
overlapped off && fail "without: something was scored ahead"
overlapped on || fail "with: nothing was scored ahead"
overlapped profile && fail "with --profile something was scored ahead"
same off on "with"
same off profile "with --profile"
for directory in off on; do # what went on beside sampling is told, and counts once
    for field in generate judge score advantages update seconds score_ahead; do
        eval "$field=\$(sum_of $directory time_$field)"
    done
    echo "$generate $judge $score $advantages $update $seconds $score_ahead" | awk '{ exit !($1 + $2 + $3 + $4 + $5 <= $6 && $7 <= $1) }' ||
        fail "$directory: $generate + $judge + $score + $advantages + $update s of $seconds s, $score_ahead s of it ahead"
done

# --- stopped, and killed, while it samples the second step
for signal in INT KILL; do
    start $signal --set rl.overlap=on
    tries=0
    while kill -0 "$run_id" 2>/dev/null && ! grep -q '"event":"rl_step"' "$work/$signal/events.jsonl" 2>/dev/null && [ $tries -lt 12000 ]; do
        tries=$((tries + 1))
        sleep 0.005
    done
    kill -$signal "$run_id" 2>/dev/null
    finished
    case $signal.$code in
    INT.130 | KILL.137) ;;
    *.0) echo "    too late for SIG$signal" ;;
    *) fail "SIG$signal: exit code $code" ;;
    esac
    "$rlsp" train --resume "$work/$signal" --batch >"$work/out" 2>"$work/err" </dev/null || fail "resumed after SIG$signal: exit code $?"
    same off $signal "resumed after SIG$signal"
done

# --- on two, which "auto" takes: on a CPU device behind the limits of a card, and interpreted as one
for card in "sh $source/tests/tools/as_card.sh $build h100" "sh $source/tests/tools/interpreted.sh $build card=nvidia"; do
    on_device=$card
    name=${card##* }
    $on_device "$rlsp" devices >"$work/out" 2>"$work/err" || { echo "    left out: $card"; continue; }
    grep -q 'has: .*second-queue' "$work/out" || fail "$card: no second queue"
    train "$name.off" --set rl.overlap=off --set rl.steps=2
    train "$name.auto" --set rl.steps=2
    overlapped "$name.off" && fail "$card, without: something was scored ahead"
    overlapped "$name.auto" || fail "$card: nothing was scored ahead"
    same "$name.off" "$name.auto" "$card"
done

finish
