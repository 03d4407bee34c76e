#!/bin/sh
# Runs the fuzz targets, each for so many seconds of CPU time, and keeps what they found.
#
#     sh tests/tools/fuzz.sh 3600                  all of them, an hour each
#     sh tests/tools/fuzz.sh 60 fuzz_math          one
#
# Needs clang with libFuzzer (Debian: clang, libclang-rt-14-dev). What a target knows is in
# tests/fuzz/corpus/TARGET.tar.gz; the smallest set of inputs that reaches as much as all that were found is written back
# there, and the test `fuzz/TARGET` gives it to the target again. A row for each target goes to stdout: executions,
# inputs kept, the slowest one and crashes. An input that crashes, hangs or leaks stays in build/fuzz/crashes/TARGET.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:?usage: fuzz.sh SECONDS [TARGET…]}
shift
[ $# -gt 0 ] || set -- $(basename -s .c tests/fuzz/fuzz_*.c)

build=build/fuzz
cmake -S . -B $build -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo -DRLSP_FUZZ=ON -DRLSP_SANITIZE=ON >/dev/null
cmake --build $build --target "$@" >&2

# Where a target's first inputs come from, if it has never run: files as they are.
seeds() {
    data=tests/data
    case $1 in
    fuzz_safetensors) find $data/parity/safetensors_bad $data/parity/models -name '*.safetensors' -size -64k ;;
    fuzz_tokenizer) find $data/parity/json_bad/tokenizer -name '*.json' -size -64k ;;
    fuzz_model_config) find $data/parity/json_bad/config $data/parity/models -name '*.json' -size -16k ;;
    fuzz_adapter_config) find $data/parity/json_bad/config $data/parity/lora -name '*.json' -size -16k ;;
    fuzz_run_config) find configs -name '*.json' ;;
    fuzz_records | fuzz_data | fuzz_sft) find $data/datasets -name '*.jsonl' ;;
    *) : ;;
    esac
}

# Lines of a text file as inputs, a file each; the tab in them made a newline.
seed_lines() {
    awk -v folder="$2" '{ sub(/\t/, "\n"); file = sprintf("%s/line%04d", folder, NR); printf "%s", $0 > file; close(file) }' "$1"
}

# CPU seconds of a process so far; nothing once it is gone.
cpu_seconds() {
    awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print int(($12 + $13) / hz) }' "/proc/$1/stat" 2>/dev/null || :
}

status=0
printf '%-20s %12s %8s %10s %9s %s\n' target executions kept coverage slowest crashes
for target in "$@"; do
    packed=tests/fuzz/corpus/$target.tar.gz
    found=$build/found/$target
    kept=$build/kept/$target
    crashes=$build/crashes/$target
    rm -rf "$kept"
    mkdir -p "$found" "$kept" "$crashes"
    [ ! -f "$packed" ] || tar -xzf "$packed" -C "$found"
    seeds "$target" | while read -r file; do cp "$file" "$found/$(printf '%s' "$file" | tr / _)"; done
    lines=tests/fuzz/${target#fuzz_}_seeds.txt
    [ ! -f "$lines" ] || seed_lines "$lines" "$found"
    set -- -max_len=16384 -timeout=120 -report_slow_units=60 -rss_limit_mb=2048 -print_final_stats=1 "-artifact_prefix=$crashes/"
    [ "$target" != fuzz_math ] || set -- "$@" -dict=tests/fuzz/math.dict

    log=$build/$target.log
    "$build/$target" "$@" "$found" >"$log" 2>&1 &
    pid=$!
    while spent=$(cpu_seconds $pid) && [ -n "$spent" ] && [ "$spent" -lt "$seconds" ]; do sleep 1; done
    kill -USR1 $pid 2>/dev/null || : # it stops by itself and prints its statistics
    wait $pid || status=1
    "$build/$target" -merge=1 "$@" "$kept" "$found" >"$log.merge" 2>&1 || status=1

    bad=$(find "$crashes" -type f | wc -l)
    [ "$bad" -eq 0 ] || status=1
    printf '%-20s %12s %8s %10s %8ss %s\n' "$target" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" "$(find "$kept" -type f | wc -l)" \
        "$(sed -n 's/.*cov: \([0-9]*\).*/\1/p' "$log" | tail -n 1)" \
        "$(sed -n 's/^stat::slowest_unit_time_sec: *//p' "$log")" "$bad"
    if [ "$bad" -eq 0 ]; then
        mkdir -p tests/fuzz/corpus
        tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$kept" -cf - . | gzip -n9 >"$packed.part"
        mv "$packed.part" "$packed"
    fi
done
exit $status
