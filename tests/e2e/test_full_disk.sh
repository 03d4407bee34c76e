#!/bin/sh
# Disks that fill up at any moment of a run, an evaluation, an export, a picture or a conversion: exit code 1 and one
# line that names the file, nothing half-written under a final name, nothing lost that was saved; with room again the
# same command or --resume comes to the same end as without. As root on small disks of memory, else by a limit on the
# size of files.
# usage: test_full_disk.sh path/to/rlsp source-directory
rlsp=$1
source=$2
models=$source/tests/data/parity/models
work=$(mktemp -d) || exit 1
disk=$work/disk
mounted=
trap '[ -z "$mounted" ] || umount "$disk"; rm -rf "$work"' EXIT
failures=0

fail() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    tail -2 "$work/err" 2>/dev/null
}

"$rlsp" devices >/dev/null 2>&1 || { echo "test_full_disk: no device, left out"; exit 0; }
mkdir "$disk" && mount -t tmpfs -o size=8m none "$disk" 2>/dev/null && mounted=yes

quiet() { "$@" >"$work/out" 2>"$work/err" </dev/null; }

# The last line of stderr says which file and why; nothing is half there.
said() { # WHAT EXIT-CODE WORD
    [ "$2" -eq 1 ] || fail "$1: exit code $2"
    tail -1 "$work/err" | grep -qE "cannot (write|create|lock|begin)[^:]* ($disk|$work)[^:]*: $3" || fail "$1: another last line"
    grep -qE "Sanitizer|runtime error|core dumped" "$work/err" && fail "$1: a crash"
    [ ! -s "$work/out" ] || fail "$1: something on stdout"
    [ -z "$(find "$disk" "$work/limit" \( -name '*.tmp-*' -o -name '*.part' -o -name '*.part-*' \) 2>/dev/null)" ] || fail "$1: half a file is left"
    for lines in $(find "$disk" "$work/limit" -name '*.jsonl' 2>/dev/null); do
        [ -z "$(tail -c 1 "$lines")" ] || fail "$1: $lines ends within a line"
    done
}

