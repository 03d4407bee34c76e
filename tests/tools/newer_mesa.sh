#!/bin/sh
# The device tests with a newer Mesa and glslc than this system's: a Debian sid root is made by debootstrap (or was made
# before), and rlsp is built and tested in it. Its lavapipe has cooperative matrices. Needs root, debootstrap, about 2 GB and,
# the first time, the network: the mirror is that of this system's own apt.
# usage: newer_mesa.sh ROOT [CTEST-ARGUMENT…]; the source tree is the current directory. Exits 77 if it cannot be had here.
set -eu

skip() {
    echo "newer_mesa: $*" >&2
    exit 77
}

root=$1
shift
top=$PWD
packages='gcc libc6-dev cmake ninja-build pkg-config libvulkan-dev glslc libncurses-dev libcjson-dev libstb-dev libpcre2-dev
          libutf8proc-dev nettle-dev libgmp-dev libmpfr-dev libcurl4-openssl-dev libcmocka-dev mesa-vulkan-drivers vulkan-validationlayers'

# What is mounted below is so for this process and its children alone, and gone with them.
if [ -z "${NEWER_MESA_MOUNTS:-}" ]; then
    unshare --mount true 2>/dev/null || skip "only root can make and enter another system's root, and that with unshare"
    NEWER_MESA_MOUNTS=private exec unshare --mount --propagation private sh "$0" "$root" "$@"
fi
[ "$(id -u)" -eq 0 ] || skip "only root can make and enter another system's root"
command -v chroot >/dev/null 2>&1 || skip "there is no chroot here"

# The first repository of Debian itself that apt knows.
mirror() {
    # shellcheck disable=SC2016 # apt's variables
    apt-get indextargets --format '$(CREATED_BY) $(ORIGIN) $(COMPONENT) $(REPO_URI) $(RELEASE)' 2>/dev/null |
        awk '$1 == "Packages" && $2 == "Debian" && $3 == "main" && $5 !~ /-(security|updates|backports)$/ { print $4; exit }'
}

inside() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive XDG_RUNTIME_DIR=/tmp \
        TMPDIR=/tmp chroot "$root" "$@"
}

# Made under another name, so that one that was stopped half-way is made anew.
if [ ! -e "$root/rlsp-root-is-whole" ]; then
    command -v debootstrap >/dev/null 2>&1 || skip "debootstrap is not installed"
    uri=$(mirror)
    [ -n "$uri" ] || skip "apt knows no mirror of Debian (apt-get update makes it known)"
    [ ! -e "$root" ] || [ -e "$root/rlsp-root-is-begun" ] || { echo "newer_mesa: $root is there and was not made by this" >&2; exit 1; }
    echo "newer_mesa: making a Debian sid root in $root" >&2
    rm -rf "$root"
    mkdir -p "$root"
    touch "$root/rlsp-root-is-begun"
    debootstrap --variant=minbase sid "$root" "$uri" >"$root.log" 2>&1 || { tail -n 5 "$root.log" >&2; skip "debootstrap failed (see $root.log)"; }
    # A mirror can be a snapshot, whose dates are past.
    # shellcheck disable=SC2086 # a word a package
    { inside apt-get -o Acquire::Check-Valid-Until=false -qq update &&
        inside apt-get -o Acquire::Check-Valid-Until=false -qq -y --no-install-recommends install $packages; } \
        </dev/null >>"$root.log" 2>&1 || { tail -n 5 "$root.log" >&2; skip "apt failed in it (see $root.log)"; }
    touch "$root/rlsp-root-is-whole"
fi

mount -t proc proc "$root/proc" || skip "cannot mount $root/proc"
mkdir -p "$root/dev/shm"
mount -t tmpfs tmpfs "$root/dev/shm" || skip "cannot mount $root/dev/shm"
if [ ! -c "$root/dev/null" ]; then # where debootstrap may not make devices
    for device in null zero full random urandom tty; do
        touch "$root/dev/$device"
        mount --bind "/dev/$device" "$root/dev/$device" || skip "cannot mount $root/dev/$device"
    done
fi
rm -rf "$root/rlsp/source" # a copy, with its times: only what changed is compiled again
mkdir -p "$root/rlsp/source"
tar -C "$top" --exclude=./build --exclude=./runs --exclude=./.git -cf - . | tar -C "$root/rlsp/source" -xf -

# Warnings of compilers newer than the project's own are no failures.
inside cmake -S /rlsp/source -B /rlsp/build -G Ninja -DCMAKE_BUILD_TYPE=Release -DRLSP_WERROR=OFF >"$root.log" 2>&1 ||
    { tail -n 20 "$root.log" >&2; exit 1; }
# shellcheck disable=SC2046 # a word a target
inside cmake --build /rlsp/build --parallel "${RLSP_JOBS:-$(getconf _NPROCESSORS_ONLN)}" --target rlsp compile_all null_gpu interpreter_driver $(
    for source in tests/gpu/test_*.c tests/parity/test_*.c; do basename "$source" .c; done) >>"$root.log" 2>&1 ||
    { tail -n 20 "$root.log" >&2; exit 1; }
inside /rlsp/build/rlsp devices >&2
# This system's own Mesa may have no driver for NVIDIA's cards, and none for the matrix units of AMD's and Intel's.
for script in tools/amd_null_compile bench/amd_static bench/intel_static tools/nvidia_null_compile bench/nvidia_static; do
    status=0
    inside sh "/rlsp/source/tests/$script.sh" /rlsp/build/compile_all || status=$?
    case $status in
    0) echo "newer_mesa: ${script#*/}: passed" ;;
    77) echo "newer_mesa: ${script#*/}: skipped" ;;
    *) echo "newer_mesa: ${script#*/}: failed" ;;
    esac
done
# As it comes on a processor with AVX-512: in registers of 512 bits (engine/vk/registers.c).
if grep -qw avx512vl /proc/cpuinfo; then
    wide=passed
    inside /rlsp/build/rlsp devices | grep -q '512 bits' || { echo "newer_mesa: the CPU device does not compute in 512 bits"; wide=failed; }
    for program in test_matmul test_attention test_attention_decode test_swiglu test_sample test_decode test_train test_ppo_exact test_mixed test_models; do
        inside "/rlsp/build/$program" >"$root.wide.log" 2>&1 || { cat "$root.wide.log"; wide=failed; }
    done
    echo "newer_mesa: wide_registers: $wide"
fi
# Matrices are there in registers of 256 bits alone.
inside env LP_NATIVE_VECTOR_WIDTH=256 ctest --test-dir /rlsp/build --output-on-failure --timeout 900 --parallel "${RLSP_JOBS:-$(getconf _NPROCESSORS_ONLN)}" "$@"
