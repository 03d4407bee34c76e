#!/bin/sh
# test_setup.sh RLSP SOURCE-DIR: the bootstrap script, against made-up systems.
#
# Each case runs a copy of ./run with a PATH of its own, in which tools are
# missing and package managers are stand-ins that write down what they were asked.
# shellcheck disable=SC2016 # the stand-ins expand their variables themselves
set -u

source_dir=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# is_in TEXT FILE WHAT
is_in() { grep -qF -e "$1" "$2" || { fail "$3: \"$1\" is not in:"; sed 's/^/    /' "$2"; }; }
is_not_in() { grep -qF -e "$1" "$2" && { fail "$3: \"$1\" is in:"; sed 's/^/    /' "$2"; }; }

# A tree with ./run in it, and a PATH folder with the tools it needs and no others.
new_system() {
    rm -rf "${work:?}/tree" "${work:?}/bin"
    mkdir -p "$work/tree" "$work/bin"
    cp "$source_dir/run" "$work/tree/run"
    for tool in sh env awk sed grep tr id dirname basename date mktemp rm mkdir cat getconf pkg-config cc cmake ninja "$@"; do
        path=$(command -v "$tool") && ln -s "$path" "$work/bin/$tool"
    done
}

# stand_in NAME LINE…: an executable of that name in the system's PATH.
stand_in() {
    name=$1
    shift
    # Written beside and moved: writing to a link would write to the real tool.
    { echo "#!$(command -v sh)"; printf '%s\n' "$@"; } >"$work/new-tool"
    chmod +x "$work/new-tool"
    mv -f "$work/new-tool" "$work/bin/$name"
}

# in_system COMMAND…: output to $work/out, exit status to $status.
in_system() {
    status=0
    (cd "$work" && PATH="$work/bin" WORK="$work" VK_DRIVER_FILES=x VK_LAYER_PATH=x "$@") >"$work/out" 2>&1 || status=$?
}

# --- usage
new_system
in_system ./tree/run
[ "$status" -eq 0 ] || fail "no command: status $status"
for word in demo test build clean; do is_in "  $word" "$work/out" "usage"; done
in_system ./tree/run nonsense
[ "$status" -eq 2 ] || fail "unknown command: status $status, not 2"
is_in 'unknown command "nonsense"' "$work/out" "unknown command"
in_system ./tree/run build twice
[ "$status" -eq 2 ] || fail "two commands: status $status, not 2"

# --- clean takes build/ and nothing else
mkdir -p "$work/tree/build/release" "$work/tree/runs/one"
in_system ./tree/run clean
[ "$status" -eq 0 ] || fail "clean: status $status"
[ ! -e "$work/tree/build" ] || fail "clean left build/"
[ -d "$work/tree/runs/one" ] || fail "clean took runs/"

# --- nothing may be installed: it says what, in each package manager's names
new_system
for manager in dnf pacman zypper brew; do
    rm -f "$work/bin/dnf" "$work/bin/pacman" "$work/bin/zypper" "$work/bin/brew"
    stand_in "$manager" "echo $manager was run >>\$WORK/installed"
    in_system ./tree/run build
    [ "$status" -eq 1 ] || fail "missing glslc with $manager: status $status, not 1"
    is_in 'glslc (shader compiler)' "$work/out" "$manager"
    case $manager in
    dnf) is_in 'dnf install glslc' "$work/out" dnf ;;
    pacman) is_in 'pacman -S shaderc' "$work/out" pacman ;;
    zypper) is_in 'zypper install shaderc' "$work/out" zypper ;;
    brew) is_in 'brew install shaderc' "$work/out" brew ;;
    esac
    is_not_in 'CMake' "$work/out" "$manager names only what is missing"
done
[ ! -e "$work/installed" ] || fail "a package manager was run that may only be named"
rm -f "$work/bin/brew"
in_system ./tree/run build
is_in 'This system has none of' "$work/out" "no package manager"

# --- apt may not be used: only named
new_system
stand_in apt-get 'echo "$@" >>"$WORK/installed"'
in_system env RLSP_NO_INSTALL=1 ./tree/run build
[ "$status" -eq 1 ] || fail "RLSP_NO_INSTALL: status $status, not 1"
is_in 'apt-get install glslc' "$work/out" "RLSP_NO_INSTALL"
[ ! -e "$work/installed" ] || fail "RLSP_NO_INSTALL=1 and apt-get was run all the same"
stand_in id 'echo 1000'
in_system ./tree/run build
[ "$status" -eq 1 ] || fail "no root: status $status, not 1"
[ ! -e "$work/installed" ] || fail "apt-get was run without root"

# --- apt as root: updates, installs what is missing without asking, goes on
new_system
stand_in id 'echo 0'
stand_in apt-get 'echo "$DEBIAN_FRONTEND" "$@" >>"$WORK/installed"' \
    'case "$*" in *"install glslc"*) ln -s "$(command -v sh)" "$WORK/bin/glslc";; esac'
