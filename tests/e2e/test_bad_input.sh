#!/bin/sh
# rlsp train with wrong options, configs, data, models, devices and directories: one clear line, the right
# exit code, nothing left behind that stands in the way, nothing lost that was saved.
# usage: test_bad_input.sh path/to/rlsp source-directory
. "$2/tests/support/e2e.sh"
models=$source/tests/data/parity/models

. "$source/tests/support/smoke.sh"

smoke() { # OUT EXTRA…
    out=$1
    shift
    smoke_train "$out" --set rl.steps=1 --set eval.every=0 "$@" >"$work/out" 2>"$work/err" </dev/null
}

# The last line of stderr is the only one that says what is wrong, and holds all of WORDS…
said() { # WHAT EXIT-CODE FOUND WORDS…
    what=$1 wanted=$2 found=$3
    shift 3
    [ "$found" -eq "$wanted" ] || fail "$what: exit code $found, wanted $wanted"
    for word in "$@"; do
        tail -1 "$work/err" | grep -qF -e "$word" || fail "$what: no \"$word\" in the last line"
    done
    grep -qE "Sanitizer|runtime error|core dumped" "$work/err" && fail "$what: a crash"
    [ ! -s "$work/out" ] || fail "$what: something on stdout"
}

# refused WHAT "WORD" EXTRA…: exit code 2 and a run directory that can be used again
refused() {
    what=$1 word=$2
    shift 2
    smoke "$work/run" "$@"
    said "$what" 2 $? "$word"
    [ -z "$(ls "$work/run" 2>/dev/null)" ] || { fail "$what: left in the run directory: $(ls "$work/run" | tr '\n' ' ')"; rm -rf "$work/run"; }
}

# --- before any device is opened
refused "a misspelt key" "the nearest is 'rl.steps'" --set rl.stpes=3
refused "a negative number" "'rl.steps'" --set rl.steps=-1
refused "a word for a number" "'sft.phases.0.lr'" --set sft.phases.0.lr=high
refused "an impossible value" "'rl.minibatch_size'" --set rl.minibatch_size=99
refused "a task that is not there" "'task.kind'" --set task.kind=chess
refused "an adapter of what cannot have one" "adapter.targets" --set adapter.kind=lora --set 'adapter.targets=["lm_head"]'
"$rlsp" train --config "$work/none.json" --out "$work/run" >"$work/out" 2>"$work/err"
said "no config" 2 $? "$work/none.json" "No such file"
printf '{"name": "broken", "rl": {"steps": 3,}' >"$work/broken.json"
"$rlsp" train --config "$work/broken.json" --out "$work/run" >"$work/out" 2>"$work/err"
said "a broken config" 2 $? "$work/broken.json"
"$rlsp" train --resume "$work/none" >"$work/out" 2>"$work/err"
said "no run to resume" 2 $? "$work/none is no run directory"
"$rlsp" train --resume "$work/none" --set seed=2 >"$work/out" 2>"$work/err"
said "resume with another config" 2 $? "--resume alone"

need_device

# --- devices, models, sizes
refused "a device number that is not there" "99" --device 99
refused "a device name that is not there" "no such card" --set "device=no such card"
refused "a directory that holds no model" "config.json" --set "model.path=$work"
refused "a tokenizer that is not there" "$work/tok" --set "model.tokenizer=$work/tok"
refused "a prompt longer than the context" "context of 20" --set model.init.max_positions=20
refused "an evaluation longer than the context" "eval.max_new_tokens" --set eval.max_new_tokens=250
refused "a reward that does not fit" "until_hit" --set reward.explore.kind=length --set reward.explore.until_hit=true
mkdir "$work/model" && cp "$models/tiny-llama/"* "$work/model" && sed 's/"num_hidden_layers": 3/"num_hidden_layers": 4/' "$models/tiny-llama/config.json" >"$work/model/config.json"
refused "weights of another config" "model.layers.3." --set "model.path=$work/model"
cp "$models/tiny-llama/config.json" "$work/model" && head -c 5000 "$models/tiny-llama/model.safetensors" >"$work/model/model.safetensors"
refused "cut weights" "model.safetensors" --set "model.path=$work/model"

# The same through a command that only reads the model.
bad=$source/tests/data/parity
for file in json_bad/config/truncated.json json_bad/config/shape_mismatch_hidden.json json_bad/config/head_dim_odd.json \
    safetensors_bad/overlap.safetensors safetensors_bad/truncated_data.safetensors safetensors_bad/header_length_2e63.safetensors; do
    case $file in
    *.json) to=config.json other=model.safetensors ;;
    *) to=model.safetensors other=config.json ;;
    esac
    cp "$models/tiny-llama/$other" "$work/model/$other" && cp "$bad/$file" "$work/model/$to"
    echo '{"ids":[1,2]}' | "$rlsp" score --model "$work/model" >"$work/out" 2>"$work/err"
    said "score with $file" 2 $? "$work/model"
done

