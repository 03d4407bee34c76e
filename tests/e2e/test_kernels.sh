#!/bin/sh
# Which kernels multiply: asked for, measured once and kept, damaged and measured again; a run goes on with those that it
# began with, whatever is measured meanwhile. Nothing here depends on how fast anything was.
# usage: test_kernels.sh path/to/rlsp source-directory
. "$2/tests/support/e2e.sh"
export XDG_CACHE_HOME="$work/cache"
mkdir "$work/cache"

need_device

train() { # DIRECTORY EXTRA…: 4 SFT steps, a checkpoint after each
    directory=$1
    shift
    "$rlsp" train --config "$source/configs/countdown-smoke.json" --out "$directory" --batch \
        --set 'stages=["sft"]' --set model.init.hidden_size=16 --set model.init.intermediate_size=32 \
        --set 'sft.phases.*.steps=2' --set 'sft.phases.*.batch_size=4' --set sft.phases.0.listing_rows=1 \
        --set eval.problems=0 --set checkpoint.every=1 --set checkpoint.keep=0 "$@" >"$work/out" 2>"$work/err" </dev/null || fail "train $directory $*"
}

# Nobody asked: nothing is measured on a CPU device, and nothing is kept.
train "$work/plain"
if "$rlsp" devices --device 0 | grep -q '    CPU, '; then
    [ ! -e "$work/plain/kernels.json" ] || fail "a run on a CPU device measured its kernels"
    ls "$work"/cache/rlsp/kernels-* >/dev/null 2>&1 && fail "something was measured on a CPU device"
fi

"$rlsp" devices --device 0 --probe --json >"$work/devices" 2>"$work/err" || fail "devices --probe"
cache=$(ls "$work"/cache/rlsp/kernels-*.json) || fail "devices --probe keeps nothing"
grep -q "$cache" "$work/err" || fail "devices --probe does not say where it keeps what"
grep -q '"compute":"f16","class":"slots","table":{"kernel":"gemm_[a-z0-9]*","tiles":[^,]*,"flops_per_second":[0-9]' "$work/devices" ||
    fail "devices --json has no speed"
"$rlsp" devices --device 0 | grep -q 'measured just now' || fail "devices says no age"

# Another choice than the table's, so that it shows: gemm_tiled for everything.
choose() { # FILE KERNEL TILES: makes it the choice of all classes
    sed -e 's/"chosen":true/"chosen":false/g' \
        -e "s/\(\"kernel\":\"$2\",\"tiles\":\"$3[^}]*\"chosen\":\)false/\1true/g" "$1" >"$work/changed" && mv "$work/changed" "$1"
}
choose "$cache" gemm_tiled '32x32x16'
cp "$cache" "$work/tiled.json"
train "$work/tiled" --set kernels=probe
grep -q measuring "$work/err" && fail "measures again what is known"
cmp -s "$work/tiled/kernels.json" "$work/tiled.json" || fail "the run does not keep the kernels that it began with"

# Resumed after its first step, with another choice in the cache by now, it repeats the unbroken run bit for bit.
cp -r "$work/tiled" "$work/resumed"
for step in 2 3 4; do rm -rf "$work/resumed/checkpoints/step-00000$step"; done
rm -f "$work/resumed/checkpoints/last" "$work/resumed/checkpoints/best"
choose "$cache" gemm_tiled '64x64x16'
resume() { # DIRECTORY
    "$rlsp" train --resume "$1" --batch >"$work/out" 2>"$work/err" </dev/null || fail "resume $1"
}
same() { cmp -s "$1/checkpoints/step-000004/model.safetensors" "$2/checkpoints/step-000004/model.safetensors"; }
cp -r "$work/resumed" "$work/by-table"
cp -r "$work/resumed" "$work/damaged"
resume "$work/resumed"
same "$work/tiled" "$work/resumed" || fail "a resumed run differs from an unbroken one"
grep -q measuring "$work/err" && fail "a resumed run measures"

# Without its record it goes by the table, as a run of an older rlsp; that this shows is what the test above rests on.
rm "$work/by-table/kernels.json"
resume "$work/by-table"
if ! same "$work/plain" "$work/tiled"; then
    same "$work/by-table" "$work/tiled" && fail "a run without a record did not go by the table"
fi
echo '{"format":1' >"$work/damaged/kernels.json"
resume "$work/damaged"
grep -q "cannot tell which kernels the run began with" "$work/err" || fail "a damaged record is not told"
same "$work/by-table" "$work/damaged" || fail "a damaged record is no record"

# A damaged cache is told in a line and written anew; one that cannot be written is no error either; --kernels table wants
# none.
head -c 300 "$work/tiled.json" >"$cache"
"$rlsp" score --model "$work/plain/checkpoints/step-000004" --kernels table >"$work/out" 2>"$work/err" <<'LINE' || fail "score --kernels table"
{"ids":[1,2,3,4]}
LINE
[ ! -s "$work/err" ] || fail "--kernels table looks for what was measured"
"$rlsp" score --model "$work/plain/checkpoints/step-000004" --kernels probe >"$work/out" 2>"$work/err" <<'LINE' || fail "score with a damaged cache"
{"ids":[1,2,3,4]}
LINE
[ "$(grep -c "it is written anew" "$work/err")" = 1 ] || fail "a damaged cache is not told in one line"
"$rlsp" devices --device 0 | grep -q 'measured just now' || fail "a damaged cache was not written anew"
rm "$cache" && mkdir "$cache" && touch "$cache/file"
"$rlsp" score --model "$work/plain/checkpoints/step-000004" --kernels probe >"$work/out" 2>"$work/err" <<'LINE' || fail "score with a cache that cannot be written"
{"ids":[1,2,3,4]}
LINE
[ "$(grep -c "is not kept" "$work/err")" = 1 ] || fail "a cache that cannot be written is not told in one line"

finish
