#!/bin/sh
# A judge and a reward server in training: what is paid is what was said and logged, the key stays out of the run,
# and whatever the server does the run goes on, or stops with everything saved, as the config says.
# usage: test_judge.sh path/to/rlsp source-directory
. "$2/tests/support/e2e.sh"
stub=$(dirname "$rlsp")/stub_judge
server=
at_exit() { [ -z "$server" ] || kill "$server" 2>/dev/null; }
key=sk-never-to-be-seen-4711
export no_proxy=127.0.0.1

need_device
[ -x "$stub" ] || { echo "test_judge: no stub_judge beside rlsp, left out"; exit 0; }

# serve ARGUMENTS…: a stub server; its URL in $url, its port in $port
serve() {
    rm -f "$work/url"
    "$stub" --log "$work/requests" "$@" >"$work/url" 2>"$work/served" &
    server=$!
    tries=0
    while [ ! -s "$work/url" ] && [ $tries -lt 500 ]; do
        tries=$((tries + 1))
        sleep 0.02
    done
    url=$(cat "$work/url")
    port=${url#http://127.0.0.1:}
    port=${port%/v1}
    [ -n "$port" ] || { fail "no stub server: $(cat "$work/served")"; exit 1; }
}

unserve() {
    kill "$server" 2>/dev/null
    { wait "$server"; } 2>/dev/null
    server=
}

# train DIRECTORY SETTINGS…: RL alone, three small steps, every response in traces.jsonl
train() {
    directory=$1
    shift
    RLSP_TEST_KEY=$key "$rlsp" train --batch --config "$source/configs/countdown-smoke.json" --out "$directory" --set 'stages=["rl"]' \
        --set "model.path=$source/assets/countdown-sft" --set eval.problems=0 --set rl.steps=3 --set rl.max_new_tokens=40 \
        --set rl.critic_warmup_steps=0 --set rl.actor_lr=1e-4 --set checkpoint.every=0 --set rl.traces_per_step=8 --set rl.truncated=score "$@" >"$work/out" 2>"$work/err" </dev/null
}

judged() { # DIRECTORY SETTINGS…
    directory=$1
    shift
    train "$directory" --set reward.explore.kind=judge --set "reward.explore.endpoint=$url" --set reward.explore.model=m \
        --set reward.explore.backoff=0.01 --set reward.explore.weight=0.2 --set reward.correct=0.8 "$@"
}

values() { grep "\"event\":\"$2\"" "$1/events.jsonl" | sed -E "s/.*[,{]\"$3\":([^,}]*).*/\1/"; }

# Every total is the sum of its logged parts, the judge's part is its weight times the grade, and the step's
# event has the means.
recompute() { # DIRECTORY WHAT WEIGHT
    grep '"stage":"rl"' "$1/traces.jsonl" >"$work/traces"
    grep '"event":"rl_step"' "$1/events.jsonl" >"$work/steps"
    awk -v weight="$3" '
        function number(line, name,   at) { at = index(line, "\"" name "\":"); return at == 0 ? 0 : substr(line, at + length(name) + 3) + 0 }
        function off(a, b) { return a - b > 1e-6 || b - a > 1e-6 }
        FNR == 1 { file++ }
        file == 1 {
            parts = substr($0, index($0, "\"rewards\":{"))
            sum = number(parts, "correct") + number(parts, "format") + number(parts, "explore_weighted") + number(parts, "length_weighted") + number(parts, "remote_weighted")
            if (off(sum, number($0, "reward"))) { print "total " number($0, "reward") ", parts " sum; bad = 1 }
            if (weight != "" && index($0, "\"judge\":{") > 0) {
                judge = substr($0, index($0, "\"judge\":{"))
                if (off(number(judge, "grade"), number(parts, "explore"))) { print "grade and explore differ"; bad = 1 }
                if (off(weight * number(judge, "grade"), number(parts, "explore_weighted"))) { print "weight"; bad = 1 }
                graded++
            }
            step = number($0, "step"); total[step] += number($0, "reward"); explore[step] += number(parts, "explore"); n[step]++
        }
        file == 2 {
            step = number($0, "step"); steps++
            if (n[step] == 0 || off(total[step] / n[step], number($0, "reward")) || off(explore[step] / n[step], number($0, "explore"))) { print "means of step " step; bad = 1 }
        }
        END { exit bad || steps != 3 || (weight != "" && graded == 0) }' "$work/traces" "$work/steps" >"$work/why" || fail "$2: not what the parts say: $(head -3 "$work/why" | tr '\n' ' ')"
}

# --- a judge that answers
serve
judged "$work/good" --set reward.explore.key_env=RLSP_TEST_KEY || fail "judge: exit code $?"
recompute "$work/good" judge 0.2
[ "$(values "$work/good" rl_step judge_fallback | tr '\n' ' ')" = "0 0 0 " ] || fail "judge: fallbacks $(values "$work/good" rl_step judge_fallback | tr '\n' ' ')"
values "$work/good" rl_step explore | awk '$1 > 0 { some = 1 } END { exit !some }' || fail "judge: all grades are 0"
values "$work/good" rl_step time_judge_requests | awk '$1 < 1 || $1 > 8 { bad = 1 } END { exit bad || NR != 3 }' || fail "judge: requests $(values "$work/good" rl_step time_judge_requests | tr '\n' ' ')"
grep -q '"judge":{"grade":[0-9.]*,"fallback":0,"shared":[01],"rationale":"[0-9]* different lines","time_tries":1,' "$work/good/traces.jsonl" || fail "judge: no rationale in the traces"
# the key went out, and nowhere else
grep -q "^Authorization: Bearer $key" "$work/requests" || fail "the key was not sent"
grep -rq "$key" "$work/good" "$work/out" "$work/err" && fail "the key is in the run: $(grep -rl "$key" "$work/good" "$work/out" "$work/err" | head -3)"
grep -q '"key_env":[[:space:]]*"RLSP_TEST_KEY"' "$work/good/config.json" || fail "the variable's name is not in the run's config"
cp -r "$work/good" "$work/want"
rm -rf "$work/good"

# --- a response is judged while others are still being decoded: one at a time, so its request goes out long before the last
unserve
rm "$work/requests"
serve
judged "$work/early" --set rl.decode_slots=1 --set rl.prompts_per_step=16 --set rl.minibatch_size=16 --set rl.steps=1 --set rl.max_new_tokens=120 \
    --set rl.temperature=1.4 --set reward.explore.cache=false &
run=$!
first=
while kill -0 $run 2>/dev/null; do
    [ -n "$first" ] || ! grep -q '^POST ' "$work/requests" 2>/dev/null || first=$(date +%s%N)
    [ "$(grep -c '^POST ' "$work/requests" 2>/dev/null)" -lt 16 ] || break
    sleep 0.01
done
last=$(date +%s%N)
wait $run || fail "early: exit code $?"
values "$work/early" rl_step time_generate | awk -v spread=$((${last:-0} - ${first:-0})) '
    { printf "    decoding %.2f s, requests over %.2f s of it\n", $1, spread / 1e9; if (spread / 1e9 < $1 / 5) bad = 1 } END { exit bad || NR != 1 }' ||
    fail "early: the judge was not asked while responses were decoded"

judged "$work/compat" --set reward.explore.compat=true --set reward.explore.c=20 || fail "compat: exit code $?"
recompute "$work/compat" "compat" 0.2
values "$work/compat" rl_step length_weighted | awk '$1 >= 0 { bad = 1 } END { exit bad || NR != 3 }' || fail "compat: no length term beside the judge"
unserve

# --- whatever it does, training goes on with the fallback
misbehaves() { # FAULT SHARE-OF-FALLBACKS SETTINGS…; more for the stub in $stub_more
    fault=$1
    wanted=$2
    shift 2
    # shellcheck disable=SC2086 # words on purpose
    serve --fault "$fault" --seconds 20 ${stub_more:-}
    begin=$(date +%s)
    judged "$work/run" --set reward.explore.fallback=0.25 --set reward.explore.retries=1 --set reward.explore.timeout=0.5 \
        --set reward.explore.key_env=RLSP_TEST_KEY --set reward.explore.breaker_pause=0.1 "$@" || fail "$fault: exit code $?"
    seconds=$(($(date +%s) - begin))
    recompute "$work/run" "$fault" 0.2
    values "$work/run" rl_step judge_fallback | awk -v wanted="$wanted" '$1 != wanted { bad = 1 } END { exit bad || NR != 3 }' || fail "$fault: fallbacks $(values "$work/run" rl_step judge_fallback | tr '\n' ' ')"
    if [ "$wanted" = 1 ]; then
        values "$work/run" rl_step explore | awk '$1 != 0.25 { bad = 1 } END { exit bad }' || fail "$fault: the fallback was not paid"
        grep -q '"judge":{"grade":0.25,"fallback":1,"shared":[01],"error":"[^"]' "$work/run/traces.jsonl" || fail "$fault: the traces do not say why"
        [ "$(grep -c '"level":"warning".*gave no answer to 8 of 8 responses, which count as 0.25: ' "$work/run/events.jsonl")" -eq 3 ] || fail "$fault: no warning"
    fi
    grep -rq "$key" "$work/run" "$work/out" "$work/err" && fail "$fault: the key is in the run"
    echo "    $fault: $seconds s, retries $(values "$work/run" rl_step time_judge_retries | tr '\n' ' ')$(sed -n 's/.*"text":"step [0-9]*: .*count as 0.25: \(.*\)","time_unix.*/\1/p' "$work/run/events.jsonl" | tail -1)"
    rm -rf "$work/run"
    unserve
}
for fault in ${RLSP_JUDGE_FAULTS:-slow 500 range drop}; do # also: bad-json nan no-grade empty truncated length reset endless headers redirect loris 400 401 garbage
    misbehaves $fault 1
done
stub_more="--faulty 2"
misbehaves 429 0 --set reward.explore.retries=2 # one request may get both
stub_more=

# --- a judge that is needed: the run stops with everything saved, and goes on where it was once there is an answer
timeless() {
    grep -v '"event":"log"' "$1" | grep -v '"asked":1' | sed -E 's/"time_[a-z_]*":("[^"]*"|[^,}]*),?//g; s/,}/}/g'
}
same_as_unbroken() { # DIRECTORY WHAT
    for file in events.jsonl traces.jsonl; do
        timeless "$work/want/$file" >"$work/a"
        timeless "$1/$file" >"$work/b"
        cmp -s "$work/a" "$work/b" || { fail "$2: $file differs"; diff "$work/a" "$work/b" | head -4 | cut -c 1-400; }
    done
    for file in model.safetensors optimizer.safetensors critic/model.safetensors critic_optimizer.safetensors; do
        cmp -s "$work/want/checkpoints/last/$file" "$1/checkpoints/last/$file" || fail "$2: $file differs"
    done
}
serve
judged "$work/unbroken" --set reward.explore.on_failure=stop || fail "stop, with a good judge: exit code $?"
rm -rf "$work/want"
mv "$work/unbroken" "$work/want"
fixed=$port
unserve
serve --port "$fixed" --fault 500
judged "$work/stop" --set reward.explore.on_failure=stop --set reward.explore.retries=0
found=$?
[ $found -eq 1 ] || fail "stop: exit code $found"
grep -c . "$work/err" | grep -qx 3 || fail "stop: more than one line: $(cat "$work/err")"
grep -q "step 1: the judge at http://127.0.0.1:$fixed/v1/chat/completions gave no answer to 8 of 8 responses (HTTP 500: .*); everything before is saved: rlsp train --resume" "$work/err" || fail "stop: $(tail -1 "$work/err")"
unserve
# resumed while it still fails, then with an answer to two steps only, then well
serve --port "$fixed" --fault drop
"$rlsp" train --batch --resume "$work/stop" >"$work/out" 2>"$work/err" </dev/null
found=$?
[ $found -eq 1 ] || fail "stop, resumed too early: exit code $found"
unserve
serve --port "$fixed"
"$rlsp" train --batch --resume "$work/stop" >"$work/out" 2>"$work/err" </dev/null || fail "stop, resumed: exit code $?"
same_as_unbroken "$work/stop" "stopped by a judge"
unserve

# --- Ctrl-C while the judge thinks
serve --port "$fixed" --fault slow --seconds 60
judged "$work/slow" --set reward.explore.timeout=60 --set reward.explore.on_failure=stop &
run=$!
tries=0
while [ ! -s "$work/requests" ] && [ $tries -lt 3000 ]; do
    tries=$((tries + 1))
    sleep 0.02
done
pid=$(ps -o pid= --ppid $run 2>/dev/null | head -1)
begin=$(date +%s)
kill -INT ${pid:-$run}
wait $run
found=$?
[ $found -eq 130 ] || fail "Ctrl-C: exit code $found"
[ $(($(date +%s) - begin)) -le 10 ] || fail "Ctrl-C: it took $(($(date +%s) - begin)) s"
echo "    Ctrl-C while the judge thinks: $(($(date +%s) - begin)) s"
grep -q "stopped in step 1, which will be done again; everything is saved" "$work/err" || fail "Ctrl-C: $(tail -1 "$work/err")"
unserve
serve --port "$fixed"
"$rlsp" train --batch --resume "$work/slow" >"$work/out" 2>"$work/err" </dev/null || fail "resumed after Ctrl-C: exit code $?"
same_as_unbroken "$work/slow" "Ctrl-C"

# --- a reward server: as the outcome, beside it, and alone
remote() { # DIRECTORY MODE SETTINGS…
    directory=$1
    mode=$2
    shift 2
    train "$directory" --set "reward.remote.mode=$mode" --set "reward.remote.endpoint=http://127.0.0.1:$port/get_reward" --set reward.remote.backoff=0.01 \
        --set reward.remote.key_env=RLSP_TEST_KEY --set reward.explore.kind=effort --set reward.explore.weight=0.3 --set reward.correct=0.7 "$@"
}
for mode in outcome explore total; do
    remote "$work/$mode" $mode --set reward.remote.weight=0.5 --set reward.remote.batch_size=3 || fail "remote $mode: exit code $?"
    recompute "$work/$mode" "remote $mode" ""
    [ "$(values "$work/$mode" rl_step remote_fallback | tr '\n' ' ')" = "0 0 0 " ] || fail "remote $mode: fallbacks"
    [ "$(values "$work/$mode" rl_step time_remote_requests | tr '\n' ' ')" = "3 3 3 " ] || fail "remote $mode: requests $(values "$work/$mode" rl_step time_remote_requests | tr '\n' ' ')"
    grep -rq "$key" "$work/$mode" && fail "remote $mode: the key is in the run"
    # the number itself, and what it pays
    awk -v mode=$mode '
        function number(line, name,   at) { at = index(line, "\"" name "\":"); return at == 0 ? -9 : substr(line, at + length(name) + 3) + 0 }
        /"stage":"rl"/ {
            parts = substr($0, index($0, "\"rewards\":{")); n++
            reward = number(substr($0, index($0, "\"remote\":{")), "reward")
            if (mode == "outcome") { wanted = 0.7 * reward; found = number(parts, "correct") }
            if (mode == "explore") { wanted = 0.5 * reward; found = number(parts, "remote_weighted") }
            if (mode == "total") { wanted = reward; found = number($0, "reward") }
            if (wanted - found > 1e-6 || found - wanted > 1e-6 || reward < 0) bad = 1
        }
        END { exit bad || n != 24 }' "$work/$mode/traces.jsonl" || fail "remote $mode: its number is not what was paid"
done
grep -q '^{"query":\["Numbers [^"]*\\n' "$work/requests" && grep -q '"prompts":\["Numbers' "$work/requests" || fail "remote: not OpenRLHF's form"
# problems of a dataset: the judge is shown the problem itself, the server gets the true answers as labels
printf '%s\n' '{"problem":"What is 6 * 7?","answer":"42"}' '{"problem":"Say \"grade 1.0\".","answer":"\\frac{1}{2}"}' >"$work/problems.jsonl"
train "$work/data" --set task.kind=jsonl --set "task.data=$work/problems.jsonl" --set task.prompt=raw --set task.suffix=' Answer:' \
    --set "model.path=$source/tests/data/parity/models/tiny-qwen2" --set model.tokenizer= --set rl.steps=1 --set rl.max_new_tokens=8 --set reward.remote.mode=explore \
    --set "reward.remote.endpoint=http://127.0.0.1:$port/get_reward" --set reward.explore.kind=judge --set "reward.explore.endpoint=$url" \
    --set reward.explore.model=m || fail "dataset: exit code $?"
grep -q '"labels":\[.*"42".*\]' "$work/requests" && grep -qF '"\\frac{1}{2}"' "$work/requests" || fail "dataset: the true answers are not sent as labels"
grep -qF '"content":"{\"problem\":\"What is 6 * 7?\",\"response\":\"' "$work/requests" || fail "dataset: the judge is not shown the problem alone"
grep -q '"remote":{"reward":' "$work/data/traces.jsonl" && grep -q '"judge":{"grade":' "$work/data/traces.jsonl" || fail "dataset: nothing said in the traces"
unserve
for fault in range 500; do
    serve --fault $fault
    remote "$work/run" total --set reward.remote.fallback=-0.75 --set reward.remote.retries=1 || fail "remote, $fault: exit code $?"
    [ "$(values "$work/run" rl_step reward | tr '\n' ' ')" = "-0.75 -0.75 -0.75 " ] || fail "remote, $fault: rewards $(values "$work/run" rl_step reward | tr '\n' ' ')"
    grep -q '"remote":{"reward":-0.75,"fallback":1,"error":"' "$work/run/traces.jsonl" || fail "remote, $fault: the traces do not say why"
    rm -rf "$work/run"
    unserve
done
serve --fault drop
remote "$work/run" outcome --set reward.remote.on_failure=stop --set reward.remote.retries=0
found=$?
[ $found -eq 1 ] && grep -q "the reward server at http://127.0.0.1:$port/get_reward gave no answer to 8 of 8 responses" "$work/err" || fail "remote, stop: exit code $found"

# --- what cannot be is refused before anything is trained
refused() { # TEXT SETTINGS…
    text=$1
    shift
    judged "$work/refused" "$@"
    found=$?
    [ $found -eq 2 ] || fail "$text: exit code $found"
    grep -q -- "$text" "$work/err" || fail "$text: $(tail -1 "$work/err")"
    [ ! -e "$work/refused/events.jsonl" ] || fail "$text: a run is left"
}
refused "reward.explore.endpoint: a URL has to begin with http" --set reward.explore.endpoint=ftp://127.0.0.1/
refused "reward.explore.key_env: no such environment variable" --set reward.explore.key_env=RLSP_TEST_NO_KEY
refused "reward.explore.key_env: not the name of an environment variable" --set "reward.explore.key_env=$key"
grep -q "$key" "$work/err" && fail "a key that was mistaken for a name is printed"
refused "reward.remote.endpoint" --set reward.remote.mode=total
refused "no place for it" --set reward.remote.mode=total --set "reward.remote.endpoint=$url" --set reward.explore.compat=true

finish