ln -s "$(command -v ln)" "$work/bin/ln"
stand_in cmake 'case $1 in --version) echo "cmake version 3.22.1";; -S) echo "no sources here"; exit 1;; esac'
in_system ./tree/run build
is_in 'noninteractive' "$work/installed" "apt as root"
is_in 'update' "$work/installed" "apt as root"
is_in 'install glslc' "$work/installed" "apt as root"
is_not_in 'cmake' "$work/installed" "apt installs only what is missing"
is_in 'cmake could not configure' "$work/out" "after apt"
[ "$status" -eq 1 ] || fail "a build that cannot be configured: status $status, not 1"

# --- a CMake that is too old counts as missing
rm -f "$work/installed"
stand_in cmake 'echo "cmake version 3.18.4"'
in_system ./tree/run build
is_in 'cmake (CMake 3.22 or newer)' "$work/out" "old cmake"
[ "$status" -eq 1 ] || fail "old cmake: status $status, not 1"

# --- demo: chooses by the device, compares the first evaluation with the last
new_system glslc
stand_in cmake 'case $1 in --version) echo "cmake version 4.1.0";; esac'
mkdir -p "$work/tree/build/release" "$work/tree/configs" "$work/tree/assets/countdown-sft"
touch "$work/tree/configs/pick-three-rl.json" "$work/tree/configs/countdown-rl.json"
cat >"$work/tree/build/release/rlsp" <<'END'
#!/bin/sh
case $1 in
devices) cat "$WORK/devices.json" ;;
train)
    echo "$*" >>"$WORK/trained"
    while [ "$1" != --out ]; do shift; done
    mkdir -p "$2"
    cat "$WORK/events.jsonl" >"$2/events.jsonl"
    ;;
esac
END
chmod +x "$work/tree/build/release/rlsp"
cat >"$work/events.jsonl" <<'END'
{"event":"run_start","step":0,"name":"demo"}
{"event":"eval","step":0,"accuracy":0.3125,"greedy_accuracy":0.375,"length":14.5,"backtrack":0.0625}
{"event":"rl_step","step":20,"accuracy":0.9,"length":99}
{"event":"eval","step":20,"accuracy":0.4,"length":30,"backtrack":0.25}
{"event":"eval","step":40,"accuracy":0.59375,"greedy_accuracy":0.625,"length":44.25,"backtrack":0.5}
{"event":"run_end","step":40,"reason":"done"}
END
echo '{"devices":[{"index":0,"name":"llvmpipe (LLVM 15)","type":"CPU","unusable":""}]}' >"$work/devices.json"
in_system ./tree/run demo
[ "$status" -eq 0 ] || { fail "demo: status $status"; cat "$work/out"; }
is_in 'configs/pick-three-rl.json' "$work/trained" "demo on a CPU"
is_in '--batch' "$work/trained" "demo without a terminal"
is_in "No GPU found: Vulkan runs on this machine's CPU (llvmpipe (LLVM 15))" "$work/out" "demo on a CPU"
tr -s ' ' <"$work/out" >"$work/squeezed"
is_in 'right answers, sampled 0.312 0.594' "$work/squeezed" "demo's table"
is_in 'right answers, greedy 0.375 0.625' "$work/squeezed" "demo's table"
is_in 'at least one of four right - -' "$work/squeezed" "demo's table"
is_in 'tokens per answer 14.5 44.2' "$work/squeezed" "demo's table"
is_in 'answers that backtrack 0.062 0.500' "$work/squeezed" "demo's table"

rm -f "$work/trained"
printf '%s\n' '[' '{"index":0,"name":"Old card","type":"discrete","unusable":"Vulkan 1.0"},' \
    '{"index":1,"name":"New card","type":"integrated","unusable":""},' \
    '{"index":2,"name":"llvmpipe","type":"CPU","unusable":""}]' >"$work/devices.json"
in_system ./tree/run demo
is_in 'configs/countdown-rl.json' "$work/trained" "demo on a GPU"
is_in 'Vulkan device: New card' "$work/out" "demo on a GPU"
is_not_in 'No GPU' "$work/out" "demo on a GPU"

echo '{"devices":[]}' >"$work/devices.json"
stand_in id 'echo 1000'
in_system ./tree/run demo
[ "$status" -eq 1 ] || fail "demo without a device: status $status, not 1"
is_in 'no usable Vulkan device' "$work/out" "demo without a device"

# --- a run that was left alone has no end yet
echo '{"devices":[{"name":"llvmpipe","type":"CPU"}]}' >"$work/devices.json"
cp "$work/events.jsonl" "$work/whole"
sed '/run_end/d' "$work/whole" >"$work/events.jsonl"
in_system ./tree/run demo
[ "$status" -eq 0 ] || fail "demo, left alone: status $status"
is_in 'Training goes on without a screen. Watch it again with: build/release/rlsp watch runs/demo-' "$work/out" "demo, left alone"
is_not_in 'held-out problems' "$work/out" "demo, left alone"
mv "$work/whole" "$work/events.jsonl"

# --- a run with a single evaluation is nothing to compare
sed '3,5d' "$work/events.jsonl" >"$work/shorter"
mv "$work/shorter" "$work/events.jsonl"
in_system ./tree/run demo
[ "$status" -ne 0 ] || fail "demo with one evaluation: status 0"
is_in 'two are needed' "$work/out" "demo with one evaluation"

[ "$failures" -eq 0 ] || exit 1
echo "setup: all right"