# leave KIB: so much of the disk is free. room: all that is not used.
leave() {
    rm -rf "${disk:?}"/*
    dd if=/dev/zero of="$disk/filler" bs=1024 count=$(($(df -k "$disk" | awk 'END { print $4 }') - $1)) 2>/dev/null
}
room() { rm -f "$disk/filler"; }

# full KIB WHAT COMMAND…: fails for want of space, and leaves nothing but the folders of runs and evaluations
full() {
    kib=$1 what="$2, $1 KiB free"
    shift 2
    leave "$kib"
    quiet "$@"
    said "$what" $? "No space left"
}

# small BLOCKS WHAT COMMAND…: the same by a limit on files, of 512 bytes each
small() {
    blocks=$1 what="$2, files of $1 blocks"
    shift 2
    rm -rf "$work/limit" && mkdir "$work/limit"
    (
        trap '' XFSZ
        ulimit -f "$blocks"
        "$@" >"$work/out" 2>"$work/err" </dev/null
    )
    said "$what" $? "File too large"
}

. "$source/tests/support/smoke.sh"

train() { # OUT EXTRA…
    out=$1
    shift
    smoke_train "$out" --set rl.steps=1 --set eval.every=0 "$@"
}

same_model() { # WHAT CHECKPOINT WANTED
    for file in $(cd "$3" && find . -name '*.safetensors'); do
        cmp -s "$2/$file" "$3/$file" || fail "$1: $file is another than without"
    done
}

# --- runs: whole models and adapters
quiet train "$work/whole" || fail "an unbroken run"
checkpoints_of() { # WHAT RUN: what has its name is whole
    for checkpoint in "$2"/checkpoints/step-*; do
        [ -d "$checkpoint" ] && same_model "$1" "$checkpoint" "$work/whole/checkpoints/$(basename "$checkpoint")"
    done
}
# The critic's optimizer has a value head more than the actor's, and comes with RL.
small $((($(wc -c <"$work/whole/checkpoints/last/optimizer.safetensors") + 511) / 512)) "a run" train "$work/limit/run" --set rl.traces_per_step=4
checkpoints_of "a run under a limit" "$work/limit/run"
[ -e "$work/limit/run/checkpoints/last/checkpoint.json" ] || fail "a run under a limit: no checkpoint is left"
if [ -n "$mounted" ]; then
    for kib in 0 4 12 24 40 100 300 400; do
        full $kib "a run" train "$disk/run"
        checkpoints_of "$what" "$disk/run"
        room
        if [ -e "$disk/run/config.json" ]; then
            quiet "$rlsp" train --resume "$disk/run" --batch || fail "$what: --resume does not go on"
        else
            quiet train "$disk/run" || fail "$what: it cannot be begun again"
        fi
        same_model "$what" "$disk/run/checkpoints/last" "$work/whole/checkpoints/last"
    done
    full 24 "a run that saves nothing meanwhile" train "$disk/run" --set checkpoint.every=0 --set rl.traces_per_step=4
    grep -q "jsonl: No space" "$work/err" || fail "$what: events and traces were not what failed"
    room
    mount -o remount,ro "$disk"
    quiet "$rlsp" train --resume "$disk/run" --batch
    said "a read-only disk" $? "Read-only file system"
    mount -o remount,rw "$disk"
fi

# --- exports: there is no directory of that name, or a whole one
quiet "$rlsp" export "$work/whole" --out "$work/base" || fail "an export"
lora() { train "$1" --set "model.path=$work/base" --set adapter.kind=lora --set adapter.rank=4; }
quiet lora "$work/lora" || fail "a run with an adapter"
export_from() { # KIBS RUN OPTIONS…
    kibs=$1 run=$2
    shift 2
    quiet "$rlsp" export "$run" --out "$work/wanted" "$@" || fail "export $*"
    small 8 "export $*" "$rlsp" export "$run" --out "$work/limit/model" "$@"
    [ -z "$(ls -A "$work/limit")" ] || fail "$what: left $(ls -A "$work/limit")"
    for kib in ${mounted:+$kibs}; do
        full "$kib" "export $*" "$rlsp" export "$run" --out "$disk/model" "$@"
        [ "$(ls -A "$disk")" = filler ] || fail "$what: left $(ls -A "$disk")"
    done
    if [ -n "$mounted" ]; then
        room
        quiet "$rlsp" export "$run" --out "$disk/model" "$@" || fail "$what: not even with room"
        diff -r "$disk/model" "$work/wanted" >/dev/null || fail "$what: another export than without"
    fi
    rm -r "$work/wanted"
}
size=$(du -k "$work/base/model.safetensors" | cut -f 1)
export_from "0 8 $((size + 4)) $((size + 12))" "$work/whole"
export_from "0 8 $((size + 4)) $((size + 12))" "$work/lora" --merge
export_from "0 4 16 24" "$work/lora"
export_gguf() { # KIBS RUN OPTIONS…: the old file stays, or there is none
    kibs=$1 run=$2
    shift 2
    quiet "$rlsp" export "$run" --gguf --out "$work/wanted.gguf" "$@" || fail "export --gguf $*"
    small 8 "export --gguf $*" "$rlsp" export "$run" --gguf --out "$work/limit/model.gguf" "$@"
    [ -z "$(ls -A "$work/limit")" ] || fail "$what: left $(ls -A "$work/limit")"
    for kib in ${mounted:+$kibs}; do
        full "$kib" "export --gguf $*" "$rlsp" export "$run" --gguf --out "$disk/model.gguf" "$@"
        [ "$(ls -A "$disk")" = filler ] || fail "$what: left $(ls -A "$disk")"
    done
    if [ -n "$mounted" ]; then
        room
        quiet "$rlsp" export "$run" --gguf --out "$disk/model.gguf" "$@" || fail "$what: not even with room"
        cmp -s "$disk/model.gguf" "$work/wanted.gguf" || fail "$what: another file than without"
    fi
}
export_gguf "0 8 $size" "$work/whole"
export_gguf "0 $size" "$work/lora" --merge
export_gguf "0 4 8" "$work/lora"
if [ -n "$mounted" ]; then
    full 100 "a run with an adapter" lora "$disk/run"
    room
    quiet "$rlsp" train --resume "$disk/run" --batch || fail "$what: --resume does not go on"
    same_model "$what" "$disk/run/checkpoints/last" "$work/lora/checkpoints/last"
fi

# --- evaluations: what was answered is kept, the numbers are the same
for gold in 2 1 22 0 25 2; do
    echo "{\"problem\":\"How many are $gold?\",\"answer\":\"$gold\"}"
done >"$work/data.jsonl"
evaluate() {
    "$rlsp" eval --model "$models/tiny-qwen3" --data "$work/data.jsonl" --n 4 --temperature 1 --max-new 24 --slots 4 "$@"
}
numbers() { sed 's/"time_.*//' "$1/report.json"; }
quiet evaluate --out "$work/eval" || fail "an evaluation"
same_evaluation() { # WHAT FOLDER
    quiet "$rlsp" eval --resume "$2" || fail "$1: --resume does not go on"
    sort "$2/traces.jsonl" >"$work/found" && sort "$work/eval/traces.jsonl" | cmp -s - "$work/found" || fail "$1: other traces"
    [ "$(numbers "$2")" = "$(numbers "$work/eval")" ] && cmp -s "$2/problems.jsonl" "$work/eval/problems.jsonl" || fail "$1: other numbers"
}
small 16 "an evaluation" evaluate --out "$work/limit/eval"
same_evaluation "$what" "$work/limit/eval"
for kib in ${mounted:+0 4 12 20 24 32 36 40}; do
    full "$kib" "an evaluation" evaluate --out "$disk/eval"
    room
    [ -e "$disk/eval/eval.json" ] || quiet evaluate --out "$disk/eval" || fail "$what: it cannot be begun again"
    same_evaluation "$what" "$disk/eval"
done

# --- single files: the old content stays, or there is none
one_file() { # PATH WHAT COMMAND…, which writes PATH
    path=$1
    shift
    small 1 "$@"
    [ -z "$(ls -A "$work/limit")" ] || fail "$what: left $(ls -A "$work/limit")"
}
recorded=$source/tests/data/run-recorded
one_file curves "plot" "$rlsp" plot "$recorded" -o "$work/limit/curves.png"
one_file page "traces" "$rlsp" traces "$recorded" --html "$work/limit/page.html"
one_file picture "watch" "$rlsp" watch "$recorded" --picture "$work/limit/run.png"
one_file report "a report" "$rlsp" eval --resume "$work/eval" --report "$work/limit/report.md"
one_file data "a conversion" "$rlsp" data convert "$source"/tests/data/datasets/*.jsonl -o "$work/limit/train.jsonl"
one_file data "a conversion in two" "$rlsp" data convert "$source"/tests/data/datasets/*.jsonl --held-out 1 --held-out-to "$work/limit/dev.jsonl" -o "$work/limit/train.jsonl"

# --- stdout
if [ -w /dev/full ]; then
    printf '{"ids":[1,2,3]}\n' >"$work/ids"
    for command in "score --model $models/tiny-llama" "generate --ids --max-new 2 --model $models/tiny-llama" "tokenize --decode --model $models/tiny-llama" \
        "generate --prompt x --max-new 2 --model $models/tiny-llama" "eval --compare $work/eval $work/eval" "data stats $work/data.jsonl" "config --keys" "traces $recorded"; do
        # shellcheck disable=SC2086
        "$rlsp" $command <"$work/ids" >/dev/full 2>"$work/err"
        [ $? -eq 1 ] && tail -1 "$work/err" | grep -q "cannot write the output" || fail "$command: a full disk goes unnoticed"
    done
fi

[ -n "$mounted" ] || echo "test_full_disk: no disk can be mounted, files were limited instead"
[ $failures -eq 0 ] && echo "test_full_disk: all passed"
exit $((failures > 0))