# --- token ids that no token has: given, and of the model's own special tokens
for command in "score" "generate --ids --max-new 2"; do
    for ids in 384 -1 1.5 4294967297 1e300; do
        # shellcheck disable=SC2086
        printf '{"ids":[1,2]}\n{"ids":[3,%s]}\n' "$ids" | "$rlsp" $command --model "$models/tiny-llama" >"$work/out" 2>"$work/err"
        found=$?
        : >"$work/out" # what the first line gave
        said "$command with id $ids" 2 $found "stdin line 2: key 'ids'" "from 0 to 383"
    done
done
cp "$models/tiny-llama/model.safetensors" "$work/model" && sed 's/"eos_token_id": 377/"eos_token_id": 384/' "$models/tiny-llama/config.json" >"$work/model/config.json"
echo '{"ids":[1]}' | "$rlsp" generate --ids --model "$work/model" >"$work/out" 2>"$work/err"
said "an end token outside the vocabulary" 2 $? "$work/model/config.json: key 'eos_token_id': found the number 384"

# --- data: the file and the line, before the first step
printf '{"ids":[1,2,3]}\n{"ids":[1,2,9999]}\n' >"$work/data.jsonl"
smoke "$work/data" --set "sft.phases.1.data=$work/data.jsonl"
said "an id outside the vocabulary" 2 $? "$work/data.jsonl:2" "9999"
grep -q sft_step "$work/data/events.jsonl" && fail "bad data of a later phase are told after training"
printf '{"ids":[1,2,3]}\n' >"$work/data.jsonl"
"$rlsp" train --resume "$work/data" --batch >"$work/out" 2>"$work/err" || fail "with the data mended, the run does not go on"

# --- directories
smoke /dev/null/run
said "a run under a file" 1 $? "/dev/null"
smoke /proc/rlsp-run
said "a run where nothing can be made" 1 $? "/proc/rlsp-run"
mkdir "$work/full" && echo mine >"$work/full/notes.txt"
smoke "$work/full"
said "a directory with other things" 2 $? "is not empty"
[ "$(ls "$work/full")" = notes.txt ] || fail "the directory was changed"
smoke "$work/data"
said "a directory with a run" 2 $? "already holds a run" "--resume $work/data"
if [ "$(id -u)" -ne 0 ]; then
    mkdir "$work/closed" && chmod 555 "$work/closed"
    smoke "$work/closed"
    said "a read-only directory" 1 $? "$work/closed"
    chmod 000 "$work/closed"
    "$rlsp" generate --model "$work/closed" --prompt 1 >"$work/out" 2>"$work/err"
    said "a model that may not be read" 2 $? "cannot look into $work/closed: Permission denied"
    "$rlsp" export "$work/closed" --out "$work/exported" >"$work/out" 2>"$work/err"
    said "a run that may not be read" 2 $? "cannot look into $work/closed: Permission denied"
fi

# --- a large model is told before it is loaded: here one that is a hole in a file
mkdir "$work/large" && cp "$models/tiny-llama/"*.json "$work/large" && truncate -s 2G "$work/large/model.safetensors" 2>/dev/null && {
    echo '{"ids":[1,2]}' | "$rlsp" score --model "$work/large" >"$work/out" 2>"$work/err"
    said "a hole as a model" 2 $? "$work/large/model.safetensors"
    head -1 "$work/err" | grep -qF "rlsp score: loading $work/large, 2.0 GiB" || fail "a large model is loaded without a word"
}

# --- a run where a model is wanted, a model without its tokenizer
"$rlsp" generate --model "$work/data" --prompt 1 >"$work/out" 2>"$work/err"
said "a run as a model" 2 $? "$work/data is a run" "$work/data/checkpoints/best"
mkdir "$work/bare" && cp "$models/tiny-llama/config.json" "$models/tiny-llama/"*.safetensors "$work/bare"
"$rlsp" generate --model "$work/bare" --prompt 1 >"$work/out" 2>"$work/err"
said "no tokenizer" 2 $? "$work/bare/tokenizer.json is not there" "copy it"
refused "a model that is not there" "model.path: there is no directory $work/none" --set "model.path=$work/none" --set model.tokenizer=task

# --- closed standard files: nothing that is said ends up in a file of the run
smoke_train "$work/mute" --set rl.steps=1 --set eval.every=0 <&- >&- 2>&- || fail "closed standard files: exit code $?"
cat "$work/mute/events.jsonl" "$work/mute/traces.jsonl" | grep -v '^{.*}$' >"$work/err" && fail "closed standard files: these lines are in the run's files"

# --- damaged checkpoints
smoke "$work/whole" || fail "the run to damage"
cp -r "$work/whole" "$work/hurt"
head -c 900 "$work/whole/checkpoints/last/optimizer.safetensors" >"$work/hurt/checkpoints/last/optimizer.safetensors"
"$rlsp" train --resume "$work/hurt" --batch >"$work/out" 2>"$work/err"
said "a cut optimizer" 2 $? "optimizer.safetensors"
echo '{"step":' >"$work/hurt/checkpoints/last/checkpoint.json"
"$rlsp" train --resume "$work/hurt" --batch >"$work/out" 2>"$work/err"
said "a cut checkpoint.json" 2 $? "checkpoint.json"

finish
